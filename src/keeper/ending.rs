//! Stopping the agent, and the end: everything of it gone, everything it printed on the
//! disk, the record of its exit synced, the core and the viewers told; then we leave.

use super::broker::Broker;
use super::child::{Child, News};
use super::conn::{Conn, Role};
use super::kill;
use super::run::{Keeper, Phase, Stopping, now};
use crate::model::Exit;
use crate::protocol::keeper::{ExitRecord, FactKind, FromKeeper, ScreenDump};
use rustix::process::{Signal, kill_process, kill_process_group};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

/// Between two hunts for descendants.
const HUNT: Duration = Duration::from_millis(20);
/// A process that survives SIGKILL this long sits in the kernel; we do not wait for it.
const HUNT_TIME: Duration = Duration::from_secs(10);
/// A terminal that somebody outside of the attempt holds open ends by silence.
const SILENCE: Duration = Duration::from_secs(1);
/// Time for the core to acknowledge the end.
const FAREWELL: Duration = Duration::from_secs(5);
/// Time for viewers to take the last bytes.
const LAST_BYTES: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_secs(1);
/// Grace when the keeper itself is told to terminate.
const OWN_GRACE: u64 = 5000;

impl Keeper {
    pub fn news(&mut self, news: Vec<News>) {
        for item in news {
            match item {
                News::Started { pid } => {
                    self.fact(FactKind::Started { pid });
                    self.hold_again(Instant::now());
                    if self.stopping.is_some() {
                        self.ask_to_leave();
                    }
                }
                News::Failed { step, message, .. } => {
                    self.fact(FactKind::LaunchFailed { step, message });
                }
            }
        }
    }

    /// Asks the agent to leave, and makes it after a while.
    pub fn stop(&mut self, grace_ms: u64) {
        let at = Instant::now() + Duration::from_millis(grace_ms.min(3_600_000));
        let first = self.stopping.is_none();
        let sooner = self.stopping.as_ref().is_none_or(|stopping| at < stopping.kill_at);
        if sooner {
            self.stopping = Some(Stopping { kill_at: at, killed: false });
        }
        if first {
            self.ask_to_leave();
            // It hears that as the first thing of all.
            self.go_on();
        }
    }

    pub fn stop_ourselves(&mut self) {
        self.stop(OWN_GRACE);
    }

    /// The session's leader and whoever has the terminal: a tool in front of a shell must
    /// hear it too.
    fn ask_to_leave(&mut self) {
        let Some(child) = self.child.as_ref().filter(|child| child.is_running()) else { return };
        let Some(agent) = child.agent() else { return };
        let front = self.pty.as_ref().and_then(|pty| pty.foreground());
        let send = |signal: Signal| {
            let _ = kill_process(agent, signal);
            if let Some(group) = front.filter(|group| *group != agent) {
                let _ = kill_process_group(group, signal);
            } else {
                let _ = kill_process_group(agent, signal);
            }
        };
        if self.shell {
            send(Signal::HUP);
        } else {
            send(Signal::TERM);
        }
        // A stopped process hears nothing before it goes on.
        send(Signal::CONT);
    }

    /// Moves the end on, as far as it has come.
    pub fn end(&mut self, at: Instant) {
        if let Some(stopping) = &mut self.stopping
            && !stopping.killed
            && stopping.kill_at <= at
        {
            stopping.killed = true;
            self.kill_all();
        }
        let Some(exit) = self.child.as_ref().and_then(|child| child.exit()) else { return };
        match self.phase {
            Phase::Living => {
                self.ended_by_kernel(exit);
                self.phase = Phase::Clearing { since: at, next: at };
                self.end(at);
            }
            Phase::Clearing { since, next } => {
                if next <= at {
                    let left = self.hunt();
                    self.phase = Phase::Clearing { since, next: at + HUNT };
                    self.cleared(left, since, at);
                }
            }
            Phase::Emptying { quiet_since, bytes } => {
                if self.output.tape.bytes() != bytes {
                    let bytes = self.output.tape.bytes();
                    self.phase = Phase::Emptying { quiet_since: at, bytes };
                } else if quiet_since + SILENCE <= at && self.output.retry.is_none() {
                    self.output.ended = true;
                }
                if self.output.ended && self.output.retry.is_none() {
                    self.phase = Phase::Recording { exit, next: at };
                    self.end(at);
                }
            }
            Phase::Recording { exit, next } => {
                if next <= at {
                    self.record_exit(exit, at);
                }
            }
            Phase::Leaving { .. } => {}
        }
    }

