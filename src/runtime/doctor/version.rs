//! Which version a program says it is.

use crate::runtime::adopt;
use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    process::Stdio,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::{io::AsyncReadExt, process::Command};

/// A program that does not tell its version in this time is reported without one.
const LIMIT: Duration = Duration::from_secs(10);
/// Bytes of what it prints that are looked at.
const LOOKED_AT: u64 = 64 << 10;

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    Version(String),
    /// It cannot be run, or prints nothing.
    Nothing,
    /// It was ended before it said anything.
    Late,
}

impl Told {
    /// What to say of it beside the program; none where there is nothing to say.
    pub fn silence(&self, argv: &[String]) -> Option<String> {
        let asked = argv.join(" ");
        match self {
            Self::Version(_) | Self::Nothing => None,
            Self::Late => {
                Some(format!("`{asked}` did not answer within {} s: ended", LIMIT.as_secs()))
            }
        }
    }
}

/// Asks; whatever was started for it is gone afterwards, also where nobody waits for the answer
/// any more.
pub async fn ask(argv: &[String], path: &str) -> Told {
    let (argv, path) = (argv.to_vec(), path.to_owned());
    tokio::spawn(async move { run(&argv, &path, LIMIT).await }).await.unwrap_or(Told::Nothing)
}

async fn run(argv: &[String], path: &str, limit: Duration) -> Told {
    static ASKED: AtomicU64 = AtomicU64::new(0);
    let Some((program, args)) = argv.split_first() else { return Told::Nothing };
    // By it what left the program's group is found.
    let number = ASKED.fetch_add(1, Ordering::Relaxed);
    let (name, value) = ("DASH_ASKED", format!("{}-{number}", std::process::id()));
    let mark = format!("{name}={value}");
    let mut command = Command::new(program);
    // Cleared, so that asking for a version neither sees a key nor starts an update.
    command.args(args).env_clear().env("PATH", path).env(name, value);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.process_group(0).kill_on_drop(true);
    let Ok(mut child) = command.spawn() else { return Told::Nothing };
    // Asked for now: once it is waited for, its group may be another's.
    let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let mut printed = Vec::new();
    let read = async {
        let Some(out) = child.stdout.take() else { return };
        // One that leaves a process behind which holds this open has said all, too.
        let _ = out.take(LOOKED_AT).read_to_end(&mut printed).await;
    };
    let late = tokio::time::timeout(limit, read).await.is_err();
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait().await;
    let _ = tokio::task::spawn_blocking(move || adopt::kill_bearing(&mark)).await;
    let text = String::from_utf8_lossy(&printed);
    match text.lines().find(|line| !line.trim().is_empty()) {
        Some(line) => Told::Version(line.trim().chars().take(80).collect()),
        None if late => Told::Late,
        None => Told::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn told(script: &str, limit: Duration) -> Told {
        let argv = ["sh", "-c", script].map(str::to_owned);
        run(&argv, "/usr/local/bin:/usr/bin:/bin", limit).await
    }

    #[tokio::test]
    async fn the_first_line_is_the_version_and_what_says_none_says_nothing() {
        let soon = Duration::from_secs(60);
        assert_eq!(
            told("echo; echo ' 1.2 (x) '; echo 3", soon).await,
            Told::Version("1.2 (x)".into())
        );
        assert_eq!(told("echo 4 >&2; exit 1", soon).await, Told::Nothing);
        assert_eq!(run(&["/no/such".to_owned()], "", soon).await, Told::Nothing);
        // More than anybody looks at, for ever.
        assert_eq!(told("yes 5.0", soon).await, Told::Version("5.0".into()));
    }

    #[tokio::test]
    async fn one_that_hangs_is_ended_with_all_that_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let pids = dir.path().join("pids");
        let script = format!(
            "trap '' TERM HUP; echo $$ >> {0}; sleep 600 & echo $! >> {0}; \
             setsid sh -c 'echo $$ >> {0}; exec sleep 600' & \
             while [ $(wc -l < {0}) -lt 3 ]; do sleep 0.02; done; wait",
            pids.display()
        );
        assert_eq!(told(&script, Duration::from_secs(3)).await, Told::Late);
        let started = std::fs::read_to_string(&pids).unwrap();
        assert_eq!(started.lines().count(), 3, "{started}");
        // One that is no child of ours is reaped by another.
        let lives = |pid: &&str| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            !(stat.is_empty() || stat.contains(") Z ") || stat.contains(") X "))
        };
        let left: Vec<&str> = started.lines().filter(lives).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
