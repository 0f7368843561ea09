//! The keeper and its one loop: the terminal first, then the child, then the clients; asleep
//! until a descriptor or the nearest deadline wakes it.

use super::broker::Broker;
use super::child::Child;
use super::conn::Conn;
use super::facts::FactLog;
use super::gauge::Gauge;
use super::held::Held;
use super::output::Output;
use super::pause::Pause;
use super::pty::Pty;
use super::revive::Revive;
use super::signals::Signals;
use super::status::States;
use super::watch::Watch;
use crate::model::{AttemptId, Exit, Stamp};
use crate::protocol::keeper::{FactKind, ScreenDump};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub struct Keeper {
    pub dir: PathBuf,
    /// Of the attempt; held for our life.
    pub _lock: File,
    pub attempt: AttemptId,
    /// What the attempt's processes have in their environment, and nobody else's.
    pub marks: [String; 2],
    /// The agent is an interactive shell.
    pub shell: bool,
    /// Removed when we leave.
    pub paths: Vec<PathBuf>,
    /// Columns, rows.
    pub size: (u16, u16),
    pub pty: Option<Pty>,
    pub child: Option<Child>,
    pub output: Output,
    pub facts: FactLog,
    pub gauge: Gauge,
    pub states: States,
    pub signals: Signals,
    pub listener: UnixListener,
    pub agent_listener: UnixListener,
    pub gateway: TcpListener,
    pub conns: Vec<Conn>,
    /// None: no program is hidden from the agent.
    pub broker: Option<Broker>,
    /// How many cores have been welcomed.
    pub cores: u64,
    /// Of the newest core; 0 before the first.
    pub epoch: u64,
    /// Facts up to this one are journaled by a core.
    pub acked: u64,
    /// Tickets for viewers, and whether they may only look.
    pub tickets: Vec<(String, bool)>,
    pub activity: u64,
    pub revive: Revive,
    pub stopping: Option<Stopping>,
    /// None: no limit is left to us.
    pub watch: Option<Watch>,
    pub held: Held,
    /// None: it goes on as it likes.
    pub pause: Option<Pause>,
    pub phase: Phase,
}

pub struct Stopping {
    pub kill_at: Instant,
    pub killed: bool,
}

/// How far the end has come.
pub enum Phase {
    Living,
    /// The agent has ended; what it left is being killed.
    Clearing {
        since: Instant,
        next: Instant,
    },
    /// All are gone; the terminal is read to its end.
    Emptying {
        quiet_since: Instant,
        bytes: u64,
    },
    /// The record is to be written.
    Recording {
        exit: Exit,
        next: Instant,
    },
    /// Fact number `fact` is told; its acknowledgement is waited for.
    Leaving {
        fact: u64,
        since: Instant,
    },
}

/// The time of day, for what is recorded.
pub fn now() -> Stamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Stamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

impl Keeper {
    pub fn run(mut self) -> ExitCode {
        let mut buf = vec![0; 16 << 10];
        loop {
            let ready = self.sleep();
            let at = Instant::now();
            self.drain();
            self.feed();
            if ready.child {
                self.attend_child(ready.signal);
            }
            if ready.listener {
                self.accept();
            }
            for index in ready.conns {
                self.hear(index, &mut buf);
            }
            self.retry_disk(at);
            self.type_later(at);
            if self.output.tape.follow(at) {
                self.correct();
            }
            if let Some(state) = self.states.take(at) {
                self.fact(state);
            }
            if self.facts.is_waiting() {
                self.facts.settle();
            }
            self.look_after(at);
            self.hold(at);
            self.end(at);
            self.broker(at);
            for index in 0..self.conns.len() {
                self.conns[index].flush();
                self.handle(index);
                self.refresh(index);
            }
            self.tell_facts();
            self.send_gauge(at);
            self.bury();
            self.revive.tick(at);
            if self.may_leave(at) {
                break;
            }
        }
        for path in &self.paths {
            let _ = fs::remove_file(path);
        }
        // The agent's socket lies in a directory of its own, which is empty now.
        if let Some(own) = self.paths.last().and_then(|path| path.parent()) {
            let _ = fs::remove_dir(own);
        }
        ExitCode::SUCCESS
    }

