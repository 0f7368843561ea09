//! The process that forks our keepers (`dash __nursery`), from the core's side: started with
//! the first launch, and again if it is gone.

use super::{environment, failpoint, world::World};
use anyhow::Context;
use rustix::{
    io::retry_on_intr,
    net::{
        AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags,
        SocketType, sendmsg, socketpair,
    },
};
use std::{
    io::IoSlice,
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{ffi::OsStrExt, net::UnixStream},
    },
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
};

/// Bytes that the name of an attempt may add to its parent's path.
const NAME: usize = 64;

#[derive(Default)]
pub struct Nursery(Mutex<Option<Process>>);

struct Process {
    child: Child,
    orders: OwnedFd,
}

impl Nursery {
    /// Starts the keeper of the attempt in `dir`, with its first connection to us.
    ///
    /// # Errors
    /// When the nursery cannot be started or reached.
    pub fn start_keeper(&self, world: &World, dir: &Path, core: &UnixStream) -> anyhow::Result<()> {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(process) = &mut *place {
            if order(&process.orders, dir, core).is_ok() {
                return Ok(());
            }
            // It is gone, or will be: its end of the socket is.
            let _ = process.child.kill();
            let _ = process.child.wait();
        }
        let process = place.insert(start(world)?);
        order(&process.orders, dir, core).context("ordering a keeper")
    }
}

fn start(world: &World) -> anyhow::Result<Process> {
    let kind = (AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC);
    let (orders, theirs) =
        socketpair(kind.0, kind.1, kind.2, None).context("making the nursery's socket")?;
    let mut room = world.instance.state.join("attempts").into_os_string();
    room.push("/");
    room.push("_".repeat(NAME));
    let mut command = Command::new(&world.dash);
    command.arg("__nursery").arg(room).current_dir("/").stdin(Stdio::from(theirs));
    command.env_clear().envs(environment::for_keepers(world)).env_remove(failpoint::VARIABLE);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().with_context(|| format!("starting {}", world.dash.display()))?;
    Ok(Process { child, orders })
}

fn order(orders: &OwnedFd, dir: &Path, core: &UnixStream) -> rustix::io::Result<()> {
    let fds = [core.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&fds));
    let body = [IoSlice::new(dir.as_os_str().as_bytes())];
    retry_on_intr(|| sendmsg(orders, &body, &mut control, SendFlags::NOSIGNAL)).map(drop)
}
