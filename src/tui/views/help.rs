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
    // Where room is short, keys matter more than the line below them.
    let footed = inside.height > 3;
    let rows = usize::from(if footed { inside.height - 2 } else { inside.height });
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
    if footed {
        let mut pen = Pen::new(buffer, inside, inside.height - 1);
        if let Some(hint) = ui.hints.first().filter(|_| most > top) {
            let down = hint.key.split('/').next().unwrap_or_default();
            pen.put(down, theme.key).put(" more  ", theme.faint);
        }
        pen.put("Esc", theme.key).put(" closes", theme.faint);
    }
}
