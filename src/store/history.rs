//! Tokens and money over time, for sparklines, charts and rates.
//!
//! A ring of buckets, by the time of the event. What is older than the ring is forgotten; an
//! event from before the ring is not counted. [`Series`] keeps the last minutes finely and the
//! last hours coarsely.

use crate::model::{Micros, Stamp};

/// Of the fine ring: five minutes.
pub const BUCKET_SECONDS: i64 = 5;
pub const BUCKETS: usize = 60;
/// Of the coarse one: four hours.
pub const LONG_SECONDS: i64 = 60;
pub const LONG_BUCKETS: usize = 240;

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    tokens: u64,
    cost: i64,
}

/// One ring. `newest` is the number of the last bucket, counted from the epoch.
#[derive(Clone, Debug)]
pub struct History {
    ring: Box<[Bucket]>,
    seconds: i64,
    newest: i64,
}

impl Default for History {
    fn default() -> Self {
        Self::of(BUCKET_SECONDS, BUCKETS)
    }
}

impl History {
    fn of(seconds: i64, buckets: usize) -> Self {
        let ring = vec![Bucket::default(); buckets].into_boxed_slice();
        Self { ring, seconds, newest: i64::MIN }
    }

    /// Seconds of a bucket.
    pub fn seconds(&self) -> i64 {
        self.seconds
    }

    /// How many buckets there are.
    pub fn buckets(&self) -> usize {
        self.ring.len()
    }

    fn number(&self, at: Stamp) -> i64 {
        at.0.div_euclid(self.seconds * 1_000_000)
    }

    fn slot(&self, number: i64) -> usize {
        number.rem_euclid(self.ring.len() as i64) as usize
    }

    pub fn add(&mut self, at: Stamp, tokens: u64, cost: Micros) {
        let n = self.number(at);
        let all = self.ring.len() as i64;
        if self.newest == i64::MIN {
            self.newest = n;
        }
        if n > self.newest {
            for step in 0..(n - self.newest).min(all) {
                let slot = self.slot(n - step);
                self.ring[slot] = Bucket::default();
            }
            self.newest = n;
        }
        if self.newest - n >= all {
            return;
        }
        let slot = self.slot(n);
        let bucket = &mut self.ring[slot];
        bucket.tokens = bucket.tokens.saturating_add(tokens);
        bucket.cost = bucket.cost.saturating_add(cost.0);
    }

    fn at(&self, n: i64) -> Bucket {
        let known = self.newest != i64::MIN && n <= self.newest;
        if known && self.newest - n < self.ring.len() as i64 {
            self.ring[self.slot(n)]
        } else {
            Bucket::default()
        }
    }

    fn last(&self, now: Stamp, points: usize) -> impl Iterator<Item = Bucket> + '_ {
        let last = self.number(now);
        (0..points as i64).rev().map(move |back| self.at(last.saturating_sub(back)))
    }

    /// Tokens in the `points` buckets that end at `now`, oldest first.
    pub fn tokens(&self, now: Stamp, points: usize) -> Vec<u64> {
        self.last(now, points).map(|bucket| bucket.tokens).collect()
    }

    /// Micro-dollars a minute in the `points` buckets that end at `now`, oldest first.
    pub fn rates(&self, now: Stamp, points: usize) -> Vec<u64> {
        let rate = |bucket: Bucket| {
            u64::try_from(bucket.cost.saturating_mul(60) / self.seconds).unwrap_or(0)
        };
        self.last(now, points).map(rate).collect()
    }

    /// Money spent in the minute before `now`, to a bucket's precision.
    pub fn cost_per_minute(&self, now: Stamp) -> Micros {
        let minute = (60 / self.seconds).max(1) as usize;
        let spent = self.last(now, minute).map(|bucket| bucket.cost);
        Micros(spent.fold(0, i64::saturating_add))
    }
}

/// The last minutes and the last hours of one agent, swarm or model.
#[derive(Clone, Debug)]
pub struct Series {
    pub short: History,
    pub long: History,
}

impl Default for Series {
    fn default() -> Self {
        Self { short: History::default(), long: History::of(LONG_SECONDS, LONG_BUCKETS) }
    }
}

impl Series {
    pub fn add(&mut self, at: Stamp, tokens: u64, cost: Micros) {
        self.short.add(at, tokens, cost);
        self.long.add(at, tokens, cost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_by_the_time_of_the_event() {
        let second = 1_000_000;
        let mut history = History::default();
        history.add(Stamp(100 * second), 10, Micros(5));
        history.add(Stamp(104 * second), 1, Micros(5));
        history.add(Stamp(110 * second), 7, Micros(1));
        history.add(Stamp(101 * second), 2, Micros(0));
        assert_eq!(history.tokens(Stamp(111 * second), 4), [0, 13, 0, 7]);
        assert_eq!(history.tokens(Stamp(121 * second), 3), [7, 0, 0]);
        assert_eq!(history.rates(Stamp(111 * second), 4), [0, 120, 0, 12]);
        assert_eq!(history.cost_per_minute(Stamp(111 * second)), Micros(11));
        assert_eq!(history.cost_per_minute(Stamp(999 * second)), Micros(0));
        history.add(Stamp(100_000 * second), 3, Micros(0));
        history.add(Stamp(100 * second), 3, Micros(0));
        assert_eq!(history.tokens(Stamp(100_000 * second), BUCKETS).iter().sum::<u64>(), 3);
    }

    #[test]
    fn hours_are_kept_in_minutes() {
        let minute = 60_000_000;
        let mut series = Series::default();
        for n in 0..300 {
            series.add(Stamp(n * minute), 1, Micros(n));
        }
        let now = Stamp(299 * minute);
        assert_eq!(series.long.rates(now, 3), [297, 298, 299]);
        assert_eq!(series.long.tokens(now, 400).iter().sum::<u64>(), LONG_BUCKETS as u64);
        assert_eq!(series.short.tokens(now, BUCKETS).iter().sum::<u64>(), 5);
    }
}
