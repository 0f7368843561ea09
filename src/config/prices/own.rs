//! `prices.toml`: what the user says that models cost, in dollars per million tokens.

use super::{
    super::{
        ConfigError, ModelPrice,
        load::{key_span, line_column},
    },
    Rates, Tier, from_toml,
    table::pico,
};
use serde::Deserialize;
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
    /// What is missing is billed like input.
    #[serde(default)]
    pub cache_read: Option<f64>,
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

/// Of prompts beyond `from` tokens; what is missing is as for shorter ones.
#[derive(Clone, Debug, PartialEq, Deserialize)]
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
        let is_none = |value: &f64| !(value.is_finite() && *value >= 0.0);
        let wrong = |parts: Vec<String>, key: String, value: f64| ConfigError {
            file: path.to_owned(),
            at: key_span(text, &parts).map(|span| line_column(text, span.start)),
            key,
            message: format!("{value} is no price"),
            nearest: None,
        };
        for (model, price) in &file.models {
            let sums = figures(price);
            if let Some((key, value)) = sums.iter().find(|(_, value)| is_none(value)) {
                let parts = ["models", model.as_str()].into_iter().chain(key.split('.'));
                let parts = parts.map(str::to_owned).collect();
                return Err(wrong(parts, format!("models.{model:?}.{key}"), *value));
            }
        }
        if let Some((name, value)) = file.features.iter().find(|(_, value)| is_none(value)) {
            let parts = vec!["features".to_owned(), name.clone()];
            return Err(wrong(parts, format!("features.{name:?}"), *value));
        }
        Ok(file)
    }
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

fn rates(input: f64, output: f64, [read, write, hour]: [Option<f64>; 3]) -> Rates {
    let write = write.unwrap_or(input);
    Rates {
        input: pico(input),
        output: pico(output),
        cache_read: pico(read.unwrap_or(input)),
        cache_write: pico(write),
        cache_write_1h: pico(hour.unwrap_or(write)),
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
            cache_write_1h: None,
            context: price.context,
            long: None,
        }
    }

    pub fn rates(&self) -> Rates {
        let cache = [self.cache_read, self.cache_write, self.cache_write_1h];
        rates(self.input, self.output, cache)
    }

    pub fn tiers(&self) -> Vec<Tier> {
        let tier = self.long.as_ref().map(|long| {
            let cache = [
                long.cache_read.or(self.cache_read),
                long.cache_write.or(self.cache_write),
                long.cache_write_1h.or(self.cache_write_1h),
            ];
            (long.from, rates(long.input, long.output, cache))
        });
        tier.into_iter().collect()
    }
}
