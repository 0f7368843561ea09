//! Moving through the grid, and what can be done to its rows.

use super::App;
use crate::model::{AgentId, AgentInfo, AgentState, Level};
use crate::store::{Filter, GridOptions, Row, Store, rows};
use crate::tui::{
    actions::{Action, Place},
    key::Key,
    ui::Mode,
    views,
};
use crossterm::event::KeyCode;
use std::collections::HashMap;

/// So long after the last key, rows find their place again.
const IDLE_MS: u64 = 5_000;

impl App {
    pub(super) fn grid_action(&mut self, action: Action) {
        let page = self.page() as isize;
        let orders = [Action::Sort, Action::Reverse, Action::OrderNow, Action::Group];
        if self.ui.grid.tree && orders.contains(&action) {
            return self.say(Level::Info, "the tree has an order of its own");
        }
        match action {
            Action::Down => self.move_cursor(1),
            Action::Up => self.move_cursor(-1),
            Action::HalfPageDown => self.move_cursor((page / 2).max(1)),
            Action::HalfPageUp => self.move_cursor(-(page / 2).max(1)),
            Action::PageDown => self.move_cursor(page.max(1)),
            Action::PageUp => self.move_cursor(-page.max(1)),
            Action::Top => self.release(),
            Action::Bottom => self.move_cursor(isize::MAX / 2),
            Action::NextInNeed => self.next_in_need(),
            Action::Focus => self.focus_cursor(),
            Action::Mark => self.mark(),
            Action::MarkAll => self.mark_all(),
            Action::ClearMarks => self.ui.marked.clear(),
            Action::Filter => {
                let before = self.ui.grid.filter.text().to_owned();
                self.ui.mode = Mode::Filter { before };
            }
            Action::Clear => self.clear(),
            Action::Sort => {
                self.sort_next();
            }
            Action::Reverse => {
                self.ui.grid.reverse = !self.ui.grid.reverse;
                self.release();
            }
            Action::OrderNow => self.order_now(),
            Action::Group => {
                self.ui.grid.group = !self.ui.grid.group;
            }
            Action::OnlySwarm => self.toggle_swarm(),
            Action::Tree => self.ui.grid.tree = !self.ui.grid.tree,
            Action::Fold => self.fold(),
            _ => {}
        }
    }

    /// By the next column that is shown.
    fn sort_next(&mut self) {
        let columns = views::columns::sortable(&self.store, &self.ui.columns, self.area.width);
        let at = columns.iter().position(|column| *column == self.ui.grid.sort);
        let next = at.map_or(0, |at| at + 1) % columns.len().max(1);
        self.ui.grid.sort = columns.get(next).copied().unwrap_or_default();
        self.release();
        self.say(Level::Info, format!("sorted by {}", self.ui.grid.sort.word()));
    }

    /// Rows of the grid that fit on the screen.
    fn page(&self) -> usize {
        views::grid::capacity(views::layout(&self.ui, self.area).grid)
    }

    pub(super) fn ids(&self) -> Vec<AgentId> {
        self.rows().iter().filter_map(Row::agent).map(|agent| agent.id.clone()).collect()
    }

    /// Keeps rows where they are from now on.
    pub(super) fn hold(&mut self, ids: &[AgentId]) {
        if self.ui.grid.hold.is_empty() {
            self.ui.grid.hold = ids.to_vec();
        }
    }

    /// Lets rows find their place again, with the cursor on the first.
    pub(super) fn release(&mut self) {
        self.ui.grid.hold.clear();
        self.ui.top = 0;
        self.ui.cursor = None;
    }

    /// The cursor as the next frame would place it: keys come faster than frames, and the one
    /// behind a filter's Enter is about the first row that fits.
    pub(super) fn find_cursor(&mut self) {
        if self.ui.cursor.is_none() {
            self.ui.cursor = self.ids().into_iter().next();
        }
    }

    /// Nobody is looking for a row or answering a question.
    pub(super) fn may_order(&self) -> bool {
        self.place() == Place::Grid && self.ui.mode == Mode::Normal && self.chord.is_empty()
    }

    /// Lets rows find their place once; the cursor stays on its agent.
    fn order_now(&mut self) {
        self.ui.grid.hold.clear();
        let ids = self.ids();
        self.hold(&ids);
    }

    pub(super) fn move_cursor(&mut self, by: isize) {
        let ids = self.ids();
        let Some(last) = ids.len().checked_sub(1) else { return };
        self.hold(&ids);
        let at = self.ui.cursor.as_ref().and_then(|id| ids.iter().position(|other| other == id));
        let to = at.unwrap_or(0).saturating_add_signed(by).min(last);
        self.ui.cursor = Some(ids[to].clone());
    }

    /// The next agent that needs somebody, after the one given.
    pub(super) fn in_need_after(&self, after: Option<&AgentId>) -> Option<AgentId> {
        let ids = self.ids();
        let at = after.and_then(|id| ids.iter().position(|other| other == id));
        let start = at.map_or(0, |at| at + 1);
        let round = (0..ids.len()).map(|step| &ids[(start + step) % ids.len()]);
        let needs = |id: &&AgentId| {
            self.store.agent(id).is_some_and(|agent| match agent.state {
                _ if agent.held.as_ref().is_some_and(|held| held.top == agent.id) => true,
                AgentState::Waiting | AgentState::Failed | AgentState::Lost => true,
                AgentState::Paused => true,
                AgentState::Queued
                | AgentState::Starting
                | AgentState::Working
                | AgentState::Idle
                | AgentState::Retrying
                | AgentState::Done
                | AgentState::Stopped => false,
            })
        };
        round.into_iter().find(needs).cloned()
    }

