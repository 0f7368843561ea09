//! A program that is hidden from an agent, run on its behalf: in a sandbox of the agent's own
//! scope beside the agent's, where the program is to be seen, with pids of its own, in the
//! agent's network, and with the streams that came with the request.
//!
//! The program is the file that was opened before the agent began: it is mounted by its
//! descriptor. `dash __exec brokered PLAN [SETTINGS OUTSIDE]` is the last step.

use super::numbers::Numbers;
use super::plan::Plan;
use super::{bubblewrap, cgroup, init, inside, launch, steps};
use crate::model::{Brokered, Confine, Holder};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use rustix::fs::{Mode, OFlags};
use rustix::process::Pid;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::ExitCode;

/// ioctl(2) that opens the user namespace which owns a namespace.
const NS_GET_USERNS: libc::c_ulong = 0xb701;

/// The network of an attempt, and the user namespace that has the say in it.
pub struct Network {
    users: OwnedFd,
    net: OwnedFd,
}

impl Network {
    /// That of process `pid`.
    ///
    /// # Errors
    /// When the process is gone.
    #[allow(unsafe_code)]
    pub fn of(pid: Pid) -> io::Result<Self> {
        let path = format!("/proc/{}/ns/net", pid.as_raw_nonzero());
        let net = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        // SAFETY: it takes no argument, and gives a fresh descriptor or -1.
        let users = unsafe { libc::ioctl(net.as_raw_fd(), NS_GET_USERNS as _) };
        if users < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made it for us.
        let users = unsafe { OwnedFd::from_raw_fd(users) };
        rustix::io::fcntl_setfd(&users, rustix::io::FdFlags::CLOEXEC)?;
        Ok(Self { users, net })
    }

    /// This process, which has one thread, joins it.
    fn join(&self) -> io::Result<()> {
        move_into_link_name_space(self.users.as_fd(), Some(LinkNameSpaceType::User))?;
        move_into_link_name_space(self.net.as_fd(), Some(LinkNameSpaceType::Network))?;
        Ok(())
    }
}

/// One run of a brokered program.
pub struct Call<'a> {
    /// Its words are those that were judged; its scope is the agent's.
    pub plan: Plan,
    pub program: &'a Brokered,
    /// The program, opened by path only.
    pub file: BorrowedFd<'a>,
    /// Standard input, output, error.
    pub streams: [OwnedFd; 3],
    /// The agent's; none: one of its own with nothing in it.
    pub network: Option<Network>,
}

/// What the last step is told.
#[derive(Serialize, Deserialize)]
struct Last {
    plan: Plan,
    program: PathBuf,
}

impl Call<'_> {
    /// Starts it; the process is a child of this one, and everything of the run dies with it.
    ///
    /// # Errors
    /// When the scope cannot be mounted any more.
    pub fn start(self) -> io::Result<Pid> {
        let Self { mut plan, program, file, streams, network } = self;
        let unheld = || io::Error::other("no sandbox of namespaces holds the agent");
        let mut confine = plan.confine.take().ok_or_else(unheld)?;
        let Holder::Bubblewrap { program: bwrap, by_fd: true } = confine.holder.clone() else {
            return Err(unheld());
        };
        // Other brokered programs stay hidden from this one.
        confine.brokered.retain(|other| other.file != program.file);
        let mut hold: Vec<OwnedFd> = Vec::new();
        let mut held = Vec::new();
        for place in &program.places {
            // Bubblewrap closes each after its mount.
            let fd = rustix::io::fcntl_dupfd_cloexec(file, 3)?;
            held.push((place.clone(), fd.as_raw_fd()));
            hold.push(fd);
        }
        let shown =
            Confine { isolated: confine.isolated && network.is_none(), ..Confine::clone(&confine) };
        let arguments = bubblewrap::arguments_with(&shown, &held, |path| {
            inside::open_path(path, &mut hold).map(Some)
        })?;
        if let Some(only) = &mut confine.only {
            only.push(program.file.clone());
        }
        let (env, cwd, group) = (plan.env.clone(), plan.cwd.clone(), plan.group.clone());
        let dash = confine.dash.clone();
        let numbers = Numbers::for_limit(plan.processes);
        plan.confine = Some(confine);
        let last = Last { plan, program: program.file.clone() };
        let last = inside::in_memory("dash-plan", &serde_json::to_vec(&last)?)?;
        let ids = [("--uid", rustix::process::getuid().as_raw())];
        let ids = ids.into_iter().chain([("--gid", rustix::process::getgid().as_raw())]);
        let mut line = Vec::new();
        let mut put = |word: &[u8]| {
            line.extend_from_slice(word);
            line.push(0);
        };
        arguments.iter().for_each(|word| put(word.as_bytes()));
        for (flag, id) in ids {
            put(flag.as_bytes());
            put(id.to_string().as_bytes());
        }
        put(b"--chdir");
        put(cwd.as_os_str().as_bytes());
        let line = inside::in_memory("dash-mounts", &line)?;
        let mut argv: Vec<OsString> = vec![bwrap.into(), "--args".into()];
        argv.push(line.as_raw_fd().to_string().into());
        argv.extend([OsString::from("--"), dash.into()]);
        argv.extend(["__exec", "brokered"].map(OsString::from));
        let mut handed = vec![last.as_raw_fd()];
        handed.extend(numbers.iter().flat_map(Numbers::raw));
        argv.extend(handed.iter().map(|fd| OsString::from(fd.to_string())));
        if let Some(monitor) = init::raw_clone(libc::SIGCHLD)? {
            return Ok(monitor);
        }
        if let Some(Err(error)) = group.as_deref().map(cgroup::enter) {
            say(&format!("the control group: {error}"));
            std::process::exit(126)
        }
        let keep = hold.iter().chain([&line]).map(AsRawFd::as_raw_fd).chain(handed);
        become_bubblewrap(keep.collect(), &streams, network.as_ref(), &argv, &env)
    }
}

