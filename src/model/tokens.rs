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

impl AddAssign for Tokens {
    fn add_assign(&mut self, other: Self) {
        self.input += other.input;
        self.output += other.output;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
    }
}
