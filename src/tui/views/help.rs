//! The keys in force, by where they apply.

use super::{overlay::panel, pen::Pen};
use crate::tui::{theme::Theme, ui::Ui};
use ratatui::{buffer::Buffer, layout::Rect, style::Style};

enum Line<'a> {
    Title(&'a str),
    Key(&'a str, &'a str),
    Blank,
}

pub fn draw(ui: &Ui, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let mut lines = Vec::new();
    for section in &ui.help.sections {
        if !lines.is_empty() {
            lines.push(Line::Blank);
        }
        lines.push(Line::Title(&section.title));
        lines.extend(section.keys.iter().map(|(key, what)| Line::Key(key, what)));
    }
    let columns = if area.width >= 120 { 2 } else { 1 };
    let width = if columns == 2 { 116 } else { 68 };
    let tall = lines.len().div_ceil(columns) as u16 + 4;
    let inside = panel("keys", (width, tall), ui, theme, area, buffer);
    let rows = usize::from(inside.height.saturating_sub(2));
    let most = lines.len().saturating_sub(rows * columns);
    let top = ui.help.scroll.min(most);
    let wide = inside.width / columns as u16;
    for (at, line) in lines.iter().skip(top).take(rows * columns).enumerate() {
        let (column, row) = (at / rows.max(1), at % rows.max(1));
        let place = Rect { x: inside.x + column as u16 * wide, width: wide, ..inside };
        let mut pen = Pen::new(buffer, place, row as u16);
        match line {
            Line::Title(title) => pen.put(title, theme.strong),
            Line::Key(key, what) => pen.skip(1).column(key, 16, theme.key).put(what, theme.text),
            Line::Blank => pen.put("", Style::new()),
        };
    }
    let foot = inside.height.saturating_sub(1);
    let more = if most > top { "j more  " } else { "" };
    Pen::new(buffer, inside, foot).put(more, theme.key).put("any other key closes", theme.faint);
}
