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
        rules = seen_beneath(rules, seen.chain([confine.dash.clone()]), confine, see)?;
        rules = beneath(rules, ["/etc".into()], AccessFs::ReadDir.into())?;
    } else {
        rules = seen_beneath(rules, ["/".into()], confine, see)?;
        let own = OWN_DEVICES.iter().chain(&["/tmp"]);
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
    if (alone || confine.only.is_some()) && status.ruleset == RulesetStatus::NotEnforced {
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

/// Adds rules for `roots` without the directories of programs that only some may be executed
/// of. A rule holds for all that lies below, so that one goes around them: to each thing beside
/// them, as it is there now.
fn seen_beneath(
    mut rules: RulesetCreated,
    roots: impl IntoIterator<Item = PathBuf>,
    confine: &Confine,
    see: BitFlags<AccessFs>,
) -> io::Result<RulesetCreated> {
    if confine.only.is_none() {
        return beneath(rules, roots, see);
    }
    let (mut whole, mut passed) = (Vec::new(), Vec::new());
    for root in roots {
        // A link among the system's directories: what it leads to may be one of programs.
        if let Ok(root) = fs::canonicalize(root) {
            around(root, &confine.programs, &mut whole, &mut passed);
        }
    }
    rules = beneath(rules, whole, see)?;
    beneath(rules, passed, AccessFs::ReadDir.into())
}

/// What of `root` lies outside of `without`, and the directories that were looked through for
/// that.
fn around(root: PathBuf, without: &[PathBuf], whole: &mut Vec<PathBuf>, passed: &mut Vec<PathBuf>) {
    if without.iter().any(|dir| root.starts_with(dir)) {
        return;
    }
    if !without.iter().any(|dir| dir.starts_with(&root)) {
        whole.push(root);
        return;
    }
    for entry in fs::read_dir(&root).into_iter().flatten().flatten() {
        // What a link leads to has a rule of its own, or none.
        if entry.file_type().is_ok_and(|kind| !kind.is_symlink()) {
            around(entry.path(), without, whole, passed);
        }
    }
    passed.push(root);
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn around_directories_of_programs() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for name in ["usr/bin/sub", "usr/lib", "usr/local/bin", "usr/local/share", "etc"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        symlink(root.join("usr/bin"), root.join("bin")).unwrap();
        fs::write(root.join("file"), "").unwrap();
        let without = ["usr/bin", "usr/local/bin"].map(|name| root.join(name));
        let (mut whole, mut passed) = (Vec::new(), Vec::new());
        around(root.to_owned(), &without, &mut whole, &mut passed);
        whole.sort();
        let wanted = ["etc", "file", "usr/lib", "usr/local/share"].map(|name| root.join(name));
        assert_eq!(whole, wanted);
        passed.sort();
        assert_eq!(passed, ["", "usr", "usr/local"].map(|name| root.join(name)));
        let (mut whole, mut passed) = (Vec::new(), Vec::new());
        around(root.join("usr/bin/sub"), &without, &mut whole, &mut passed);
        assert!(whole.is_empty() && passed.is_empty());
    }
}
