//! The broker's front, and the [`shim`]s. The front is what an agent finds in place of a
//! program that is hidden from it: this same binary, mounted over the program. It hands its
//! words, its working directory and its three streams to the keeper, passes signals on, and
//! ends as the program ended.
//!
//! It is trusted with nothing: whatever it says the agent could have said itself.

pub mod shim;

use crate::model::{BROKER_LINK, SANDBOX_BIN};
use crate::protocol::broker::{FromBroker, MAX_REQUEST, NOT_RUN, PASSED_SIGNALS, ToBroker, passes};
use crate::protocol::frame::{Decoder, Frame, encode_control, recv_frame, send_with_fds};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The place of the program that this process was started as; none where it is `dash`.
pub fn stands_for() -> Option<PathBuf> {
    fs::read_link(BROKER_LINK).ok()?;
    let here = fs::read_link("/proc/self/exe").ok()?;
    let dash = fs::read_link(Path::new(SANDBOX_BIN).join("dash")).ok()?;
    (here != dash).then_some(here)
}

/// Has the program at `place` run with `args`, its own name first.
pub fn main(place: PathBuf, args: impl Iterator<Item = OsString>) -> ExitCode {
    let name = place.display().to_string();
    match run(place, args) {
        Ok(FromBroker::Exited { code }) => {
            ExitCode::from(u8::try_from(code & 0xff).unwrap_or(NOT_RUN))
        }
        Ok(FromBroker::Refused { why }) => {
            let _ = writeln!(io::stderr(), "dash: denied: {why}");
            ExitCode::from(NOT_RUN)
        }
        Ok(FromBroker::Allowed) => {
            let _ = writeln!(io::stderr(), "dash: broker: {name}: it was not run");
            ExitCode::from(NOT_RUN)
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "dash: broker: {name}: {error}");
            ExitCode::from(NOT_RUN)
        }
    }
}

fn run(place: PathBuf, args: impl Iterator<Item = OsString>) -> io::Result<FromBroker> {
    let text = |word: OsString| {
        word.into_string().map_err(|word| {
            io::Error::other(format!("no rule can be held against {word:?}: it is not UTF-8"))
        })
    };
    let argv = args.map(text).collect::<io::Result<Vec<_>>>()?;
    let cwd = std::env::current_dir()
        .map_err(|error| io::Error::new(error.kind(), format!("the working directory: {error}")))?;
    if let Some(name) = elsewhere(&place, |name| std::env::var_os(name).is_some()) {
        return Err(io::Error::other(format!(
            "{name} does not reach it, and without it another repository would be meant: say it \
             in its words (git -C DIR, --git-dir, --work-tree)"
        )));
    }
    let env = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, value)| passes(name, value))
        .collect();
    // Before the request, so that none is lost.
    let signals = signals()?;
    let streams = [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()];
    wait(&mut ask(&ToBroker::Run { place, argv, cwd, env }, &streams)?, &signals)
}

/// A request that was sent.
struct Asked {
    broker: UnixStream,
    decoder: Decoder,
    /// Why not all of it was.
    cut: Option<io::Error>,
}

/// Sends the one request of this process to its keeper, `streams` beside it.
fn ask(request: &ToBroker, streams: &[BorrowedFd<'_>]) -> io::Result<Asked> {
    let mut frame = Vec::new();
    encode_control(request, &mut frame)?;
    if frame.len() > MAX_REQUEST {
        return Err(io::Error::other(format!("its words have more than {MAX_REQUEST} bytes")));
    }
    let mut broker = UnixStream::connect(fs::read_link(BROKER_LINK)?)?;
    let sent = if streams.is_empty() { Ok(0) } else { send_with_fds(&broker, &frame, streams) };
    let sent = sent.and_then(|sent| broker.write_all(&frame[sent..]));
    Ok(Asked { broker, decoder: Decoder::new(MAX_REQUEST), cut: sent.err() })
}

impl Asked {
    /// Waits for the answer. Whoever refuses at once says why before it hangs up.
    fn answer(&mut self) -> io::Result<FromBroker> {
        let answer = match recv_frame(&self.broker, &mut self.decoder, &mut Vec::new()) {
            Ok(Some(Frame::Control(json))) => return Ok(Frame::parse(&json)?),
            Ok(Some(Frame::Bytes(_))) => io::Error::other("its answer does not read"),
            Ok(None) => io::Error::other("the broker has gone"),
            Err(error) => error,
        };
        Err(self.cut.take().unwrap_or(answer))
    }
}

/// A variable that leads git to what its words do not say: none of them is passed on.
fn elsewhere(place: &Path, is_set: impl Fn(&str) -> bool) -> Option<&'static str> {
    const NAMES: [&str; 5] =
        ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE"];
    let is_git = place.file_name().is_some_and(|name| name == "git");
    NAMES.into_iter().find(|name| is_git && is_set(name))
}

/// Waits for the program's end, and passes signals on.
fn wait(asked: &mut Asked, signals: &OwnedFd) -> io::Result<FromBroker> {
    loop {
        let mut fds = [
            PollFd::new(&asked.broker, PollFlags::IN),
            PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN),
        ];
        rustix::io::retry_on_intr(|| poll(&mut fds, None))?;
        let (heard, signal) = (!fds[0].revents().is_empty(), !fds[1].revents().is_empty());
        if signal && let Some(signal) = taken(signals) {
            let mut frame = Vec::new();
            encode_control(&ToBroker::Signal { signal }, &mut frame)?;
            // To one that has hung up: what it said before is read below.
            let _ = asked.broker.write_all(&frame);
        }
        if heard {
            return asked.answer();
        }
    }
}

/// The signals that are passed on, as bytes on a descriptor.
#[allow(unsafe_code)]
fn signals() -> io::Result<OwnedFd> {
    // SAFETY: the set is initialised by sigemptyset before its use, and the descriptor is
    // fresh and owned by nobody else.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        for signal in PASSED_SIGNALS {
            libc::sigaddset(&mut set, signal);
        }
        if libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
        let fd = libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

fn taken(signals: &OwnedFd) -> Option<i32> {
    let mut record = [0; size_of::<libc::signalfd_siginfo>()];
    rustix::io::read(signals, &mut record).ok()?;
    // The first field of the record is the signal's number.
    i32::try_from(u32::from_ne_bytes([record[0], record[1], record[2], record[3]])).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_is_not_led_to_another_repository() {
        let with = |place: &str, set: &str| elsewhere(Path::new(place), |name| name == set);
        assert_eq!(with("/usr/bin/git", "GIT_DIR"), Some("GIT_DIR"));
        assert_eq!(with("/usr/bin/git", "GIT_INDEX_FILE"), Some("GIT_INDEX_FILE"));
        assert_eq!(with("/usr/bin/git", "GIT_AUTHOR_NAME"), None);
        assert_eq!(with("/usr/bin/gh", "GIT_DIR"), None);
    }
}
