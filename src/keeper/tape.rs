//! The recording and the screen of the attempt, as the loop uses them. The recording is
//! exact and first; the screen follows it, behind when output floods, and is brought up to
//! the end when somebody looks.

use crate::model::Stamp;
use crate::protocol::keeper::{FactKind, ScreenDump};
use crate::term::recording::Recorder;
use crate::term::{CaughtUp, Follower, Scanner, Seen, cursor_report};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Nobody scrolls in a keeper: older text is read from the recording.
const SCROLLBACK: usize = 0;
/// The screen follows so long after output came, for so long at a time: in a flood a fifth
/// of the keeper's time at most.
const FOLLOW_AFTER: Duration = Duration::from_millis(100);
const FOLLOW_FOR: Duration = Duration::from_millis(20);
/// Longest that one look at the screen may keep the terminal waiting.
const LOOK: Duration = Duration::from_millis(250);
/// Longest last line that is told, in columns.
const LINE: usize = 200;

pub struct Tape {
    recorder: Recorder,
    scanner: Scanner,
    follower: Follower,
    follow_at: Option<Instant>,
}

/// What came of recording some bytes.
#[derive(Default)]
pub struct Written {
    /// So many are on the disk.
    pub done: usize,
    /// Why not all.
    pub error: Option<io::Error>,
    /// For the agent: answers to what it asked of its terminal.
    pub reply: Vec<u8>,
    pub facts: Vec<FactKind>,
    pub signs: Vec<Sign>,
}

/// What the output says beside its picture.
pub enum Sign {
    Title(String),
    Progress { busy: bool, percent: Option<u8> },
    Bell(u32),
}

impl Tape {
    pub fn open(dir: &Path, cols: u16, rows: u16, cap: u64) -> io::Result<Self> {
        let mut recorder = Recorder::open(dir, cap)?;
        recorder.resize(cols, rows, super::run::now());
        let mut follower = Follower::new(cols, rows, SCROLLBACK);
        let mut scanner = Scanner::new(cols, rows);
        // What an earlier keeper of the attempt recorded counts, but asks nothing any more.
        let (mut at, mut buf) = (0, vec![0; 16 << 10]);
        while at < recorder.len() {
            let len = recorder.raw().read_at(&mut buf, at)?;
            follower.wrote(at, &buf[..len]);
            scanner.feed(&buf[..len]);
            at += len as u64;
        }
        Ok(Self { recorder, scanner, follower, follow_at: None })
    }

    pub fn write(&mut self, bytes: &[u8], at: Stamp) -> Written {
        let start = self.recorder.len();
        let mut written = Written { done: bytes.len(), ..Written::default() };
        match self.recorder.write(bytes, at) {
            Ok(Some(cut)) => written.facts.push(FactKind::Cut { from: cut.from, to: cut.to }),
            Ok(None) => {}
            Err(error) => {
                written.done = error.written;
                written.error = Some(error.source);
            }
        }
        let bytes = &bytes[..written.done];
        if bytes.is_empty() {
            return written;
        }
        self.follow_at.get_or_insert(Instant::now() + FOLLOW_AFTER);
        let mut drawn = 0;
        for seen in self.scanner.feed(bytes) {
            match seen {
                Seen::Reply(reply) => written.reply.extend(reply),
                Seen::CursorReport { dec, offset } => {
                    // The screen as it was at the question, not after what follows it.
                    let until = offset.saturating_sub(start).min(bytes.len() as u64) as usize;
                    if until > drawn {
                        self.follower.wrote(start + drawn as u64, &bytes[drawn..until]);
                        drawn = until;
                    }
                    self.look();
                    let (row, col) = self.follower.screen().cursor();
                    written.reply.extend(cursor_report(dec, row, col));
                }
                Seen::Status(status) => written.facts.push(FactKind::Status {
                    state: status.state,
                    kind: status.kind,
                    message: status.message,
                    progress: status.progress,
                }),
                Seen::Progress { busy, percent } => {
                    written.signs.push(Sign::Progress { busy, percent });
                }
                Seen::Title(title) => written.signs.push(Sign::Title(title)),
                Seen::Bell(times) => written.signs.push(Sign::Bell(times)),
                Seen::Synchronized(_) => {}
            }
        }
        self.follower.wrote(start + drawn as u64, &bytes[drawn..]);
        written
    }

    pub fn bytes(&self) -> u64 {
        self.recorder.len()
    }

    pub fn resize(&mut self, cols: u16, rows: u16, at: Stamp) {
        self.recorder.resize(cols, rows, at);
        self.scanner.resize(cols, rows);
        self.follower.resize(cols, rows);
    }

    /// When the screen is to follow.
    pub fn follow_due(&self) -> Option<Instant> {
        self.follow_at
    }

    /// Lets the screen follow for a moment.
    pub fn follow(&mut self, at: Instant) {
        if self.follow_at.is_none_or(|due| due > at) {
            return;
        }
        self.follow_at = match self.follower.catch_up(self.recorder.raw(), FOLLOW_FOR) {
            Ok(CaughtUp::More) => Some(Instant::now() + FOLLOW_AFTER),
            // What cannot be read back is seen again when something is written.
            Ok(CaughtUp::Exact) | Err(_) => None,
        };
    }

    /// Brings the screen to the end of what is recorded, if that takes no longer than a
    /// look may.
    fn look(&mut self) {
        if self.follower.behind() > 0
            && let Ok(CaughtUp::Exact) = self.follower.catch_up(self.recorder.raw(), LOOK)
        {
            self.follow_at = None;
        }
    }

    /// Brings the screen to the very end, however long it takes.
    pub fn finish(&mut self) {
        while let Ok(CaughtUp::More) = self.follower.catch_up(self.recorder.raw(), LOOK) {}
        let _ = self.recorder.sync();
    }

    pub fn dump(&mut self) -> ScreenDump {
        self.look();
        self.follower.screen().dump()
    }

    /// The bytes that draw the screen on a fresh terminal of its size.
    pub fn restore(&mut self) -> Vec<u8> {
        self.look();
        self.follower.screen().restore_bytes()
    }

    /// The last line with text, and the bottom rows with text.
    pub fn bottom(&mut self, rows: usize) -> (String, Vec<String>) {
        self.look();
        let screen = self.follower.screen();
        (screen.last_line(LINE), screen.bottom(rows))
    }
}
