//! A terminal's screen, cell by cell. What an agent printed reaches the real terminal as these
//! cells and in no other way.

use super::pen::disputes_width;
use crate::term::{Cell, Color as TermColor, Screen};
use crate::tui::theme::Theme;
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::{Color, Modifier, Style},
};

/// Draws as much as fits; returns where its cursor stands, if it shows.
pub fn draw(screen: &Screen, theme: &Theme, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let (columns, rows) = screen.size();
    let first = first_row(screen, area.height);
    for row in 0..(rows - first).min(area.height) {
        for column in 0..columns.min(area.width) {
            let cell = screen.cell(first + row, column);
            if cell.continuation {
                continue;
            }
            let at = (area.x + column, area.y + row);
            // A wide character whose second half would stand outside is left out.
            let cut = cell.wide && column + 1 >= area.width;
            put(&cell, cut, theme, &mut buffer[at]);
            if cell.wide && !cut {
                buffer[(at.0 + 1, at.1)].set_symbol(" ").set_style(style(&cell, theme));
            }
        }
    }
    let (row, column) = screen.cursor();
    let shown = screen.cursor_visible() && screen.scrollback() == 0;
    let inside = row >= first && row - first < area.height && column < area.width;
    (shown && inside).then(|| Position::new(area.x + column, area.y + row - first))
}

/// The first row shown of a screen that is higher than its place, as one that has ended or
/// belongs to another viewer's window may be: what was written last is in view.
pub fn first_row(screen: &Screen, height: u16) -> u16 {
    let rows = screen.size().1;
    if rows <= height {
        return 0;
    }
    let written = (0..rows).rev().find(|row| !screen.row_text(*row).is_empty()).unwrap_or(0);
    let last = written.max(screen.cursor().0).min(rows - 1);
    (last + 1).saturating_sub(height)
}

fn put(cell: &Cell, cut: bool, theme: &Theme, target: &mut ratatui::buffer::Cell) {
    let text = undisputed(cell.text);
    let blank = text.is_empty() || cut || text.chars().any(char::is_control);
    target.set_symbol(if blank { " " } else { text });
    target.set_style(style(cell, theme));
}

/// Joiners and variation selectors change the width of a character in some terminals and
/// not in others, which would move all that follows: only what stands before them is drawn.
fn undisputed(text: &str) -> &str {
    text.split(disputes_width).next().unwrap_or("")
}

fn style(cell: &Cell, theme: &Theme) -> Style {
    let mut style = Style::new();
    style.fg = color(cell.fg, theme);
    style.bg = color(cell.bg, theme);
    let modifiers = [
        (cell.bold, Modifier::BOLD),
        (cell.dim, Modifier::DIM),
        (cell.italic, Modifier::ITALIC),
        (cell.underline, Modifier::UNDERLINED),
        (cell.inverse, Modifier::REVERSED),
    ];
    for (on, modifier) in modifiers {
        if on {
            style = style.add_modifier(modifier);
        }
    }
    style
}

/// None leaves what the theme's surface has.
fn color(color: TermColor, theme: &Theme) -> Option<Color> {
    let color = match color {
        TermColor::Default => return None,
        TermColor::Indexed(n) => Color::Indexed(n),
        TermColor::Rgb(r, g, b) => Color::Rgb(r, g, b),
    };
    theme.depth.map(color)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_screen_too_high_is_in_view() {
        let mut screen = Screen::new(20, 10, 0);
        screen.process(b"one\r\ntwo");
        assert_eq!(first_row(&screen, 4), 0);
        screen.process(b"\r\n3\r\n4\r\n5\r\n6");
        assert_eq!(first_row(&screen, 4), 2);
        assert_eq!(first_row(&screen, 10), 0);
    }
}
