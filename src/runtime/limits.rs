//! Which limits an attempt gets, and what holds them on this machine.
//!
//! Memory, CPU and processes are held by a control group each attempt has for itself, where
//! such can be made and have the controller. Elsewhere the number of processes is held by the
//! kernel where the attempt has a user namespace of its own and its user is not root, whom
//! the kernel never counts so; of root's it is watched, under a ceiling of the kernel's where
//! each pid namespace has its own process numbers. Whole cores are held by pinning. The rest,
//! as what is written to disks everywhere, is watched by the keeper, which ends an attempt that
//! is beyond its limit. What cannot be held is refused.

use super::{launch::Plan, world::World};
use crate::{
    config::{CoreConfig, LimitsConfig},
    model::{Cores, Ground, Limits, Refusal, RefusalCode},
    protocol::rest::{CheckStatus, DoctorCheck},
    sandbox::{cgroup, cores, numbers},
};
use std::path::Path;

/// Enough for a parallel build with threads, and no bomb.
const PROCESSES: u64 = 4096;

/// What `plan` asks for; of an agent in a sandbox also what the configuration says.
pub fn of(plan: &Plan, config: &LimitsConfig) -> Limits {
    with_defaults(plan.spec.limits.unwrap_or_default(), plan.scope.is_strict(), config)
}

/// What holds an agent that asked for so much.
pub fn with_defaults(asked: Limits, strict: bool, config: &LimitsConfig) -> Limits {
    if strict { asked.or(defaults(config)) } else { asked }
}

fn defaults(config: &LimitsConfig) -> Limits {
    let mb = |mb: Option<u64>| mb.filter(|mb| *mb > 0).map(|mb| mb.saturating_mul(1 << 20));
    Limits {
        memory_bytes: mb(config.memory_mb),
        cpu: config.cpu.filter(|cores| cores.thousandths() > 0),
        processes: Some(config.processes.unwrap_or(PROCESSES)).filter(|most| *most > 0),
        disk_bytes: mb(config.disk_mb),
        output_bytes: None,
    }
}

/// Bytes of an attempt's output that are kept.
pub fn recording_cap(limits: Limits, config: &CoreConfig) -> u64 {
    let cap = config.recording_mb.saturating_mul(1 << 20);
    limits.output_bytes.map_or(cap, |most| most.min(cap))
}

/// Where control groups are made; none where no limit can be held by one. It is looked for
/// and tried once.
pub fn ground(world: &World) -> Option<&Ground> {
    let look = || cgroup::ground(&format!("dash-{}", world.instance.tag()));
    world.ground.get_or_init(look).as_ref()
}

/// What holds limits here.
struct Means {
    memory: bool,
    cpu: bool,
    processes: bool,
    /// Of the machine that are ours to use.
    cores: usize,
    /// Of process numbers there is an end for each attempt, root's too.
    numbers: bool,
    seccomp: bool,
    /// The kernel tells what a process wrote.
    io: bool,
}

impl Means {
    fn of(world: &World) -> Self {
        let ground = ground(world);
        Self {
            memory: ground.is_some_and(|ground| ground.memory),
            cpu: ground.is_some_and(|ground| ground.cpu),
            processes: ground.is_some_and(|ground| ground.processes),
            cores: cores::own().len(),
            numbers: numbers::are_held(),
            seccomp: world.abilities().seccomp,
            io: Path::new("/proc/self/io").exists(),
        }
    }

    fn refuse(&self, limits: Limits) -> Result<(), Refusal> {
        let no = |why: String| Refusal::new(RefusalCode::NotEnforced, why);
        if let Some(cores) = limits.cpu.filter(|cores| !self.cpu && !cores.covers(self.cores)) {
            let pinned = cores.whole().is_some() && self.seccomp;
            if !pinned {
                return Err(no(unheld(cores)).hinted(
                    "a whole number, such as --cpu 1, is held by leaving an agent so many cores; \
                     a fraction where this user may make control groups (cgroup v2) with the cpu \
                     controller",
                ));
            }
        }
        if limits.disk_bytes.is_some() && !self.io {
            let why = "limits: disk: this kernel does not tell what a process writes";
            return Err(no(format!("{why} (/proc/self/io)")).hinted("leave --disk out"));
        }
        Ok(())
    }
}

fn unheld(cores: Cores) -> String {
    match cores.whole() {
        None => format!("limits: cpu: {cores} cannot be held here, only a whole number of cores"),
        Some(_) => "limits: cpu: it cannot be held here, this kernel has no seccomp".to_owned(),
    }
}

/// Refuses what cannot be held here; `strict`: the configuration counts, too. It looks at the
/// machine, and may start a program.
///
/// # Errors
/// A refusal that says what would be needed.
pub fn enforceable(world: &World, asked: Option<Limits>, strict: bool) -> Result<(), Refusal> {
    let limits = with_defaults(asked.unwrap_or_default(), strict, &world.config.limits);
    if limits.cpu.is_none() && limits.disk_bytes.is_none() {
        return Ok(());
    }
    Means::of(world).refuse(limits)
}

