//! How much an agent may hand on: caps on the agents below it, and what it was granted.

use super::{AgentSpec, Budget, Micros, Scope, Stamp};
use serde::{Deserialize, Serialize};

/// Caps on the agents that an agent makes. A child's are never wider than its parent's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Caps {
    /// Generations below it.
    pub depth: u32,
    /// Its own children at the same time.
    pub children: u32,
    /// All that is ever made below it.
    pub total: u32,
}

impl Default for Caps {
    fn default() -> Self {
        Self { depth: 3, children: 16, total: 100 }
    }
}

impl Caps {
    /// The smaller of each.
    #[must_use]
    pub fn meet(self, other: Self) -> Self {
        Self {
            depth: self.depth.min(other.depth),
            children: self.children.min(other.children),
            total: self.total.min(other.total),
        }
    }

    /// A child's, before it asks for less.
    #[must_use]
    pub fn below(self) -> Self {
        Self { depth: self.depth.saturating_sub(1), ..self }
    }

    /// Lowered to what is asked for; nothing is ever raised.
    #[must_use]
    pub fn lowered(self, depth: Option<u32>, children: Option<u32>, total: Option<u32>) -> Self {
        let asked = Self {
            depth: depth.unwrap_or(self.depth),
            children: children.unwrap_or(self.children),
            total: total.unwrap_or(self.total),
        };
        self.meet(asked)
    }

    /// What of these wishes is more than this, a sentence each.
    pub fn denied(
        self,
        depth: Option<u32>,
        children: Option<u32>,
        total: Option<u32>,
    ) -> Vec<String> {
        let wishes = [
            ("depth", depth, self.depth),
            ("children", children, self.children),
            ("total", total, self.total),
        ];
        let more = wishes.into_iter().filter_map(|(what, wish, has)| Some((what, wish?, has)));
        let more = more.filter(|(_, wish, has)| wish > has);
        more.map(|(what, wish, has)| format!("{what} {wish}: {has} is granted")).collect()
    }
}

/// So many failed children of one agent in so long a time hold its branch; 0 failures: never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    pub failures: u32,
    pub within_ms: u64,
}

impl Breaker {
    /// `5 children failed within 10m`.
    pub fn tripped(self) -> String {
        let seconds = self.within_ms / 1000;
        let time = match (seconds % 3600, seconds % 60) {
            (0, _) => format!("{}h", seconds / 3600),
            (_, 0) => format!("{}m", seconds / 60),
            (_, _) => format!("{seconds}s"),
        };
        let children = if self.failures == 1 { "child" } else { "children" };
        format!("{} {children} failed within {time}", self.failures)
    }
}

/// What an agent got of what was asked for it, as the core worked it out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Grant {
    /// None: its swarm's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// Its parent's end; no attempt of it runs longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Stamp>,
    /// None: what the configuration says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caps: Option<Caps>,
    /// Its attempts show the agent's own screen.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub interactive: bool,
    /// What a child is asked to do; none: its swarm's task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own: Option<Box<AgentSpec>>,
    /// What it and all below it may spend; none: what is above it alone counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Micros>,
    /// The same in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
}

impl Grant {
    pub fn limits(&self) -> Budget {
        Budget { dollars: self.budget, tokens: self.tokens }
    }

    #[must_use]
    pub fn limited(self, budget: Budget) -> Self {
        Self { budget: budget.dollars, tokens: budget.tokens, ..self }
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
