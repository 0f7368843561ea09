//! Holding an attempt to limits that the kernel does not hold it to: now and then its
//! processes are looked at, and beyond a limit all of them are killed.
//!
//! Often while they grow, ever more seldom while they do not; never where no such limit was
//! set. A look stops at the limit, so that a flood of processes does not hold up the drain.
//! Most looks are a short read or two: as long as the whole machine has not gained as much as
//! the attempt may still have, it cannot be beyond. And where only processes are limited and
//! there is a core that says when the machine has gained some, even those looks are left to
//! it, as long as the attempt is far from its limit: 500 idle keepers sleep.

use super::conn::Conn;
use super::machine::Machine;
use super::run::{Keeper, Phase, Stopping};
use super::usage::{self, Usage, Wanted, Written};
use crate::model::{Exit, Limits};
use crate::protocol::keeper::{FactKind, PROCESSES_GAINED};
use rustix::process::Pid;
use std::time::{Duration, Instant};

const SOONEST: Duration = Duration::from_millis(100);
const LATEST: Duration = Duration::from_secs(2);
/// While a core looks at the machine; it may hang.
const RELYING: Duration = Duration::from_secs(30);
/// Of an attempt that is left to the core: what it may still have.
const FAR: u64 = 4 * PROCESSES_GAINED;
/// A look takes no more than one part in so many of a core's time.
const SHARE: u32 = 20;

pub struct Watch {
    limits: Limits,
    looked: Instant,
    /// Until the next look, if that is ours alone.
    period: Duration,
    /// At the last whole look.
    last: Usage,
    /// The least that the machine has had since then.
    base: Machine,
    /// What it had at the last look.
    before: Machine,
    /// What those have written that are forgotten: their parents did not wait for them.
    lost: Written,
    /// What our children wrote that have ended, each with those that it waited for: brokered
    /// programs, and orphans.
    reaped: Written,
}

impl Watch {
    /// None where there is nothing to watch. `held`: what the kernel holds.
    pub fn new(limits: Limits, held: Limits, at: Instant) -> Option<Self> {
        let limits = Limits {
            memory_bytes: limits.memory_bytes.filter(|_| held.memory_bytes.is_none()),
            processes: limits.processes.filter(|_| held.processes.is_none()),
            disk_bytes: limits.disk_bytes,
            ..Limits::default()
        };
        (limits != Limits::default()).then(|| Self {
            limits,
            looked: at,
            period: SOONEST,
            last: Usage::default(),
            base: Machine::default(),
            before: Machine::default(),
            lost: Written::default(),
            reaped: Written::default(),
        })
    }

    /// A child of ours has ended and can still be asked: a short one is in no look.
    pub fn before_reaping(&mut self, pid: Pid) {
        if self.limits.disk_bytes.is_some() {
            self.reaped = self.reaped.and(usage::written_by(pid));
        }
    }

    fn wanted(&self) -> Wanted {
        Wanted {
            memory: self.limits.memory_bytes.is_some(),
            disk: self.limits.disk_bytes.is_some(),
            most: self.limits.processes.unwrap_or(u64::MAX),
        }
    }

    /// What the attempt could still have at the last whole look; of what is not watched, all.
    fn room(&self) -> Machine {
        let left =
            |most: Option<u64>, has: u64| most.map_or(u64::MAX, |most| most.saturating_sub(has));
        Machine {
            processes: left(self.limits.processes, self.last.processes),
            memory: left(self.limits.memory_bytes, self.last.memory()),
            written: left(self.limits.disk_bytes, self.written(self.last)),
        }
    }

    /// True if it is enough to look when a core says so.
    pub fn may_rely(&self) -> bool {
        let only = self.limits.memory_bytes.is_none() && self.limits.disk_bytes.is_none();
        only && self.room().processes >= FAR
    }

