//! Processes of one world, told from all others by its directory: every process of Dash has
//! it in its command line or its environment, and so has whatever an agent starts.

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::{fs, os::unix::ffi::OsStrExt, path::Path};

#[derive(Clone, Debug)]
pub struct Proc {
    pub pid: i32,
    /// Arguments, joined by blanks.
    pub command: String,
    environ: Vec<u8>,
    /// From /proc/PID/stat: tells this process from a later one under the same number.
    start: String,
}

impl Proc {
    fn read(pid: i32) -> Option<Self> {
        let dir = format!("/proc/{pid}");
        let stat = fs::read_to_string(format!("{dir}/stat")).ok()?;
        // After the name, which may hold blanks and parentheses.
        let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_whitespace().collect();
        // A zombie has ended; whoever should reap it is still there to be judged.
        if matches!(*fields.first()?, "Z" | "X") {
            return None;
        }
        let command = fs::read(format!("{dir}/cmdline")).ok()?;
        Some(Self {
            pid,
            command: String::from_utf8_lossy(&command).replace('\0', " ").trim().to_owned(),
            environ: fs::read(format!("{dir}/environ")).unwrap_or_default(),
            start: (*fields.get(19)?).to_owned(),
        })
    }

    pub fn is_keeper(&self) -> bool {
        self.command.contains("__keeper")
    }

    /// An agent, its shim, or what an agent started: all have the attempt's id.
    pub fn is_of_an_attempt(&self) -> bool {
        self.variable("DASH_ATTEMPT").is_some()
    }

    pub fn variable(&self, name: &str) -> Option<String> {
        let prefix = format!("{name}=");
        let mut entries = self.environ.split(|byte| *byte == 0);
        let value = entries.find_map(|entry| entry.strip_prefix(prefix.as_bytes()))?;
        Some(String::from_utf8_lossy(value).into_owned())
    }

    /// Sends the signal to this process and never to another under the same number.
    pub fn signal(&self, signal: Signal) {
        let Some(pid) = Pid::from_raw(self.pid) else { return };
        let Ok(fd) = pidfd_open(pid, PidfdFlags::empty()) else { return };
        if Self::read(self.pid).is_some_and(|now| now.start == self.start) {
            let _ = pidfd_send_signal(fd, signal);
        }
    }
}

fn contains(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len()).any(|window| window == needle)
}

/// All live processes of the world in `dir`.
pub fn of_world(dir: &Path) -> Vec<Proc> {
    let mark = dir.as_os_str().as_bytes();
    let own = std::process::id() as i32;
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| *pid != own)
        .filter_map(Proc::read)
        .filter(|proc| contains(proc.command.as_bytes(), mark) || contains(&proc.environ, mark))
        .collect()
}

/// What pid `pid` is now, if it is anything.
pub fn process(pid: i32) -> Option<Proc> {
    Proc::read(pid)
}
