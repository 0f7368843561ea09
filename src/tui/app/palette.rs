//! The palette: what it offers here and now, and what keys do while it is open.

use super::App;
use crate::model::{AgentInfo, AgentState};
use crate::store::Column;
use crate::tui::{
    actions::{Action, Place},
    command::{self, Slot},
    key::Key,
    palette::Entry,
    ui::Mode,
};
use crossterm::event::KeyCode;
use std::collections::BTreeSet;

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
        for name in self.keymap.names() {
            list.push(entry(format!("keymap {name}"), "keymap".into(), String::new(), false));
        }
        list.extend(last.into_iter().map(|action| self.offer(here, action)));
        list
    }

    fn offer(&self, place: Place, action: Action) -> Entry {
        let key = self.keymap.key_of(place, action).unwrap_or_default();
        let prefixed = place == Place::Focus && !key.is_empty();
        let key = if prefixed { format!("{} {key}", self.keymap.prefix) } else { key };
        Entry { command: action.name().into(), detail: self.doc(action).into(), key, open: false }
    }

    pub(super) fn read_palette(&mut self) {
        let mut palette = std::mem::take(&mut self.ui.palette);
        palette.offer(|slot| self.words(slot));
        self.ui.palette = palette;
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

    /// What may stand there; in the order in which it is looked for.
    fn words(&self, slot: Slot) -> Vec<Entry> {
        let word = |command: String, detail: &str, open: bool| Entry {
            command,
            detail: detail.to_owned(),
            key: String::new(),
            open,
        };
        let agents = |fits: fn(&AgentInfo) -> bool| {
            let fitting = self.store.agents().filter(move |agent| fits(agent));
            fitting.map(|agent| {
                let item = agent.item.as_deref().unwrap_or("").lines().next().unwrap_or("");
                word(agent.name.clone(), &format!("{} {item}", agent.state), false)
            })
        };
        let swarms = |fits: fn(bool) -> bool| {
            let fitting = self.store.swarms().filter(move |swarm| fits(swarm.state.is_final()));
            fitting.map(|swarm| {
                word(swarm.name.clone(), swarm.task.lines().next().unwrap_or(""), false)
            })
        };
        let named = |names: Vec<String>| names.into_iter().map(|name| word(name, "", false));
        match slot {
            Slot::Agent => agents(|_| true).collect(),
            Slot::Live => {
                let live = self.terms(word, |state| !state.is_final());
                agents(|agent| !agent.state.is_final()).chain(live).collect()
            }
            Slot::Over => agents(|agent| agent.state.is_final()).collect(),
            Slot::Swarm => swarms(|_| true).collect(),
            Slot::LiveSwarm => swarms(|over| !over).collect(),
            Slot::OverSwarm => swarms(|over| over).collect(),
            Slot::Theme => named(self.themes.names()).collect(),
            Slot::Keymap => named(self.keymap.names()).collect(),
            Slot::Sort => {
                Column::ALL.iter().map(|c| word(c.word().to_owned(), "", false)).collect()
            }
            Slot::Column => {
                let all = Column::ALL.iter().map(|column| column.word()).filter(|w| *w != "need");
                let words = ["auto"].into_iter().chain(all);
                words.map(|name| word(name.to_owned(), "", false)).collect()
            }
            Slot::Term => {
                let bounds = ["cost>", "cost<", "tokens>", "tokens<"];
                let bounds = bounds.map(|term| word(term.to_owned(), "a figure", false));
                self.terms(word, |_| true).chain(bounds).collect()
            }
            Slot::Flag => {
                let flags = command::FLAGS
                    .iter()
                    .map(|(flag, takes)| word((*flag).to_owned(), takes, true));
                flags.chain([word("--task".to_owned(), "TEXT: what they shall do", true)]).collect()
            }
            Slot::Adapter => named(self.values(|agent| &agent.adapter)).collect(),
            Slot::Model => named(self.values(|agent| &agent.model)).collect(),
        }
    }

    /// Terms of a filter that fit somebody.
    fn terms<'a>(
        &self,
        word: impl Fn(String, &str, bool) -> Entry + Copy + 'a,
        states: fn(AgentState) -> bool,
    ) -> impl Iterator<Item = Entry> + 'a {
        let mut terms = Vec::new();
        let mut counted = |field: &str, values: Vec<(String, usize)>| {
            for (value, n) in values {
                let agents = if n == 1 { "1 agent".to_owned() } else { format!("{n} agents") };
                terms.push(word(format!("{field}:{value}"), &agents, false));
            }
        };
        let states: BTreeSet<AgentState> =
            self.store.agents().map(|agent| agent.state).filter(|state| states(*state)).collect();
        let of = |state: AgentState| self.store.agents().filter(|a| a.state == state).count();
        counted("state", states.into_iter().map(|state| (state.to_string(), of(state))).collect());
        let swarms = self.store.swarms().map(|swarm| {
            let n = self.store.agents().filter(|agent| agent.swarm == swarm.id).count();
            (swarm.name.clone(), n)
        });
        counted("swarm", swarms.collect());
        let models = self.values(|agent| &agent.model).into_iter().map(|model| {
            let n = self.store.agents().filter(|agent| agent.model == model).count();
            (model, n)
        });
        counted("model", models.collect());
        terms.into_iter()
    }

    /// What agents have there, once each.
    fn values(&self, of: fn(&AgentInfo) -> &String) -> Vec<String> {
        let values: BTreeSet<&String> =
            self.store.agents().map(of).filter(|value| !value.is_empty()).collect();
        values.into_iter().cloned().collect()
    }
}
