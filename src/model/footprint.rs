//! What an agent takes of the machine, as its adapter was measured.

use serde::Deserialize;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Footprint {
    /// Memory of all its processes together (PSS) at work, in MB.
    pub memory_mb: u64,
    /// Processor time until its first model call, in milliseconds.
    pub start_cpu_ms: u64,
}

impl Footprint {
    /// Nothing that a machine would feel.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}
