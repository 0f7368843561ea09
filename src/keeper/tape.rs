//! The recording and the screen of the attempt, as the loop uses them. The recording is
//! exact and first; the screen follows it, behind when output floods, and is brought up to
//! the end when somebody looks.

use crate::model::Stamp;
use crate::protocol::keeper::{FactKind, ScreenDump};
use crate::term::recording::{Cut, Recorder};
use crate::term::{CaughtUp, Follower, Scanner, Screen, Seen, cursor_report};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Nobody scrolls in a keeper: older text is read from the recording.
const SCROLLBACK: usize = 0;
/// The screen follows so long after output came, for so long at a time: in a flood a tenth
/// of the keeper's time at most. Once output pauses it goes on without a break.
const FOLLOW_AFTER: Duration = Duration::from_millis(100);
const FOLLOW_FOR: Duration = Duration::from_millis(10);
/// Longest that one look at the screen may keep the terminal waiting, and how much may be
/// behind to be drawn whatever it takes.
const LOOK: Duration = Duration::from_millis(5);
const LITTLE: u64 = 256 << 10;
/// Longest that an answer about the cursor may take, which only the asker waits for.
const ANSWER: Duration = Duration::from_millis(250);
/// Longest that the last screen may take; then it is a glimpse.
const FINISH: Duration = Duration::from_secs(2);
/// Longest last line that is told, in columns.
const LINE: usize = 200;

pub struct Tape {
    recorder: Recorder,
    scanner: Scanner,
    follower: Follower,
    follow_at: Option<Instant>,
    /// Output came since the screen last followed.
    fresh: bool,
    /// Somebody was shown a glimpse; the exact screen is owed.
    owed: bool,
    /// The last byte recorded may be the middle of a question for the cursor.
    half_asked: bool,
    /// What is missing from the recording.
    cut: Option<Cut>,
    /// How many bytes of it were told. Who prints without end is told of whenever it has
    /// doubled: a row for every cut would fill the journal in its place.
    cut_told: u64,
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
            follower.wrote_seen(at, &buf[..len], &mut scanner);
            at += len as u64;
        }
        Ok(Self {
            recorder,
            scanner,
            follower,
            follow_at: None,
            fresh: false,
            owed: false,
            half_asked: false,
            cut: None,
            cut_told: 0,
        })
    }

    /// All that is missing, if more of it is than was told.
    pub fn untold_cut(&mut self) -> Option<FactKind> {
        let cut = self.cut.filter(|cut| cut.to - cut.from > self.cut_told)?;
        self.cut_told = cut.to - cut.from;
        Some(FactKind::Cut { from: cut.from, to: cut.to })
    }

    pub fn write(&mut self, bytes: &[u8], at: Stamp) -> Written {
        let start = self.recorder.len();
        let mut written = Written { done: bytes.len(), ..Written::default() };
        match self.recorder.write(bytes, at) {
            Ok(Some(cut)) => {
                self.cut = Some(cut);
                if cut.to - cut.from >= self.cut_told * 2 {
                    written.facts.extend(self.untold_cut());
                }
            }
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
        self.fresh = true;
        let mut done = 0;
        while done < bytes.len() {
            let end = done + self.until_question(&bytes[done..]);
            let piece = &bytes[done..end];
            let seen = self.follower.wrote_seen(start + done as u64, piece, &mut self.scanner);
            seen.into_iter().for_each(|seen| self.saw(seen, &mut written));
            done = end;
        }
        written
    }

    /// Up to behind the next `6n`: a question for the cursor ends there, and the answer is
    /// of the screen as it is at the question, not after what follows it.
    fn until_question(&mut self, bytes: &[u8]) -> usize {
        if std::mem::take(&mut self.half_asked) && bytes[0] == b'n' {
            return 1;
        }
        match memchr::memmem::find(bytes, b"6n") {
            Some(at) => at + 2,
            None => {
                self.half_asked = bytes.last() == Some(&b'6');
                bytes.len()
            }
        }
    }

    fn saw(&mut self, seen: Seen, written: &mut Written) {
        match seen {
            Seen::Reply(reply) => written.reply.extend(reply),
            Seen::CursorReport { dec, .. } => {
                self.catch_up(ANSWER);
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

    /// The program tells a paste from what is typed.
    pub fn knows_pastes(&self) -> bool {
        self.scanner.bracketed_paste()
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

    /// Lets the screen follow for a moment. True when viewers were shown a glimpse before
    /// and the exact screen is there now.
    pub fn follow(&mut self, at: Instant) -> bool {
        if self.follow_at.is_some_and(|due| due <= at) {
            let fresh = std::mem::take(&mut self.fresh);
            let pause = if fresh { FOLLOW_AFTER } else { Duration::ZERO };
            self.follow_at = match self.follower.catch_up(self.recorder.raw(), FOLLOW_FOR) {
                Ok(CaughtUp::More) => Some(Instant::now() + pause),
                // What cannot be read back is seen again when something is written.
                Ok(CaughtUp::Exact) | Err(_) => None,
            };
        }
        self.owed && self.follower.behind() == 0 && std::mem::take(&mut self.owed)
    }

    fn catch_up(&mut self, budget: Duration) {
        if self.follower.behind() > 0
            && let Ok(CaughtUp::Exact) = self.follower.catch_up(self.recorder.raw(), budget)
        {
            self.follow_at = None;
        }
    }

    /// Brings the screen to the end of what is recorded, or a glimpse of it where that
    /// would take longer than a look may.
    fn look(&mut self) -> Option<Screen> {
        self.catch_up(if self.follower.behind() > LITTLE { LOOK } else { ANSWER });
        if self.follower.behind() == 0 {
            return None;
        }
        self.follower.glimpse(self.recorder.raw()).ok()
    }

    /// Brings the screen to the very end, so that the last look is exact.
    pub fn finish(&mut self) {
        self.catch_up(FINISH);
    }

    pub fn dump(&mut self) -> ScreenDump {
        let glimpse = self.look();
        glimpse.as_ref().unwrap_or(self.follower.screen()).dump()
    }

    /// The bytes that draw the screen on a fresh terminal of its size.
    pub fn restore(&mut self) -> Vec<u8> {
        let glimpse = self.look();
        self.owed |= glimpse.is_some();
        glimpse.as_ref().unwrap_or(self.follower.screen()).restore_bytes()
    }

    /// The last line with text, and the bottom rows with text.
    pub fn bottom(&mut self, rows: usize) -> (String, Vec<String>) {
        let glimpse = self.look();
        let screen = glimpse.as_ref().unwrap_or(self.follower.screen());
        (screen.last_line(LINE), screen.bottom(rows))
    }
}
