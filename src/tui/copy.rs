//! Looking back through a terminal: a cursor with vim's motions, a search, and a selection.
//!
//! Lines are counted from the lowest one of the screen, upwards. What the agent prints
//! meanwhile is held back ([`Focus::bytes`](super::focus::Focus::bytes)), so that no line
//! changes its number.

use crate::term::Screen;

/// A place: the line counted from below, and the column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub up: usize,
    pub column: u16,
}

/// Where the cursor is, and what is chosen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Copy {
    pub at: Place,
    /// Where the selection began.
    pub anchor: Option<Place>,
    /// Whole lines are chosen.
    pub lines: bool,
    /// What was searched for last.
    pub search: String,
}

impl Copy {
    /// From the first place to the last, in the order of reading.
    fn ends(&self) -> Option<(Place, Place)> {
        let anchor = self.anchor?;
        let order = |place: &Place| (std::cmp::Reverse(place.up), place.column);
        let (first, last) =
            if order(&anchor) <= order(&self.at) { (anchor, self.at) } else { (self.at, anchor) };
        Some((first, last))
    }

    /// Whether the selection covers a cell.
    pub fn covers(&self, up: usize, column: u16) -> bool {
        let Some((first, last)) = self.ends() else { return false };
        if up > first.up || up < last.up {
            return false;
        }
        self.lines
            || ((up < first.up || column >= first.column)
                && (up > last.up || column <= last.column))
    }
}

/// A screen with all its lines within reach; puts the view back where it was.
pub struct Reader<'a> {
    screen: &'a mut Screen,
    back: usize,
    rows: usize,
    /// Lines there are.
    pub all: usize,
}

impl<'a> Reader<'a> {
    pub fn new(screen: &'a mut Screen) -> Self {
        let back = screen.scrollback();
        let rows = usize::from(screen.size().1);
        screen.set_scrollback(usize::MAX);
        let all = screen.scrollback() + rows;
        screen.set_scrollback(back);
        Self { screen, back, rows, all }
    }

    /// Brings a line into the view: its row there.
    fn turn(&mut self, up: usize) -> u16 {
        let scroll = up.saturating_sub(self.rows.saturating_sub(1));
        self.screen.set_scrollback(scroll);
        (self.rows - 1).saturating_sub(up - scroll) as u16
    }

    /// A line's text from a column to another one, and whether it goes on in the next.
    pub fn text(&mut self, up: usize, from: u16, to: u16) -> (String, bool) {
        let row = self.turn(up);
        let last = self.screen.size().0.saturating_sub(1).min(to);
        let mut text = String::new();
        for column in from..=last {
            let cell = self.screen.cell(row, column);
            if !cell.continuation {
                text.push_str(if cell.text.is_empty() { " " } else { cell.text });
            }
        }
        let whole = last + 1 == self.screen.size().0;
        let wrapped = whole && self.screen.row_wrapped(row);
        if !wrapped {
            text.truncate(text.trim_end_matches(' ').len());
        }
        (text, wrapped)
    }

    /// What stands in each column of a line; nothing behind a wide character.
    fn cells(&mut self, up: usize) -> Vec<Option<char>> {
        let row = self.turn(up);
        let cell = |column| {
            let cell = self.screen.cell(row, column);
            let c = cell.text.chars().next().unwrap_or(' ');
            (!cell.continuation).then_some(c)
        };
        (0..self.screen.size().0).map(cell).collect()
    }

    /// What is chosen, as it was printed: a line that only the width had broken is one.
    pub fn chosen(&mut self, copy: &Copy) -> String {
        let Some((first, last)) = copy.ends() else { return String::new() };
        let mut out = String::new();
        for up in (last.up..=first.up).rev() {
            let from = if copy.lines || up != first.up { 0 } else { first.column };
            let to = if copy.lines || up != last.up { u16::MAX } else { last.column };
            let (text, wrapped) = self.text(up, from, to);
            out.push_str(&text);
            if up != last.up && !wrapped {
                out.push('\n');
            }
        }
        out
    }

