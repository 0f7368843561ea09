//! The events as a view of their own: moving, filtering, standing still, and from a line to the
//! agent it is about.

use super::App;
use crate::model::{AgentId, EventRecord, Level, SwarmId};
use crate::tui::{
    actions::{Action, Place},
    key::Key,
    ui::{EventsPane, Hint, Mode},
    views,
};
use crossterm::event::KeyCode;

impl App {
    pub(super) fn open_stream(&mut self) {
        if self.ui.events != EventsPane::Full {
            self.ui.stream.before = self.ui.events;
        }
        self.ui.events = EventsPane::Full;
        self.ui.stream.follow();
    }

    /// Gives the grid its room again.
    pub(super) fn close_stream(&mut self) {
        if self.ui.events == EventsPane::Full {
            self.ui.events = match self.ui.stream.before {
                EventsPane::Full => EventsPane::default(),
                before => before,
            };
        }
    }

    fn stream_lines(&self) -> usize {
        views::events::lines(views::layout(&self.ui, self.area).events)
    }

    /// Which lines are shown, before a frame.
    pub(super) fn settle_stream(&mut self) {
        if self.place() == Place::Events {
            let lines = self.stream_lines();
            if self.ui.stream.swarm != self.ui.grid.swarm {
                self.ui.stream.swarm = self.ui.grid.swarm.clone();
                (self.ui.stream.newer, self.ui.stream.counted) = (0, 0);
            }
            self.ui.stream.settle(&self.store, lines);
        }
    }

    /// True if the action was one of the events'.
    pub(super) fn stream_action(&mut self, action: Action) -> bool {
        // Keys come faster than frames.
        self.settle_stream();
        let lines = self.stream_lines();
        let page = lines.max(2) as isize;
        match action {
            Action::Down => self.step_in_stream(1),
            Action::Up => self.step_in_stream(-1),
            Action::HalfPageDown => self.step_in_stream(page / 2),
            Action::HalfPageUp => self.step_in_stream(-page / 2),
            Action::PageDown => self.step_in_stream(page),
            Action::PageUp => self.step_in_stream(-page),
            Action::Top => self.step_in_stream(isize::MIN / 2),
            Action::Bottom => self.ui.stream.follow(),
            Action::Follow if self.ui.stream.end.is_some() => self.ui.stream.follow(),
            Action::Follow => self.ui.stream.pause(),
            Action::Focus => self.jump(true),
            Action::Show => self.jump(false),
            Action::Filter => {
                let before = self.ui.stream.filter.text().to_owned();
                self.ui.mode = Mode::Sift { before };
            }
            Action::Level => {
                let next = match self.ui.stream.filter.value("level") {
                    None | Some("info") => Some("warn"),
                    Some("warn") => Some("error"),
                    Some("error") => Some("debug"),
                    Some(_) => None,
                };
                self.sift_by("level", next.map(str::to_owned));
            }
            Action::OnlyAgent => {
                let name = self.chosen_event().and_then(|record| record.agent.clone());
                let name = name.map(|id| self.agent_word(&id));
                self.only("agent", name, "no agent");
            }
            Action::OnlySwarm => {
                let id = self.chosen_event().and_then(|record| record.swarm.clone());
                let name = id.map(|id: SwarmId| {
                    let name = self.store.swarm(&id).map(|swarm| swarm.name.clone());
                    name.filter(|name| self.store.find_swarm(name).is_some())
                        .unwrap_or_else(|| id.to_string())
                });
                self.only("swarm", name, "no swarm");
            }
            Action::OnlyKind => {
                let kind = self.chosen_event().map(|record| record.event.kind().to_owned());
                self.only("kind", kind, "nothing");
            }
            Action::Clear if !self.ui.stream.filter.text().is_empty() => self.ui.stream.sift(""),
            Action::Clear if self.ui.stream.end.is_some() => self.ui.stream.follow(),
            Action::Clear | Action::Close | Action::Events | Action::Stream => self.close_stream(),
            Action::EventsSize => self.ui.events = self.ui.events.larger(),
            _ => return false,
        }
        true
    }

    fn step_in_stream(&mut self, by: isize) {
        let lines = self.stream_lines();
        self.ui.stream.step(&self.store, by, lines);
    }

