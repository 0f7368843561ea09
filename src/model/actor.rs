//! Who asks for a change, as the audit and the approvals need to know it.

use super::AgentId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Whoever is behind a change.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A person or a program on the admin socket, by the name it goes by.
    User(String),
    /// An agent, on its own socket.
    Agent(AgentId),
    /// Dash itself: a timer, a rule, a core that takes over.
    #[default]
    Core,
}

impl Actor {
    /// Longest name of a user, in bytes.
    const MAX_NAME: usize = 64;

    /// The agent that it is.
    pub fn agent(&self) -> Option<&AgentId> {
        match self {
            Self::Agent(agent) => Some(agent),
            Self::User(_) | Self::Core => None,
        }
    }

    /// Whether a user may go by this name: it stands in tables, headers and the audit.
    ///
    /// # Errors
    /// What is wrong with it, after the name of where it stands.
    pub fn check_name(name: &str) -> Result<(), String> {
        let fits = (1..=Self::MAX_NAME).contains(&name.len());
        if fits && name.chars().all(|c| c.is_ascii_graphic()) {
            return Ok(());
        }
        Err(format!("is 1 to {} visible ASCII characters", Self::MAX_NAME))
    }

    /// Names of people differ by more than their case.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::User(one), Self::User(two)) => one.eq_ignore_ascii_case(two),
            (one, two) => one == two,
        }
    }

    /// By whose leave it acts where no rule and no approval gave it: the socket it came by.
    pub fn leave(&self) -> &'static str {
        match self {
            Self::User(_) => "admin socket",
            Self::Agent(_) => "agent's own socket",
            Self::Core => "core",
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user {name}"),
            Self::Agent(agent) => write!(f, "agent {agent}"),
            Self::Core => f.write_str("core"),
        }
    }
}
