//! The init of an attempt's pid namespace. It is a child of the keeper and is killed with
//! it (parent-death signal); with it dies everything in the namespace, whatever sessions,
//! groups or parents those processes gave themselves.
//!
//! Its life: mount a /proc of its own, fork the agent, reap all that ends, report how the
//! agent ended, leave.

use super::launch::{self, Channel};
use super::plan::{Plan, Report};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags};
use rustix::process::{Pid, WaitOptions};
use std::io;

/// Written to the keeper when all is ready; an end without it says that it cannot be.
const READY: u8 = b'+';

/// Clones the init. None in the init itself.
pub fn clone_init(user: bool) -> Result<Option<Pid>, Errno> {
    let mut flags = libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::SIGCHLD;
    if user {
        flags |= libc::CLONE_NEWUSER;
    }
    raw_clone(flags)
}

/// fork(2) with namespace flags.
#[allow(unsafe_code)]
pub fn raw_clone(flags: libc::c_int) -> Result<Option<Pid>, Errno> {
    // SAFETY: without CLONE_VM and with no stack of its own this is a fork; the process has
    // one thread, so no lock can be held by a thread that the child lacks.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags as libc::c_ulong, 0, 0, 0, 0) };
    if pid < 0 {
        let code = io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL);
        return Err(Errno::from_raw_os_error(code));
    }
    Ok(Pid::from_raw(pid as libc::pid_t))
}

/// The keeper's side: waits until the init is ready or gave up.
pub fn is_ready(ready: &OwnedFd) -> bool {
    let mut said = [0];
    let read = rustix::io::retry_on_intr(|| rustix::io::read(ready, &mut said));
    matches!(read, Ok(1)) && said[0] == READY
}

/// The init's whole life.
pub fn run(
    plan: &Plan,
    channel: &Channel,
    tty: &OwnedFd,
    tell: OwnedFd,
    user: Option<(u32, u32)>,
) -> ! {
    if prepare(user).is_err() {
        std::process::exit(1);
    }
    launch::die_with_the_keeper(channel);
    let _ = rustix::io::write(&tell, &[READY]);
    drop(tell);
    live(plan, channel, tty)
}

/// The same for a process that is the init of a namespace which somebody else prepared.
pub fn stand_in(plan: &Plan, channel: &Channel, tty: &OwnedFd) -> ! {
    launch::die_with_the_keeper(channel);
    live(plan, channel, tty)
}

fn live(plan: &Plan, channel: &Channel, tty: &OwnedFd) -> ! {
    let _ = rustix::thread::set_name(c"dash-init");
    std::process::exit(match supervise(plan, channel, tty) {
        Ok(()) => 0,
        Err(error) => {
            channel.send(&launch::Failure::new("fork", error).report());
            1
        }
    })
}

fn prepare(user: Option<(u32, u32)>) -> io::Result<()> {
    if let Some(ids) = user {
        map_users(ids)?;
    }
    let own = MountPropagationFlags::REC | MountPropagationFlags::DOWNSTREAM;
    rustix::mount::mount_change("/", own)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    Ok(rustix::mount::mount("proc", "/proc", "proc", flags, None::<&std::ffi::CStr>)?)
}

/// Everybody keeps the number they had. The ids are the keeper's: in the new namespace they
/// read as the overflow ids until this is done.
fn map_users((uid, gid): (u32, u32)) -> io::Result<()> {
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
    std::fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"))
}

/// Forks the agent and reaps until it has ended.
fn supervise(plan: &Plan, channel: &Channel, tty: &OwnedFd) -> io::Result<()> {
    let (started, starts) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let Some(agent) = raw_clone(libc::SIGCHLD)? else {
        drop(started);
        launch::become_agent(plan, channel, tty, Some(starts.as_fd()))
    };
    drop(starts);
    let mut failed = [0];
    if matches!(rustix::io::retry_on_intr(|| rustix::io::read(&started, &mut failed)), Ok(0)) {
        channel.send(&Report::Running);
    }
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == agent => {
                channel.send(&Report::Exited {
                    code: status.exit_status(),
                    signal: status.terminating_signal(),
                });
                return Ok(());
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
