//! The keeper as broker: programs that are hidden from the agent, run on its behalf when the
//! core lets it. A request waits here until a core has judged it; the words that are run are
//! those that were sent to the core, from the one copy that is kept here. Shims ask here too,
//! and are only told whether they may.
//!
//! A front that hangs up takes its run with it. All runs end with the agent.

mod request;

use super::conn::Conn;
use super::held::Held;
use super::run::Keeper;
use crate::model::{Brokered, Confine};
use crate::protocol::broker::{FromBroker, ToBroker};
use crate::protocol::keeper::{FromKeeper, KeeperSpec};
use crate::sandbox::{Call, Network, Plan, descends_from};
use request::{By, Run, State, Wanted};
use rustix::event::{PollFd, PollFlags};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::process::{Pid, Signal, WaitStatus, kill_process};
use std::io;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Requests at one time; beyond it the newest is refused. To let it wait could be for ever:
/// a program that runs may wait for another that is asked about.
const MOST_RUNS: usize = 256;
/// Beyond it a question stays open until its time runs out.
const MOST_UNASKED: usize = 256;
/// Time to say what is wanted.
const TO_SAY: Duration = Duration::from_secs(10);
/// Bytes that may wait for the core before it is asked more.
const CORE_BACKLOG: usize = 1 << 20;
const STOPPED: &str = "the agent is stopped";

pub struct Broker {
    listener: UnixListener,
    programs: Vec<Program>,
    confine: Box<Confine>,
    /// The agent's own.
    env: Vec<(String, String)>,
    processes: Option<u64>,
    file_bytes: Option<u64>,
    cores: Vec<usize>,
    group: Option<PathBuf>,
    nofile: u64,
    runs: Vec<Run>,
    last_id: u64,
    /// Runs that were given up while a core was asked about them, and that no core knows of.
    unasked: Vec<u64>,
    /// The agent ends: nothing more is run.
    closed: bool,
}

struct Program {
    what: Brokered,
    /// Opened before the agent began: what is put in its place later is not run.
    file: OwnedFd,
}

impl Broker {
    /// None where nobody asks.
    ///
    /// # Errors
    /// When a program is not what it was, or the socket cannot be had.
    pub fn new(spec: &KeeperSpec, nofile: u64) -> io::Result<Option<Self>> {
        let Some(confine) = spec.confine.as_ref().filter(|it| it.has_broker()) else {
            return Ok(None);
        };
        let open = |what: &Brokered| {
            let file = rustix::fs::openat2(
                rustix::fs::CWD,
                &what.file,
                OFlags::PATH | OFlags::CLOEXEC,
                Mode::empty(),
                ResolveFlags::NO_SYMLINKS,
            );
            let file = file.map_err(|error| {
                let error = io::Error::from(error);
                io::Error::new(error.kind(), format!("{}: {error}", what.file.display()))
            })?;
            Ok(Program { what: what.clone(), file })
        };
        let programs = confine.brokered.iter().map(open).collect::<io::Result<_>>()?;
        let listener = super::sockets::listen(&confine.broker_socket())?;
        listener.set_nonblocking(true)?;
        Ok(Some(Self {
            listener,
            programs,
            confine: confine.clone(),
            env: spec.env.clone(),
            processes: spec.limits.processes,
            file_bytes: spec.limits.disk_bytes,
            cores: Vec::new(),
            group: None,
            nofile,
            runs: Vec::new(),
            last_id: 0,
            unasked: Vec::new(),
            closed: false,
        }))
    }

    /// Runs are held with the agent.
    pub fn hold(&mut self, held: &Held) {
        self.cores.clone_from(&held.cores);
        self.group = held.group.as_ref().map(|group| group.dir().to_owned());
    }

