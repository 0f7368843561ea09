//! A recording as raw bytes, as text, as an asciicast.

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
    let mut tokens = Tokenizer::default();
    let mut plain = Plain::default();
    for chunk in recording.chunks(offset) {
        match chunk? {
            Chunk::Bytes { bytes, .. } => tokens.feed(&bytes, &mut plain),
            Chunk::Cut(cut) => {
                tokens = Tokenizer::default();
                plain.settle();
                plain.line_break();
                plain.text(cut_text(cut).as_bytes());
                plain.line_break();
            }
        }
        out.write_all(&plain.out)?;
        plain.out.clear();
    }
    plain.settle();
    plain.line_break();
    out.write_all(&plain.out)
}

#[derive(Default)]
struct Plain {
    out: Vec<u8>,
    /// The line has text.
    open: bool,
    /// A carriage return came: what follows, if not a line break, overwrites the line.
    carriage: bool,
    /// The beginning of a character whose end is not there yet; at most 3 bytes. It is held
    /// back because bytes let through one by one could join to a control character.
    partial: Vec<u8>,
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
        self.partial.push(byte);
        while !self.partial.is_empty() {
            match std::str::from_utf8(&self.partial) {
                Ok(whole) => {
                    let c = whole.chars().next();
                    self.partial.clear();
                    c.into_iter().for_each(|c| self.put(c));
                }
                Err(e) => {
                    let Some(wrong) = e.error_len() else { return };
                    self.partial.drain(..wrong);
                    self.put(char::REPLACEMENT_CHARACTER);
                }
            }
        }
    }

    /// An unfinished character ends here.
    fn settle(&mut self) {
        if !self.partial.is_empty() {
            self.partial.clear();
            self.put(char::REPLACEMENT_CHARACTER);
        }
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
    let (cols, rows) = recording.first_size().unwrap_or((80, 24));
    let mut header = json!({
        "version": 3,
        "term": {"cols": cols, "rows": rows, "type": "xterm-256color"},
    });
    if let Some(started) = recording.started() {
        header["timestamp"] = json!(started.0.div_euclid(1_000_000));
    }
    writeln!(out, "{header}")?;
    let mut cast = Cast { out, last: recording.started().map_or(0, |s| s.0), carry: Vec::new() };
    let mut first = true;
    let mut offset = 0;
    let mut at = cast.last;
    for entry in recording.entries() {
        match entry.kind {
            EntryKind::CutFrom | EntryKind::CutTo => continue,
            EntryKind::Output | EntryKind::Resize { .. } | EntryKind::Mark { .. } => {}
        }
        cast.output(recording, offset, entry.offset, at)?;
        (offset, at) = (entry.offset.max(offset), entry.at.0);
        match entry.kind {
            EntryKind::Resize { cols, rows } => {
                // The first size stands in the header.
                if !std::mem::take(&mut first) {
                    cast.event(at, "r", &format!("{cols}x{rows}"))?;
                }
            }
            EntryKind::Mark { number } => cast.event(at, "m", &number.to_string())?,
            EntryKind::Output | EntryKind::CutFrom | EntryKind::CutTo => {}
        }
    }
    cast.output(recording, offset, recording.len(), at)?;
    cast.finish(at)
}

struct Cast<'a, W: Write> {
    out: &'a mut W,
    /// Time of the event before, in microseconds.
    last: i64,
    /// The beginning of a character whose end is not there yet; at most 3 bytes.
    carry: Vec<u8>,
}

impl<W: Write> Cast<'_, W> {
    fn event(&mut self, at: i64, code: &str, data: &str) -> io::Result<()> {
        let interval = (at - self.last).max(0);
        self.last = self.last.max(at);
        let data = serde_json::to_string(data)?;
        let (seconds, micros) = (interval / 1_000_000, interval % 1_000_000);
        writeln!(self.out, "[{seconds}.{micros:06}, \"{code}\", {data}]")
    }

    fn output(&mut self, recording: &Recording, from: u64, to: u64, at: i64) -> io::Result<()> {
        for chunk in recording.chunks_between(from, to) {
            match chunk? {
                Chunk::Bytes { bytes, .. } => {
                    let mut all = std::mem::take(&mut self.carry);
                    all.extend_from_slice(&bytes);
                    let keep = open_char(&all);
                    self.carry = all.split_off(all.len() - keep);
                    if !all.is_empty() {
                        self.event(at, "o", &String::from_utf8_lossy(&all))?;
                    }
                }
                Chunk::Cut(cut) => {
                    self.carry.clear();
                    self.event(at, "o", &format!("\r\n{}\r\n", cut_text(cut)))?;
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self, at: i64) -> io::Result<()> {
        if !self.carry.is_empty() {
            let rest = std::mem::take(&mut self.carry);
            self.event(at, "o", &String::from_utf8_lossy(&rest))?;
        }
        Ok(())
    }
}
