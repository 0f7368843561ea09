//! Money in integer micro-dollars: one millionth of a US dollar.

use serde::{Deserialize, Serialize};
use std::{fmt, ops::AddAssign, str::FromStr};

/// Micro-dollars. Never negative in a ledger; signed so that differences are safe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Micros(pub i64);

impl Micros {
    pub const ZERO: Self = Self(0);

    /// Sums that are said together: with so many digits that those which differ look different.
    pub fn told_apart<const N: usize>(sums: [Self; N]) -> [String; N] {
        let mut texts = sums.map(|sum| sum.to_string());
        for digits in 3..=6 {
            let twins = |i: usize| (0..N).any(|j| sums[i] != sums[j] && texts[i] == texts[j]);
            let alike: Vec<usize> = (0..N).filter(|&i| twins(i)).collect();
            for i in alike {
                texts[i] = sums[i].shown(digits);
            }
        }
        texts
    }

    /// To the last digit, as it can be given again: in a command without the sign, which a
    /// shell would take for one of its variables.
    pub fn plain(self) -> String {
        let (whole, part) = (self.0 / 1_000_000, (self.0 % 1_000_000).abs());
        match format!("{whole}.{part:06}").trim_end_matches('0') {
            text if text.ends_with('.') => whole.to_string(),
            text => text.to_owned(),
        }
    }

    /// With a mark where a part of it is an estimate: `~$1.60`.
    pub fn told(self, estimated: Self) -> String {
        let mark = if estimated == Self::ZERO { "" } else { "~" };
        format!("{mark}{self}")
    }

    fn shown(self, digits: usize) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        format!("{sign}${:.digits$}", self.dollars().abs())
    }

    pub fn dollars(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl AddAssign for Micros {
    fn add_assign(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0);
    }
}

impl fmt::Display for Micros {
    /// `$0.000042` below a hundredth of a cent, `$0.0421` below a dollar, `$3.18` from there on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0.unsigned_abs() {
            0 => "$0".to_owned(),
            n if n < 100 => self.shown(6),
            n if n < 1_000_000 => self.shown(4),
            _ => self.shown(2),
        };
        f.pad(&text)
    }
}

/// A sum that is not one: the text as it was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a sum of money: {0:?} (write it like 50, $50 or 0.25)")]
pub struct NotMoney(pub String);

impl FromStr for Micros {
    type Err = NotMoney;

    /// Reads `$50`, `50`, `0.25`; at most six decimals, no sign.
    fn from_str(text: &str) -> Result<Self, NotMoney> {
        let bad = || NotMoney(text.to_owned());
        let digits = text.trim().strip_prefix('$').unwrap_or(text.trim());
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && part.is_empty())
            || part.len() > 6
            || !all_digits(whole)
            || !all_digits(part)
        {
            return Err(bad());
        }
        let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| bad())? };
        let part: i64 = format!("{part:0<6}").parse().map_err(|_| bad())?;
        whole.checked_mul(1_000_000).and_then(|w| w.checked_add(part)).map(Self).ok_or_else(bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_that_differ_look_different() {
        for (sums, texts) in [
            ([5_000_000, 5_000_000], ["$5.00", "$5.00"]),
            ([5_000_000, 5_001_000], ["$5.000", "$5.001"]),
            ([4_999_999, 5_000_000], ["$4.999999", "$5.000000"]),
            ([1_000, 1_001], ["$0.001000", "$0.001001"]),
            ([1_000, 12_300], ["$0.0010", "$0.0123"]),
            ([0, 5_000_000], ["$0", "$5.00"]),
        ] {
            assert_eq!(Micros::told_apart(sums.map(Micros)), texts);
        }
    }

    #[test]
    fn reads_and_prints() {
        for (text, micros) in
            [("$50", 50_000_000), ("0.25", 250_000), (".5", 500_000), ("1.000001", 1_000_001)]
        {
            assert_eq!(text.parse::<Micros>(), Ok(Micros(micros)), "{text}");
        }
        for text in ["", "$", "-1", "1.0000001", "1e3", "ten", "99999999999999999999"] {
            assert!(text.parse::<Micros>().is_err(), "{text}");
        }
        for (micros, text) in
            [(0, "0"), (60_000, "0.06"), (5_000_000, "5"), (1_000_001, "1.000001")]
        {
            assert_eq!(Micros(micros).plain(), text);
            assert_eq!(text.parse(), Ok(Micros(micros)));
        }
        assert_eq!(Micros(42_100).told(Micros::ZERO), "$0.0421");
        assert_eq!(Micros(42_100).told(Micros(1)), "~$0.0421");
        assert_eq!(Micros(3_180_000).to_string(), "$3.18");
        for (micros, text) in [(-2_300, "-$0.0023"), (-50, "-$0.000050"), (-3_180_000, "-$3.18")] {
            assert_eq!(Micros(micros).to_string(), text);
        }
        let apart = Micros::told_apart([Micros(-5_001_000), Micros(-5_000_000)]);
        assert_eq!(apart, ["-$5.001", "-$5.000"]);
    }
}
