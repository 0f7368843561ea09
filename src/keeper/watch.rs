//! Holding an attempt to limits that the kernel does not hold it to: now and then its
//! processes are looked at, and beyond a limit all of them are killed.
//!
//! Often while they grow, ever more seldom while they do not; never where no such limit was
//! set. A look stops at the limit, so that a flood of processes does not hold up the drain.

use super::run::{Keeper, Phase, Stopping};
use crate::model::Limits;
use crate::protocol::keeper::FactKind;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

const SOONEST: Duration = Duration::from_millis(100);
const LATEST: Duration = Duration::from_secs(2);

pub struct Watch {
    limits: Limits,
    next: Instant,
    period: Duration,
    last: Usage,
}

/// What the attempt's processes use together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Usage {
    /// Threads are counted: each takes a place in the kernel's table.
    processes: u64,
    own: u64,
    shared: u64,
}

impl Watch {
    /// None where there is nothing to watch. `counted`: the kernel counts the processes.
    pub fn new(limits: Limits, counted: bool, at: Instant) -> Option<Self> {
        let processes = limits.processes.filter(|_| !counted);
        let limits = Limits { processes, output_bytes: None, ..limits };
        (limits != Limits::default()).then(|| Self {
            limits,
            next: at + SOONEST,
            period: SOONEST,
            last: Usage::default(),
        })
    }

    /// The limit that `usage` is beyond, and what to say about it.
    fn beyond(&self, usage: Usage) -> Option<(&'static str, String)> {
        if let Some(most) = self.limits.processes.filter(|most| usage.processes > *most) {
            let message = format!("more than {most} processes and threads at once (--processes)");
            return Some(("processes", message));
        }
        let memory = usage.own + usage.shared;
        let most = self.limits.memory_bytes.filter(|most| memory > *most)?;
        let message = format!(
            "{} MB of memory in {} processes and threads: at most {} MB (--memory)",
            memory >> 20,
            usage.processes,
            most >> 20
        );
        Some(("memory", message))
    }

    /// Sets the time of the next look.
    fn seen(&mut self, usage: Usage, at: Instant) {
        let grows = |new: u64, old: u64| new > old + old / 8;
        let growing = grows(usage.processes, self.last.processes)
            || grows(usage.own + usage.shared, self.last.own + self.last.shared);
        self.period = if growing { SOONEST } else { (self.period * 2).min(LATEST) };
        self.next = at + self.period;
        self.last = usage;
    }
}

impl Keeper {
    pub fn watch_due(&self) -> Option<Instant> {
        let living = matches!(self.phase, Phase::Living);
        self.watch.as_ref().filter(|_| living).map(|watch| watch.next)
    }

    pub fn look_after(&mut self, at: Instant) {
        if self.watch_due().is_none_or(|due| due > at) {
            return;
        }
        let agent = self.child.as_ref().and_then(|child| child.agent());
        let agent = agent.map(|pid| pid.as_raw_nonzero().get());
        let Some(watch) = &mut self.watch else { return };
        let usage = measure(agent, watch.limits.processes.unwrap_or(u64::MAX));
        if let Some((limit, message)) = watch.beyond(usage) {
            self.watch = None;
            self.fact(FactKind::LimitReached { limit: limit.to_owned(), message });
            self.stopping = Some(Stopping { kill_at: at, killed: true });
            self.kill_all();
        } else {
            watch.seen(usage, at);
        }
    }
}

/// Looks at all that descends from this process, until there are more than `most`.
fn measure(agent: Option<i32>, most: u64) -> Usage {
    let me = std::process::id() as i32;
    let mut usage = Usage::default();
    let mut open = children(me);
    while let Some(pid) = open.pop() {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        add(&mut usage, &status);
        if usage.processes > most {
            break;
        }
        open.extend(children(pid));
    }
    // Files in its own /dev/shm are memory too, mapped or not.
    if let Some(files) = agent.and_then(own_shared_files) {
        usage.shared = usage.shared.max(files);
    }
    usage
}

/// One process, as its /proc/PID/status has it; one that has just ended has none.
fn add(usage: &mut Usage, status: &str) {
    for line in status.lines() {
        let Some((name, rest)) = line.split_once(':') else { continue };
        let number = || rest.split_ascii_whitespace().next()?.parse::<u64>().ok();
        let number = || number().unwrap_or_default();
        match name {
            "Threads" => usage.processes += number(),
            "RssAnon" | "VmSwap" => usage.own += number() << 10,
            "RssShmem" => usage.shared += number() << 10,
            _ => {}
        }
    }
}

/// A thread's children are its own in the kernel's list, so each thread is asked.
fn children(pid: i32) -> Vec<i32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let numbers = |list: String| -> Vec<i32> {
        list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect()
    };
    lists.flat_map(numbers).collect()
}

/// Bytes in the /dev/shm of a process; none where that is everybody's.
fn own_shared_files(pid: i32) -> Option<u64> {
    let path = format!("/proc/{pid}/root/dev/shm");
    let own = fs::metadata(&path).ok()?.dev();
    if fs::metadata("/dev/shm").is_ok_and(|shared| shared.dev() == own) {
        return None;
    }
    let stat = rustix::fs::statvfs(&*path).ok()?;
    Some(stat.f_blocks.saturating_sub(stat.f_bfree).saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(memory: Option<u64>, processes: Option<u64>) -> Limits {
        Limits { memory_bytes: memory, processes, output_bytes: Some(1) }
    }

    #[test]
    fn only_what_the_kernel_leaves_is_watched() {
        let at = Instant::now();
        assert!(Watch::new(limits(None, None), false, at).is_none());
        assert!(Watch::new(limits(None, Some(9)), true, at).is_none());
        assert!(Watch::new(limits(None, Some(9)), false, at).is_some());
        let watch = Watch::new(limits(Some(100 << 20), Some(9)), true, at).unwrap();
        let usage = Usage { processes: 50, own: 60 << 20, shared: 41 << 20 };
        let (limit, message) = watch.beyond(usage).unwrap();
        assert_eq!(limit, "memory");
        let expected = "101 MB of memory in 50 processes and threads: at most 100 MB (--memory)";
        assert_eq!(message, expected);
        assert_eq!(watch.beyond(Usage { shared: 40 << 20, ..usage }), None);
    }

    #[test]
    fn who_does_not_grow_is_looked_at_ever_more_seldom() {
        let at = Instant::now();
        let mut watch = Watch::new(limits(Some(1), None), false, at).unwrap();
        let usage = Usage { processes: 3, own: 1000, shared: 0 };
        let mut periods = Vec::new();
        for own in [1000, 1000, 1100, 1100, 1100, 1100, 1100, 1300] {
            watch.seen(Usage { own, ..usage }, at);
            periods.push(watch.period.as_millis());
        }
        assert_eq!(periods, [100, 200, 400, 800, 1600, 2000, 2000, 100]);
    }

    #[test]
    fn a_status_is_added_up() {
        let status = "Name:\tx\nVmSwap:\t       2 kB\nRssAnon:\t    8 kB\nRssFile:\t 99 kB\n\
                      RssShmem:\t  4 kB\nThreads:\t3\n";
        let mut usage = Usage::default();
        add(&mut usage, status);
        add(&mut usage, status);
        assert_eq!(usage, Usage { processes: 6, own: 20 << 10, shared: 8 << 10 });
        add(&mut usage, "");
        assert_eq!(usage.processes, 6);
    }

    #[test]
    fn this_process_has_a_family() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let usage = measure(None, u64::MAX);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(usage.processes >= 1 && usage.own > 0, "{usage:?}");
    }
}
