//! Which limits an attempt gets, and what holds them on this machine.
//!
//! The number of processes is held by the kernel where the attempt has a user namespace of
//! its own and its user is not root, whom the kernel never counts; elsewhere, as memory
//! everywhere, it is watched by the keeper, which ends an attempt that is beyond its limit.
//! A watched attempt costs a look at its processes every two seconds, so nothing is watched
//! that nobody asked for.

use super::launch::Plan;
use crate::{
    config::LimitsConfig,
    model::Limits,
    protocol::rest::{CheckStatus, DoctorCheck},
};

/// Enough for a parallel build with threads, and no bomb.
const PROCESSES: u64 = 4096;

/// What `plan` asks for; of an agent in a sandbox also what the configuration says.
pub fn of(plan: &Plan, config: &LimitsConfig) -> Limits {
    let asked = plan.spec.limits.unwrap_or_default();
    if plan.scope.is_strict() { asked.or(defaults(config, by_kernel())) } else { asked }
}

fn defaults(config: &LimitsConfig, by_kernel: bool) -> Limits {
    Limits {
        memory_bytes: config.memory_mb.filter(|mb| *mb > 0).map(|mb| mb.saturating_mul(1 << 20)),
        processes: match config.processes {
            Some(0) => None,
            Some(most) => Some(most),
            None => by_kernel.then_some(PROCESSES),
        },
        output_bytes: None,
    }
}

/// Whether the kernel counts an attempt's processes.
fn by_kernel() -> bool {
    let namespaces = std::fs::read_to_string("/proc/sys/user/max_user_namespaces");
    let some = namespaces.is_ok_and(|most| most.trim().parse::<u64>().is_ok_and(|most| most > 0));
    some && !rustix::process::geteuid().is_root()
}

pub fn check(config: &LimitsConfig) -> DoctorCheck {
    let by_kernel = by_kernel();
    let processes = if by_kernel {
        "processes by the kernel (a count for each user namespace)"
    } else if rustix::process::geteuid().is_root() {
        "processes by watching, where asked for (the kernel does not count root's)"
    } else {
        "processes by watching, where asked for (no user namespaces)"
    };
    let defaults = defaults(config, by_kernel);
    let most = |limit: Option<u64>| limit.map_or("no limit".to_owned(), |most| most.to_string());
    let mb = defaults.memory_bytes.map(|bytes| bytes >> 20);
    let detail = format!(
        "{processes}; memory by watching; output by cutting the recording; CPU not at all. \
         Unless told otherwise an agent in a sandbox has {} processes, {} MB of memory",
        most(defaults.processes),
        most(mb),
    )
    .replace("no limit processes", "any number of processes")
    .replace("no limit MB of", "any amount of");
    DoctorCheck {
        name: "limits".to_owned(),
        status: CheckStatus::Ok,
        detail,
        remedy: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_watched_that_nobody_asked_for() {
        let config = LimitsConfig::default();
        assert_eq!(defaults(&config, false), Limits::default());
        let held = Limits { processes: Some(PROCESSES), ..Limits::default() };
        assert_eq!(defaults(&config, true), held);
        let asked = LimitsConfig { memory_mb: Some(100), processes: Some(50) };
        let expected =
            Limits { memory_bytes: Some(100 << 20), processes: Some(50), output_bytes: None };
        assert_eq!((defaults(&asked, true), defaults(&asked, false)), (expected, expected));
        let none = LimitsConfig { memory_mb: Some(0), processes: Some(0) };
        assert_eq!(defaults(&none, true), Limits::default());
    }
}
