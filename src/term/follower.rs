//! The screen at the end of a recording that may grow faster than any emulator parses.
//!
//! Nothing is buffered: bytes not yet drawn are read back from the recording by offset.
//! With little behind they are simply parsed. With much behind, most of them are skipped:
//! a suffix of the backlog is drawn on two screens of opposite pasts (cells that differ
//! everywhere, the cursor at the first and at the last place), both with the modes that a
//! tracker collected over what was skipped. Once cells, attributes, pen and cursor
//! of both are the same, and the cursor was put into some column by its number on the way
//! ([`anchor`]), what was skipped cannot matter, and one of them is the screen. Cells
//! that nothing touched since the screen was exact are known all the while, and so is the
//! cursor where it could be followed ([`touched`]). If the two never become the same, a
//! stretch in which much was touched is drawn first, then a suffix four times as long is
//! tried, at last all of it.
//!
//! A change of screen or size is a barrier up to which the screen is made exact first; a
//! full reset needs nothing of what came before; a saved cursor must lie in the suffix.
//!
//! While output floods on, a try that falls too far behind is given up for one nearer to the
//! end; [`Follower::glimpse`] then shows what the last bytes draw over the last exact screen.
//!
//! A row's mark that it goes on in the next one is the one thing that may be stale after a
//! skip, where a row was overwritten without being erased: it changes no cell before the
//! window becomes narrower, which makes programs draw anew. And
//! after a skip the few rows of scrollback kept in memory may have a gap; the recording
//! has none.

mod anchor;
mod touched;
mod track;

use super::modes::Modes;
use super::scanner::{Scanner, Seen};
use super::screen::{Past, Screen};
use super::token::{Both, Sink, Span, Tokenizer};
use anchor::Anchor;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};
pub(super) use touched::Known;
use touched::Place;
use track::{Barrier, Kind, Track};

/// With more than this behind, in bytes, skipping is tried.
const SKIP_OVER: u64 = 256 << 10;
/// First and shortest suffix.
const SUFFIX: u64 = 64 << 10;
/// Longest stretch that is drawn before a longer suffix is tried.
const STRETCH_MOST: u64 = 1 << 20;
/// Read and parsed in pieces of this size; the budget is looked at after each.
const PIECE: usize = 16 << 10;
/// Bytes parsed between two comparisons.
const COMPARE_EVERY: u64 = 32 << 10;
/// Bytes that a glimpse draws, and the most it may have to.
const GLIMPSE: u64 = 64 << 10;
const GLIMPSE_MOST: u64 = 1 << 20;
/// At most one checkpoint in so many bytes.
const SPACING: u64 = 16 << 10;
/// When there are so many checkpoints, every second of the older half goes.
const CHECKPOINTS: usize = 128;

/// How far [`Follower::catch_up`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaughtUp {
    /// The screen shows every byte written.
    Exact,
    /// The budget ran out before.
    More,
}

pub struct Follower {
    screen: Screen,
    /// Bytes that the screen shows.
    drawn: u64,
    tokens: Tokenizer,
    track: Track,
    checkpoints: VecDeque<Checkpoint>,
    /// No skipping before this offset.
    draw_until: u64,
    /// How much was recorded when that was decided.
    draw_since: u64,
    /// A stretch that is drawn up to here, whatever comes in the meantime.
    stretch_until: u64,
    suffix: u64,
    attempt: Option<Box<Attempt>>,
    buf: Vec<u8>,
    skipped: u64,
}

/// A place between two tokens, and the modes there.
struct Checkpoint {
    offset: u64,
    modes: Modes,
    /// Of the cursor, if it is known.
    place: Option<Place>,
}

/// Two pasts, one suffix.
struct Attempt {
    low: Screen,
    /// None once both were the same.
    high: Option<Screen>,
    anchor: Anchor,
    from: u64,
    at: u64,
    compare_at: u64,
    stop: u64,
    /// The cursor is saved on the way.
    saves: bool,
    /// How much was recorded when it began.
    since: u64,
}

impl Follower {
    /// `scrollback` in rows kept in memory.
    pub fn new(cols: u16, rows: u16, scrollback: usize) -> Self {
        Self {
            screen: Screen::new(cols, rows, scrollback),
            drawn: 0,
            tokens: Tokenizer::default(),
            track: Track::new(rows.max(1)),
            checkpoints: VecDeque::new(),
            draw_until: 0,
            draw_since: 0,
            stretch_until: 0,
            suffix: SUFFIX,
            attempt: None,
            buf: Vec::new(),
            skipped: 0,
        }
    }

