//! Finding keepers again: by what they wrote on disk, checked against what runs.

use super::world::{Shared, World};
use crate::{
    config::Instance,
    model::{AttemptId, Ground},
    protocol::keeper::{ExitRecord, Fact, FactKind, KeeperId},
    sandbox::cgroup,
};
use rustix::process::{Flock, FlockType, Pid, Signal, fcntl_getlk, kill_process};
use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::Path,
    time::{Duration, Instant},
};
use tokio::net::UnixStream;

/// Longest pause between two tries, and longest wait for a keeper that is being born.
const CONNECT: Duration = Duration::from_secs(5);
/// A keeper that was told to stop and is still there after so long hangs.
const LAST_WORDS: Duration = Duration::from_secs(7);
/// Between two tries to reach a keeper that is just starting.
const RETRY: Duration = Duration::from_millis(20);

pub enum Found {
    Alive(UnixStream),
    /// It left after its agent ended.
    Ended(Box<ExitRecord>, Option<String>),
    /// It ran, and is gone without a word.
    Gone,
    /// It never ran.
    Never,
}

/// The keeper of `attempt`, if there ever was one.
pub async fn find_keeper(world: &Shared, attempt: &AttemptId) -> Found {
    let dir = world.instance.attempt_dir(attempt);
    let deadline = Instant::now() + CONNECT;
    let mut keeper = keeper_id(&dir);
    // One that an earlier core started, and that is not yet where it says who it is.
    while keeper.is_none() && is_being_born(&dir) && Instant::now() < deadline {
        tokio::time::sleep(RETRY).await;
        keeper = keeper_id(&dir);
    }
    if let Some(id) = &keeper
        && is_alive(id)
    {
        let socket = world.instance.keeper_socket(attempt);
        // For as long as it lives: one that is slow or stopped is not gone.
        let mut pause = RETRY;
        loop {
            match UnixStream::connect(&socket).await {
                Ok(stream) => return Found::Alive(stream),
                Err(_) if is_alive(id) => tokio::time::sleep(pause).await,
                Err(_) => break,
            }
            pause = (pause * 2).min(CONNECT);
        }
    }
    if let Some(record) = super::outcome::exit_record(&world.instance, attempt) {
        return Found::Ended(Box::new(record), launch_error(&dir));
    }
    if keeper.is_some() { Found::Gone } else { Found::Never }
}

/// A keeper that lives holds a lock on its file. Looking takes nothing: a keeper that starts in this
/// moment must find it free.
fn is_being_born(dir: &Path) -> bool {
    let Ok(lock) = fs::File::options().write(true).open(dir.join("keeper.json")) else {
        return false;
    };
    matches!(fcntl_getlk(&lock, &Flock::from(FlockType::WriteLock)), Ok(Some(_)))
}

fn keeper_id(dir: &Path) -> Option<KeeperId> {
    serde_json::from_slice(&fs::read(dir.join("keeper.json")).ok()?).ok()
}

/// What the keeper said of a limit that the attempt went beyond.
pub fn limit_reached(world: &Shared, attempt: &AttemptId) -> Option<Fact> {
    let facts = fs::read_to_string(world.instance.attempt_dir(attempt).join("facts")).ok()?;
    let mut facts = facts.lines().filter_map(|line| serde_json::from_str::<Fact>(line).ok());
    facts.find(|fact| matches!(fact.kind, FactKind::LimitReached { .. }))
}

/// What the keeper said about a launch that failed.
fn launch_error(dir: &Path) -> Option<String> {
    let facts = fs::read_to_string(dir.join("facts")).ok()?;
    facts.lines().find_map(|line| match serde_json::from_str::<Fact>(line).ok()?.kind {
        FactKind::LaunchFailed { step, message } => Some(format!("{step}: {message}")),
        FactKind::Started { .. }
        | FactKind::Exited { .. }
        | FactKind::Status { .. }
        | FactKind::DiskFull
        | FactKind::DiskBack
        | FactKind::LimitReached { .. }
        | FactKind::Cut { .. } => None,
    })
}

/// A pid alone may be somebody else's by now: start time and boot must fit too.
fn is_alive(id: &KeeperId) -> bool {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let Ok(stat) = fs::read_to_string(format!("/proc/{}/stat", id.pid)) else { return false };
    // The name in parentheses may hold blanks: count fields from behind it.
    let mut fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ');
    let zombie = fields.next() == Some("Z");
    let start = fields.nth(18).and_then(|ticks| ticks.parse().ok());
    boot.trim() == id.boot.trim() && start == Some(id.start_ticks) && !zombie
}

/// Kills what a vanished keeper left where no namespace did: every process with this
/// attempt in its environment.
pub fn kill_leftovers(world: &Shared, attempt: &AttemptId) {
    kill_marked(world, attempt);
    // Only a keeper that was killed leaves its control group.
    if let Some(ground) = ground_of(world, attempt) {
        cgroup::remove(&ground.dir.join(attempt.as_str()));
    }
}

