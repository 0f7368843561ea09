//! What a keeper gives the shim, and what the shim tells the keeper.

use crate::model::Confine;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// All that the shim needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Program and arguments; the program is looked up in the PATH of `env`.
    pub argv: Vec<String>,
    /// The whole environment of the agent.
    pub env: Vec<(String, String)>,
    pub cwd: PathBuf,
    /// True: standard input is /dev/null instead of the terminal.
    pub stdin_null: bool,
    /// Standard input is this file, to be read only.
    pub stdin_file: Option<PathBuf>,
    /// Soft limit of open files for the agent; never above the hard one.
    pub nofile: u64,
    /// Processes and threads at once, in a user namespace of the attempt's own.
    pub processes: Option<u64>,
    /// No file gets larger, in bytes.
    pub file_bytes: Option<u64>,
    /// The cores that are left to it; empty: all.
    pub cores: Vec<usize>,
    /// The control group that all its processes are in.
    pub group: Option<PathBuf>,
    /// The keeper's user namespace, as /proc names it; empty where it has no name.
    pub users: PathBuf,
    /// False: no pid namespace even where there are some.
    pub namespaces: bool,
    /// The gateway's port on localhost, where the agent shares the keeper's network.
    pub gateway: u16,
    /// None: no sandbox.
    pub confine: Option<Box<Confine>>,
}

/// One message from the init, or from the agent's process just before its exec. Each is
/// one packet; who sent it is read from the credentials that the kernel adds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case")]
pub enum Report {
    /// The sender is about to become the agent.
    Exec,
    /// The exec succeeded (without namespaces the end of the channel says so).
    Running,
    /// The agent could not be started; the sender leaves with `code`.
    Failed { step: String, message: String, code: i32 },
    /// The agent's main process ended. Exactly one of the two is set.
    Exited { code: Option<i32>, signal: Option<i32> },
}
