//! What a keeper tells the shim, and what the shim tells the keeper.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// All that the shim needs; JSON on its standard input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Program and arguments; the program is looked up in the PATH of `env`.
    pub argv: Vec<String>,
    /// The whole environment of the agent.
    pub env: Vec<(String, String)>,
    pub cwd: PathBuf,
    /// True: standard input is /dev/null instead of the terminal.
    pub stdin_null: bool,
    /// Soft limit of open files for the agent; never above the hard one.
    pub nofile: u64,
    /// False: no pid namespace even where there are some.
    pub namespaces: bool,
}

/// One message from the shim, the init or the agent's process just before its exec. Each is
/// one packet; who sent it is read from the credentials that the kernel adds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case")]
pub enum Report {
    /// The sender is the init of a new pid namespace: all die with it, it dies with the keeper.
    Init,
    /// There are no namespaces to be had; the sender becomes the agent.
    Plain { why: String },
    /// The sender is about to become the agent.
    Exec,
    /// The exec succeeded (without namespaces the end of the channel says so).
    Running,
    /// The agent could not be started; the sender leaves with `code`.
    Failed { step: String, message: String, code: i32 },
    /// The agent's main process ended. Exactly one of the two is set.
    Exited { code: Option<i32>, signal: Option<i32> },
}
