//! Durations on the command line.

use crate::config::duration;

/// Milliseconds, for clap.
pub fn parse(text: &str) -> Result<u64, String> {
    duration(text)
}
