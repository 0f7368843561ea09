//! The mouse: a click chooses, a double click opens, a click on a heading sorts, the wheel
//! moves, and the line above the events can be dragged. In an agent's terminal it is the
//! program's, where that asks for it.

use super::App;
use crate::model::{AgentId, Stamp};
use crate::store::Row;
use crate::tui::{
    actions::{Action, Place},
    encode,
    focus::{FocusMode, Stage},
    link::Request,
    ui::{EventsPane, Mode},
    views,
};
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

/// Two clicks on the same within this are one double click.
const DOUBLE_MS: u64 = 400;
/// Rows that a turn of the wheel moves.
const WHEEL: isize = 3;

/// What the mouse did last.
#[derive(Debug, Default)]
pub struct Mouse {
    clicked: Option<(AgentId, Stamp)>,
    /// The same of an event.
    line: Option<(u64, Stamp)>,
    drags: bool,
}

impl App {
    /// When the next event came: double clicks are told by it.
    pub fn heard_at(&mut self, now: Stamp) {
        self.heard = now;
    }

    /// True if it meant something.
    pub(super) fn mouse(&mut self, event: MouseEvent) -> bool {
        let at = Position::new(event.column, event.row);
        match (&self.ui.mode, self.place()) {
            (Mode::Normal, Place::Focus | Place::Scroll) => self.mouse_in_focus(event),
            (Mode::Normal, Place::Grid) => self.mouse_in_grid(event, at),
            (Mode::Normal, Place::Wall) => self.mouse_on_wall(event, at),
            (Mode::Normal, Place::Events) => self.mouse_in_stream(event, at),
            (Mode::Normal, Place::Inbox | Place::Costs) => match wheel(event) {
                Some(down) => {
                    self.act(if down { Action::Down } else { Action::Up });
                    true
                }
                None => false,
            },
            (Mode::Palette, _) => match wheel(event) {
                Some(true) => {
                    self.ui.palette.next();
                    true
                }
                Some(false) => {
                    self.ui.palette.previous();
                    true
                }
                None => false,
            },
            (Mode::Help, _) => match wheel(event) {
                Some(down) => {
                    let scroll = &mut self.ui.help.scroll;
                    *scroll = scroll.saturating_add_signed(if down { WHEEL } else { -WHEEL });
                    true
                }
                None => false,
            },
            _ => false,
        }
    }

    fn mouse_in_grid(&mut self, event: MouseEvent, at: Position) -> bool {
        let layout = views::layout(&self.ui, self.area);
        match event.kind {
            MouseEventKind::Up(_) => {
                self.mouse.drags = false;
                return false;
            }
            MouseEventKind::Drag(MouseButton::Left) if self.mouse.drags => {
                let rows = layout.footer.y.saturating_sub(event.row).max(1);
                let most = layout.middle().height.saturating_sub(2);
                self.ui.events = EventsPane::Rows(rows.min(most));
                return true;
            }
            _ => {}
        }
        if layout.grid.contains(at)
            && let Some(down) = wheel(event)
        {
            self.move_cursor(if down { WHEEL } else { -WHEEL });
            return true;
        }
        if event.kind != MouseEventKind::Down(MouseButton::Left) {
            return false;
        }
        if layout.events.height > 0 && event.row == layout.events.y {
            self.mouse.drags = true;
            return false;
        }
        if !layout.grid.contains(at) {
            return false;
        }
        if event.row == layout.grid.y {
            return self.sort_by_title(layout.grid, event.column);
        }
        self.row_at(layout.grid, event.row).is_some_and(|id| self.click(id))
    }

    /// The wheel moves, a click chooses, a second one goes to the agent; the heading is dragged.
    fn mouse_in_stream(&mut self, event: MouseEvent, at: Position) -> bool {
        let area = views::layout(&self.ui, self.area).events;
        if let Some(down) = wheel(event) {
            for _ in 0..WHEEL {
                self.act(if down { Action::Down } else { Action::Up });
            }
            return true;
        }
        let line = usize::from(event.row.saturating_sub(area.y + 1));
        let seq = self.ui.stream.lines.get(line).copied();
        let pressed = event.kind == MouseEventKind::Down(MouseButton::Left);
        let Some(seq) = seq.filter(|_| pressed && area.contains(at) && event.row > area.y) else {
            return self.mouse_in_grid(event, at);
        };
        let twice =
            self.mouse.line.take().is_some_and(|(before, when)| {
                before == seq && self.heard.ms_since(when) <= DOUBLE_MS
            });
        self.ui.stream.pause();
        self.ui.stream.cursor = Some(seq);
        if twice {
            self.act(Action::Focus);
        } else {
            self.mouse.line = Some((seq, self.heard));
        }
        true
    }

