//! Views: pure functions from the replica and the screen's state to cells.
//!
//! [`draw`] lays out the whole screen; one file a part. Nothing in here reads a clock, waits
//! or remembers anything. A buffer of any size, even none, is taken.

mod chooser;
pub mod columns;
mod confirm;
pub mod costs;
pub mod events;
pub mod focus;
mod follows;
mod footer;
mod form;
pub mod grid;
mod header;
mod help;
pub mod inbox;
mod letter;
mod notes;
mod overlay;
mod palette;
pub mod pen;
mod row;
mod terminal;
mod tour;
mod tree;
pub mod wall;
pub mod words;

pub use notes::{MIN_COLUMNS, MIN_ROWS};
pub use terminal::first_row;

use crate::model::AgentState;
use crate::store::{Row, Store, rows};
use crate::tui::{
    theme::Theme,
    ui::{EventsPane, Mode, Ui},
};
use pen::{below, fill};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
};

/// Where the parts of the home screen go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub header: Rect,
    pub banner: Rect,
    pub grid: Rect,
    pub events: Rect,
    pub footer: Rect,
    /// What an agent's terminal has, with its heading.
    pub focus: Rect,
    /// The terminal stands beside grid and events.
    pub split: bool,
}

impl Layout {
    /// What stands in place of the grid and the events.
    pub fn middle(&self) -> Rect {
        self.grid.union(self.events)
    }
}

pub fn layout(ui: &Ui, area: Rect) -> Layout {
    let strip = |y: u16, height: u16| Rect { y: area.y + y, height, ..area };
    let banner = u16::from(ui.lost.is_some());
    let top = (1 + banner).min(area.height);
    let foot = area.height.saturating_sub(1);
    let middle = foot.saturating_sub(top);
    let events = ui.events.rows(middle);
    let mut layout = Layout {
        header: strip(0, 1.min(area.height)),
        banner: strip(1.min(area.height), banner.min(area.height.saturating_sub(1))),
        grid: strip(top, middle - events),
        events: strip(top + middle - events, events),
        footer: strip(foot, area.height - foot),
        focus: strip(0, foot),
        split: false,
    };
    if ui.focus.as_ref().is_some_and(|focus| focus.split && !focus.zoom) {
        split(&mut layout, strip(top, middle));
    }
    layout
}

/// Beside each other where there is room for both, else the grid above; where there is not
/// even that, the terminal stands alone.
fn split(layout: &mut Layout, middle: Rect) {
    if middle.width >= SIDE_BY_SIDE {
        let left = middle.width * 2 / 5;
        layout.grid.width = left;
        layout.events.width = left;
        let x = middle.x + left + 1;
        layout.focus = Rect { x, width: middle.right() - x, ..middle };
    } else if middle.height >= ABOVE {
        let above = middle.height / 3;
        layout.grid = Rect { height: above, ..middle };
        layout.events = Rect { y: middle.y + above, height: 0, ..middle };
        let y = middle.y + above;
        layout.focus = Rect { y, height: middle.height - above, ..middle };
    } else {
        return;
    }
    layout.split = true;
}

/// Columns from which a terminal stands beside the grid, and rows from which it stands below.
const SIDE_BY_SIDE: u16 = 150;
const ABOVE: u16 = 15;

