//! fork(2), for the processes of ours that have one thread.

use std::io;

pub enum Fork {
    Parent,
    Child,
}

/// A copy of this process, which must have one thread.
///
/// # Errors
/// When the system has no room for another process.
#[allow(unsafe_code)]
pub fn fork() -> io::Result<Fork> {
    // SAFETY: there is no other thread that could hold a lock which the child lacks.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Fork::Child),
        _ => Ok(Fork::Parent),
    }
}
