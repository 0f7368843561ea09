//! Reading a recording, finished or still growing.

use super::{Cut, Entry, EntryKind, HEADER, INDEX, RAW, RECORD};
use crate::model::Stamp;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Longest piece of [`Chunks`].
const CHUNK: u64 = 64 << 10;

pub struct Recording {
    raw: File,
    entries: Vec<Entry>,
    cuts: Vec<Cut>,
    len: u64,
}

/// A piece of the output, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunk {
    Bytes { offset: u64, bytes: Vec<u8> },
    Cut(Cut),
}

impl Recording {
    /// As it is now: what is recorded later is not seen. A missing index is an empty one.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let entries = match File::open(dir.join(INDEX)) {
            Ok(index) => read_index(&index)?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(e),
        };
        let raw = File::open(dir.join(RAW))?;
        let len = raw.metadata()?.len();
        Ok(Self { raw, cuts: cuts(&entries), entries, len })
    }

    /// Bytes recorded in all, cut ones included.
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Parts that are gone, in order.
    pub fn cuts(&self) -> &[Cut] {
        &self.cuts
    }

    /// Columns and rows at the beginning, if known.
    pub fn first_size(&self) -> Option<(u16, u16)> {
        self.entries.iter().find_map(|e| match e.kind {
            EntryKind::Resize { cols, rows } => Some((cols, rows)),
            EntryKind::Output | EntryKind::Mark { .. } | EntryKind::CutFrom | EntryKind::CutTo => {
                None
            }
        })
    }

    /// When the first byte came, if known.
    pub fn started(&self) -> Option<Stamp> {
        self.entries.first().map(|e| e.at)
    }

    /// Reads at `offset` what is there, less than asked for only at the end. A cut part
    /// reads as zeros.
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < buf.len() {
            match self.raw.read_at(&mut buf[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(done)
    }

    /// From `offset` to the end.
    pub fn chunks(&self, offset: u64) -> Chunks<'_> {
        self.chunks_between(offset, self.len)
    }

    pub fn chunks_between(&self, from: u64, to: u64) -> Chunks<'_> {
        Chunks { recording: self, at: from, end: to.min(self.len) }
    }
}

pub struct Chunks<'a> {
    recording: &'a Recording,
    at: u64,
    end: u64,
}

impl Iterator for Chunks<'_> {
    type Item = io::Result<Chunk>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let mut stop = self.end.min(self.at + CHUNK);
        if let Some(cut) = self.recording.cuts.iter().find(|cut| cut.to > self.at) {
            if cut.from <= self.at {
                let cut = Cut { from: self.at, to: cut.to.min(self.end) };
                self.at = cut.to;
                return Some(Ok(Chunk::Cut(cut)));
            }
            stop = stop.min(cut.from);
        }
        let offset = self.at;
        let mut bytes = vec![0; (stop - offset) as usize];
        match self.recording.read_at(offset, &mut bytes) {
            Ok(0) => {
                self.at = self.end;
                None
            }
            Ok(n) => {
                bytes.truncate(n);
                self.at += n as u64;
                Some(Ok(Chunk::Bytes { offset, bytes }))
            }
            Err(e) => {
                self.at = self.end;
                Some(Err(e))
            }
        }
    }
}

/// All whole records up to the first torn or damaged one.
pub(super) fn read_index(file: &File) -> io::Result<Vec<Entry>> {
    let len = file.metadata()?.len();
    let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
    let mut done = 0;
    while done < bytes.len() {
        match file.read_at(&mut bytes[done..], done as u64) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    bytes.truncate(done);
    let mut records = bytes.as_chunks::<RECORD>().0.iter();
    if records.next() != Some(&HEADER) {
        return Ok(Vec::new());
    }
    Ok(records.map_while(Entry::decode).collect())
}

/// Joined where they touch.
pub(super) fn cuts(entries: &[Entry]) -> Vec<Cut> {
    let mut all: Vec<Cut> = Vec::new();
    let mut open = None;
    for entry in entries {
        match entry.kind {
            EntryKind::CutFrom => open = Some(entry.offset),
            EntryKind::CutTo => {
                let Some(from) = open.take() else { continue };
                match all.last_mut() {
                    Some(last) if last.to >= from => last.to = last.to.max(entry.offset),
                    _ => all.push(Cut { from, to: entry.offset }),
                }
            }
            EntryKind::Output | EntryKind::Resize { .. } | EntryKind::Mark { .. } => {}
        }
    }
    all
}
