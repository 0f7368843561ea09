//! Running what was typed after `:`.

use super::App;
use crate::model::{AgentId, Level, SwarmSpec};
use crate::store::{Filter, GridOptions, Row, rows};
use crate::tui::{
    command::{self, Command},
    link::Request,
    nearest::nearest,
};

impl App {
    /// Reads and runs a line; what is wrong with it is said in the status line.
    pub fn command(&mut self, line: &str) {
        match command::parse(line) {
            Ok(command) => self.run_command(command),
            Err(message) => self.say(Level::Warn, message),
        }
    }

    fn run_command(&mut self, command: Command) {
        match command {
            Command::Action(action) => self.act(action),
            Command::Focus(word) => match self.agent_called(&word) {
                Ok(id) => self.focus(id),
                Err(message) => self.say(Level::Warn, message),
            },
            Command::Stop(words) => match self.agents_called(&words) {
                Ok(ids) => self.ask_stop_of(ids),
                Err(message) => self.say(Level::Warn, message),
            },
            Command::Retry { agent, model } => match self.agent_called(&agent) {
                Ok(id) => self.retry(id, model),
                Err(message) => self.say(Level::Warn, message),
            },
            Command::Pause { names, on } => match self.agents_called(&names) {
                Ok(ids) => {
                    let calls = ids.into_iter().map(|agent| Request::Pause { agent, on });
                    self.ask_all(calls.collect());
                }
                Err(message) => self.say(Level::Warn, message),
            },
            Command::PauseSwarm { name, on } => self.pause_swarm(Some(&name), Some(on)),
            Command::StopSwarm(name) => self.ask_stop_swarm(Some(&name)),
            Command::RemoveSwarm(name) => self.ask_remove_swarm(Some(&name)),
            Command::CreateSwarm(spec) => {
                let (cwd, path) = (self.cwd.clone(), self.path.clone());
                self.requests.push(Request::CreateSwarm(Box::new(SwarmSpec {
                    cwd,
                    path,
                    ..*spec
                })));
            }
            Command::OnlySwarm(name) => self.only_swarm(name.as_deref()),
            Command::Theme(name) => self.set_theme(&name),
            Command::Keymap(name) => self.set_keymap(&name),
            Command::Filter(text) => {
                self.leave_focus();
                self.set_filter(&text);
            }
            Command::Columns(chosen) => self.ui.columns = chosen,
            Command::Send(text) => self.send_chosen(&text),
            Command::Sort(column) => {
                self.ui.grid.sort = column;
                self.release();
            }
        }
    }

    /// Back to the grid, whatever stands in its place.
    fn leave_focus(&mut self) {
        self.ui.inbox = None;
        self.ui.costs = None;
        self.close_wall();
        if self.ui.focus.is_some() {
            self.detach();
        }
    }

    /// Shows only that swarm; none shows all.
    pub fn only_swarm(&mut self, name: Option<&str>) {
        let found = match name {
            None => None,
            Some(word) => match self.store.find_swarm(word) {
                Some(swarm) => Some(swarm.id.clone()),
                None => {
                    let text = format!("no swarm is called {word:?}");
                    return self.say(Level::Warn, text);
                }
            },
        };
        self.leave_focus();
        self.ui.grid.swarm = found;
        self.release();
    }

    fn agent_called(&self, word: &str) -> Result<AgentId, String> {
        if let Some(agent) = self.store.find_agent(word) {
            return Ok(agent.id.clone());
        }
        let names: Vec<&String> = self.store.agents().map(|agent| &agent.name).collect();
        let near = nearest(word, names.iter().copied());
        let hint = near.map(|near| format!("; nearest: {near}")).unwrap_or_default();
        Err(format!("no agent is called {word:?}{hint}"))
    }

    /// Names, or terms of a filter such as `state:waiting`.
    fn agents_called(&self, words: &[String]) -> Result<Vec<AgentId>, String> {
        let mut ids = Vec::new();
        let terms: Vec<&str> =
            words.iter().map(String::as_str).filter(|word| Filter::is_term(word)).collect();
        if !terms.is_empty() {
            let filter = Filter::parse(&terms.join(" "));
            if filter.is_empty() {
                return Err("that fits everybody: name the agents".to_owned());
            }
            let options = GridOptions { filter, ..GridOptions::default() };
            let fits = rows(&self.store, &options);
            ids.extend(fits.iter().filter_map(Row::agent).map(|agent| agent.id.clone()));
        }
        for word in words.iter().filter(|word| !Filter::is_term(word)) {
            ids.push(self.agent_called(word)?);
        }
        Ok(ids)
    }

    pub(super) fn set_theme(&mut self, name: &str) {
        let (theme, errors) = self.themes.load(name);
        // A theme that is not there changes nothing; a flawed one is better than none.
        let known = theme.name == name || name == "auto";
        if known {
            self.theme = theme;
        }
        match errors.first() {
            Some(error) => self.say(Level::Warn, error.to_string()),
            None => self.say(Level::Info, format!("theme {}", self.theme.name)),
        }
    }

    fn set_keymap(&mut self, name: &str) {
        match self.keymap.beside(name) {
            Ok(keymap) => {
                self.say(
                    Level::Info,
                    format!("keymap {name}; [ui] keymap in config.toml keeps it"),
                );
                self.keymap = keymap;
                self.end_chord();
            }
            Err(errors) => {
                let error = errors.first().map(ToString::to_string).unwrap_or_default();
                self.say(Level::Warn, error);
            }
        }
    }

    pub(super) fn next_theme(&mut self) {
        let names = self.themes.names();
        let at = names.iter().position(|name| *name == self.theme.name);
        let next = at.map_or(0, |at| (at + 1) % names.len().max(1));
        if let Some(name) = names.get(next).cloned() {
            self.set_theme(&name);
        }
    }
}
