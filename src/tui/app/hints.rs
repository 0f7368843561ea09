//! The keys that the bottom line shows: those that matter here and now.

use super::App;
use crate::tui::{
    actions::{Action, Place},
    focus::FocusMode,
    ui::{Hint, Mode},
};

impl App {
    pub(super) fn hint(&self, place: Place, action: Action, label: &str) -> Option<Hint> {
        let key = self.keymap.key_of(place, action)?;
        let label = if label.is_empty() { action.short() } else { label };
        Some(Hint { key, label: label.to_owned() })
    }

    pub(super) fn hints(&self) -> Vec<Hint> {
        let own: &[(&str, &str)] = match &self.ui.mode {
            Mode::Normal | Mode::Filter { .. } | Mode::Sift { .. } | Mode::Search(_) => &[],
            Mode::Confirm(_) => &[("y", "yes"), ("n", "no")],
            Mode::Remember(_) => &[("1-4", "choose"), ("Esc", "close")],
            Mode::Letter(_) => &[("Enter", "send"), ("C-u", "empty"), ("Esc", "close")],
            Mode::Form(_) => &[
                ("Enter", "create"),
                ("Tab", "next field"),
                ("S-Tab", "previous"),
                ("C-u", "empty"),
                ("Esc", "close"),
            ],
            Mode::Columns(_) => &[
                ("Space", "show or hide"),
                ("J K", "move"),
                ("h l", "width"),
                ("0", "as Dash chooses"),
                ("Esc", "close"),
            ],
            Mode::Tour(_) => &[("any key", "begins")],
            Mode::Help => return self.help_hints(),
            Mode::Palette => {
                &[("Enter", "run"), ("Tab", "complete"), ("Up", "history"), ("Esc", "close")]
            }
        };
        if !own.is_empty() {
            let hint = |(key, label): &(&str, &str)| Hint {
                key: (*key).to_owned(),
                label: (*label).to_owned(),
            };
            return own.iter().map(hint).collect();
        }
        if let Some(focus) = &self.ui.focus {
            return self.focus_hints(focus);
        }
        if self.ui.inbox.is_some() {
            return self.inbox_hints();
        }
        if self.ui.costs.is_some() {
            return self.costs_hints();
        }
        if self.ui.wall.is_some() {
            return self.wall_hints();
        }
        if self.place() == Place::Events {
            return self.stream_hints();
        }
        let chosen = self.ui.cursor.as_ref().and_then(|id| self.store.agent(id));
        let over = chosen.is_some_and(|agent| agent.state.is_final());
        let mut wanted =
            vec![(Action::Focus, ""), if over { (Action::Retry, "") } else { (Action::Stop, "") }];
        let waits = self.waiting_label();
        if let Some(label) = &waits {
            wanted.insert(0, (Action::Inbox, label));
        }
        if self.ui.moved > 0 {
            wanted.push((Action::OrderNow, ""));
        }
        wanted.extend([
            (Action::NextInNeed, ""),
            (Action::Filter, ""),
            (Action::Palette, ""),
            (Action::Help, ""),
            (Action::Quit, ""),
            (Action::Sort, ""),
            (Action::Mark, ""),
            (Action::Send, ""),
            (Action::Wall, ""),
            (Action::Costs, ""),
            (Action::Events, ""),
            (Action::Group, ""),
            (Action::OnlySwarm, ""),
            (Action::Columns, ""),
            (Action::NextTheme, ""),
        ]);
        if self.ui.grid.tree {
            wanted.insert(1, (Action::Fold, ""));
            wanted.insert(2, (Action::Tree, "grid"));
        }
        if waits.is_none() {
            wanted.push((Action::Inbox, ""));
        }
        if chosen.is_none() {
            wanted = vec![(Action::Palette, ""), (Action::Help, ""), (Action::Quit, "")];
        }
        let find = |(a, label)| self.hint(Place::Grid, a, label);
        let both = chosen.and_then(|_| self.both_ways(Place::Grid));
        both.into_iter().chain(wanted.into_iter().filter_map(find)).collect()
    }

    /// What may follow a prefix or the beginning of a chord.
    pub(super) fn follows(&self) -> Vec<Hint> {
        let prefixed = self.ui.focus.as_ref().is_some_and(|f| f.mode == FocusMode::Prefix);
        if self.ui.mode != Mode::Normal || (self.chord.is_empty() && !prefixed) {
            return Vec::new();
        }
        let scrolls = self.ui.focus.as_ref().is_some_and(|f| f.mode == FocusMode::Scroll);
        let place = if scrolls { Place::Scroll } else { self.place() };
        let hint = |(key, action): (String, Action)| Hint { key, label: action.short().into() };
        self.keymap.following(place, &self.chord).into_iter().map(hint).collect()
    }

    fn help_hints(&self) -> Vec<Hint> {
        let ends = self.hint(Place::Grid, Action::Top, "ends").zip(self.hint(
            Place::Grid,
            Action::Bottom,
            "",
        ));
        let ends = ends.map(|(top, end)| Hint { key: format!("{} {}", top.key, end.key), ..top });
        let close = Hint { key: "Esc".to_owned(), label: "close".to_owned() };
        self.both_ways(Place::Grid).into_iter().chain(ends).chain([close]).collect()
    }

    /// Down and up as one hint.
    pub(super) fn both_ways(&self, place: Place) -> Option<Hint> {
        let down = self.hint(place, Action::Down, "move")?;
        let up = self.hint(place, Action::Up, "")?;
        Some(Hint { key: format!("{}/{}", down.key, up.key), ..down })
    }
}
