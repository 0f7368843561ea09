//! The way into a bubblewrap sandbox, from both of its ends. The keeper's fork becomes
//! bubblewrap, which becomes `dash __exec inside …`: the init of the new pid namespace, which
//! opens the gateway's port in the new network, hands it to the keeper and then lives as any
//! init of an attempt does (see [`init`]).
//!
//! Four descriptors cross: the plan (a file in memory), the status channel, the terminal and
//! the ready socket; two more where process numbers are limited (see [`super::numbers`]).

use super::launch::Channel;
use super::numbers::Numbers;
use super::plan::Plan;
use super::{bubblewrap, cgroup, init};
use crate::model::{Confine, GATEWAY_PORT, Holder};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use rustix::fs::{MemfdFlags, Mode, OFlags, ResolveFlags};
use rustix::io::{Errno, FdFlags};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use rustix::process::Pid;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;

/// Connections to the gateway that wait while no core is there.
const BACKLOG: i32 = 4096;
/// What an attempt's processes have in their environment.
const MARKS: [&str; 2] = ["DASH_ATTEMPT", "DASH_SOCKET"];
/// What is read of bubblewrap's complaint, in bytes.
const COMPLAINT: u64 = 4096;

/// A sandbox that is up, its agent about to start.
pub struct Entered {
    /// Our child: bubblewrap, which waits for the end of the other.
    pub monitor: Pid,
    /// The init of the agent's namespace; all in it die with it.
    pub init: Pid,
    pub gateway: Option<TcpListener>,
}

/// Starts the sandbox and waits until it is up.
///
/// # Errors
/// When it does not come up; the message is what bubblewrap, or the program inside, said.
pub fn enter(
    plan: &Plan,
    confine: &Confine,
    program: &Path,
    by_fd: bool,
    channel: &Channel,
    tty: BorrowedFd<'_>,
) -> io::Result<Entered> {
    let there = || confine.hidden.iter().filter(|path| path.exists()).count();
    let before = there();
    match try_to_enter(plan, confine, program, by_fd, channel, tty) {
        // A socket that others had, and that was to be hidden, went just now.
        Err(_) if there() != before => try_to_enter(plan, confine, program, by_fd, channel, tty),
        entered => entered,
    }
}

fn try_to_enter(
    plan: &Plan,
    confine: &Confine,
    program: &Path,
    by_fd: bool,
    channel: &Channel,
    tty: BorrowedFd<'_>,
) -> io::Result<Entered> {
    let (ours, theirs) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    rustix::net::sockopt::set_socket_passcred(&ours, true)?;
    let (complaint, complain) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let mut opened = Vec::new();
    let arguments = bubblewrap::arguments(confine, |path| {
        by_fd.then(|| open_path(path, &mut opened)).transpose()
    })?;
    let text = in_memory("dash-plan", &serde_json::to_vec(plan)?)?;
    let numbers = Numbers::for_limit(plan.processes);
    let mut handed =
        vec![text.as_raw_fd(), channel.as_raw_fd(), tty.as_raw_fd(), theirs.as_raw_fd()];
    handed.extend(numbers.iter().flat_map(Numbers::raw));
    let mut line = Vec::new();
    for argument in arguments.iter().chain([&OsString::from("--as-pid-1")]) {
        line.extend_from_slice(argument.as_bytes());
        line.push(0);
    }
    let line = in_memory("dash-mounts", &line)?;
    let mut argv: Vec<OsString> = vec![program.into(), "--args".into()];
    argv.push(line.as_raw_fd().to_string().into());
    argv.extend([OsString::from("--"), confine.dash.clone().into()]);
    argv.extend(["__exec", "inside"].map(OsString::from));
    argv.extend(handed.iter().map(|fd| OsString::from(fd.to_string())));
    let Some(monitor) = init::raw_clone(libc::SIGCHLD)? else {
        let keep = opened.iter().map(AsRawFd::as_raw_fd).chain(handed).chain([line.as_raw_fd()]);
        if let Some(Err(error)) = plan.group.as_deref().map(cgroup::enter) {
            let _ = rustix::io::write(&complain, format!("its control group: {error}").as_bytes());
            std::process::exit(126)
        }
        become_bubblewrap(keep, tty, complain.as_fd(), &argv, &plan.env)
    };
    drop((theirs, complain, opened, numbers));
    match receive(&ours, confine.isolated) {
        Ok((init, gateway)) => Ok(Entered { monitor, init, gateway }),
        Err(error) => {
            let mut said = String::new();
            let _ = File::from(complaint).take(COMPLAINT).read_to_string(&mut said);
            let status =
                rustix::process::waitpid(Some(monitor), rustix::process::WaitOptions::empty());
            let said = said.trim();
            Err(io::Error::other(match (said.is_empty(), status) {
                (false, _) => format!("the sandbox did not come up: {said}"),
                (true, Ok(Some((_, status)))) => {
                    let status = status.exit_status();
                    format!("the sandbox did not come up: {error}, exit {status:?}")
                }
                (true, _) => format!("the sandbox did not come up: {error}"),
            }))
        }
    }
}

