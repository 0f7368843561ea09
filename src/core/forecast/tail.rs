//! What items that are not through will still cost, by those that are and by what the others
//! have cost so far.
//!
//! An item at work has cost less so far than it will: leaving it out, or taking what it has
//! cost for all of it, makes every forecast too low, the more so the longer the tail. And how
//! long the tail is a few items do not tell. So costs are taken for log-normal, and no one such
//! law is chosen: each of a grid of them counts by how well it explains the items of both kinds
//! (the ended by their density, those at work by the share of items that cost more). What is to
//! come is then a mixture of sums. From its median comes the forecast, from its spread the interval,
//! which so closes as less is left, is tight where items are alike, and wide where nobody can know:
//! a quarter of 20 items with a heavy tail does not tell the others to ten percent, whoever reads it.
//!
//! What stands before any item was seen (`LAWS`) and the constants below were chosen on simulated
//! swarms; `cargo bench --bench peer forecast` shows the errors on others.

use super::normal::{beyond, hazard, ln_beyond};

/// Of a swarm's items: costs in any one unit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Work {
    /// All that each of the ended ones cost, its retries included.
    pub ended: Vec<f64>,
    /// What those at work have cost so far.
    pub working: Vec<f64>,
    /// Those that have cost nothing yet.
    pub queued: u32,
}

/// What is still to come.
#[derive(Clone, Debug, PartialEq)]
pub struct Rest {
    pub cost: f64,
    /// Between these in four of five cases.
    pub low: f64,
    pub high: f64,
    /// Of each item at work, in their order.
    pub working: Vec<f64>,
    /// Of one that has not begun.
    pub queued: f64,
}

/// Deviations of the logarithm that a law may have, and how much each counts before anything
/// was seen.
const LAWS: [(f64, f64); 10] = [
    (0.05, 1.0),
    (0.1, 1.0),
    (0.2, 1.0),
    (0.35, 1.0),
    (0.5, 1.0),
    (0.7, 1.0),
    (0.9, 1.0),
    (1.15, 1.0),
    (1.4, 0.7),
    (1.8, 0.3),
];
/// Where around the likeliest mean, in its own deviations, laws are tried.
const AROUND: [f64; 5] = [-2.0, -1.0, 0.0, 1.0, 2.0];
/// Laws that explain what was seen so much worse than the best, as a logarithm, count nothing.
const NEGLIGIBLE: f64 = 9.0;
/// Of more items at work those that cost about the same are taken together.
const GROUPS: usize = 24;
/// The deviation of the logarithm of what is left is taken from these quantiles.
const TENTH: f64 = 0.1;
const BETWEEN: f64 = 2.563;
/// Costs are not log-normal, and later items may be of another kind: so much of such a deviation
/// no item tells.
const UNTOLD: f64 = 0.15;
/// Tails that were not seen yet: so many deviations are added to the median, of at most so much.
const UNSEEN: f64 = 0.25;
const KNOWN: f64 = 0.7;
/// The ends of the interval, in deviations with what is untold.
const LOW: f64 = -0.8;
const HIGH: f64 = 2.6;

/// None where nothing is known: no item has ended, or none costs anything.
pub fn rest(work: &Work) -> Option<Rest> {
    let ended: Vec<f64> = work.ended.iter().copied().filter(|cost| *cost > 0.0).collect();
    if ended.is_empty() {
        return None;
    }
    let seen = Seen::of(&ended, &work.working);
    let laws = seen.laws();
    let new = expected(&laws, |law| law.still(0.0).mean);
    let begun = work.working.iter().filter(|spent| **spent > 0.0).count();
    let queued = f64::from(work.queued) + (work.working.len() - begun) as f64;
    let parts: Vec<Part> = laws.iter().filter_map(|law| law.part(&seen, queued)).collect();
    let still = |spent: &f64| expected(&laws, |law| law.still(*spent).mean);
    let working: Vec<f64> = work.working.iter().map(still).collect();
    if parts.is_empty() {
        return Some(Rest { cost: 0.0, low: 0.0, high: 0.0, working, queued: new });
    }
    let [low, middle, high] = [TENTH, 0.5, 1.0 - TENTH].map(|share| quantile(&parts, share));
    let spread = (high / low).ln() / BETWEEN;
    let wide = spread.hypot(UNTOLD);
    let [cost, low, high] =
        [UNSEEN * spread.min(KNOWN), LOW * wide, HIGH * wide].map(|by| middle * by.exp());
    // Few items that are very unlike may have their forecast at the interval's end.
    let (low, high) = (low.min(cost), high.max(cost));
    // The parts add up to the whole.
    let sum = working.iter().sum::<f64>() + f64::from(work.queued) * new;
    let scale = if sum > 0.0 { cost / sum } else { 1.0 };
    let working = working.into_iter().map(|still| still * scale).collect();
    Some(Rest { cost, low, high, working, queued: new * scale })
}

fn expected(laws: &[Law], of: impl Fn(&Law) -> f64) -> f64 {
    laws.iter().map(|law| law.weight * of(law)).sum()
}

/// What was seen of items, as logarithms.
struct Seen {
    count: f64,
    mean: f64,
    /// The sum of the squared distances from it.
    squares: f64,
    /// What those at work have cost so far, and how many of them.
    above: Vec<(f64, f64)>,
}

