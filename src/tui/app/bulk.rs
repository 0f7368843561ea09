//! What is done to one agent, to all marked ones, or to a swarm; and the questions before it.

use super::App;
use crate::model::{AgentId, AgentInfo, Level};
use crate::tui::{
    key::Key,
    link::Request,
    ui::{Ask, Confirm, Letter, Mode},
};
use crossterm::event::KeyCode;

const NOBODY: &str = "nobody to type to: none of them runs";

impl App {
    pub(super) fn mark(&mut self) {
        let Some(id) = self.ui.cursor.clone() else { return };
        if !self.ui.marked.remove(&id) {
            self.ui.marked.insert(id);
        }
        self.move_cursor(1);
    }

    /// All that are shown; once more, none of them.
    pub(super) fn mark_all(&mut self) {
        let ids = self.ids();
        if ids.iter().all(|id| self.ui.marked.contains(id)) {
            ids.iter().for_each(|id| _ = self.ui.marked.remove(id));
        } else {
            self.ui.marked.extend(ids);
        }
    }

    /// The marked agents, else the one under the cursor (or in focus).
    pub(super) fn chosen(&self) -> Vec<AgentId> {
        if self.ui.focus.is_none() && !self.ui.marked.is_empty() {
            let known = |id: &&AgentId| self.store.agent(id).is_some();
            return self.ui.marked.iter().filter(known).cloned().collect();
        }
        self.cursor_agent().map(|agent| agent.id.clone()).into_iter().collect()
    }

    pub(super) fn ask_stop(&mut self) {
        self.ask_stop_of(self.chosen());
    }

    pub(super) fn ask_stop_of(&mut self, ids: Vec<AgentId>) {
        let alive = |id: &AgentId| self.store.agent(id).is_some_and(|a| !a.state.is_final());
        let ids: Vec<AgentId> = ids.into_iter().filter(alive).collect();
        let names: Vec<&str> =
            ids.iter().filter_map(|id| self.store.agent(id)).map(|a| a.name.as_str()).collect();
        let question = match names[..] {
            [] => return self.say(Level::Info, "nothing to stop: it has ended already"),
            [name] => format!("Stop {name}?"),
            _ => format!("Stop {} agents?", names.len()),
        };
        let detail = if names.len() > 1 {
            names.join(" ")
        } else {
            "Its whole process tree ends; what it has written stays.".to_owned()
        };
        self.ui.mode = Mode::Confirm(Confirm { question, detail, ask: Ask::StopAgents(ids) });
    }

    /// Of the swarm named, else of the chosen agent's.
    pub(super) fn ask_stop_swarm(&mut self, named: Option<&str>) {
        let swarm = match named {
            Some(word) => self.store.find_swarm(word),
            None => self.cursor_agent().and_then(|agent| self.store.swarm(&agent.swarm)),
        };
        let Some(swarm) = swarm else {
            return self.say(Level::Warn, missing("swarm", named));
        };
        if swarm.state.is_final() {
            let text = format!("{} is over already: {}", swarm.name, swarm.state);
            return self.say(Level::Info, text);
        }
        let live = self.store.agents().filter(|a| a.swarm == swarm.id && !a.state.is_final());
        let confirm = Confirm {
            question: format!("Stop the swarm {}?", swarm.name),
            detail: format!("{} agents end with it.", live.count()),
            ask: Ask::StopSwarm(swarm.id.clone()),
        };
        self.ui.mode = Mode::Confirm(confirm);
    }

    /// Holds those that are not held, or lets all go on if all are.
    pub(super) fn pause_of(&mut self, ids: Vec<AgentId>) {
        let live = |id: &&AgentId| self.store.agent(id).is_some_and(|a| !a.state.is_final());
        let live: Vec<AgentId> = ids.iter().filter(live).cloned().collect();
        if live.is_empty() {
            return self.say(Level::Info, "nothing to pause: it has ended already");
        }
        let held = |id: &AgentId| self.store.agent(id).is_some_and(AgentInfo::is_paused);
        let on = !live.iter().all(held);
        let wanted = live.into_iter().filter(|id| held(id) != on);
        let calls = wanted.map(|agent| Request::Pause { agent, on }).collect();
        self.ask_all(calls);
    }

    /// The same of a swarm: that named, else the chosen agent's. None: the other of the two.
    pub(super) fn pause_swarm(&mut self, named: Option<&str>, on: Option<bool>) {
        let swarm = match named {
            Some(word) => self.store.find_swarm(word),
            None => self.cursor_agent().and_then(|agent| self.store.swarm(&agent.swarm)),
        };
        let Some(swarm) = swarm else {
            return self.say(Level::Warn, missing("swarm", named));
        };
        if swarm.state.is_final() {
            let text = format!("{} is over already: {}", swarm.name, swarm.state);
            return self.say(Level::Info, text);
        }
        let on = on.unwrap_or(!swarm.is_paused());
        self.requests.push(Request::PauseSwarm { swarm: swarm.id.clone(), on });
    }

