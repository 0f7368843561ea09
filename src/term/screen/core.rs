//! What receives the tokens of a screen and feeds the emulator, with what it lacks filled in.

use super::Past;
use crate::term::follower::Known;
use crate::term::modes::{Effect, Modes, is_plain};
use crate::term::token::{Sink, Span, open_char, params};
use std::fmt::Write as _;
use std::io::Write as _;
use std::num::NonZeroU16;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// All but the tokenizer, so that it can be the tokenizer's sink.
pub struct Core {
    pub parser: vt100::Parser,
    pub scrollback: usize,
    pub modes: Modes,
    /// Bytes for the emulator, not yet given to it.
    pub out: Vec<u8>,
    pub faults: u64,
}

/// Given to the emulator in pieces of about this many bytes.
const PIECE: usize = 16 << 10;

impl Past {
    /// A character that no program prints.
    fn mark(self) -> char {
        match self {
            Self::Low => '\u{10fffd}',
            Self::High => '\u{10fffc}',
        }
    }
}

pub fn at_least_one(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).unwrap_or(NonZeroU16::MIN)
}

impl Core {
    pub fn size(&self) -> (u16, u16) {
        let (rows, cols) = self.parser.screen().size();
        (cols.get(), rows.get())
    }

    pub fn copy(&self) -> Self {
        let (rows, cols) = self.parser.screen().size();
        let mut parser = vt100::Parser::new(rows, cols, self.scrollback);
        *parser.screen_mut() = self.parser.screen().clone();
        Self {
            parser,
            scrollback: self.scrollback,
            modes: self.modes.clone(),
            out: Vec::new(),
            faults: self.faults,
        }
    }

    /// An unfinished character at the end waits for the rest: the emulator may take one
    /// split between two calls for something else.
    pub fn flush(&mut self) {
        let len = self.out.len() - open_char(&self.out);
        if len == 0 {
            return;
        }
        let (parser, out) = (&mut self.parser, &self.out[..len]);
        if catch_unwind(AssertUnwindSafe(|| parser.process(out))).is_err() {
            self.faults += 1;
            let (cols, rows) = self.size();
            self.parser =
                vt100::Parser::new(at_least_one(rows), at_least_one(cols), self.scrollback);
            if self.modes.alternate {
                self.parser.process(b"\x1b[?1049h");
            }
            self.parser.process(&self.modes.bytes(rows));
        }
        self.out.drain(..len);
    }

    pub fn push(&mut self, bytes: &[u8]) {
        if self.out.len() + bytes.len() > PIECE {
            self.flush();
        }
        self.out.extend_from_slice(bytes);
    }

    /// The saved cursor and its pen. Only restoring it shows it: of a copy.
    pub fn saved(&self) -> ((u16, u16), String) {
        let mut copy = self.copy();
        copy.parser.process(b"\x1b8");
        let screen = copy.parser.screen();
        (screen.cursor_position(), screen.attributes_formatted())
    }

    /// The cursor's place, with the wrap that is pending; the pen is lost.
    pub fn place_cursor(&self, out: &mut String) {
        let screen = self.parser.screen();
        let hidden = if screen.hide_cursor() { "\x1b[?25l" } else { "\x1b[?25h" };
        out.push_str("\x1b[0m");
        let state = screen.cursor_state_formatted();
        out.push_str(state.strip_prefix(hidden).unwrap_or(&state));
    }

    /// Overwrites the active screen with cells and a cursor that stand for one end
    /// of all that could have been there.
    pub fn fill(&mut self, past: Past) {
        let (cols, rows) = self.size();
        let mark = past.mark();
        let mut text = String::from("\x1b[r\x1b[?6l\x1b[0;3;7;38;2;1;2;3m\x1b[2J\x1b[H");
        let line: String = std::iter::repeat_n(mark, usize::from(cols)).collect();
        for row in 1..=rows {
            let _ = write!(text, "\x1b[{row};1H{line}");
        }
        if past == Past::High {
            // A cursor restored without having been saved since is a difference, too.
            text.push_str("\x1b7");
        }
        self.parser.screen_mut().set_scrollback(0);
        self.push(text.as_bytes());
        let (rows, modes) = (rows, self.modes.bytes(rows));
        self.push(&modes);
        let page = *self.modes.page();
        let (top, bottom) = page.region.filter(|_| page.origin).unwrap_or((1, rows));
        match past {
            Past::Low => self.push(b"\x1b[1;1H"),
            Past::High => {
                let place = format!("\x1b[{};{cols}H", bottom - top + 1);
                self.push(place.as_bytes());
            }
        }
        self.flush();
    }

    /// As [`Self::fill`], but for what is known.
    pub fn fill_unknown(&mut self, past: Past, known: &Known) {
        let mut text = String::from("\x1b[r\x1b[?6l\x1b[?7h\x1b[0;3;7;38;2;1;2;3m");
        let screen = self.parser.screen();
        let split = |row: usize, col: u16| {
            screen.cell(row as u16, col).is_some_and(vt100::Cell::is_wide_continuation)
        };
        for (row, &(from, to)) in known.unknown.iter().enumerate().filter(|(_, s)| s.0 < s.1) {
            // Half of a wide character that was written over takes the other half along.
            let from = from - u16::from(split(row, from));
            let to = to + u16::from(split(row, to));
            let _ = write!(text, "\x1b[{};{}H", row + 1, from + 1);
            text.extend(std::iter::repeat_n(past.mark(), usize::from(to - from)));
        }
        match (known.place.saved, past) {
            (Some((row, col)), _) => {
                let pen = self.modes.saved_pen.sgr();
                let _ = write!(text, "{pen}\x1b[{};{}H\x1b7", row + 1, col + 1);
            }
            // A cursor restored without having been saved since is a difference, too.
            (None, Past::High) => text.push_str("\x1b[H\x1b7"),
            (None, Past::Low) => {}
        }
        self.parser.screen_mut().set_scrollback(0);
        self.push(text.as_bytes());
        let (_, rows) = self.size();
        let modes = self.modes.bytes(rows);
        self.push(&modes);
        let (row, col) = known.place.cursor;
        self.push(format!("\x1b[{};{}H", row + 1, col + 1).as_bytes());
        self.flush();
    }