impl Seen {
    fn of(ended: &[f64], working: &[f64]) -> Self {
        let count = ended.len() as f64;
        let mean = ended.iter().map(|cost| cost.ln()).sum::<f64>() / count;
        let squares = ended.iter().map(|cost| (cost.ln() - mean).powi(2)).sum();
        let begun = working.iter().filter(|spent| **spent > 0.0);
        let mut above: Vec<f64> = begun.map(|spent| spent.ln()).collect();
        above.sort_by(f64::total_cmp);
        let size = above.len().div_ceil(GROUPS).max(1);
        let group = |those: &[f64]| {
            let count = those.len() as f64;
            (those.iter().sum::<f64>() / count, count)
        };
        Self { count, mean, squares, above: above.chunks(size).map(group).collect() }
    }

    /// How well a law explains it, as a logarithm.
    fn fits(&self, mean: f64, deviation: f64) -> f64 {
        let squares = self.squares + self.count * (self.mean - mean).powi(2);
        let ended = -self.count * deviation.ln() - squares / (2.0 * deviation * deviation);
        let beyond = |(from, count): &(f64, f64)| count * ln_beyond((from - mean) / deviation);
        ended + self.above.iter().map(beyond).sum::<f64>()
    }

    /// The likeliest mean for a deviation, and how far off it may be. Newton's method, on what
    /// has one summit.
    fn likeliest(&self, deviation: f64) -> (f64, f64) {
        let (mut mean, mut bend) = (self.mean, self.count / deviation.powi(2));
        for _ in 0..12 {
            let mut slope = self.count * (self.mean - mean) / deviation.powi(2);
            bend = self.count / deviation.powi(2);
            for (from, count) in &self.above {
                let at = (from - mean) / deviation;
                let hazard = hazard(at);
                slope += count * hazard / deviation;
                bend += count * (hazard * (hazard - at)).max(0.0) / deviation.powi(2);
            }
            let step = slope / bend;
            mean += step;
            if step.abs() < 1e-3 * deviation {
                break;
            }
        }
        (mean, bend.sqrt().recip())
    }

    /// All that count for anything, their weights summing up to 1.
    fn laws(&self) -> Vec<Law> {
        let mut all = Vec::with_capacity(LAWS.len() * AROUND.len());
        for (deviation, before) in LAWS {
            let (likeliest, off) = self.likeliest(deviation);
            for around in AROUND {
                let mean = likeliest + around * off;
                let fits = self.fits(mean, deviation) + (before * off).ln();
                all.push(Law { mean, deviation, weight: fits });
            }
        }
        let best = all.iter().map(|law| law.weight).fold(f64::NEG_INFINITY, f64::max);
        all.retain(|law| law.weight > best - NEGLIGIBLE);
        all.iter_mut().for_each(|law| law.weight = (law.weight - best).exp());
        let sum: f64 = all.iter().map(|law| law.weight).sum();
        all.iter_mut().for_each(|law| law.weight /= sum);
        all
    }
}

/// Logarithms of costs are normal.
struct Law {
    mean: f64,
    deviation: f64,
    weight: f64,
}

/// What an item will still cost.
#[derive(Clone, Copy, Default)]
struct Still {
    mean: f64,
    variance: f64,
}

impl Law {
    /// Of one that has cost `spent`.
    fn still(&self, spent: f64) -> Still {
        let Self { mean, deviation, .. } = *self;
        let variance = deviation * deviation;
        let (one, two) = (mean + variance / 2.0, 2.0 * (mean + variance));
        if spent <= 0.0 {
            let mean = one.exp();
            return Still { mean, variance: mean * mean * variance.exp_m1() };
        }
        let at = (spent.ln() - mean) / deviation;
        let share = ln_beyond(at);
        let whole = (one + ln_beyond(at - deviation) - share).exp();
        let square = (two + ln_beyond(at - 2.0 * deviation) - share).exp();
        Still { mean: (whole - spent).max(0.0), variance: (square - whole * whole).max(0.0) }
    }

    /// All that is left, if this law holds; none where nothing is.
    fn part(&self, seen: &Seen, queued: f64) -> Option<Part> {
        let new = self.still(0.0);
        let (mut mean, mut variance) = (queued * new.mean, queued * new.variance);
        for (from, count) in &seen.above {
            let still = self.still(from.exp());
            mean += count * still.mean;
            variance += count * still.variance;
        }
        let spread = (variance / (mean * mean)).ln_1p();
        let centre = mean.ln() - spread / 2.0;
        let fine = mean > 0.0 && spread.is_finite();
        fine.then(|| Part { weight: self.weight, centre, deviation: spread.sqrt().max(1e-3) })
    }
}

/// A sum of log-normal costs, which is taken for log-normal again: its mean and variance are
/// those of the sum.
struct Part {
    weight: f64,
    centre: f64,
    deviation: f64,
}

/// Less than this is to come with the probability `share`.
fn quantile(parts: &[Part], share: f64) -> f64 {
    let all: f64 = parts.iter().map(|part| part.weight).sum();
    let ends = parts.iter().map(|part| (part.centre, 4.0 * part.deviation));
    let (mut from, mut to) = ends
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(from, to), (at, off)| {
            (from.min(at - off), to.max(at + off))
        });
    for _ in 0..22 {
        let middle = f64::midpoint(from, to);
        let over = |part: &Part| part.weight * beyond((middle - part.centre) / part.deviation);
        let more = parts.iter().map(over).sum::<f64>() / all;
        if more > 1.0 - share { from = middle } else { to = middle }
    }
    f64::midpoint(from, to).exp()
}

#[cfg(test)]
mod tests;
