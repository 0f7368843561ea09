//! What items that are not through will still cost, by those that are and by what the others
//! have cost so far.
//!
//! An item at work has cost less so far than it will: leaving it out, or taking what it has
//! cost for all of it, makes every forecast too low, the more so the longer the tail. So both
//! readings below are of survival. One takes costs for log-normal and finds the likeliest such
//! law by the items of both kinds; the other makes no such assumption (Kaplan and Meier's
//! estimate, with an exponential tail). Neither is best everywhere: their geometric mean is
//! taken, and how far they differ widens the interval. The constants were chosen on simulated
//! swarms; `cargo bench --bench peer forecast` shows the errors on others.

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

/// A variance of logarithms that is usual among items, and for how many items it counts.
const USUAL: f64 = 0.5;
const COUNTS: f64 = 5.0;
/// Tails that were not seen yet: so many deviations are added to the estimate itself.
const UNSEEN: f64 = 0.4;
/// The ends of the interval, in deviations.
const LOW: f64 = -0.8;
const HIGH: f64 = 3.2;
const ROUNDS: usize = 60;

/// None where nothing is known: no item has ended, or none costs anything.
pub fn rest(work: &Work) -> Option<Rest> {
    let ended: Vec<f64> = work.ended.iter().copied().filter(|cost| *cost > 0.0).collect();
    if ended.is_empty() {
        return None;
    }
    let law = Law::fitted(&ended, &work.working);
    let curve = Curve::new(&ended, &work.working);
    let queued = f64::from(work.queued);
    let sum = |new: f64, still: &dyn Fn(f64) -> f64| {
        queued * new + work.working.iter().map(|spent| still(*spent)).sum::<f64>()
    };
    let by_law = sum(law.mean(), &|spent| law.still(spent));
    let by_curve = sum(curve.still(0.0), &|spent| curve.still(spent));
    if by_law <= 0.0 || by_curve <= 0.0 {
        let working = vec![0.0; work.working.len()];
        return Some(Rest { cost: 0.0, low: 0.0, high: 0.0, working, queued: law.mean() });
    }
    let spread = law.spread(work, by_law, ended.len(), (by_law / by_curve).ln());
    let cost = (by_law * by_curve).sqrt() * (UNSEEN * spread).exp();
    let scale = cost / by_law;
    Some(Rest {
        cost,
        low: cost * ((LOW - UNSEEN) * spread).exp(),
        high: cost * ((HIGH - UNSEEN) * spread).exp(),
        working: work.working.iter().map(|spent| law.still(*spent) * scale).collect(),
        queued: law.mean() * scale,
    })
}

/// Logarithms of costs are normal.
struct Law {
    mean: f64,
    variance: f64,
}

impl Law {
    /// The likeliest one, by expectation and maximisation over what is not known of items at
    /// work.
    fn fitted(ended: &[f64], working: &[f64]) -> Self {
        let known: Vec<f64> = ended.iter().map(|cost| cost.ln()).collect();
        let above: Vec<f64> =
            working.iter().filter(|spent| **spent > 0.0).map(|spent| spent.ln()).collect();
        let count = (known.len() + above.len()) as f64;
        let mut mean = known.iter().sum::<f64>() / known.len() as f64;
        let mut variance = USUAL;
        for _ in 0..ROUNDS {
            let deviation = variance.sqrt();
            let (mut first, mut second) =
                known.iter().fold((0.0, 0.0), |(a, b), x| (a + x, b + x * x));
            for from in &above {
                let at = (from - mean) / deviation;
                let ratio = density(at) / beyond(at).max(f64::MIN_POSITIVE);
                let expected = mean + deviation * ratio;
                let left = (1.0 + at * ratio - ratio * ratio).max(0.0);
                first += expected;
                second += variance * left + expected * expected;
            }
            let next = first / count;
            let own = (second / count - next * next).max(0.0);
            let shrunk = ((own * count + COUNTS * USUAL) / (count + COUNTS)).max(0.01);
            let still = (next - mean).abs() < 1e-9 && (shrunk - variance).abs() < 1e-9;
            (mean, variance) = (next, shrunk);
            if still {
                break;
            }
        }
        Self { mean, variance }
    }

    /// Of an item of which nothing is known.
    fn mean(&self) -> f64 {
        (self.mean + self.variance / 2.0).exp()
    }

    /// What one that has cost `spent` will cost beyond that.
    fn still(&self, spent: f64) -> f64 {
        if spent <= 0.0 {
            return self.mean();
        }
        let deviation = self.variance.sqrt();
        let at = (spent.ln() - self.mean) / deviation;
        let left = beyond(at);
        if left < 1e-9 {
            return spent * deviation / at.max(1.0);
        }
        (self.mean() * beyond(at - deviation) / left - spent).max(0.0)
    }

