//! Unix sockets that others listen on in what an agent sees: whoever listens (a container
//! engine, a terminal multiplexer, a server at work) would do for the agent what its sandbox
//! keeps it from. A read-only mount does not hold a connection back, so each that is there at
//! the launch is hidden; what comes into being later is reached.
//!
//! Two ways to find them. Directories are looked through, up to a bound for those that are
//! only read; and the kernel lists what is bound in this network by a whole path, wherever it
//! lies.

use rustix::fd::AsRawFd;
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat2};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// Entries that are looked at, the outermost first: what is only read may be a whole disk.
pub const MOST: usize = 100_000;

/// Sockets in `roots`.
pub fn below(roots: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut seen = 0;
    let mut todo: VecDeque<PathBuf> = roots.iter().cloned().collect();
    while let Some(dir) = todo.pop_front() {
        // One that was named itself may be a file.
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            seen += 1;
            if seen > MOST {
                return found;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => todo.push_back(entry.path()),
                Ok(kind) if kind.is_socket() => found.push(entry.path()),
                Ok(_) | Err(_) => {}
            }
        }
    }
    found
}

/// Whole paths that are bound in the network of this process.
pub fn bound() -> Vec<PathBuf> {
    let table = fs::read("/proc/net/unix").unwrap_or_default();
    paths_of(&String::from_utf8_lossy(&table))
}

/// `Num RefCount Protocol Flags Type St Inode Path`, the last of which may be missing and may
/// have blanks.
fn paths_of(table: &str) -> Vec<PathBuf> {
    let path = |line: &str| line.find(" /").map(|at| PathBuf::from(&line[at + 1..]));
    let mut paths: Vec<PathBuf> = table.lines().skip(1).filter_map(path).collect();
    paths.sort();
    paths.dedup();
    paths
}

/// True if this is a socket that somebody listens on, or may: what a server that has ended
/// left behind does nobody any harm, and its next one removes it first.
pub fn is_live(path: &Path) -> bool {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let Ok(file) = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) else {
        return false;
    };
    if !fstat(&file).is_ok_and(|meta| FileType::from_raw_mode(meta.st_mode).is_socket()) {
        return false;
    }
    // A datagram socket sends nothing when it connects, and no server of streams notices one.
    let probe = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None);
    let address = SocketAddrUnix::new(format!("/proc/self/fd/{}", file.as_raw_fd()));
    match (probe, address) {
        (Ok(probe), Ok(address)) => connect(&probe, &address) != Err(Errno::CONNREFUSED),
        (Err(_), _) | (_, Err(_)) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::{UnixDatagram, UnixListener};

    #[test]
    fn who_listens_is_told_from_what_was_left() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        let deep = root.join("d".repeat(120));
        fs::create_dir(&deep).unwrap();
        let here = UnixListener::bind(root.join("stream")).unwrap();
        here.set_nonblocking(true).unwrap();
        let _letters = UnixDatagram::bind(root.join("letters")).unwrap();
        drop(UnixListener::bind(root.join("left")).unwrap());
        fs::rename(root.join("letters"), deep.join("letters")).unwrap();
        std::os::unix::fs::symlink(root.join("stream"), root.join("link")).unwrap();
        fs::write(root.join("file"), "").unwrap();
        let mut found = below(std::slice::from_ref(&root));
        found.sort();
        assert_eq!(found, [deep.join("letters"), root.join("left"), root.join("stream")]);
        found.retain(|path| is_live(path));
        assert_eq!(found, [deep.join("letters"), root.join("stream")]);
        assert!(["link", "file", "none"].iter().all(|name| !is_live(&root.join(name))));
        assert!(here.accept().is_err(), "it noticed");
        assert!(bound().contains(&root.join("stream")));
    }

    #[test]
    fn the_kernels_table_is_read() {
        let table = "Num       RefCount Protocol Flags    Type St Inode Path\n\
                     0000000000000000: 00000002 00000000 00010000 0001 01 22 /run/a b.sock\n\
                     0000000000000000: 00000003 00000000 00000000 0001 03 23\n\
                     0000000000000000: 00000002 00000000 00010000 0001 01 24 @/abstract\n\
                     0000000000000000: 00000002 00000000 00010000 0001 01 25 relative\n\
                     0000000000000000: 00000003 00000000 00000000 0001 03 26 /run/a b.sock\n";
        assert_eq!(paths_of(table), [Path::new("/run/a b.sock")]);
    }
}
