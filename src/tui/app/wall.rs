//! The wall: which terminals are watched, and moving from tile to tile. The cursor, the
//! filter and the marks are the grid's, so that all that is done to rows is done to tiles.

use super::App;
use crate::model::{AgentId, AgentInfo, AttemptId};
use crate::store::Row;
use crate::tui::{
    actions::{Action, Place},
    link::Request,
    ui::{Hint, Mode},
    views,
    wall::{Tile, Wall},
};

/// Tiles of a wall that was never sized.
const TILES: usize = 9;

impl App {
    pub(super) fn open_wall(&mut self) {
        if self.ui.focus.is_some() {
            self.detach();
        }
        (self.ui.inbox, self.ui.costs) = (None, None);
        // Tiles that change their places are not looked at.
        let ids = self.ids();
        self.hold(&ids);
        let want = if self.tiles == 0 { TILES } else { self.tiles };
        self.ui.wall = Some(Wall::new(want));
    }

    pub(super) fn close_wall(&mut self) {
        if let Some(wall) = self.ui.wall.take() {
            self.tiles = wall.want;
            let drop = |tile: Tile| Request::Unwatch { attachment: tile.attachment };
            self.requests.extend(wall.tiles.into_iter().map(drop));
        }
    }

    fn wall_area(&self) -> ratatui::layout::Rect {
        views::layout(&self.ui, self.area).middle()
    }

    /// True if the action was one of the wall's.
    pub(super) fn wall_action(&mut self, action: Action) -> bool {
        let Some(wall) = &mut self.ui.wall else { return false };
        let want = wall.want;
        let all = self.ids().len();
        let (columns, rows) = views::wall::shape(self.wall_area(), want, all);
        let (across, page) = (columns.max(1) as isize, (columns * rows).max(1) as isize);
        match action {
            Action::Left => self.move_cursor(-1),
            Action::Right => self.move_cursor(1),
            Action::Down => self.move_in_wall(across),
            Action::Up => self.move_in_wall(-across),
            Action::PageDown | Action::HalfPageDown => self.move_cursor(page),
            Action::PageUp | Action::HalfPageUp => self.move_cursor(-page),
            Action::MoreTiles | Action::FewerTiles => {
                if let Some(wall) = &mut self.ui.wall {
                    wall.resize(action == Action::MoreTiles);
                }
            }
            Action::Close | Action::Wall => self.close_wall(),
            Action::Top => {
                let ids = self.ids();
                self.hold(&ids);
                self.ui.cursor = ids.into_iter().next();
            }
            _ => return false,
        }
        true
    }

    /// Stays in its column: from the last row it goes nowhere.
    fn move_in_wall(&mut self, by: isize) {
        let ids = self.ids();
        let at = self.ui.cursor.as_ref().and_then(|id| ids.iter().position(|other| other == id));
        let inside = at.and_then(|at| at.checked_add_signed(by)).is_some_and(|to| to < ids.len());
        if inside {
            self.move_cursor(by);
        }
    }

    /// Watches what is shown and nothing else, before a frame.
    pub(super) fn settle_wall(&mut self) {
        if self.ui.wall.is_some() && self.ui.grid.hold.is_empty() {
            let ids = self.ids();
            self.hold(&ids);
        }
        let Some(wall) = &self.ui.wall else { return };
        // With each letter others would be watched.
        if matches!(self.ui.mode, Mode::Filter { .. }) {
            return;
        }
        let shown: Vec<(AgentId, Option<AttemptId>, bool)> = if self.place() == Place::Wall {
            let rows = self.rows();
            let agents: Vec<_> = rows.iter().filter_map(Row::agent).collect();
            let shown = views::wall::shown(self.wall_area(), wall.want, &agents, &self.ui);
            let watched = |agent: &&&AgentInfo| agent.attempt_id.is_some();
            let live = |agent: &AgentInfo| agent.pid.is_some() && !agent.state.is_final();
            let of = |agent: &&AgentInfo| (agent.id.clone(), agent.attempt_id.clone(), live(agent));
            agents[shown].iter().filter(watched).map(of).collect()
        } else {
            Vec::new()
        };
        let Some(mut wall) = self.ui.wall.take() else { return };
        let mut kept: Vec<Tile> = Vec::new();
        for tile in wall.tiles.drain(..) {
            let wanted = shown.iter().find(|(agent, ..)| *agent == tile.agent);
            let same = wanted.is_some_and(|(_, attempt, live)| {
                *attempt == tile.attempt && !(*live && tile.may_try_again())
            });
            if !same {
                self.requests.push(Request::Unwatch { attachment: tile.attachment });
            }
            // The old picture stays until the new one comes.
            if wanted.is_some() {
                kept.push(tile);
            }
        }
        for (agent, attempt, live) in shown {
            let old = kept.iter().position(|tile| tile.agent == agent);
            let tries = match old.map(|at| &kept[at]) {
                Some(tile) if tile.attempt != attempt => 0,
                Some(tile) if live && tile.may_try_again() => tile.tries + 1,
                Some(_) => continue,
                None => 0,
            };
            self.attachments += 1;
            let attachment = self.attachments;
            let tile = Tile::new(agent.clone(), attempt, attachment, tries);
            match old {
                Some(at) => kept[at] = tile,
                None => kept.push(tile),
            }
            self.requests.push(Request::Watch { attachment, agent });
        }
        wall.tiles = kept;
        self.ui.wall = Some(wall);
    }

    pub(super) fn wall_hints(&self) -> Vec<Hint> {
        let over = self.cursor_agent().is_some_and(|agent| agent.state.is_final());
        let moves = [Action::Left, Action::Down, Action::Up, Action::Right];
        let keys: Option<Vec<String>> =
            moves.iter().map(|action| self.keymap.key_of(Place::Wall, *action)).collect();
        let moves = keys.map(|keys| Hint { key: keys.join(" "), label: "move".to_owned() });
        let sizes = [Action::MoreTiles, Action::FewerTiles]
            .map(|action| self.keymap.key_of(Place::Wall, action).unwrap_or_default());
        let sizes = Hint { key: sizes.join(" "), label: "tiles".to_owned() };
        let wanted = [
            Action::Focus,
            if over { Action::Retry } else { Action::Stop },
            Action::Send,
            Action::NextInNeed,
            Action::Filter,
            Action::Close,
            Action::OrderNow,
            Action::Mark,
            Action::Palette,
            Action::Help,
            Action::Quit,
        ];
        let hint = |action| self.hint(Place::Wall, action, "");
        let waits = self.waiting_label();
        let waits = waits.and_then(|label| self.hint(Place::Wall, Action::Inbox, &label));
        let rest = wanted.into_iter().filter_map(hint);
        waits.into_iter().chain(moves).chain([sizes]).chain(rest).collect()
    }
}
