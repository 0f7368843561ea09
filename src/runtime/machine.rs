//! The machine as admission sees it: memory that can be had, cores, and what each adapter says
//! its agents take of them.

use super::{clock, world::World};
use crate::core::Machine;
use std::{fs, path::Path};

/// As it is now; says nothing where agents are admitted without a look at it.
pub fn look(world: &World) -> Machine {
    if !world.config.agents.admission {
        return Machine::default();
    }
    Machine {
        now: clock::now(),
        available_mb: available_mb(),
        cores: std::thread::available_parallelism().map_or(0, |cores| cores.get() as u64),
        footprints: world.catalog().footprints(),
    }
}

/// Of the machine, or of the control group that this process is held in: whatever is less.
fn available_mb() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let kb = figure(&text, "MemAvailable:")?;
        Some(kb >> 10)
    });
    let group = fs::read_to_string("/proc/self/cgroup").ok().and_then(|text| {
        let own = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
        let dirs = Path::new(own).ancestors().map(|dir| Path::new("/sys/fs/cgroup").join(dir));
        dirs.filter_map(|dir| group_mb(&dir)).min()
    });
    match (machine, group) {
        (Some(machine), Some(group)) => Some(machine.min(group)),
        (one, other) => one.or(other),
    }
}

/// What a control group may still take. Files that its processes have read are given up before
/// anything else.
fn group_mb(dir: &Path) -> Option<u64> {
    let read = |name: &str| fs::read_to_string(dir.join(name)).ok();
    let number = |name: &str| read(name)?.trim().parse::<u64>().ok();
    // `max`, where there is no limit, is no number.
    let (limit, used) = (number("memory.max")?, number("memory.current")?);
    let files = read("memory.stat").and_then(|text| figure(&text, "inactive_file"));
    Some(limit.saturating_sub(used.saturating_sub(files.unwrap_or(0))) >> 20)
}

/// The number after a name at the beginning of a line.
fn figure(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read() {
        let text = "MemTotal:       100 kB\nMemAvailable:   2048 kB\nactive_file 1\n";
        assert_eq!(figure(text, "MemAvailable:"), Some(2048));
        assert_eq!(figure(text, "active_file"), Some(1));
        assert_eq!(figure(text, "SwapFree:"), None);
    }

    #[test]
    fn a_control_group_has_what_its_limit_leaves() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        assert_eq!(group_mb(dir.path()), None);
        write("memory.current", "104857600\n");
        write("memory.stat", "anon 1\ninactive_file 52428800\n");
        write("memory.max", "max\n");
        assert_eq!(group_mb(dir.path()), None);
        write("memory.max", "209715200\n");
        assert_eq!(group_mb(dir.path()), Some(150));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_has_some() {
        assert!(available_mb().is_some_and(|mb| mb > 0));
    }
}
