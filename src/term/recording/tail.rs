//! The last lines that a program printed, as it printed them: no terminal's width breaks
//! them, and no viewer's size costs any.

use super::letters::Letters;
use super::{Chunk, Recording};
use crate::term::{
    lines::is_hidden,
    token::{Sink, Span, Tokenizer},
};
use std::{collections::VecDeque, io};

/// Bytes of the recording that are looked at, from its end.
const WINDOW: u64 = 1 << 20;
/// Rows kept while reading; a program that goes up further than this is not followed.
const ROWS: usize = 400;
/// Characters of a row; what is printed beyond is dropped.
const WIDTH: usize = 64 << 10;

/// The last `count` lines with text among the first `end` bytes, oldest first. What is
/// redrawn in place counts once, as it came to be: carriage returns, backspaces, erasing and
/// going up are honoured. What was drawn on the alternate screen is left out.
pub fn last_lines(recording: &Recording, end: u64, count: usize) -> io::Result<Vec<String>> {
    let end = end.min(recording.len());
    let from = end.saturating_sub(WINDOW);
    let mut tokens = Tokenizer::default();
    let mut page = Page { torn: from > 0, late: from > 0, ..Page::default() };
    for chunk in recording.chunks_between(from, end) {
        match chunk? {
            Chunk::Bytes { bytes, .. } => tokens.feed(&bytes, &mut page),
            Chunk::Cut(_) => {
                tokens = Tokenizer::default();
                page = Page { torn: true, late: true, ..Page::default() };
            }
        }
    }
    Ok(page.finish(count))
}

#[derive(Default)]
struct Page {
    rows: VecDeque<Vec<char>>,
    row: usize,
    col: usize,
    /// The first row has lost its beginning.
    torn: bool,
    /// Which of the two screens it began on is not known.
    late: bool,
    alternate: bool,
    letters: Letters,
}

impl Page {
    fn finish(mut self, count: usize) -> Vec<String> {
        self.settle();
        if self.torn && self.rows.len() > 1 {
            self.rows.pop_front();
        }
        let lines = self.rows.into_iter().map(String::from_iter);
        let lines: Vec<String> = lines
            .map(|line: String| line.trim_end().to_owned())
            .filter(|line| !line.trim_start().is_empty())
            .collect();
        let skip = lines.len().saturating_sub(count);
        lines.into_iter().skip(skip).collect()
    }

    /// The row the cursor is in, made if it is not there.
    fn line(&mut self) -> &mut Vec<char> {
        while self.rows.len() <= self.row {
            if self.rows.len() >= ROWS {
                self.rows.pop_front();
                self.row = self.row.saturating_sub(1);
                self.torn = false;
            }
            self.rows.push_back(Vec::new());
        }
        let row = self.row;
        &mut self.rows[row]
    }

    fn put(&mut self, c: char) {
        if self.alternate || (is_hidden(c) && c != '\t') {
            return;
        }
        let col = self.col;
        if col >= WIDTH {
            return;
        }
        let line = self.line();
        if line.len() <= col {
            line.resize(col, ' ');
            line.push(c);
        } else {
            line[col] = c;
        }
        self.col += 1;
    }

    fn down(&mut self, rows: usize) {
        if !self.alternate {
            for _ in 0..rows.min(ROWS) {
                self.line();
                self.row += 1;
            }
            self.line();
        }
    }

    fn clear(&mut self) {
        self.rows.clear();
        (self.row, self.col) = (0, 0);
        self.torn = false;
    }

    fn settle(&mut self) {
        self.letters.settle().into_iter().for_each(|c| self.put(c));
    }

    /// A byte of a character beyond ASCII.
    fn high(&mut self, byte: u8) {
        self.letters.take(byte).for_each(|c| self.put(c));
    }

    fn erase_line(&mut self, what: usize) {
        let col = self.col;
        let line = self.line();
        match what {
            0 => line.truncate(col),
            1 => line.iter_mut().take(col + 1).for_each(|c| *c = ' '),
            _ => line.clear(),
        }
    }

    fn private(&mut self, params: &[u8], set: bool) {
        let modes = params.split(|byte| *byte == b';');
        let other = |mode: &[u8]| matches!(mode, b"47" | b"1047" | b"1049");
        if !modes.into_iter().any(other) {
            return;
        }
        if std::mem::take(&mut self.late) && !set {
            // It was entered before the part that is looked at.
            self.clear();
        }
        self.alternate = set;
    }
}

/// The first parameter, and `default` where there is none or nothing that is a number.
fn number(params: &[u8], default: usize) -> usize {
    let first = params.split(|byte| *byte == b';').next().unwrap_or_default();
    let text = std::str::from_utf8(first).unwrap_or_default();
    text.parse::<u16>().map_or(default, usize::from)
}

