//! A shim: what an agent finds first on its PATH in place of a program that rules speak of. It
//! is this same binary under the program's name. It asks the keeper, and becomes the program
//! where it may. Whoever goes around it is held by the scope alone.

use super::ask;
use crate::model::{BROKER_LINK, SANDBOX_BIN};
use crate::protocol::broker::{FromBroker, NOT_RUN, ToBroker};
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// As a shell has it.
const NOT_FOUND: u8 = 127;

/// The name of the program that this process was started as; none where it is `dash`.
pub fn stands_for() -> Option<OsString> {
    let started = Path::new(OsStr::from_bytes(rustix::param::linux_execfn().to_bytes()));
    let name = started.file_name().filter(|name| *name != "dash")?;
    fs::read_link(Path::new(SANDBOX_BIN).join(name)).ok()?;
    fs::read_link(BROKER_LINK).ok()?;
    Some(name.to_owned())
}

/// Runs the program `name` with `args`, its own name first, if it may be.
pub fn main(name: &OsStr, args: impl Iterator<Item = OsString>) -> ExitCode {
    let shown = name.display();
    let path = env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    let Some(program) = next(name, &path) else {
        let _ = writeln!(io::stderr(), "dash: {shown}: not found");
        return ExitCode::from(NOT_FOUND);
    };
    let mut args: Vec<OsString> = args.collect();
    let (code, why) = match may(name, &program, &args) {
        Ok(FromBroker::Allowed) => {
            let own = if args.is_empty() { name.to_owned() } else { args.remove(0) };
            let error = Command::new(&program).arg0(own).args(args).exec();
            (NOT_RUN, format!("{}: {error}", program.display()))
        }
        Ok(FromBroker::Refused { why }) => (NOT_RUN, format!("denied: {why}")),
        Ok(FromBroker::Exited { .. }) => (NOT_RUN, format!("{shown}: it was run already")),
        Err(error) => (NOT_RUN, format!("broker: {shown}: {error}")),
    };
    let _ = writeln!(io::stderr(), "dash: {why}");
    ExitCode::from(code)
}

fn may(name: &OsStr, program: &Path, args: &[OsString]) -> io::Result<FromBroker> {
    // Rules go by text; the program gets its words as they are.
    let text = |word: &OsString| word.to_string_lossy().into_owned();
    let mut argv: Vec<String> = args.iter().map(text).collect();
    if let Some(own) = argv.first_mut() {
        *own = name.to_string_lossy().into_owned();
    }
    let program = program.to_owned();
    let mut broker = ask(&ToBroker::May { program, argv, cwd: env::current_dir()? }, &[])?;
    broker.answer()
}

/// The program that would be found if there were no shims.
fn next(name: &OsStr, path: &OsStr) -> Option<PathBuf> {
    let runs = |file: &PathBuf| {
        file.is_file() && rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok()
    };
    let shims = fs::canonicalize(SANDBOX_BIN).ok();
    env::split_paths(path)
        .filter(|dir| fs::canonicalize(dir).ok() != shims || shims.is_none())
        .map(|dir| dir.join(name))
        .find(runs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_next_on_path_is_the_program() {
        let dir = tempfile::tempdir().unwrap();
        let file = |at: &str, mode: u32| {
            let file = dir.path().join(at);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, "").unwrap();
            fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
            file
        };
        file("a/git", 0o644);
        fs::create_dir_all(dir.path().join("b/git")).unwrap();
        let found = file("c/git", 0o755);
        let path = env::join_paths(["a", "b", "c"].map(|part| dir.path().join(part))).unwrap();
        assert_eq!(next("git".as_ref(), &path), Some(found));
        assert_eq!(next("npm".as_ref(), &path), None);
    }
}
