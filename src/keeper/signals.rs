//! Signals as bytes on a descriptor (signalfd): nothing interrupts the loop.

use rustix::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::io;

/// A keeper belongs to no terminal and ends with its attempt only.
const IGNORED: [libc::c_int; 8] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGPIPE,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGTTOU,
    // A limit of file sizes is a full disk: the write says so.
    libc::SIGXFSZ,
];

pub struct Signals(OwnedFd);

#[derive(Default)]
pub struct Seen {
    pub child: bool,
    pub terminate: bool,
}

/// Children that end are collected by the kernel.
#[allow(unsafe_code)]
pub fn ignore_children() {
    // SAFETY: no handler is installed, only a disposition.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
}

impl Signals {
    #[allow(unsafe_code)]
    pub fn take() -> io::Result<Self> {
        for signal in IGNORED {
            // SAFETY: no handler is installed, only a disposition.
            unsafe { libc::signal(signal, libc::SIG_IGN) };
        }
        // SAFETY: the set is initialised by sigemptyset before its use, and the descriptor
        // is fresh and owned by nobody else.
        unsafe {
            libc::signal(libc::SIGCHLD, libc::SIG_DFL);
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&mut set);
            libc::sigaddset(&mut set, libc::SIGCHLD);
            libc::sigaddset(&mut set, libc::SIGTERM);
            if libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
            let fd = libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(Self(OwnedFd::from_raw_fd(fd)))
        }
    }

    pub fn drain(&self) -> Seen {
        const SIZE: usize = size_of::<libc::signalfd_siginfo>();
        let mut seen = Seen::default();
        let mut buf = [0; SIZE];
        while let Ok(SIZE) = rustix::io::read(&self.0, &mut buf) {
            // The first field of the record is the signal's number.
            let number = u32::from_ne_bytes([buf[0], buf[1], buf[2], buf[3]]);
            seen.child |= number == libc::SIGCHLD as u32;
            seen.terminate |= number == libc::SIGTERM as u32;
        }
        seen
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
