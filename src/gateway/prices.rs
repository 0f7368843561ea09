//! What a call costs. The table is `assets/prices.json` (its date and source stand in it),
//! the overrides are `[providers.NAME.prices]` of the configuration.
//!
//! Rates are pico-dollars per token, sums are `u128`, and a call is rounded up to whole
//! micro-dollars, once. A model that no rule matches has no price: it is never guessed.
//!
//! A rule is `=name`, `^prefix`, `$suffix` or `~part`. Of the rules that match, an exact one
//! wins, then the longest prefix, then suffixes and parts in the order of the file. A name
//! that nothing matches is looked up again without its date (`-20260131`, `-2026-01-31`).

use crate::config::ModelPrice;
use crate::model::{Micros, Tokens};
use serde::Deserialize;
use std::collections::BTreeMap;

const TABLE: &str = include_str!("../../assets/prices.json");
/// Pico-dollars per token of one dollar per million tokens.
const PICO_PER_DOLLAR_PER_MILLION: f64 = 1e6;
const PICO_PER_MICRO: u128 = 1_000_000;

/// Pico-dollars per token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_write: u64,
    /// Writes to a cache that lives for an hour, where that is dearer.
    pub cache_write_1h: u64,
}

impl Rates {
    /// Columns of the file; what is missing is billed like input.
    fn from_row(row: &[Option<u64>]) -> Option<Self> {
        let cell = |n: usize| row.get(n).copied().flatten();
        let input = cell(0)?;
        let cache_write = cell(3).unwrap_or(input);
        Some(Self {
            input,
            output: cell(1)?,
            cache_read: cell(2).unwrap_or(input),
            cache_write,
            cache_write_1h: cell(4).unwrap_or(cache_write),
        })
    }

    fn from_config(price: &ModelPrice) -> Self {
        let pico = |dollars: f64| (dollars * PICO_PER_DOLLAR_PER_MILLION).round().max(0.0) as u64;
        let input = pico(price.input);
        let cache_write = price.cache_write.map_or(input, pico);
        Self {
            input,
            output: pico(price.output),
            cache_read: price.cache_read.map_or(input, pico),
            cache_write,
            cache_write_1h: cache_write,
        }
    }

    fn dearest_input(&self, writes: Writes) -> u64 {
        let read = self.input.max(self.cache_read);
        match writes {
            Writes::None => read,
            Writes::Short => read.max(self.cache_write),
            Writes::Hour => read.max(self.cache_write).max(self.cache_write_1h),
        }
    }
}

/// What of a prompt may be written to a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    None,
    Short,
    Hour,
}

/// The price of one model: its rates, and dearer ones for long prompts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    base: Rates,
    /// From so many prompt tokens on (cached ones count) the whole call is billed so.
    tiers: Vec<(u64, Rates)>,
}

impl Price {
    /// `cache_write_1h` is the part of `tokens.cache_write` with an hour to live.
    pub fn cost(&self, tokens: &Tokens, cache_write_1h: u64) -> Micros {
        let prompt = tokens.input + tokens.cache_read + tokens.cache_write;
        let rates = self
            .tiers
            .iter()
            .rev()
            .find(|(start, _)| prompt > *start)
            .map_or(&self.base, |(_, rates)| rates);
        let long = cache_write_1h.min(tokens.cache_write);
        round_up(&[
            (tokens.input, rates.input),
            (tokens.output, rates.output),
            (tokens.cache_read, rates.cache_read),
            (tokens.cache_write - long, rates.cache_write),
            (long, rates.cache_write_1h),
        ])
    }

    /// The most that a prompt of up to `input` tokens and `output` tokens of answer can cost.
    pub fn bound(&self, input: u64, output: u64, writes: Writes) -> Micros {
        let (prompt, answer) = self.dearest(input, writes);
        round_up(&[(input, prompt), (output, answer)])
    }

    /// The longest answer, in tokens, with which a call stays within `amount`.
    pub fn output_within(&self, amount: Micros, input: u64, writes: Writes) -> u64 {
        let (prompt, answer) = self.dearest(input, writes);
        let amount = u128::try_from(amount.0).unwrap_or(0) * PICO_PER_MICRO;
        let left = amount.saturating_sub(u128::from(input) * u128::from(prompt));
        let tokens = left.checked_div(u128::from(answer)).unwrap_or(u128::MAX);
        u64::try_from(tokens).unwrap_or(u64::MAX)
    }