    fn row_at(&self, area: Rect, y: u16) -> Option<AgentId> {
        let line = usize::from(y.checked_sub(area.y + 1)?) + self.ui.top;
        self.rows().get(line).and_then(Row::agent).map(|agent| agent.id.clone())
    }

    /// In the grid beside a terminal: that of the row is shown.
    fn mouse_beside(&mut self, event: MouseEvent, area: Rect) -> bool {
        if let Some(down) = wheel(event) {
            self.act(if down { Action::NextAgent } else { Action::PreviousAgent });
            return true;
        }
        if event.kind != MouseEventKind::Down(MouseButton::Left) {
            return false;
        }
        match self.row_at(area, event.row) {
            Some(id) => {
                self.focus(id);
                true
            }
            None => false,
        }
    }

    /// Chooses; twice opens.
    fn click(&mut self, id: AgentId) -> bool {
        let twice =
            self.mouse.clicked.take().is_some_and(|(before, when)| {
                before == id && self.heard.ms_since(when) <= DOUBLE_MS
            });
        if twice {
            self.focus(id);
            return true;
        }
        let ids = self.ids();
        self.hold(&ids);
        self.ui.cursor = Some(id.clone());
        self.mouse.clicked = Some((id, self.heard));
        true
    }

    /// By the column under the pointer; once more, the other way round.
    fn sort_by_title(&mut self, area: Rect, x: u16) -> bool {
        if self.ui.grid.tree {
            return false;
        }
        let fields = views::columns::layout(&self.store, &self.ui.columns, area.width);
        let mut left = usize::from(area.x) + views::columns::MARGIN;
        let under = fields.into_iter().find(|(_, width)| {
            left += width + views::columns::GAP;
            usize::from(x) < left
        });
        let Some((field, _)) = under else { return false };
        if field.sorts(self.ui.grid.sort) {
            self.act(Action::Reverse);
        } else {
            (self.ui.grid.sort, self.ui.grid.reverse) = (field.column(), false);
            self.release();
        }
        true
    }

    fn mouse_on_wall(&mut self, event: MouseEvent, at: Position) -> bool {
        let Some(wall) = &self.ui.wall else { return false };
        if let Some(down) = wheel(event) {
            self.act(if down { Action::PageDown } else { Action::PageUp });
            return true;
        }
        if event.kind != MouseEventKind::Down(MouseButton::Left) {
            return false;
        }
        let area = views::layout(&self.ui, self.area).middle();
        let rows = self.rows();
        let agents: Vec<_> = rows.iter().filter_map(Row::agent).collect();
        let page = views::wall::shown(area, wall.want, &agents, &self.ui);
        let shape = views::wall::shape(area, wall.want, agents.len());
        let under = (0..page.len()).find(|n| views::wall::place(area, shape, *n).contains(at));
        let found = under.map(|n| agents[page.start + n].id.clone());
        found.is_some_and(|id| self.click(id))
    }

    fn mouse_in_focus(&mut self, event: MouseEvent) -> bool {
        let layout = views::layout(&self.ui, self.area);
        let area = views::focus::parts_of(&self.ui, self.area).terminal;
        if layout.split && layout.grid.contains(Position::new(event.column, event.row)) {
            return self.mouse_beside(event, layout.grid);
        }
        let Some(focus) = &mut self.ui.focus else { return false };
        if !area.contains(Position::new(event.column, event.row)) {
            return false;
        }
        let scrolls = focus.mode == FocusMode::Scroll;
        if let Some(screen) =
            focus.screen.as_ref().filter(|_| !scrolls && focus.stage == Stage::Live)
            && screen.mouse().0 != 0
        {
            let row = event.row - area.y + views::first_row(screen, area.height);
            let bytes = encode::mouse(&event, (event.column - area.x, row), screen.mouse());
            if let Some(bytes) = bytes {
                self.requests.push(Request::Input { attachment: focus.attachment, bytes });
            }
            return false;
        }
        let Some(down) = wheel(event) else { return false };
        if !scrolls {
            if down {
                return false;
            }
            self.begin_look();
        }
        let Some(focus) = &mut self.ui.focus else { return false };
        let before = focus.scrolled();
        focus.scroll(if down { -WHEEL } else { WHEEL });
        if focus.scrolled() == 0 {
            focus.leave_scroll();
        }
        let meets_top = !down && focus.scrolled() < before.saturating_add_signed(WHEEL);
        // The cursor stays among the rows shown.
        let (lowest, rows) = (focus.scrolled(), usize::from(area.height).max(1));
        focus.copy.at.up = focus.copy.at.up.clamp(lowest, lowest + rows - 1);
        if meets_top {
            self.look_further(false, scrolls);
        }
        true
    }
}

/// Whether the wheel turned down.
fn wheel(event: MouseEvent) -> Option<bool> {
    match event.kind {
        MouseEventKind::ScrollDown => Some(true),
        MouseEventKind::ScrollUp => Some(false),
        _ => None,
    }
}
