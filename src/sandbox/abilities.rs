//! What this machine can hold an agent with, tried out rather than believed.

use super::{rules, seatbelt};
use crate::model::Holder;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// Landlock alone must hold signals and abstract sockets too.
const ALONE: i32 = 6;

/// The findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// Bubblewrap with all the namespaces that a sandbox needs; else why not.
    pub bubblewrap: Result<Holder, String>,
    /// Of the kernel's Landlock; 0: none.
    pub landlock: i32,
    pub seccomp: bool,
    /// On macOS alone.
    pub seatbelt: bool,
}

impl Abilities {
    /// Tries it out; takes some hundredths of a second. `path`: where programs are looked up.
    pub fn probe(path: &OsStr) -> Self {
        Self {
            bubblewrap: bubblewrap(path),
            landlock: rules::version(),
            seccomp: Path::new("/proc/sys/kernel/seccomp/actions_avail").exists(),
            seatbelt: cfg!(target_os = "macos") && Path::new(seatbelt::PROGRAM).exists(),
        }
    }

    /// Landlock and seccomp without namespaces; else why that is not enough.
    pub fn landlock_alone(&self) -> Result<Holder, String> {
        match (self.landlock, self.seccomp) {
            (_, false) => Err("this kernel has no seccomp filters".to_owned()),
            (0, true) => Err("this kernel has no Landlock".to_owned()),
            (version, true) if version < ALONE => {
                Err(format!("this kernel's Landlock is of version {version}, {ALONE} is needed"))
            }
            (_, true) => Ok(Holder::Landlock),
        }
    }
}

fn bubblewrap(path: &OsStr) -> Result<Holder, String> {
    let found = std::env::split_paths(path)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join("bwrap"))
        .find(|file| file.is_file());
    let Some(program) = found else {
        return Err("bubblewrap is not installed (no `bwrap` on PATH)".to_owned());
    };
    let help = run(&program, &["--help"])?;
    let flags = [
        "--unshare-user",
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-net",
        "--die-with-parent",
        "--cap-drop",
        "ALL",
        "--ro-bind",
        "/",
        "/",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--",
        "/bin/sh",
        "-c",
        ":",
    ];
    run(&program, &flags)?;
    let by_fd = help.contains("--bind-fd");
    Ok(Holder::Bubblewrap { program, by_fd })
}

/// What it prints; an error that says what it said.
fn run(program: &Path, args: &[&str]) -> Result<String, String> {
    let mut command = Command::new(program);
    let output = command.args(args).env_clear().stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{} says: {}", program.display(), said.trim()))
}
