//! A recording as raw bytes, as text, as an asciicast.

use super::letters::Letters;
use super::{Chunk, Cut, EntryKind, Recording};
use crate::term::lines::is_hidden;
use crate::term::token::{Sink, Span, Tokenizer, open_char};
use serde_json::json;
use std::io::{self, Write};

/// What stands where a part was cut.
fn cut_text(cut: Cut) -> String {
    format!("[dash: {} bytes of output were cut here]", cut.to - cut.from)
}

/// The bytes from `offset` on, exactly, but for a line that says what was cut.
pub fn write_raw(recording: &Recording, offset: u64, out: &mut impl Write) -> io::Result<()> {
    for chunk in recording.chunks(offset) {
        match chunk? {
            Chunk::Bytes { bytes, .. } => out.write_all(&bytes)?,
            Chunk::Cut(cut) => write!(out, "\r\n{}\r\n", cut_text(cut))?,
        }
    }
    Ok(())
}

/// The text from `offset` on, fit for a search and for any terminal: UTF-8 (what is not
/// becomes U+FFFD), no control characters but tab and line break, no marks of direction, no
/// carriage returns (a line redrawn in place becomes several), a line break where the cursor
/// jumped.
pub fn write_text(recording: &Recording, offset: u64, out: &mut impl Write) -> io::Result<()> {
    let mut text = TextExport { offset, ..TextExport::default() };
    text.advance(recording, out)?;
    text.finish(out)
}

/// [`write_text`] piece by piece, for a recording that grows.
#[derive(Default)]
pub struct TextExport {
    offset: u64,
    tokens: Tokenizer,
    plain: Plain,
}

impl TextExport {
    /// Writes what was recorded since the last call.
    pub fn advance(&mut self, recording: &Recording, out: &mut impl Write) -> io::Result<()> {
        for chunk in recording.chunks(self.offset) {
            match chunk? {
                Chunk::Bytes { bytes, .. } => self.tokens.feed(&bytes, &mut self.plain),
                Chunk::Cut(cut) => {
                    self.tokens = Tokenizer::default();
                    self.plain.settle();
                    self.plain.line_break();
                    self.plain.text(cut_text(cut).as_bytes());
                    self.plain.line_break();
                }
            }
            out.write_all(&self.plain.out)?;
            self.plain.out.clear();
        }
        self.offset = self.offset.max(recording.len());
        Ok(())
    }

    /// Nothing more will be recorded.
    pub fn finish(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.plain.settle();
        self.plain.line_break();
        out.write_all(&self.plain.out)?;
        self.plain.out.clear();
        Ok(())
    }
}

#[derive(Default)]
struct Plain {
    out: Vec<u8>,
    /// The line has text.
    open: bool,
    /// A carriage return came: what follows, if not a line break, overwrites the line.
    carriage: bool,
    letters: Letters,
}

impl Plain {
    fn line_break(&mut self) {
        if self.open {
            self.out.push(b'\n');
            self.open = false;
        }
    }

    fn put(&mut self, c: char) {
        if is_hidden(c) {
            return;
        }
        if std::mem::take(&mut self.carriage) {
            self.line_break();
        }
        self.out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        self.open = true;
    }

    /// A byte of a character beyond ASCII.
    fn high(&mut self, byte: u8) {
        self.letters.take(byte).for_each(|c| self.put(c));
    }

    /// An unfinished character ends here.
    fn settle(&mut self) {
        self.letters.settle().into_iter().for_each(|c| self.put(c));
    }
}

