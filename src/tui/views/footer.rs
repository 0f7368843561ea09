//! The bottom line: the keys that matter here and now, a notice, or the filter being typed.

use super::pen::{Pen, fill};
use crate::model::Level;
use crate::store::Column;
use crate::tui::{
    theme::Theme,
    ui::{EventsPane, Mode, Notice, Ui},
};
use ratatui::{buffer::Buffer, layout::Rect};
use unicode_width::UnicodeWidthStr;

/// `shown` of `all` rows pass the filter; `position` says where among them the cursor is.
pub fn draw(
    (shown, all): (usize, usize),
    position: &str,
    ui: &Ui,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    fill(buffer, area, theme.surface.patch(theme.bar));
    let width = usize::from(area.width);
    let typing = matches!(ui.mode, Mode::Filter { .. });
    let filter = ui.grid.filter.text();
    let mut state = state(shown, all, typing, ui);
    if !position.is_empty() {
        state.push_str(if state.is_empty() { "" } else { "  " });
        state.push_str(position);
    }
    let (right, style) = match &ui.notice {
        Some(Notice { level, text }) => {
            let style = match level {
                Level::Debug | Level::Info => theme.notice,
                Level::Warn => theme.warn,
                Level::Error => theme.error,
            };
            (text.clone(), style)
        }
        None => (state, theme.muted),
    };
    let sifting = matches!(ui.mode, Mode::Sift { .. });
    let filter = if sifting { ui.stream.filter.text() } else { filter };
    let typing = typing || sifting;
    let keep = if typing { filter.width() + 6 } else { width / 3 };
    let room = right.width().min(width.saturating_sub(keep));
    let left = Rect { width: area.width.saturating_sub(room as u16 + 3), ..area };
    let left = if room == 0 { area } else { left };
    let mut pen = Pen::new(buffer, left, 0);
    pen.skip(1);
    if let Mode::Search(text) = &ui.mode {
        let caret = if ui.unicode { "▏" } else { "_" };
        pen.put("search ", theme.muted).put(text, theme.strong).put(caret, theme.accent);
    } else if typing {
        let caret = if ui.unicode { "▏" } else { "_" };
        pen.put("/", theme.key).put(filter, theme.strong).put(caret, theme.accent);
    } else if ui.pending.is_empty() {
        hints(ui, theme, &mut pen);
    } else {
        pen.put(&ui.pending, theme.key).put(" …", theme.muted);
    }
    if room > 0 {
        let at = Rect { x: area.right().saturating_sub(room as u16 + 1), ..area };
        Pen::new(buffer, at.intersection(area), 0).column(&right, room, style);
    }
}

fn hints(ui: &Ui, theme: &Theme, pen: &mut Pen) {
    for hint in &ui.hints {
        if pen.left() < hint.key.width() + hint.label.width() + 1 {
            break;
        }
        pen.put(&hint.key, theme.key).put(" ", theme.muted).put(&hint.label, theme.muted);
        pen.skip(2);
    }
}

fn state(shown: usize, all: usize, typing: bool, ui: &Ui) -> String {
    let mut parts = Vec::new();
    if matches!(ui.mode, Mode::Sift { .. }) {
        return ui.stream.filter.problem().unwrap_or_default().to_owned();
    }
    let reads = ui.events == EventsPane::Full && ui.wall.is_none();
    if reads && ui.focus.is_none() && ui.inbox.is_none() && ui.costs.is_none() {
        return String::new();
    }
    let filter = &ui.grid.filter;
    if !ui.marked.is_empty() {
        parts.push(format!("{} marked", ui.marked.len()));
    }
    if typing {
        parts.push(format!("{shown} of {all}"));
    } else if !filter.is_empty() {
        parts.push(format!("/{}  {shown} of {all}", filter.text()));
    }
    if typing && let Some(problem) = filter.problem() {
        parts.push(problem.to_owned());
    }
    if ui.focus.is_none() && ui.inbox.is_none() && ui.costs.is_none() {
        if ui.grid.sort != Column::default() || ui.grid.reverse {
            let way = if ui.grid.reverse { ", reversed" } else { "" };
            parts.push(format!("by {}{way}", ui.grid.sort.word()));
        }
        if ui.moved > 0 {
            let rows = if ui.moved == 1 { "row" } else { "rows" };
            parts.push(format!("{} {rows} moved", ui.moved));
        }
    }
    parts.join("  ")
}
