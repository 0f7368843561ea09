//! Which cells may have changed since the screen was last exact: what nothing touched can be
//! taken over from then, however much was printed in between. So a program that draws a
//! frame once and then changes one line of it for hours is followed as well as one that
//! redraws everything.
//!
//! It follows the cursor exactly, as the emulator moves it, through text, absolute and
//! relative moves and erasing. At the first thing that moves cells, or that it does not
//! know, everything may have changed, and nothing is followed before the cursor is placed
//! anew: output that scrolls costs nothing.
//!
//! What was touched is kept by stretches of the output, so that of a program that first
//! scrolls, or draws its frame, only that part has to be drawn.

use crate::term::modes::{Modes, is_plain};
use crate::term::token::{open_char, params};
use std::collections::VecDeque;
use unicode_width::UnicodeWidthChar as _;

/// A stretch is at least so many bytes long.
const STRETCH: u64 = 128 << 10;
/// So many stretches are told apart; the last one takes in all the rest.
const STRETCHES: usize = 32;

pub struct Touched {
    cols: u16,
    rows: u16,
    /// Row and column from 0; the column may be `cols`, where the next character wraps.
    /// None: not known, and the last stretch has touched everything.
    cursor: Option<(u16, u16)>,
    saved: Option<(u16, u16)>,
    /// Width of the last character, which may be repeated.
    last: Option<u16>,
    stretches: VecDeque<Stretch>,
    /// The beginning of a character whose rest is to come.
    open: Vec<u8>,
}

struct Stretch {
    start: u64,
    all: bool,
    /// For each row the columns `from..to` that may have changed.
    spans: Vec<(u16, u16)>,
}

/// Where the cursor is, and where it was saved if that is known: row, column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub cursor: (u16, u16),
    pub saved: Option<(u16, u16)>,
}

/// The part of a screen that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// For each row the columns that are not.
    pub unknown: Vec<(u16, u16)>,
    pub place: Place,
}

fn join(span: &mut (u16, u16), (from, to): (u16, u16)) {
    if from < to {
        *span = if span.0 < span.1 { (span.0.min(from), span.1.max(to)) } else { (from, to) };
    }
}

impl Touched {
    pub fn new() -> Self {
        Self {
            cols: 1,
            rows: 1,
            cursor: None,
            saved: None,
            last: None,
            stretches: VecDeque::new(),
            open: Vec::new(),
        }
    }

    /// The screen is exact at `pos`, between two tokens, with its cursor there.
    pub fn begin(&mut self, pos: u64, size: (u16, u16), cursor: (u16, u16), modes: &Modes) {
        (self.cols, self.rows) = size;
        (self.cursor, self.saved, self.last) = (Some(cursor), None, None);
        self.open.clear();
        self.stretches.truncate(1);
        match self.stretches.front_mut() {
            Some(first) => {
                (first.start, first.all) = (pos, false);
                first.spans.clear();
                first.spans.resize(usize::from(self.rows), (0, 0));
            }
            None => self.open_stretch(pos),
        }
        self.check(modes);
    }

    fn open_stretch(&mut self, start: u64) {
        let spans = vec![(0, 0); usize::from(self.rows)];
        self.stretches.push_back(Stretch { start, all: false, spans });
    }

    /// Nothing is known until the screen is exact again.
    pub fn stop(&mut self) {
        self.stretches.clear();
        self.lose();
    }

    /// Everything may have changed.
    pub fn lose(&mut self) {
        (self.cursor, self.saved) = (None, None);
        self.open.clear();
        if let Some(last) = self.stretches.back_mut() {
            last.all = true;
        }
    }

    /// Between two tokens: the cursor's place, if it can be returned to by its numbers alone.
    pub fn checkpoint(&mut self, pos: u64) -> Option<Place> {
        let numbers = |place: &(u16, u16)| place.1 < self.cols;
        let cursor = self.cursor.filter(numbers).filter(|_| self.open.is_empty())?;
        let place = Place { cursor, saved: self.saved.filter(numbers) };
        let last = self.stretches.back()?;
        if pos >= last.start + STRETCH && self.stretches.len() < STRETCHES {
            self.open_stretch(pos);
        }
        Some(place)
    }

