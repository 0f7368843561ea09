//! Token counts of model calls.

use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// Tokens by the rate they are billed at. `input` excludes what was read from or written
/// to a cache, whatever the provider's own field says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Tokens {
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_write: u64,
}

impl Tokens {
    pub fn total(&self) -> u64 {
        self.input + self.output + self.cache_read + self.cache_write
    }

    /// A count as ledgers keep it: signed, so that differences are safe.
    pub fn signed(count: u64) -> i64 {
        i64::try_from(count).unwrap_or(i64::MAX)
    }
}

/// What an agent reports of itself, beside what the gateway counted of the same attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OwnUsage {
    pub reported: Tokens,
    pub counted: Tokens,
    /// How many more it reports than were counted, by the rate; fewer where negative.
    pub more: TokenGap,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TokenGap {
    pub input: i64,
    pub output: i64,
    pub cache_read: i64,
    pub cache_write: i64,
}

impl OwnUsage {
    pub fn new(reported: Tokens, counted: Tokens) -> Self {
        let gap = |own, other| Tokens::signed(own) - Tokens::signed(other);
        let more = TokenGap {
            input: gap(reported.input, counted.input),
            output: gap(reported.output, counted.output),
            cache_read: gap(reported.cache_read, counted.cache_read),
            cache_write: gap(reported.cache_write, counted.cache_write),
        };
        Self { reported, counted, more }
    }

    pub fn differs(&self) -> bool {
        self.reported != self.counted
    }
}

impl AddAssign for Tokens {
    fn add_assign(&mut self, other: Self) {
        self.input += other.input;
        self.output += other.output;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
    }
}
