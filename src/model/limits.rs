//! What one attempt may use of the machine, beside its time (`timeout_ms`).

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// None sets no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of memory of all its processes together: what they hold of their own, in memory
    /// or swapped out, and what they share among each other. Not their program files, unless
    /// the kernel holds the limit: it counts the files that they have read, too, and drops
    /// those first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Processor time, in cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Cores>,
    /// Processes and threads at once, the two or three of its sandbox included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<u64>,
    /// Bytes that its processes write to disks, all of them together and over its whole life;
    /// what is removed before it has reached a disk does not count. No single file gets larger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_bytes: Option<u64>,
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
            cpu: self.cpu.or(other.cpu),
            processes: self.processes.or(other.processes),
            disk_bytes: self.disk_bytes.or(other.disk_bytes),
            output_bytes: self.output_bytes.or(other.output_bytes),
        }
    }

    /// The lower of each; what one of them leaves open is as the other says.
    #[must_use]
    pub fn meet(self, other: Self) -> Self {
        fn lower<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
            one.into_iter().chain(other).min()
        }
        Self {
            memory_bytes: lower(self.memory_bytes, other.memory_bytes),
            cpu: lower(self.cpu, other.cpu),
            processes: lower(self.processes, other.processes),
            disk_bytes: lower(self.disk_bytes, other.disk_bytes),
            output_bytes: lower(self.output_bytes, other.output_bytes),
        }
    }

    /// What of this wish `granted` does not hold, a sentence each.
    pub fn beyond(self, granted: Self) -> Vec<String> {
        fn more<T: Ord + fmt::Display>(
            what: &str,
            wish: Option<T>,
            has: Option<T>,
        ) -> Option<String> {
            let (wish, has) = (wish?, has?);
            (wish > has).then(|| format!("{what} {wish}: {has} is granted"))
        }
        let bytes = |what, wish: Option<u64>, has: Option<u64>| {
            let (wish, has) = (wish?, has?);
            (wish > has).then(|| format!("{what} {} MB: {} MB is granted", wish >> 20, has >> 20))
        };
        let found = [
            bytes("memory", self.memory_bytes, granted.memory_bytes),
            more("cpu", self.cpu, granted.cpu),
            more("processes", self.processes, granted.processes),
            bytes("disk", self.disk_bytes, granted.disk_bytes),
            bytes("output", self.output_bytes, granted.output_bytes),
        ];
        found.into_iter().flatten().collect()
    }

    /// # Errors
    /// The field, and a sentence that says what is wrong with it.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.memory_bytes.is_some_and(|bytes| bytes < 16 << 20) {
            return Err(("memory", "less than 16 MB is too little for any program"));
        }
        if self.cpu.is_some_and(|cores| cores < Cores::LEAST) {
            return Err(("cpu", Cores::TOO_FEW));
        }
        if self.processes.is_some_and(|most| most < 8) {
            return Err(("processes", "less than 8 leaves no room beside the sandbox's own"));
        }
        if self.disk_bytes.is_some_and(|bytes| bytes < 1 << 20) {
            return Err(("disk", "less than 1 MB is too little for any program"));
        }
        if self.output_bytes.is_some_and(|bytes| bytes < 1 << 20) {
            return Err(("output", "a recording needs at least 1 MB"));
        }
        Ok(())
    }
}

/// Cores of a processor, in thousandths; written as a number of cores, such as 2 or 0.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cores(u32);

impl Cores {
    /// The kernel deals out no less.
    pub const LEAST: Self = Self(10);
    pub const TOO_FEW: &str = "less than 0.01 of a core is too little for any program";
    const ONE: u32 = 1000;

    pub fn thousandths(self) -> u32 {
        self.0
    }

    /// None if it is a fraction.
    pub fn whole(self) -> Option<u32> {
        self.0.is_multiple_of(Self::ONE).then_some(self.0 / Self::ONE)
    }

    /// These, or all of a machine that has fewer.
    #[must_use]
    pub fn at_most(self, cores: usize) -> Self {
        let all = u32::try_from(cores).unwrap_or(u32::MAX).saturating_mul(Self::ONE);
        Self(self.0.min(all.max(Self::ONE)))
    }

    /// True if `cores` of a machine are no more than these.
    pub fn covers(self, cores: usize) -> bool {
        cores as u64 * u64::from(Self::ONE) <= u64::from(self.0)
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.whole() {
            Some(whole) => write!(f, "{whole}"),
            None => write!(f, "{}", f64::from(self.0) / f64::from(Self::ONE)),
        }
    }
}

impl TryFrom<f64> for Cores {
    type Error = String;

    fn try_from(cores: f64) -> Result<Self, String> {
        let thousandths = (cores * f64::from(Self::ONE)).round();
        if !(0.0..=f64::from(u32::MAX)).contains(&thousandths) {
            return Err(format!("{cores} is no number of cores"));
        }
        Ok(Self(thousandths as u32))
    }
}

impl FromStr for Cores {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_digit() || c == '.';
        let number = text.parse::<f64>().ok().filter(|_| text.chars().all(plain));
        let bad = || format!("{text:?} is no number of cores; write it like 2 or 0.5");
        number.ok_or_else(bad).and_then(Self::try_from)
    }
}

impl Serialize for Cores {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.whole() {
            Some(whole) => to.serialize_u32(whole),
            None => to.serialize_f64(f64::from(self.0) / f64::from(Self::ONE)),
        }
    }
}

impl<'de> Deserialize<'de> for Cores {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::try_from(f64::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

/// Where the control groups of attempts are made, and which of their limits groups there
/// can hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ground {
    /// Made with the first group; an attempt's own is below it.
    pub dir: PathBuf,
    pub memory: bool,
    pub cpu: bool,
    pub processes: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_read_and_written_as_numbers() {
        for (text, thousandths) in [("2", 2000), ("0.5", 500), ("1.25", 1250), (".01", 10)] {
            let cores: Cores = text.parse().unwrap();
            assert_eq!(cores.thousandths(), thousandths, "{text}");
            let json = serde_json::to_string(&cores).unwrap();
            assert_eq!(json, cores.to_string());
            assert_eq!(serde_json::from_str::<Cores>(&json).unwrap(), cores);
        }
        for text in ["", "-1", "1e3", "inf", "NaN", "half", "99999999"] {
            assert!(text.parse::<Cores>().is_err(), "{text}");
        }
        assert!(serde_json::from_str::<Cores>("-2").is_err());
        let limits: Limits = toml::from_str("cpu = 3").unwrap();
        assert_eq!(limits.cpu.and_then(Cores::whole), Some(3));
        let none = Limits { cpu: "0.001".parse().ok(), ..Limits::default() };
        assert_eq!(none.check().unwrap_err().0, "cpu");
        let two: Cores = "2".parse().unwrap();
        assert!(two.covers(2) && !two.covers(3) && two.covers(1));
    }
}
