//! Durations on the command line.

use crate::config::parse_duration;

/// Milliseconds, for clap.
pub fn parse(text: &str) -> Result<u64, String> {
    parse_duration(text)
}