    /// The screen shows all before `pos`.
    pub fn drawn(&mut self, pos: u64) {
        while self.stretches.get(1).is_some_and(|next| next.start <= pos) {
            self.stretches.pop_front();
        }
    }

    /// Where drawing would come to a later stretch.
    pub fn next(&self) -> Option<u64> {
        self.stretches.get(1).map(|next| next.start)
    }

    /// What is known at a place that [`Self::checkpoint`] gave, on the way to here.
    pub fn known(&self, place: Place) -> Option<Known> {
        let first = self.stretches.front()?;
        let mut unknown = first.spans.clone();
        for stretch in &self.stretches {
            if stretch.all {
                return None;
            }
            let both = unknown.iter_mut().zip(&stretch.spans);
            both.for_each(|(span, more)| join(span, *more));
        }
        Some(Known { unknown, place })
    }

    /// Scroll regions and what comes with them are not followed.
    fn check(&mut self, modes: &Modes) {
        let page = modes.page();
        if page.region.is_some() || page.origin {
            self.lose();
        }
    }

    fn touch(&mut self, row: u16, from: u16, to: u16) {
        let span = (from.min(self.cols), to.min(self.cols));
        let last = self.stretches.back_mut().filter(|last| !last.all);
        if let Some(place) = last.and_then(|last| last.spans.get_mut(usize::from(row))) {
            join(place, span);
        }
    }

    fn touch_rows(&mut self, rows: std::ops::Range<u16>) {
        for row in rows {
            self.touch(row, 0, self.cols);
        }
    }

