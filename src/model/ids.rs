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
        #[cfg_attr(test, derive(schemars::JsonSchema))]
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

impl AttemptId {
    /// Bytes that are reserved for one in the path of a socket: `ag-500.12.30.10-10`.
    pub const LONGEST: usize = 20;
}

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

    /// The id of this agent's child number `n`, counted from 1.
    pub fn child(&self, n: u32) -> Self {
        Self(format!("{}.{n}", self.0))
    }

    /// True for a child of `other`, a child's child, and so on: an id says whose.
    pub fn is_below(&self, other: &Self) -> bool {
        self.0.strip_prefix(&other.0).is_some_and(|rest| rest.starts_with('.'))
    }

    /// True for one that another agent made.
    pub fn is_child(&self) -> bool {
        self.0.contains('.')
    }

    /// Who made it, who made that one, and so on up.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> + '_ {
        self.0.rmatch_indices('.').map(|(at, _)| Self(self.0[..at].to_owned()))
    }

    /// True if attempts of it can be named: their names are those of sockets, too.
    pub fn has_room(&self) -> bool {
        self.0.len() + "-999".len() <= AttemptId::LONGEST
    }

    /// The id of this agent's attempt number `n`, counted from 1.
    pub fn attempt(&self, n: u32) -> AttemptId {
        AttemptId(format!("{}-{n}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_whose_child_it_is() {
        let top = AgentId::numbered(1);
        let low = top.child(2).child(10);
        assert_eq!(low.as_str(), "ag-01.2.10");
        assert!(low.is_below(&top) && low.is_below(&top.child(2)));
        assert!(!low.is_below(&low) && !top.is_below(&low) && !low.is_below(&top.child(1)));
        assert!(!AgentId::numbered(10).child(1).is_below(&AgentId::from("ag-1")));
        let up: Vec<String> = low.ancestors().map(|id| id.to_string()).collect();
        assert_eq!(up, ["ag-01.2", "ag-01"]);
        assert!(low.is_child() && !top.is_child());
        assert!(low.has_room() && !low.child(100).child(100).has_room());
    }
}
