//! A core that vanished without goodbye is started again. Whoever starts one holds
//! `<socket>.start` until the socket answers, or for five seconds; a core holds
//! `<socket>.lock` for its life. Many keepers lose the same core at once: each waits a
//! random while, one gets the start lock, the others wait to be adopted.

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(150);
const LONGEST: Duration = Duration::from_secs(60);
const START_TIME: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(50);

pub struct Revive {
    socket: PathBuf,
    wait: Duration,
    at: Option<Instant>,
    /// The start lock, and until when we hold it.
    starting: Option<(File, Instant)>,
    spawn: fn(&Path) -> bool,
}

impl Revive {
    pub fn new(socket: PathBuf) -> Self {
        Self { socket, wait: FIRST, at: None, starting: None, spawn: spawn_core }
    }

    /// The core is gone and did not say goodbye.
    pub fn arm(&mut self, now: Instant) {
        if self.at.is_none() {
            self.wait = FIRST;
            self.at = Some(now + jitter(FIRST));
        }
    }

    /// A core has come, or none is wanted.
    pub fn disarm(&mut self) {
        self.at = None;
        self.starting = None;
    }

    pub fn due(&self) -> Option<Instant> {
        self.at
    }

    pub fn tick(&mut self, now: Instant) {
        if self.at.is_none_or(|at| at > now) {
            return;
        }
        if let Some((_, until)) = &self.starting {
            if now < *until && !answers(&self.socket) {
                self.at = Some(now + LOOK);
                return;
            }
            self.starting = None;
        } else if !answers(&self.socket) && self.start(now) {
            self.at = Some(now + LOOK);
            return;
        }
        // Somebody is there, or will be: it adopts us, or we look again.
        self.at = Some(now + jitter(self.wait));
        self.wait = (self.wait * 2).min(LONGEST);
    }

    /// Starts a core if nobody else does and none lives.
    fn start(&mut self, now: Instant) -> bool {
        let Some(lock) = try_lock(&beside(&self.socket, "start")) else { return false };
        // Asked only while we hold the start lock, so that no other starter is in the way.
        if try_lock(&beside(&self.socket, "lock")).is_none() {
            return false;
        }
        if !(self.spawn)(&self.socket) {
            return false;
        }
        self.starting = Some((lock, now + START_TIME));
        true
    }
}

fn beside(socket: &Path, what: &str) -> PathBuf {
    let mut name = socket.as_os_str().to_owned();
    name.push(".");
    name.push(what);
    PathBuf::from(name)
}

fn try_lock(path: &Path) -> Option<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .ok()?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
    Some(file)
}

/// Somebody listens there. A full backlog counts.
fn answers(socket: &Path) -> bool {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let Ok(address) = SocketAddrUnix::new(socket) else { return false };
    let Ok(probe) = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None) else {
        return false;
    };
    matches!(connect(&probe, &address), Ok(()) | Err(Errno::AGAIN))
}

/// Through a shim that leaves at once: the core must be nobody's descendant, or it would be
/// taken for a part of this attempt.
fn spawn_core(socket: &Path) -> bool {
    let Ok(program) = std::env::current_exe() else { return false };
    let _ = rustix::process::set_child_subreaper(None);
    let done = Command::new("/proc/self/exe")
        .args(["__exec", "detach"])
        .arg(program)
        .args(["__core", "--socket"])
        .arg(socket)
        .env_remove("DASH_ATTEMPT")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .and_then(|mut shim| shim.wait());
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    done.is_ok_and(|status| status.success())
}

/// Between a half and three halves of it.
fn jitter(wait: Duration) -> Duration {
    let mut random = [0; 4];
    let _ = getrandom::fill(&mut random);
    wait.mul_f64(0.5 + f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    /// Stands for a core that starts: it listens at once.
    fn listens(socket: &Path) -> bool {
        std::mem::forget(UnixListener::bind(socket));
        true
    }

    fn never(_: &Path) -> bool {
        panic!("a core is started beside another")
    }

    fn vanished(dir: &Path, spawn: fn(&Path) -> bool) -> (Revive, Instant) {
        let mut revive = Revive { spawn, ..Revive::new(dir.join("core.sock")) };
        let now = Instant::now();
        revive.arm(now);
        let due = revive.due().unwrap();
        assert!(due > now + FIRST / 3 && due < now + FIRST * 2);
        revive.tick(now);
        assert!(revive.starting.is_none());
        (revive, due)
    }

    #[test]
    fn starts_a_core_and_holds_the_start_lock_until_it_answers() {
        let dir = tempfile::tempdir().unwrap();
        let (mut revive, due) = vanished(dir.path(), listens);
        revive.tick(due);
        assert!(try_lock(&beside(&revive.socket, "start")).is_none());
        let next = revive.due().unwrap();
        revive.tick(next);
        assert!(try_lock(&beside(&revive.socket, "start")).is_some());
        assert!(revive.due().is_some(), "it waits to be adopted");
        revive.disarm();
        assert!(revive.due().is_none());
    }

    #[test]
    fn waits_for_a_core_that_lives_or_is_being_started() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["lock", "start"] {
            let (mut revive, mut due) = vanished(dir.path(), never);
            let held = try_lock(&beside(&revive.socket, name)).unwrap();
            for _ in 0..20 {
                revive.tick(due);
                let next = revive.due().unwrap();
                assert!(next > due && next < due + LONGEST * 2);
                due = next;
            }
            drop(held);
        }
    }

    #[test]
    fn gives_up_the_start_lock_when_nothing_answers() {
        let dir = tempfile::tempdir().unwrap();
        let (mut revive, due) = vanished(dir.path(), |_| true);
        revive.tick(due);
        let until = due + START_TIME;
        while revive.due().unwrap() < until {
            let next = revive.due().unwrap();
            assert!(revive.starting.is_some());
            revive.tick(next);
        }
        let next = revive.due().unwrap();
        revive.tick(next);
        assert!(revive.starting.is_none());
    }
}
