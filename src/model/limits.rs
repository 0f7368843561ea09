//! What one attempt may use of the machine, beside its time (`timeout_ms`).

use serde::{Deserialize, Serialize};

/// None sets no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of memory of all its processes together: what they hold of their own, in memory
    /// or swapped out, and what they share among each other. Not their program files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Processes and threads at once, the two or three of its sandbox included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<u64>,
    /// Bytes of its output that are kept; beyond them the oldest middle is cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
}

impl Limits {
    /// These, and of `other` what these leave open.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            memory_bytes: self.memory_bytes.or(other.memory_bytes),
            processes: self.processes.or(other.processes),
            output_bytes: self.output_bytes.or(other.output_bytes),
        }
    }

    /// # Errors
    /// The field, and a sentence that says what is wrong with it.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.memory_bytes.is_some_and(|bytes| bytes < 16 << 20) {
            return Err(("memory", "less than 16 MB is too little for any program"));
        }
        if self.processes.is_some_and(|most| most < 8) {
            return Err(("processes", "less than 8 leaves no room beside the sandbox's own"));
        }
        if self.output_bytes.is_some_and(|bytes| bytes < 1 << 20) {
            return Err(("output", "a recording needs at least 1 MB"));
        }
        Ok(())
    }
}
