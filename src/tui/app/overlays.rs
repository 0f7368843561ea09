//! Help and questions: what keys do while one of them is open.

use super::{App, Want};
use crate::tui::{
    actions::{Action, Place},
    key::Key,
    keymap::Found,
    link::Request,
    ui::{Ask, Confirm, Help, HelpSection, Mode},
};
use crossterm::event::KeyCode;

impl App {
    pub(super) fn doc(&self, action: Action) -> &'static str {
        match action {
            Action::Quit if self.ui.rehearsal => "end the rehearsal; its agents stop",
            action => action.doc(),
        }
    }

    pub(super) fn open_help(&mut self) {
        let titles = [
            (Place::Grid, "grid".to_owned()),
            (Place::Focus, format!("in an agent's terminal, after {}", self.keymap.prefix)),
            (Place::Scroll, "looking back".to_owned()),
            (Place::Inbox, "inbox".to_owned()),
            (Place::Costs, "costs".to_owned()),
            (Place::Wall, "wall".to_owned()),
            (Place::Events, "events".to_owned()),
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
