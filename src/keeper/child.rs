//! The agent's process tree as the keeper knows it: from the shim's reports and from what
//! it reaps.

use crate::model::Exit;
use crate::sandbox::{Report, Started};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, waitpid};
use std::io::IoSliceMut;
use std::mem::MaybeUninit;

pub struct Child {
    /// Our child: the init of the agent's namespace (in a sandbox its monitor), or the agent
    /// itself where there is none.
    first: Option<Pid>,
    /// The init of a sandbox, which is no child of ours.
    init: Option<Pid>,
    status: Option<OwnedFd>,
    agent: Option<Pid>,
    /// No namespace: what the agent leaves must be hunted for.
    plain: bool,
    running: bool,
    failed: bool,
    exit: Option<Exit>,
}

/// News of the tree.
#[derive(Debug, PartialEq)]
pub enum News {
    Started { pid: u32 },
    Failed { step: String, message: String, code: i32 },
}

impl Child {
    pub fn new(started: Started, status: OwnedFd) -> Self {
        let (first, init, plain) = match started {
            Started::Init(pid) => (pid, None, false),
            Started::Plain(pid) => (pid, None, true),
            Started::Sandbox(entered) => (entered.monitor, Some(entered.init), false),
        };
        Self {
            first: Some(first),
            init,
            status: Some(status),
            agent: None,
            plain,
            running: false,
            failed: false,
            exit: None,
        }
    }

    /// One that was never started.
    pub fn never(exit: Exit) -> Self {
        Self {
            first: None,
            init: None,
            status: None,
            agent: None,
            plain: false,
            running: false,
            failed: true,
            exit: Some(exit),
        }
    }

    /// The status channel while it speaks.
    pub fn status(&self) -> Option<BorrowedFd<'_>> {
        self.status.as_ref().map(AsFd::as_fd)
    }

    pub fn agent(&self) -> Option<Pid> {
        self.agent
    }

    /// The init of a sandbox.
    pub fn init(&self) -> Option<Pid> {
        self.init
    }

    /// The init of the agent's pid namespace, where it has one of its own.
    pub fn namespace(&self) -> Option<Pid> {
        self.init.or(self.first).filter(|_| !self.plain)
    }

    pub fn is_running(&self) -> bool {
        self.running && self.exit.is_none()
    }

    /// How the agent's main process ended.
    pub fn exit(&self) -> Option<Exit> {
        self.exit
    }

    /// Descendants are not bound to the life of an init.
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    /// The init, and with it everything, is gone; without one, the agent.
    pub fn is_gone(&self) -> bool {
        self.first.is_none()
    }

    /// Reads the reports that have come.
    pub fn listen(&mut self, news: &mut Vec<News>) {
        while let Some(status) = &self.status {
            let mut buf = [0; 8 << 10];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let got = recvmsg(
                status,
                &mut [IoSliceMut::new(&mut buf)],
                &mut control,
                RecvFlags::DONTWAIT,
            );
            match got {
                Ok(got) if got.bytes > 0 => {
                    let sender = control.drain().find_map(|message| match message {
                        RecvAncillaryMessage::ScmCredentials(who) => Some(who.pid),
                        _ => None,
                    });
                    if let Ok(report) = serde_json::from_slice(&buf[..got.bytes]) {
                        self.take(report, sender, news);
                    }
                }
                Err(rustix::io::Errno::AGAIN) => return,
                Err(rustix::io::Errno::INTR) => {}
                // The end: without an init that means the exec succeeded.
                Ok(_) | Err(_) => {
                    self.status = None;
                    if self.plain && self.agent.is_some() && !self.failed {
                        self.started(news);
                    }
                }
            }
        }
    }

    fn take(&mut self, report: Report, sender: Option<Pid>, news: &mut Vec<News>) {
        match report {
            Report::Exec => self.agent = sender,
            Report::Running => self.started(news),
            Report::Failed { step, message, code } => self.fail(step, message, code, news),
            Report::Exited { code, signal } => self.ended(Exit { code, signal }),
        }
    }

    fn started(&mut self, news: &mut Vec<News>) {
        if let (false, Some(pid)) = (self.running, self.agent) {
            self.running = true;
            news.push(News::Started { pid: pid.as_raw_nonzero().get() as u32 });
        }
    }

    fn fail(&mut self, step: String, message: String, code: i32, news: &mut Vec<News>) {
        if !self.failed {
            self.failed = true;
            self.ended(Exit { code: Some(code), signal: None });
            news.push(News::Failed { step, message, code });
        }
    }

    fn ended(&mut self, exit: Exit) {
        self.exit.get_or_insert(exit);
    }

    /// Reaps whatever has ended, orphans that came to us too; `before`: who can still be
    /// asked then; `others`: who is not ours.
    pub fn reap(
        &mut self,
        mut before: impl FnMut(Pid),
        news: &mut Vec<News>,
        others: &mut Vec<(Pid, WaitStatus)>,
    ) {
        while let Some(pid) = ended_child() {
            before(pid);
            let Ok(Some((_, status))) = waitpid(Some(pid), WaitOptions::NOHANG) else { return };
            // What it reported before its end comes first.
            self.listen(news);
            if self.first == Some(pid) {
                self.reaped(status, news);
            } else {
                others.push((pid, status));
            }
        }
    }

    fn reaped(&mut self, status: WaitStatus, news: &mut Vec<News>) {
        self.first = None;
        let exit = Exit { code: status.exit_status(), signal: status.terminating_signal() };
        if self.plain {
            self.ended(exit);
        } else if self.agent.is_some() || exit.signal.is_some() {
            // The init was killed before it could report: so was the agent.
            self.ended(Exit { code: None, signal: Some(libc::SIGKILL) });
        } else if self.exit.is_none() {
            let message = format!("the shim ended before it started anything: {exit}");
            self.fail("shim".to_owned(), message, 126, news);
        }
    }

    /// True if the tree has a user namespace of its own, where the kernel counts its processes
    /// apart from all others of its user.
    pub fn has_own_users(&self) -> bool {
        let Some(pid) = self.init.or(self.first) else { return false };
        let users = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/user")).ok();
        let theirs = users(&pid.as_raw_nonzero().to_string());
        theirs.is_some() && theirs != users("self")
    }

    /// SIGKILL to all that one signal reaches.
    pub fn kill(&self) {
        // The monitor waits for the init, which cannot be another process before that.
        if let Some(pid) = self.first {
            let _ = kill_process(self.init.unwrap_or(pid), Signal::KILL);
        }
    }
}

/// A child of ours that has ended and is not reaped yet.
#[allow(unsafe_code)]
fn ended_child() -> Option<Pid> {
    // SAFETY: all zeroes are a value of this plain structure.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    loop {
        // SAFETY: the call writes nothing but `info`.
        if unsafe { libc::waitid(libc::P_ALL, 0, &mut info, options) } == 0 {
            break;
        }
        if std::io::Error::last_os_error().kind() != std::io::ErrorKind::Interrupted {
            return None;
        }
    }
    // SAFETY: filled in by waitid, or still zero where nobody has ended.
    Pid::from_raw(unsafe { info.si_pid() })
}
