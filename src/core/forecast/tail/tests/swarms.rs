//! Swarms that are known from their first call to their last: what forecasts are judged on, by the
//! tests beside this and by `cargo bench --bench peer forecast`.

use super::Work;
use std::{cmp::Reverse, collections::BinaryHeap};

/// Of its cost so much is spent when a swarm is looked at.
pub const POINTS: [f64; 3] = [0.25, 0.5, 0.75];

/// All that is judged, by name.
pub const LAWS: [(&str, Law); 6] = [
    ("equal items", Law::Equal),
    ("light tail", Law::Normal(0.5)),
    ("heavy tail", Law::Normal(1.0)),
    ("very heavy tail", Law::Normal(1.3)),
    ("Pareto 2.2", Law::Pareto(2.2)),
    ("two kinds", Law::Two),
];

/// What items cost.
#[derive(Clone, Copy, PartialEq)]
pub enum Law {
    /// All the same, and none is tried twice.
    Equal,
    /// Log-normal, with this deviation of the logarithm.
    Normal(f64),
    /// Pareto, with this exponent.
    Pareto(f64),
    /// One in five costs ten times the others.
    Two,
}

/// What happens half-way.
#[derive(Clone, Copy, PartialEq)]
pub enum Turn {
    None,
    /// Calls take three times as long.
    Slower,
    /// Later items cost half as much again.
    Dearer,
}

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.next()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.next()).cos()
    }

    fn size(&mut self, law: Law) -> f64 {
        match law {
            Law::Equal => 1.0,
            Law::Normal(deviation) => (deviation * self.normal()).exp(),
            Law::Pareto(exponent) => (1.0 - self.next()).powf(-1.0 / exponent),
            Law::Two if self.next() < 0.8 => 0.4 * (0.3 * self.normal()).exp(),
            Law::Two => 4.0 * (0.4 * self.normal()).exp(),
        }
    }

    /// Calls, as (duration, cost): one attempt in seven fails somewhere and is paid for too.
    pub fn item(&mut self, law: Law) -> Vec<(f64, f64)> {
        let size = self.size(law);
        let mut calls = Vec::new();
        let fails = if law == Law::Equal { 0.0 } else { 0.15 };
        while self.next() < fails && calls.len() < 400 {
            let part = size * (0.05 + 0.9 * self.next());
            self.attempt(part, &mut calls);
        }
        self.attempt(size, &mut calls);
        calls
    }

    fn attempt(&mut self, cost: f64, calls: &mut Vec<(f64, f64)>) {
        let count = (10.0 * cost).max(1.0) as usize;
        // Contexts grow.
        let weights: Vec<f64> =
            (0..count).map(|n| (1.0 + 0.05 * n as f64) * (0.3 * self.normal()).exp()).collect();
        let sum: f64 = weights.iter().sum();
        calls.extend(weights.iter().map(|weight| {
            let takes = 0.2 - (1.0 - self.next()).ln();
            (takes, cost * weight / sum)
        }));
    }
}

/// What is seen of a swarm at some moment, and what it came to.
pub struct Seen {
    pub work: Work,
    pub spent: f64,
    pub total: f64,
}

/// A swarm from its first call to its last, looked at on its way.
pub fn swarm(seed: u64, law: Law, items: usize, agents: usize, turn: Turn) -> Vec<Seen> {
    let mut random = Random(seed);
    let mut all: Vec<Vec<(f64, f64)>> = (0..items).map(|_| random.item(law)).collect();
    for calls in &mut all[items / 2..] {
        for (takes, cost) in calls {
            *takes *= if turn == Turn::Slower { 3.0 } else { 1.0 };
            *cost *= if turn == Turn::Dearer { 1.5 } else { 1.0 };
        }
    }
    let total: f64 = all.iter().flatten().map(|(_, cost)| cost).sum();
    let mut spent = vec![0.0; items];
    let (mut work, mut sum, mut next, mut looks) = (Work::default(), 0.0, 0, Vec::new());
    let mut due = BinaryHeap::new();
    // Whole nanoseconds can be put in order.
    let at = |now: u64, takes: f64| now + (takes * 1e9) as u64;
    let mut begin = |now: u64, due: &mut BinaryHeap<_>| {
        if let Some(first) = all.get(next).and_then(|calls| calls.first()) {
            due.push(Reverse((at(now, first.0), next, 0)));
            next += 1;
        }
    };
    (0..agents).for_each(|_| begin(0, &mut due));
    let mut over = vec![false; items];
    while let Some(Reverse((now, item, call))) = due.pop() {
        let cost: f64 = all[item][call].1;
        (spent[item], sum) = (spent[item] + cost, sum + cost);
        match all[item].get(call + 1) {
            Some((takes, _)) => due.push(Reverse((at(now, *takes), item, call + 1))),
            None => {
                over[item] = true;
                begin(now, &mut due);
            }
        }
        while looks.len() < POINTS.len() && sum >= POINTS[looks.len()] * total {
            let of = |ended: bool| {
                let those = (0..items).filter(|n| over[*n] == ended && spent[*n] > 0.0);
                those.map(|n| spent[n]).collect::<Vec<_>>()
            };
            work.ended = of(true);
            work.working = of(false);
            work.queued = spent.iter().filter(|cost| **cost == 0.0).count() as u32;
            looks.push(Seen { work: work.clone(), spent: sum, total });
        }
    }
    looks
}
