//! `prices.toml`: what the user says that models cost, in dollars per million tokens.

use super::{
    super::{
        ConfigError, ModelPrice,
        load::{key_span, line_column},
    },
    Rates, Tier, from_toml,
    table::pico,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::Path};

/// Keys of a price, as `dash prices set` takes them.
pub const KEYS: [&str; 12] = [
    "input",
    "output",
    "cache_read",
    "cache_write",
    "cache_write_1h",
    "context",
    "long.from",
    "long.input",
    "long.output",
    "long.cache_read",
    "long.cache_write",
    "long.cache_write_1h",
];

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OwnFile {
    pub models: BTreeMap<String, OwnPrice>,
    /// Dollars that something adds to one request at most, fees and tokens together, beside the
    /// tokens that the request shows: by the name that a refusal gives it.
    pub features: BTreeMap<String, f64>,
}

/// Dollars per million tokens.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnPrice {
    /// When it was set; empty where nobody says.
    #[serde(default)]
    pub date: String,
    pub input: f64,
    pub output: f64,
    /// Missing, it is billed like input.
    #[serde(default)]
    pub cache_read: Option<f64>,
    /// Missing, these are billed as the dearest service does: see [`SHORT_WRITE`].
    #[serde(default)]
    pub cache_write: Option<f64>,
    #[serde(default)]
    pub cache_write_1h: Option<f64>,
    /// The longest prompt, in tokens: what is set aside for one with a document.
    #[serde(default)]
    pub context: Option<u64>,
    #[serde(default)]
    pub long: Option<LongPrice>,
}

/// Of prompts beyond `from` tokens; what is missing is as for shorter ones, and a write no less
/// than it would be of this input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongPrice {
    pub from: u64,
    pub input: f64,
    pub output: f64,
    #[serde(default)]
    pub cache_read: Option<f64>,
    #[serde(default)]
    pub cache_write: Option<f64>,
    #[serde(default)]
    pub cache_write_1h: Option<f64>,
}

impl OwnFile {
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let file: Self = from_toml(path, text)?;
        let wrong = |parts: Vec<String>, key: String, message: String| ConfigError {
            file: path.to_owned(),
            at: key_span(text, &parts).map(|span| line_column(text, span.start)),
            key,
            message,
            nearest: None,
        };
        for (model, price) in &file.models {
            if let Some((key, message)) = wrong_figure(price) {
                let parts = ["models", model.as_str()].into_iter().chain(key.split('.'));
                let parts = parts.map(str::to_owned).collect();
                return Err(wrong(parts, format!("models.{model:?}.{key}"), message));
            }
        }
        let mut features = file.features.iter();
        let wrong_one = features.find_map(|(name, dollars)| Some((name, no_price(*dollars)?)));
        if let Some((name, message)) = wrong_one {
            let parts = vec!["features".to_owned(), name.clone()];
            return Err(wrong(parts, format!("features.{name:?}"), message));
        }
        Ok(file)
    }
}

/// No token costs a dollar, and no request a million.
const MOST: f64 = 1e6;

/// Why a sum of dollars is no price.
pub fn no_price(value: f64) -> Option<String> {
    // In few digits, however many it has.
    let told = || if value.abs() < 1e12 { format!("{value}") } else { format!("{value:e}") };
    (!(0.0..=MOST).contains(&value)).then(|| format!("{} is no price", told()))
}

/// The same of what stands at one of [`KEYS`].
pub fn no_figure(key: &str, value: f64) -> Option<String> {
    match key {
        // No prompt is that short.
        "context" if !(1.0..=MOST_TOKENS).contains(&value) || value.fract() != 0.0 => {
            Some(format!("{value} is no number of tokens that a prompt has"))
        }
        "context" | "long.from" => None,
        _ => no_price(value),
    }
}

/// As many as the number of a file holds exactly.
const MOST_TOKENS: f64 = 9e15;

/// The first key whose value is none, and why.
pub fn wrong_figure(price: &OwnPrice) -> Option<(String, String)> {
    let wrong = |(key, value): (String, f64)| {
        let why = no_figure(&key, value)?;
        Some((key, why))
    };
    figures(price).into_iter().find_map(wrong)
}

/// All its figures by their keys.
pub fn figures(price: &OwnPrice) -> BTreeMap<String, f64> {
    let long = price.long.as_ref();
    let values = [
        Some(price.input),
        Some(price.output),
        price.cache_read,
        price.cache_write,
        price.cache_write_1h,
        price.context.map(|tokens| tokens as f64),
        long.map(|long| long.from as f64),
        long.map(|long| long.input),
        long.map(|long| long.output),
        long.and_then(|long| long.cache_read),
        long.and_then(|long| long.cache_write),
        long.and_then(|long| long.cache_write_1h),
    ];
    let named = KEYS.iter().zip(values);
    named.filter_map(|(key, value)| Some(((*key).to_owned(), value?))).collect()
}

/// What is written to a cache costs so many times its input at Anthropic (docs: prompt caching,
/// 2026-11), and no more at any other service; for an hour it is the second.
const SHORT_WRITE: f64 = 1.25;
const LONG_WRITE: f64 = 2.0;

fn rates(input: f64, output: f64, [read, write, hour]: [Option<f64>; 3]) -> Rates {
    let write = write.unwrap_or(input * SHORT_WRITE);
    Rates {
        input: pico(input),
        output: pico(output),
        cache_read: pico(read.unwrap_or(input)),
        cache_write: pico(write),
        cache_write_1h: pico(hour.unwrap_or(write.max(input * LONG_WRITE))),
    }
}

impl OwnPrice {
    pub fn of_provider(price: &ModelPrice) -> Self {
        Self {
            date: String::new(),
            input: price.input,
            output: price.output,
            cache_read: price.cache_read,
            cache_write: price.cache_write,
            cache_write_1h: price.cache_write_1h,
            context: price.context,
            long: price.long.clone(),
        }
    }

    pub fn rates(&self) -> Rates {
        let cache = [self.cache_read, self.cache_write, self.cache_write_1h];
        rates(self.input, self.output, cache)
    }

    pub fn tiers(&self) -> Vec<Tier> {
        let tier = self.long.as_ref().map(|long| {
            let no_less =
                |short: Option<f64>, by: f64| short.map(|short| short.max(long.input * by));
            let cache = [
                long.cache_read.or(self.cache_read),
                long.cache_write.or(no_less(self.cache_write, SHORT_WRITE)),
                long.cache_write_1h.or(no_less(self.cache_write_1h, LONG_WRITE)),
            ];
            (long.from, rates(long.input, long.output, cache))
        });
        tier.into_iter().collect()
    }
}
