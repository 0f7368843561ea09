//! Whether all pasts have the cursor in one column. Two that came to the same do not show it:
//! where text wraps and tabs jump, the first and the last column may meet, and another not.

use crate::term::modes::is_plain;
use crate::term::token::{Sink, Span, Tokenizer};

pub struct Anchor {
    tokens: Tokenizer,
    column: Column,
}

struct Column {
    known: bool,
    /// The saved one is, too.
    saved: bool,
}

impl Anchor {
    /// At `pos`, between two tokens, where cursor and saved cursor are known or not.
    pub fn new(pos: u64, known: bool, saved: bool) -> Self {
        Self { tokens: Tokenizer::at(pos), column: Column { known, saved } }
    }

    pub fn feed(&mut self, bytes: &[u8]) {
        self.tokens.feed(bytes, &mut self.column);
    }

    pub fn holds(&self) -> bool {
        self.column.known
    }
}

impl Sink for Column {
    fn text(&mut self, bytes: &[u8]) {
        // Lines come whole, with their ends.
        self.known |= memchr::memchr(b'\r', bytes).is_some();
    }

    fn control(&mut self, byte: u8) {
        self.known |= byte == b'\r';
    }

    fn esc(&mut self, intermediates: &[u8], last: u8, _: Span) {
        match (intermediates, last) {
            ([], b'7') => self.saved = self.known,
            ([], b'8') => self.known = self.saved,
            _ => {}
        }
    }

    fn csi(&mut self, raw: &[u8], last: u8, _: Span) {
        match last {
            b'H' | b'f' if is_plain(raw) => self.known = true,
            b's' => self.saved = self.known,
            b'u' => self.known = self.saved,
            // Modes that save and restore it, or move it.
            b'h' | b'l' if raw.starts_with(b"?") && !self.saved => self.known = false,
            _ => {}
        }
    }

    fn osc(&mut self, _: &[u8], _: bool, _: bool) {}
    fn dcs(&mut self, _: &[u8], _: bool) {}
}
