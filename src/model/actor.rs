//! Who asks for a change, as the audit and the approvals need to know it.

use super::AgentId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Whoever is behind a change.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user {name}"),
            Self::Agent(agent) => write!(f, "agent {agent}"),
            Self::Core => f.write_str("core"),
        }
    }
}