/// Whether the kernel counts an attempt's processes by its user namespace.
fn counted() -> bool {
    let namespaces = std::fs::read_to_string("/proc/sys/user/max_user_namespaces");
    let some = namespaces.is_ok_and(|most| most.trim().parse::<u64>().is_ok_and(|most| most > 0));
    some && !rustix::process::geteuid().is_root()
}

pub fn check(world: &World) -> DoctorCheck {
    let (status, remedy) = (CheckStatus::Ok, String::new());
    let detail = describe(&Means::of(world), counted(), &world.config.limits);
    DoctorCheck { name: "limits".to_owned(), status, detail, remedy }
}

fn describe(means: &Means, counted: bool, config: &LimitsConfig) -> String {
    let group = "by control groups";
    let memory = if means.memory { group } else { "by watching" };
    let cpu = match (means.cpu, means.seccomp) {
        (true, _) => group,
        (false, true) => "in whole cores by pinning (a fraction is refused)",
        (false, false) => "not at all (refused)",
    };
    let processes = match (means.processes, counted) {
        (true, _) => group,
        (false, true) => "by the kernel (a count for each user namespace)",
        (false, false) if means.numbers => {
            &format!("by watching, and by the kernel {} above that", numbers::ABOVE)
        }
        (false, false) => "by watching",
    };
    let disk =
        if means.io { "by watching, each file by the kernel" } else { "not at all (refused)" };
    let defaults = defaults(config);
    let mb = |bytes: u64| format!("{} MB", bytes >> 20);
    let mut has = vec![match defaults.processes {
        Some(most) => format!("{most} processes"),
        None => "any number of processes".to_owned(),
    }];
    has.push(defaults.memory_bytes.map_or("any amount".to_owned(), mb) + " of memory");
    has.extend(defaults.cpu.map(|cores| format!("{cores} of {} cores", means.cores)));
    has.extend(defaults.disk_bytes.map(|bytes| format!("{} written to disk", mb(bytes))));
    format!(
        "memory {memory}; CPU {cpu}; processes {processes}; disk {disk}; output by cutting the \
         recording. Unless told otherwise an agent in a sandbox has {}",
        has.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Means = Means {
        memory: false,
        cpu: false,
        processes: false,
        cores: 4,
        numbers: false,
        seccomp: true,
        io: true,
    };

    fn cpu(cores: &str) -> Limits {
        Limits { cpu: cores.parse().ok(), ..Limits::default() }
    }

    #[test]
    fn who_says_nothing_gets_a_number_of_processes() {
        let held = Limits { processes: Some(PROCESSES), ..Limits::default() };
        assert_eq!(defaults(&LimitsConfig::default()), held);
        let asked: LimitsConfig =
            toml::from_str("memory_mb = 100\nprocesses = 50\ncpu = 1.5\ndisk_mb = 7").unwrap();
        let expected = Limits {
            memory_bytes: Some(100 << 20),
            processes: Some(50),
            disk_bytes: Some(7 << 20),
            ..cpu("1.5")
        };
        assert_eq!(defaults(&asked), expected);
        let none: LimitsConfig =
            toml::from_str("memory_mb = 0\nprocesses = 0\ncpu = 0\ndisk_mb = 0").unwrap();
        assert_eq!(defaults(&none), Limits::default());
    }

    #[test]
    fn what_cannot_be_held_is_refused() {
        for held in ["1", "3", "4", "4.5", "64"] {
            assert_eq!(NONE.refuse(cpu(held)), Ok(()), "{held}");
        }
        let refusal = NONE.refuse(cpu("1.5")).unwrap_err();
        assert_eq!(refusal.code, RefusalCode::NotEnforced);
        assert!(refusal.message.contains("1.5 cannot be held here"), "{refusal:?}");
        assert_eq!(Means { cpu: true, ..NONE }.refuse(cpu("1.5")), Ok(()));
        assert!(Means { seccomp: false, ..NONE }.refuse(cpu("1")).is_err());
        let disk = Limits { disk_bytes: Some(1 << 30), ..Limits::default() };
        assert_eq!(NONE.refuse(disk), Ok(()));
        assert!(Means { io: false, ..NONE }.refuse(disk).is_err());
    }

    #[test]
    fn the_doctor_says_what_holds_each() {
        let config = LimitsConfig::default();
        let watched = describe(&NONE, false, &config);
        assert!(watched.starts_with(
            "memory by watching; CPU in whole cores by pinning (a fraction is refused); \
             processes by watching; disk by watching"
        ));
        assert!(watched.ends_with("4096 processes, any amount of memory"), "{watched}");
        let numbered = describe(&Means { numbers: true, ..NONE }, false, &config);
        assert!(numbered.contains("processes by watching, and by the kernel 1324 above that;"));
        let means = Means { memory: true, cpu: true, processes: true, ..NONE };
        let grouped = describe(&means, true, &config);
        assert!(grouped.starts_with(
            "memory by control groups; CPU by control groups; processes by control groups;"
        ));
        let config: LimitsConfig = toml::from_str("cpu = 0.5\nprocesses = 0").unwrap();
        let set = describe(&NONE, true, &config);
        assert!(set.ends_with("any number of processes, any amount of memory, 0.5 of 4 cores"));
    }
}