/// Draws everything; returns where the hardware cursor belongs, if it is to be seen.
pub fn draw(
    store: &Store,
    ui: &Ui,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    let area = area.intersection(*buffer.area());
    if area.width < MIN_COLUMNS || area.height < MIN_ROWS {
        notes::too_small(theme, area, buffer);
        return None;
    }
    fill(buffer, area, theme.surface.patch(theme.text));
    let rows = rows(store, &ui.grid);
    let layout = layout(ui, area);
    let mut cursor = None;
    match &ui.focus {
        Some(focus) => {
            if layout.split {
                home(store, &rows, ui, theme, &layout, buffer);
            }
            cursor = focus::draw(store, focus, ui, theme, layout.focus, buffer);
            if let Some(why) = ui.lost.as_ref().filter(|_| !layout.split) {
                let strip = Rect { y: layout.footer.y - 1, height: 1, ..area };
                header::banner(why, ui, theme, strip, buffer);
            }
        }
        None => match (&ui.inbox, &ui.costs) {
            (Some(inbox), _) => {
                top(store, ui, theme, &layout, buffer);
                inbox::draw(store, inbox, ui, theme, layout.middle(), buffer);
            }
            (None, Some(costs)) => {
                top(store, ui, theme, &layout, buffer);
                costs::draw(store, costs, ui, theme, layout.middle(), buffer);
            }
            (None, None) => match &ui.wall {
                Some(wall) => {
                    top(store, ui, theme, &layout, buffer);
                    wall::draw(store, &rows, wall, ui, theme, layout.middle(), buffer);
                }
                None => home(store, &rows, ui, theme, &layout, buffer),
            },
        },
    }
    let shown = rows.iter().filter(|row| matches!(row, Row::Agent { .. })).count();
    let position = position(&rows, ui, &layout);
    footer::draw((shown, store.agents().len()), &position, ui, theme, layout.footer, buffer);
    let middle = below(Rect { height: area.height - 1, ..area }, 1);
    match &ui.mode {
        Mode::Normal => follows::draw(ui, theme, middle, buffer),
        Mode::Filter { .. } | Mode::Sift { .. } | Mode::Search(_) => {}
        Mode::Tour(lines) => tour::draw(lines, ui, theme, middle, buffer),
        Mode::Palette => palette::draw(ui, theme, middle, buffer),
        Mode::Help => help::draw(ui, theme, middle, buffer),
        Mode::Confirm(confirm) => confirm::draw(confirm, ui, theme, middle, buffer),
        Mode::Letter(letter) => letter::draw(letter, ui, theme, middle, buffer),
        Mode::Form(form) => form::draw(store, form, ui, theme, middle, buffer),
        Mode::Columns(chooser) => chooser::draw(chooser, ui, theme, middle, buffer),
        Mode::Remember(id) => {
            if let Some(open) = store.approval(id) {
                inbox::remember(open, ui, theme, middle, buffer);
            }
        }
    }
    if !ui.unicode {
        ascii(area, buffer);
    }
    if ui.mode == Mode::Normal { cursor } else { None }
}

/// Where the cursor stands among rows that do not all fit, and how many above and below
/// those shown need somebody.
fn position(rows: &[Row], ui: &Ui, layout: &Layout) -> String {
    let room = grid::capacity(layout.grid);
    if ui.inbox.is_some() || ui.costs.is_some() || ui.wall.is_some() {
        return String::new();
    }
    if ui.focus.is_some() || ui.events == EventsPane::Full || rows.len() <= room {
        return String::new();
    }
    let needs = |row: &&Row| {
        let urgent = |state| matches!(state, AgentState::Waiting | AgentState::Failed);
        row.agent().is_some_and(|agent| urgent(agent.state))
    };
    let above = rows.iter().take(ui.top).filter(needs).count();
    let below = rows.iter().skip(ui.top + room).filter(needs).count();
    let mut parts = Vec::new();
    let ways = if ui.unicode { ["↑", "↓"] } else { ["above", "below"] };
    for (n, way) in [above, below].into_iter().zip(ways) {
        if n > 0 {
            parts.push(format!("{n} in need {way}"));
        }
    }
    let agents = || rows.iter().filter_map(Row::agent);
    let at = agents().position(|agent| ui.cursor.as_ref() == Some(&agent.id));
    if let Some(at) = at {
        parts.push(format!("{}/{}", at + 1, agents().count()));
    }
    parts.join("  ")
}

fn top(store: &Store, ui: &Ui, theme: &Theme, at: &Layout, buffer: &mut Buffer) {
    header::draw(store, ui, theme, at.header, buffer);
    if let Some(why) = &ui.lost {
        header::banner(why, ui, theme, at.banner, buffer);
    }
}

fn home(store: &Store, rows: &[Row], ui: &Ui, theme: &Theme, at: &Layout, buffer: &mut Buffer) {
    top(store, ui, theme, at, buffer);
    if ui.events != EventsPane::Full {
        if store.agents().len() == 0 && store.swarms().len() == 0 {
            notes::empty(store, ui, theme, at.grid, buffer);
        } else if ui.grid.tree {
            tree::draw(store, rows, ui, theme, at.grid, buffer);
        } else {
            grid::draw(store, rows, ui, theme, at.grid, buffer);
        }
    }
    events::draw(store, ui, theme, at.events, buffer);
}

/// Where the locale has no UTF-8, what is not ASCII becomes a question mark.
fn ascii(area: Rect, buffer: &mut Buffer) {
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            let cell = &mut buffer[(x, y)];
            if !cell.symbol().is_ascii() {
                let plain = if cell.symbol() == "…" { "~" } else { "?" };
                cell.set_symbol(plain);
            }
        }
    }
}
