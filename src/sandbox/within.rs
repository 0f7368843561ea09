//! A single command in a scope: for what is run on an agent's behalf outside of its own
//! sandbox, but on files that it may have written: git, a swarm's check. It gets a sandbox of
//! the same making, without a terminal and without the agent's processes.
//!
//! `dash __exec within CONFINE PROGRAM ARGS…` is its last step.

use super::{bubblewrap, seatbelt, steps};
use crate::model::{Confine, Holder};
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

/// `argv` as a command that is held to `confine`, in `cwd`; its environment is empty until
/// the caller fills it.
///
/// # Errors
/// When `argv` is empty, or the scope's directories have become links or cannot be written
/// down for what holds them.
pub fn command(confine: &Confine, cwd: &Path, argv: &[String]) -> io::Result<Command> {
    let Some((program, args)) = argv.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "an empty command"));
    };
    // No agent runs in it: nobody is to be asked.
    let confine = &Confine { brokered: Vec::new(), ..confine.clone() };
    let rules = serde_json::to_string(&for_rules(confine))?;
    let mut command = match &confine.holder {
        Holder::Bubblewrap { program, .. } => {
            let checked = bubblewrap::arguments(confine, |path| match path.canonicalize() {
                Ok(real) if real == path || path == Path::new("/dev/null") => Ok(None),
                Ok(_) => Err(io::Error::other(format!("{} has become a link", path.display()))),
                Err(error) => {
                    Err(io::Error::new(error.kind(), format!("{}: {error}", path.display())))
                }
            });
            let mut command = Command::new(program);
            command.args(checked?).arg("--chdir").arg(cwd).arg("--").arg(&confine.dash);
            command
        }
        Holder::Seatbelt => {
            // No step of ours is left: all of it stands in the profile.
            let mut command = Command::new(seatbelt::PROGRAM);
            command.arg("-p").arg(seatbelt::profile(confine, None)?).arg(program).args(args);
            command.current_dir(cwd).env_clear();
            return Ok(command);
        }
        Holder::Landlock => {
            let mut command = Command::new(&confine.dash);
            command.current_dir(cwd);
            command
        }
    };
    command.args(["__exec", "within", &rules]).arg(program).args(args).env_clear();
    Ok(command)
}

/// What the last step needs to know: all of it goes in one argument, whose length is limited,
/// and what mounts hold is held by then.
fn for_rules(confine: &Confine) -> Confine {
    let mut rules = confine.clone();
    rules.hidden.clear();
    rules.protected.clear();
    rules.pinned.clear();
    match rules.holder {
        Holder::Bubblewrap { .. } => rules.readable.clear(),
        Holder::Landlock | Holder::Seatbelt => {}
    }
    rules
}

/// The last step: the walls, then the program.
pub fn main(args: &[OsString]) -> ExitCode {
    let [rules, program, args @ ..] = args else { return ExitCode::from(2) };
    let error = match confine(rules) {
        Ok(()) => {
            let _ = steps::reset_signals();
            steps::close_others();
            Command::new(program).args(args).exec()
        }
        Err(error) => error,
    };
    let _ = writeln!(io::stderr(), "dash: {}: {error}", program.display());
    ExitCode::from(if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 })
}

fn confine(rules: &OsString) -> io::Result<()> {
    let confine: Confine = serde_json::from_slice(rules.as_encoded_bytes())?;
    steps::wall(&confine, None)
}
