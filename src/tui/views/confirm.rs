//! A question before something that cannot be taken back.

use super::{overlay::panel, pen::Pen};
use crate::tui::{theme::Theme, ui::Confirm, ui::Ui};
use ratatui::{buffer::Buffer, layout::Rect};
use unicode_width::UnicodeWidthStr;

pub fn draw(confirm: &Confirm, ui: &Ui, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let longest = confirm.question.width().max(confirm.detail.width()).max(24) as u16;
    let inside = panel("", (longest + 6, 6), ui, theme, area, buffer);
    Pen::new(buffer, inside, 0).put(&confirm.question, theme.strong);
    Pen::new(buffer, inside, 1).put(&confirm.detail, theme.muted);
    let mut pen = Pen::new(buffer, inside, inside.height.saturating_sub(1));
    pen.put("y", theme.key).put(" yes", theme.muted).skip(3);
    pen.put("n", theme.key).put(" no", theme.muted);
}
