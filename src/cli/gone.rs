//! Waiting for a process that is not our child to be gone.

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A process by pid, held by a pidfd where the system has them, so that a pid which was
/// given to somebody else in the meantime is never taken for it.
pub struct Process {
    pid: Option<Pid>,
    #[cfg(target_os = "linux")]
    fd: Option<std::os::fd::OwnedFd>,
}

impl Process {
    pub fn open(pid: u32) -> Self {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        #[cfg(target_os = "linux")]
        let fd = pid.and_then(|pid| {
            rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok()
        });
        Self {
            pid,
            #[cfg(target_os = "linux")]
            fd,
        }
    }

    /// True once it is gone; false where it outlived `patience`.
    pub async fn wait(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let mut pause = Duration::from_millis(1);
        while !self.is_gone() {
            if Instant::now() >= deadline {
                return false;
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
        true
    }

    pub fn kill(&self) {
        #[cfg(target_os = "linux")]
        if let Some(fd) = &self.fd {
            let _ = rustix::process::pidfd_send_signal(fd, Signal::KILL);
            return;
        }
        if let Some(pid) = self.pid {
            let _ = kill_process(pid, Signal::KILL);
        }
    }

    fn is_gone(&self) -> bool {
        #[cfg(target_os = "linux")]
        if let Some(fd) = &self.fd {
            // Readable once it has ended, reaped or not.
            let mut poll = [rustix::event::PollFd::new(fd, rustix::event::PollFlags::IN)];
            let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
            return matches!(rustix::event::poll(&mut poll, Some(&now)), Ok(n) if n > 0);
        }
        self.pid.is_none_or(|pid| test_kill_process(pid).is_err())
    }
}
