//! Holding an attempt to some of the machine's cores: where no group can hold its processor
//! time, a whole number of cores is held by leaving it no others.

use super::seccomp;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::io;

/// The cores that this process may use.
pub fn own() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(None) else { return Vec::new() };
    (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect()
}

/// `count` of the cores `all` for the attempt called `name`: the next attempt of a swarm gets
/// the next ones.
pub fn choose(all: &[usize], count: usize, name: &str) -> Vec<usize> {
    let numbers = name.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok());
    let turn = numbers.fold(0usize, usize::wrapping_add).wrapping_mul(count);
    let mut cores: Vec<usize> =
        all.iter().cycle().skip(turn % all.len().max(1)).take(count).copied().collect();
    cores.sort_unstable();
    cores
}

/// Holds this process, and all that it will start, to `cores`; sets no-new-privileges.
///
/// # Errors
/// When the kernel takes neither the cores nor the filter that keeps them.
pub fn hold(cores: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    cores.iter().for_each(|core| set.set(*core));
    sched_setaffinity(None, &set)?;
    seccomp::keep_cores()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_spread_over_the_cores() {
        let all = [0, 2, 3, 5];
        let of = |name: &str| choose(&all, 1, name);
        let four: Vec<usize> =
            ["ag-01-1", "ag-02-1", "ag-03-1", "ag-04-1"].iter().flat_map(|name| of(name)).collect();
        assert_eq!(four, [3, 5, 0, 2]);
        assert_eq!(choose(&all, 2, "ag-01-1"), [0, 2]);
        assert_eq!(choose(&all, 2, "ag-02-1"), [3, 5]);
        assert_eq!(choose(&all, 3, "ag-02-1"), [2, 3, 5]);
        assert_eq!(choose(&[], 1, "ag-02-1"), [0; 0]);
        assert!(!own().is_empty());
    }
}
