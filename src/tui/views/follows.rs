//! What may follow the keys pressed so far, above the bottom line.

use super::pen::{Pen, fill};
use crate::tui::{theme::Theme, ui::Ui};
use ratatui::{buffer::Buffer, layout::Rect};
use unicode_width::UnicodeWidthStr;

/// Columns of a key, and of what it does.
const KEY: usize = 8;
const LABEL: usize = 18;

pub fn draw(ui: &Ui, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let across = (usize::from(area.width) / (KEY + LABEL + 1)).max(1);
    let rows = ui.follows.len().div_ceil(across).min(usize::from(area.height / 2));
    if rows == 0 {
        return;
    }
    let tall = rows as u16;
    let place = Rect { y: area.bottom() - tall, height: tall, ..area };
    fill(buffer, place, theme.surface.patch(theme.text).patch(theme.overlay));
    for (at, hint) in ui.follows.iter().take(rows * across).enumerate() {
        let (column, row) = (at / rows, at % rows);
        let x = place.x + (column * (KEY + LABEL + 1)) as u16;
        let width = (KEY + LABEL) as u16;
        let cell = Rect { x, width: width.min(place.right().saturating_sub(x)), ..place };
        let mut pen = Pen::new(buffer, cell, row as u16);
        let key = hint.key.width().min(KEY - 2);
        pen.skip(KEY - 1 - key).put(&hint.key, theme.key).skip(1).put(&hint.label, theme.text);
    }
}
