//! `dash __exec`: the shim between a keeper and its agent. Single-threaded, launched by
//! posix_spawn, so that a keeper or core of any size pays nothing for a fork.
//!
//! Descriptors: 0 the [`Plan`], 1 the status channel (a packet socket whose other end the
//! keeper alone holds), 2 the terminal. What happens:
//!
//! 1. It clones the init of a new pid and mount namespace (with a user namespace, identity
//!    map, where it is not privileged) as a child *of the keeper*, so that the init's
//!    parent-death signal follows the keeper's life. The init mounts its own /proc and says
//!    whether all is ready; then the shim leaves.
//! 2. Where any of that is refused, nothing of the shim has changed: it becomes the agent
//!    itself, and the keeper, as subreaper, answers for the descendants.
//!
//! `dash __exec detach PROGRAM ARGS…` starts a program that is nobody's descendant.

use super::launch::{self, Failure};
use super::plan::{Plan, Report};
use super::{init, launch::Channel, steps};
use rustix::fd::OwnedFd;
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

/// `args`: what follows `__exec`.
pub fn main(args: &[OsString]) -> ExitCode {
    if args.first().is_some_and(|arg| arg == "detach") {
        return detach(&args[1..]);
    }
    match shim() {
        Ok(code) => code,
        // Nobody listens on the channel: only the terminal is left to say it.
        Err(error) => {
            use io::Write;
            let _ = writeln!(io::stderr().lock(), "dash: starting the agent: {error}");
            ExitCode::from(126)
        }
    }
}

fn shim() -> io::Result<ExitCode> {
    let channel = Channel::new(fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?);
    let tty = fcntl_dupfd_cloexec(rustix::stdio::stderr(), 3)?;
    let plan = match read_plan() {
        Ok(plan) => plan,
        Err(error) => {
            channel.send(&Failure::new("plan", error).report());
            return Ok(ExitCode::from(126));
        }
    };
    let why = if plan.namespaces {
        match contain(&plan, &channel, &tty) {
            Ok(()) => return Ok(ExitCode::SUCCESS),
            Err(why) => why,
        }
    } else {
        "switched off".to_owned()
    };
    channel.send(&Report::Plain { why });
    launch::die_with_the_keeper(&channel);
    launch::become_agent(&plan, &channel, &tty, None)
}

fn read_plan() -> io::Result<Plan> {
    let mut text = Vec::new();
    io::stdin().lock().read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// Starts the init; an error says why there can be none.
fn contain(plan: &Plan, channel: &Channel, tty: &OwnedFd) -> Result<(), String> {
    let ids = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let mut user = false;
    loop {
        let (ready, tell) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
            .map_err(|error| format!("pipe: {error}"))?;
        match init::clone_init(user) {
            Ok(None) => {
                drop(ready);
                init::run(plan, channel, tty, tell, user.then_some(ids))
            }
            Ok(Some(_)) => {
                drop(tell);
                return init::await_ready(&ready);
            }
            Err(Errno::PERM) if !user => user = true,
            Err(error) => return Err(format!("clone: {error}")),
        }
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
