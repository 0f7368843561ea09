//! How far forecasts of a swarm's end cost are from what it comes to, on simulated swarms:
//! heavy-tailed items, retries, and changes of rate half-way. The seeds are not those that the
//! estimate's constants were chosen on. Beside each error stands that of somebody who knows the
//! law that items are drawn from: what chance alone leaves nobody can be better than by much.

use crate::{
    Options,
    table::{Sample, Table, Target},
};
use dash::core::forecast::tail::{Work, rest};
use swarms::{LAWS, POINTS, Random, Seen, Turn, swarm};

// The unit tests use them too, on other seeds.
#[path = "../../src/core/forecast/tail/tests/swarms.rs"]
mod swarms;

/// Seeds for judging; for tuning those below 10,000 were used.
const FIRST: u64 = 1_000_000;
const RUNS: u64 = 60;

/// The rest as one would say who knows what items cost.
fn known(work: &Work, costs: &[f64]) -> f64 {
    let mean = |from: f64| {
        let above = || costs.iter().filter(|cost| **cost > from);
        let count = above().count();
        if count == 0 { 0.0 } else { above().sum::<f64>() / count as f64 - from }
    };
    f64::from(work.queued) * mean(0.0) + work.working.iter().map(|from| mean(*from)).sum::<f64>()
}

pub fn measure(_: &Options, table: &mut Table) {
    let turns = [(Turn::None, ""), (Turn::Slower, ", slower"), (Turn::Dearer, ", dearer")];
    for (point, at) in POINTS.into_iter().enumerate() {
        let mut all = Errors::default();
        for (name, law) in LAWS {
            let mut random = Random(FIRST - 1);
            let costs: Vec<f64> =
                (0..4000).map(|_| random.item(law).iter().map(|(_, cost)| cost).sum()).collect();
            for (turn, called) in turns {
                let mut errors = Errors::default();
                for (items, agents) in [(20, 4), (60, 10), (200, 20)] {
                    for seed in FIRST..FIRST + RUNS {
                        let seen = &swarm(seed, law, items, agents, turn)[point];
                        errors.look(seen, &costs);
                        all.look(seen, &costs);
                    }
                }
                let what = format!("forecast at {:.0} %: {name}{called}", at * 100.0);
                errors.told(what, table);
            }
        }
        all.told(format!("forecast at {:.0} %: all", at * 100.0), table);
    }
}

/// How far forecasts were off.
#[derive(Default)]
struct Errors {
    /// In percent of the end.
    off: Sample,
    /// With a sign: above 0 where more was said than it came to.
    signed: Sample,
    /// Of one who knows the law.
    known: Sample,
    /// At most ten percent off; in the interval that was told.
    near: usize,
    held: usize,
    looks: usize,
}

impl Errors {
    fn look(&mut self, seen: &Seen, costs: &[f64]) {
        self.looks += 1;
        // Without an item that has ended nothing is said.
        let Some(rest) = rest(&seen.work) else { return };
        let percent = |rest: f64| 100.0 * (seen.spent + rest - seen.total) / seen.total;
        let (off, real) = (percent(rest.cost), seen.total - seen.spent);
        // A swarm that costs the same to the last bit costs that within rounding.
        let slack = 1e-3 * seen.total;
        self.held += usize::from(rest.low - slack <= real && real <= rest.high + slack);
        self.near += usize::from(off.abs() <= 10.0);
        self.off.push(off.abs());
        self.signed.push(off);
        self.known.push(percent(known(&seen.work, costs)).abs());
    }

    fn told(self, what: String, table: &mut Table) {
        let share = |count: usize| 100.0 * count as f64 / self.looks.max(1) as f64;
        let (median, known) = (self.off.median(), self.known.median());
        let words = format!(
            "median / p90 {median:.0} / {:.0}, signed {:+.0} ({:+.0} to {:+.0}), within 10 % {:.0} \
             %; law known {known:.0} / {:.0}; interval holds {:.0} % (80 meant); target median 10",
            self.off.quantile(0.9),
            self.signed.median(),
            self.signed.quantile(0.1),
            self.signed.quantile(0.9),
            share(self.near),
            self.known.quantile(0.9),
            share(self.held),
        );
        table.alone(what, "% off", self.off, Target::Words(words, median <= 10.0));
    }
}
