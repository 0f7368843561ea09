//! Starting a core, as tmux starts its server: whoever holds the start lock may spawn one,
//! everybody else waits until the socket answers.
//!
//! The lock is `flock` on `instance.start_lock`, close-on-exec, held until the new core
//! answers `/v1/health` or is dead; so of many commands that start at once exactly one
//! spawns. A stale socket file is no obstacle and is left alone: only a core unlinks it,
//! under its own lock.

use super::{
    connect::{Connector, Target},
    error::{ClientError, Result},
    http::Client,
};
use crate::config::{Instance, PathError};
use rustix::{
    fs::{FlockOperation, flock},
    process::Signal,
};
use std::{
    fs::{File, OpenOptions},
    future::Future,
    io::{Read, Seek, SeekFrom},
    os::unix::{fs::OpenOptionsExt, process::ExitStatusExt},
    path::Path,
    pin::Pin,
    process::Stdio,
    sync::Arc,
    time::Duration,
};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

/// Cores started anew for one that was killed before it answered.
const MOST_KILLED: u32 = 3;
/// Lines of a dead core's log that go into the error.
const LAST_WORDS: usize = 8;

/// Returns once a core listens: the one that was started here or somebody else's.
///
/// Boxed, because the wait for the core is itself a request of a client.
pub(super) fn start<'a>(
    target: &'a Target,
    connector: &'a dyn Connector,
) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>> {
    Box::pin(start_unboxed(target, connector))
}

async fn start_unboxed(target: &Target, connector: &dyn Connector) -> Result<()> {
    let instance = &target.instance;
    instance.prepare()?;
    let deadline = Instant::now() + target.patience;
    let lock = private_file(&instance.start_lock)?;
    let mut pause = Duration::from_millis(2);
    while flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        if connector.connect().await.is_ok() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(failed(target, "another start of it has not come to an end", Vec::new()));
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(50));
    }
    if connector.connect().await.is_ok() {
        return Ok(());
    }
    let log = private_file(&instance.core_log())?;
    let before = log.metadata().map_or(0, |meta| meta.len());
    let mut tries = 0;
    let why = loop {
        let log =
            log.try_clone().map_err(|error| failed(target, &error.to_string(), Vec::new()))?;
        let mut child = spawn(target, log)?;
        match watch(&mut child, target, deadline).await {
            Ok(()) => return Ok(()),
            // Killed by somebody, it says nothing about the next one.
            Err(_)
                if was_killed(&mut child) && tries < MOST_KILLED && Instant::now() < deadline =>
            {
                tries += 1;
            }
            Err(why) => break why,
        }
    };
    // It may have lost against a core that somebody started by hand.
    if connector.connect().await.is_ok() {
        return Ok(());
    }
    Err(failed(target, &why, last_words(instance, before)))
}

fn was_killed(child: &mut Child) -> bool {
    let ended = child.try_wait().ok().flatten();
    ended.and_then(|status| status.signal()) == Some(Signal::KILL.as_raw())
}

fn failed(target: &Target, why: &str, log: Vec<String>) -> ClientError {
    let socket = target.instance.socket.clone();
    ClientError::NotStarted { socket, why: why.to_owned(), log }
}

fn private_file(path: &Path) -> Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .read(true)
        .mode(0o600)
        .open(path)
        .map_err(|source| PathError::Make { path: path.to_owned(), source }.into())
}

fn spawn(target: &Target, log: File) -> Result<Child> {
    let cannot = |error: std::io::Error| failed(target, &error.to_string(), Vec::new());
    let program = match &target.program {
        Some(program) => program.clone(),
        None => std::env::current_exe().map_err(cannot)?,
    };
    let mut command = Command::new(program);
    command.arg("__core").arg("--socket").arg(&target.instance.socket);
    if target.rehearsal {
        command.arg("--rehearsal");
    }
    command
        .envs(target.env.iter().cloned())
        // A core outlives the directory that its first client happened to stand in.
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    command.spawn().map_err(cannot)
}

/// Waits until the socket answers; the reason where it never will.
async fn watch(
    child: &mut Child,
    target: &Target,
    deadline: Instant,
) -> std::result::Result<(), String> {
    let connector = Arc::new(super::connect::Socket(target.instance.socket.clone()));
    let client = Client::over(connector);
    let mut pause = Duration::from_millis(1);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            // Nobody could reach it; left running it would only keep its lock.
            let _ = child.start_kill();
            return Err(format!("it did not answer within {} s", target.patience.as_secs()));
        }
        if matches!(timeout(left, client.health()).await, Ok(Ok(_))) {
            return Ok(());
        }
        tokio::select! {
            status = child.wait() => {
                return Err(match status {
                    Ok(status) => format!("it ended at once ({status})"),
                    Err(error) => error.to_string(),
                });
            }
            () = sleep(pause) => pause = (pause * 2).min(Duration::from_millis(10)),
        }
    }
}

fn last_words(instance: &Instance, from: u64) -> Vec<String> {
    let read = || {
        let mut file = File::open(instance.core_log()).ok()?;
        let end = file.metadata().ok()?.len();
        file.seek(SeekFrom::Start(from.max(end.saturating_sub(16 << 10)))).ok()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LAST_WORDS)..].iter().map(|&line| line.to_owned()).collect()
}
