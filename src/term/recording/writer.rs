//! The keeper's side of a recording.

use super::{Cut, Entry, EntryKind, HEADER, INDEX, RAW, RECORD};
use crate::model::Stamp;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

/// At most one record of output in this many microseconds.
const COALESCE_US: i64 = 5_000;
/// Index bytes kept while the disk is full; beyond that, times get coarser.
const PENDING: usize = 256 * RECORD;
/// Holes begin and end at multiples of this.
const BLOCK: u64 = 4096;
/// The smallest cap that leaves room for a head, a tail and whole blocks.
const LEAST_CAP: u64 = 64 << 10;

/// Output that could not be recorded. The first `written` bytes are; to go on, write the
/// rest again.
#[derive(Debug, thiserror::Error)]
#[error("recording output: {source}")]
pub struct WriteError {
    pub written: usize,
    pub source: io::Error,
}

impl WriteError {
    /// The disk, the quota or the limit of file sizes is used up: may pass by itself.
    pub fn is_full(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        matches!(self.source.kind(), StorageFull | QuotaExceeded | FileTooLarge)
    }
}

pub struct Recorder {
    raw: File,
    index: File,
    len: u64,
    index_len: u64,
    pending: Vec<u8>,
    last_output: Option<Stamp>,
    cap: u64,
    /// The hole, grown so far.
    hole: Option<Cut>,
}

impl Recorder {
    /// Makes or continues the recording in `dir`. `cap` in bytes, at least 64 KiB.
    pub fn open(dir: &Path, cap: u64) -> io::Result<Self> {
        let open = |name: &str| {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).mode(0o600);
            options.open(dir.join(name))
        };
        let (raw, index) = (open(RAW)?, open(INDEX)?);
        let len = raw.metadata()?.len();
        // What a crash tore is written over.
        let entries = super::reader::read_index(&index)?;
        let hole = super::reader::cuts(&entries).first().copied();
        let index_len = (entries.len() as u64 + 1) * RECORD as u64;
        let mut this = Self {
            raw,
            index,
            len,
            index_len,
            pending: Vec::new(),
            last_output: None,
            cap: cap.max(LEAST_CAP),
            hole,
        };
        if entries.is_empty() {
            this.index_len = 0;
            this.pending.extend_from_slice(&HEADER);
        }
        this.index.set_len(this.index_len)?;
        this.flush_index()?;
        Ok(this)
    }

    /// Bytes recorded in all, cut ones included.
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// For [`crate::term::Follower::catch_up`], which reads back from it.
    pub fn raw(&self) -> &File {
        &self.raw
    }

    /// Records `bytes`, all or as many as the error says. Where the cap made it necessary
    /// to cut more away, all that is missing by now is returned.
    pub fn write(&mut self, bytes: &[u8], at: Stamp) -> Result<Option<Cut>, WriteError> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let cut = self
            .make_room(bytes.len() as u64, at)
            .map_err(|source| WriteError { written: 0, source })?;
        let start = self.len;
        let mut written = 0;
        let result = loop {
            if written == bytes.len() {
                break Ok(cut);
            }
            match self.raw.write_at(&bytes[written..], self.len) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    written += n;
                    self.len += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => break Err(e),
            }
        };
        if written > 0 && self.last_output.is_none_or(|t| (at.0 - t.0).abs() >= COALESCE_US) {
            self.last_output = Some(at);
            self.note(Entry { offset: start, at, kind: EntryKind::Output });
        }
        result.map_err(|source| WriteError { written, source })
    }

    /// The window has this size from here on.
    pub fn resize(&mut self, cols: u16, rows: u16, at: Stamp) {
        self.note(Entry { offset: self.len, at, kind: EntryKind::Resize { cols, rows } });
        self.last_output = None;
    }

    /// A mark, with a number that the caller gives a meaning.
    pub fn mark(&mut self, number: u16, at: Stamp) {
        self.note(Entry { offset: self.len, at, kind: EntryKind::Mark { number } });
        self.last_output = None;
    }

    /// To disk, both files.
    pub fn sync(&mut self) -> io::Result<()> {
        self.flush_index()?;
        self.raw.sync_data()?;
        self.index.sync_data()
    }

    /// Index records wait in memory while the disk is full; output must not.
    fn note(&mut self, entry: Entry) {
        if self.pending.len() >= PENDING && entry.kind == EntryKind::Output {
            return;
        }
        self.pending.extend_from_slice(&entry.encode());
        let _ = self.flush_index();
    }

    fn flush_index(&mut self) -> io::Result<()> {
        let mut done = 0;
        let result = loop {
            if done == self.pending.len() {
                break Ok(());
            }
            match self.index.write_at(&self.pending[done..], self.index_len) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    done += n;
                    self.index_len += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => break Err(e),
            }
        };
        self.pending.drain(..done);
        result
    }

    /// Cuts so much that `more` bytes fit under the cap, and a sixteenth beyond, so that
    /// cuts are few.
    fn make_room(&mut self, more: u64, at: Stamp) -> io::Result<Option<Cut>> {
        let gone = self.hole.map_or(0, |hole| hole.to - hole.from);
        if self.len - gone + more <= self.cap {
            return Ok(None);
        }
        let head = (self.cap / 16).next_multiple_of(BLOCK);
        let from = self.hole.map_or(head, |hole| hole.to);
        let excess = self.len - gone + more + self.cap / 16 - self.cap;
        let to = (from + excess).next_multiple_of(BLOCK).min(self.len / BLOCK * BLOCK);
        if to <= from {
            return Ok(None);
        }
        self.pending
            .extend_from_slice(&Entry { offset: from, at, kind: EntryKind::CutFrom }.encode());
        self.pending.extend_from_slice(&Entry { offset: to, at, kind: EntryKind::CutTo }.encode());
        // A note that cannot be written yet follows: the hole is what makes the room.
        let _ = self.flush_index();
        punch(&self.raw, from, to - from)?;
        self.hole = Some(Cut { from: self.hole.map_or(from, |hole| hole.from), to });
        Ok(self.hole)
    }
}

#[cfg(target_os = "linux")]
fn punch(file: &File, from: u64, len: u64) -> io::Result<()> {
    use rustix::fs::FallocateFlags;
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    match rustix::fs::fallocate(file, flags, from, len) {
        // Without holes the cap is the end: the same as a full disk.
        Err(rustix::io::Errno::OPNOTSUPP) => Err(io::ErrorKind::StorageFull.into()),
        result => Ok(result?),
    }
}

#[cfg(not(target_os = "linux"))]
fn punch(_: &File, _: u64, _: u64) -> io::Result<()> {
    Err(io::ErrorKind::StorageFull.into())
}
