//! The tour of one screen: what there is, in the words of the keymap in force.

use super::App;
use crate::tui::{
    actions::{Action, Place},
    ui::{Hint, Mode},
};

/// Actions that are told of together, and what is told.
const LINES: [(&[Action], &str); 11] = [
    (&[Action::Down, Action::Up], "move; the wheel and clicks do, too"),
    (&[Action::Focus], "an agent's own terminal"),
    (&[Action::NextInNeed], "the next one that waits, failed or is held"),
    (&[Action::Inbox], "what asks for your leave: a card, a key"),
    (&[Action::Filter], "show some: words, state:failed, model:opus, cost>1"),
    (&[Action::Sort, Action::Columns], "the order, and the columns"),
    (&[Action::Mark, Action::MarkAll], "mark some or all, and then"),
    (&[Action::Stop, Action::Retry, Action::Send], "stop, retry, or send them a text"),
    (&[Action::Wall, Action::Tree], "all terminals at once; who spawned whom"),
    (&[Action::Costs], "what it costs, and what it will"),
    (&[Action::Palette, Action::Help], "every command, every key"),
];

impl App {
    pub(super) fn open_tour(&mut self) {
        let keys = |actions: &[Action]| {
            let keys = actions.iter().filter_map(|a| self.keymap.key_of(Place::Grid, *a));
            keys.collect::<Vec<_>>().join(" ")
        };
        let line = |(actions, label): &(&[Action], &str)| Hint {
            key: keys(actions),
            label: (*label).to_owned(),
        };
        let mut lines: Vec<Hint> = LINES.iter().map(line).collect();
        if let Some(back) = self.keymap.key_of(Place::Focus, Action::Detach) {
            let key = format!("{} {back}", self.keymap.prefix);
            lines.insert(2, Hint { key, label: "back out of it".to_owned() });
        }
        self.ui.mode = Mode::Tour(lines);
    }

    /// Opens it by itself where nobody was before, and nothing runs yet.
    pub fn welcome(&mut self) {
        self.first_run = true;
    }

    pub(super) fn begin_tour(&mut self) {
        let empty = self.store.agents().len() == 0 && self.store.swarms().len() == 0;
        if std::mem::take(&mut self.first_run) && empty && self.ui.mode == Mode::Normal {
            self.open_tour();
        }
    }
}