    /// After `bytes` were recorded at `offset`, in order and without gaps (what is known
    /// already is ignored). Costs no more than a look at the control sequences.
    pub fn wrote(&mut self, offset: u64, bytes: &[u8]) {
        self.note(offset, bytes, &mut Nobody);
    }

    /// As [`Self::wrote`], and in the same pass the scanner sees what `bytes` completed.
    pub fn wrote_seen(&mut self, offset: u64, bytes: &[u8], scanner: &mut Scanner) -> Vec<Seen> {
        self.note(offset, bytes, scanner.sink());
        scanner.taken()
    }

    fn note(&mut self, offset: u64, bytes: &[u8], other: &mut impl Sink) {
        let known = self.tokens.pos().saturating_sub(offset).min(bytes.len() as u64);
        if self.behind() == 0 {
            self.begin();
        }
        for piece in bytes[known as usize..].chunks(PIECE) {
            // Behind a line, or else before a sequence, a checkpoint is worth most.
            let line = memchr::memrchr(b'\n', piece).map(|n| n + 1);
            let cut = line.or_else(|| memchr::memrchr(0x1b, piece)).unwrap_or(0);
            self.tokens.feed(&piece[..cut], &mut Both(&mut self.track, other));
            self.checkpoint();
            self.tokens.feed(&piece[cut..], &mut Both(&mut self.track, other));
            self.checkpoint();
        }
    }

    /// The screen is exact: what is touched from now on counts.
    fn begin(&mut self) {
        let Track { touched, modes, .. } = &mut self.track;
        match self.tokens.is_safe() {
            true => {
                let (pos, screen) = (self.tokens.pos(), &self.screen);
                touched.begin(pos, screen.size(), screen.place(), modes);
            }
            false => touched.stop(),
        }
    }

    fn checkpoint(&mut self) {
        let offset = self.tokens.pos();
        let last = self.checkpoints.back().map_or(self.drawn, |c| c.offset);
        if !self.tokens.is_safe() || offset < last + SPACING {
            return;
        }
        if self.checkpoints.len() >= CHECKPOINTS {
            let mut n = 0;
            self.checkpoints.retain(|_| {
                n += 1;
                n > CHECKPOINTS / 2 || n % 2 == 0
            });
        }
        let (modes, place) = (self.track.modes.clone(), self.track.touched.checkpoint(offset));
        self.checkpoints.push_back(Checkpoint { offset, modes, place });
    }

    /// The window has this size from here on.
    pub fn resize(&mut self, cols: u16, rows: u16) {
        let (cols, rows) = (cols.max(1), rows.max(1));
        let at = self.tokens.pos();
        self.track.rows = rows;
        self.track.modes.resized();
        self.track.touched.stop();
        if self.drawn == at {
            self.screen.resize(cols, rows);
            return;
        }
        let barrier = Barrier { start: at, end: at, kind: Kind::Resize(cols, rows) };
        self.track.barriers.push_back(barrier);
    }

    /// Bytes recorded but not drawn.
    pub fn behind(&self) -> u64 {
        self.tokens.pos() - self.drawn
    }

    /// Bytes skipped so far without being drawn.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// As of the bytes drawn so far.
    pub fn screen(&self) -> &Screen {
        &self.screen
    }

    /// For the viewer's scrollback only.
    pub fn screen_mut(&mut self) -> &mut Screen {
        &mut self.screen
    }

    /// Draws what is behind, for about `budget`. `file` is the recording's raw file.
    pub fn catch_up(&mut self, file: &File, budget: Duration) -> io::Result<CaughtUp> {
        let deadline = Instant::now() + budget;
        loop {
            self.forget();
            if self.behind() == 0 {
                self.suffix = SUFFIX;
                self.buf = Vec::new();
                return Ok(CaughtUp::Exact);
            }
            self.give_up();
            if self.attempt.is_none() {
                self.consider();
            }
            match self.attempt.take() {
                Some(attempt) => self.advance(attempt, file)?,
                None => self.draw(file)?,
            }
            if Instant::now() >= deadline {
                let caught_up = if self.behind() == 0 { CaughtUp::Exact } else { CaughtUp::More };
                if caught_up == CaughtUp::Exact {
                    self.forget();
                }
                return Ok(caught_up);
            }
        }
    }

