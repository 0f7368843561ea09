//! `dash __keeper DIR`: one small process per attempt, forked by the core's [`nursery`]. It holds the PTY, drains it always,
//! records the raw output, keeps the screen, reaps the child, and outlives the core.
//!
//! One thread, one poll loop, no runtime; asleep when nothing happens. `DIR` holds
//! `spec.json` (from the core), and by us `keeper.json` (who keeps it; locked while we live:
//! an attempt has one keeper ever, and a second leaves without a word), `out.raw` (the exact
//! output), `out.idx` (when it came), `facts` (one JSON object a line, written before it is
//! told) and at the end `exit.json` (synced before we leave). `keeper.log` is there only if
//! we had something to complain about.
//!
//! When things fail: a full disk stops the reading, so that the agent blocks and no byte is
//! lost; a core that vanishes without goodbye is started again; a broken connection costs
//! only itself; if the keeper itself dies, the kernel kills the agent and all it started.

mod birth;
mod broker;
mod child;
mod clients;
mod conn;
mod ending;
mod facts;
mod gauge;
mod held;
mod kill;
mod launch;
mod machine;
pub mod nursery;
mod output;
mod pause;
mod pty;
mod revive;
mod run;
mod signals;
mod sockets;
mod status;
mod tape;
mod usage;
mod watch;

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

/// Runs until the attempt is over. Nothing of it is recorded when the directory or the
/// sockets cannot be had: the exit code tells the core, `keeper.log` tells people.
pub fn main(dir: &Path) -> ExitCode {
    let log = dir.join("keeper.log");
    let panicked = log.clone();
    std::panic::set_hook(Box::new(move |panic| complain(&panicked, &panic.to_string())));
    match birth::birth(dir) {
        Ok(Some(keeper)) => keeper.run(),
        Ok(None) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&log, &format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Longest that the log grows, in bytes: output that makes the emulator fault may go on.
const MOST_COMPLAINTS: u64 = 64 << 10;

fn complain(log: &Path, what: &str) {
    let mut open = OpenOptions::new();
    if let Ok(mut file) = open.append(true).create(true).mode(0o600).open(log)
        && file.metadata().is_ok_and(|meta| meta.len() < MOST_COMPLAINTS)
    {
        let _ = writeln!(file, "{what}");
    }
}