    /// True if the attempt cannot be beyond a limit, as the machine has `all`. What a core does
    /// not tell of is taken for the attempt's.
    fn is_calm(&mut self, all: Machine) -> bool {
        self.base = self.base.least(all);
        let (base, room) = (self.base, self.room());
        let untold = if self.may_rely() { PROCESSES_GAINED } else { 0 };
        all.processes - base.processes + untold <= room.processes
            && all.memory - base.memory <= room.memory
            && all.written - base.written <= room.written
    }

    fn due(&self, core_looks: bool) -> Instant {
        self.looked + if core_looks && self.may_rely() { RELYING } else { self.period }
    }

    /// The limit that `usage` is beyond, and what to say about it.
    fn beyond(&self, usage: Usage) -> Option<(&'static str, String)> {
        if let Some(most) = self.limits.processes.filter(|most| usage.processes > *most) {
            let message = format!("more than {most} processes and threads at once (--processes)");
            return Some(("processes", message));
        }
        if let Some(most) = self.limits.memory_bytes.filter(|most| usage.memory() > *most) {
            let of = format!("{} processes and threads", usage.processes);
            return Some(("memory", too_much_memory(usage.memory(), &of, most)));
        }
        let written = self.written(usage);
        let most = self.limits.disk_bytes.filter(|most| written > *most)?;
        let message =
            format!("{} MB written to disk: at most {} MB (--disk)", written >> 20, most >> 20);
        Some(("disk", message))
    }

    /// Bytes that were written, as far as is known.
    fn written(&self, usage: Usage) -> u64 {
        let all = usage.written.and(self.lost);
        all.bytes.saturating_sub(all.cancelled)
    }

    /// What falls from one look to the next was written by those that are forgotten now.
    fn remember(&mut self, usage: Usage) {
        let last = self.last.written;
        self.lost.bytes += last.bytes.saturating_sub(usage.written.bytes);
        self.lost.cancelled += last.cancelled.saturating_sub(usage.written.cancelled);
    }

    /// The machine alone was looked at. Often again if it gained a good part of the room.
    fn seen_calm(&mut self, all: Machine, at: Instant) {
        let (before, room) = (self.before, self.room());
        let grows = |new: u64, old: u64, room: u64| new.saturating_sub(old) > room / 8;
        let growing = grows(all.processes, before.processes, room.processes)
            || grows(all.memory, before.memory, room.memory)
            || grows(all.written, before.written, room.written);
        // The first look has nothing to compare with.
        self.pass(growing && before != Machine::default(), at);
        self.before = all;
    }

    /// Everything was looked at, which took `cost` of a core: where others take the cores, the
    /// time that passed says nothing, and the attempt would be looked at too seldom.
    fn seen(&mut self, usage: Usage, at: Instant, cost: Duration) {
        let grows = |new: u64, old: u64| new > old + old / 8;
        let growing = grows(usage.processes, self.last.processes)
            || grows(usage.memory(), self.last.memory())
            || grows(usage.written.bytes, self.last.written.bytes);
        self.pass(growing, at);
        self.period = self.period.max(cost * SHARE);
        self.last = usage;
    }

    /// Sets the time until the next look.
    fn pass(&mut self, growing: bool, at: Instant) {
        self.period = if growing { SOONEST } else { (self.period * 2).min(LATEST) };
        self.looked = at;
    }
}

fn too_much_memory(bytes: u64, of: &str, most: u64) -> String {
    format!("{} MB of memory in {of}: at most {} MB (--memory)", bytes >> 20, most >> 20)
}

impl Keeper {
    pub fn watch_due(&self) -> Option<Instant> {
        let living = matches!(self.phase, Phase::Living);
        let core_looks = self.conns.iter().any(Conn::looks);
        self.watch.as_ref().filter(|_| living).map(|watch| watch.due(core_looks))
    }

    pub fn look_after(&mut self, at: Instant) {
        if self.watch_due().is_some_and(|due| due <= at) {
            self.look(at);
        }
    }

