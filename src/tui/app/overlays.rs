//! Palette, help and questions: what keys do while one of them is open.

use super::{App, Want};
use crate::tui::{
    actions::{Action, Place},
    command,
    key::Key,
    keymap::Found,
    link::Request,
    palette::Entry,
    ui::{Ask, Confirm, Help, HelpSection, Mode},
};
use crossterm::event::KeyCode;

impl App {
    pub(super) fn open_palette(&mut self, input: &str) {
        let candidates = self.candidates();
        self.ui.palette.open(candidates, input);
        self.read_palette();
        self.ui.mode = Mode::Palette;
    }

    /// Everything that can be run, actions first.
    fn candidates(&self) -> Vec<Entry> {
        let here = self.place();
        let entry = |command: String, detail: String, key: String, open: bool| Entry {
            command,
            detail,
            key,
            open,
        };
        let mut list = Vec::new();
        // What only moves the cursor is seldom looked for by name: it comes last.
        let moves = |action: &Action| action.places().contains(&Place::Scroll);
        let (last, first): (Vec<Action>, Vec<Action>) =
            Action::ALL.iter().copied().filter(|a| a.places().contains(&here)).partition(moves);
        for action in first {
            list.push(self.offer(here, action));
        }
        for (words, detail) in command::OPEN {
            list.push(entry(words.into(), detail.into(), String::new(), true));
        }
        for agent in self.store.agents() {
            let item = agent.item.as_deref().unwrap_or("");
            let detail = format!("{} {}", agent.state, item.lines().next().unwrap_or(""));
            list.push(entry(format!("focus {}", agent.name), detail, String::new(), false));
        }
        for swarm in self.store.swarms() {
            let detail = swarm.task.lines().next().unwrap_or("").to_owned();
            list.push(entry(
                format!("swarm show {}", swarm.name),
                detail.clone(),
                String::new(),
                false,
            ));
            let (verb, detail) = if swarm.state.is_final() {
                ("rm", format!("{}, recordings too", swarm.state))
            } else {
                ("stop", detail)
            };
            list.push(entry(format!("swarm {verb} {}", swarm.name), detail, String::new(), false));
        }
        for name in self.themes.names() {
            list.push(entry(format!("theme {name}"), "theme".into(), String::new(), false));
        }
        list.extend(last.into_iter().map(|action| self.offer(here, action)));
        list
    }