    fn next_in_need(&mut self) {
        match self.in_need_after(self.ui.cursor.as_ref()) {
            Some(id) => {
                let ids = self.ids();
                self.hold(&ids);
                self.ui.cursor = Some(id);
            }
            None => self.say(Level::Info, "nobody needs anything"),
        }
    }

    /// What Esc means: one step back to the plain grid.
    fn clear(&mut self) {
        if !self.ui.grid.filter.is_empty() {
            self.drop_filter();
        } else if !self.ui.marked.is_empty() {
            self.ui.marked.clear();
        } else if self.ui.grid.tree {
            self.ui.grid.tree = false;
        } else {
            self.release();
        }
    }

    /// Folds or unfolds the branch under the cursor; from one without children its parent's.
    fn fold(&mut self) {
        if !self.ui.grid.tree {
            return self.say(Level::Info, "fold works in the tree");
        }
        let Some(agent) = self.cursor_agent() else { return };
        let is_parent = |id: &AgentId| self.store.agents().any(|a| a.parent.as_ref() == Some(id));
        let top = if is_parent(&agent.id) { Some(agent.id.clone()) } else { agent.parent.clone() };
        let Some(top) = top else {
            let text = format!("{} has spawned nobody", agent.name);
            return self.say(Level::Info, text);
        };
        let ids = self.ids();
        self.hold(&ids);
        if !self.ui.grid.folded.remove(&top) {
            self.ui.grid.folded.insert(top.clone());
        }
        self.ui.cursor = Some(top);
    }

    fn toggle_swarm(&mut self) {
        self.ui.grid.swarm = match self.ui.grid.swarm {
            Some(_) => None,
            None => self.cursor_agent().map(|agent| agent.swarm.clone()),
        };
        self.release();
    }

    pub(super) fn cursor_agent(&self) -> Option<&AgentInfo> {
        let id = match &self.ui.focus {
            Some(focus) => Some(&focus.agent),
            None => self.ui.cursor.as_ref(),
        };
        id.and_then(|id| self.store.agent(id))
    }

    pub(super) fn set_filter(&mut self, text: &str) {
        self.ui.grid.filter = Filter::parse(text);
        self.release();
    }

    /// Shows all again, with the cursor where it was.
    fn drop_filter(&mut self) {
        let cursor = self.ui.cursor.clone();
        self.set_filter("");
        if cursor.is_some() {
            let ids = self.ids();
            self.hold(&ids);
            self.ui.cursor = cursor;
        }
    }

    pub(super) fn filter_key(&mut self, key: Key, before: &str) {
        let mut text = self.ui.grid.filter.text().to_owned();
        match key.code {
            KeyCode::Esc => {
                self.ui.mode = Mode::Normal;
                text = before.to_owned();
            }
            KeyCode::Enter => {
                self.ui.mode = Mode::Normal;
                return;
            }
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
        self.set_filter(&text);
    }

    /// Cursor and scrolling, before a frame.
    pub(super) fn settle(&mut self) {
        if self.ui.moved > 0 && self.may_order() && self.ui.now.ms_since(self.idle_since) >= IDLE_MS
        {
            self.order_now();
        }
        let page = self.page();
        let rows = rows(&self.store, &self.ui.grid);
        let held = !self.ui.grid.hold.is_empty();
        let first = rows.iter().find_map(Row::agent).map(|agent| agent.id.clone());
        let find = |id: &AgentId| {
            rows.iter().position(|row| row.agent().is_some_and(|agent| agent.id == *id))
        };
        let (cursor, at) = match self.ui.cursor.as_ref().filter(|_| held) {
            None => (first.clone(), 0),
            Some(id) => match find(id) {
                Some(at) => (Some(id.clone()), at),
                // It is gone: stay about where it was.
                None => {
                    let near = rows.iter().skip(self.ui.top).find_map(Row::agent);
                    (near.map(|agent| agent.id.clone()).or(first.clone()), self.ui.top)
                }
            },
        };
        let moved = if held { displaced(&self.store, &self.ui.grid, &rows) } else { 0 };
        let most = rows.len().saturating_sub(page);
        let mut top = self.ui.top.min(most);
        if page > 0 {
            // A swarm's heading above the first row stays in sight.
            let lead = usize::from(at > 0 && matches!(rows.get(at - 1), Some(Row::Swarm(_))));
            top = top.min(at - lead.min(at)).max((at + 1).saturating_sub(page));
        }
        self.ui.top = top;
        self.ui.cursor = cursor;
        self.ui.moved = moved;
    }
}

/// How many rows would change their place among the others if they were sorted now: all but
/// the longest run of them that is in order already.
fn displaced(store: &Store, grid: &GridOptions, shown: &[Row]) -> usize {
    let free = GridOptions { hold: Vec::new(), ..grid.clone() };
    let sorted = rows(store, &free);
    let places: HashMap<&AgentId, usize> =
        (0..).zip(sorted.iter().filter_map(Row::agent)).map(|(at, a)| (&a.id, at)).collect();
    let places = shown.iter().filter_map(Row::agent).filter_map(|a| places.get(&a.id).copied());
    // `ends[n]` is the lowest place that a run of n + 1 rows can end with.
    let mut ends: Vec<usize> = Vec::new();
    let mut all = 0;
    for place in places {
        all += 1;
        let at = ends.partition_point(|end| *end < place);
        match ends.get_mut(at) {
            Some(end) => *end = place,
            None => ends.push(place),
        }
    }
    all - ends.len()
}
