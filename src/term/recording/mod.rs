//! The recording of an attempt, in its directory: `out.raw`, every byte that the program
//! printed, and `out.idx`, when.
//!
//! `out.idx` is a header and records of 24 bytes each, little endian: offset in `out.raw`
//! (u64), time in microseconds since the Unix epoch (i64), kind (u16), two numbers (u16),
//! a check of the rest (u16). The records of output say that from `offset` on bytes came
//! at `time`, at most one in 5 ms. A torn or damaged record ends what is read of the
//! index, never the bytes.
//!
//! One [`Recorder`] writes, any number of [`Recording`]s read, also while it grows. Where
//! the recording would exceed its cap, the oldest part after the first sixteenth is cut
//! out as a hole, so that offsets stay valid; the index says so before it happens.

mod export;
mod letters;
mod reader;
mod tail;
mod writer;

pub use export::{CastExport, TextExport, write_cast, write_raw, write_text};
pub use reader::{Chunk, Chunks, Recording};
pub use tail::last_lines;
pub use writer::{Recorder, WriteError};

use crate::model::Stamp;

pub const RAW: &str = "out.raw";
pub const INDEX: &str = "out.idx";

const RECORD: usize = 24;
const HEADER: [u8; RECORD] = *b"dash recording index 1\n\0";

/// A part that is gone: bytes `from` to `to` (not included).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    pub from: u64,
    pub to: u64,
}

/// One record of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub offset: u64,
    pub at: Stamp,
    pub kind: EntryKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    Output,
    Resize { cols: u16, rows: u16 },
    Mark { number: u16 },
    CutFrom,
    CutTo,
}

impl Entry {
    fn encode(&self) -> [u8; RECORD] {
        let (kind, a, b) = match self.kind {
            EntryKind::Output => (1u16, 0, 0),
            EntryKind::Resize { cols, rows } => (2, cols, rows),
            EntryKind::Mark { number } => (3, number, 0),
            EntryKind::CutFrom => (4, 0, 0),
            EntryKind::CutTo => (5, 0, 0),
        };
        let mut out = [0; RECORD];
        out[0..8].copy_from_slice(&self.offset.to_le_bytes());
        out[8..16].copy_from_slice(&self.at.0.to_le_bytes());
        out[16..18].copy_from_slice(&kind.to_le_bytes());
        out[18..20].copy_from_slice(&a.to_le_bytes());
        out[20..22].copy_from_slice(&b.to_le_bytes());
        let sum = check(&out[..22]);
        out[22..24].copy_from_slice(&sum.to_le_bytes());
        out
    }

    /// None for a record that was never written whole.
    fn decode(bytes: &[u8; RECORD]) -> Option<Self> {
        let short = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let long = |at: usize| {
            let mut eight = [0; 8];
            eight.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(eight)
        };
        if short(22) != check(&bytes[..22]) {
            return None;
        }
        let kind = match short(16) {
            1 => EntryKind::Output,
            2 => EntryKind::Resize { cols: short(18), rows: short(20) },
            3 => EntryKind::Mark { number: short(18) },
            4 => EntryKind::CutFrom,
            5 => EntryKind::CutTo,
            _ => return None,
        };
        Some(Self { offset: long(0), at: Stamp(long(8) as i64), kind })
    }
}

/// Never 0 for a record of zeros, which a crash may leave.
fn check(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0x5a17, |sum: u16, b| sum.rotate_left(3) ^ u16::from(*b))
}

#[cfg(test)]
mod tests;