    fn doc(&self, action: Action) -> &'static str {
        match action {
            Action::Quit if self.ui.rehearsal => "end the rehearsal; its agents stop",
            action => action.doc(),
        }
    }

    fn offer(&self, place: Place, action: Action) -> Entry {
        let key = self.keymap.key_of(place, action).unwrap_or_default();
        let prefixed = place == Place::Focus && !key.is_empty();
        let key = if prefixed { format!("{} {key}", self.keymap.prefix) } else { key };
        Entry { command: action.name().into(), detail: self.doc(action).into(), key, open: false }
    }

    pub(super) fn read_palette(&mut self) {
        let read = |line: &str| command::parse(line).map(|command| command.meaning());
        self.ui.palette.read_as(read);
    }

    pub(super) fn palette_key(&mut self, key: Key) {
        let palette = &mut self.ui.palette;
        match key.code {
            KeyCode::Esc => self.ui.mode = Mode::Normal,
            KeyCode::Enter => {
                if let Some(line) = palette.enter(|line| command::parse(line).is_ok()) {
                    self.ui.mode = Mode::Normal;
                    self.command(&line);
                }
            }
            KeyCode::Tab => palette.complete(),
            KeyCode::Down => palette.next(),
            KeyCode::Up if palette.at_top() => palette.recall(),
            KeyCode::Up => palette.previous(),
            KeyCode::Backspace if palette.input().is_empty() => self.ui.mode = Mode::Normal,
            KeyCode::Backspace => palette.backspace(),
            _ if key.ctrl('n') => palette.next(),
            _ if key.ctrl('p') => palette.previous(),
            _ if key.ctrl('u') => palette.clear(),
            _ if key.ctrl('w') => palette.delete_word(),
            _ if key.ctrl('c') => self.ui.mode = Mode::Normal,
            _ => {
                if let Some(c) = key.typed() {
                    palette.type_text(c.encode_utf8(&mut [0; 4]));
                }
            }
        }
        self.read_palette();
    }

    pub(super) fn open_help(&mut self) {
        let titles = [
            (Place::Grid, "grid".to_owned()),
            (Place::Focus, format!("in an agent's terminal, after {}", self.keymap.prefix)),
            (Place::Scroll, "looking back".to_owned()),
            (Place::Inbox, "inbox".to_owned()),
            (Place::Costs, "costs".to_owned()),
            (Place::Wall, "wall".to_owned()),
        ];
        let mut sections = Vec::new();
        for (place, title) in titles {
            let mut keys: Vec<(String, String)> = self
                .keymap
                .keys(place)
                .into_iter()
                .map(|(keys, action)| (keys, self.doc(action).to_owned()))
                .collect();
            if place == Place::Focus {
                let prefix = self.keymap.prefix.to_string();
                keys.push((prefix.clone(), format!("send {prefix} itself")));
            }
            sections.push(HelpSection { title, keys });
        }
        // Those that work here come first.
        let here = Place::ALL.iter().position(|place| *place == self.place()).unwrap_or(0);
        sections[..=here].rotate_right(1);
        self.ui.help = Help { sections, scroll: 0 };
        self.ui.mode = Mode::Help;
    }

    /// What moves and closes elsewhere moves and closes it, too.
    pub(super) fn help_key(&mut self, key: Key) {
        let lines: usize = self.ui.help.sections.iter().map(|s| s.keys.len() + 2).sum();
        self.chord.push(key);
        let found = self.keymap.find(Place::Grid, &self.chord);
        if found == Found::Begun {
            return;
        }
        self.chord.clear();
        let action = match (found, key.code) {
            (Found::Action(action), _) => action,
            (_, KeyCode::Char('j') | KeyCode::Down) => Action::Down,
            (_, KeyCode::Char('k') | KeyCode::Up) => Action::Up,
            (_, KeyCode::PageDown | KeyCode::Char(' ')) => Action::PageDown,
            (_, KeyCode::PageUp) => Action::PageUp,
            (_, KeyCode::Char('g') | KeyCode::Home) => Action::Top,
            (_, KeyCode::Char('G') | KeyCode::End) => Action::Bottom,
            (_, KeyCode::Char('q' | '?') | KeyCode::Esc | KeyCode::Enter) => Action::Close,
            _ if key.ctrl('c') => Action::Close,
            // It is not a place to type in: what is pressed by mistake does nothing.
            _ => return,
        };
        let scroll = &mut self.ui.help.scroll;
        match action {
            Action::Down => *scroll = (*scroll + 1).min(lines),
            Action::Up => *scroll = scroll.saturating_sub(1),
            Action::PageDown | Action::HalfPageDown => *scroll = (*scroll + 10).min(lines),
            // Blank is the pager's key, whatever it is elsewhere.
            Action::Mark if key.is(' ') => *scroll = (*scroll + 10).min(lines),
            Action::PageUp | Action::HalfPageUp => *scroll = scroll.saturating_sub(10),
            Action::Top => *scroll = 0,
            Action::Bottom => *scroll = lines,
            Action::Close | Action::Clear | Action::Help | Action::Quit | Action::Focus => {
                self.ui.mode = Mode::Normal;
            }
            _ => {}
        }
    }

    /// Leaves, and asks before if agents end with it.
    pub(super) fn leave(&mut self) {
        let live = self.store.agents().filter(|agent| !agent.state.is_final()).count();
        if !self.ui.rehearsal || live == 0 {
            self.want = Some(Want::Quit);
            return;
        }
        self.ui.mode = Mode::Confirm(Confirm {
            question: "Leave the rehearsal?".to_owned(),
            detail: format!("Its {live} agents stop, and nothing of it is kept."),
            ask: Ask::Leave,
        });
    }

    pub(super) fn confirm_key(&mut self, key: Key, confirm: Confirm) {
        // Whoever presses Ctrl-C twice wants out.
        let out = confirm.ask == Ask::Leave && key.ctrl('c');
        if key.is('y') || key.is('Y') || out {
            self.ui.mode = Mode::Normal;
            match confirm.ask {
                Ask::StopAgents(ids) => {
                    self.ask_all(ids.into_iter().map(Request::StopAgent).collect());
                    self.ui.marked.clear();
                }
                Ask::RetryAgents(ids) => {
                    let retry = |agent| Request::RetryAgent { agent, model: None };
                    self.ask_all(ids.into_iter().map(retry).collect());
                    self.ui.marked.clear();
                }
                Ask::StopSwarm(id) => self.requests.push(Request::StopSwarm(id)),
                Ask::RemoveSwarm(id) => self.requests.push(Request::RemoveSwarm(id)),
                Ask::Leave => self.want = Some(Want::Quit),
            }
        } else if key.is('n') || key.is('q') || key.code == KeyCode::Esc || key.ctrl('c') {
            self.ui.mode = Mode::Normal;
        }
    }
}
