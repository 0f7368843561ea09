//! Rows from before those at hand: drawn from the end of the recording, on a screen that takes the
//! place of the live one while somebody looks back. Lines are counted from below, so that all keep
//! their numbers.

use crate::term::Screen;

/// What is read of a recording, from its end: first, and when that is not enough.
pub const STEPS: [u64; 2] = [2 << 20, 32 << 20];
/// Rows that are kept of it: some 100 MB where they are full.
const ROWS: usize = 50_000;

/// What is to be done with more rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Goal {
    #[default]
    Stay,
    /// The cursor goes to the first of them.
    Top,
    /// What was searched for may be among them.
    Search,
}

/// How far back the rows at hand go.
#[derive(Default)]
pub struct Past {
    /// Steps that were asked for.
    asked: usize,
    waits: bool,
    /// There is nothing before them.
    pub whole: bool,
    pub goal: Goal,
    /// The one that goes on.
    live: Option<Screen>,
}

impl Past {
    /// The bytes to ask for, if there may be more than what is here.
    pub fn ask(&mut self) -> Option<u64> {
        if self.waits || self.whole {
            return None;
        }
        let bytes = *STEPS.get(self.asked)?;
        self.asked += 1;
        self.waits = true;
        Some(bytes)
    }

    pub fn waits(&self) -> bool {
        self.waits
    }

    /// True if as much was read as is ever read, and there is more.
    pub fn is_cut(&self) -> bool {
        self.asked == STEPS.len() && !self.waits && !self.whole
    }

    /// Puts a screen with the recording's end in the place of `screen`; `held` came after what
    /// that shows.
    pub fn read(&mut self, screen: &mut Screen, end: &[u8], held: &[u8]) {
        self.waits = false;
        self.whole = STEPS.get(self.asked.wrapping_sub(1)).is_none_or(|n| (end.len() as u64) < *n);
        let (columns, rows) = screen.size();
        let mut past = Screen::new(columns, rows, ROWS);
        past.process(from_a_line(&end[..end.len() - overlap(end, held)], self.whole));
        let live = std::mem::replace(screen, past);
        self.live.get_or_insert(live);
    }

    pub fn failed(&mut self) {
        self.waits = false;
        self.whole = true;
    }

    /// The live screen again, if another one stands for it.
    pub fn leave(&mut self) -> Option<Screen> {
        std::mem::take(self).live
    }

    /// The one that what is printed goes to.
    pub fn live(&mut self) -> Option<&mut Screen> {
        self.live.as_mut()
    }
}

/// A piece of a recording begins anywhere, in the middle of a sequence too.
fn from_a_line(end: &[u8], whole: bool) -> &[u8] {
    match end.iter().position(|byte| *byte == b'\n') {
        Some(at) if !whole => &end[at + 1..],
        Some(_) | None => end,
    }
}

/// How many bytes at the end of `end` are the first ones of `held`.
fn overlap(end: &[u8], held: &[u8]) -> usize {
    let most = end.len().min(held.len());
    let Some(last) = end.last() else { return 0 };
    let ends = memchr::memrchr_iter(*last, &held[..most]).map(|at| at + 1);
    // What is the same for so long is the same: a megabyte of blanks is not compared with itself.
    ends.take(10_000).find(|n| end.ends_with(&held[..*n])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(from: usize, to: usize) -> Vec<u8> {
        (from..to)
            .flat_map(|n| format!("\x1b[3{}mline {n}\x1b[0m\r\n", n % 8).into_bytes())
            .collect()
    }

    #[test]
    fn what_came_later_is_left_out() {
        let (all, held) = (lines(0, 100), lines(90, 130));
        assert_eq!(overlap(&all, &held), lines(90, 100).len());
        assert_eq!(overlap(&all, b""), 0);
        assert_eq!(overlap(b"", &held), 0);
        assert_eq!(overlap(&all, b"other\n"), 0);
    }

    #[test]
    fn lines_keep_their_places_from_below_and_the_live_screen_comes_back() {
        let mut live = Screen::new(20, 4, 10);
        live.process(&lines(0, 90));
        let shown = live.dump();
        let mut screen = live;
        let mut past = Past::default();
        assert_eq!(past.ask(), Some(STEPS[0]));
        assert_eq!(past.ask(), None, "it is asked once");
        past.read(&mut screen, &lines(0, 100), &lines(90, 110));
        assert!(past.whole && !past.is_cut());
        assert_eq!(screen.dump(), shown);
        screen.set_scrollback(usize::MAX);
        assert!(screen.dump().lines[0].starts_with("line 0"), "{:?}", screen.dump().lines);
        past.live().unwrap().process(&lines(90, 110));
        let back = past.leave().unwrap();
        assert!(back.dump().lines[2].starts_with("line 109"));
        assert_eq!(past.ask(), Some(STEPS[0]), "begins anew");
    }

    #[test]
    fn a_part_begins_with_a_whole_line_and_is_asked_for_more() {
        let mut screen = Screen::new(20, 4, 10);
        let mut past = Past::default();
        past.ask();
        let mut end = lines(0, 200_000);
        end.drain(..end.len() - STEPS[0] as usize);
        past.read(&mut screen, &end, b"");
        assert!(!past.whole);
        assert_eq!(past.ask(), Some(STEPS[1]));
        past.failed();
        assert_eq!(past.ask(), None);
    }
}