    /// The next line with the text, upwards or downwards from a place; small letters find
    /// large ones, too.
    pub fn find(&mut self, text: &str, from: Place, upwards: bool) -> Option<Place> {
        let any_case = !text.chars().any(char::is_uppercase);
        let hit = |reader: &mut Self, up: usize| -> Option<Place> {
            let cells = reader.cells(up);
            let line: Vec<(u16, char)> =
                (0..).zip(cells).filter_map(|(column, cell)| cell.map(|c| (column, c))).collect();
            let wanted: Vec<char> = text.chars().collect();
            let same =
                |a: char, b: char| a == b || (any_case && a.to_lowercase().eq(b.to_lowercase()));
            let at = line
                .windows(wanted.len().max(1))
                .position(|window| window.iter().zip(&wanted).all(|((_, a), b)| same(*a, *b)))?;
            Some(Place { up, column: line[at].0 })
        };
        if text.is_empty() {
            return None;
        }
        let mut lines: Box<dyn Iterator<Item = usize>> = if upwards {
            Box::new(from.up + 1..self.all)
        } else {
            Box::new((0..from.up.min(self.all)).rev())
        };
        lines.find_map(|up| hit(self, up))
    }

    /// The beginning of the next word, or of the one before.
    pub fn word(&mut self, from: Place, forward: bool) -> Place {
        let mut place = from;
        let mut begins = self.begins(place.up);
        loop {
            let found = if forward {
                begins.iter().copied().find(|column| *column > place.column)
            } else {
                begins.iter().copied().rfind(|column| *column < place.column)
            };
            if let Some(column) = found {
                return Place { column, ..place };
            }
            let next = if forward { place.up.checked_sub(1) } else { Some(place.up + 1) };
            let Some(up) = next.filter(|up| *up < self.all) else { return place };
            begins = self.begins(up);
            if forward {
                let column = begins.first().copied().unwrap_or(0);
                return Place { up, column };
            }
            place = Place { up, column: u16::MAX };
            if begins.is_empty() {
                return Place { up, column: 0 };
            }
        }
    }

    /// The columns where words begin.
    fn begins(&mut self, up: usize) -> Vec<u16> {
        let mut before = ' ';
        let mut list = Vec::new();
        for (column, cell) in (0..).zip(self.cells(up)) {
            let Some(c) = cell else { continue };
            if before == ' ' && c != ' ' {
                list.push(column);
            }
            before = c;
        }
        list
    }

    /// The last column of a line that something stands in.
    pub fn end(&mut self, up: usize) -> u16 {
        let cells = self.cells(up);
        cells.iter().rposition(|cell| cell.is_some_and(|c| c != ' ')).unwrap_or(0) as u16
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.screen.set_scrollback(self.back);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen() -> Screen {
        let mut screen = Screen::new(10, 3, 100);
        screen.process("one two\r\n漢字 Four\r\nthis is long text\r\nlast".as_bytes());
        screen
    }

    fn at(up: usize, column: u16) -> Place {
        Place { up, column }
    }

    #[test]
    fn a_selection_is_what_was_printed() {
        let mut screen = screen();
        let mut reader = Reader::new(&mut screen);
        assert_eq!(reader.all, 5);
        let mut copy = Copy { at: at(0, 2), anchor: Some(at(4, 4)), ..Copy::default() };
        assert_eq!(reader.chosen(&copy), "two\n漢字 Four\nthis is long text\nlas");
        assert!(copy.covers(4, 4) && !copy.covers(4, 3) && copy.covers(2, 9) && !copy.covers(0, 3));
        copy.lines = true;
        assert_eq!(reader.chosen(&copy), "one two\n漢字 Four\nthis is long text\nlast");
        // Backwards it is the same.
        let back = Copy { at: at(4, 4), anchor: Some(at(4, 6)), ..Copy::default() };
        assert_eq!(reader.chosen(&back), "two");
        drop(reader);
        assert_eq!(screen.scrollback(), 0);
    }

    #[test]
    fn words_and_searches() {
        let mut screen = screen();
        let mut reader = Reader::new(&mut screen);
        assert_eq!(reader.word(at(4, 0), true), at(4, 4));
        assert_eq!(reader.word(at(4, 4), true), at(3, 0));
        assert_eq!(reader.word(at(3, 0), true), at(3, 5));
        assert_eq!(reader.word(at(3, 0), false), at(4, 4));
        assert_eq!(reader.word(at(4, 0), false), at(4, 0));
        assert_eq!(reader.end(4), 6);
        assert_eq!(reader.find("four", at(0, 0), true), Some(at(3, 5)));
        assert_eq!(reader.find("four", at(3, 0), true), None);
        assert_eq!(reader.find("FOUR", at(0, 0), true), None);
        assert_eq!(reader.find("last", at(3, 0), false), Some(at(0, 0)));
        assert_eq!(reader.find("", at(3, 0), false), None);
    }
}