    /// What the last bytes draw over the last exact screen: near enough to look at while the
    /// exact one takes too long. Places that they do not touch may be old.
    pub fn glimpse(&mut self, file: &File) -> io::Result<Screen> {
        let end = self.tokens.pos();
        let latest = end.saturating_sub(GLIMPSE);
        let near = self.checkpoints.iter().rev().find(|c| c.offset <= latest);
        let (mut at, mut screen) = match near {
            Some(near) => (near.offset, self.screen.over(&near.modes, near.offset)),
            None => (self.drawn, self.screen.copy()),
        };
        if end - at > GLIMPSE_MOST {
            return Ok(screen);
        }
        for n in 0..=self.track.barriers.len() {
            let resize = self.track.barriers.get(n).filter(|b| matches!(b.kind, Kind::Resize(..)));
            let stop = match (resize, n == self.track.barriers.len()) {
                (Some(resize), _) => resize.start,
                (None, true) => end,
                (None, false) => continue,
            };
            while at < stop {
                let len = self.read(file, at, stop)?;
                screen.process(&self.buf[..len]);
                at += len as u64;
            }
            if let Some(Barrier { kind: Kind::Resize(cols, rows), .. }) = self.track.barriers.get(n)
            {
                screen.resize(*cols, *rows);
            }
        }
        Ok(screen)
    }

    /// Drops a try, or the drawing of all, that output has left far behind.
    fn give_up(&mut self) {
        let end = self.tokens.pos();
        let left = |since: u64, work: u64| end - since > 2 * work.max(SKIP_OVER);
        if self.attempt.as_ref().is_some_and(|a| left(a.since, a.stop - a.from)) {
            self.attempt = None;
            self.suffix = SUFFIX;
        }
        let rest = self.draw_until.saturating_sub(self.drawn);
        if self.drawn >= self.stretch_until && rest > SKIP_OVER && left(self.draw_since, rest) {
            self.draw_until = self.drawn;
            self.suffix = SUFFIX;
        }
    }

    /// Applies resizes that are due and drops what lies behind the screen.
    fn forget(&mut self) {
        while let Some(barrier) = self.track.barriers.front() {
            if barrier.end > self.drawn {
                break;
            }
            if let Kind::Resize(cols, rows) = barrier.kind {
                self.screen.resize(cols, rows);
            }
            self.track.barriers.pop_front();
        }
        while self.checkpoints.front().is_some_and(|c| c.offset <= self.drawn) {
            self.checkpoints.pop_front();
        }
        self.track.touched.drawn(self.drawn);
        if self.track.reset.is_some_and(|at| at <= self.drawn) {
            self.track.reset = None;
        }
    }

    /// Starts a skip where it may pay, else says up to where to draw.
    fn consider(&mut self) {
        if let Some(reset) = self.track.reset.take()
            && reset > self.drawn
            && self.draw_until <= reset
        {
            self.restart(reset);
        }
        let drawn = self.drawn;
        if drawn < self.draw_until.max(self.track.blind_until) {
            return;
        }
        let barriers = &self.track.barriers;
        let hard = barriers.iter().find(|b| b.kind != Kind::Save);
        let mut stop = hard.map_or(self.tokens.pos(), |b| b.start);
        if stop <= drawn {
            // The barrier itself: a few bytes.
            self.draw_until = hard.map_or(stop, |b| b.end);
            return;
        }
        let mut latest = stop;
        let save = barriers.iter().rev().find(|b| b.kind == Kind::Save && b.end <= stop);
        if let Some(save) = save {
            if stop - save.start > 2 * SUFFIX {
                stop = save.end;
            }
            latest = save.start;
        }
        if stop - drawn <= SKIP_OVER {
            self.draw_until = stop;
            return;
        }
        if self.suffix > SUFFIX
            && let Some(next) = self.track.touched.next().filter(|next| *next <= stop)
            && next - drawn <= STRETCH_MOST
        {
            (self.draw_until, self.stretch_until) = (next, next);
            self.suffix = SUFFIX;
            return;
        }
        let latest = latest.min(stop - self.suffix.min(stop));
        let from = self.checkpoints.iter().rev().find(|c| c.offset <= latest);
        match from {
            Some(from) if from.offset > drawn + SUFFIX => {
                let offset = from.offset;
                let known = from.place.and_then(|place| self.track.touched.known(place));
                let guess = |past| self.screen.guess(&from.modes, past, offset, known.as_ref());
                self.attempt = Some(Box::new(Attempt {
                    low: guess(Past::Low),
                    high: Some(guess(Past::High)),
                    anchor: Anchor::new(
                        offset,
                        known.is_some(),
                        known.is_some() && from.place.is_some_and(|place| place.saved.is_some()),
                    ),
                    from: offset,
                    at: offset,
                    compare_at: offset + COMPARE_EVERY,
                    stop,
                    saves: save.is_some_and(|save| save.start >= offset),
                    since: self.tokens.pos(),
                }));
            }
            _ => {
                self.draw_until = stop;
                self.draw_since = self.tokens.pos();
                self.suffix = SUFFIX;
            }
        }
    }

