//! The wall: terminals side by side, a heading above each. A tile shows what was written last,
//! from the left; it is as large as its place, whatever the size of the terminal.

use super::{
    pen::{Pen, below, fill},
    row, terminal, words,
};
use crate::model::AgentInfo;
use crate::store::{Row, Store};
use crate::tui::{
    focus::Stage,
    theme::Theme,
    ui::Ui,
    wall::{Tile, Wall},
};
use ratatui::{buffer::Buffer, layout::Rect};
use std::ops::Range;
use unicode_width::UnicodeWidthStr;

/// Smaller tiles tell nothing: columns, and rows with the heading.
const LEAST: (u16, u16) = (20, 4);
/// Columns for a row, as most terminals have them.
const RATIO: f64 = 3.2;

/// Columns and rows of tiles, for so many that are wanted and there are.
pub fn shape(area: Rect, want: usize, all: usize) -> (usize, usize) {
    let body = below(area, 1);
    let most =
        (usize::from(body.width / LEAST.0).max(1), usize::from(body.height / LEAST.1).max(1));
    let n = want.min(all.max(1)).min(most.0 * most.1);
    let score = |columns: &usize| {
        let rows = n.div_ceil(*columns);
        let width = f64::from(body.width) / *columns as f64;
        let height = f64::from(body.height) / rows as f64;
        let odd = (width / height.max(1.0) / RATIO).max(f64::MIN_POSITIVE).ln().abs();
        // A place that stays empty is room lost.
        odd + (columns * rows - n) as f64 / n as f64
    };
    let fits = |columns: &usize| n.div_ceil(*columns) <= most.1;
    let best = (1..=most.0.min(n)).filter(fits).min_by(|a, b| score(a).total_cmp(&score(b)));
    let columns = best.unwrap_or(most.0);
    (columns, n.div_ceil(columns).min(most.1))
}

/// Which of the agents are on the page that the cursor is on.
pub fn shown(area: Rect, want: usize, agents: &[&AgentInfo], ui: &Ui) -> Range<usize> {
    let (columns, rows) = shape(area, want, agents.len());
    let page = (columns * rows).min(want).max(1);
    let at = agents.iter().position(|agent| ui.cursor.as_ref() == Some(&agent.id)).unwrap_or(0);
    let first = at - at % page;
    first..(first + page).min(agents.len())
}

/// The place of the `at`th tile of a page.
pub fn place(area: Rect, (columns, rows): (usize, usize), at: usize) -> Rect {
    let body = below(area, 1);
    let part = |all: u16, n: usize, of: usize| (usize::from(all) * n / of.max(1)) as u16;
    let (column, row) = (at % columns.max(1), at / columns.max(1));
    let (left, right) = (part(body.width, column, columns), part(body.width, column + 1, columns));
    let (top, bottom) = (part(body.height, row, rows), part(body.height, row + 1, rows));
    // A blank column between two tiles.
    let gap = u16::from(column + 1 < columns);
    Rect {
        x: body.x + left,
        y: body.y + top,
        width: (right - left).saturating_sub(gap),
        height: bottom - top,
    }
}

pub fn draw(
    store: &Store,
    rows: &[Row],
    wall: &Wall,
    ui: &Ui,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    if area.height == 0 {
        return;
    }
    let agents: Vec<&AgentInfo> = rows.iter().filter_map(Row::agent).collect();
    let page = shown(area, wall.want, &agents, ui);
    heading(&agents, &page, ui, theme, area, buffer);
    if agents.is_empty() {
        let text = match ui.grid.filter.is_empty() {
            true => "Nobody is here whose terminal could be shown.".to_owned(),
            false => format!("Nothing fits /{}", ui.grid.filter.text()),
        };
        Pen::new(buffer, below(area, 1), 1).skip(2).put(&text, theme.muted);
        return;
    }
    let shape = shape(area, wall.want, agents.len());
    for (at, agent) in agents[page].iter().enumerate() {
        let at = place(area, shape, at);
        tile(store, agent, wall.tile(&agent.id), ui, theme, at, buffer);
    }
}

