//! Landlock: which paths may be read, written and executed, whatever is mounted. Inside
//! bubblewrap it is a second wall (and holds `only`, which mounts cannot); alone it is the
//! wall, at the best version that the kernel has.

use crate::model::{Confine, Holder};
use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope,
};
use std::io;
use std::path::{Path, PathBuf};

/// The newest version that the rules below were made for; an older kernel holds what it can.
const BEST: ABI = ABI::V7;

/// What every program needs of the system, where Landlock stands alone.
const SYSTEM: &[&str] = &[
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix", "/proc",
];

/// Devices that are open to everybody.
const DEVICES: &[&str] = &[
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
    "/dev/shm",
    "/dev/console",
];

/// The version of Landlock that this kernel has; 0: none.
#[allow(unsafe_code)]
pub fn version() -> i32 {
    // SAFETY: a null attribute of size 0 with this flag only asks for the number.
    let version = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0usize, 1u32)
    };
    i32::try_from(version).unwrap_or(0).max(0)
}

/// Holds this process, and all that it will start, to `confine`.
///
/// # Errors
/// When the kernel has no Landlock and nothing else holds the scope, or a rule is refused.
pub fn restrict(confine: &Confine, tty: Option<&Path>) -> io::Result<()> {
    let alone = confine.holder == Holder::Landlock;
    let read = AccessFs::from_read(BEST);
    let all = AccessFs::from_all(BEST);
    // Executing is a right of its own where only some programs may.
    let see = if confine.only.is_some() { read & !BitFlags::from(AccessFs::Execute) } else { read };
    let change =
        if confine.only.is_some() { all & !BitFlags::from(AccessFs::Execute) } else { all };
    let level = if alone { CompatLevel::SoftRequirement } else { CompatLevel::BestEffort };
    let ruleset = Ruleset::default().set_compatibility(level).handle_access(all).map_err(other)?;
    let scoped = ruleset.set_compatibility(CompatLevel::BestEffort).scope(Scope::from_all(BEST));
    let mut rules = scoped.map_err(other)?.create().map_err(other)?;
    rules = if alone {
        let system = SYSTEM.iter().map(PathBuf::from);
        let seen = system.chain(confine.readable.iter().cloned()).chain([confine.dash.clone()]);
        beneath(rules, seen, see)?
    } else {
        beneath(rules, ["/".into()], see)?
    };
    let devices = DEVICES.iter().map(PathBuf::from).chain(tty.map(Path::to_owned));
    rules = beneath(rules, devices, change)?;
    let own = [confine.private.clone(), "/proc".into()];
    let own = own
        .into_iter()
        .chain((!alone).then(|| ["/tmp".into(), "/var/tmp".into()]).into_iter().flatten());
    rules = beneath(rules, confine.writable.iter().cloned().chain(own), change)?;
    if let Some(only) = &confine.only {
        rules = beneath(rules, only.iter().cloned(), read)?;
    }
    let status = rules.restrict_self().map_err(other)?;
    if alone && status.ruleset == RulesetStatus::NotEnforced {
        return Err(io::Error::other("this kernel has no Landlock"));
    }
    Ok(())
}

/// Adds a rule for each path that is there.
fn beneath(
    mut rules: RulesetCreated,
    paths: impl IntoIterator<Item = PathBuf>,
    access: BitFlags<AccessFs>,
) -> io::Result<RulesetCreated> {
    for path in paths {
        let Ok(fd) = PathFd::new(&path) else { continue };
        // Of a file only what a file can be asked for.
        let access = if path.is_dir() { access } else { access & AccessFs::from_file(BEST) };
        rules = rules.add_rule(PathBeneath::new(fd, access)).map_err(other)?;
    }
    Ok(rules)
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::other(error)
}