/// Where its keeper made a control group, if it was told to: not always where this core would.
fn ground_of(world: &Shared, attempt: &AttemptId) -> Option<Ground> {
    #[derive(serde::Deserialize)]
    struct Spec {
        ground: Option<Ground>,
    }
    let text = fs::read(world.instance.attempt_dir(attempt).join("spec.json")).ok()?;
    serde_json::from_slice::<Spec>(&text).ok()?.ground
}

fn kill_marked(world: &Shared, attempt: &AttemptId) {
    let socket = world.instance.agent_socket(attempt);
    let marks = [format!("DASH_ATTEMPT={attempt}"), format!("DASH_SOCKET={}", socket.display())];
    kill_all(|variables| marks.iter().all(|mark| variables.contains(mark.as_bytes())));
}

/// Kills every process with this `NAME=value` in its environment, and whatever it forks meanwhile.
pub fn kill_bearing(mark: &str) {
    kill_all(|variables| variables.contains(mark.as_bytes()));
}

/// Kills every process that has this directory in its PATH or any other list of its
/// environment, and whatever it forks meanwhile.
pub fn kill_with_directory(dir: &Path) {
    let dir = dir.as_os_str().as_encoded_bytes();
    let listed = |variable: &&[u8]| {
        let value = variable.splitn(2, |byte| *byte == b'=').nth(1).unwrap_or_default();
        value.split(|byte| *byte == b':').any(|part| part == dir)
    };
    kill_all(|variables| variables.iter().any(&listed));
}

fn kill_all(is_meant: impl Fn(&BTreeSet<&[u8]>) -> bool) {
    // What is killed may have forked in between: again until nothing is found.
    for _ in 0..20 {
        let pids = with_environment(&is_meant);
        if pids.is_empty() {
            return;
        }
        for pid in pids {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn with_environment(is_meant: &impl Fn(&BTreeSet<&[u8]>) -> bool) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| {
        let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        is_meant(&environ.split(|byte| *byte == 0).collect())
    })
    .filter_map(Pid::from_raw)
    .collect()
}

/// The process number of a keeper that lives.
pub fn keeper_pid(world: &World, attempt: &AttemptId) -> Option<u32> {
    Some(keeper_id(&world.instance.attempt_dir(attempt)).filter(is_alive)?.pid)
}

/// Ends a keeper that hangs, and with it all of its attempt.
pub fn kill_keeper(world: &Shared, attempt: &AttemptId) {
    let id = keeper_id(&world.instance.attempt_dir(attempt)).filter(is_alive);
    if let Some(pid) = id.and_then(|id| i32::try_from(id.pid).ok()).and_then(Pid::from_raw) {
        // It may have ended by itself.
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Makes room where the journal is new and attempts are there all the same: it was lost or
/// moved away, and their names will be given again. Their keepers were told to stop; then all
/// that is left of them is moved to a directory of its own.
///
/// # Errors
/// When it cannot be moved: then an agent would take another's end for its own.
pub async fn set_aside(instance: &Instance) -> io::Result<()> {
    let of = |name: &str| instance.state.join(name);
    let left = |dir: &Path| fs::read_dir(dir).is_ok_and(|mut found| found.next().is_some());
    if !left(&of("attempts")) {
        return Ok(());
    }
    let keepers = || -> Vec<KeeperId> {
        let found = fs::read_dir(of("attempts")).into_iter().flatten().flatten();
        found.filter_map(|entry| keeper_id(&entry.path())).filter(is_alive).collect()
    };
    let deadline = Instant::now() + LAST_WORDS;
    while !keepers().is_empty() && Instant::now() < deadline {
        tokio::time::sleep(RETRY).await;
    }
    for id in keepers() {
        if let Some(pid) = i32::try_from(id.pid).ok().and_then(Pid::from_raw) {
            // All of the attempt ends with it.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
    let free = (1..).map(|n| of(&format!("lost-{n}"))).find(|place| !place.exists());
    let place = free.unwrap_or_else(|| of("lost"));
    fs::DirBuilder::new().mode(0o700).create(&place)?;
    fs::rename(of("attempts"), place.join("attempts"))?;
    if of("swarms").exists() {
        fs::rename(of("swarms"), place.join("swarms"))?;
    }
    tracing::warn!(place = %place.display(), "the journal is new: what it had of agents is there");
    Ok(())
}

/// Stops keepers that no intent in the journal accounts for.
pub fn stop_strangers(instance: &Instance, known: &BTreeSet<AttemptId>) {
    let attempts = instance.state.join("attempts");
    for entry in fs::read_dir(attempts).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if known.contains(name) {
            continue;
        }
        if let Some(id) = keeper_id(&entry.path()).filter(is_alive)
            && let Some(pid) = i32::try_from(id.pid).ok().and_then(Pid::from_raw)
        {
            tracing::warn!(attempt = name, "its keeper has no intent in the journal: stopping it");
            // It stops its agent and leaves.
            let _ = kill_process(pid, Signal::TERM);
        }
    }
}