    /// The highest rates for prompt and answer that a prompt of up to `input` tokens may meet.
    fn dearest(&self, input: u64, writes: Writes) -> (u64, u64) {
        let tiers = self.tiers.iter().filter(|(start, _)| input > *start);
        let all = || std::iter::once(&self.base).chain(tiers.clone().map(|(_, rates)| rates));
        let prompt = all().map(|rates| rates.dearest_input(writes)).max().unwrap_or(0);
        (prompt, all().map(|rates| rates.output).max().unwrap_or(0))
    }
}

fn round_up(parts: &[(u64, u64)]) -> Micros {
    let pico: u128 = parts.iter().map(|(n, rate)| u128::from(*n) * u128::from(*rate)).sum();
    Micros(i64::try_from(pico.div_ceil(PICO_PER_MICRO)).unwrap_or(i64::MAX))
}

#[derive(Deserialize)]
struct File {
    date: String,
    source: String,
    providers: BTreeMap<String, Vec<Entry>>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "match")]
    rules: Vec<String>,
    rates: Vec<Option<u64>>,
    #[serde(default)]
    tiers: Vec<(u64, Vec<Option<u64>>)>,
}

/// The table with its date and source.
pub struct Prices {
    pub date: String,
    pub source: String,
    vendors: BTreeMap<String, Vec<(Vec<String>, Price)>>,
}

impl Prices {
    /// The table that is built in.
    pub fn built_in() -> Result<Self, serde_json::Error> {
        let file: File = serde_json::from_str(TABLE)?;
        let vendors = file.providers.into_iter().map(|(name, entries)| {
            let prices = entries.into_iter().filter_map(|entry| {
                let tiers = entry
                    .tiers
                    .iter()
                    .filter_map(|(start, row)| Some((*start, Rates::from_row(row)?)))
                    .collect();
                Some((entry.rules, Price { base: Rates::from_row(&entry.rates)?, tiers }))
            });
            (name, prices.collect())
        });
        Ok(Self { date: file.date, source: file.source, vendors: vendors.collect() })
    }

    pub fn knows_vendor(&self, vendor: &str) -> bool {
        self.vendors.contains_key(vendor)
    }

    /// The price of `model` at `vendor`; with no vendor, at the first that sells it.
    pub fn find(&self, vendor: Option<&str>, model: &str) -> Option<&Price> {
        [Some(model), undated(model)].into_iter().flatten().find_map(|name| match vendor {
            Some(vendor) => self.vendors.get(vendor).and_then(|table| best(table, name)),
            None => self.vendors.values().find_map(|table| best(table, name)),
        })
    }
}

/// The price with the best matching rule.
fn best<'a>(table: &'a [(Vec<String>, Price)], model: &str) -> Option<&'a Price> {
    let score = |rule: &str| -> Option<usize> {
        let (kind, text) = rule.split_at_checked(1)?;
        match kind {
            "=" => (model == text).then_some(usize::MAX),
            "^" => model.starts_with(text).then_some(1 + text.len()),
            "$" => model.ends_with(text).then_some(1),
            "~" => model.contains(text).then_some(1),
            _ => None,
        }
    };
    let mut found: Option<(usize, &Price)> = None;
    for (rules, price) in table {
        let here = rules.iter().filter_map(|rule| score(rule)).max();
        if let Some(here) = here
            && found.is_none_or(|(best, _)| here > best)
        {
            found = Some((here, price));
        }
    }
    found.map(|(_, price)| price)
}

/// The name without a date at its end.
fn undated(model: &str) -> Option<&str> {
    let pattern = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(c, s)| match s {
                b'd' => c.is_ascii_digit(),
                _ => c == s,
            })
    };
    ["-dddddddd", "-dddd-dd-dd", "@dddddddd"].into_iter().find_map(|shape| {
        let at = model.len().checked_sub(shape.len())?;
        let (name, date) = model.split_at_checked(at)?;
        (!name.is_empty() && pattern(date, shape)).then_some(name)
    })
}

/// A provider's own prices before the table's.
#[derive(Clone, Debug, Default)]
pub struct Overrides(BTreeMap<String, Price>);