fn heading(
    agents: &[&AgentInfo],
    page: &Range<usize>,
    ui: &Ui,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let rule = if ui.unicode { "─" } else { "-" };
    let mut pen = Pen::new(buffer, area, 0);
    pen.put(rule, theme.border).put(" wall ", theme.heading);
    let which = match agents.len() {
        all if page.len() < all => format!("{}-{} of {all} ", page.start + 1, page.end),
        _ => String::new(),
    };
    if !which.is_empty() {
        let left = pen.left().saturating_sub(which.width() + 2);
        pen.put(&rule.repeat(left), theme.border).put(" ", theme.border).put(&which, theme.muted);
    }
    let left = pen.left();
    pen.put(&rule.repeat(left), theme.border);
}

fn tile(
    store: &Store,
    agent: &AgentInfo,
    tile: Option<&Tile>,
    ui: &Ui,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let current = row::is_current(agent, ui);
    let head = Rect { height: area.height.min(1), ..area };
    let ground = if current { theme.selection } else { theme.bar };
    fill(buffer, head, theme.surface.patch(ground));
    let cost = agent.cost();
    let mut pen = Pen::new(buffer, head, 0);
    let bar = match (current, ui.unicode) {
        (false, _) => " ",
        (true, true) => "▌",
        (true, false) => ">",
    };
    let mark = match (ui.marked.contains(&agent.id), ui.unicode) {
        (false, _) => "",
        (true, true) => "◆",
        (true, false) => "*",
    };
    pen.put(bar, theme.accent).put(mark, theme.accent);
    let glyph = words::spinning(agent.state, ui.tick, ui.unicode);
    pen.put(glyph, theme.state(agent.state)).skip(1);
    pen.put(&agent.name, row::name(agent, ui, theme)).skip(1);
    pen.put(agent.state.word(), theme.state(agent.state));
    let right = cost.width() + 1;
    let item = agent.item.as_deref().and_then(|item| item.lines().next()).unwrap_or("");
    let room = pen.left().saturating_sub(right + 3);
    if room > 8 {
        pen.skip(2).column(item, room, theme.muted);
    }
    if pen.left() > right {
        let skip = pen.left() - right;
        pen.skip(skip).put(&cost, theme.muted);
    }
    let body = below(area, 1);
    match tile.and_then(|tile| tile.screen.as_ref()) {
        Some(screen) => _ = terminal::draw(screen, theme, body, buffer),
        None => waiting(store, agent, tile, ui, theme, body, buffer),
    }
}

/// Why there is nothing to be seen.
fn waiting(
    store: &Store,
    agent: &AgentInfo,
    tile: Option<&Tile>,
    ui: &Ui,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let dots = if ui.unicode { "…" } else { "..." };
    let text = match tile.map(|tile| &tile.stage) {
        Some(Stage::Failed(why)) => why.clone(),
        Some(Stage::Attaching | Stage::Live) => format!("looking{dots}"),
        Some(Stage::Ended(_)) => "It has ended.".to_owned(),
        // One that is not watched yet, as while a filter is typed.
        None if agent.attempt_id.is_some() => format!("looking{dots}"),
        None => "It has not begun.".to_owned(),
    };
    Pen::new(buffer, area, 0).skip(1).put(&text, theme.faint);
    let width = usize::from(area.width).saturating_sub(2);
    let mut pen = Pen::new(buffer, area, 1);
    pen.skip(1);
    row::last(store, agent, width, ui, theme, &mut pen);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_fill_their_area() {
        let area = Rect::new(0, 1, 200, 58);
        assert_eq!(shape(area, 9, 20), (3, 3));
        assert_eq!(shape(area, 4, 20), (2, 2));
        assert_eq!(shape(area, 9, 1), (1, 1));
        let (columns, rows) = shape(area, 64, 500);
        assert!(columns * rows >= 64, "{columns}x{rows}");
        // Where there is no room for so many there are fewer.
        assert_eq!(shape(Rect::new(0, 1, 40, 8), 64, 500), (2, 1));
        for n in 1..=64 {
            for (width, height) in [(200, 58), (80, 22), (40, 8), (24, 4), (400, 118)] {
                let area = Rect::new(0, 1, width, height);
                let shape = shape(area, n, 500);
                let places: Vec<Rect> =
                    (0..shape.0 * shape.1).map(|at| place(area, shape, at)).collect();
                for (at, one) in places.iter().enumerate() {
                    assert!(one.right() <= area.right() && one.bottom() <= area.bottom());
                    assert!(one.width > 0 && one.height > 0, "{n} {width}x{height}");
                    assert!(places[..at].iter().all(|other| !other.intersects(*one)));
                }
            }
        }
    }
}