impl Sink for Plain {
    fn text(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte >= 0x80 {
                self.high(byte);
                continue;
            }
            self.settle();
            match byte {
                b'\n' => {
                    self.out.push(b'\n');
                    self.open = false;
                    self.carriage = false;
                }
                b'\r' => self.carriage = true,
                b'\t' | 0x20..=0x7e => {
                    if std::mem::take(&mut self.carriage) {
                        self.line_break();
                    }
                    self.out.push(byte);
                    self.open = true;
                }
                _ => {}
            }
        }
    }

    fn control(&mut self, _: u8) {
        self.settle();
    }

    fn esc(&mut self, _: &[u8], _: u8, _: Span) {
        self.settle();
    }

    fn csi(&mut self, _: &[u8], last: u8, _: Span) {
        self.settle();
        match last {
            b'H' | b'f' | b'd' | b'A' | b'B' | b'E' | b'F' => self.line_break(),
            b'C' | b'G' if self.open => self.out.push(b' '),
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

/// Asciicast version 3: a header, then one event a line. What is not UTF-8 is replaced;
/// the raw export has it.
pub fn write_cast(recording: &Recording, out: &mut impl Write) -> io::Result<()> {
    let mut cast = CastExport::default();
    cast.advance(recording, true, out)?;
    cast.finish(recording, out)
}

/// [`write_cast`] piece by piece, for a recording that grows.
#[derive(Default)]
pub struct CastExport {
    begun: bool,
    /// Entries of the index that are written, and the first size among them.
    entries: usize,
    sized: bool,
    /// Bytes that are written, and the time of those that follow.
    offset: u64,
    at: i64,
    /// Time of the event before, in microseconds.
    last: i64,
    /// The beginning of a character whose end is not there yet; at most 3 bytes.
    carry: Vec<u8>,
}

impl CastExport {
    /// Writes what was recorded since the last call. Bytes that the index has no later entry
    /// for belong to its last one, and are written where that is `settled`: no more will
    /// join them. So what is written does not depend on when it was asked for.
    pub fn advance(
        &mut self,
        recording: &Recording,
        settled: bool,
        out: &mut impl Write,
    ) -> io::Result<()> {
        if recording.entries().is_empty() {
            return Ok(());
        }
        self.begin(recording, out)?;
        for entry in recording.entries().iter().skip(self.entries) {
            self.entries += 1;
            match entry.kind {
                EntryKind::CutFrom | EntryKind::CutTo => continue,
                EntryKind::Output | EntryKind::Resize { .. } | EntryKind::Mark { .. } => {}
            }
            self.output(recording, entry.offset, out)?;
            self.at = entry.at.0;
            match entry.kind {
                EntryKind::Resize { cols, rows } => {
                    // The first size stands in the header.
                    if std::mem::replace(&mut self.sized, true) {
                        self.event("r", &format!("{cols}x{rows}"), out)?;
                    }
                }
                EntryKind::Mark { number } => self.event("m", &number.to_string(), out)?,
                EntryKind::Output | EntryKind::CutFrom | EntryKind::CutTo => {}
            }
        }
        if settled { self.output(recording, recording.len(), out) } else { Ok(()) }
    }

    /// Nothing more will be recorded.
    pub fn finish(&mut self, recording: &Recording, out: &mut impl Write) -> io::Result<()> {
        self.begin(recording, out)?;
        self.output(recording, recording.len(), out)?;
        if !self.carry.is_empty() {
            let rest = std::mem::take(&mut self.carry);
            self.event("o", &String::from_utf8_lossy(&rest), out)?;
        }
        Ok(())
    }

    fn begin(&mut self, recording: &Recording, out: &mut impl Write) -> io::Result<()> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        let (cols, rows) = recording.first_size().unwrap_or((80, 24));
        let mut header = json!({
            "version": 3,
            "term": {"cols": cols, "rows": rows, "type": "xterm-256color"},
        });
        if let Some(started) = recording.started() {
            header["timestamp"] = json!(started.0.div_euclid(1_000_000));
            (self.at, self.last) = (started.0, started.0);
        }
        writeln!(out, "{header}")
    }

    fn event(&mut self, code: &str, data: &str, out: &mut impl Write) -> io::Result<()> {
        let interval = (self.at - self.last).max(0);
        self.last = self.last.max(self.at);
        let data = serde_json::to_string(data)?;
        let (seconds, micros) = (interval / 1_000_000, interval % 1_000_000);
        writeln!(out, "[{seconds}.{micros:06}, \"{code}\", {data}]")
    }

    fn output(&mut self, recording: &Recording, to: u64, out: &mut impl Write) -> io::Result<()> {
        for chunk in recording.chunks_between(self.offset, to) {
            match chunk? {
                Chunk::Bytes { bytes, .. } => {
                    let mut all = std::mem::take(&mut self.carry);
                    all.extend_from_slice(&bytes);
                    let keep = open_char(&all);
                    self.carry = all.split_off(all.len() - keep);
                    if !all.is_empty() {
                        self.event("o", &String::from_utf8_lossy(&all), out)?;
                    }
                }
                Chunk::Cut(cut) => {
                    self.carry.clear();
                    self.event("o", &format!("\r\n{}\r\n", cut_text(cut)), out)?;
                }
            }
        }
        self.offset = self.offset.max(to);
        Ok(())
    }
}
