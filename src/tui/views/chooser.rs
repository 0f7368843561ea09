//! The list that columns are chosen from.

use super::{overlay::panel, pen::Pen};
use crate::tui::{
    theme::Theme,
    ui::{Chooser, Ui},
};
use ratatui::{buffer::Buffer, layout::Rect};

pub fn draw(chooser: &Chooser, ui: &Ui, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let tall = chooser.list.len() as u16 + 2;
    let inside = panel("columns", (64, tall), ui, theme, area, buffer);
    let rows = usize::from(inside.height);
    let top = (chooser.at + 1).saturating_sub(rows);
    let shown = chooser.list.iter().enumerate().skip(top).take(rows);
    for (line, (at, (chosen, on))) in (0..).zip(shown) {
        let current = at == chooser.at;
        let strip = Rect { y: inside.y + line, height: 1, ..inside };
        if current {
            let wide = Rect { x: strip.x - 1, width: strip.width + 2, ..strip };
            buffer.set_style(wide.intersection(*buffer.area()), theme.selection);
        }
        let mut pen = Pen::new(buffer, strip, 0);
        let knob = match (*on, ui.unicode) {
            (true, true) => "◆",
            (true, false) => "*",
            (false, true) => "◇",
            (false, false) => "-",
        };
        let style = if *on { theme.accent } else { theme.faint };
        let name = if *on { theme.strong } else { theme.muted };
        pen.put(knob, style).skip(1).column(chosen.field.title(), 9, name).skip(1);
        let width = chosen.width.map_or("auto".to_owned(), |width| width.to_string());
        pen.right(&width, 4, theme.muted).skip(2).put(chosen.field.doc(), theme.muted);
    }
}
