//! `facts`: what happened to the attempt, one JSON object a line, numbered from 1 without
//! gaps. The file is the queue: a core reads on from where it is, so that a core that is
//! slow, or absent for days, costs no memory here.
//!
//! A little space is reserved when it is opened, so that a full disk can still be told. If
//! even that is used up, facts wait in memory (states only up to a bound) and are told
//! once they are written.

use crate::model::Stamp;
use crate::protocol::keeper::{Fact, FactKind};
use rustix::fs::{FallocateFlags, fallocate};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

const RESERVED: u64 = 16 << 10;
const MOST_WAITING: usize = 256;
/// Most read for one core at a time, in bytes.
const PIECE: usize = 16 << 10;

pub struct FactLog {
    file: File,
    len: u64,
    last: u64,
    waiting: VecDeque<Fact>,
}

impl FactLog {
    /// Opens the log of an attempt; numbers go on where an earlier keeper stopped, and a
    /// line that it left unfinished is cut off.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(dir.join("facts"))?;
        let (mut len, mut last) = (0, 0);
        let mut reader = BufReader::new(&file);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            let Ok(fact) = serde_json::from_slice::<Fact>(&line) else { break };
            if line.last() != Some(&b'\n') {
                break;
            }
            len += line.len() as u64;
            last = fact.n;
            line.clear();
        }
        file.set_len(len)?;
        // Not every file system can; then there is just no reserve.
        let _ = fallocate(&file, FallocateFlags::KEEP_SIZE, len, RESERVED);
        Ok(Self { file, len, last, waiting: VecDeque::new() })
    }

    /// True while a fact waits for space on the disk.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The number of the latest one; 0 where there is none.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Records a fact and returns its number; 0 for a state that found no room.
    pub fn append(&mut self, kind: FactKind, offset: u64, at: Stamp) -> u64 {
        let droppable = matches!(kind, FactKind::Status { .. });
        if droppable && self.waiting.len() >= MOST_WAITING {
            return 0;
        }
        self.last += 1;
        self.waiting.push_back(Fact { n: self.last, offset, at, kind });
        self.settle();
        self.last
    }

    /// Writes what waits, as far as there is space.
    pub fn settle(&mut self) {
        while let Some(fact) = self.waiting.front() {
            let Ok(mut line) = serde_json::to_vec(fact) else { return };
            line.push(b'\n');
            if self.file.write_all_at(&line, self.len).is_err() {
                return;
            }
            self.len += line.len() as u64;
            self.waiting.pop_front();
        }
    }

    /// Where the first fact after number `n` begins.
    pub fn position_after(&self, n: u64) -> io::Result<u64> {
        let mut at = 0;
        loop {
            let facts = self.read_from(at)?;
            if facts.is_empty() {
                return Ok(at);
            }
            for (fact, end) in facts {
                if fact.n > n {
                    return Ok(at);
                }
                at = end;
            }
        }
    }

    /// Some facts from a position on, each with the position after it; none at the end.
    pub fn read_from(&self, at: u64) -> io::Result<Vec<(Fact, u64)>> {
        let mut size = PIECE;
        loop {
            let want = size.min(self.len.saturating_sub(at) as usize);
            let mut buf = vec![0; want];
            self.file.read_exact_at(&mut buf, at)?;
            let mut facts = Vec::new();
            let mut end = at;
            for line in buf.split_inclusive(|&byte| byte == b'\n') {
                if line.last() != Some(&b'\n') {
                    break;
                }
                end += line.len() as u64;
                facts.push((serde_json::from_slice(line)?, end));
            }
            if !facts.is_empty() || want < size {
                return Ok(facts);
            }
            // One fact longer than a piece.
            size *= 4;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(text: &str) -> FactKind {
        FactKind::Status {
            state: text.into(),
            kind: String::new(),
            message: String::new(),
            progress: None,
        }
    }

    #[test]
    fn numbers_have_no_gaps_and_survive_a_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = FactLog::open(dir.path()).unwrap();
        assert_eq!(log.append(FactKind::Started { pid: 7 }, 0, Stamp(0)), 1);
        assert_eq!(log.append(status("working"), 10, Stamp(0)), 2);
        drop(log);
        std::fs::OpenOptions::new()
            .append(true)
            .open(dir.path().join("facts"))
            .and_then(|mut file| io::Write::write_all(&mut file, b"{\"n\":3,\"off"))
            .unwrap();
        let mut log = FactLog::open(dir.path()).unwrap();
        assert_eq!(log.append(FactKind::DiskFull, 20, Stamp(0)), 3);
        let facts = log.read_from(log.position_after(1).unwrap()).unwrap();
        let numbers: Vec<_> = facts.iter().map(|(fact, _)| fact.n).collect();
        assert_eq!(numbers, [2, 3]);
    }

    #[test]
    fn a_reader_goes_on_where_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = FactLog::open(dir.path()).unwrap();
        for n in 1..=2000 {
            log.append(status("some state or other"), n, Stamp(0));
        }
        let (mut at, mut next) = (log.position_after(5).unwrap(), 6);
        loop {
            let facts = log.read_from(at).unwrap();
            let Some((_, end)) = facts.last() else { break };
            at = *end;
            for (fact, _) in facts {
                assert_eq!(fact.n, next);
                next += 1;
            }
        }
        assert_eq!(next, 2001);
        assert_eq!(log.position_after(2000).unwrap(), at);
    }
}
