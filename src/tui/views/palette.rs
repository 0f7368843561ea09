//! The palette: a line to type in, and what it could mean.

use super::{overlay::panel, pen::Pen};
use crate::tui::{theme::Theme, ui::Ui};
use ratatui::{buffer::Buffer, layout::Rect};
use unicode_width::UnicodeWidthStr;

pub fn draw(ui: &Ui, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let palette = &ui.palette;
    let room = area.height.saturating_sub(6).clamp(1, 14);
    let inside = panel("", (72, room + 4), ui, theme, area, buffer);
    let caret = if ui.unicode { "▏" } else { "_" };
    let mut pen = Pen::new(buffer, inside, 0);
    // The end of a long line is what is being typed.
    let fits = pen.left().saturating_sub(3);
    let skip = palette.input().chars().count().saturating_sub(fits);
    let line: String = palette.input().chars().skip(skip).collect();
    pen.put(":", theme.key).put(&line, theme.strong).put(caret, theme.accent);
    // Where room is short, entries matter more than the keys below them.
    let foot = inside.height.saturating_sub(1);
    let footed = inside.height > 3;
    let mut first = 1;
    if let Some(reading) = palette.reading() {
        let mut pen = Pen::new(buffer, inside, first);
        match reading {
            Ok(meaning) => pen.put("Enter ", theme.key).put(meaning, theme.text),
            Err(why) => pen.skip(1).put(why, theme.faint),
        };
        first += 1;
    }
    let rows = usize::from((inside.height - u16::from(footed)).saturating_sub(first));
    let top = (palette.selected() + 1).saturating_sub(rows);
    // Where not all fit with what stands before them, it is left out of all.
    let wide = 26.min(pen_width(inside));
    let whole = palette.entries().iter().all(|entry| entry.command.width() <= wide);
    for (line, (at, entry)) in
        (first..).zip(palette.entries().iter().enumerate().skip(top).take(rows))
    {
        let current = at == palette.selected();
        let strip = Rect { y: inside.y + line, height: 1, ..inside };
        if current {
            let wide = Rect { x: strip.x - 1, width: strip.width + 2, ..strip };
            buffer.set_style(wide.intersection(*buffer.area()), theme.selection);
            let mark = if ui.unicode { "▌" } else { ">" };
            let mut pen = Pen::new(buffer, Rect { width: 1, ..wide }, 0);
            pen.put(mark, theme.accent);
        }
        let key = entry.key.width();
        let mut pen = Pen::new(buffer, strip, 0);
        let command = if whole { &entry.command } else { palette.word_of(entry) };
        pen.skip(1).column(command, wide, theme.text);
        let left = pen.left().saturating_sub(key + 2);
        pen.skip(1).column(&entry.detail, left, theme.muted).right(&entry.key, key + 1, theme.key);
    }
    if !footed {
        return;
    }
    let mut pen = Pen::new(buffer, inside, foot);
    for (key, label) in [("Enter", "run"), ("Tab", "complete"), ("Up", "history"), ("Esc", "close")]
    {
        pen.put(key, theme.key).put(" ", theme.muted).put(label, theme.muted).skip(2);
    }
}

fn pen_width(area: Rect) -> usize {
    usize::from(area.width) / 2
}
