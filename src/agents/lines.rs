//! Cuts a terminal's output into lines of plain text, however it arrives.
//!
//! Escape sequences and control characters are dropped, `\r\n` and `\n` end a line, a lone
//! `\r` starts it anew (as a progress bar does). A line longer than [`MAX_LINE`] is dropped
//! whole. A string sequence (OSC, DCS) that is never ended is given up at the next newline,
//! since the lines after it are worth more than its rest.

use memchr::memchr3;

/// Bytes; an agent's tool results fit, an endless line does not.
pub const MAX_LINE: usize = 4 << 20;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// After ESC and an intermediate byte: one more ends it.
    EscapeMore,
    Csi,
    /// In an OSC, DCS, APC, PM or SOS.
    String,
    /// In one of those, after ESC.
    StringEscape,
}

#[derive(Debug, Default)]
pub struct Lines {
    state: State,
    line: Vec<u8>,
    /// A `\r` came last: a newline ends the line, anything else starts it anew.
    carriage: bool,
    too_long: bool,
}

impl Lines {
    /// Calls `each` with every line that `bytes` complete.
    pub fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(&str)) {
        let mut rest = bytes;
        while let Some(byte) = rest.first().copied() {
            if self.state == State::Text {
                let run = memchr3(b'\n', b'\r', 0x1b, rest).unwrap_or(rest.len());
                if run > 0 {
                    self.text(&rest[..run]);
                    rest = &rest[run..];
                    continue;
                }
            }
            rest = &rest[1..];
            self.control(byte, &mut each);
        }
    }

    /// What stands after the last newline.
    pub fn rest(&mut self) -> Option<String> {
        if self.too_long || self.line.is_empty() {
            return None;
        }
        Some(clean(&std::mem::take(&mut self.line)))
    }

    /// The line that is not ended yet, as far as it came.
    pub fn begun(&self) -> Option<&[u8]> {
        Some(self.line.trim_ascii_start()).filter(|line| !line.is_empty())
    }

    fn text(&mut self, run: &[u8]) {
        if std::mem::take(&mut self.carriage) {
            self.line.clear();
            self.too_long = false;
        }
        if self.too_long || self.line.len() + run.len() > MAX_LINE {
            self.too_long = true;
            self.line = Vec::new();
        } else {
            self.line.extend_from_slice(run);
        }
    }

    fn control(&mut self, byte: u8, each: &mut impl FnMut(&str)) {
        self.state = match (self.state, byte) {
            (_, b'\n') => {
                self.end(each);
                State::Text
            }
            // CAN and SUB end any sequence.
            (State::Escape | State::EscapeMore | State::Csi | State::String, 0x18 | 0x1a) => {
                State::Text
            }
            (State::Text, b'\r') => {
                self.carriage = true;
                State::Text
            }
            (State::Text, 0x1b) | (State::Escape | State::EscapeMore | State::Csi, 0x1b) => {
                State::Escape
            }
            (State::Text, _) => State::Text,
            (State::Escape, b'[') => State::Csi,
            (State::Escape, b']' | b'P' | b'X' | b'^' | b'_') => State::String,
            (State::Escape | State::EscapeMore, 0x20..=0x2f) => State::EscapeMore,
            (State::Escape | State::EscapeMore, _) => State::Text,
            (State::Csi, 0x40..=0x7e) => State::Text,
            (State::Csi, _) => State::Csi,
            (State::String | State::StringEscape, 0x07) => State::Text,
            (State::String, 0x1b) => State::StringEscape,
            (State::String, _) => State::String,
            (State::StringEscape, b'\\') => State::Text,
            (State::StringEscape, b'[') => State::Csi,
            (State::StringEscape, b']' | b'P' | b'X' | b'^' | b'_') => State::String,
            (State::StringEscape, 0x1b) => State::StringEscape,
            (State::StringEscape, _) => State::Text,
        };
    }

    fn end(&mut self, each: &mut impl FnMut(&str)) {
        self.carriage = false;
        if !std::mem::take(&mut self.too_long) {
            each(&clean(&self.line));
        }
        if self.line.capacity() > 64 << 10 {
            self.line = Vec::new();
        } else {
            self.line.clear();
        }
    }
}

fn clean(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    if text.contains(|c: char| c.is_control() && c != '\t') {
        text.chars().filter(|c| !c.is_control() || *c == '\t').collect()
    } else {
        text.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(bytes: &[u8], chunk: usize) -> Vec<String> {
        let mut lines = Lines::default();
        let mut out = Vec::new();
        for part in bytes.chunks(chunk) {
            lines.feed(part, |line| out.push(line.to_owned()));
        }
        out.extend(lines.rest());
        out
    }

    #[test]
    fn strips_and_splits() {
        for (bytes, expected) in [
            (&b"a\r\nb\nc"[..], vec!["a", "b", "c"]),
            (b"\x1b[1;31mred\x1b[0m\r\n", vec!["red"]),
            (b"\x1b]7501;state=working:app=x\x07{\"a\":1}\r\n", vec!["{\"a\":1}"]),
            (b"\x1b]0;t\x1b\\x\n", vec!["x"]),
            (b"\x1b(Bx\x1b7y\n", vec!["xy"]),
            (b"10%\r20%\r30%\r\nok\n", vec!["30%", "ok"]),
            (b"\x1b]never ended\nnext\n", vec!["", "next"]),
            (b"\x1bPq#0\x1b\\x\n", vec!["x"]),
            ("ä\u{7}é\n".as_bytes(), vec!["äé"]),
        ] {
            for chunk in [1, 2, 3, 100] {
                assert_eq!(cut(bytes, chunk), expected, "{:?}", String::from_utf8_lossy(bytes));
            }
        }
    }

    #[test]
    fn drops_an_endless_line_and_goes_on() {
        let mut bytes = vec![b'x'; MAX_LINE + 10];
        bytes.extend_from_slice(b"\nok\n");
        assert_eq!(cut(&bytes, 65_536), vec!["ok"]);
        assert_eq!(cut(&bytes, bytes.len()), vec!["ok"]);
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(
            bytes in proptest::collection::vec(
                prop_oneof![Just(0x1b), Just(b'\n'), Just(b'\r'), Just(b']'), Just(7u8), any::<u8>()],
                0..200,
            ),
            chunk in 1usize..50,
        ) {
            prop_assert_eq!(cut(&bytes, chunk), cut(&bytes, bytes.len().max(1)));
        }
    }
}
