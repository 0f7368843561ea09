//! Control groups (version 2): the kernel's own way to hold a whole process tree to its
//! limits, where this user may make groups and the controllers are there.
//!
//! The core looks for a ground once ([`ground`]): the nearest directory upward from its own
//! group in which groups can be made and processes moved to. Below it each attempt has a
//! group of its own ([`Group`]), made by its keeper, which stays outside; the shim enters it
//! before it does anything else. Nothing in a sandbox sees the hierarchy. Of memory, CPU and
//! processes each is held by its controller if it is there, and in another way if not.
//!
//! An empty group costs a directory. The keeper removes its own; what a keeper that was
//! killed left, the core removes when it learns of the end ([`remove`]).

use crate::model::{Ground, Limits};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

/// The kernel deals out processor time by the tenth of a second; in microseconds.
const PERIOD: u64 = 100_000;
/// How often a group is made anew whose parent another keeper removes at the same time.
const TRIES: usize = 5;
/// Which files say so, and how the kernel calls what it takes.
const CONTROLLERS: [&str; 3] = ["memory", "cpu", "pids"];

/// Where the hierarchy is mounted; none where it is not.
pub fn mount() -> Option<PathBuf> {
    mounts(&fs::read_to_string("/proc/self/mountinfo").ok()?).next().map(|(_, at)| at)
}

/// Finds the ground for groups of `name` and tries it out. None where nothing that a limit
/// needs can be had.
pub fn ground(name: &str) -> Option<Ground> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let ground = find(&mounts, &own, Path::new("/"), name)?;
    try_out(&ground).then_some(ground)
}

/// The same without trying. `root`: what both texts' paths are below.
fn find(mounts: &str, own: &str, root: &Path, name: &str) -> Option<Ground> {
    let own = own.lines().find_map(|line| line.strip_prefix("0::"))?;
    let own = Path::new(own);
    if own.components().any(|part| part == Component::ParentDir) {
        return None;
    }
    let (top, at) = self::mounts(mounts).find(|(top, _)| own.starts_with(top))?;
    let below = own.strip_prefix(top).ok()?;
    let at = root.join(at.strip_prefix("/").ok()?);
    let mut best: Option<(PathBuf, [bool; 3])> = None;
    for dir in below.ancestors().map(|below| at.join(below)) {
        let Some(has) = offers(&dir) else { continue };
        let count = |has: &[bool; 3]| has.iter().filter(|has| **has).count();
        if count(&has) > best.as_ref().map_or(0, |(_, best)| count(best)) {
            best = Some((dir, has));
        }
    }
    let (dir, wanted) = best?;
    let [memory, cpu, processes] = hand_down(&dir, wanted);
    let some = memory || cpu || processes;
    some.then(|| Ground { dir: dir.join(name), memory, cpu, processes })
}

/// All mounts of the hierarchy: which of its directories, and where.
fn mounts(mountinfo: &str) -> impl Iterator<Item = (PathBuf, PathBuf)> {
    mountinfo.lines().filter_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        kind.starts_with("cgroup2 ").then_some(())?;
        let mut fields = mount.split(' ').skip(3);
        Some((unescape(fields.next()?), unescape(fields.next()?)))
    })
}

/// The kernel writes blanks in paths as `\040`.
fn unescape(field: &str) -> PathBuf {
    let blanks = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    blanks.iter().fold(field.to_owned(), |text, (code, blank)| text.replace(code, blank)).into()
}

/// Which controllers groups in `dir` have or can be given; none where no group can be made.
/// Only the hierarchy's root may hold processes beside groups that are limited.
fn offers(dir: &Path) -> Option<[bool; 3]> {
    let is_root = !dir.join("cgroup.type").exists();
    if !is_root {
        let kind = fs::read_to_string(dir.join("cgroup.type")).ok()?;
        let processes = fs::read_to_string(dir.join("cgroup.procs")).ok()?;
        if kind.trim() != "domain" || !processes.trim().is_empty() {
            return None;
        }
    }
    let may = |path: &Path| rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok();
    if !may(dir) || !may(&dir.join("cgroup.procs")) {
        return None;
    }
    let control = dir.join("cgroup.subtree_control");
    let mut words = fs::read_to_string(&control).ok()?;
    if may(&control) {
        words.push(' ');
        words.push_str(&fs::read_to_string(dir.join("cgroup.controllers")).unwrap_or_default());
    }
    Some(CONTROLLERS.map(|name| words.split_ascii_whitespace().any(|word| word == name)))
}