    /// Looks at the attempt now.
    pub fn look(&mut self, at: Instant) {
        let number = |pid: rustix::process::Pid| pid.as_raw_nonzero().get();
        let agent = self.child.as_ref().and_then(|child| child.agent()).map(number);
        let namespace = self.child.as_ref().and_then(|child| child.namespace()).map(number);
        let living = matches!(self.phase, Phase::Living);
        let Some(watch) = self.watch.as_mut().filter(|_| living) else { return };
        let wanted = watch.wanted();
        let begun = busy();
        let all = Machine::now(wanted.memory, wanted.disk);
        if let Some(all) = all.filter(|all| watch.is_calm(*all)) {
            return watch.seen_calm(all, at);
        }
        let flood = namespace.filter(|_| watch.limits.processes.is_some());
        let flood = flood.and_then(usage::in_namespace).filter(|count| *count > wanted.most);
        let mut usage = match flood {
            Some(processes) => Usage { processes, ..Usage::default() },
            None => usage::measure(agent, wanted),
        };
        usage.written = usage.written.and(watch.reaped);
        watch.remember(usage);
        if let Some((limit, message)) = watch.beyond(usage) {
            self.watch = None;
            self.fact(FactKind::LimitReached { limit: limit.to_owned(), message });
            self.stopping = Some(Stopping { kill_at: at, killed: true });
            self.kill_all();
        } else {
            // Read before, so that nothing is missed; where it is not told, all is looked at.
            (watch.base, watch.before) = (all.unwrap_or_default(), all.unwrap_or_default());
            watch.seen(usage, at, busy().saturating_sub(begun));
        }
    }

    /// The agent has ended; says so if the kernel ended it for a limit.
    pub fn ended_by_kernel(&mut self, exit: Exit) {
        let limits = self.held.limits;
        let reached = if let Some(group) = self.held.group.as_ref()
            && let Some(most) = group.held.memory_bytes.filter(|_| group.is_out_of_memory())
        {
            let bytes = group.most_memory().unwrap_or(most);
            Some(("memory", too_much_memory(bytes, "its processes", most)))
        } else if let Some(most) = limits.disk_bytes.filter(|_| was_file_too_large(exit)) {
            let message = format!("a file of more than {} MB (--disk)", most >> 20);
            Some(("disk", message))
        } else {
            None
        };
        // One that was told of already, or that somebody stopped, ended for that.
        if let Some((limit, message)) = reached.filter(|_| self.stopping.is_none()) {
            self.fact(FactKind::LimitReached { limit: limit.to_owned(), message });
        }
    }
}

/// The time of a core that this thread has taken.
fn busy() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.try_into().unwrap_or_default()
}