impl Overrides {
    pub fn new(prices: &BTreeMap<String, ModelPrice>) -> Self {
        let price = |p: &ModelPrice| Price { base: Rates::from_config(p), tiers: Vec::new() };
        Self(prices.iter().map(|(model, p)| (model.clone(), price(p))).collect())
    }

    pub fn find(&self, model: &str) -> Option<&Price> {
        self.0.get(model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(input: u64, output: u64, cache_read: u64, cache_write: u64) -> Tokens {
        Tokens { input, output, cache_read, cache_write }
    }

    #[test]
    fn knows_models_exactly_by_prefix_and_with_dates() {
        let prices = Prices::built_in().unwrap();
        assert!(prices.date.starts_with("20"), "{}", prices.date);
        for (vendor, model) in [
            ("anthropic", "claude-opus-4-5"),
            ("anthropic", "claude-opus-4-5-20251101"),
            ("anthropic", "claude-sonnet-4-5-20250929"),
            ("openai", "gpt-5"),
            ("openai", "gpt-5-2025-08-07"),
            ("openai", "gpt-5.4-20990101"),
        ] {
            assert!(prices.find(Some(vendor), model).is_some(), "{model}");
            assert!(prices.find(None, model).is_some(), "{model}");
        }
        assert!(prices.find(Some("openai"), "claude-opus-4-5").is_none());
        assert!(prices.find(None, "no-such-model-x").is_none());
        assert!(prices.find(Some("nobody"), "gpt-5").is_none());
    }

    #[test]
    fn bills_each_kind_of_token_at_its_rate() {
        let prices = Prices::built_in().unwrap();
        let opus = prices.find(Some("anthropic"), "claude-opus-4-5").unwrap();
        // $5 in, $25 out, $0.5 read, $6.25 written, $10 written for an hour, per million.
        let million = 1_000_000;
        assert_eq!(opus.cost(&tokens(million, 0, 0, 0), 0), Micros(5_000_000));
        assert_eq!(opus.cost(&tokens(0, million, 0, 0), 0), Micros(25_000_000));
        assert_eq!(opus.cost(&tokens(0, 0, million, 0), 0), Micros(500_000));
        assert_eq!(opus.cost(&tokens(0, 0, 0, million), 0), Micros(6_250_000));
        assert_eq!(opus.cost(&tokens(0, 0, 0, million), million), Micros(10_000_000));
        assert_eq!(opus.cost(&tokens(1, 0, 1, 0), 0), Micros(6), "5.5 is rounded up");
        assert_eq!(opus.cost(&Tokens::default(), 0), Micros(0));
        assert_eq!(opus.bound(1000, 100, Writes::Hour), Micros(12_500));
        assert_eq!(opus.bound(1000, 100, Writes::Short), Micros(8_750));
        assert_eq!(opus.bound(1000, 100, Writes::None), Micros(7_500));
        assert_eq!(opus.output_within(Micros(7_500), 1000, Writes::None), 100);
        assert_eq!(opus.output_within(Micros(4_999), 1000, Writes::None), 0);
    }

    #[test]
    fn long_prompts_are_dearer_as_a_whole() {
        let prices = Prices::built_in().unwrap();
        let sonnet = prices.find(Some("anthropic"), "claude-sonnet-4-5").unwrap();
        assert_eq!(sonnet.cost(&tokens(200_000, 0, 0, 0), 0), Micros(600_000));
        assert_eq!(sonnet.cost(&tokens(1000, 0, 200_000, 0), 0), Micros(126_000));
        // A prompt that cannot be that long is not bounded as if it were.
        assert_eq!(sonnet.bound(200_000, 0, Writes::None), Micros(600_000));
        assert!(sonnet.bound(200_001, 0, Writes::None) > Micros(1_200_000));
    }

    #[test]
    fn overrides_come_in_dollars() {
        let price = ModelPrice { input: 0.1, output: 0.3, cache_read: None, cache_write: None };
        let own = Overrides::new(&BTreeMap::from([("local".to_owned(), price)]));
        let price = own.find("local").unwrap();
        assert_eq!(price.cost(&tokens(10, 10, 10, 0), 0), Micros(5));
        assert!(own.find("other").is_none());
    }
}