    /// Nothing before the full reset at `offset` matters, but the size.
    fn restart(&mut self, offset: u64) {
        let (mut cols, mut rows) = self.screen.size();
        for barrier in self.track.barriers.iter().filter(|b| b.start <= offset) {
            if let Kind::Resize(c, r) = barrier.kind {
                (cols, rows) = (c, r);
            }
        }
        self.track.barriers.retain(|b| b.start > offset);
        self.screen = self.screen.fresh(cols, rows);
        self.skipped += offset - self.drawn;
        self.drawn = offset;
        self.forget();
    }

    fn read(&mut self, file: &File, at: u64, stop: u64) -> io::Result<usize> {
        let len = (stop - at).min(PIECE as u64) as usize;
        self.buf.resize(len, 0);
        file.read_exact_at(&mut self.buf, at)?;
        Ok(len)
    }

    fn draw(&mut self, file: &File) -> io::Result<()> {
        let mut stop = self.tokens.pos();
        if self.draw_until > self.drawn {
            stop = stop.min(self.draw_until);
        }
        if let Some(resize) = self
            .track
            .barriers
            .iter()
            .find(|b| matches!(b.kind, Kind::Resize(..)) && b.end > self.drawn)
        {
            stop = stop.min(resize.end);
        }
        let len = self.read(file, self.drawn, stop)?;
        self.screen.process(&self.buf[..len]);
        self.drawn += len as u64;
        Ok(())
    }

    fn advance(&mut self, mut attempt: Box<Attempt>, file: &File) -> io::Result<()> {
        let len = match self.read(file, attempt.at, attempt.stop) {
            Ok(len) => len,
            Err(e) => {
                self.attempt = Some(attempt);
                return Err(e);
            }
        };
        let bytes = &self.buf[..len];
        attempt.low.process(bytes);
        attempt.at += len as u64;
        if let Some(high) = &mut attempt.high {
            high.process(bytes);
            attempt.anchor.feed(bytes);
            if attempt.at >= attempt.compare_at || attempt.at == attempt.stop {
                attempt.compare_at = attempt.at + COMPARE_EVERY;
                if attempt.anchor.holds() && attempt.low.same(high, attempt.saves) {
                    attempt.high = None;
                }
            }
        }
        if attempt.at < attempt.stop {
            self.attempt = Some(attempt);
        } else if attempt.high.is_none() {
            self.skipped += attempt.from - self.drawn;
            self.screen = attempt.low;
            self.drawn = attempt.stop;
            self.suffix = (self.suffix / 4).max(SUFFIX);
        } else {
            self.suffix *= 4;
        }
        Ok(())
    }
}

/// Receives nothing.
struct Nobody;

impl Sink for Nobody {
    fn text(&mut self, _: &[u8]) {}
    fn control(&mut self, _: u8) {}
    fn esc(&mut self, _: &[u8], _: u8, _: Span) {}
    fn csi(&mut self, _: &[u8], _: u8, _: Span) {}
    fn osc(&mut self, _: &[u8], _: bool, _: bool) {}
    fn dcs(&mut self, _: &[u8], _: bool) {}
}

#[cfg(test)]
#[path = "follower_tests.rs"]
mod tests;
