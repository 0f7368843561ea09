//! Prices as clients see them: dollars per million tokens.

use serde::{Deserialize, Serialize};

/// What some models cost, and who says so.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PriceRow {
    /// Empty: whoever sells it.
    pub provider: String,
    /// Rules on names: `=name`, `^prefix`, `$suffix`, `~part`.
    pub models: Vec<String>,
    /// Of what is no model: dollars that it adds to a request at most. The other prices are 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<f64>,
    pub input: f64,
    pub output: f64,
    pub cache_read: f64,
    /// Into a cache that lives for five minutes.
    pub cache_write_5m: f64,
    pub cache_write_1h: f64,
    /// Dearer rates for long prompts.
    pub long: Vec<LongRow>,
    /// The longest prompt, in tokens, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<u64>,
    pub source: String,
    /// Of the source; empty where it says none.
    pub licence: String,
    /// The day of these prices; empty where nobody says.
    pub date: String,
    /// Models of the user's own prices, which come before this one.
    pub overridden: Vec<String>,
}

/// Of a prompt of more than `from` tokens; cached ones count.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LongRow {
    pub from: u64,
    pub input: f64,
    pub output: f64,
    pub cache_read: f64,
    pub cache_write_5m: f64,
    pub cache_write_1h: f64,
}