/// A descriptor of exactly this path: a link anywhere in it is refused, since whoever may
/// write above it could have put one there after the scope was looked at.
pub(super) fn open_path(path: &Path, opened: &mut Vec<OwnedFd>) -> io::Result<RawFd> {
    let found = rustix::fs::openat2(
        rustix::fs::CWD,
        path,
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::NO_SYMLINKS,
    );
    let fd = match found {
        Ok(fd) => fd,
        Err(Errno::LOOP) => {
            let why =
                format!("{}: a link has taken its place, or that of one above it", path.display());
            return Err(io::Error::other(why));
        }
        Err(error) => {
            return Err(io::Error::new(error.kind(), format!("{}: {error}", path.display())));
        }
    };
    let raw = fd.as_raw_fd();
    opened.push(fd);
    Ok(raw)
}

pub(super) fn in_memory(name: &str, content: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC)?);
    file.write_all(content)?;
    file.rewind()?;
    Ok(file.into())
}

/// The fork's side.
fn become_bubblewrap(
    keep: impl Iterator<Item = RawFd>,
    tty: BorrowedFd<'_>,
    complain: BorrowedFd<'_>,
    argv: &[OsString],
    env: &[(String, String)],
) -> ! {
    // Standard output is the terminal, which bubblewrap then shows as /dev/console.
    let streams = rustix::stdio::dup2_stdin(tty)
        .and_then(|()| rustix::stdio::dup2_stdout(tty))
        .and_then(|()| rustix::stdio::dup2_stderr(complain));
    let mut keep: Vec<RawFd> = keep.collect();
    exec_bubblewrap(streams.is_ok(), &mut keep, argv, env)
}

/// Becomes bubblewrap, which gets the three streams and `keep`. Of the environment it has only
/// the marks by which an attempt's processes are found: what is in there could be read inside.
#[allow(unsafe_code)]
pub(super) fn exec_bubblewrap(
    ready: bool,
    keep: &mut [RawFd],
    argv: &[OsString],
    env: &[(String, String)],
) -> ! {
    super::steps::close_all_but(keep);
    let mut kept = keep.iter().map(|fd| {
        // SAFETY: a descriptor that was just kept open.
        rustix::io::fcntl_setfd(unsafe { BorrowedFd::borrow_raw(*fd) }, FdFlags::empty())
    });
    let ready =
        ready && kept.try_for_each(|done| done).is_ok() && super::steps::reset_signals().is_ok();
    let words: Result<Vec<CString>, _> =
        argv.iter().map(|word| CString::new(word.as_bytes())).collect();
    let marks = env.iter().filter(|(name, _)| MARKS.contains(&name.as_str()));
    let marks: Result<Vec<CString>, _> =
        marks.map(|(name, value)| CString::new(format!("{name}={value}"))).collect();
    if let (true, Ok(words), Ok(marks)) = (ready, words, marks) {
        let pointers = |list: &[CString]| {
            list.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect::<Vec<_>>()
        };
        let (pointers, environment) = (pointers(&words), pointers(&marks));
        // SAFETY: both arrays end in a null pointer, and their strings live until here.
        unsafe { libc::execve(pointers[0], pointers.as_ptr(), environment.as_ptr()) };
    }
    let program = argv.first().map_or(OsStr::new(""), |word| word).to_string_lossy();
    let why = format!("{program}: {}", io::Error::last_os_error());
    let _ = rustix::io::write(rustix::stdio::stderr(), why.as_bytes());
    std::process::exit(126)
}