    pub(super) fn ask_remove_swarm(&mut self, named: Option<&str>) {
        let swarm = match named {
            Some(word) => self.store.find_swarm(word),
            None => self.cursor_agent().and_then(|agent| self.store.swarm(&agent.swarm)),
        };
        let Some(swarm) = swarm else {
            return self.say(Level::Warn, missing("swarm", named));
        };
        if !swarm.state.is_final() {
            let text = format!("{} is not over yet: stop it first", swarm.name);
            return self.say(Level::Warn, text);
        }
        let confirm = Confirm {
            question: format!("Forget the swarm {}?", swarm.name),
            detail: "Its recordings are deleted. Unmerged work in worktrees stays.".to_owned(),
            ask: Ask::RemoveSwarm(swarm.id.clone()),
        };
        self.ui.mode = Mode::Confirm(confirm);
    }

    /// One is tried again at once; several are asked about.
    pub(super) fn retry_chosen(&mut self) {
        let chosen = self.chosen();
        if let [one] = &chosen[..] {
            return self.retry(one.clone(), None);
        }
        let over = |id: &AgentId| self.store.agent(id).is_some_and(|a| a.state.is_final());
        let (ids, live): (Vec<AgentId>, Vec<AgentId>) = chosen.into_iter().partition(over);
        if ids.is_empty() {
            return self.say(Level::Info, "nothing to retry: none of them has ended");
        }
        let detail = match live.len() {
            0 => self.names(&ids),
            n => format!("{}; {n} have not ended and go on", self.names(&ids)),
        };
        let question = format!("Retry {} agents?", ids.len());
        self.ui.mode = Mode::Confirm(Confirm { question, detail, ask: Ask::RetryAgents(ids) });
    }

    pub(super) fn retry(&mut self, id: AgentId, model: Option<String>) {
        let Some(agent) = self.store.agent(&id) else { return };
        if agent.state.is_final() {
            self.requests.push(Request::RetryAgent { agent: id, model });
        } else {
            let text =
                format!("{} is {}: only a finished agent is tried again", agent.name, agent.state);
            self.say(Level::Warn, text);
        }
    }

    fn names(&self, ids: &[AgentId]) -> String {
        let name = |id: &AgentId| {
            self.store.agent(id).map_or_else(|| id.to_string(), |agent| agent.name.clone())
        };
        ids.iter().map(name).collect::<Vec<_>>().join(" ")
    }

    /// Those chosen who can be typed to, and how many cannot.
    fn who_hears(&self) -> (Vec<AgentId>, usize) {
        let hears = |id: &AgentId| {
            let agent = self.store.agent(id);
            agent.is_some_and(|agent| !agent.state.is_final() && agent.pid.is_some())
        };
        let chosen = self.chosen();
        let all = chosen.len();
        let to: Vec<AgentId> = chosen.into_iter().filter(hears).collect();
        let deaf = all - to.len();
        (to, deaf)
    }

    /// Types a text to those chosen who can hear it.
    pub(super) fn send_chosen(&mut self, text: &str) {
        let (to, _) = self.who_hears();
        if to.is_empty() {
            return self.say(Level::Info, NOBODY);
        }
        self.send_text(to, text);
    }

    /// Begins a text to those chosen who can hear it.
    pub(super) fn write_letter(&mut self) {
        let (to, deaf) = self.who_hears();
        if to.is_empty() {
            return self.say(Level::Info, NOBODY);
        }
        let names = self.names(&to);
        self.ui.mode = Mode::Letter(Letter { to, names, deaf, text: String::new() });
    }

    pub(super) fn letter_key(&mut self, key: Key, mut letter: Letter) {
        let text = &mut letter.text;
        match key.code {
            KeyCode::Esc => return self.ui.mode = Mode::Normal,
            _ if key.ctrl('c') => return self.ui.mode = Mode::Normal,
            KeyCode::Enter if text.trim().is_empty() => return self.ui.mode = Mode::Normal,
            KeyCode::Enter => {
                self.ui.mode = Mode::Normal;
                return self.send_text(letter.to, &letter.text);
            }
            KeyCode::Backspace => _ = text.pop(),
            _ if key.ctrl('u') => text.clear(),
            _ if key.ctrl('w') => {
                let end = text.trim_end().rfind([' ', '\n']).map_or(0, |at| at + 1);
                text.truncate(end);
            }
            _ => match key.typed() {
                Some(c) => text.push(c),
                None => return,
            },
        }
        self.ui.mode = Mode::Letter(letter);
    }

    fn send_text(&mut self, to: Vec<AgentId>, text: &str) {
        let send = |agent| Request::SendText { agent, text: text.to_owned() };
        self.ask_all(to.into_iter().map(send).collect());
        self.ui.marked.clear();
    }

    /// One call, or several that are answered as one.
    pub(super) fn ask_all(&mut self, mut calls: Vec<Request>) {
        match calls.len() {
            0 => {}
            1 => self.requests.append(&mut calls),
            _ => self.requests.push(Request::All(calls)),
        }
    }
}

fn missing(what: &str, named: Option<&str>) -> String {
    match named {
        Some(word) => format!("no {what} is called {word:?}"),
        None => format!("no {what} here"),
    }
}
