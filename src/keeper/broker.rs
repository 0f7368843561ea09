//! The keeper as broker: programs that are hidden from the agent, run on its behalf when the
//! core lets it. A request waits here until a core has judged it; the words that are run are
//! those that were sent to the core, from the one copy that is kept here.
//!
//! A front that hangs up takes its run with it. All runs end with the agent.

use super::conn::Conn;
use super::held::Held;
use super::run::Keeper;
use crate::model::{Brokered, Confine};
use crate::protocol::broker::{FromBroker, MAX_REQUEST, PASSED_SIGNALS, ToBroker, passes};
use crate::protocol::frame::{Decoder, Frame, encode_control};
use crate::protocol::keeper::{FromKeeper, KeeperSpec};
use crate::sandbox::{Call, Network, Plan, descends_from};
use rustix::event::{PollFd, PollFlags};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, recvmsg, send};
use rustix::process::{Pid, Signal, WaitStatus, kill_process, kill_process_group};
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Requests at one time; beyond it the newest is refused.
const MOST_RUNS: usize = 32;
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

struct Run {
    id: u64,
    stream: UnixStream,
    decoder: Decoder,
    fds: Vec<OwnedFd>,
    state: State,
}

enum State {
    /// It has not said what it wants.
    Reading {
        until: Instant,
    },
    /// Held until there is a verdict.
    Asked {
        wanted: Wanted,
        streams: [OwnedFd; 3],
        of: Option<u64>,
    },
    Running {
        monitor: Pid,
    },
    /// Killed, and not reaped yet.
    Ending {
        monitor: Pid,
    },
    /// Nothing more comes of it.
    Over,
}

/// What is judged, and run if it may be.
struct Wanted {
    program: usize,
    argv: Vec<String>,
    cwd: PathBuf,
    env: Vec<(String, String)>,
}

