//! Costs: budgets with where they will end, burn over time, and who spends it. Sums are the
//! ledger's, as it last answered; what is burnt was heard of call by call.

mod budgets;
mod chart;
mod table;

use super::pen::{Pen, below};
use crate::store::Store;
use crate::tui::{
    theme::Theme,
    ui::{Costs, Ui},
};
use ratatui::{buffer::Buffer, layout::Rect};

/// Rows of the chart with its heading and axis.
const CHART: (u16, u16) = (4, 26);
/// Least rows of the table, with its heading.
const TABLE: u16 = 4;

/// Where the parts go, below the rule.
struct Parts {
    budgets: Rect,
    chart: Rect,
    table: Rect,
}

/// A third to the budgets at most, the rest to chart and table; where room is short the chart
/// goes first, where there is more than the table needs it grows.
fn parts(area: Rect, wanted: u16, rows: u16) -> Parts {
    let strip = |y: u16, height: u16| Rect { y: area.y + y, height, ..area };
    let budgets = wanted.min((area.height / 3).max(1)).min(area.height);
    let left = area.height - budgets;
    let chart = (left * 2 / 5).max(left.saturating_sub(rows + 2)).min(CHART.1);
    let chart = if chart < CHART.0 || left - chart < TABLE + 1 { 0 } else { chart };
    // A blank row between the parts.
    let gap = u16::from(left > chart + TABLE);
    let first = budgets + gap.min(left);
    let second = first + chart + if chart > 0 { gap } else { 0 };
    Parts {
        budgets: strip(0, budgets),
        chart: strip(first.min(area.height), chart.min(area.height - first.min(area.height))),
        table: strip(second.min(area.height), area.height - second.min(area.height)),
    }
}

fn all_parts(store: &Store, area: Rect) -> Parts {
    let body = below(area, 1);
    parts(body, budgets::wanted(store), table::wanted(store))
}

/// Rows of the table that fit.
pub fn capacity(store: &Store, area: Rect) -> usize {
    usize::from(all_parts(store, area).table.height.saturating_sub(2))
}

pub fn draw(store: &Store, costs: &Costs, ui: &Ui, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let rule = if ui.unicode { "─" } else { "-" };
    let mut pen = Pen::new(buffer, area, 0);
    pen.put(rule, theme.border).put(" costs ", theme.heading);
    let left = pen.left();
    pen.put(&rule.repeat(left), theme.border);
    if let Some(why) = &costs.failed {
        let text = format!(" {why} ");
        let width = (text.chars().count() as u16).min(area.width.saturating_sub(10));
        let at = Rect { x: area.right() - width, width, height: 1, ..area };
        Pen::new(buffer, at, 0).put(&text, theme.warn);
    }
    let parts = all_parts(store, area);
    let body = below(area, 1);
    let Some(money) = store.money() else {
        let dots = if ui.unicode { "…" } else { "..." };
        let text = format!("Asking the ledger what was spent{dots}");
        Pen::new(buffer, body, 1).skip(2).put(&text, theme.muted);
        return;
    };
    budgets::draw(money, ui, theme, parts.budgets, buffer);
    chart::draw(store, costs, ui, theme, parts.chart, buffer);
    table::draw(store, money, costs, ui, theme, parts.table, buffer);
}