    /// The deviation of the logarithm of the rest: of the items themselves, of what is known
    /// of them, and of the two readings from each other (`apart`).
    fn spread(&self, work: &Work, rest: f64, ended: usize, apart: f64) -> f64 {
        let item = self.variance.min(4.0).exp_m1();
        let queued = f64::from(work.queued) * self.mean().powi(2) * item;
        let still = |spent: &f64| self.still(*spent).powi(2) * (1.0 + item / 2.0);
        let working: f64 = work.working.iter().map(still).sum();
        let chance = ((queued + working) / (rest * rest)).ln_1p();
        let known = (self.variance + self.variance.powi(2) / 2.0) / ended as f64;
        (chance + known + (apart / 2.0).powi(2)).sqrt()
    }
}

/// The share of items that cost more than so much, by those that were seen.
struct Curve {
    /// From this cost on, this share.
    steps: Vec<(f64, f64)>,
    /// The largest cost seen.
    last: f64,
    /// What is expected beyond it.
    tail: f64,
}

impl Curve {
    fn new(ended: &[f64], working: &[f64]) -> Self {
        let mut seen: Vec<(f64, bool)> = ended.iter().map(|cost| (*cost, true)).collect();
        seen.extend(working.iter().map(|spent| (*spent, false)));
        seen.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        let mut share = 1.0;
        let mut steps = vec![(0.0, 1.0)];
        for (n, (cost, over)) in seen.iter().enumerate() {
            if *over {
                share *= 1.0 - 1.0 / (seen.len() - n) as f64;
                steps.push((*cost, share));
            }
        }
        let last = seen.last().map_or(0.0, |(cost, _)| *cost);
        let each = seen.iter().map(|(cost, _)| cost).sum::<f64>() / ended.len() as f64;
        Self { steps, last, tail: each.max(last * 0.3) }
    }

    fn still(&self, spent: f64) -> f64 {
        let mut share =
            self.steps.iter().rev().find(|(from, _)| *from <= spent).map_or(1.0, |s| s.1);
        let here = share;
        if here <= 0.0 {
            return self.tail.max(spent * 0.3);
        }
        let (mut area, mut from) = (0.0, spent);
        for (at, next) in self.steps.iter().filter(|(at, _)| *at > spent) {
            area += share * (at - from);
            (from, share) = (*at, *next);
        }
        area += share * ((self.last - from).max(0.0) + self.tail);
        area / here
    }
}

/// Of the standard normal law.
fn density(x: f64) -> f64 {
    (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt()
}

/// How much of the standard normal law lies beyond `x`.
fn beyond(x: f64) -> f64 {
    if x < 0.0 {
        return 1.0 - beyond(-x);
    }
    if x < 2.5 {
        // x + x³/3 + x⁵/(3·5) + …
        let (mut term, mut sum) = (x, x);
        for n in 1..40 {
            term *= x * x / f64::from(2 * n + 1);
            sum += term;
        }
        return 0.5 - density(x) * sum;
    }
    // 1/(x + 1/(x + 2/(x + 3/…)))
    let fraction = (1..=60).rev().fold(x, |below, n| x + f64::from(n) / below);
    density(x) / fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_law_has_its_known_values() {
        for (x, share) in [
            (0.0, 0.5),
            (1.0, 0.158_655_253_931),
            (-1.0, 0.841_344_746_069),
            (2.499, 0.006_227_223),
            (2.501, 0.006_192_158_92),
            (6.0, 9.865_876e-10),
        ] {
            assert!((beyond(x) / share - 1.0).abs() < 1e-5, "{x}: {}", beyond(x));
        }
    }

    #[test]
    fn items_alike_cost_alike() {
        let work = Work { ended: vec![10.0; 30], working: vec![5.0; 2], queued: 10 };
        let rest = rest(&work).unwrap();
        assert!((100.0..130.0).contains(&rest.cost), "{rest:?}");
        assert!(rest.low < rest.cost && rest.cost < rest.high, "{rest:?}");
        assert!((rest.queued - 10.0).abs() < 2.0, "{rest:?}");
    }

    #[test]
    fn what_is_at_work_for_long_is_not_taken_for_short() {
        let short = Work { ended: vec![1.0, 2.0, 1.5, 1.2], working: vec![0.1; 4], queued: 8 };
        let long = Work { working: vec![8.0; 4], ..short.clone() };
        assert!(rest(&long).unwrap().queued > 2.0 * rest(&short).unwrap().queued);
        let new = Work { ended: Vec::new(), ..short };
        assert_eq!(rest(&new), None, "nothing has ended");
        assert_eq!(rest(&Work { ended: vec![0.0; 9], ..new }), None, "all is free");
        let over = Work { ended: vec![3.0, 4.0], ..Work::default() };
        assert_eq!(rest(&over).map(|rest| rest.cost), Some(0.0));
        let odd = Work { ended: vec![1e-6, 1e12], working: vec![0.0, 1e15], queued: 3 };
        let rest = rest(&odd).unwrap();
        assert!(rest.cost.is_finite() && rest.high.is_finite(), "{rest:?}");
    }
}
