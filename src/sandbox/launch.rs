//! From a process of our own to the agent's program: the steps, then the exec, and an
//! error that names what is wrong where it fails.

use super::plan::{Plan, Report};
use super::{seatbelt, steps};
use crate::model::{Confine, Holder};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use rustix::net::{SendFlags, send};
use rustix::process::{Signal, set_parent_process_death_signal};
use std::ffi::{CString, OsStr};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The way back to the keeper.
pub struct Channel(OwnedFd);

impl Channel {
    pub fn new(fd: OwnedFd) -> Self {
        Self(fd)
    }

    pub fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// A keeper that is gone hears nothing; its death kills us anyway.
    pub fn send(&self, report: &Report) {
        if let Ok(text) = serde_json::to_vec(report) {
            let _ = rustix::io::retry_on_intr(|| send(&self.0, &text, SendFlags::NOSIGNAL));
        }
    }

    fn keeper_is_gone(&self) -> bool {
        let mut fds = [PollFd::new(&self.0, PollFlags::empty())];
        let now = rustix::event::Timespec::default();
        poll(&mut fds, Some(&now)).is_ok()
            && fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
    }
}

/// Why the agent could not be started.
pub struct Failure {
    step: &'static str,
    message: String,
    /// As a shell has it: 127 not found, 126 otherwise.
    pub code: i32,
}

impl Failure {
    pub fn new(step: &'static str, message: impl ToString) -> Self {
        Self { step, message: message.to_string(), code: 126 }
    }

    fn not_found(step: &'static str, message: impl ToString) -> Self {
        Self { code: 127, ..Self::new(step, message) }
    }

    pub fn report(self) -> Report {
        Report::Failed { step: self.step.to_owned(), message: self.message, code: self.code }
    }
}

/// Killed when the keeper dies; leaves at once if it has died already (a parent in another
/// pid namespace cannot be asked for by getppid, but its end of the channel is closed).
pub fn die_with_the_keeper(channel: &Channel) {
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    if channel.keeper_is_gone() {
        std::process::exit(1);
    }
}

/// Runs the steps and the exec. `failed`: written to when the exec does not happen.
pub fn become_agent(
    plan: &Plan,
    channel: &Channel,
    tty: &OwnedFd,
    failed: Option<BorrowedFd<'_>>,
) -> ! {
    let failure = match steps::run(plan, tty.as_fd()) {
        Ok(()) => {
            channel.send(&Report::Exec);
            exec(plan)
        }
        Err(failure) => failure,
    };
    let code = failure.code;
    channel.send(&failure.report());
    if let Some(failed) = failed {
        let _ = rustix::io::write(failed, b"!");
    }
    std::process::exit(code)
}

fn exec(plan: &Plan) -> Failure {
    let Some(name) = plan.argv.first().filter(|name| !name.is_empty()) else {
        return Failure::not_found("exec", "no command was given");
    };
    let program = match find(name, plan) {
        Ok(program) => program,
        Err(failure) => return failure,
    };
    if let Some(confine) = plan.confine.as_deref().filter(|c| c.holder == Holder::Seatbelt) {
        return exec_by_seatbelt(plan, confine, &program);
    }
    let error = execve(&program, plan.argv.iter().map(String::as_str), plan);
    if error.raw_os_error() == Some(libc::ENOEXEC) && is_text(&program) {
        // A script without a #! line is the shell's, as execvp has it.
        let script = program.to_string_lossy();
        let rest = plan.argv.iter().skip(1).map(String::as_str);
        let argv = ["sh", &script].into_iter().chain(rest);
        return Failure::new("exec", execve(Path::new("/bin/sh"), argv, plan));
    }
    explain(&program, &error)
}

/// Through the program that takes a profile; what it starts has its own path for a name.
fn exec_by_seatbelt(plan: &Plan, confine: &Confine, program: &Path) -> Failure {
    let profile = match seatbelt::profile(confine, Some(plan.gateway)) {
        Ok(profile) => profile,
        Err(error) => return Failure::new("sandbox", error),
    };
    let program = program.to_string_lossy();
    let head = [seatbelt::PROGRAM, "-p", &profile, &program];
    let argv = head.into_iter().chain(plan.argv.iter().skip(1).map(String::as_str));
    let error = execve(Path::new(seatbelt::PROGRAM), argv, plan);
    Failure::new("sandbox", format!("{}: {error}", seatbelt::PROGRAM))
}