/// Gives the groups in `dir` those controllers; which of them they have then.
fn hand_down(dir: &Path, wanted: [bool; 3]) -> [bool; 3] {
    let control = dir.join("cgroup.subtree_control");
    let there = fs::read_to_string(&control).unwrap_or_default();
    let mut has = wanted;
    for (name, has) in CONTROLLERS.iter().zip(&mut has) {
        let already = there.split_ascii_whitespace().any(|word| word == *name);
        *has = *has && (already || fs::write(&control, format!("+{name}")).is_ok());
    }
    has
}

/// Moves a process of ours to a group there and lets it end: it may be refused for reasons
/// that no file tells.
fn try_out(ground: &Ground) -> bool {
    let name = format!("try-{}", std::process::id());
    let limits = Limits { processes: ground.processes.then_some(64), ..Limits::default() };
    let Ok(group) = Group::make_in(ground, &name, limits) else { return false };
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "echo 0 > \"$0\""]).arg(group.dir.join("cgroup.procs"));
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let entered = command.status().is_ok_and(|status| status.success());
    group.remove();
    entered
}

/// An attempt's own group.
#[derive(Debug)]
pub struct Group {
    dir: PathBuf,
    /// What it holds.
    pub held: Limits,
}

impl Group {
    /// One for `attempt`, with those of `limits` that `ground` can hold. None where that is
    /// none of them, or the kernel takes none.
    pub fn make(ground: &Ground, attempt: &str, limits: Limits) -> Option<Self> {
        let group = Self::make_in(ground, attempt, limits).ok()?;
        if group.held == Limits::default() {
            group.remove();
            return None;
        }
        Some(group)
    }

    fn make_in(ground: &Ground, attempt: &str, limits: Limits) -> io::Result<Self> {
        let dir = ground.dir.join(attempt);
        for _ in 0..TRIES {
            match make_dir(&ground.dir) {
                Ok(()) => {}
                Err(error) => return Err(error),
            }
            hand_down(&ground.dir, [ground.memory, ground.cpu, ground.processes]);
            match make_dir(&dir) {
                Ok(()) => {
                    let held = limit(&dir, ground, limits);
                    return Ok(Self { dir, held });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::NotFound.into())
    }

    /// What a process of it writes to enter it.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// SIGKILL to all in it; nothing where the kernel (before 5.14) cannot.
    pub fn kill(&self) {
        let _ = fs::write(self.dir.join("cgroup.kill"), "1");
    }

    /// True once it went beyond its memory and was ended by the kernel.
    pub fn is_out_of_memory(&self) -> bool {
        let events = fs::read_to_string(self.dir.join("memory.events")).unwrap_or_default();
        number(&events, "oom_kill").is_some_and(|times| times > 0)
    }

    /// The most memory that it ever had, in bytes; none before Linux 5.19.
    pub fn most_memory(&self) -> Option<u64> {
        fs::read_to_string(self.dir.join("memory.peak")).ok()?.trim().parse().ok()
    }

    /// Removes it, and what is around it if it was the last; false while it is populated.
    pub fn remove(&self) -> bool {
        remove(&self.dir);
        !self.dir.exists()
    }
}

fn make_dir(dir: &Path) -> io::Result<()> {
    match fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Writes those limits that the group's files take.
fn limit(dir: &Path, ground: &Ground, limits: Limits) -> Limits {
    let put = |file: &str, value: String| fs::write(dir.join(file), value).is_ok();
    let memory = limits.memory_bytes.filter(|most| {
        // All of an attempt at once, not whichever of its processes the kernel likes least.
        let held = ground.memory
            && put("memory.oom.group", "1".to_owned())
            && put("memory.max", most.to_string());
        if held && dir.join("memory.swap.max").exists() {
            put("memory.swap.max", "0".to_owned());
        }
        held
    });
    let cpu = limits.cpu.filter(|cores| {
        let quota = u64::from(cores.thousandths()) * PERIOD / 1000;
        ground.cpu && put("cpu.max", format!("{quota} {PERIOD}"))
    });
    let processes =
        limits.processes.filter(|most| ground.processes && put("pids.max", most.to_string()));
    Limits { memory_bytes: memory, cpu, processes, ..Limits::default() }
}

fn number(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// Removes the group `dir` and the one around it, as far as they are empty.
pub fn remove(dir: &Path) {
    let below = fs::read_dir(dir).into_iter().flatten().flatten();
    for entry in below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        let _ = fs::remove_dir(entry.path());
    }
    let removed = fs::remove_dir(dir).is_ok();
    if let (true, Some(around)) = (removed, dir.parent()) {
        let _ = fs::remove_dir(around);
    }
}

/// Moves this process, and with it all that it will start, to the group.
///
/// # Errors
/// When the kernel refuses it.
pub fn enter(group: &Path) -> io::Result<()> {
    fs::write(group.join("cgroup.procs"), "0")
}

#[cfg(test)]
mod tests;
