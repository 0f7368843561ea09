//! A panel over the middle of the screen, with a thin border.

use super::pen::{Pen, fill};
use crate::tui::{theme::Theme, ui::Ui};
use ratatui::{buffer::Buffer, layout::Rect};
use unicode_width::UnicodeWidthStr;

/// Draws the panel's frame, at most as large as `area` allows, and returns its inside.
pub fn panel(
    title: &str,
    size: (u16, u16),
    ui: &Ui,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) -> Rect {
    let width = size.0.min(area.width);
    let height = size.1.min(area.height);
    let x = area.x + (area.width - width) / 2;
    let y = area.y + (area.height - height) / 3;
    let outer = Rect { x, y, width, height };
    fill(buffer, outer, theme.surface.patch(theme.text).patch(theme.overlay));
    frame(outer, ui.unicode, theme, buffer);
    if !title.is_empty() && outer.width > 6 {
        let mut pen = Pen::new(buffer, Rect { x: x + 2, width: width - 4, ..outer }, 0);
        pen.put(" ", theme.text).put(title, theme.accent).put(" ", theme.text);
    }
    inside(outer)
}

fn frame(area: Rect, unicode: bool, theme: &Theme, buffer: &mut Buffer) {
    if area.width < 2 || area.height < 2 {
        return;
    }
    let [tl, tr, bl, br, h, v] = if unicode {
        ["╭", "╮", "╰", "╯", "─", "│"]
    } else {
        ["+", "+", "+", "+", "-", "|"]
    };
    let across = h.repeat(usize::from(area.width - 2));
    let style = theme.border_focus;
    Pen::new(buffer, area, 0).put(tl, style).put(&across, style).put(tr, style);
    for row in 1..area.height - 1 {
        Pen::new(buffer, area, row).put(v, style).skip(across.width()).put(v, style);
    }
    Pen::new(buffer, area, area.height - 1).put(bl, style).put(&across, style).put(br, style);
}

fn inside(area: Rect) -> Rect {
    Rect {
        x: area.x + 2.min(area.width),
        y: area.y + 1.min(area.height),
        width: area.width.saturating_sub(4),
        height: area.height.saturating_sub(2),
    }
}
