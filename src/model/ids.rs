//! Names of things, as newtypes over short strings that people can type.
//!
//! `sw-1` is a swarm, `ag-01` an agent (counted through the instance, so that a name is
//! never ambiguous), `ag-01-2` the agent's second attempt.

use serde::{Deserialize, Serialize};
use std::{borrow::Borrow, fmt};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

id!(
    /// A swarm: `sw-1`.
    SwarmId
);
id!(
    /// An agent: `ag-01`; a child of it `ag-01.1`.
    AgentId
);
id!(
    /// One launch of an agent: `ag-01-1`. Also the name of its directory.
    AttemptId
);

id!(
    /// An approval: `ap-1`.
    ApprovalId
);

impl ApprovalId {
    pub fn numbered(n: u64) -> Self {
        Self(format!("ap-{n}"))
    }

    /// The order of asking; 0 for a text that is no id.
    pub fn number(&self) -> u64 {
        self.0.strip_prefix("ap-").and_then(|n| n.parse().ok()).unwrap_or(0)
    }
}

impl SwarmId {
    pub fn numbered(n: u64) -> Self {
        Self(format!("sw-{n}"))
    }
}

impl AgentId {
    pub fn numbered(n: u64) -> Self {
        Self(format!("ag-{n:02}"))
    }

    /// The id of this agent's attempt number `n`, counted from 1.
    pub fn attempt(&self, n: u32) -> AttemptId {
        AttemptId(format!("{}-{n}", self.0))
    }
}
