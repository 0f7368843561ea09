//! Choosing the columns: what keys do while their list is open. Each key shows at once.

use super::App;
use crate::tui::{
    field::{Chosen, Field, WIDEST},
    key::Key,
    ui::{Chooser, Mode},
    views,
};
use crossterm::event::KeyCode;

/// Columns by which a width changes.
const STEP: u16 = 2;

impl App {
    /// All columns: those that are shown in their order, then the others.
    pub(super) fn open_columns(&mut self) {
        self.ui.mode = Mode::Columns(Chooser { list: self.column_list(), at: 0 });
    }

    fn column_list(&self) -> Vec<(Chosen, bool)> {
        let shown: Vec<Chosen> = if self.ui.columns.is_empty() {
            let layout = views::columns::layout(&self.store, &[], self.area.width);
            layout.into_iter().map(|(field, _)| Chosen { field, width: None }).collect()
        } else {
            self.ui.columns.clone()
        };
        let hidden = Field::ALL.into_iter().filter(|f| shown.iter().all(|c| c.field != *f));
        let hidden: Vec<Chosen> = hidden.map(|field| Chosen { field, width: None }).collect();
        let all = shown.into_iter().map(|c| (c, true));
        all.chain(hidden.into_iter().map(|c| (c, false))).collect()
    }

    pub(super) fn columns_key(&mut self, key: Key, mut chooser: Chooser) {
        let last = chooser.list.len().saturating_sub(1);
        let at = chooser.at.min(last);
        match key.code {
            KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q' | 'c') => {
                return self.ui.mode = Mode::Normal;
            }
            // Who only looks has chosen nothing.
            KeyCode::Char('j') | KeyCode::Down => {
                chooser.at = (at + 1).min(last);
                return self.ui.mode = Mode::Columns(chooser);
            }
            KeyCode::Char('k') | KeyCode::Up => {
                chooser.at = at.saturating_sub(1);
                return self.ui.mode = Mode::Columns(chooser);
            }
            KeyCode::Char('J') if at < last => {
                chooser.list.swap(at, at + 1);
                chooser.at = at + 1;
            }
            KeyCode::Char('K') if at > 0 => {
                chooser.list.swap(at, at - 1);
                chooser.at = at - 1;
            }
            KeyCode::Char(' ' | 'x') => {
                let shown = chooser.list.iter().filter(|(_, on)| *on).count();
                // One stays, or there would be nothing to choose by.
                chooser.list[at].1 = !chooser.list[at].1 || shown == 1;
            }
            KeyCode::Char('h' | '-') | KeyCode::Left => self.resize_column(&mut chooser, false),
            KeyCode::Char('l' | '+') | KeyCode::Right => self.resize_column(&mut chooser, true),
            KeyCode::Char('0') => {
                self.ui.columns = Vec::new();
                chooser = Chooser { list: self.column_list(), at: 0 };
                return self.ui.mode = Mode::Columns(chooser);
            }
            _ if key.ctrl('c') => return self.ui.mode = Mode::Normal,
            _ => return,
        }
        self.ui.columns = chooser.list.iter().filter(|(_, on)| *on).map(|(c, _)| *c).collect();
        self.ui.mode = Mode::Columns(chooser);
    }

    /// From as wide as it is.
    fn resize_column(&self, chooser: &mut Chooser, wider: bool) {
        let at = chooser.at.min(chooser.list.len().saturating_sub(1));
        let layout = views::columns::layout(&self.store, &self.ui.columns, self.area.width);
        let Some((chosen, _)) = chooser.list.get_mut(at) else { return };
        let now = layout.iter().find(|(field, _)| *field == chosen.field).map(|(_, wide)| *wide);
        let now = chosen.width.or(now.and_then(|wide| u16::try_from(wide).ok())).unwrap_or(STEP);
        let then = if wider { now.saturating_add(STEP) } else { now.saturating_sub(STEP) };
        chosen.width = Some(then.clamp(1, WIDEST));
    }
}