/// The file to run: `name` itself if it has a slash, else the first in PATH.
fn find(name: &str, plan: &Plan) -> Result<PathBuf, Failure> {
    if name.contains('/') {
        let path = PathBuf::from(name);
        return match path.metadata() {
            Ok(_) => usable(&path).map(|()| path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Failure::not_found("exec", format!("no such program: {name}")))
            }
            Err(error) => Err(Failure::new("exec", format!("{name}: {error}"))),
        };
    }
    let path = plan
        .env
        .iter()
        .rev()
        .find(|(key, _)| key == "PATH")
        .map_or(DEFAULT_PATH, |(_, value)| value.as_str());
    let mut refused = None;
    for dir in path.split(':') {
        let file = Path::new(if dir.is_empty() { "." } else { dir }).join(name);
        if !file.metadata().is_ok_and(|meta| meta.is_file()) {
            continue;
        }
        match usable(&file) {
            Ok(()) => return Ok(file),
            Err(failure) => refused = refused.or(Some(failure)),
        }
    }
    Err(refused.unwrap_or_else(|| {
        Failure::not_found("exec", format!("command not found: {name} (PATH is {path})"))
    }))
}

fn usable(file: &Path) -> Result<(), Failure> {
    let shown = file.display();
    let meta =
        file.metadata().map_err(|error| Failure::new("exec", format!("{shown}: {error}")))?;
    if meta.is_dir() {
        return Err(Failure::new("exec", format!("{shown} is a directory, not a program")));
    }
    // The superuser passes access(2) on what nobody may execute, so the bits are asked too.
    let bits = meta.permissions().mode() & 0o111 != 0;
    if !bits || rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_err() {
        return Err(Failure::new(
            "exec",
            format!("{shown} is not executable (mode {:03o})", meta.permissions().mode() & 0o777),
        ));
    }
    Ok(())
}

/// What execve meant: ENOENT for a file that is there speaks of its interpreter.
fn explain(program: &Path, error: &io::Error) -> Failure {
    let shown = program.display();
    let missing = error.kind() == io::ErrorKind::NotFound && program.exists();
    if let Some(interpreter) = interpreter(program)
        && (missing || !Path::new(OsStr::from_bytes(interpreter.as_bytes())).exists())
    {
        return Failure::new(
            "interpreter",
            format!("{shown} asks for {interpreter} in its first line, which is not there"),
        );
    }
    if missing {
        return Failure::new("interpreter", format!("{shown}: its loader is not there"));
    }
    if error.raw_os_error() == Some(libc::ENOEXEC) {
        return Failure::new("exec", format!("{shown} is not a program for this machine"));
    }
    Failure::new("exec", format!("{shown}: {error}"))
}

fn head(program: &Path) -> Vec<u8> {
    let mut head = Vec::new();
    if let Ok(file) = std::fs::File::open(program) {
        let _ = file.take(256).read_to_end(&mut head);
    }
    head
}

/// The path after `#!`.
fn interpreter(program: &Path) -> Option<String> {
    let head = head(program);
    let line = head.strip_prefix(b"#!")?.split(|&byte| byte == b'\n').next()?;
    let text = String::from_utf8_lossy(line);
    // A carriage return is part of the name, as the kernel has it, and shown as such.
    text.trim_matches([' ', '\t'])
        .split([' ', '\t'])
        .next()
        .map(|word| word.escape_debug().to_string())
}

fn is_text(program: &Path) -> bool {
    let head = head(program);
    !head.is_empty() && !head.contains(&0) && !head.starts_with(b"\x7fELF")
}

/// Returns only when it failed.
#[allow(unsafe_code)]
pub(super) fn execve<'a>(
    program: &Path,
    argv: impl Iterator<Item = &'a str>,
    plan: &Plan,
) -> io::Error {
    let strings = || -> Result<_, std::ffi::NulError> {
        let program = CString::new(program.as_os_str().as_bytes())?;
        let argv = argv.map(CString::new).collect::<Result<Vec<_>, _>>()?;
        let env = plan
            .env
            .iter()
            .map(|(key, value)| CString::new(format!("{key}={value}")))
            .collect::<Result<Vec<_>, _>>()?;
        Ok((program, argv, env))
    };
    let (program, argv, env) = match strings() {
        Ok(strings) => strings,
        Err(error) => return io::Error::new(io::ErrorKind::InvalidInput, error),
    };
    let pointers = |list: &[CString]| {
        list.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect::<Vec<_>>()
    };
    let (argv, env) = (pointers(&argv), pointers(&env));
    // SAFETY: both arrays end in a null pointer and point to strings that live until here.
    unsafe { libc::execve(program.as_ptr(), argv.as_ptr(), env.as_ptr()) };
    io::Error::last_os_error()
}
