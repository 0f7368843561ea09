//! A point in time as it is stored and shown. Only `runtime` reads the clock.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;

/// Microseconds since the Unix epoch; on the wire RFC 3339 in UTC, to the millisecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(pub i64);

impl Stamp {
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add((ms as i64).saturating_mul(1000)))
    }

    /// Not before 1970, whatever is taken off.
    #[must_use]
    pub fn minus_ms(self, ms: u64) -> Self {
        let micros = i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1000);
        Self(self.0.saturating_sub(micros).max(0))
    }

    /// `2026-11-29`, in UTC.
    pub fn day(self) -> String {
        self.to_string().chars().take_while(|c| *c != 'T').collect()
    }

    /// Milliseconds from `earlier` to this, 0 if that is later.
    pub fn ms_since(self, earlier: Self) -> u64 {
        (self.0.saturating_sub(earlier.0) / 1000).max(0) as u64
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(at) => write!(f, "{at:.3}"),
            Err(_) => f.write_str("out of range"),
        }
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let at: jiff::Timestamp = text.parse().map_err(D::Error::custom)?;
        Ok(Self(at.as_microsecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_as_rfc_3339() -> Result<(), serde_json::Error> {
        let at = Stamp(1_700_000_000_123_000);
        let text = serde_json::to_string(&at)?;
        assert_eq!(text, "\"2023-11-14T22:13:20.123Z\"");
        assert_eq!(serde_json::from_str::<Stamp>(&text)?, at);
        Ok(())
    }
}
