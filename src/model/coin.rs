//! What a limit may be set in: dollars, tokens, or both, each of which holds for itself.

use super::{Micros, Tokens};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// One of the two things that accounts count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Coin {
    /// In micro-dollars.
    Dollars,
    /// Of prompts, cached or not, and answers.
    Tokens,
}

impl Coin {
    pub const ALL: [Self; 2] = [Self::Dollars, Self::Tokens];

    /// Amounts that are said together, so that those which differ look different.
    pub fn told<const N: usize>(self, amounts: [i64; N]) -> [String; N] {
        match self {
            Self::Dollars => Micros::told_apart(amounts.map(Micros)),
            Self::Tokens => amounts.map(|amount| amount.to_string()),
        }
    }

    /// What stands behind an amount.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Dollars => "",
            Self::Tokens => " tokens",
        }
    }
}

/// What one coin's side of an account holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Purse {
    /// None: unlimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    pub spent: i64,
    /// The sum of the open reservations.
    pub reserved: i64,
    /// The most that any call needed to be let through at all: with less left nothing is spent.
    pub call: i64,
}

impl Purse {
    pub fn is_unused(&self) -> bool {
        *self == Self::default()
    }

    pub fn used(&self) -> i64 {
        self.spent.saturating_add(self.reserved)
    }

    /// What may still be reserved; none: as much as one likes.
    pub fn left(&self) -> Option<i64> {
        Some(self.limit?.saturating_sub(self.spent).saturating_sub(self.reserved))
    }

    /// Of the limit what is spent, in percent, rounded down; none without a limit.
    pub fn percent(&self) -> Option<u32> {
        let limit = i128::from(self.limit?);
        if limit <= 0 {
            return Some(100);
        }
        Some(u32::try_from(i128::from(self.spent) * 100 / limit).unwrap_or(u32::MAX))
    }
}

/// Limits, or what they are raised by, as they are written: `$50`, `2M-tokens`,
/// `$50,2M-tokens`. What is none is not spoken of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Budget {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dollars: Option<Micros>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
}

impl Budget {
    pub fn of_dollars(sum: Micros) -> Self {
        Self { dollars: Some(sum), tokens: None }
    }

    pub fn of_tokens(tokens: u64) -> Self {
        Self { dollars: None, tokens: Some(tokens) }
    }

    pub fn get(&self, coin: Coin) -> Option<i64> {
        match coin {
            Coin::Dollars => self.dollars.map(|sum| sum.0),
            Coin::Tokens => self.tokens.map(Tokens::signed),
        }
    }

    pub fn set(&mut self, coin: Coin, amount: Option<i64>) {
        match coin {
            Coin::Dollars => self.dollars = amount.map(Micros),
            Coin::Tokens => {
                self.tokens = amount.map(|amount| u64::try_from(amount).unwrap_or(0));
            }
        }
    }
}

impl fmt::Display for Budget {
    /// So that it can be given again: `$50.00,2M-tokens`; `none` where nothing is limited.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dollars = self.dollars.map(|sum| sum.to_string());
        let tokens = self.tokens.map(written);
        let parts: Vec<String> = dollars.into_iter().chain(tokens).collect();
        f.pad(&if parts.is_empty() { "none".to_owned() } else { parts.join(",") })
    }
}

/// `2M-tokens`, `500k-tokens`, `1234-tokens`: exact, and readable again.
fn written(tokens: u64) -> String {
    match tokens {
        0 => "0-tokens".to_owned(),
        n if n % 1_000_000 == 0 => format!("{}M-tokens", n / 1_000_000),
        n if n % 1000 == 0 => format!("{}k-tokens", n / 1000),
        n => format!("{n}-tokens"),
    }
}

/// A text that is no limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotABudget {
    #[error(
        "not a sum of money: {0:?} (write it like 50, $50, 2M-tokens, or both as 50,2M-tokens)"
    )]
    Money(String),
    /// With the nearest right thing, where there is one.
    #[error("not a number of tokens: {0:?} ({hint})", hint = hint(.1))]
    Tokens(String, Option<String>),
    #[error("{0:?} says {1} twice")]
    Twice(String, &'static str),
}

impl FromStr for Budget {
    type Err = NotABudget;

