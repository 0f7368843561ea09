//! The event stream, newest at the bottom: a pane below the grid, or a view of its own with a
//! cursor, a filter, and a place to stand still.

use super::{pen::Pen, words};
use crate::model::{EventRecord, Level};
use crate::store::Store;
use crate::tui::{
    stream::newest,
    theme::Theme,
    ui::{EventsPane, Ui},
};
use ratatui::{buffer::Buffer, layout::Rect};
use unicode_width::UnicodeWidthStr;

/// Draws a heading, then as many of the newest events as fit.
pub fn draw(store: &Store, ui: &Ui, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    if ui.events == EventsPane::Full {
        return full(store, ui, theme, area, buffer);
    }
    let rule = if ui.unicode { "─" } else { "-" };
    let mut pen = Pen::new(buffer, area, 0);
    pen.put(rule, theme.border).put(" events ", theme.heading);
    let left = pen.left();
    pen.put(&rule.repeat(left), theme.border);
    let shown = newest(store, ui.grid.swarm.as_ref(), lines(area));
    if shown.is_empty() && area.height > 1 {
        Pen::new(buffer, area, 1).put(" Nothing has happened yet.", theme.faint);
    }
    for (line, record) in (1..).zip(shown) {
        event(store, record, ui, theme, Rect { y: area.y + line, height: 1, ..area }, buffer);
    }
}

/// Lines below the heading.
pub fn lines(area: Rect) -> usize {
    usize::from(area.height.saturating_sub(1))
}

fn full(store: &Store, ui: &Ui, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let stream = &ui.stream;
    let rule = if ui.unicode { "─" } else { "-" };
    let stands = match (stream.end, stream.newer) {
        (None, _) => " follows ".to_owned(),
        (Some(_), 0) => " stands still ".to_owned(),
        (Some(_), n) => format!(" stands still, {n} newer "),
    };
    let style = if stream.end.is_some() { theme.warn } else { theme.muted };
    let mut pen = Pen::new(buffer, area, 0);
    pen.put(rule, theme.border).put(" events ", theme.heading);
    let only = stream.swarm.as_ref().filter(|_| stream.filter.value("swarm").is_none());
    if let Some(swarm) = only.and_then(|id| store.swarm(id)) {
        let room = pen.left().saturating_sub(stands.width() + 8);
        let name = super::pen::fit(&swarm.name, room);
        pen.put("of ", theme.muted).put(&name, theme.heading).put(" ", theme.border);
    }
    if !stream.filter.text().is_empty() {
        let room = pen.left().saturating_sub(stands.width() + 4);
        let text = format!("/{} ", stream.filter.text());
        let text = super::pen::fit(&text, room);
        pen.put(&text, theme.accent);
    }
    let left = pen.left().saturating_sub(stands.width() + 1);
    pen.put(&rule.repeat(left), theme.border).put(&stands, style);
    let left = pen.left();
    pen.put(&rule.repeat(left), theme.border);
    if stream.lines.is_empty() && area.height > 1 {
        let text = match stream.filter.problem() {
            Some(problem) => format!(" {problem}"),
            None if store.events().len() == 0 => " Nothing has happened yet.".to_owned(),
            None => " Nothing that is kept fits: another filter, or none, shows more.".to_owned(),
        };
        Pen::new(buffer, area, 1).put(&text, theme.faint);
    }
    // Both are in the order of the journal.
    let mut wanted = stream.lines.iter().copied().peekable();
    let first = stream.lines.first().copied().unwrap_or(u64::MAX);
    let records = store.events().rev().take_while(|record| record.seq >= first);
    let records: Vec<&EventRecord> = records.collect();
    let chosen = stream.chosen();
    let mut line = area.y + 1;
    for record in records.into_iter().rev() {
        if wanted.peek() != Some(&record.seq) || line >= area.bottom() {
            continue;
        }
        wanted.next();
        let strip = Rect { y: line, height: 1, ..area };
        event(store, record, ui, theme, strip, buffer);
        if chosen == Some(record.seq) {
            buffer.set_style(strip, theme.selection);
            let mark = if ui.unicode { "▌" } else { ">" };
            Pen::new(buffer, Rect { width: 1, ..strip }, 0).put(mark, theme.accent);
        }
        line += 1;
    }
}

fn event(
    store: &Store,
    record: &EventRecord,
    ui: &Ui,
    theme: &Theme,
    area: Rect,
    buf: &mut Buffer,
) {
    let level = record.event.level();
    let style = match level {
        Level::Debug => theme.faint,
        Level::Info => theme.info,
        Level::Warn => theme.warn,
        Level::Error => theme.error,
    };
    let agent = record.agent.as_ref().map(|id| store.agent(id).map_or(id.as_str(), |a| &a.name));
    let who = agent.or_else(|| {
        let id = record.swarm.as_ref()?;
        Some(store.swarm(id).map_or(id.as_str(), |swarm| &swarm.name))
    });
    let full = ui.events == EventsPane::Full;
    let mut pen = Pen::new(buf, area, 0);
    pen.skip(1).column(&words::clock(record.time, ui.utc_offset_minutes), 8, theme.faint);
    if full && pen.left() > 24 {
        // Told by a word, too: not everybody sees the colours.
        let word = match level {
            Level::Debug => "debug",
            Level::Info => "",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        pen.skip(1).column(word, 5, style);
    }
    if pen.left() > 24 {
        pen.skip(2).column(who.unwrap_or("core"), 10, theme.muted);
    }
    pen.skip(2).put(&record.event.summary(), style);
}
