//! Sockets that the keeper opens, and who may come in by its own.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// Connections that wait while no core is there; the kernel's own bound applies.
const BACKLOG: i32 = 4096;

/// Listens on a path, for the owner only. A socket that an earlier process left is replaced.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    if fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket()) {
        fs::remove_file(path)?;
    }
    // By the mask, so that there is no moment in which others may connect.
    let mask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
    let listener = UnixListener::bind(path);
    rustix::process::umask(mask);
    let listener = listener?;
    rustix::net::listen(&listener, BACKLOG)?;
    Ok(listener)
}

/// The attempt's gateway: a loopback port that nobody else can have while we live.
pub fn gateway() -> io::Result<(TcpListener, String)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    rustix::net::listen(&listener, BACKLOG)?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}

/// True if the peer may speak to a keeper: its user is ours, and no keeper is among its
/// ancestors (it would be an agent, of this attempt or another). Keepers above us do not
/// count: all of Dash may run inside an agent of another. Who cannot be resolved is refused.
pub fn admits(stream: &UnixStream) -> bool {
    let Ok(peer) = rustix::net::sockopt::socket_peercred(stream) else { return false };
    if peer.uid != rustix::process::geteuid() {
        return false;
    }
    let above_us = ancestors(std::process::id() as i32).unwrap_or_default();
    let Some(line) = ancestors(peer.pid.as_raw_nonzero().get()) else { return false };
    let above = |pid: &i32| above_us.iter().skip(1).any(|other| other == pid);
    !line.iter().any(|pid| !above(pid) && is_keeper(*pid))
}

/// The process and all above it; none if it is gone.
fn ancestors(mut pid: i32) -> Option<Vec<i32>> {
    let mut line = Vec::new();
    while pid > 0 && line.len() < 1024 {
        line.push(pid);
        if pid == 1 {
            break;
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        pid = stat[stat.rfind(')')? + 1..].split_ascii_whitespace().nth(1)?.parse().ok()?;
    }
    Some(line)
}

fn is_keeper(pid: i32) -> bool {
    if pid == std::process::id() as i32 {
        return true;
    }
    fs::read(format!("/proc/{pid}/cmdline"))
        .is_ok_and(|line| line.split(|&byte| byte == 0).nth(1) == Some(b"__keeper".as_slice()))
}
