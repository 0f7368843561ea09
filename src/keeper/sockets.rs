//! Sockets that the keeper opens, and who may come in by its own.

use crate::sandbox::peer_is_agent;
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

/// True if the peer may speak to a keeper: its user is ours, and it is no agent.
pub fn admits(stream: &UnixStream) -> bool {
    let Ok(peer) = rustix::net::sockopt::socket_peercred(stream) else { return false };
    peer.uid == rustix::process::geteuid() && !peer_is_agent(stream)
}