    /// What wakes us.
    pub fn fds(&self) -> impl Iterator<Item = PollFd<'_>> {
        // A front that has gone would wake us for ever.
        let runs = self.runs.iter().filter(|run| !matches!(run.state, State::Ending { .. }));
        let streams = runs.map(|run| PollFd::new(&run.stream, PollFlags::IN));
        std::iter::once(PollFd::new(&self.listener, PollFlags::IN)).chain(streams)
    }

    pub fn due(&self) -> Option<Instant> {
        let until = |run: &Run| match run.state {
            State::Reading { until } => Some(until),
            State::Asked { .. } | State::Running { .. } | State::Ending { .. } | State::Over => {
                None
            }
        };
        self.runs.iter().filter_map(until).min()
    }

    pub fn is_idle(&self) -> bool {
        !self.runs.iter().any(|run| run.monitor().is_some())
    }

    fn accept(&mut self, at: Instant) {
        while let Ok((stream, _)) = self.listener.accept() {
            let own = rustix::net::sockopt::socket_peercred(&stream).is_ok_and(|peer| {
                let me = std::process::id() as i32;
                descends_from(peer.pid.as_raw_nonzero().get(), me)
            });
            self.last_id += 1;
            let mut run = Run::new(self.last_id, stream, at + TO_SAY);
            if !own {
                run.refuse("this broker is another agent's");
            } else if self.closed {
                run.refuse(STOPPED);
            } else if self.runs.len() >= MOST_RUNS {
                run.refuse(&format!("{MOST_RUNS} commands are held or run already"));
            } else {
                self.runs.push(run);
            }
        }
    }

    fn read(&mut self, at: Instant) {
        let living = |run: &&mut Run| !matches!(run.state, State::Ending { .. });
        for run in self.runs.iter_mut().filter(living) {
            let held = matches!(run.state, State::Asked { of: Some(_), .. });
            let open = run.receive();
            while let Some(frame) = run.next() {
                match frame {
                    ToBroker::Signal { signal } => run.signal(signal),
                    asked => run.ask(&self.programs, asked),
                }
            }
            if let State::Reading { until } = run.state
                && until <= at
            {
                run.refuse("nothing was asked");
            }
            if !open {
                run.hang_up();
            }
            if held && matches!(run.state, State::Over) && self.unasked.len() < MOST_UNASKED {
                self.unasked.push(run.id);
            }
        }
        self.runs.retain(|run| !matches!(run.state, State::Over));
    }

    /// Asks `core`, the `serial`-th that we know, whatever it has not been asked yet.
    fn question(&mut self, core: &mut Conn, serial: u64) {
        for id in self.unasked.drain(..) {
            core.control(&FromKeeper::Unasked { id });
        }
        for run in &mut self.runs {
            let State::Asked { wanted, of } = &mut run.state else { continue };
            if *of == Some(serial) {
                continue;
            }
            *of = Some(serial);
            let (program, shim) = match &wanted.by {
                By::Us { program, .. } => match self.programs.get(*program) {
                    Some(program) => (program.what.file.clone(), false),
                    None => continue,
                },
                By::Itself(program) => (program.clone(), true),
            };
            let (argv, cwd) = (wanted.argv.clone(), wanted.cwd.clone());
            core.control(&FromKeeper::Judge { id: run.id, program, argv, cwd, shim });
        }
    }

    /// The core's answer. One that comes late, or twice, finds nobody.
    pub fn verdict(&mut self, id: u64, allow: bool, why: &str, init: Option<Pid>) {
        let Some(at) = self.runs.iter().position(|run| run.id == id) else { return };
        if !matches!(self.runs[at].state, State::Asked { .. }) {
            return;
        }
        if !allow {
            self.runs[at].refuse(why);
            return;
        }
        let state = std::mem::replace(&mut self.runs[at].state, State::Over);
        let State::Asked { wanted: Wanted { by, argv, cwd }, .. } = state else { return };
        match by {
            By::Itself(_) => self.runs[at].tell(&FromBroker::Allowed),
            By::Us { program, env, streams } => {
                let program = self.programs.get(program);
                match program.map(|program| self.start(program, argv, cwd, env, streams, init)) {
                    Some(Ok(monitor)) => self.runs[at].state = State::Running { monitor },
                    Some(Err(error)) => {
                        self.runs[at].refuse(&format!("it could not be started: {error}"));
                    }
                    None => self.runs[at].refuse("there is no such program"),
                }
            }
        }
    }

    fn start(
        &self,
        program: &Program,
        argv: Vec<String>,
        cwd: PathBuf,
        own: Vec<(String, String)>,
        streams: [OwnedFd; 3],
        init: Option<Pid>,
    ) -> io::Result<Pid> {
        let network = match init.filter(|_| self.confine.isolated) {
            Some(init) => Some(Network::of(init)?),
            None => None,
        };
        let mut env = self.env.clone();
        env.retain(|(name, _)| !own.iter().any(|(other, _)| other == name));
        env.extend(own);
        let plan = Plan {
            argv,
            env,
            cwd,
            stdin_null: false,
            stdin_file: None,
            nofile: self.nofile,
            processes: self.processes,
            file_bytes: self.file_bytes,
            cores: self.cores.clone(),
            group: self.group.clone(),
            users: std::fs::read_link("/proc/self/ns/user").unwrap_or_default(),
            namespaces: true,
            // Bubblewrap alone has a broker, and its agents a network of their own.
            gateway: 0,
            confine: Some(self.confine.clone()),
        };
        let file = program.file.as_fd();
        Call { plan, program: &program.what, file, streams, network }.start()
    }

    /// A child of ours has ended: perhaps a run.
    pub fn reaped(&mut self, pid: Pid, status: WaitStatus) {
        if let Some(run) = self.runs.iter_mut().find(|run| run.monitor() == Some(pid)) {
            let signal = status.terminating_signal().map(|signal| 128 + signal);
            let code = status.exit_status().or(signal).unwrap_or(1);
            run.tell(&FromBroker::Exited { code });
            run.state = State::Over;
        }
        self.runs.retain(|run| !matches!(run.state, State::Over));
    }

    /// Takes nobody in any more and ends all runs; those that are still told of end later.
    pub fn kill_all(&mut self) {
        self.closed = true;
        for run in &mut self.runs {
            match run.state {
                State::Running { monitor } => {
                    let _ = kill_process(monitor, Signal::KILL);
                }
                State::Reading { .. } | State::Asked { .. } => run.refuse(STOPPED),
                State::Ending { .. } | State::Over => {}
            }
        }
        self.runs.retain(|run| !matches!(run.state, State::Over));
    }
}

impl Keeper {
    /// One turn of the loop.
    pub fn broker(&mut self, at: Instant) {
        let Some(broker) = &mut self.broker else { return };
        broker.accept(at);
        broker.read(at);
        let serial = self.cores;
        let core = self.conns.iter_mut().find(|conn| conn.judges() && !conn.dead);
        if let Some(core) = core.filter(|core| core.backlog() < CORE_BACKLOG) {
            broker.question(core, serial);
        }
    }
}