    pub fn kill_all(&mut self) {
        if let Some(broker) = &mut self.broker {
            broker.kill_all();
        }
        self.held.kill();
        let Some(child) = &self.child else { return };
        child.kill();
        if child.is_plain() {
            kill::sweep(&self.marks, child.agent());
        }
    }

    /// How many were left to kill. With an init it is enough to wait for its end.
    fn hunt(&mut self) -> usize {
        if let Some(broker) = &mut self.broker {
            broker.kill_all();
        }
        self.held.kill();
        match &self.child {
            Some(child) if child.is_plain() => kill::sweep(&self.marks, child.agent()),
            Some(_) | None => 0,
        }
    }

    fn cleared(&mut self, left: usize, since: Instant, at: Instant) {
        let gone = left == 0
            && self.child.as_ref().is_none_or(Child::is_gone)
            && self.broker.as_ref().is_none_or(Broker::is_idle)
            && self.held.let_go();
        if !gone && at < since + HUNT_TIME {
            return;
        }
        match &mut self.pty {
            Some(pty) => pty.let_go(),
            None => self.output.ended = true,
        }
        self.drain();
        self.phase = Phase::Emptying { quiet_since: at, bytes: self.output.tape.bytes() };
        self.end(at);
    }

    /// On the disk first, then told. A disk too full for the screen gets the bare record;
    /// one too full for that is tried again.
    fn record_exit(&mut self, exit: Exit, at: Instant) {
        self.output.tape.finish();
        let screen = self.screen();
        let mut record = ExitRecord { exit, at: now(), bytes: self.output.tape.bytes(), screen };
        if self.put_exit(&record).is_err() {
            record.screen = ScreenDump::default();
            if self.put_exit(&record).is_err() {
                self.phase = Phase::Recording { exit, next: at + RETRY };
                return;
            }
        }
        self.send_gauge(at + Duration::from_secs(1));
        if let Some(cut) = self.output.tape.untold_cut() {
            self.fact(cut);
        }
        let fact = self.fact(FactKind::Exited { exit });
        for conn in &mut self.conns {
            if matches!(conn.role, Role::Viewer(_)) && !conn.dead {
                conn.control(&FromKeeper::Ended { exit });
            }
        }
        self.phase = Phase::Leaving { fact, since: at };
    }

    /// Under its name once it is whole and on the disk.
    fn put_exit(&self, record: &ExitRecord) -> io::Result<()> {
        let (part, whole) = (self.dir.join("exit.json.tmp"), self.dir.join("exit.json"));
        let mut open = OpenOptions::new();
        let mut file = open.write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        file.write_all(&serde_json::to_vec(record)?)?;
        file.sync_all()?;
        fs::rename(&part, &whole)?;
        File::open(&self.dir)?.sync_all()
    }

    /// True once nobody must be waited for.
    pub fn may_leave(&self, at: Instant) -> bool {
        let Phase::Leaving { fact, since } = self.phase else { return false };
        let known = self.core().is_some() && self.acked < fact;
        // The core that launched us may not have come to its first word yet.
        let may_be = |conn: &Conn| matches!(conn.role, Role::New { .. }) && !conn.dead;
        let core_waits = at < since + FAREWELL && (known || self.conns.iter().any(may_be));
        let viewer_waits = at < since + LAST_BYTES
            && self
                .conns
                .iter()
                .any(|conn| matches!(conn.role, Role::Viewer(_)) && conn.backlog() > 0);
        !core_waits && !viewer_waits
    }

    pub fn ending_due(&self) -> Option<Instant> {
        let kill = self.stopping.as_ref().filter(|stopping| !stopping.killed).map(|s| s.kill_at);
        let phase = match self.phase {
            Phase::Living => None,
            Phase::Clearing { next, .. } => Some(next),
            // A full disk has a timer of its own.
            Phase::Emptying { .. } if self.output.retry.is_some() => None,
            Phase::Emptying { quiet_since, .. } => Some(quiet_since + SILENCE),
            Phase::Recording { next, .. } => Some(next),
            Phase::Leaving { since, .. } if Instant::now() < since + LAST_BYTES => {
                Some(since + LAST_BYTES)
            }
            Phase::Leaving { since, .. } => Some(since + FAREWELL),
        };
        [kill, phase].into_iter().flatten().min()
    }
}
