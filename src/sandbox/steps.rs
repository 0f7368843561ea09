//! The ordered steps from a bare process to one that may exec the agent. Each runs in the
//! agent's own process, and one that fails is never passed over.

use super::launch::Failure;
use super::plan::Plan;
use super::{cores, rights, rules, seccomp};
use crate::model::{Confine, Holder};
use rustix::fd::{AsFd, BorrowedFd, RawFd};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;

type Step = fn(&Plan, BorrowedFd<'_>) -> io::Result<()>;

const STEPS: &[(&str, Step)] = &[
    ("session", session),
    ("terminal", terminal),
    ("limits", limits),
    ("cwd", directory),
    // Everything above needs rights that it takes away.
    ("sandbox", sandbox),
    ("filters", keep_to_limits),
    ("descriptors", descriptors),
    ("signals", signals),
];

pub fn run(plan: &Plan, tty: BorrowedFd<'_>) -> Result<(), Failure> {
    for (name, step) in STEPS {
        step(plan, tty).map_err(|error| match *name {
            "cwd" => Failure::new(name, format!("{}: {error}", plan.cwd.display())),
            _ => Failure::new(name, error),
        })?;
    }
    Ok(())
}

/// A session of its own, so that the terminal can be its controlling terminal.
fn session(_: &Plan, _: BorrowedFd<'_>) -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}

fn terminal(plan: &Plan, tty: BorrowedFd<'_>) -> io::Result<()> {
    rustix::process::ioctl_tiocsctty(tty)?;
    if let Some(file) = &plan.stdin_file {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::open(file, flags, Mode::empty())?;
        rustix::stdio::dup2_stdin(file.as_fd())?;
    } else if plan.stdin_null {
        let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
        rustix::stdio::dup2_stdin(null.as_fd())?;
    } else {
        rustix::stdio::dup2_stdin(tty)?;
    }
    rustix::stdio::dup2_stdout(tty)?;
    rustix::stdio::dup2_stderr(tty)?;
    Ok(())
}

/// Core and keeper raise their own limit of open files; programs that use select(2) break
/// on a high one, so the agent gets back what the user had.
///
/// Processes are counted for each user in each user namespace: in the keeper's the limit
/// would be one for all that the user runs.
fn limits(plan: &Plan, _: BorrowedFd<'_>) -> io::Result<()> {
    limit(plan)
}

pub fn limit(plan: &Plan) -> io::Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let current = Some(maximum.map_or(plan.nofile, |hard| hard.min(plan.nofile)));
    setrlimit(Resource::Nofile, Rlimit { current, maximum })?;
    if let Some(most) = plan.processes {
        let users = std::fs::read_link("/proc/self/ns/user")?;
        if users != plan.users {
            let hard = getrlimit(Resource::Nproc).maximum;
            let most = Some(hard.map_or(most, |hard| hard.min(most)));
            setrlimit(Resource::Nproc, Rlimit { current: most, maximum: most })?;
        }
    }
    if let Some(most) = plan.file_bytes {
        let hard = getrlimit(Resource::Fsize).maximum;
        let most = Some(hard.map_or(most, |hard| hard.min(most)));
        setrlimit(Resource::Fsize, Rlimit { current: most, maximum: most })?;
    }
    if plan.confine.is_some() {
        // The memory of a crash, in whatever directory it happens.
        setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    }
    Ok(())
}

fn keep_to_limits(plan: &Plan, _: BorrowedFd<'_>) -> io::Result<()> {
    filter(plan)
}

/// What keeps it from undoing a limit, or from going around it; also without a sandbox.
pub fn filter(plan: &Plan) -> io::Result<()> {
    if plan.file_bytes.is_some() {
        seccomp::no_room_without_writing()?;
    }
    if plan.cores.is_empty() { Ok(()) } else { cores::hold(&plan.cores) }
}

/// A directory that is missing is an error: the agent must not run elsewhere.
fn directory(plan: &Plan, _: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::process::chdir(&plan.cwd)?)
}

fn sandbox(plan: &Plan, tty: BorrowedFd<'_>) -> io::Result<()> {
    let Some(confine) = &plan.confine else { return Ok(()) };
    if confine.holder == Holder::Seatbelt {
        // It comes with the exec.
        return Ok(());
    }
    wall(confine, Some(tty))
}

/// The walls that a process puts around itself.
pub fn wall(confine: &Confine, tty: Option<BorrowedFd<'_>>) -> io::Result<()> {
    rights::give_up()?;
    rules::restrict(confine, tty)?;
    let alone = confine.holder == Holder::Landlock;
    seccomp::install(seccomp::Refuse {
        unix: alone,
        attributes: alone,
        memfd: confine.only.is_some(),
    })
}

/// Nothing but the three streams reaches the agent, whoever left a descriptor open.
#[allow(unsafe_code)]
fn descriptors(_: &Plan, _: BorrowedFd<'_>) -> io::Result<()> {
    if close_range(3, RawFd::MAX, libc::CLOSE_RANGE_CLOEXEC as libc::c_uint) {
        return Ok(());
    }
    // Older kernels: one by one.
    for fd in open_descriptors()? {
        // SAFETY: a flag of a descriptor of this process; a closed one gives EBADF.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    Ok(())
}

/// Closes all but the three streams.
pub fn close_others() {
    close_all_but(&mut []);
}

/// Closes all but the three streams and `keep`: nobody in this process uses the others.
#[allow(unsafe_code)]
pub fn close_all_but(keep: &mut [RawFd]) {
    keep.sort_unstable();
    let ends = keep.iter().copied().chain([RawFd::MAX]);
    let begins = std::iter::once(3).chain(keep.iter().map(|fd| fd + 1));
    let done = begins.zip(ends).all(|(begin, end)| begin >= end || close_range(begin, end - 1, 0));
    if done {
        return;
    }
    for fd in open_descriptors().unwrap_or_default() {
        if !keep.contains(&fd) {
            // SAFETY: as said above; a closed one gives EBADF.
            unsafe { libc::close(fd) };
        }
    }
}

/// Descriptors `first` to `last` closed, or marked as `flags` say; false where the kernel
/// (before 5.11) cannot.
#[allow(unsafe_code)]
fn close_range(first: RawFd, last: RawFd, flags: libc::c_uint) -> bool {
    // SAFETY: plain numbers; the caller answers for the descriptors.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) == 0 }
}

fn open_descriptors() -> io::Result<Vec<RawFd>> {
    let entries = std::fs::read_dir("/proc/self/fd")?.flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(numbers.filter(|fd| *fd > 2).collect())
}

fn signals(_: &Plan, _: BorrowedFd<'_>) -> io::Result<()> {
    reset_signals()
}

/// Ignored and blocked signals survive an exec; a program begins with none.
#[allow(unsafe_code)]
pub fn reset_signals() -> io::Result<()> {
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: the default disposition; the two that cannot be set give EINVAL.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: an empty set, initialised by sigemptyset before it is used.
    let done = unsafe {
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut())
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
