//! Writing into a buffer so that nothing can go wrong: never outside the area, never a
//! control character, never half a wide one.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};
use std::borrow::Cow;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Control characters and those that turn the direction of text become blanks.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().any(|c| unsafe_char(c) || disputes_width(c)) {
        let kept = text.chars().filter(|c| !disputes_width(*c));
        Cow::Owned(kept.map(|c| if unsafe_char(c) { ' ' } else { c }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// True for what makes the character before it wider, or joins it to the next one, in some
/// terminals and not in others.
pub fn disputes_width(c: char) -> bool {
    matches!(c, '\u{200d}' | '\u{fe0e}' | '\u{fe0f}' | '\u{20e3}' | '\u{1f3fb}'..='\u{1f3ff}')
}

fn unsafe_char(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
        || c == '\u{feff}'
}

/// As much of the text as fits, with an ellipsis where something is left out.
pub fn fit(text: &str, width: usize) -> Cow<'_, str> {
    let text = clean(text);
    if text.width() <= width {
        return text;
    }
    if width == 0 {
        return Cow::Borrowed("");
    }
    let mut used = 0;
    let mut end = 0;
    for (at, c) in text.char_indices() {
        let w = c.width().unwrap_or(0);
        if used + w > width - 1 {
            break;
        }
        used += w;
        end = at + c.len_utf8();
    }
    Cow::Owned(format!("{}…", &text[..end]))
}

/// As much of the end of a path as fits: the file's name tells more than its directory.
pub fn fit_path(text: &str, width: usize) -> Cow<'_, str> {
    let text = clean(text);
    if text.width() <= width || !text.contains('/') || text.contains(' ') || width < 4 {
        return text;
    }
    let mut used = 0;
    let mut start = text.len();
    for (at, c) in text.char_indices().rev() {
        let w = c.width().unwrap_or(0);
        if used + w > width - 1 {
            break;
        }
        used += w;
        start = at;
    }
    Cow::Owned(format!("…{}", &text[start..]))
}

/// The text in lines of so many columns; what is left over stands in the last one, to be cut.
pub fn wrap(text: &str, width: usize, most: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    let mut lines = 0;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        lines += 1;
        let mut used = 0;
        let fits = |(_, c): &(usize, char)| {
            used += c.width().unwrap_or(0);
            used <= width
        };
        let end =
            rest.char_indices().take_while(fits).last().map_or(0, |(at, c)| at + c.len_utf8());
        if lines == most || end == 0 || end == rest.len() {
            return Some(std::mem::take(&mut rest));
        }
        // A word is not parted, but one that fills most of a line.
        let end = rest[..end].rfind(' ').filter(|at| at * 2 > end).map_or(end, |at| at + 1);
        let (line, after) = rest.split_at(end);
        rest = after;
        Some(line)
    })
}

/// A place in a row that moves to the right as it writes.
pub struct Pen<'a> {
    buffer: &'a mut Buffer,
    x: u16,
    end: u16,
    y: u16,
}

impl<'a> Pen<'a> {
    /// Writes in one row of `area`, counted from its top.
    pub fn new(buffer: &'a mut Buffer, area: Rect, row: u16) -> Self {
        let area = area.intersection(*buffer.area());
        let inside = row < area.height;
        let end = if inside { area.right() } else { area.left() };
        Self { buffer, x: area.left(), end, y: area.top().saturating_add(row) }
    }

    pub fn left(&self) -> usize {
        usize::from(self.end.saturating_sub(self.x))
    }

    pub fn skip(&mut self, columns: usize) -> &mut Self {
        self.x = self.x.saturating_add(columns.min(self.left()) as u16);
        self
    }

    /// As much as fits.
    pub fn put(&mut self, text: &str, style: impl Into<Style>) -> &mut Self {
        let width = self.left();
        self.cell(text, width, style);
        self
    }

    /// At most `width` columns; moves on by what was written.
    fn cell(&mut self, text: &str, width: usize, style: impl Into<Style>) {
        if width == 0 {
            return;
        }
        let text = fit(text, width.min(self.left()));
        let (x, _) = self.buffer.set_stringn(self.x, self.y, &text, self.left(), style);
        self.x = x;
    }

    /// Exactly `width` columns, text on the left.
    pub fn column(&mut self, text: &str, width: usize, style: impl Into<Style>) -> &mut Self {
        let width = width.min(self.left());
        let end = self.x + width as u16;
        self.cell(text, width, style);
        self.x = end;
        self
    }

    /// Exactly `width` columns, text on the right.
    pub fn right(&mut self, text: &str, width: usize, style: impl Into<Style>) -> &mut Self {
        let width = width.min(self.left());
        let end = self.x + width as u16;
        let text = fit(text, width);
        self.x += (width - text.width()) as u16;
        self.cell(&text, width, style);
        self.x = end;
        self
    }
}

/// The rows of `area` from `row` on.
pub fn below(area: Rect, row: u16) -> Rect {
    let row = row.min(area.height);
    Rect { y: area.y + row, height: area.height - row, ..area }
}

/// Clears an area to a style.
pub fn fill(buffer: &mut Buffer, area: Rect, style: Style) {
    let area = area.intersection(*buffer.area());
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            let cell = &mut buffer[(x, y)];
            cell.reset();
            cell.set_style(style);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits_wide_text_and_drops_controls() {
        assert_eq!(fit("漢字漢字", 5), "漢字…");
        assert_eq!(fit("漢字漢字", 4), "漢…");
        assert_eq!(fit("abc", 3), "abc");
        assert_eq!(fit("abcd", 1), "…");
        assert_eq!(fit("a\x1b[31mb\u{202e}", 20), "a [31mb ");
        assert_eq!(fit("x", 0), "");
        assert_eq!(fit_path("src/auth/token.rs", 10), "…/token.rs");
        assert_eq!(fit_path("read a/b", 4), "read a/b");
    }

    #[test]
    fn never_leaves_its_area() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 2));
        let area = Rect::new(1, 0, 4, 9);
        Pen::new(&mut buffer, area, 0).column("漢字漢字", 3, Style::new()).right(
            "123456",
            9,
            Style::new(),
        );
        Pen::new(&mut buffer, area, 7).put("nothing", Style::new());
        assert_eq!(buffer, Buffer::with_lines([" 漢…… ", "      "]).tap(&buffer));
    }

    trait Tap {
        fn tap(self, other: &Buffer) -> Buffer;
    }
    impl Tap for Buffer {
        fn tap(mut self, other: &Buffer) -> Buffer {
            self.area = other.area;
            self
        }
    }
}
