//! A text to agents, while it is typed: to whom, and its end.

use super::{
    overlay::panel,
    pen::{Pen, wrap},
};
use crate::tui::{
    theme::Theme,
    ui::{Letter, Ui},
};
use ratatui::{buffer::Buffer, layout::Rect};

/// Rows of text at most.
const ROWS: usize = 8;

pub fn draw(letter: &Letter, ui: &Ui, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let width = 76.min(area.width);
    let room = usize::from(width.saturating_sub(7)).max(1);
    let mut lines: Vec<String> = Vec::new();
    for line in letter.text.split('\n') {
        let mut parts: Vec<String> = wrap(line, room, usize::MAX).map(str::to_owned).collect();
        if parts.is_empty() {
            parts.push(String::new());
        }
        lines.append(&mut parts);
    }
    let tall = lines.len().min(ROWS) as u16 + 5;
    let title = match letter.to.len() {
        1 => "send".to_owned(),
        n => format!("send to {n} agents"),
    };
    let inside = panel(&title, (width, tall), ui, theme, area, buffer);
    let mut pen = Pen::new(buffer, inside, 0);
    pen.put("to ", theme.muted).put(&letter.names, theme.text);
    if letter.deaf > 0 {
        let text = format!("{} of those chosen do not run, and hear nothing", letter.deaf);
        Pen::new(buffer, inside, 1).put(&text, theme.warn);
    }
    let first = if letter.deaf > 0 { 2 } else { 1 };
    let fits = usize::from(inside.height.saturating_sub(first + 1)).max(1);
    // The end of a long text is what is being typed.
    let from = lines.len().saturating_sub(fits);
    let caret = if ui.unicode { "▏" } else { "_" };
    let last = lines.len() - 1;
    for (row, (at, line)) in (first..).zip(lines.iter().enumerate().skip(from)) {
        let mut pen = Pen::new(buffer, inside, row);
        pen.put(if at == 0 { "> " } else { "  " }, theme.key).put(line, theme.strong);
        if at == last {
            pen.put(caret, theme.accent);
        }
    }
    let mut pen = Pen::new(buffer, inside, inside.height.saturating_sub(1));
    pen.put("Enter", theme.key).put(" types it to each and ends the line", theme.faint);
}
