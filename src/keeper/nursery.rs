//! `dash __nursery ROOM`: forks keepers for a core. A keeper forked from this small process
//! costs a fraction of one that starts with an exec of this program, and shares its memory
//! with the others until it writes to it.
//!
//! One thread. Standard input is a packet socket to the core; each packet is the directory
//! of an attempt and carries one descriptor, the keeper's first connection to that core.
//! Nothing is answered: what becomes of a keeper is told by itself. It leaves with its core,
//! its keepers stay. `ROOM` makes the command line long enough for a keeper's.

use crate::sandbox;
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use std::ffi::OsStr;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;

pub fn main() -> ExitCode {
    // Of a terminal that may be closed; and keepers that end are nobody's to wait for.
    let _ = rustix::process::setsid();
    super::signals::ignore_children();
    loop {
        let mut dir = [0; 4096];
        match next(&mut dir) {
            Ok(Some((len, core))) => {
                if let Ok(sandbox::Fork::Child) = sandbox::fork() {
                    return keep(&dir[..len], &core);
                }
            }
            Ok(None) => {}
            Err(Errno::INTR) => {}
            Err(_) => return ExitCode::SUCCESS,
        }
    }
}

/// The next order; an error at the end of the core.
fn next(dir: &mut [u8]) -> Result<Option<(usize, OwnedFd)>, Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut iov = [IoSliceMut::new(dir)];
    let stdin = rustix::stdio::stdin();
    let got = recvmsg(stdin, &mut iov, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    if got.bytes == 0 {
        return Err(Errno::PIPE);
    }
    let core = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    Ok(core.map(|core| (got.bytes, core)))
}

fn keep(dir: &[u8], core: &OwnedFd) -> ExitCode {
    if rustix::stdio::dup2_stdin(core.as_fd()).is_err() {
        return ExitCode::FAILURE;
    }
    sandbox::close_others();
    sandbox::set_title(&[b"dash", b"__keeper", dir]);
    super::main(Path::new(OsStr::from_bytes(dir)))
}
