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
    /// The core leaves and did nothing about it; the next one can be asked.
    #[error("the core is leaving: nothing was done")]
    TurnedAway,
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
            Self::NoCore { .. } | Self::Lost(_) | Self::TurnedAway => true,
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

/// Nothing listens there: no file, a stale one, or one whose listener died before it took the
/// connection from its backlog, and with it nothing that was asked.
pub(super) fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, NotFound};
    matches!(error.kind(), NotFound | ConnectionRefused | ConnectionReset)
}

/// The other side closed a Unix socket before it had read all that was written to it, or before
/// it took the connection at all (unix(7)): a request that had no answer yet was not carried out.
pub(super) fn was_unread(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset};
    matches!(error.kind(), BrokenPipe | ConnectionReset)
}

fn tail(log: &[String]) -> String {
    log.iter().map(|line| format!("\n  {line}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::{UnixListener, UnixStream};

    #[test]
    fn a_listener_that_dies_before_it_accepts_was_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let absent = |error: &io::Error| assert!(is_absent(error), "{error}");
        absent(&UnixStream::connect(&path).unwrap_err());
        let listener = UnixListener::bind(&path).unwrap();
        let waiting = UnixStream::connect(&path).unwrap();
        drop(listener);
        // What an asynchronous connect looks at once the socket is writable.
        absent(&waiting.take_error().unwrap().unwrap());
        absent(&UnixStream::connect(&path).unwrap_err());
    }
}
