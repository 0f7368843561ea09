//! `dash __keeper DIR`: one small process per attempt. It holds the PTY, drains it always,
//! records the raw output, keeps the screen, reaps the child, and outlives the core.
//!
//! One thread, one poll loop, no runtime; asleep when nothing happens. `DIR` holds
//! `spec.json` (from the core), and by us `keeper.lock` (held while we live: an attempt has
//! one keeper ever, and a second leaves without a word), `keeper.json` (who keeps it), `out.raw` (the exact
//! output), `facts` (one JSON object a line, written before it is told) and at the end
//! `exit.json` (synced before we leave).
//!
//! When things fail: a full disk stops the reading, so that the agent blocks and no byte is
//! lost; a core that vanishes without goodbye is started again; a broken connection costs
//! only itself; if the keeper itself dies, the kernel kills the agent and all it started.

mod birth;
mod child;
mod clients;
mod conn;
mod ending;
mod facts;
mod gauge;
mod kill;
mod launch;
mod output;
mod pty;
mod revive;
mod run;
mod signals;
mod sockets;
mod status;
mod tape;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Runs until the attempt is over. Nothing of it is recorded when the directory or the
/// sockets cannot be had: the exit code and standard error tell the core.
pub fn main(dir: &Path) -> ExitCode {
    match birth::birth(dir) {
        Ok(Some(keeper)) => keeper.run(),
        Ok(None) => ExitCode::SUCCESS,
        Err(error) => {
            let _ =
                writeln!(std::io::stderr().lock(), "dash: keeper of {}: {error:#}", dir.display());
            ExitCode::FAILURE
        }
    }
}
