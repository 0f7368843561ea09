//! Who is an agent: whoever has a keeper among its ancestors. Holds also for what an agent
//! started in a session of its own, since a keeper (or the init of its namespace) adopts
//! what lost its parent.
//!
//! A peer is held by a pidfd while its ancestors are looked at, so that a pid which was given
//! away again is nobody else's; what died or moved in the meantime is not resolved. Before
//! Linux 6.5 there is only the pid that the peer had when it connected.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::fs;
use std::io;

/// Of asm-generic/socket.h, which all machines that Dash is built for have it from.
const SO_PEERPIDFD: libc::c_int = 77;
/// Ancestors come and go in a busy tree; one that never holds still is not resolved.
const LOOKS: usize = 3;

/// True unless the process that connected `stream` is known to be no agent: one that is gone
/// or cannot be resolved counts as one. Keepers above ourselves do not count: all of Dash may
/// run inside an agent of another.
pub fn peer_is_agent(stream: impl AsFd) -> bool {
    match peer(&stream) {
        // Asked last: while it lives its pid is its own.
        Ok(Some(held)) => pid_of(&held).is_none_or(is_agent) || !lives(&held),
        Ok(None) => match rustix::net::sockopt::socket_peercred(&stream) {
            Ok(peer) => is_agent(peer.pid.as_raw_nonzero().get()),
            Err(_) => true,
        },
        Err(_) => true,
    }
}

/// True if this kernel tells a peer in a way that outlives the peer's pid.
pub fn holds_peers() -> bool {
    let pair = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None);
    pair.is_ok_and(|(one, _)| matches!(peer(&one), Ok(Some(_))))
}

/// The peer's pidfd; none where the kernel has no such option.
#[allow(unsafe_code)]
fn peer(stream: &impl AsFd) -> io::Result<Option<OwnedFd>> {
    let mut fd: RawFd = -1;
    let mut len = size_of::<RawFd>() as libc::socklen_t;
    let socket = stream.as_fd().as_raw_fd();
    // SAFETY: the kernel writes at most `len` bytes, those of one descriptor, into `fd`.
    let done = unsafe {
        let place = (&raw mut fd).cast();
        libc::getsockopt(socket, libc::SOL_SOCKET, SO_PEERPIDFD, place, &raw mut len)
    };
    let error = io::Error::last_os_error();
    match (done, Errno::from_io_error(&error)) {
        // SAFETY: a new descriptor, which is nobody else's.
        (0, _) if fd >= 0 => Ok(Some(unsafe { OwnedFd::from_raw_fd(fd) })),
        (0, _) => Err(io::Error::other("the kernel gave no descriptor")),
        (_, Some(Errno::NOPROTOOPT)) => Ok(None),
        (..) => Err(error),
    }
}

/// The pid here of the process that is held; none if it is gone, or has none here.
fn pid_of(held: &OwnedFd) -> Option<i32> {
    let text = fs::read_to_string(format!("/proc/self/fdinfo/{}", held.as_raw_fd())).ok()?;
    let pid = text.lines().find_map(|line| line.strip_prefix("Pid:"))?;
    pid.trim().parse().ok().filter(|pid| *pid > 0)
}

/// A pidfd is readable from its process's end on.
fn lives(held: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(held, PollFlags::IN)];
    let now = rustix::event::Timespec::default();
    rustix::io::retry_on_intr(|| poll(&mut fds, Some(&now))) == Ok(0)
}

fn is_agent(pid: i32) -> bool {
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    let above_us = ancestors(own).unwrap_or_default();
    let above = |pid: &i32| above_us.iter().skip(1).any(|other| other == pid);
    for _ in 0..LOOKS {
        let Some(line) = ancestors(pid) else { return true };
        let found = line.iter().any(|pid| !above(pid) && is_keeper(*pid));
        // Each of them was the parent of the one before all the while, so what was read of a
        // pid was read of the ancestor and of nobody who came by its pid.
        if found || ancestors(pid).as_ref() == Some(&line) {
            return found;
        }
    }
    true
}

/// True if `above` is process `pid`, or one of its ancestors.
pub fn descends_from(pid: i32, above: i32) -> bool {
    ancestors(pid).is_some_and(|line| line.contains(&above))
}

/// The process and all above it; none if it is gone.
fn ancestors(mut pid: i32) -> Option<Vec<i32>> {
    if pid <= 0 {
        return None;
    }
    let mut line = Vec::new();
    while pid > 0 && line.len() < 1024 {
        line.push(pid);
        if pid == 1 {
            break;
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, rest) = stat.rsplit_once(')')?;
        pid = rest.split_ascii_whitespace().nth(1)?.parse().ok()?;
    }
    Some(line)
}

fn is_keeper(pid: i32) -> bool {
    fs::read(format!("/proc/{pid}/cmdline"))
        .is_ok_and(|line| line.split(|&byte| byte == 0).nth(1) == Some(b"__keeper".as_slice()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::process::{Child, Command};

    /// Where [`connects_and_leaves`] connects to.
    const SOCKET: &str = "DASH_TEST_CONNECTS_TO";

    #[test]
    fn we_are_no_agent_and_nobody_is_one() {
        assert!(!is_agent(std::process::id() as i32));
        assert!(is_agent(0), "not resolved");
        assert!(is_agent(i32::MAX), "gone");
        let (one, _other) = UnixStream::pair().unwrap();
        assert!(!peer_is_agent(&one));
    }

    #[test]
    fn what_has_no_peer_is_not_resolved() {
        let (reader, _writer) = rustix::pipe::pipe().unwrap();
        assert!(peer_is_agent(&reader));
        assert!(pid_of(&reader).is_none());
    }

    /// The peer of the test below: a process of its own that connects and ends.
    #[test]
    fn connects_and_leaves() {
        if let Some(socket) = std::env::var_os(SOCKET) {
            UnixStream::connect(socket).unwrap();
        }
    }

    fn connect_and_leave(listener: &UnixListener, at: &std::path::Path) -> (UnixStream, i32) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "sandbox::ancestry::tests::connects_and_leaves"]);
        let mut child =
            command.env(SOCKET, at).stdout(std::process::Stdio::null()).spawn().unwrap();
        let pid = child.id() as i32;
        let (stream, _) = listener.accept().unwrap();
        assert!(child.wait().unwrap().success());
        (stream, pid)
    }

    /// A harmless process of this pid; none where the kernel does not let pids be chosen.
    fn innocent(pid: i32) -> Option<Child> {
        for _ in 0..200 {
            fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string()).ok()?;
            let mut child = Command::new("sleep").arg("600").spawn().unwrap();
            if child.id() as i32 == pid {
                return Some(child);
            }
            child.kill().unwrap();
            child.wait().unwrap();
        }
        None
    }

    #[test]
    fn a_pid_that_was_given_away_again_is_not_the_peers() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("s");
        let listener = UnixListener::bind(&at).unwrap();
        let (stream, pid) = connect_and_leave(&listener, &at);
        assert!(peer_is_agent(&stream), "gone");
        let Some(mut other) = innocent(pid) else {
            eprintln!("SKIPPED: pids cannot be chosen here");
            return;
        };
        // By its number alone the peer would be the other.
        assert!(!is_agent(pid));
        let refused = peer_is_agent(&stream);
        other.kill().unwrap();
        other.wait().unwrap();
        assert!(refused || !holds_peers());
    }
}
