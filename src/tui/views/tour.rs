//! The tour: Dash in one screen, with the keys in force.

use super::{overlay::panel, pen::Pen};
use crate::tui::{theme::Theme, ui::Hint, ui::Ui};
use ratatui::{buffer::Buffer, layout::Rect};

const KEYS: usize = 12;

pub fn draw(lines: &[Hint], ui: &Ui, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let tall = lines.len() as u16 + 6;
    let inside = panel("dash in one screen", (72, tall), ui, theme, area, buffer);
    let mut row = 0;
    let roomy = inside.height >= lines.len() as u16 + 4;
    if roomy {
        let text = "The grid is home: a row an agent, whoever needs you first.";
        Pen::new(buffer, inside, row).put(text, theme.strong);
        row += 2;
    }
    let last = inside.height.saturating_sub(1);
    for line in lines {
        if row >= last {
            break;
        }
        let mut pen = Pen::new(buffer, inside, row);
        pen.column(&line.key, KEYS, theme.key).skip(1).put(&line.label, theme.text);
        row += 1;
    }
    let mut pen = Pen::new(buffer, inside, last);
    pen.put("any key", theme.key).put(" begins", theme.faint);
}