    fn from_str(text: &str) -> Result<Self, NotABudget> {
        let mut budget = Self::default();
        for part in text.split(',').map(str::trim) {
            let number = part
                .strip_suffix("tokens")
                .map(|number| number.trim_end().trim_end_matches('-').trim_end());
            let twice = match number {
                Some(number) => {
                    let tokens = counted(number).ok_or_else(|| no_tokens(part))?;
                    budget.tokens.replace(tokens).map(|_| "tokens")
                }
                None => match part.parse() {
                    Ok(sum) => budget.dollars.replace(sum).map(|_| "dollars"),
                    Err(_) if meant(part).is_some() => return Err(no_tokens(part)),
                    Err(_) => return Err(NotABudget::Money(part.to_owned())),
                },
            };
            if let Some(coin) = twice {
                return Err(NotABudget::Twice(text.to_owned(), coin));
            }
        }
        Ok(budget)
    }
}

fn hint(nearest: &Option<String>) -> String {
    match nearest {
        Some(nearest) => format!("did you mean {nearest}?"),
        None => "write it like 2M-tokens, 1.5M-tokens or 500k-tokens".to_owned(),
    }
}

fn no_tokens(part: &str) -> NotABudget {
    NotABudget::Tokens(part.to_owned(), meant(part))
}

/// What looks like a number of tokens and is not written like one, as it is written.
fn meant(part: &str) -> Option<String> {
    let digits = |c: char| c.is_ascii_digit() || c == '.';
    let rest = part.trim_start_matches(digits);
    let number = &part[..part.len() - rest.len()];
    let word: String = rest.chars().filter(|c| c.is_ascii_alphabetic()).collect();
    let unit = match word.to_ascii_lowercase().as_str() {
        "k" | "ktok" | "ktoks" | "ktoken" | "ktokens" => "k",
        "m" | "mtok" | "mtoks" | "mtoken" | "mtokens" => "M",
        "t" | "tok" | "toks" | "token" | "tokens" => "",
        _ => return None,
    };
    counted(&format!("{number}{unit}")).map(written)
}

/// `2M`, `1.5M`, `500k`, `1234`: whole tokens.
fn counted(number: &str) -> Option<u64> {
    let (digits, zeros) = match number.chars().last() {
        Some('M') => (&number[..number.len() - 1], 6),
        Some('k' | 'K') => (&number[..number.len() - 1], 3),
        Some(_) | None => (number, 0),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || part.len() > zeros || !all_digits(whole) || !all_digits(part) {
        return None;
    }
    let tokens: u64 = format!("{whole}{part:0<zeros$}").parse().ok()?;
    // They are counted as signed numbers, too.
    i64::try_from(tokens).map(|_| tokens).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_and_written() {
        for (text, dollars, tokens) in [
            ("$50", Some(50_000_000), None),
            ("0.25", Some(250_000), None),
            ("2M-tokens", None, Some(2_000_000)),
            ("1.5M tokens", None, Some(1_500_000)),
            ("500k-tokens", None, Some(500_000)),
            ("1234tokens", None, Some(1234)),
            ("$5, 2M-tokens", Some(5_000_000), Some(2_000_000)),
            ("2M-tokens,$5", Some(5_000_000), Some(2_000_000)),
        ] {
            let budget: Budget = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((budget.dollars, budget.tokens), (dollars.map(Micros), tokens), "{text}");
            assert_eq!(budget.to_string().parse::<Budget>(), Ok(budget), "{text}");
        }
        for text in ["", "2M", "M-tokens", "-tokens", "1.0005k-tokens", "-1-tokens", "$5,", "$5,$6"]
        {
            assert!(text.parse::<Budget>().is_err(), "{text}");
        }
        for text in ["1k-tokens,2k-tokens", "99999999999999999999-tokens", "5 euros"] {
            assert!(text.parse::<Budget>().is_err(), "{text}");
        }
        for (text, hint) in [
            ("2M", "2M-tokens"),
            ("3k-token", "3k-tokens"),
            ("$5,1.5mtok", "1500k-tokens"),
            ("1234 token", "1234-tokens"),
            ("five", "50, $50, 2M-tokens, or both as 50,2M-tokens"),
            ("x-tokens", "write it like 2M-tokens"),
        ] {
            let error = text.parse::<Budget>().unwrap_err().to_string();
            assert!(error.contains(hint), "{error}");
        }
        assert_eq!(Budget::default().to_string(), "none");
        assert_eq!(Budget::of_tokens(1_234_000).to_string(), "1234k-tokens");
    }
}
