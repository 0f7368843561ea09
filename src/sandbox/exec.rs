//! The shim between a keeper and its agent: a fork of the keeper, which is small and has one
//! thread, so that a launch costs no second exec of this program. It is called
//! `dash __exec ATTEMPT` wherever processes are listed.
//!
//! 1. It is the init of a new pid and mount namespace (with a user namespace, identity map,
//!    where it is not privileged), whose parent-death signal follows the keeper's life. It
//!    mounts its own /proc and says whether all is ready; the keeper waits for that.
//! 2. Where any of that is refused, a plain fork becomes the agent itself, and the keeper, as
//!    subreaper, answers for the descendants.
//!
//! 3. In a sandbox bubblewrap stands between: see [`inside`].
//!
//! What it reports goes over the status channel, a packet socket whose other end the keeper
//! alone holds.
//!
//! `dash __exec detach PROGRAM ARGS…` starts a program that is nobody's descendant.

use super::inside::{self, Entered};
use super::launch::{self, Channel};
use super::numbers::Numbers;
use super::plan::Plan;
use super::{brokered, cgroup, init, steps, title, within};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::process::{Pid, WaitOptions, waitpid};
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

/// What was started.
pub enum Started {
    /// The init of a new pid namespace: all die with it, it dies with the keeper.
    Init(Pid),
    /// There are no namespaces to be had; this process becomes the agent.
    Plain(Pid),
    /// A sandbox of namespaces with an init of its own.
    Sandbox(Entered),
}

/// Forks the shim of `attempt`. The calling process has one thread.
///
/// # Errors
/// When nothing could be forked.
pub fn start(
    plan: &Plan,
    attempt: &str,
    tty: BorrowedFd<'_>,
    status: OwnedFd,
) -> io::Result<Started> {
    // Above the three streams, which the agent's take the place of.
    let channel = Channel::new(fcntl_dupfd_cloexec(&status, 3)?);
    let tty = fcntl_dupfd_cloexec(tty, 3)?;
    drop(status);
    if let Some((confine, program, by_fd)) = inside::bubblewrap_of(plan) {
        let entered = inside::enter(plan, confine, program, by_fd, &channel, tty.as_fd())?;
        return Ok(Started::Sandbox(entered));
    }
    if plan.namespaces
        && let Some(init) = contain(plan, attempt, &channel, &tty)?
    {
        return Ok(Started::Init(init));
    }
    match init::raw_clone(libc::SIGCHLD)? {
        Some(agent) => Ok(Started::Plain(agent)),
        None => {
            become_shim(attempt, &mut [channel.as_raw_fd(), tty.as_raw_fd()]);
            join_group(plan, &channel);
            launch::die_with_the_keeper(&channel);
            launch::become_agent(plan, &channel, &tty, None)
        }
    }
}

/// Starts the init; none where there can be none.
fn contain(
    plan: &Plan,
    attempt: &str,
    channel: &Channel,
    tty: &OwnedFd,
) -> io::Result<Option<Pid>> {
    let ids = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let mut user = false;
    let mut numbers = Numbers::for_limit(plan.processes);
    loop {
        let (ready, tell) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        match init::clone_init(user) {
            Ok(None) => {
                let mut keep = vec![channel.as_raw_fd(), tty.as_raw_fd(), tell.as_raw_fd()];
                keep.extend(numbers.iter().flat_map(Numbers::raw));
                become_shim(attempt, &mut keep);
                join_group(plan, channel);
                // Where it cannot be held so it is watched, as it is in any case.
                let held = numbers.take().zip(plan.processes);
                let _ = held.map(|(numbers, most)| numbers.hold(most));
                init::run(plan, channel, tty, tell, user.then_some(ids))
            }
            Ok(Some(pid)) => {
                drop(tell);
                if init::is_ready(&ready) {
                    return Ok(Some(pid));
                }
                let _ = rustix::io::retry_on_intr(|| waitpid(Some(pid), WaitOptions::empty()));
                return Ok(None);
            }
            Err(Errno::PERM) if !user => user = true,
            Err(_) => return Ok(None),
        }
    }
}

/// Enters the attempt's control group, if it has one, or says why not and leaves.
fn join_group(plan: &Plan, channel: &Channel) {
    if let Some(Err(error)) = plan.group.as_deref().map(cgroup::enter) {
        channel.send(&launch::Failure::new("group", error).report());
        std::process::exit(126);
    }
}

/// From a copy of the keeper to a process of its own: nothing stays open but `keep` (and
/// the three streams), above all not the keeper's end of the terminal and its sockets.
fn become_shim(attempt: &str, keep: &mut [RawFd]) {
    steps::close_all_but(keep);
    title::set(&[b"dash", b"__exec", attempt.as_bytes()]);
}

/// `args`: what follows `__exec`.
pub fn main(args: &[OsString]) -> ExitCode {
    match args.split_first() {
        Some((first, rest)) if first == "detach" => detach(rest),
        Some((first, rest)) if first == "inside" => inside::main(rest),
        Some((first, rest)) if first == "within" => within::main(rest),
        Some((first, rest)) if first == "brokered" => brokered::main(rest),
        Some(_) | None => ExitCode::from(2),
    }
}

/// Starts `PROGRAM ARGS…` in a session of its own, with null for its three streams. This
/// process then leaves, so that the program belongs to nobody.
fn detach(args: &[OsString]) -> ExitCode {
    let Some((program, args)) = args.split_first() else { return ExitCode::from(2) };
    // The second step runs in a child that leads no group, so that setsid works.
    let first = std::env::var_os("DASH_DETACH").is_none();
    let mut command = if first {
        let mut command = Command::new("/proc/self/exe");
        command.args(["__exec", "detach"]).arg(program).env("DASH_DETACH", "1");
        command
    } else {
        let _ = rustix::process::setsid();
        let _ = steps::reset_signals();
        let mut command = Command::new(program);
        command.env_remove("DASH_DETACH");
        command
    };
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if first {
        return if command.spawn().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let _ = command.exec();
    ExitCode::from(127)
}