/// Waits for the word of the init, and for what it brings.
fn receive(ours: &OwnedFd, isolated: bool) -> io::Result<(Pid, Option<TcpListener>)> {
    let mut said = [0; 1024];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1), ScmCredentials(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let got = rustix::io::retry_on_intr(|| {
        let mut iov = [IoSliceMut::new(&mut said)];
        recvmsg(ours, &mut iov, &mut control, RecvFlags::CMSG_CLOEXEC)
    })?;
    let (mut init, mut listener) = (None, None);
    for message in control.drain() {
        match message {
            RecvAncillaryMessage::ScmRights(mut fds) => listener = fds.next(),
            RecvAncillaryMessage::ScmCredentials(who) => init = Some(who.pid),
            _ => {}
        }
    }
    match (got.bytes, init) {
        (0, _) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "nothing was heard from it")),
        (1, Some(init)) if listener.is_some() == isolated => {
            Ok((init, listener.map(TcpListener::from)))
        }
        (bytes, _) => Err(io::Error::other(String::from_utf8_lossy(&said[..bytes]).into_owned())),
    }
}

/// `dash __exec inside PLAN CHANNEL TTY READY [SETTINGS OUTSIDE]`, as process 1.
#[allow(unsafe_code)]
pub fn main(args: &[OsString]) -> ExitCode {
    let numbers: Option<Vec<RawFd>> =
        args.iter().map(|word| word.to_str()?.parse().ok().filter(|fd| *fd > 2)).collect();
    let Some(&[plan, channel, tty, ready, ref more @ ..]) = numbers.as_deref() else {
        return ExitCode::from(2);
    };
    if std::process::id() != 1 {
        return ExitCode::from(2);
    }
    // SAFETY: bubblewrap passed these on, and nobody else here uses them.
    let [plan, channel, tty, ready] =
        [plan, channel, tty, ready].map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    let numbers = handed_numbers(more);
    let read = || -> io::Result<(Plan, Option<TcpListener>)> {
        for fd in [&plan, &channel, &tty, &ready] {
            rustix::io::fcntl_setfd(fd, FdFlags::CLOEXEC)?;
        }
        let mut text = Vec::new();
        File::from(plan.try_clone()?).read_to_end(&mut text)?;
        let plan: Plan = serde_json::from_slice(&text)?;
        // Where it cannot be held so it is watched, as it is in any case.
        let held = numbers.zip(plan.processes);
        let _ = held.map(|(numbers, most)| numbers.hold(most));
        let isolated = plan.confine.as_ref().is_some_and(|confine| confine.isolated);
        Ok((plan, if isolated { Some(gateway()?) } else { None }))
    };
    let read = read();
    drop(plan);
    match read {
        Ok((plan, gateway)) => {
            if tell(&ready, b"+", gateway.as_ref().map(AsFd::as_fd)).is_err() {
                return ExitCode::FAILURE;
            }
            drop((ready, gateway));
            // Bubblewrap's own complaints are over.
            let _ = rustix::stdio::dup2_stderr(&tty);
            init::stand_in(&plan, &Channel::new(channel), &tty)
        }
        Err(error) => {
            let _ = tell(&ready, format!("inside: {error}").as_bytes(), None);
            ExitCode::FAILURE
        }
    }
}

/// The last of the descriptors that bubblewrap passed on, if they are there.
#[allow(unsafe_code)]
pub(super) fn handed_numbers(more: &[RawFd]) -> Option<Numbers> {
    let &[dir, outside] = more else { return None };
    // SAFETY: bubblewrap passed them on, and nobody else here uses them.
    Some(Numbers::of([dir, outside].map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })))
}

fn gateway() -> io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, GATEWAY_PORT))?;
    rustix::net::listen(&listener, BACKLOG)?;
    Ok(listener)
}

fn tell(ready: &OwnedFd, word: &[u8], fd: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds: Vec<BorrowedFd<'_>> = fd.into_iter().collect();
    if !fds.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(&fds));
    }
    sendmsg(ready, &[IoSlice::new(word)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// What bubblewrap does the holding, if it does.
pub fn bubblewrap_of(plan: &Plan) -> Option<(&Confine, &Path, bool)> {
    let confine = plan.confine.as_deref()?;
    match &confine.holder {
        Holder::Bubblewrap { program, by_fd } => Some((confine, program, *by_fd)),
        Holder::Landlock | Holder::Seatbelt => None,
    }
}
