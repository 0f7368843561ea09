//! Cores and viewers: who comes in, what they ask, what they get.
//!
//! One core at a time: a higher epoch evicts a lower, and the same epoch its own older
//! connection. Facts are read from the log as the core takes them. A viewer that is more
//! than its bound behind loses what waits for it and gets the whole screen when it reads
//! again; it never slows the drain.

use super::conn::{Conn, Role, Viewer};
use super::output::MOST_INPUT;
use super::run::{Keeper, now};
use super::sockets;
use super::watch::Watch;
use crate::protocol::frame::Frame;
use crate::protocol::keeper::{FromKeeper, ToKeeper, VERSION, VIEWER_BACKLOG};
use rustix::fd::AsFd;
use std::time::{Duration, Instant};

/// Connections at one time; beyond it the newest is let go.
const MOST_CLIENTS: usize = 64;
/// Time to say who one is.
const TO_SAY: Duration = Duration::from_secs(10);
const MOST_TICKETS: usize = 64;
/// Facts and answers that may wait for a core before no more of its messages are read.
const CORE_BACKLOG: usize = 1 << 20;

impl Keeper {
    pub fn core(&self) -> Option<&Conn> {
        self.conns.iter().find(|conn| conn.is_core() && !conn.dead)
    }

    pub fn core_mut(&mut self) -> Option<&mut Conn> {
        self.conns.iter_mut().find(|conn| conn.is_core() && !conn.dead)
    }

