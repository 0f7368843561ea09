//! A highest process number (`kernel.pid_max`) for the pid namespace of one attempt, which has
//! one of its own since Linux 6.14: the one count of processes and threads that the kernel
//! holds against root, too, whom RLIMIT_NPROC does not hold.
//!
//! It is a ceiling above the limit and not the limit itself: once the numbers have gone round,
//! those below [`RESERVED`] are not dealt out again. So whoever is beyond the limit is ended by
//! watching, as anywhere, and meanwhile the rest of the machine has process numbers left.
//!
//! Which namespace a write counts for goes by who opens the file. It is opened from inside, by
//! the keeper's own view of /proc/sys, since in a sandbox that is read-only; neither the
//! directory nor the file is open any more when the agent's first process begins. On older
//! kernels that file is the machine's, which nothing here ever writes: told by the version, and
//! once more by its being another file than the one that the keeper opened outside.

use rustix::fd::{AsRawFd, OwnedFd, RawFd};
use rustix::fs::{Access, CWD, Mode, OFlags, fstat, openat};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const SETTINGS: &str = "/proc/sys/kernel";
const NAME: &str = "pid_max";
/// The first kernel in which it belongs to a namespace.
const SINCE: (u32, u32) = (6, 14);
/// Numbers that are dealt out once only (RESERVED_PIDS of the kernel).
const RESERVED: u64 = 300;
/// Further ones: where forks fail a bomb may come to nothing in a moment, and who went beyond the
/// limit is to be seen there by the next look. Also, the fewer there are, the sooner a number
/// stands for another process.
const SPARE: u64 = 1024;
/// Above what was asked for, in all.
pub const ABOVE: u64 = RESERVED + SPARE;

/// The way to the file, opened outside.
pub struct Numbers {
    dir: OwnedFd,
    outside: OwnedFd,
}

impl Numbers {
    /// None where the file is the machine's, or is not there.
    pub fn open() -> Option<Self> {
        let release = rustix::system::uname();
        is_recent(release.release().to_str().ok()?).then_some(())?;
        let path = OFlags::PATH | OFlags::CLOEXEC;
        let dir = openat(CWD, SETTINGS, path | OFlags::DIRECTORY, Mode::empty()).ok()?;
        let outside = openat(&dir, NAME, path, Mode::empty()).ok()?;
        Some(Self { dir, outside })
    }

    /// The same for an attempt with a limit, where nothing better holds it: all but root are
    /// counted by RLIMIT_NPROC.
    pub fn for_limit(processes: Option<u64>) -> Option<Self> {
        processes.filter(|_| rustix::process::getuid().is_root()).and_then(|_| Self::open())
    }

    /// From descriptors that were passed on, in the order of [`Self::raw`].
    pub fn of([dir, outside]: [OwnedFd; 2]) -> Self {
        Self { dir, outside }
    }

    pub fn raw(&self) -> [RawFd; 2] {
        [self.dir.as_raw_fd(), self.outside.as_raw_fd()]
    }

    /// Sets the ceiling of the namespace that this process is in for `most` processes and
    /// threads; one that is lower already stays.
    ///
    /// # Errors
    /// When it is the namespace in which this was opened, or the kernel does not take it.
    pub fn hold(self, most: u64) -> io::Result<()> {
        let file = openat(&self.dir, NAME, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
        let (own, outside) = (fstat(&file)?, fstat(&self.outside)?);
        if (own.st_dev, own.st_ino) == (outside.st_dev, outside.st_ino) {
            return Err(io::Error::other("it is the machine's"));
        }
        let file = File::from(file);
        let ceiling = most.saturating_add(ABOVE);
        if number(&file)? <= ceiling {
            return Ok(());
        }
        file.write_at(ceiling.to_string().as_bytes(), 0)?;
        match number(&file)? {
            held if held == ceiling => Ok(()),
            other => Err(io::Error::other(format!("the kernel says {other}"))),
        }
    }
}

/// Whether root's processes are held so here.
pub fn are_held() -> bool {
    let writable = || rustix::fs::access(format!("{SETTINGS}/{NAME}"), Access::WRITE_OK).is_ok();
    rustix::process::getuid().is_root() && Numbers::open().is_some() && writable()
}

fn number(file: &File) -> io::Result<u64> {
    let mut text = [0; 24];
    let length = file.read_at(&mut text, 0)?;
    let text = String::from_utf8_lossy(&text[..length]);
    text.trim().parse().map_err(io::Error::other)
}

/// `6.14.0-rc1` and whatever else follows the first two numbers.
fn is_recent(release: &str) -> bool {
    let mut parts = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    matches!((parts.next(), parts.next()), (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= SINCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_newer_kernels_have_one_for_each_namespace() {
        for (release, recent) in [
            ("6.14.0", true),
            ("6.18.44-x-1", true),
            ("7.0-rc1", true),
            ("6.13.9", false),
            ("6.8.0-100-generic", false),
            ("5.15", false),
            ("6", false),
            ("six.fourteen", false),
        ] {
            assert_eq!(is_recent(release), recent, "{release}");
        }
    }

    /// This process is in the namespace that it was opened in.
    #[test]
    fn the_machines_own_is_not_touched() {
        let Some(numbers) = Numbers::open() else { return };
        let own = || std::fs::read_to_string(format!("{SETTINGS}/{NAME}")).unwrap();
        let before = own();
        assert!(numbers.hold(1000).is_err());
        assert_eq!(own(), before);
    }
}