impl Sink for Page {
    fn text(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte >= 0x80 {
                self.high(byte);
                continue;
            }
            self.settle();
            match byte {
                // Where the terminal adds no carriage return the program's own lines are
                // still lines.
                b'\n' | 0x0b | 0x0c => {
                    self.down(1);
                    self.col = 0;
                }
                b'\r' => self.col = 0,
                0x08 => self.col = self.col.saturating_sub(1),
                b'\t' | 0x20..=0x7e => self.put(char::from(byte)),
                _ => {}
            }
        }
    }

    fn control(&mut self, _: u8) {
        self.settle();
    }

    fn esc(&mut self, _: &[u8], last: u8, _: Span) {
        self.settle();
        match last {
            b'c' => {
                self.alternate = false;
                self.clear();
            }
            b'M' => self.row = self.row.saturating_sub(1),
            _ => {}
        }
    }

    fn csi(&mut self, params: &[u8], last: u8, _: Span) {
        self.settle();
        if let Some(params) = params.strip_prefix(b"?") {
            if matches!(last, b'h' | b'l') {
                self.private(params, last == b'h');
            }
            return;
        }
        if self.alternate || params.iter().any(|byte| !(byte.is_ascii_digit() || *byte == b';')) {
            return;
        }
        let n = number(params, 1).max(1);
        match last {
            b'A' => self.row = self.row.saturating_sub(n),
            b'F' => (self.row, self.col) = (self.row.saturating_sub(n), 0),
            b'B' => self.row = (self.row + n).min(self.rows.len().saturating_sub(1)),
            b'E' => {
                self.row = (self.row + n).min(self.rows.len().saturating_sub(1));
                self.col = 0;
            }
            b'C' => self.col = (self.col + n).min(WIDTH),
            b'D' => self.col = self.col.saturating_sub(n),
            b'G' | b'`' => self.col = n - 1,
            // Which row that is only a screen knows: what follows is a line of its own.
            b'H' | b'f' | b'd' => {
                if self.rows.back().is_some_and(|line| !line.is_empty()) {
                    self.row = self.rows.len();
                    self.line();
                }
                self.col = 0;
            }
            b'K' => self.erase_line(number(params, 0)),
            b'J' => match number(params, 0) {
                0 => {
                    self.erase_line(0);
                    self.rows.truncate(self.row + 1);
                }
                1 => {}
                _ => self.clear(),
            },
            b'P' => {
                let col = self.col;
                let line = self.line();
                let end = (col + n).min(line.len());
                if col < end {
                    line.drain(col..end);
                }
            }
            _ => {}
        }
    }

    fn osc(&mut self, _: &[u8], _: bool, _: bool) {
        self.settle();
    }

    fn dcs(&mut self, _: &[u8], _: bool) {
        self.settle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(bytes: &[u8], count: usize) -> Vec<String> {
        let mut all = None;
        // However it is cut, it is the same.
        for piece in [1, 7, 4096] {
            let mut tokens = Tokenizer::default();
            let mut page = Page::default();
            bytes.chunks(piece).for_each(|part| tokens.feed(part, &mut page));
            let lines = page.finish(count);
            assert_eq!(*all.get_or_insert_with(|| lines.clone()), lines);
        }
        all.unwrap()
    }

    #[test]
    fn lines_are_as_long_as_they_were_printed() {
        let long = "x".repeat(500);
        let text = format!("first\r\n{long}\r\n\r\n\x1b[1mlast\x1b[0m");
        assert_eq!(lines_of(text.as_bytes(), 40), ["first", &long, "last"]);
        assert_eq!(lines_of(text.as_bytes(), 1), ["last"]);
        let many: String = (0..1000).map(|n| format!("line {n}\n")).collect();
        let last = lines_of(many.as_bytes(), 40);
        assert_eq!((last.len(), last[0].as_str(), last[39].as_str()), (40, "line 960", "line 999"));
    }

    #[test]
    fn what_is_redrawn_counts_once() {
        for (bytes, lines) in [
            (&b"10 %\r50 %\r100 %\r\ndone\r\n"[..], &["100 %", "done"][..]),
            (b"working...\r\x1b[Kok\r\n", &["ok"]),
            (b"working...\r\x1b[2Kok", &["ok"]),
            (b"abc\x08\x08X", &["aXc"]),
            (b"a 1\r\nb 1\r\n\x1b[2Aa 2\x1b[K\r\nb 2\x1b[K\r\nend", &["a 2", "b 2", "end"]),
            (b"one\r\ntwo\x1b[1A\r\x1b[Jnew", &["new"]),
            (b"old\r\n\x1b[H\x1b[2J\x1b[3Jnew\r\n", &["new"]),
            (b"a\x1b[3;1Hb", &["a", "b"]),
            (b"a\x1b[3Cb\tc", &["a   b\tc"]),
            ("ü\u{202e}ß\r\n\u{9b}é".as_bytes(), &["üß", "é"]),
            (b"\xff\xc3", &["\u{fffd}\u{fffd}"]),
            (b"", &[]),
        ] {
            assert_eq!(lines_of(bytes, 40), lines, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn the_alternate_screen_is_left_out() {
        let bytes = b"before\r\n\x1b[?1049h\x1b[Heditor\x1b[2J text\x1b[?1049l\rafter\r\n";
        assert_eq!(lines_of(bytes, 40), ["before", "after"]);
    }

    #[test]
    fn only_the_end_of_a_long_recording_is_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let mut bytes = b"\x1b[?1049h".to_vec();
        bytes.extend(b"0123456789\n".repeat(200_000));
        bytes.extend(b"\x1b[?1049lthe end\n");
        std::fs::write(dir.path().join(super::super::RAW), &bytes).unwrap();
        let recording = Recording::open(dir.path()).unwrap();
        assert_eq!(last_lines(&recording, u64::MAX, 40).unwrap(), ["the end"]);
        let end = bytes.len() as u64 - 17;
        let inside = last_lines(&recording, end, 2).unwrap();
        assert_eq!(inside, ["0123456789", "0123456789"]);
    }
}
