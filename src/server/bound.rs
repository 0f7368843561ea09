//! The socket that clients come to, from its binding to its removal.

use super::{
    identity::Clients,
    life::{LOCK_WITHIN, serve},
};
use crate::{config::Instance, protocol::rest::LEAVING};
use anyhow::{Context, bail};
use axum::{Router, http::StatusCode};
use rustix::net::{SocketFlags, accept_with, listen};
use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::net::{UnixListener, UnixStream};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;
/// So long the last in line have to say what they want.
const LAST_WITHIN: Duration = Duration::from_millis(250);

/// Removes a socket that nobody listens on any more. Ours by the lock, so it is the last
/// core's; but another program may have bound the path, and its socket is not ours to take.
pub(super) fn remove_stale(instance: &Instance) -> anyhow::Result<()> {
    let path = &instance.socket;
    // A core that was killed may let go of its lock before its socket.
    let until = Instant::now() + LOCK_WITHIN;
    let error = loop {
        match std::os::unix::net::UnixStream::connect(path) {
            Ok(_) if Instant::now() < until => std::thread::sleep(Duration::from_millis(10)),
            Ok(_) => bail!("another program listens on {}: choose another path", path.display()),
            Err(error) => break error,
        }
    };
    match error.kind() {
        ErrorKind::NotFound => Ok(()),
        ErrorKind::ConnectionRefused => {
            fs::remove_file(path).with_context(|| format!("removing the stale {}", path.display()))
        }
        _ => Err(error).with_context(|| format!("{} is somebody else's", path.display())),
    }
}

/// The socket and what tells it from another at the same path.
pub(super) struct Bound {
    pub(super) listener: UnixListener,
    pub(super) path: PathBuf,
    inode: (u64, u64),
}

fn inode(path: &Path) -> std::io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|meta| (meta.dev(), meta.ino()))
}

impl Bound {
    pub(super) fn bind(instance: &Instance) -> anyhow::Result<Self> {
        remove_stale(instance)?;
        let path = instance.socket.clone();
        let old = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
        let bound = std::os::unix::net::UnixListener::bind(&path);
        rustix::process::umask(old);
        let listener = bound.with_context(|| format!("binding {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        listen(&listener, BACKLOG)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener: UnixListener::from_std(listener)?, inode: inode(&path)?, path })
    }

    /// Who has come and was not let in yet, asked of the kernel: the runtime learns of it late.
    pub(super) fn next(&self) -> Option<UnixStream> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let stream = accept_with(&self.listener, flags).ok()?;
        UnixStream::from_std(stream.into()).ok()
    }

    /// Nobody finds the socket any more; whoever stands in line is told to ask the next core,
    /// so that what was not read is not lost.
    pub(super) async fn leave(self) {
        self.remove();
        let line = Arc::new(Clients::default());
        while let Some(stream) = self.next() {
            serve(stream, turning_away(), line.enter());
        }
        let served = async {
            while line.open() > 0 {
                line.changed.notified().await;
            }
        };
        if tokio::time::timeout(LAST_WITHIN, served).await.is_err() {
            tracing::warn!("somebody in line asked nothing");
        }
    }

    /// Still under the lock; but somebody may have put another file in its place.
    fn remove(&self) {
        let removed = match inode(&self.path) {
            Ok(now) if now == self.inode => fs::remove_file(&self.path),
            Ok(_) => return tracing::warn!("the socket is not ours any more: it stays"),
            Err(error) => Err(error),
        };
        if let Err(error) = removed {
            tracing::warn!(%error, "the socket stays behind");
        }
    }
}

fn turning_away() -> Router {
    Router::new().fallback(|| async { (StatusCode::SERVICE_UNAVAILABLE, [(LEAVING, "leaving")]) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{Read, Write},
        os::unix::net::UnixStream as Blocking,
    };

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn who_stands_in_line_is_told_to_ask_the_next_core() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let bound = Bound { listener, inode: inode(&path).unwrap(), path: path.clone() };
        let mut asks = Blocking::connect(&path).unwrap();
        asks.write_all(b"DELETE /v1/remembered/1 HTTP/1.1\r\nhost: dash\r\n\r\n").unwrap();
        let mut silent = Blocking::connect(&path).unwrap();
        bound.leave().await;
        assert!(Blocking::connect(&path).is_err(), "it can still be found");
        let mut answer = [0; 1024];
        let read = asks.read(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer[..read]).to_lowercase();
        assert!(answer.starts_with("http/1.1 503 "), "{answer}");
        assert!(answer.contains("\r\ndash-core: leaving\r\n"), "{answer}");
        drop(asks);
        silent.set_read_timeout(Some(LAST_WITHIN)).unwrap();
        assert!(silent.read(&mut [0; 9]).is_err(), "it said nothing and is answered nothing");
    }
}