/// The fork's side. It leaves the keeper's session: no signal for the one's group is to reach
/// the other.
fn become_bubblewrap(
    mut keep: Vec<RawFd>,
    [stdin, stdout, stderr]: &[OwnedFd; 3],
    network: Option<&Network>,
    argv: &[OsString],
    env: &[(String, String)],
) -> ! {
    let streams = rustix::stdio::dup2_stdin(stdin)
        .and_then(|()| rustix::stdio::dup2_stdout(stdout))
        .and_then(|()| rustix::stdio::dup2_stderr(stderr));
    let _ = rustix::process::setsid();
    if let Err(error) = network.map_or(Ok(()), Network::join) {
        say(&format!("the agent's network: {error}"));
        std::process::exit(126)
    }
    inside::exec_bubblewrap(streams.is_ok(), &mut keep, argv, env)
}

fn say(what: &str) {
    let _ = writeln!(io::stderr(), "dash: broker: {what}");
}

/// The last step: the walls, then the program.
pub fn main(args: &[OsString]) -> ExitCode {
    let fds: Option<Vec<RawFd>> =
        args.iter().map(|word| word.to_str()?.parse().ok().filter(|fd| *fd > 2)).collect();
    let error = match fds.as_deref() {
        Some(&[plan, ref more @ ..]) => last(plan, more),
        Some([]) | None => return ExitCode::from(2),
    };
    say(&error.to_string());
    ExitCode::from(if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 })
}

/// Returns only when it failed.
#[allow(unsafe_code)]
fn last(plan: RawFd, more: &[RawFd]) -> io::Error {
    // SAFETY: bubblewrap passed it on, and nobody else here uses it.
    let plan = unsafe { OwnedFd::from_raw_fd(plan) };
    let numbers = inside::handed_numbers(more);
    let ready = || -> io::Result<Last> {
        let mut text = Vec::new();
        File::from(plan).read_to_end(&mut text)?;
        let last: Last = serde_json::from_slice(&text)?;
        // A group of its own: signals are for it, not for what holds it.
        rustix::process::setpgid(None, None)?;
        // Where it was judged; what was put there since leads elsewhere.
        if std::env::current_dir()? != last.plan.cwd {
            let why = format!("{} is a link, or leads through one", last.plan.cwd.display());
            return Err(io::Error::other(why));
        }
        // Where it cannot be held so it is watched, as it is in any case.
        let held = numbers.zip(last.plan.processes);
        let _ = held.map(|(numbers, most)| numbers.hold(most));
        steps::limit(&last.plan)?;
        let confine = last.plan.confine.as_deref();
        steps::wall(confine.ok_or_else(|| io::Error::other("no scope"))?, None)?;
        steps::filter(&last.plan)?;
        steps::reset_signals()?;
        steps::close_others();
        Ok(last)
    };
    match ready() {
        Ok(last) => {
            let argv = last.plan.argv.iter().map(String::as_str);
            let error = launch::execve(&last.program, argv, &last.plan);
            io::Error::new(error.kind(), format!("{}: {error}", last.program.display()))
        }
        Err(error) => error,
    }
}
