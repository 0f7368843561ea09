//! Where things lie. An instance is one state directory, named by its socket's path.

use std::path::PathBuf;

/// All paths of one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// The admin socket, canonical.
    pub socket: PathBuf,
    /// `<socket>.lock`: held by the core for its life.
    pub lock: PathBuf,
    /// `<socket>.start`: held by whoever is starting a core.
    pub start_lock: PathBuf,
    /// Journal, attempts, logs: `journal.db`, `attempts/`, `core.log`.
    pub state: PathBuf,
    /// Short-named sockets: `<run>/k/ATTEMPT` (keepers), `<run>/a/ATTEMPT` (agents' own).
    pub run: PathBuf,
}
