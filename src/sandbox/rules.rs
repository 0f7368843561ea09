//! Landlock: which paths may be read, written and executed, whatever is mounted. Inside
//! bubblewrap it is a second wall (and holds `only`, which mounts cannot); alone it is the
//! wall, at the best version that the kernel has.

use super::system::{SECRET, SYSTEM};
use crate::model::{Confine, Holder};
use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope,
};
use rustix::fd::BorrowedFd;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The newest version that the rules below were made for; an older kernel holds what it can.
const BEST: ABI = ABI::V7;

/// Devices that are open to everybody. Terminals and shared memory are among them only where
/// an agent has a /dev of its own.
const DEVICES: &[&str] = &[
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
];
const OWN_DEVICES: &[&str] = &["/dev/pts", "/dev/shm", "/dev/console"];

/// The version of Landlock that this kernel has; 0: none.
#[allow(unsafe_code)]
pub fn version() -> i32 {
    // SAFETY: a null attribute of size 0 with this flag only asks for the number.
    let version = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0usize, 1u32)
    };
    i32::try_from(version).unwrap_or(0).max(0)
}

/// Holds this process, and all that it will start, to `confine`. `tty`: its terminal, which
/// has no path where it was opened before the mounts were made.
///
/// # Errors
/// When the kernel has no Landlock and nothing else holds the scope, or a rule is refused.
pub fn restrict(confine: &Confine, tty: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let alone = confine.holder == Holder::Landlock;
    let read = AccessFs::from_read(BEST);
    let all = AccessFs::from_all(BEST);
    // Executing is a right of its own where only some programs may.
    let kept = if confine.only.is_some() { AccessFs::Execute.into() } else { BitFlags::EMPTY };
    let (see, change) = (read & !kept, all & !kept);
    let level = if alone { CompatLevel::SoftRequirement } else { CompatLevel::BestEffort };
    let ruleset = Ruleset::default().set_compatibility(level).handle_access(all).map_err(other)?;
    let scoped = ruleset.set_compatibility(CompatLevel::BestEffort).scope(Scope::from_all(BEST));
    let mut rules = scoped.map_err(other)?.create().map_err(other)?;
    if alone {
        let seen = system().chain(confine.readable.iter().cloned());
        rules = beneath(rules, seen.chain([confine.dash.clone()]), see)?;
        rules = beneath(rules, ["/etc".into()], AccessFs::ReadDir.into())?;
    } else {
        rules = beneath(rules, ["/".into()], see)?;
        let own = OWN_DEVICES.iter().chain(&["/tmp", "/var/tmp"]);
        rules = beneath(rules, own.map(PathBuf::from), change)?;
    }
    rules = beneath(rules, DEVICES.iter().map(PathBuf::from), change)?;
    let own = confine.writable.iter().chain([&confine.private]).cloned();
    rules = beneath(rules, own, change)?;
    if let Some(only) = &confine.only {
        rules = beneath(rules, only.iter().cloned(), read)?;
    }
    if let Some(tty) = tty {
        let change = change & AccessFs::from_file(BEST);
        rules = rules.add_rule(PathBeneath::new(tty, change)).map_err(other)?;
    }
    let status = rules.restrict_self().map_err(other)?;
    if alone && status.ruleset == RulesetStatus::NotEnforced {
        return Err(io::Error::other("this kernel has no Landlock"));
    }
    Ok(())
}

/// The system's own files without its secrets, which no rule can take back.
fn system() -> impl Iterator<Item = PathBuf> {
    let etc = fs::read_dir("/etc").into_iter().flatten().flatten().map(|entry| entry.path());
    let secret = |path: &PathBuf| SECRET.iter().any(|secret| Path::new(secret).starts_with(path));
    let system = SYSTEM.iter().filter(|path| **path != "/etc").map(PathBuf::from);
    system.chain(etc.filter(move |path| !secret(path))).chain(["/proc".into()])
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
