//! Burn over time: of the chosen row, else of all together.

use super::super::{
    pen::{Pen, below},
    words,
};
use crate::model::{Micros, Stamp};
use crate::store::{By, Series, Store};
use crate::tui::{
    theme::Theme,
    ui::{Costs, Ui},
};
use ratatui::{buffer::Buffer, layout::Rect};
use unicode_width::UnicodeWidthStr;

/// Columns of the figures at the left.
const AXIS: usize = 10;

/// Of what the chart is, by what the cursor is on.
fn series<'a>(store: &'a Store, costs: &Costs) -> (String, Option<&'a Series>) {
    let Some(id) = &costs.cursor else {
        return ("all together".to_owned(), Some(store.burn().total()));
    };
    let rows = store.money().map(|money| money.rows.as_slice()).unwrap_or_default();
    let name = rows.iter().find(|row| row.id == *id).map_or(id.as_str(), |row| &row.name);
    let name = if costs.by == By::Model { words::model(name) } else { name };
    (name.to_owned(), store.burn().of(costs.by, id))
}

pub fn draw(store: &Store, costs: &Costs, ui: &Ui, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    if area.height < 3 || usize::from(area.width) < AXIS + 8 {
        return;
    }
    let (name, series) = series(store, costs);
    let total = store.burn().total();
    let pick = |series: &Series| {
        let ring = if costs.long { &series.long } else { &series.short };
        // The bucket that is still filling would look like a fall.
        let now = Stamp(ui.now.0 - ring.seconds() * 1_000_000);
        ring.rates(now, ring.buckets())
    };
    let seconds = if costs.long { total.long.seconds() } else { total.short.seconds() };
    let points = series.map(pick).unwrap_or_default();
    let peak = points.iter().copied().max().unwrap_or(0);
    let span = points.len().max(1) as i64 * seconds;
    let mut pen = Pen::new(buffer, area, 0);
    pen.skip(2).put("$/min ", theme.heading).put(&name, theme.strong);
    pen.put(if costs.long { "  last 4 hours" } else { "  last 5 minutes" }, theme.muted);
    if peak > 0 {
        pen.put(&format!("  peak {}", Micros(peak as i64)), theme.muted);
    } else {
        pen.put("  nothing was spent", theme.muted);
    }
    let plot = Rect { height: area.height - 2, ..below(area, 1) };
    let columns = usize::from(plot.width).saturating_sub(AXIS + 1);
    let height = usize::from(plot.height);
    let known = store.burn().since().map(|since| {
        let back = ui.now.ms_since(since) as i64 / 1000;
        (span - back.min(span)) * columns as i64 / span
    });
    let bars: Vec<u64> = (0..columns)
        .map(|column| {
            let from = column * points.len() / columns;
            let to = ((column + 1) * points.len() / columns).max(from + 1);
            // The highest of those that share a column: no peak is left out.
            points.get(from..to).and_then(|some| some.iter().max()).copied().unwrap_or(0)
        })
        .collect();
    let marks = if ui.unicode { ["┤", "│"] } else { ["+", "|"] };
    for row in 0..height {
        let mut pen = Pen::new(buffer, plot, row as u16);
        let label = match row {
            0 if peak > 0 => Micros(peak as i64).to_string(),
            _ => String::new(),
        };
        let mark = if row == 0 { marks[0] } else { marks[1] };
        pen.right(&label, AXIS, theme.muted).put(mark, theme.border);
        for (column, n) in bars.iter().enumerate() {
            let unheard = known.is_some_and(|from| (column as i64) < from);
            let (symbol, style) = match (cell(*n, peak, height - row, height, ui.unicode), unheard)
            {
                (" ", true) if row + 1 == height => {
                    (if ui.unicode { "·" } else { "." }, theme.faint)
                }
                (symbol, _) if n.saturating_mul(2) > peak => (symbol, theme.spark_high),
                (symbol, _) => (symbol, theme.spark_low),
            };
            pen.put(symbol, style);
        }
    }
    axis(
        span,
        known.is_some_and(|from| from > 0),
        ui,
        theme,
        below(plot, plot.height),
        area,
        buffer,
    );
}

/// What of a bar shows in the row that is the `level`th from below.
fn cell(n: u64, peak: u64, level: usize, height: usize, unicode: bool) -> &'static str {
    const BLOCKS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    const PLAIN: [&str; 9] = [" ", ".", ".", ":", ":", ":", "#", "#", "#"];
    let set = if unicode { &BLOCKS } else { &PLAIN };
    if peak == 0 || n == 0 {
        return set[0];
    }
    let eighths = (u128::from(n) * (height as u128 * 8)).div_ceil(u128::from(peak)) as usize;
    set[eighths.saturating_sub((level - 1) * 8).min(8)]
}

fn axis(span: i64, gap: bool, ui: &Ui, theme: &Theme, at: Rect, area: Rect, buffer: &mut Buffer) {
    let row = Rect { y: at.y, height: 1, ..area };
    let ago = |seconds: i64| format!("-{}", words::age(seconds as u64 * 1000));
    let mut pen = Pen::new(buffer, row.intersection(area), 0);
    pen.right("$0", AXIS, theme.muted);
    pen.put(if ui.unicode { "└" } else { "+" }, theme.border);
    let columns = pen.left();
    let first = ago(span);
    let half = ago(span / 2);
    pen.put(&first, theme.faint);
    let middle = columns / 2;
    if gap && columns > 70 {
        let dots = if ui.unicode { "·" } else { "." };
        pen.put(&format!("  {dots} before this screen was opened"), theme.faint);
    } else if middle > first.width() + half.width() {
        pen.skip(middle - first.width() - half.width() / 2).put(&half, theme.faint);
    }
    let left = pen.left();
    pen.right("now", left, theme.faint);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fills_from_below() {
        let column =
            |n| -> String { (1..=3).rev().map(|level| cell(n, 24, level, 3, true)).collect() };
        assert_eq!(column(24), "███");
        assert_eq!(column(12), " ▄█");
        assert_eq!(column(1), "  ▁");
        assert_eq!(column(0), "   ");
        assert_eq!(cell(5, 0, 1, 3, true), " ");
    }
}
