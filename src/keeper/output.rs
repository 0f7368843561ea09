//! What flows through the terminal: out of it to the recording and the viewers, into it
//! from the clients.
//!
//! Output first goes to the disk; nobody sees a byte that is not recorded. When the disk
//! is full the rest is held, nothing more is read, and the agent blocks in its write: once
//! a second the rest is tried again, and then things go on where they were.

use super::pty::{Got, Pty};
use super::run::{Keeper, now};
use super::tape::Tape;
use crate::protocol::keeper::FactKind;
use crate::term::keys;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

const CHUNK: usize = 64 << 10;
/// Chunks taken before the other descriptors get their turn.
const CHUNKS: usize = 4;
/// Most input that waits for the agent to read; clients wait beyond it.
pub const MOST_INPUT: usize = 256 << 10;
const RETRY: Duration = Duration::from_secs(1);
/// After a paste and its answer (Gemini CLI drops an Enter within 100 ms), and where none comes.
const ANSWERED: Duration = Duration::from_millis(250);
const UNANSWERED: Duration = Duration::from_secs(1);

pub struct Output {
    pub tape: Tape,
    chunk: Box<[u8]>,
    /// Read but not recorded: the disk is full.
    held: Vec<u8>,
    /// When a full disk is tried again.
    pub retry: Option<Instant>,
    /// The terminal has ended.
    pub ended: bool,
    pub input: VecDeque<u8>,
    /// Keys that follow a paste.
    later: Option<Later>,
}

/// Keys in one read with a paste are taken for a part of it by some programs (Claude Code
/// does): they are typed once the program has answered the paste, or has not for long.
struct Later {
    keys: Vec<u8>,
    due: Instant,
}

impl Output {
    pub fn new(tape: Tape) -> Self {
        Self {
            tape,
            chunk: vec![0; CHUNK].into_boxed_slice(),
            held: Vec::new(),
            retry: None,
            ended: false,
            input: VecDeque::new(),
            later: None,
        }
    }

    /// When keys that follow a paste are to be typed.
    pub fn later_due(&self) -> Option<Instant> {
        self.later.as_ref().map(|later| later.due)
    }

    /// The master is to be read.
    pub fn wants_more(&self) -> bool {
        self.retry.is_none() && !self.ended
    }
}

impl Keeper {
    /// Reads what the terminal has, up to a budget.
    pub fn drain(&mut self) {
        for _ in 0..CHUNKS {
            let Some(pty) = self.pty.as_ref().filter(|_| self.output.wants_more()) else { return };
            let mut chunk = std::mem::take(&mut self.output.chunk);
            let (len, more) = fill(pty, &mut chunk, &mut self.output.ended);
            if len > 0 {
                self.record(&chunk[..len]);
            }
            self.output.chunk = chunk;
            if !more {
                return;
            }
        }
    }

    fn record(&mut self, bytes: &[u8]) {
        if !self.put(bytes, Instant::now()) {
            self.fact(FactKind::DiskFull);
        }
    }

    /// What was held back for want of space, again.
    pub fn retry_disk(&mut self, at: Instant) {
        if self.output.retry.is_none_or(|due| due > at) {
            return;
        }
        let held = std::mem::take(&mut self.output.held);
        if self.put(&held, at) {
            self.output.retry = None;
            self.fact(FactKind::DiskBack);
        }
    }

    /// Records, then tells; false when some had to be held back.
    fn put(&mut self, bytes: &[u8], at: Instant) -> bool {
        let written = self.output.tape.write(bytes, now());
        if written.done > 0 {
            self.show(&bytes[..written.done]);
            self.gauge.touched(at);
            if let Some(later) = &mut self.output.later {
                later.due = later.due.min(at + ANSWERED);
            }
        }
        for sign in written.signs {
            self.gauge.sign(sign);
        }
        for fact in written.facts {
            let state = matches!(fact, FactKind::Status { .. });
            let fact = if state { self.states.seen(fact, at) } else { Some(fact) };
            if let Some(fact) = fact {
                self.fact(fact);
            }
        }
        // An agent that asks and never reads gets no more answers.
        if !written.reply.is_empty() && self.output.input.len() < MOST_INPUT {
            self.put_in(&written.reply);
        }
        if written.error.is_some() {
            self.output.held = bytes[written.done..].to_vec();
            self.output.retry = Some(at + RETRY);
        }
        written.error.is_none()
    }

    /// A text, pasted where the program knows pastes, and the keys that follow it.
    pub fn type_text(&mut self, text: String, keys: Vec<u8>) {
        if text.is_empty() || !self.output.tape.knows_pastes() {
            self.input(text.as_bytes());
            return self.input(&keys);
        }
        self.input(&keys::paste(&text, true));
        if !keys.is_empty() {
            self.output.later = Some(Later { keys, due: Instant::now() + UNANSWERED });
        }
    }

    /// Types what was to follow a paste, if it is time.
    pub fn type_later(&mut self, at: Instant) {
        if self.output.later_due().is_some_and(|due| due <= at) {
            self.input(&[]);
        }
    }

    /// Bytes for the agent; they go as it reads them, after those that were to come before.
    pub fn input(&mut self, bytes: &[u8]) {
        if let Some(before) = self.output.later.take() {
            self.put_in(&before.keys);
        }
        self.put_in(bytes);
    }

    fn put_in(&mut self, bytes: &[u8]) {
        self.output.input.extend(bytes);
        self.feed();
    }

    /// Gives the agent what waits.
    pub fn feed(&mut self) {
        let Some(pty) = &self.pty else { return self.output.input.clear() };
        while !self.output.input.is_empty() {
            match pty.write(self.output.input.as_slices().0) {
                Ok(0) => break,
                Ok(n) => drop(self.output.input.drain(..n)),
                Err(_) => self.output.input.clear(),
            }
        }
        if self.output.input.is_empty() {
            self.output.input.shrink_to(4096);
        }
    }
}

/// Fills the chunk from many small reads, so that one write and one scan serve them all.
/// False: there is nothing more now.
fn fill(pty: &Pty, chunk: &mut [u8], ended: &mut bool) -> (usize, bool) {
    let mut len = 0;
    while len < chunk.len() {
        match pty.read(&mut chunk[len..]) {
            Got::Bytes(n) => len += n,
            Got::Nothing => return (len, false),
            Got::End => {
                *ended = true;
                return (len, false);
            }
        }
    }
    (len, true)
}
