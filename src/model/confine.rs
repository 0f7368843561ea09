//! How one attempt's scope is held: a [`Scope`](super::Scope) turned into what mounts, rules
//! and filters are made of. Made by the core for each launch, carried out by the keeper's
//! shim; all paths are absolute and free of links.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What holds an attempt in its scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confine {
    pub holder: Holder,
    /// Directories and files that may be written.
    pub writable: Vec<PathBuf>,
    /// What may be read beside them and the system's own files.
    pub readable: Vec<PathBuf>,
    /// Not to be seen, though they lie in one of the above.
    pub hidden: Vec<PathBuf>,
    /// Not to be written, though they lie in what may be.
    pub protected: Vec<PathBuf>,
    /// Directories that stay where they are: one with something protected in it could be
    /// moved out of the way otherwise.
    pub pinned: Vec<PathBuf>,
    /// The attempt's own directory: home, temporary files, caches.
    pub private: PathBuf,
    /// In place of /tmp, under `private`.
    pub tmp: PathBuf,
    /// Of the attempt's own socket.
    pub socket_dir: PathBuf,
    /// A network of its own, with nothing in it but the gateway.
    pub isolated: bool,
    /// The only files that may be executed; none: any that can be read.
    pub only: Option<Vec<PathBuf>>,
    /// Holds device nodes of the attempt's own; none: the machine's serve.
    #[serde(default)]
    pub devices: Option<PathBuf>,
    /// With `only`: directories of programs, in which nothing else can be read.
    #[serde(default)]
    pub programs: Vec<PathBuf>,
    /// This program, which is found inside as `dash`.
    pub dash: PathBuf,
    /// Programs that the agent does not see: the broker alone runs them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub brokered: Vec<Brokered>,
    /// Names of programs that are asked about before they run: each is found first in
    /// [`SANDBOX_BIN`], as a link to `dash`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shims: Vec<String>,
}

/// A program in whose place the agent finds the broker's front.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brokered {
    /// Canonical.
    pub file: PathBuf,
    /// All names of that file (hard links), itself among them; each is covered.
    pub places: Vec<PathBuf>,
    /// What it may be called as; its own name first.
    pub names: Vec<String>,
}

impl Confine {
    /// Something in it asks the keeper.
    pub fn has_broker(&self) -> bool {
        !self.brokered.is_empty() || !self.shims.is_empty()
    }

    /// Where the keeper listens for the broker's front.
    pub fn broker_socket(&self) -> PathBuf {
        self.socket_dir.join("b")
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// Namespaces by bubblewrap, Landlock and seccomp inside.
    Bubblewrap { program: PathBuf, by_fd: bool },
    /// Landlock and seccomp alone: the network is everybody's.
    Landlock,
    /// A profile of macOS's own sandbox, carried out by `sandbox-exec`.
    Seatbelt,
}

impl Confine {
    /// The agent's network is another than the keeper's, with [`GATEWAY_PORT`] in it.
    pub fn has_own_network(&self) -> bool {
        self.isolated && matches!(self.holder, Holder::Bubblewrap { .. })
    }
}

/// The gateway's port in a network of an attempt's own; nobody else is in there.
pub const GATEWAY_PORT: u16 = 41_414;

/// Where `dash` is found in a sandbox of namespaces; the first directory of the agent's PATH.
pub const SANDBOX_BIN: &str = "/run/dash/bin";

/// In a sandbox with brokered programs or shims a link to the keeper's socket for them.
pub const BROKER_LINK: &str = "/run/dash/broker";
