//! Gauges for the core: the latest values, sent when they changed, 100 ms after output
//! quiets and at most four times a second. One timer, none when idle.

use super::run::Keeper;
use super::tape::Sign;
use crate::protocol::keeper::{FromKeeper, KeeperGauge};
use std::time::{Duration, Instant};

const QUIET: Duration = Duration::from_millis(100);
const BETWEEN: Duration = Duration::from_millis(250);
/// Rows of text at the bottom of the screen that the core's rules look at.
const BOTTOM: usize = 12;

#[derive(Default)]
pub struct Gauge {
    sent: KeeperGauge,
    sent_at: Option<Instant>,
    /// Output came: since when unsent, and when last.
    first: Option<Instant>,
    last: Option<Instant>,
    title: String,
    progress: Option<u8>,
    busy: bool,
    bells: u64,
}

impl Gauge {
    /// Something changed.
    pub fn touched(&mut self, at: Instant) {
        self.first.get_or_insert(at);
        self.last = Some(at);
    }

    /// Something that the output said beside its picture.
    pub fn sign(&mut self, sign: Sign) {
        match sign {
            Sign::Title(title) => self.title = title,
            Sign::Progress { busy, percent } => (self.busy, self.progress) = (busy, percent),
            Sign::Bell(times) => self.bells += u64::from(times),
        }
    }

    /// The next core begins with everything.
    pub fn forget_sent(&mut self, at: Instant) {
        self.sent = KeeperGauge::default();
        self.touched(at);
    }

    pub fn due(&self) -> Option<Instant> {
        let (first, last) = (self.first?, self.last?);
        let ready = (last + QUIET).min(first + BETWEEN);
        Some(self.sent_at.map_or(ready, |sent| ready.max(sent + BETWEEN)))
    }

    /// Nothing came for a while: the bottom rows stand still.
    fn is_quiet(&self, at: Instant) -> bool {
        self.last.is_none_or(|last| last + QUIET <= at)
    }
}

impl Keeper {
    /// When the next gauge is to be sent; none while nobody listens.
    pub fn gauge_due(&self) -> Option<Instant> {
        let core = self.core()?;
        if core.backlog() > 0 { None } else { self.gauge.due() }
    }

    pub fn send_gauge(&mut self, at: Instant) {
        if self.gauge_due().is_none_or(|due| due > at) {
            return;
        }
        let quiet = self.gauge.is_quiet(at);
        let (last_line, bottom) = self.output.tape.bottom(BOTTOM);
        let gauge = KeeperGauge {
            bytes: self.output.tape.bytes(),
            last_line,
            title: self.gauge.title.clone(),
            progress: self.gauge.progress,
            busy: self.gauge.busy,
            bells: self.gauge.bells,
            bottom: if quiet { bottom } else { self.gauge.sent.bottom.clone() },
        };
        self.gauge.first = None;
        if !quiet {
            // The bottom rows are still owed.
            self.gauge.first = Some(at);
        }
        if gauge == self.gauge.sent {
            return;
        }
        self.gauge.sent = gauge.clone();
        self.gauge.sent_at = Some(at);
        if let Some(core) = self.core_mut() {
            core.control(&FromKeeper::Gauge { gauge });
        }
    }
}
