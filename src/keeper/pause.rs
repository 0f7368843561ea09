//! Holding an attempt: every process of it is stopped until it may go on. Nothing of it ends
//! and nothing is lost; whoever types to it is heard when it goes on.
//!
//! Parents are stopped before their children and go on after them: a shell that saw a child
//! stop would take it for its user's Ctrl-Z. Whatever was stopped before stays so. What is
//! born while its parent is being stopped is found by looking again, until all stand still.
//!
//! It lasts as long as the core says so, and while there is none: it is told to each new core
//! and by it. A stop ends it at once, since a stopped process hears nothing.

use super::child::Child;
use super::kill;
use super::run::Keeper;
use super::usage;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::HashSet;
use std::fs;
use std::time::{Duration, Instant};

/// Looks in a row; what has not come to rest by then has a while.
const ROUNDS: usize = 8;
/// Until the next look for who does not stand still.
const AGAIN: Duration = Duration::from_millis(20);
/// One that still runs after so long sits in the kernel, or the machine is very busy.
const PATIENCE: Duration = Duration::from_secs(10);
/// So long all of them together are waited for at one look.
const STANDS: Duration = Duration::from_millis(250);
/// Between two looks at one.
const LOOK: Duration = Duration::from_micros(200);
/// From then on it is looked for less often, and never given up: it may have children.
const SELDOM: Duration = Duration::from_secs(1);

/// An attempt that is held.
pub struct Pause {
    since: Instant,
    /// When it is looked at again; none: all stand still.
    next: Option<Instant>,
    /// Whom we stopped.
    stopped: HashSet<i32>,
    /// What a core has said to its brokered programs meanwhile: they start when it goes on.
    verdicts: Vec<(u64, bool, String)>,
}

impl Keeper {
    /// As the core says.
    pub fn pause(&mut self, paused: bool, at: Instant) {
        match (&self.pause, paused) {
            (None, true) if self.stopping.is_none() => {
                let (stopped, verdicts) = (HashSet::new(), Vec::new());
                self.pause = Some(Pause { since: at, next: Some(at), stopped, verdicts });
                self.hold(at);
            }
            (Some(_), false) => {
                for (id, allow, why) in self.go_on() {
                    self.verdict(id, allow, &why);
                }
            }
            (Some(_), true) | (None, _) => {}
        }
    }

    pub fn pause_due(&self) -> Option<Instant> {
        self.pause.as_ref().and_then(|pause| pause.next)
    }

    /// Stops whoever runs, if it is time to look.
    pub fn hold(&mut self, at: Instant) {
        if self.pause_due().is_none_or(|due| due > at) {
            return;
        }
        let mut rest = false;
        let until = Instant::now() + STANDS;
        for _ in 0..ROUNDS {
            let members = self.members();
            let Some(pause) = &mut self.pause else { return };
            let mut new = false;
            rest = true;
            for pid in members {
                match state_of(pid) {
                    // Gone, or about to be.
                    None | Some('Z' | 'X') => {}
                    // By us, or before we came.
                    Some('T' | 't') => {}
                    Some(_) => {
                        rest = false;
                        new |= pause.stopped.insert(pid);
                        send(pid, Signal::STOP);
                        until_it_stands(pid, until);
                    }
                }
            }
            if rest || !new {
                break;
            }
        }
        if let Some(pause) = &mut self.pause {
            let wait = if at < pause.since + PATIENCE { AGAIN } else { SELDOM };
            pause.next = (!rest).then(|| at + wait);
        }
    }

    /// A process has come that was not there before.
    pub fn hold_again(&mut self, at: Instant) {
        if let Some(pause) = &mut self.pause {
            (pause.since, pause.next) = (at, Some(at));
            self.hold(at);
        }
    }

    /// Lets all go on that we stopped; what was said to the broker meanwhile.
    pub fn go_on(&mut self) -> Vec<(u64, bool, String)> {
        let Some(pause) = self.pause.take() else { return Vec::new() };
        for pid in self.members().into_iter().rev().filter(|pid| pause.stopped.contains(pid)) {
            send(pid, Signal::CONT);
        }
        pause.verdicts
    }

    /// The core's answer about a brokered program, which is not started while all is held.
    pub fn verdict(&mut self, id: u64, allow: bool, why: &str) {
        if let Some(pause) = &mut self.pause {
            pause.verdicts.push((id, allow, why.to_owned()));
            return;
        }
        let init = self.child.as_ref().and_then(Child::init);
        if let Some(broker) = &mut self.broker {
            broker.verdict(id, allow, why, init);
        }
    }

    /// All of the attempt, parents before their children.
    fn members(&self) -> Vec<i32> {
        let number = |pid: Pid| pid.as_raw_nonzero().get();
        match &self.child {
            Some(child) if child.is_plain() => {
                kill::all(&self.marks, child.agent()).into_iter().map(number).collect()
            }
            // Nothing leaves its namespace, whose init is a child of ours.
            Some(_) | None => usage::descendants(std::process::id() as i32),
        }
    }
}

/// On a busy machine it takes a while to come to rest, and one that waits for its child would
/// see that child stop before. In the kernel (D) it may wait until its child has become another
/// program, as after vfork: a child that is stopped before it has would keep it there.
fn until_it_stands(pid: i32, until: Instant) {
    while matches!(state_of(pid), Some('R' | 'S' | 'D')) && Instant::now() < until {
        std::thread::sleep(LOOK);
    }
}

/// The letter that the kernel has for what a process does; none: it is gone.
fn state_of(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything.
    stat.get(stat.rfind(')')? + 1..)?.trim_start().chars().next()
}

fn send(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        // It may have ended by itself.
        let _ = kill_process(pid, signal);
    }
}