    fn attend_child(&mut self, signal: bool) {
        let mut news = Vec::new();
        let mut others = Vec::new();
        let mut terminate = false;
        if let Some(child) = &mut self.child {
            child.listen(&mut news);
            if signal {
                terminate = self.signals.drain().terminate;
                let watch = &mut self.watch;
                let before = |pid| watch.iter_mut().for_each(|watch| watch.before_reaping(pid));
                child.reap(before, &mut news, &mut others);
            }
        }
        if let Some(broker) = &mut self.broker {
            others.into_iter().for_each(|(pid, status)| broker.reaped(pid, status));
        }
        self.news(news);
        if terminate {
            self.stop_ourselves();
        }
    }

    /// Records a fact and tells it; returns its number.
    pub fn fact(&mut self, kind: FactKind) -> u64 {
        let n = self.facts.append(kind, self.output.tape.bytes(), now());
        self.tell_facts();
        n
    }

    /// The screen as it is now, all output in it.
    pub fn screen(&mut self) -> ScreenDump {
        self.output.tape.dump()
    }

    /// The bytes that draw it.
    pub fn restore(&mut self) -> Vec<u8> {
        self.output.tape.restore()
    }

    fn deadline(&self) -> Option<Instant> {
        let disk = self.output.retry;
        let due = [
            disk,
            self.output.tape.follow_due(),
            self.states.due(),
            self.output.later_due(),
            self.gauge_due(),
            self.ending_due(),
            self.revive.due(),
            self.patience(),
            self.watch_due(),
            self.pause_due(),
            self.broker.as_ref().and_then(Broker::due),
        ];
        due.into_iter().flatten().min()
    }

    fn sleep(&self) -> Ready {
        let timeout = self.deadline().map(|at| {
            let left = at.saturating_duration_since(Instant::now());
            Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) }
        });
        let mut fds = Vec::with_capacity(4 + self.conns.len());
        fds.push(PollFd::new(&self.signals, PollFlags::IN));
        fds.push(PollFd::new(&self.listener, PollFlags::IN));
        let status = self.child.as_ref().and_then(Child::status);
        if let Some(status) = status {
            fds.push(PollFd::from_borrowed_fd(status, PollFlags::IN));
        }
        for conn in &self.conns {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, self.may_read(conn));
            flags.set(PollFlags::OUT, conn.backlog() > 0);
            fds.push(PollFd::new(conn, flags));
        }
        // Not while a full disk keeps us from reading: its hang-up would wake us for ever.
        if let Some(pty) = self.pty.as_ref().filter(|_| self.output.wants_more()) {
            let mut flags = PollFlags::IN;
            flags.set(PollFlags::OUT, !self.output.input.is_empty());
            fds.push(PollFd::new(pty, flags));
        }
        fds.extend(self.broker.iter().flat_map(Broker::fds));
        if poll(&mut fds, timeout.as_ref()).is_err() {
            return Ready::default();
        }
        let woken = |index: usize| !fds[index].revents().is_empty();
        let first = 2 + usize::from(status.is_some());
        let readable = PollFlags::IN | PollFlags::HUP | PollFlags::ERR;
        Ready {
            signal: woken(0),
            child: woken(0) || status.is_some() && woken(2),
            listener: woken(1),
            conns: (0..self.conns.len())
                .filter(|index| fds[first + index].revents().intersects(readable))
                .collect(),
        }
    }
}

/// Who woke us. The terminal is not listed: it is always read first.
#[derive(Default)]
struct Ready {
    signal: bool,
    child: bool,
    listener: bool,
    conns: Vec<usize>,
}
