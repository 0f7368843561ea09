//! One request of a front or a shim: read, judged, and run if a front sent it.

use super::Program;
use crate::protocol::broker::{FromBroker, MAX_REQUEST, PASSED_SIGNALS, ToBroker, passes};
use crate::protocol::frame::{Decoder, Frame, encode_control};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, recvmsg, send};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Instant;

pub struct Run {
    pub id: u64,
    pub stream: UnixStream,
    decoder: Decoder,
    fds: Vec<OwnedFd>,
    pub state: State,
}

pub enum State {
    /// It has not said what it wants.
    Reading {
        until: Instant,
    },
    /// Held until there is a verdict.
    Asked {
        wanted: Wanted,
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

/// What is judged.
pub struct Wanted {
    pub by: By,
    pub argv: Vec<String>,
    pub cwd: PathBuf,
}

/// Who runs it, if it may be.
pub enum By {
    /// We do: the program of this number, which the agent does not see.
    Us { program: usize, env: Vec<(String, String)>, streams: [OwnedFd; 3] },
    /// Whoever asked: this file, as it says.
    Itself(PathBuf),
}

impl Run {
    pub fn new(id: u64, stream: UnixStream, until: Instant) -> Self {
        let (decoder, fds) = (Decoder::new(MAX_REQUEST), Vec::new());
        Self { id, stream, decoder, fds, state: State::Reading { until } }
    }

    /// Its process, until it is reaped.
    pub fn monitor(&self) -> Option<Pid> {
        match self.state {
            State::Running { monitor } | State::Ending { monitor } => Some(monitor),
            State::Reading { .. } | State::Asked { .. } | State::Over => None,
        }
    }

    /// Takes what has come, a part at a time; false when the other end is gone.
    pub fn receive(&mut self) -> bool {
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

    pub fn next(&mut self) -> Option<ToBroker> {
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

    /// It has said what it wants.
    pub fn ask(&mut self, programs: &[Program], asked: ToBroker) {
        if !matches!(self.state, State::Reading { .. }) {
            self.hang_up();
            return;
        }
        match wanted(programs, asked, std::mem::take(&mut self.fds)) {
            Ok(wanted) => self.state = State::Asked { wanted, of: None },
            Err(why) => self.refuse(&why),
        }
    }

    pub fn signal(&mut self, signal: i32) {
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

    pub fn hang_up(&mut self) {
        self.state = match self.monitor() {
            Some(monitor) => {
                let _ = kill_process(monitor, Signal::KILL);
                State::Ending { monitor }
            }
            None => State::Over,
        };
    }

    pub fn refuse(&mut self, why: &str) {
        self.tell(&FromBroker::Refused { why: why.to_owned() });
        self.state = State::Over;
    }

    /// The one frame that the front gets; there is room for it.
    pub fn tell(&self, message: &FromBroker) {
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

/// Checks a request; the words of an agent are nobody's but the agent's.
fn wanted(programs: &[Program], asked: ToBroker, streams: Vec<OwnedFd>) -> Result<Wanted, String> {
    let wanted = match asked {
        ToBroker::Run { place, argv, cwd, env } => {
            let streams = <[OwnedFd; 3]>::try_from(streams);
            let streams = streams.map_err(|_| "three streams come with a request".to_owned())?;
            brokered(programs, &place, argv, cwd, env, streams)?
        }
        ToBroker::May { program, argv, cwd } => Wanted { by: By::Itself(program), argv, cwd },
        ToBroker::Signal { .. } => return Err("a signal for nothing".to_owned()),
    };
    if wanted.argv.is_empty() {
        return Err("an empty command".to_owned());
    }
    if wanted.argv.iter().any(|word| word.contains('\0')) {
        return Err("a NUL byte in a word".to_owned());
    }
    if !wanted.cwd.is_absolute() {
        return Err("a working directory that is not absolute".to_owned());
    }
    Ok(wanted)
}

fn brokered(
    programs: &[Program],
    place: &Path,
    mut argv: Vec<String>,
    cwd: PathBuf,
    mut env: Vec<(String, String)>,
    streams: [OwnedFd; 3],
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
    env.retain(|(name, value)| passes(name, value));
    Ok(Wanted { by: By::Us { program, env, streams }, argv, cwd })
}