    fn column(&mut self) -> u16 {
        self.flush();
        self.parser.screen().cursor_position().1
    }

    /// With autowrap off, what would wrap overwrites the last column instead.
    fn text_without_wrap(&mut self, bytes: &[u8]) {
        let (cols, _) = self.size();
        for &byte in bytes {
            // The first byte of a character, or all of it.
            let first = (0x20..0x80).contains(&byte) || byte >= 0xc0;
            if first && self.column() >= cols {
                self.push(format!("\x1b[{cols}G").as_bytes());
            }
            self.push(&[byte]);
        }
    }
}

/// The line-drawing set, from 0x5f to 0x7e.
const DRAWING: [&str; 32] = [
    " ", "◆", "▒", "␉", "␌", "␍", "␊", "°", "±", "␤", "␋", "┘", "┐", "┌", "└", "┼", "⎺", "⎻", "─",
    "⎼", "⎽", "├", "┤", "┴", "┬", "│", "≤", "≥", "π", "≠", "£", "·",
];

impl Sink for Core {
    fn text(&mut self, bytes: &[u8]) {
        if self.modes.line_drawing() {
            let mut drawn = Vec::with_capacity(bytes.len() * 3);
            for byte in bytes {
                match byte {
                    0x5f..=0x7e => {
                        drawn.extend_from_slice(DRAWING[usize::from(byte - 0x5f)].as_bytes());
                    }
                    _ => drawn.push(*byte),
                }
            }
            self.draw(&drawn);
        } else {
            self.draw(bytes);
        }
    }

    fn control(&mut self, byte: u8) {
        self.modes.control(byte);
    }

    fn esc(&mut self, intermediates: &[u8], last: u8, _: Span) {
        let effect = self.modes.esc(intermediates, last);
        match (intermediates, last) {
            ([], b'D') => self.push(b"\n"),
            ([], b'E') => self.push(b"\r\n"),
            ([], b'7' | b'8' | b'=' | b'>' | b'M' | b'c') => self.push(&[0x1b, last]),
            _ => {}
        }
        debug_assert!(effect != Effect::Switch);
    }

    fn csi(&mut self, raw: &[u8], last: u8, _: Span) {
        let (_, rows) = self.size();
        if last == b'm' && is_plain(raw) {
            if self.modes.sgr(raw) {
                self.pass(raw, last);
            } else {
                let sgr = self.modes.pen.sgr();
                self.push(sgr.as_bytes());
            }
            return;
        }
        self.modes.csi(raw, last, rows);
        let first = || params(raw).next().flatten().unwrap_or(1).max(1);
        match (raw.first(), last) {
            (None, b's') => self.push(b"\x1b7"),
            (None, b'u') => self.push(b"\x1b8"),
            (Some(b'?'), b'h' | b'l') => {
                for number in params(&raw[1..]).flatten() {
                    self.private(number, last);
                }
            }
            (Some(b'!'), b'p') => {
                let reset = self.modes.input_bytes() + "\x1b[0m";
                self.push(reset.as_bytes());
            }
            (_, b'Z') if is_plain(raw) => {
                let column = self.column();
                let stops = first().min(column.div_ceil(8));
                let target = (column.div_ceil(8) - stops) * 8 + 1;
                self.push(format!("\x1b[{target}G").as_bytes());
            }
            (_, b'I') if is_plain(raw) => {
                let tabs = usize::from(first().min(self.size().0));
                self.push(&b"\t".repeat(tabs));
            }
            (_, b'a') if is_plain(raw) => self.pass(raw, b'C'),
            (_, b'A' | b'B' | b'd' | b'e') if is_plain(raw) => {
                // A wrap that is pending does not go up or down with the cursor.
                let (cols, _) = self.size();
                if self.column() >= cols {
                    self.push(format!("\x1b[{cols}G").as_bytes());
                }
                self.pass(raw, if last == b'e' { b'B' } else { last });
            }
            (_, b'b') if is_plain(raw) => {
                // More than a screenful repeats nothing but time.
                let (cols, rows) = self.size();
                let most = u32::from(cols) * (u32::from(rows) + 1);
                let count = u32::from(first()).min(most);
                self.push(format!("\x1b[{count}b").as_bytes());
            }
            _ => self.pass(raw, last),
        }
    }

    fn osc(&mut self, payload: &[u8], _: bool, truncated: bool) {
        if !truncated {
            self.modes.osc(payload);
        }
    }

    fn dcs(&mut self, _: &[u8], _: bool) {}
}

impl Core {
    fn draw(&mut self, bytes: &[u8]) {
        if self.modes.autowrap {
            self.push(bytes);
        } else {
            self.text_without_wrap(bytes);
        }
    }

    fn pass(&mut self, raw: &[u8], last: u8) {
        self.push(b"\x1b[");
        self.push(raw);
        self.push(&[last]);
    }

    fn private(&mut self, number: u16, last: u8) {
        match (number, last) {
            (1047, b'h') => self.push(b"\x1b[?47h"),
            (1047, _) => self.push(b"\x1b[?47l"),
            (1048, b'h') => self.push(b"\x1b7"),
            (1048, _) => self.push(b"\x1b8"),
            _ => {
                let _ = write!(self.out, "\x1b[?{number}{}", char::from(last));
            }
        }
    }
}
