//! `[delegation]`: how much agents may hand on to agents of their own.

use super::duration;
use crate::model::{Breaker, Caps};
use serde::{Deserialize, Serialize};

/// Caps on every agent; a spawn may lower them for what it makes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Delegation {
    /// Generations below an agent that a person made; 0: no agent spawns another.
    pub depth: u32,
    /// Children of one agent at the same time.
    pub children: u32,
    /// All that is ever spawned below one agent.
    pub total: u32,
    /// When an agent's children fail so often, it spawns no more until somebody resumes it.
    pub breaker: BreakerConfig,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerConfig {
    /// 0 switches the breaker off.
    pub failures: u32,
    pub within: Span,
}

/// A duration as people write it: `10m`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span {
    text: String,
    ms: u64,
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let ms = duration(&text)?;
        Ok(Self { text, ms })
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.text
    }
}

impl Default for Delegation {
    fn default() -> Self {
        let Caps { depth, children, total } = Caps::default();
        Self { depth, children, total, breaker: BreakerConfig::default() }
    }
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { failures: 5, within: Span { text: "10m".to_owned(), ms: 600_000 } }
    }
}

impl Delegation {
    pub fn caps(&self) -> Caps {
        Caps { depth: self.depth, children: self.children, total: self.total }
    }
}

impl BreakerConfig {
    /// More failures than are remembered.
    pub const MOST: u32 = 1000;

    pub fn limit(&self) -> Breaker {
        Breaker { failures: self.failures, within_ms: self.within.ms }
    }
}
