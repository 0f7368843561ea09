//! From the specification to the shim: marks replaced, files written, shim forked.

use super::child::Child;
use super::held::Held;
use crate::protocol::keeper::{
    GATEWAY_ADDRESS_MARK, GATEWAY_MARK, KeeperSpec, LaunchFile, LaunchLink,
};
use crate::sandbox::{self, Plan, Started};
use rustix::fd::BorrowedFd;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::TcpListener;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};

/// Soft limit of open files that agents get where the core does not say what the user had.
const NOFILE: u64 = 1024;

/// Puts the gateway's address where its mark stands.
pub fn fill(spec: &mut KeeperSpec, gateway: &str) {
    let address = gateway.strip_prefix("http://").unwrap_or(gateway);
    let put = |text: &mut String| {
        for (mark, value) in [(GATEWAY_MARK, gateway), (GATEWAY_ADDRESS_MARK, address)] {
            if text.contains(mark) {
                *text = text.replace(mark, value);
            }
        }
    };
    spec.argv.iter_mut().for_each(put);
    spec.env.iter_mut().for_each(|(_, value)| put(value));
    spec.files.iter_mut().for_each(|file| put(&mut file.content));
    let attempt = spec.attempt.as_str().to_owned();
    if !spec.env.iter().any(|(key, _)| key == "DASH_ATTEMPT") {
        spec.env.push(("DASH_ATTEMPT".to_owned(), attempt));
    }
}

/// Writes the files of the launch. The error names the file.
pub fn write_files(files: &[LaunchFile]) -> Result<(), String> {
    for file in files {
        write_file(file).map_err(|error| format!("{}: {error}", file.path.display()))?;
    }
    Ok(())
}

fn write_file(file: &LaunchFile) -> io::Result<()> {
    if let Some(parent) = file.path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mode = if file.mode == 0 { 0o600 } else { file.mode & 0o7777 };
    let mut out =
        OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&file.path)?;
    // An older file keeps its mode otherwise, and it may be an open one.
    out.set_permissions(fs::Permissions::from_mode(mode))?;
    out.write_all(file.content.as_bytes())
}

/// Makes the links of the launch. The error names the link.
pub fn make_links(links: &[LaunchLink]) -> Result<(), String> {
    for link in links {
        make_link(link).map_err(|error| format!("{}: {error}", link.path.display()))?;
    }
    Ok(())
}

fn make_link(link: &LaunchLink) -> io::Result<()> {
    if let Some(parent) = link.path.parent() {
        fs::create_dir_all(parent)?;
    }
    // That of an earlier keeper, whose start failed.
    if fs::symlink_metadata(&link.path).is_ok_and(|meta| meta.is_symlink()) {
        fs::remove_file(&link.path)?;
    }
    symlink(&link.to, &link.path)
}

/// Starts the shim with the terminal; also the gateway's port, where it was opened inside.
/// `port`: of the gateway out here.
///
/// # Errors
/// The step that failed, and why.
pub fn spawn(
    spec: &KeeperSpec,
    held: &Held,
    tty: BorrowedFd<'_>,
    port: u16,
) -> Result<(Child, Option<TcpListener>), (&'static str, String)> {
    let step = if spec.confine.is_some() { "sandbox" } else { "shim" };
    try_spawn(spec, held, tty, port).map_err(|error| (step, error.to_string()))
}

fn try_spawn(
    spec: &KeeperSpec,
    held: &Held,
    tty: BorrowedFd<'_>,
    port: u16,
) -> io::Result<(Child, Option<TcpListener>)> {
    let plan = Plan {
        argv: spec.argv.clone(),
        env: spec.env.clone(),
        cwd: spec.cwd.clone(),
        stdin_null: spec.stdin_null,
        stdin_file: spec.stdin_file.clone(),
        nofile: nofile(),
        processes: held.limits.processes,
        file_bytes: held.limits.disk_bytes,
        cores: held.cores.clone(),
        group: held.group.as_ref().map(|group| group.dir().to_owned()),
        users: fs::read_link("/proc/self/ns/user").unwrap_or_default(),
        namespaces: std::env::var_os("DASH_NO_PIDNS").is_none(),
        gateway: port,
        confine: spec.confine.clone(),
    };
    let (ours, theirs) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    rustix::net::sockopt::set_socket_passcred(&ours, true)?;
    let mut started = sandbox::start(&plan, spec.attempt.as_str(), tty, theirs)?;
    let gateway = match &mut started {
        Started::Sandbox(entered) => entered.gateway.take(),
        Started::Init(_) | Started::Plain(_) => None,
    };
    Ok((Child::new(started, ours), gateway))
}

/// Soft limit of open files for the agent.
pub fn nofile() -> u64 {
    number("DASH_NOFILE").unwrap_or(NOFILE)
}

fn number(key: &str) -> Option<u64> {
    std::env::var(key).ok()?.parse().ok()
}