impl Broker {
    /// None where nothing is hidden.
    ///
    /// # Errors
    /// When a program is not what it was, or the socket cannot be had.
    pub fn new(spec: &KeeperSpec, nofile: u64) -> io::Result<Option<Self>> {
        let Some(confine) = spec.confine.as_ref().filter(|it| !it.brokered.is_empty()) else {
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

    /// The processes that stand for its runs.
    pub fn monitors(&self) -> impl Iterator<Item = Pid> {
        self.runs.iter().filter_map(Run::monitor)
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
            let mut run = Run {
                id: self.last_id,
                stream,
                decoder: Decoder::new(MAX_REQUEST),
                fds: Vec::new(),
                state: State::Reading { until: at + TO_SAY },
            };
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
                    ToBroker::Run { place, argv, cwd, env } => {
                        let found = wanted(&self.programs, &place, argv, cwd, env);
                        run.ask(found);
                    }
                    ToBroker::Signal { signal } => run.signal(signal),
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
            let State::Asked { wanted, of, .. } = &mut run.state else { continue };
            if *of == Some(serial) {
                continue;
            }
            *of = Some(serial);
            let Some(program) = self.programs.get(wanted.program) else { continue };
            core.control(&FromKeeper::Judge {
                id: run.id,
                program: program.what.file.clone(),
                argv: wanted.argv.clone(),
                cwd: wanted.cwd.clone(),
            });
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
        let State::Asked { wanted, streams, .. } = state else { return };
        match self.start(wanted, streams, init) {
            Ok(monitor) => self.runs[at].state = State::Running { monitor },
            Err(error) => self.runs[at].refuse(&format!("it could not be started: {error}")),
        }
    }

    fn start(&self, wanted: Wanted, streams: [OwnedFd; 3], init: Option<Pid>) -> io::Result<Pid> {
        let Some(program) = self.programs.get(wanted.program) else {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        };
        let network = match init.filter(|_| self.confine.isolated) {
            Some(init) => Some(Network::of(init)?),
            None => None,
        };
        let mut env = self.env.clone();
        env.retain(|(name, _)| !wanted.env.iter().any(|(other, _)| other == name));
        env.extend(wanted.env);
        let plan = Plan {
            argv: wanted.argv,
            env,
            cwd: wanted.cwd,
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

/// Checks a request; the words of an agent are nobody's but the agent's.
fn wanted(
    programs: &[Program],
    place: &Path,
    mut argv: Vec<String>,
    cwd: PathBuf,
    mut env: Vec<(String, String)>,
) -> Result<Wanted, String> {
    let is = |program: &Program| program.what.places.iter().any(|one| one == place);
    let Some(program) = programs.iter().position(is) else {
        return Err(format!("{} is no brokered program", place.display()));
    };
    let Some(first) = argv.first_mut() else { return Err("an empty command".to_owned()) };
    // The rules go by names: it is judged and run by one of its own.
    let names = &programs[program].what.names;
    let called = first.rsplit('/').next().unwrap_or_default();
    let name = names.iter().find(|name| *name == called).or(names.first());
    *first = name.cloned().unwrap_or_else(|| called.to_owned());
    if argv.iter().any(|word| word.contains('\0')) {
        return Err("a NUL byte in a word".to_owned());
    }
    if !cwd.is_absolute() {
        return Err("a working directory that is not absolute".to_owned());
    }
    env.retain(|(name, value)| passes(name, value));
    Ok(Wanted { program, argv, cwd, env })
}

impl Run {
    /// Its process, until it is reaped.
    fn monitor(&self) -> Option<Pid> {
        match self.state {
            State::Running { monitor } | State::Ending { monitor } => Some(monitor),
            State::Reading { .. } | State::Asked { .. } | State::Over => None,
        }
    }

    /// Takes what has come, a part at a time; false when the other end is gone.
    fn receive(&mut self) -> bool {
        let mut buf = [0; 16 << 10];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let got = recvmsg(&self.stream, &mut [IoSliceMut::new(&mut buf)], &mut control, flags);
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                self.fds.extend(fds);
                self.fds.truncate(3);
            }
        }
        match got {
            Ok(got) if got.bytes > 0 => {
                self.decoder.push(&buf[..got.bytes]);
                true
            }
            Err(Errno::AGAIN | Errno::INTR) => true,
            Ok(_) | Err(_) => false,
        }
    }

    fn next(&mut self) -> Option<ToBroker> {
        if matches!(self.state, State::Ending { .. } | State::Over) {
            return None;
        }
        let frame = match self.decoder.next_frame() {
            Ok(Some(Frame::Control(json))) => {
                Frame::parse(&json).map_err(|error| error.to_string())
            }
            Ok(Some(Frame::Bytes(_))) => Err("bytes are no request".to_owned()),
            Ok(None) => return None,
            Err(error) => Err(error.to_string()),
        };
        match frame {
            Ok(frame) => Some(frame),
            Err(why) => {
                self.tell(&FromBroker::Refused { why });
                self.hang_up();
                None
            }
        }
    }

    fn ask(&mut self, wanted: Result<Wanted, String>) {
        if !matches!(self.state, State::Reading { .. }) {
            self.hang_up();
            return;
        }
        let streams = <[OwnedFd; 3]>::try_from(std::mem::take(&mut self.fds));
        match (wanted, streams) {
            (Ok(wanted), Ok(streams)) => self.state = State::Asked { wanted, streams, of: None },
            (Err(why), _) => self.refuse(&why),
            (Ok(_), Err(_)) => self.refuse("three streams come with a request"),
        }
    }

    fn signal(&mut self, signal: i32) {
        let named = PASSED_SIGNALS.contains(&signal).then(|| Signal::from_named_raw(signal));
        let Some(named) = named.flatten() else { return };
        let sent = match self.state {
            State::Running { monitor } => program_of(monitor).is_some_and(|program| {
                // Before its last step it leads no group.
                kill_process_group(program, named).is_ok() || kill_process(program, named).is_ok()
            }),
            State::Reading { .. } | State::Asked { .. } => false,
            State::Ending { .. } | State::Over => return,
        };
        // What has not begun does not begin.
        if !sent {
            self.tell(&FromBroker::Exited { code: 128 + signal });
            self.hang_up();
        }
    }

    fn hang_up(&mut self) {
        self.state = match self.monitor() {
            Some(monitor) => {
                let _ = kill_process(monitor, Signal::KILL);
                State::Ending { monitor }
            }
            None => State::Over,
        };
    }

    fn refuse(&mut self, why: &str) {
        self.tell(&FromBroker::Refused { why: why.to_owned() });
        self.state = State::Over;
    }

    /// The one frame that the front gets; there is room for it.
    fn tell(&self, message: &FromBroker) {
        let mut frame = Vec::new();
        if encode_control(message, &mut frame).is_ok() {
            let _ = send(&self.stream, &frame, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
        }
    }
}

/// Bubblewrap waits for the init of its namespace, which waits for the program.
fn program_of(monitor: Pid) -> Option<Pid> {
    only_child(only_child(monitor)?)
}

fn only_child(pid: Pid) -> Option<Pid> {
    let pid = pid.as_raw_nonzero();
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    Pid::from_raw(list.split_ascii_whitespace().next()?.parse().ok()?)
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
