//! What can go wrong between a client and its core.

use crate::{config::PathError, model::Refusal};
use std::{io, path::PathBuf};

pub type Result<T> = std::result::Result<T, ClientError>;

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nothing listens, and this client may not start a core.
    #[error("no core listens on {socket}")]
    NoCore { socket: PathBuf },
    /// A core was started and did not come up; its last words are in `log`.
    #[error("the core on {socket} did not start: {why}{}", tail(.log))]
    NotStarted { socket: PathBuf, why: String, log: Vec<String> },
    #[error("cannot connect to {socket}: {source}")]
    Connect { socket: PathBuf, source: io::Error },
    /// The core said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Something listens and takes the request, and does not answer it in time. Whether a
    /// change was carried out is not known.
    #[error("the core at {socket} does not answer")]
    Silent { socket: PathBuf },
    /// The connection broke. Whether a change was carried out is not known.
    #[error("the connection to the core broke: {0}")]
    Lost(String),
    /// The other side speaks in a way this client does not understand.
    #[error("the answer of the core makes no sense: {0}")]
    Protocol(String),
    /// A keeper did not let this viewer in, or hung up on it.
    #[error("{0}")]
    Keeper(String),
    #[error(transparent)]
    Path(#[from] PathError),
}

impl ClientError {
    /// True where another try may succeed: the core went away, or is not there yet.
    pub fn is_gone(&self) -> bool {
        match self {
            Self::NoCore { .. } | Self::Lost(_) => true,
            Self::Connect { source, .. } => is_absent(source),
            Self::NotStarted { .. }
            | Self::Refused(_)
            | Self::Protocol(_)
            | Self::Keeper(_)
            | Self::Silent { .. }
            | Self::Path(_) => false,
        }
    }
}

/// Nothing listens there: no file, or a stale one.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

fn tail(log: &[String]) -> String {
    log.iter().map(|line| format!("\n  {line}")).collect()
}