/// By SIGXFSZ, or a shell's word for it.
fn was_file_too_large(exit: Exit) -> bool {
    exit.signal == Some(libc::SIGXFSZ) || exit.code == Some(128 + libc::SIGXFSZ)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(memory: Option<u64>, processes: Option<u64>) -> Limits {
        let output_bytes = Some(1);
        Limits { memory_bytes: memory, processes, output_bytes, ..Limits::default() }
    }

    fn watch(limits: Limits) -> Watch {
        Watch::new(limits, Limits::default(), Instant::now()).unwrap()
    }

    #[test]
    fn only_what_the_kernel_leaves_is_watched() {
        let at = Instant::now();
        let none = Limits::default();
        assert!(Watch::new(limits(None, None), none, at).is_none());
        assert!(Watch::new(limits(None, Some(9)), limits(None, Some(9)), at).is_none());
        assert!(Watch::new(limits(None, Some(9)), none, at).is_some());
        let watch = Watch::new(limits(Some(100 << 20), Some(9)), limits(None, Some(9)), at);
        let watch = watch.unwrap();
        let usage = Usage { processes: 50, own: 60 << 20, mapped: 41 << 20, ..Usage::default() };
        let (limit, message) = watch.beyond(usage).unwrap();
        assert_eq!(limit, "memory");
        let expected = "101 MB of memory in 50 processes and threads: at most 100 MB (--memory)";
        assert_eq!(message, expected);
        assert_eq!(watch.beyond(Usage { mapped: 40 << 20, ..usage }), None);
    }

    #[test]
    fn who_does_not_grow_is_looked_at_ever_more_seldom() {
        let at = Instant::now();
        let mut watch = watch(limits(Some(1), None));
        let usage = Usage { processes: 3, own: 1000, ..Usage::default() };
        let mut periods = Vec::new();
        for own in [1000, 1000, 1100, 1100, 1100, 1100, 1100, 1300] {
            watch.seen(Usage { own, ..usage }, at, Duration::ZERO);
            periods.push(watch.period.as_millis());
        }
        assert_eq!(periods, [100, 200, 400, 800, 1600, 2000, 2000, 100]);
        watch.seen(Usage { own: 9000, ..usage }, at, Duration::from_secs(1));
        assert_eq!(watch.due(true), at + Duration::from_secs(20));
    }

    fn having(processes: u64) -> Machine {
        Machine { processes, ..Machine::default() }
    }

    #[test]
    fn a_machine_that_gained_less_than_the_rest_says_enough() {
        let mut watch = watch(limits(None, Some(50)));
        assert!(watch.is_calm(having(50)) && !watch.is_calm(having(51)));
        // A whole look found five of its own.
        watch.base = having(1000);
        watch.last.processes = 5;
        assert!(watch.is_calm(having(1045)) && !watch.is_calm(having(1046)));
        // Others have gone: whoever comes now may be its own.
        assert!(watch.is_calm(having(900)));
        assert!(watch.is_calm(having(945)) && !watch.is_calm(having(946)));
    }

    #[test]
    fn memory_and_disk_of_the_machine_count_too() {
        let most = 100 << 20;
        let limits = Limits { disk_bytes: Some(most), ..limits(Some(most), None) };
        let mut watch = watch(limits);
        watch.base = Machine { processes: 9, memory: 500 << 20, written: 900 << 20 };
        watch.last.own = 60 << 20;
        watch.last.written = Written { bytes: 90 << 20, cancelled: 20 << 20 };
        let gained = |memory: u64, written: u64| Machine {
            processes: 9999,
            memory: (500 + memory) << 20,
            written: (900 + written) << 20,
        };
        assert!(watch.is_calm(gained(40, 30)));
        assert!(!watch.is_calm(gained(41, 0)) && !watch.is_calm(gained(0, 31)));
        let at = Instant::now();
        let mut periods = Vec::new();
        for memory in [0, 1, 7, 8, 9] {
            watch.seen_calm(gained(memory, 0), at);
            periods.push(watch.period.as_millis());
        }
        assert_eq!(periods, [200, 400, 100, 200, 400]);
    }

    #[test]
    fn who_is_far_from_the_limit_is_left_to_a_core_that_looks() {
        let mut watch = watch(limits(None, Some(4096)));
        let at = watch.looked;
        assert_eq!((watch.due(true), watch.due(false)), (at + RELYING, at + SOONEST));
        // What the core has not told of yet could be its own.
        assert!(watch.is_calm(having(3840)) && !watch.is_calm(having(3841)));
        watch.base = having(5000);
        watch.last.processes = 3073;
        assert!(!watch.may_rely());
        assert!(watch.is_calm(having(6023)) && !watch.is_calm(having(6024)));
        assert_eq!(watch.due(true), at + SOONEST);
        watch.limits = limits(Some(1 << 30), None);
        assert!(!watch.may_rely());
    }

    #[test]
    fn what_the_forgotten_wrote_is_kept() {
        let mut watch = watch(Limits { disk_bytes: Some(100 << 20), ..Limits::default() });
        let mut look = |bytes: u64, cancelled: u64| {
            let written = Written { bytes: bytes << 20, cancelled: cancelled << 20 };
            let usage = Usage { written, ..Usage::default() };
            watch.remember(usage);
            watch.last = usage;
            watch.beyond(usage).map(|(_, message)| message)
        };
        assert_eq!(look(60, 0), None);
        assert_eq!(look(110, 20), None);
        assert_eq!(look(20, 0), None);
        assert_eq!(look(30, 0), None);
        let expected = "101 MB written to disk: at most 100 MB (--disk)";
        assert_eq!(look(31, 0).as_deref(), Some(expected));
    }
}
