//! OSC 7501 states on their way to the facts. A state said twice is told once, and an agent
//! that says a new one all the time is told at a bounded rate: what stays is the latest.

use crate::protocol::keeper::FactKind;
use std::time::{Duration, Instant};

/// So many at once, then one in so long.
const BURST: u32 = 32;
const BETWEEN: Duration = Duration::from_millis(100);

pub struct States {
    last: Option<FactKind>,
    waiting: Option<FactKind>,
    /// Left of the burst, as of `since`.
    left: u32,
    since: Instant,
}

impl States {
    pub fn new(at: Instant) -> Self {
        Self { last: None, waiting: None, left: BURST, since: at }
    }

    /// A state was seen; what to tell now.
    pub fn seen(&mut self, state: FactKind, at: Instant) -> Option<FactKind> {
        if self.waiting.is_none() && self.last.as_ref() == Some(&state) {
            return None;
        }
        self.waiting = Some(state);
        self.take(at)
    }

    /// The state that waits, if it may be told now.
    pub fn take(&mut self, at: Instant) -> Option<FactKind> {
        self.waiting.as_ref()?;
        let earned = at.saturating_duration_since(self.since).as_millis() / BETWEEN.as_millis();
        if earned > 0 {
            self.left = BURST.min(self.left.saturating_add(u32::try_from(earned).unwrap_or(BURST)));
            self.since = at;
        }
        self.left = self.left.checked_sub(1)?;
        let state = self.waiting.take()?;
        if self.last.as_ref() == Some(&state) {
            return None;
        }
        self.last = Some(state.clone());
        Some(state)
    }

    pub fn due(&self) -> Option<Instant> {
        self.waiting.as_ref().map(|_| self.since + BETWEEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(n: u32) -> FactKind {
        FactKind::Status {
            state: n.to_string(),
            kind: String::new(),
            message: String::new(),
            progress: None,
        }
    }

    #[test]
    fn the_same_once_and_a_flood_by_its_latest() {
        let start = Instant::now();
        let mut states = States::new(start);
        assert_eq!(states.seen(state(0), start), Some(state(0)));
        assert_eq!(states.seen(state(0), start), None);
        let told = (1..1000).filter_map(|n| states.seen(state(n), start)).count();
        assert_eq!(told, BURST as usize - 1);
        let due = states.due().unwrap();
        assert_eq!(states.take(start), None);
        assert_eq!(states.take(due), Some(state(999)));
        assert_eq!(states.due(), None);
    }
}