    pub fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            if self.conns.len() >= MOST_CLIENTS || !sockets::admits(&stream) {
                let mut conn = Conn::new(stream, Role::New { until: None });
                let message = "this keeper does not take this connection".to_owned();
                conn.control(&FromKeeper::Refused { message });
                continue;
            }
            let until = Some(Instant::now() + TO_SAY);
            self.conns.push(Conn::new(stream, Role::New { until }));
        }
    }

    /// True while messages of this connection may be read.
    pub fn may_read(&self, conn: &Conn) -> bool {
        self.output.input.len() < MOST_INPUT && conn.backlog() < CORE_BACKLOG
    }

    /// Reads one connection.
    pub fn hear(&mut self, index: usize, buf: &mut [u8]) {
        let open = self.conns[index].receive(buf);
        self.handle(index);
        if !open {
            self.conns[index].dead = true;
        }
    }

    /// Handles the frames that have come, as far as there is room for what they bring.
    pub fn handle(&mut self, index: usize) {
        while !self.conns[index].dead && self.may_read(&self.conns[index]) {
            match self.conns[index].next_frame() {
                Ok(Some(Frame::Bytes(bytes))) => self.typed(index, &bytes),
                Ok(Some(Frame::Control(json))) => match Frame::parse::<ToKeeper>(&json) {
                    Ok(message) => self.message(index, message),
                    Err(error) => self.refuse(index, &error.to_string()),
                },
                Ok(None) => return,
                Err(error) => return self.refuse(index, &error.to_string()),
            }
        }
    }

    fn refuse(&mut self, index: usize, message: &str) {
        self.conns[index].control(&FromKeeper::Refused { message: message.to_owned() });
        self.conns[index].dead = true;
    }

    fn typed(&mut self, index: usize, bytes: &[u8]) {
        self.activity += 1;
        match &mut self.conns[index].role {
            Role::Core { .. } => self.input(bytes),
            Role::Viewer(viewer) if viewer.read_only => {}
            Role::Viewer(viewer) => {
                viewer.active = self.activity;
                self.input(bytes);
                self.fit();
            }
            Role::New { .. } => self.refuse(index, "say first who you are"),
        }
    }

    fn message(&mut self, index: usize, message: ToKeeper) {
        let is_core = self.conns[index].is_core();
        let is_new = matches!(self.conns[index].role, Role::New { .. });
        match message {
            ToKeeper::Core { version, epoch, facts_after, judges, looks, paused } if is_new => {
                let facts_at = self.welcome(index, version, epoch, facts_after);
                if let Some(facts_at) = facts_at {
                    self.conns[index].role = Role::Core { facts_at, judges, looks };
                    self.tell_facts();
                    self.pause(paused, Instant::now());
                }
            }
            ToKeeper::View { version, ticket, cols, rows } if is_new => {
                self.let_in(index, version, &ticket, cols, rows);
            }
            ToKeeper::Resize { cols, rows } if !is_new => self.resized(index, cols, rows),
            ToKeeper::Ack { n } if is_core => self.acked = self.acked.max(n),
            ToKeeper::Ticket { ticket, read_only } if is_core => {
                if self.tickets.len() >= MOST_TICKETS {
                    self.tickets.remove(0);
                }
                self.tickets.push((ticket, read_only));
            }
            ToKeeper::Stop { grace_ms } if is_core => self.stop(grace_ms),
            ToKeeper::Screen { id } if is_core => {
                let (screen, activity) = (self.screen(), self.activity);
                self.conns[index].control(&FromKeeper::Screen { id, screen, activity });
            }
            ToKeeper::Type { text, then } if is_core => {
                self.activity += 1;
                self.type_text(text, then);
            }
            ToKeeper::Answer { id, facts, activity, rows, keys } if is_core => {
                // What has been printed by now is seen first.
                self.drain();
                let same = self.activity == activity && self.facts.last() == facts;
                let typed = same && self.shows(&rows);
                if typed {
                    self.activity += 1;
                    self.input(&keys);
                }
                self.conns[index].control(&FromKeeper::Answered { id, typed });
            }
            ToKeeper::Verdict { id, allow, why } if is_core => self.verdict(id, allow, &why),
            ToKeeper::Pause { paused } if is_core => self.pause(paused, Instant::now()),
            ToKeeper::Look if is_core => self.look(Instant::now()),
            ToKeeper::Goodbye if is_core => {
                self.revive.disarm();
                self.conns[index].role = Role::New { until: Some(Instant::now()) };
                self.conns[index].dead = true;
            }
            ToKeeper::Core { .. }
            | ToKeeper::View { .. }
            | ToKeeper::Resize { .. }
            | ToKeeper::Ack { .. }
            | ToKeeper::Ticket { .. }
            | ToKeeper::Stop { .. }
            | ToKeeper::Screen { .. }
            | ToKeeper::Type { .. }
            | ToKeeper::Answer { .. }
            | ToKeeper::Verdict { .. }
            | ToKeeper::Pause { .. }
            | ToKeeper::Look
            | ToKeeper::Goodbye => self.refuse(index, "this message is not yours to send now"),
        }
    }

    fn shows(&mut self, rows: &[String]) -> bool {
        let lines = self.screen().lines;
        rows.iter().all(|row| lines.contains(row))
    }

    /// From where on it is told facts; none where it was refused.
    fn welcome(&mut self, index: usize, version: u32, epoch: u64, facts_after: u64) -> Option<u64> {
        let refusal = if version != VERSION {
            Err(format!("this keeper speaks version {VERSION}, not {version}"))
        } else if epoch < self.epoch {
            Err(format!("a core of epoch {} is known, this is {epoch}", self.epoch))
        } else {
            let at = self.facts.position_after(facts_after);
            at.map_err(|_| "the facts cannot be read".to_owned())
        };
        let facts_at = match refusal {
            Ok(facts_at) => facts_at,
            Err(why) => {
                self.refuse(index, &why);
                return None;
            }
        };
        self.epoch = epoch;
        for (other, conn) in self.conns.iter_mut().enumerate() {
            if other != index && conn.is_core() {
                let message = format!("a core of epoch {epoch} has taken over");
                conn.control(&FromKeeper::Refused { message });
                conn.role = Role::New { until: None };
                conn.dead = true;
            }
        }
        self.acked = self.acked.max(facts_after);
        self.revive.disarm();
        self.gauge.forget_sent(Instant::now());
        let welcome = FromKeeper::Welcome {
            version: VERSION,
            attempt: self.attempt.clone(),
            keeper: std::process::id(),
            cols: self.size.0,
            rows: self.size.1,
            bytes: self.output.tape.bytes(),
            looks: self.watch.as_ref().is_some_and(Watch::may_rely),
            pauses: true,
            types: true,
        };
        let fds = [self.gateway.as_fd(), self.agent_listener.as_fd()];
        self.cores += 1;
        self.conns[index].control_with_fds(&welcome, &fds);
        Some(facts_at)
    }

    /// Sends the core the facts that it has not got, as far as it takes them.
    pub fn tell_facts(&mut self) {
        let Some(core) = self.conns.iter_mut().find(|conn| conn.is_core() && !conn.dead) else {
            return;
        };
        let Role::Core { mut facts_at, judges, looks } = core.role else { return };
        while core.backlog() == 0 && !core.dead {
            match self.facts.read_from(facts_at) {
                Ok(facts) if facts.is_empty() => break,
                Ok(facts) => {
                    for (fact, end) in facts {
                        core.control(&FromKeeper::Fact { fact });
                        facts_at = end;
                    }
                }
                Err(_) => core.dead = true,
            }
        }
        core.role = Role::Core { facts_at, judges, looks };
    }

    fn let_in(&mut self, index: usize, version: u32, ticket: &str, cols: u16, rows: u16) {
        let known = self.tickets.iter().position(|(known, _)| known == ticket);
        let Some(place) = known.filter(|_| version == VERSION) else {
            return self.refuse(index, "no such ticket; a ticket works once");
        };
        let (_, read_only) = self.tickets.remove(place);
        self.activity += 1;
        let active = self.activity;
        self.conns[index].role =
            Role::Viewer(Viewer { read_only, cols, rows, active, stale: true });
        self.fit();
        self.refresh(index);
    }

    fn resized(&mut self, index: usize, cols: u16, rows: u16) {
        self.activity += 1;
        match &mut self.conns[index].role {
            Role::Viewer(viewer) => {
                (viewer.cols, viewer.rows, viewer.active) = (cols, rows, self.activity);
                self.fit();
            }
            Role::Core { .. } => self.set_size(cols, rows),
            Role::New { .. } => {}
        }
    }

    /// The window has the size of the latest active viewer that has one.
    pub fn fit(&mut self) {
        let latest = self
            .conns
            .iter()
            .filter(|conn| !conn.dead)
            .filter_map(|conn| match &conn.role {
                Role::Viewer(v) if v.cols > 0 && v.rows > 0 && !v.read_only => Some(v),
                Role::Viewer(_) | Role::Core { .. } | Role::New { .. } => None,
            })
            .max_by_key(|viewer| viewer.active)
            .map(|viewer| (viewer.cols, viewer.rows));
        if let Some((cols, rows)) = latest {
            self.set_size(cols, rows);
        }
    }

    fn set_size(&mut self, cols: u16, rows: u16) {
        // What was printed for the old size is read before the new one counts.
        self.drain();
        let Some(pty) = self.pty.as_mut().filter(|pty| pty.size() != (cols, rows)) else { return };
        pty.resize(cols, rows);
        if pty.size() == self.size {
            return;
        }
        self.size = pty.size();
        let (cols, rows) = self.size;
        self.output.tape.resize(cols, rows, now());
        self.gauge.touched(Instant::now());
        for conn in &mut self.conns {
            if matches!(&conn.role, Role::Viewer(viewer) if !viewer.stale) && !conn.dead {
                conn.control(&FromKeeper::Size { cols, rows });
            }
        }
    }

    /// Live bytes to every viewer that keeps up.
    pub fn show(&mut self, bytes: &[u8]) {
        for conn in &mut self.conns {
            let Role::Viewer(viewer) = &mut conn.role else { continue };
            if conn.dead || viewer.stale {
                continue;
            }
            conn.bytes(bytes);
            if conn.backlog() > VIEWER_BACKLOG {
                conn.drop_backlog();
                if let Role::Viewer(viewer) = &mut conn.role {
                    viewer.stale = true;
                }
            }
        }
    }

    /// The whole screen to a viewer that needs it and has read all before.
    pub fn refresh(&mut self, index: usize) {
        let stale = matches!(&self.conns[index].role, Role::Viewer(viewer) if viewer.stale);
        if !stale || self.conns[index].dead || self.conns[index].backlog() > 0 {
            return;
        }
        let (cols, rows) = self.size;
        let screen = self.restore();
        let conn = &mut self.conns[index];
        if let Role::Viewer(viewer) = &mut conn.role {
            viewer.stale = false;
        }
        conn.control(&FromKeeper::Size { cols, rows });
        conn.bytes(&screen);
    }

    /// Viewers that had to do with a glimpse get the exact screen.
    pub fn correct(&mut self) {
        for conn in &mut self.conns {
            if let Role::Viewer(viewer) = &mut conn.role {
                viewer.stale = true;
            }
        }
    }

    /// Takes leave of connections that are over; a core that said nothing is missed.
    pub fn bury(&mut self) {
        let at = Instant::now();
        for conn in &mut self.conns {
            if let Role::New { until: Some(until) } = conn.role {
                conn.dead |= until <= at;
            }
        }
        if !self.conns.iter().any(|conn| conn.dead) {
            return;
        }
        let first = self.epoch == 0;
        let missed = self.conns.iter().any(|conn| {
            // The first connection is a core's, even if it dies before it says so.
            conn.dead && (conn.is_core() || first && matches!(conn.role, Role::New { until: None }))
        });
        self.conns.retain(|conn| !conn.dead);
        if missed && self.core().is_none() {
            self.revive.arm(at);
        }
        self.fit();
    }

    /// When a connection that has not said who it is must go.
    pub fn patience(&self) -> Option<Instant> {
        self.conns
            .iter()
            .filter_map(|conn| match conn.role {
                Role::New { until } => until,
                Role::Core { .. } | Role::Viewer(_) => None,
            })
            .min()
    }
}