    fn chosen_event(&self) -> Option<&EventRecord> {
        let seq = self.ui.stream.chosen()?;
        self.store.events().rev().find(|record| record.seq == seq)
    }

    /// A name that means nobody else.
    fn agent_word(&self, id: &AgentId) -> String {
        let name = self.store.agent(id).map(|agent| agent.name.clone());
        name.filter(|name| self.store.find_agent(name).is_some()).unwrap_or_else(|| id.to_string())
    }

    /// Sets a field of the filter to what the line has, or takes it out.
    fn only(&mut self, field: &str, value: Option<String>, missing: &str) {
        if self.ui.stream.filter.value(field).is_some() {
            return self.sift_by(field, None);
        }
        match value {
            Some(value) => self.sift_by(field, Some(value)),
            None => self.say(Level::Info, format!("{missing}: the line names none")),
        }
    }

    fn sift_by(&mut self, field: &str, value: Option<String>) {
        let text = self.ui.stream.filter.with(field, value.as_deref());
        self.ui.stream.sift(&text);
    }

    /// To the agent that the line is about: its terminal, or its row.
    fn jump(&mut self, open: bool) {
        let Some(record) = self.chosen_event() else {
            return self.say(Level::Info, "there is no event to go to");
        };
        let (agent, swarm) = (record.agent.clone(), record.swarm.clone());
        match agent.filter(|id| self.store.agent(id).is_some()) {
            Some(id) if open => {
                // On the way back the same line is found.
                self.ui.stream.pause();
                self.focus(id);
            }
            Some(id) => {
                self.close_stream();
                let hidden = !self.ids().contains(&id);
                if hidden {
                    self.set_filter("");
                    self.ui.grid.swarm = None;
                }
                self.hold_here(id);
            }
            None => match swarm.and_then(|id| self.store.swarm(&id)).map(|s| s.name.clone()) {
                Some(name) => {
                    let text = format!("the line is about the swarm {name}, and no agent of it");
                    self.say(Level::Info, text);
                }
                None => self.say(Level::Info, "the line is about no agent that there is"),
            },
        }
    }

    pub(super) fn sift_key(&mut self, key: Key, before: &str) {
        let mut text = self.ui.stream.filter.text().to_owned();
        match key.code {
            KeyCode::Esc => {
                self.ui.mode = Mode::Normal;
                text = before.to_owned();
            }
            KeyCode::Enter => return self.ui.mode = Mode::Normal,
            KeyCode::Backspace => {
                if text.pop().is_none() {
                    self.ui.mode = Mode::Normal;
                }
            }
            _ if key.ctrl('u') => text.clear(),
            _ if key.ctrl('w') => {
                let end = text.trim_end().rfind(' ').map_or(0, |at| at + 1);
                text.truncate(end);
            }
            _ if key.ctrl('c') => {
                self.ui.mode = Mode::Normal;
                text.clear();
            }
            _ => match key.typed() {
                Some(c) => text.push(c),
                None => return,
            },
        }
        self.ui.stream.sift(&text);
    }

    pub(super) fn stream_hints(&self) -> Vec<Hint> {
        let stream = &self.ui.stream;
        let follow = if stream.end.is_some() { "follow" } else { "" };
        let only = |field, label| if stream.filter.value(field).is_some() { label } else { "" };
        let wanted = [
            (Action::Focus, "its agent"),
            (Action::Follow, follow),
            (Action::Filter, ""),
            (Action::Close, ""),
            (Action::Level, ""),
            (Action::OnlyAgent, only("agent", "all agents")),
            (Action::OnlySwarm, only("swarm", "all swarms")),
            (Action::OnlyKind, only("kind", "all kinds")),
            (Action::Show, ""),
            (Action::Palette, ""),
            (Action::Help, ""),
            (Action::Quit, ""),
        ];
        let waits = self.waiting_label();
        let waits = waits.and_then(|label| self.hint(Place::Events, Action::Inbox, &label));
        let hints = wanted.into_iter().filter_map(|(a, label)| self.hint(Place::Events, a, label));
        waits.into_iter().chain(self.both_ways(Place::Events)).chain(hints).collect()
    }
}
