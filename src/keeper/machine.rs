//! What the whole machine has: an attempt cannot have gained more than all together, and to
//! ask that costs a short read where to look at each of its processes costs many.

use crate::sandbox::processes_on_machine;
use std::fs;

/// What is watched of an attempt, as far as it was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Processes and threads.
    pub processes: u64,
    /// Bytes of memory that are no file's, swapped out or not.
    pub memory: u64,
    /// Bytes that were given to disks since it is up, and more: what waited in memory first is
    /// counted twice.
    pub written: u64,
}

impl Machine {
    /// None where the kernel does not say.
    pub fn now(memory: bool, disk: bool) -> Option<Self> {
        let read = |file: &str| fs::read_to_string(file).ok();
        Some(Self {
            processes: processes_on_machine()?,
            memory: if memory { memory_in(&read("/proc/meminfo")?)? } else { 0 },
            written: if disk { written_in(&read("/proc/vmstat")?)? } else { 0 },
        })
    }

    /// The fewer of each.
    pub fn least(self, other: Self) -> Self {
        Self {
            processes: self.processes.min(other.processes),
            memory: self.memory.min(other.memory),
            written: self.written.min(other.written),
        }
    }
}

/// Of /proc/meminfo, which has kB.
fn memory_in(meminfo: &str) -> Option<u64> {
    let number = |name: &str| field(meminfo, name).map(|kb| kb << 10);
    let swapped = number("SwapTotal:")?.saturating_sub(number("SwapFree:")?);
    Some(number("AnonPages:")? + number("Shmem:")? + swapped)
}

/// Of /proc/vmstat: pages that a write made differ from the disk, and kB that went to disks,
/// those of writes past the cache among them.
fn written_in(vmstat: &str) -> Option<u64> {
    let page = rustix::param::page_size() as u64;
    let (pages, kb) = (field(vmstat, "nr_dirtied ")?, field(vmstat, "pgpgout ")?);
    Some(pages.saturating_mul(page).saturating_add(kb.saturating_mul(1024)))
}

fn field(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_figures_are_added_up() {
        let meminfo = "MemTotal: 99 kB\nAnonPages:    8 kB\nShmem:  4 kB\n\
                       SwapTotal:  10 kB\nSwapFree:   7 kB\n";
        assert_eq!(memory_in(meminfo), Some(15 << 10));
        assert_eq!(memory_in("MemTotal: 99 kB\n"), None);
        let page = rustix::param::page_size() as u64;
        let vmstat = "nr_dirty 7\nnr_dirtied 3\nnr_written 2\npgpgin 9\npgpgout 5\n";
        assert_eq!(written_in(vmstat), Some(3 * page + 5 * 1024));
        assert!(Machine::now(true, true).is_some_and(|all| all.processes > 1 && all.memory > 0));
    }
}
