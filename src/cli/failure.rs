//! How a command ends: the stable exit codes, and errors as people read them.

use crate::{
    client::ClientError,
    config::{ConfigError, PathError},
    model::{Refusal, RefusalCode},
};
use std::{io, process::ExitCode};

/// DESIGN.md 6. If several hold, [`Code::worse`] chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    Ok = 0,
    Error = 1,
    Usage = 2,
    SomeFailed = 3,
    Budget = 4,
    TimedOut = 5,
    Denied = 6,
    NoCore = 7,
}

impl Code {
    /// Denied before budget before timeout before failures before success.
    pub fn worse(self, other: Self) -> Self {
        let rank = |code: Self| match code {
            Self::Ok => 0,
            Self::SomeFailed => 1,
            Self::TimedOut => 2,
            Self::Budget => 3,
            Self::Denied => 4,
            Self::Error => 5,
            Self::NoCore => 6,
            Self::Usage => 7,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// Why a command failed: what is wrong, and the nearest right thing.
#[derive(Debug)]
pub struct Failure {
    pub code: Code,
    pub message: String,
    pub hint: Option<String>,
    /// The reader of our output is gone: nothing is to be said, and nothing is wrong.
    pub quiet: bool,
}

pub type Done = Result<Code, Failure>;

impl Failure {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, quiet: false }
    }

    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Code::Error, message)
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    pub fn hinted(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<io::Error> for Failure {
    /// From writing our own output only: reads name their path where they fail.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { quiet: true, ..Self::new(Code::Ok, "") };
        }
        Self::error(format!("cannot write the output: {error}"))
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        if error.is_io() {
            Self::from(io::Error::from(error))
        } else {
            Self::error(error.to_string())
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal.code {
            RefusalCode::Invalid | RefusalCode::NotEnforced => Code::Usage,
            RefusalCode::Forbidden => Code::Denied,
            RefusalCode::NotFound
            | RefusalCode::Ambiguous
            | RefusalCode::Conflict
            | RefusalCode::Gone
            | RefusalCode::Changed
            | RefusalCode::JournalFull
            | RefusalCode::Internal => Code::Error,
        };
        Self { code, message: refusal.message, hint: refusal.hint, quiet: false }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let message = error.to_string();
        match error {
            ClientError::Refused(refusal) => refusal.into(),
            ClientError::NoCore { .. } if std::env::var_os("DASH_AGENT").is_some() => {
                Self::new(Code::NoCore, message).hinted(
                    "inside an agent no core is started; the one outside comes back by itself",
                )
            }
            ClientError::NoCore { .. } | ClientError::TurnedAway => {
                Self::new(Code::NoCore, message).hinted("`dash` starts one")
            }
            ClientError::NotStarted { .. } | ClientError::Connect { .. } => {
                Self::new(Code::NoCore, message)
            }
            ClientError::Silent { .. } => Self::new(Code::NoCore, message)
                .hinted("it is stopped or very busy, or the socket is another program's"),
            ClientError::Lost(_)
            | ClientError::Protocol(_)
            | ClientError::Keeper(_)
            | ClientError::Path(_) => Self::error(message),
        }
    }
}

impl From<PathError> for Failure {
    fn from(error: PathError) -> Self {
        Self::error(error.to_string())
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::error(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_several_decides() {
        use Code::{Budget, Denied, Ok, SomeFailed, TimedOut};
        let order = [Ok, SomeFailed, TimedOut, Budget, Denied];
        for (low, code) in order.into_iter().enumerate() {
            for (high, other) in order.into_iter().enumerate() {
                assert_eq!(code.worse(other), order[low.max(high)]);
            }
        }
    }
}