    pub fn text(&mut self, bytes: &[u8], modes: &Modes) {
        if self.cursor.is_none() {
            return;
        }
        if self.open.is_empty() && bytes.is_ascii() {
            return self.ascii(bytes, modes);
        }
        let mut whole = std::mem::take(&mut self.open);
        whole.extend_from_slice(bytes);
        self.open = whole.split_off(whole.len() - open_char(&whole));
        let Ok(text) = std::str::from_utf8(&whole) else { return self.lose() };
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let ascii = rest.bytes().position(|byte| !byte.is_ascii()).unwrap_or(rest.len());
            let (piece, behind) = rest.split_at(ascii.max(c.len_utf8()));
            rest = behind;
            if ascii > 0 {
                self.ascii(piece.as_bytes(), modes);
                continue;
            }
            match c.width() {
                Some(width @ 1..) => self.put(width.min(2) as u16, modes),
                // Marks that join what stands before them may make it wider.
                Some(0) | None => self.lose(),
            }
        }
    }

    fn ascii(&mut self, bytes: &[u8], modes: &Modes) {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            let printed = rest.iter().take_while(|byte| (0x20..=0x7e).contains(*byte)).count();
            if printed > 0 {
                self.put_run(printed, modes);
                rest = &rest[printed..];
                continue;
            }
            rest = &rest[1..];
            let Some((row, col)) = self.cursor else { return };
            match byte {
                b'\r' => self.cursor = Some((row, 0)),
                b'\n' | 0x0b | 0x0c => self.line_feed(),
                0x08 => self.cursor = Some((row, col.saturating_sub(1))),
                b'\t' => self.cursor = Some((row, (col / 8 * 8 + 8).min(self.cols - 1))),
                _ => {}
            }
        }
    }

    /// So many characters of one column.
    fn put_run(&mut self, mut count: usize, modes: &Modes) {
        while let (1.., Some((row, col))) = (count, self.cursor) {
            let fits = usize::from(self.cols - col).min(count);
            if fits == 0 {
                self.put(1, modes);
                count -= 1;
                continue;
            }
            let end = col + fits as u16;
            self.touch(row, col, end);
            (self.cursor, self.last) = (Some((row, end)), Some(1));
            count -= fits;
        }
    }

    /// One character.
    fn put(&mut self, width: u16, modes: &Modes) {
        let Some((row, col)) = self.cursor.filter(|_| width <= self.cols) else { return };
        if col + width > self.cols {
            if modes.autowrap {
                self.cursor = Some((row, 0));
                self.line_feed();
            } else if width == 1 {
                self.cursor = Some((row, self.cols - 1));
            } else {
                self.lose();
            }
        }
        let Some((row, col)) = self.cursor else { return };
        self.touch(row, col, col + width);
        (self.cursor, self.last) = (Some((row, col + width)), Some(width));
    }

    fn line_feed(&mut self) {
        match self.cursor {
            Some((row, col)) if row + 1 < self.rows => self.cursor = Some((row + 1, col)),
            Some(_) | None => self.lose(),
        }
    }

    /// A sequence ends an unfinished character, in a way that need not be known.
    fn settle(&mut self) {
        if !self.open.is_empty() {
            self.lose();
        }
    }

    /// `modes` are those after it.
    pub fn esc(&mut self, intermediates: &[u8], last: u8, modes: &Modes) {
        self.settle();
        match (intermediates, last) {
            ([], b'7') => self.saved = self.cursor,
            ([], b'8') => self.restore(),
            ([], b'D') => self.line_feed(),
            ([], b'E') => {
                self.cursor = self.cursor.map(|(row, _)| (row, 0));
                self.line_feed();
            }
            ([], b'M' | b'c') => self.lose(),
            _ => {}
        }
        self.check(modes);
    }

    fn restore(&mut self) {
        match self.saved {
            Some(place) => self.cursor = Some(place),
            None => self.lose(),
        }
    }

    /// `modes` are those after it.
    pub fn csi(&mut self, raw: &[u8], last: u8, modes: &Modes) {
        if last == b'm' {
            return;
        }
        self.settle();
        let placed = matches!(last, b'H' | b'f') && is_plain(raw);
        match self.cursor {
            None if placed => self.sequence((0, 0), raw, last, modes),
            None => {}
            Some(place) => self.sequence(place, raw, last, modes),
        }
        self.check(modes);
    }

    fn sequence(&mut self, (row, col): (u16, u16), raw: &[u8], last: u8, modes: &Modes) {
        let mut list = params(raw);
        let first = list.next().flatten();
        let count = first.unwrap_or(1).max(1);
        let (cols, rows) = (self.cols, self.rows);
        // A wrap that is pending does not go up or down with the cursor.
        let inside = col.min(cols - 1);
        let mut to = |row: u16, col: u16| self.cursor = Some((row.min(rows - 1), col));
        match (raw.first(), last) {
            (None, b's') => self.saved = self.cursor,
            (None, b'u') => self.restore(),
            // What matters of them is seen in the modes, and another screen is a barrier; but
            // one of them saves and restores the cursor.
            (Some(b'?'), b'h' | b'l') => {
                if params(&raw[1..]).any(|number| number == Some(1048)) {
                    self.lose();
                }
            }
            // Answered by others, or of no account.
            (_, b'c' | b'n' | b'q' | b't') => {}
            _ if !is_plain(raw) => self.lose(),
            (_, b'H' | b'f') => {
                let second = list.next().flatten().unwrap_or(1).max(1);
                to(count - 1, second.min(cols) - 1);
            }
            (_, b'G' | b'`') => to(row, count.min(cols) - 1),
            (_, b'A') => to(row.saturating_sub(count), inside),
            (_, b'B' | b'e') => to(row.saturating_add(count), inside),
            (_, b'd') => to(count - 1, inside),
            (_, b'C' | b'a') => to(row, col.saturating_add(count).min(cols - 1)),
            (_, b'D') => to(row, col.saturating_sub(count)),
            (_, b'E') => to(row.saturating_add(count), 0),
            (_, b'F') => to(row.saturating_sub(count), 0),
            (_, b'b') => match self.last {
                // As often as the screen takes it.
                Some(width) => {
                    let most = u32::from(cols) * (u32::from(rows) + 1);
                    (0..most.min(count.into())).for_each(|_| self.put(width, modes));
                }
                None => self.lose(),
            },
            (_, b'X') => self.touch(row, col, col.saturating_add(count)),
            (_, b'@' | b'P') => self.touch(row, inside, cols),
            (_, b'K') => match first.unwrap_or(0) {
                0 => self.touch(row, inside, cols),
                1 => self.touch(row, 0, col + 1),
                _ => self.touch(row, 0, cols),
            },
            (_, b'J') => match first.unwrap_or(0) {
                0 => {
                    self.touch(row, inside, cols);
                    self.touch_rows(row + 1..rows);
                }
                1 => {
                    self.touch_rows(0..row);
                    self.touch(row, 0, col + 1);
                }
                _ => self.touch_rows(0..rows),
            },
            _ => self.lose(),
        }
    }
}
