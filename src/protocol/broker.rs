//! Between the broker's front, which an agent finds in place of a program that is hidden from
//! it, and the keeper, which runs that program for it: frames of JSON (see [`frame`]) over
//! the keeper's socket for them. The first frame from the front is [`ToBroker::Run`], with
//! standard input, output and error beside it, or from a shim [`ToBroker::May`]; the keeper
//! answers with one frame, the last.
//!
//! [`frame`]: super::frame

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Longest frame either side accepts, in bytes.
pub const MAX_REQUEST: usize = 1 << 20;
/// Signals that are passed on to the program.
pub const PASSED_SIGNALS: [i32; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];
/// Exit code of the front when the program was not run.
pub const NOT_RUN: u8 = 126;
/// Longest value of a variable that is passed on, in bytes.
const LONGEST_VALUE: usize = 1 << 10;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToBroker {
    Run {
        /// Where the front was found: which program is meant.
        place: PathBuf,
        argv: Vec<String>,
        cwd: PathBuf,
        /// Those that [`passes`].
        env: Vec<(String, String)>,
    },
    /// From a shim, which runs the program itself where it may: no streams beside it.
    May {
        /// The file that it would execute.
        program: PathBuf,
        argv: Vec<String>,
        cwd: PathBuf,
    },
    /// One of [`PASSED_SIGNALS`].
    Signal { signal: i32 },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromBroker {
    /// It was not run.
    Refused { why: String },
    /// To a shim: run it.
    Allowed,
    /// It was run, and has ended.
    Exited { code: i32 },
}

/// Whether a variable of the agent's own reaches a brokered program. Nothing does that makes a
/// program load, run or read something else.
pub fn passes(name: &str, value: &str) -> bool {
    let harmless = matches!(name, "TERM" | "COLORTERM" | "NO_COLOR" | "COLUMNS" | "LINES" | "TZ")
        || name == "LANG"
        || name
            .strip_prefix("LC_")
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_uppercase()));
    let author = ["GIT_AUTHOR_", "GIT_COMMITTER_"].iter().any(|prefix| {
        name.strip_prefix(prefix).is_some_and(|rest| matches!(rest, "NAME" | "EMAIL" | "DATE"))
    });
    // A locale, a terminal and a time zone can be named by a path, which would be read.
    (author || harmless && !value.contains('/'))
        && value.len() <= LONGEST_VALUE
        && !value.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_files_or_programs_does_not_pass() {
        for name in ["TERM", "LANG", "LC_ALL", "GIT_AUTHOR_NAME", "GIT_COMMITTER_DATE", "NO_COLOR"]
        {
            assert!(passes(name, "x.UTF-8"), "{name}");
        }
        for name in [
            "PATH",
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "LC_",
            "LC_x",
            "GIT_SSH_COMMAND",
            "GIT_CONFIG_COUNT",
            "GIT_EXEC_PATH",
            "GIT_AUTHOR_",
            "GIT_AUTHOR_SSH",
            "PAGER",
            "EDITOR",
            "BASH_ENV",
            "NODE_OPTIONS",
            "PYTHONPATH",
            "TERMINFO",
            "",
        ] {
            assert!(!passes(name, "x"), "{name}");
        }
        assert!(!passes("LANG", "/tmp/evil") && !passes("TERM", "../x") && !passes("TZ", ":/x"));
        assert!(!passes("GIT_AUTHOR_NAME", &"x".repeat(LONGEST_VALUE + 1)));
        assert!(passes("GIT_AUTHOR_NAME", "A / B"));
    }
}
