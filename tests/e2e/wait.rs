//! Waiting, always with a limit.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::{
    fs::File,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::{Child, ExitStatus},
    thread,
    time::{Duration, Instant},
};

/// How long anything may take before a test gives up. Generous: a machine under load is
/// slow, and a test that passes never waits this long.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Between two looks, at first and at last.
const SOON: Duration = Duration::from_millis(10);
const SELDOM: Duration = Duration::from_millis(250);

/// Calls `probe` until it returns something. For states that nothing announces to a process
/// outside (a row of `/proc`, an answer of the command line): the one place that polls.
pub fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    within(LIMIT, &mut probe).unwrap_or_else(|| panic!("not within {LIMIT:?}: {what}"))
}

/// As [`eventually`], for what may also not come.
pub fn within<T>(limit: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = probe() {
            return Some(found);
        }
        let waited = begun.elapsed();
        if waited > limit {
            return None;
        }
        // Often a program is started to look, on cores that what is waited for needs: the
        // longer it takes, the more seldom.
        thread::park_timeout((waited / 8).clamp(SOON, SELDOM));
    }
}

/// A FIFO opened for writing, once it is there and somebody reads it: a plain open would wait
/// for a reader without a limit. One line for one reader: whoever opens it again may still find
/// this writer, and read nothing but its end.
pub fn open_pipe(path: &Path) -> File {
    let open = || {
        // Fails with ENXIO as long as nobody reads.
        let file = File::options()
            .write(true)
            .custom_flags(OFlags::NONBLOCK.bits() as i32)
            .open(path)
            .ok()?;
        rustix::fs::fcntl_setfl(&file, OFlags::empty()).unwrap();
        Some(file)
    };
    eventually(&format!("a reader of {}", path.display()), open)
}

/// Waits for a child's end on its pidfd; none when it is still there after `limit`.
pub fn exit_within(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let pid = Pid::from_child(child);
    let fd = pidfd_open(pid, PidfdFlags::empty()).unwrap();
    let deadline = Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).unwrap();
        let mut fds = [PollFd::new(&fd, PollFlags::IN)];
        match poll(&mut fds, Some(&left)) {
            Ok(0) => return None,
            Ok(_) => return Some(child.wait().unwrap()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => panic!("poll: {error}"),
        }
    }
}
