//! Tokens and money over time, for sparklines and rates.
//!
//! A ring of [`BUCKETS`] buckets of [`BUCKET_SECONDS`] each, by the time of the event. What
//! is older than the ring is forgotten; an event from before the ring is not counted.

use crate::model::{Micros, Stamp};

pub const BUCKET_SECONDS: i64 = 5;
pub const BUCKETS: usize = 60;

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    tokens: u64,
    cost: i64,
}

/// One series. `newest` is the number of the last bucket, counted from the epoch.
#[derive(Clone, Debug)]
pub struct History {
    ring: Box<[Bucket; BUCKETS]>,
    newest: i64,
}

impl Default for History {
    fn default() -> Self {
        Self { ring: Box::new([Bucket::default(); BUCKETS]), newest: i64::MIN }
    }
}

fn number(at: Stamp) -> i64 {
    at.0.div_euclid(BUCKET_SECONDS * 1_000_000)
}

fn slot(number: i64) -> usize {
    number.rem_euclid(BUCKETS as i64) as usize
}

impl History {
    pub fn add(&mut self, at: Stamp, tokens: u64, cost: Micros) {
        let n = number(at);
        if self.newest == i64::MIN {
            self.newest = n;
        }
        if n > self.newest {
            let fresh = (n - self.newest).min(BUCKETS as i64);
            for step in 0..fresh {
                self.ring[slot(n - step)] = Bucket::default();
            }
            self.newest = n;
        }
        if self.newest - n >= BUCKETS as i64 {
            return;
        }
        let bucket = &mut self.ring[slot(n)];
        bucket.tokens = bucket.tokens.saturating_add(tokens);
        bucket.cost = bucket.cost.saturating_add(cost.0);
    }

    fn at(&self, n: i64) -> Bucket {
        let known = self.newest != i64::MIN && n <= self.newest;
        if known && self.newest - n < BUCKETS as i64 {
            self.ring[slot(n)]
        } else {
            Bucket::default()
        }
    }

    /// Tokens in the `points` buckets that end at `now`, oldest first.
    pub fn tokens(&self, now: Stamp, points: usize) -> Vec<u64> {
        let last = number(now);
        (0..points as i64).rev().map(|back| self.at(last.saturating_sub(back)).tokens).collect()
    }

    /// Money spent in the minute before `now`, to a bucket's precision.
    pub fn cost_per_minute(&self, now: Stamp) -> Micros {
        let last = number(now);
        let spent = (0..60 / BUCKET_SECONDS).map(|back| self.at(last.saturating_sub(back)).cost);
        Micros(spent.fold(0, i64::saturating_add))
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
        assert_eq!(history.cost_per_minute(Stamp(111 * second)), Micros(11));
        assert_eq!(history.cost_per_minute(Stamp(999 * second)), Micros(0));
        history.add(Stamp(100_000 * second), 3, Micros(0));
        history.add(Stamp(100 * second), 3, Micros(0));
        assert_eq!(history.tokens(Stamp(100_000 * second), BUCKETS).iter().sum::<u64>(), 3);
    }
}
