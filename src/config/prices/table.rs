//! A table of prices as JSON: rates in pico-dollars per token, by provider and rules on names.

use super::super::{ConfigError, unpacked};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

const TABLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/prices.json.lz4"));
const COLUMNS: [&str; 5] = ["input", "output", "cache_read", "cache_write", "cache_write_1h"];
const UNIT: &str = "pico-dollars per token";
/// Pico-dollars per token of one dollar per million tokens.
const PICO: f64 = 1e6;

/// Pico-dollars per token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_write: u64,
    /// Writes to a cache that lives for an hour, where that is dearer.
    pub cache_write_1h: u64,
}

/// From so many prompt tokens on (cached ones count) the whole call is billed so.
pub type Tier = (u64, Rates);

/// One price. A rule is `=name`, `^prefix`, `$suffix` or `~part`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceEntry {
    pub rules: Vec<String>,
    pub rates: Rates,
    pub tiers: Vec<Tier>,
    /// The longest prompt, in tokens, where it is known.
    pub context: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceTable {
    /// `2026-11-23`: the day on which these prices held.
    pub date: String,
    pub source: String,
    /// Of the data; empty where it says none.
    pub licence: String,
    pub vendors: BTreeMap<String, Vec<PriceEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'a> {
    date: String,
    source: String,
    #[serde(default)]
    licence: String,
    #[serde(default)]
    columns: Option<Vec<String>>,
    #[serde(default)]
    unit: Option<String>,
    #[serde(borrow)]
    providers: BTreeMap<String, Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(rename = "match")]
    rules: Vec<String>,
    rates: Vec<Option<u64>>,
    #[serde(default)]
    tiers: Vec<(u64, Vec<Option<u64>>)>,
    #[serde(default)]
    context: Option<u64>,
}

impl PriceTable {
    /// # Errors
    /// Never, as the tests have it.
    pub fn built_in() -> Result<Self, ConfigError> {
        Self::parse(&PathBuf::from("assets/prices.json"), &unpacked(TABLE))
    }

    /// # Errors
    /// With the line and the key of what is wrong.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let wrong = |at: Option<(usize, usize)>, key: String, message: String| ConfigError {
            file: path.to_owned(),
            at,
            key,
            message,
            nearest: None,
        };
        let file: File<'_> = serde_json::from_str(text)
            .map_err(|error| wrong(place(&error, (1, 1)), String::new(), said(&error)))?;
        let top =
            |key: &str, message: String| Err(wrong(key_place(text, key), key.into(), message));
        if file.date.parse::<jiff::civil::Date>().is_err() {
            return top("date", format!("{:?} is no date like 2026-11-23", file.date));
        }
        if file.unit.as_deref().is_some_and(|unit| unit != UNIT) {
            return top("unit", format!("only {UNIT:?} is known"));
        }
        if file.columns.as_ref().is_some_and(|columns| *columns != COLUMNS) {
            return top("columns", format!("only {COLUMNS:?} are known"));
        }
        if file.providers.is_empty() {
            return top("providers", "there is none".to_owned());
        }
        let mut vendors = BTreeMap::new();
        for (vendor, raws) in file.providers {
            let mut entries = Vec::with_capacity(raws.len());
            for (n, raw) in raws.iter().enumerate() {
                let start = start_of(text, raw.get());
                let key = |field: &str| {
                    let dot = if field.is_empty() { "" } else { "." };
                    format!("providers.{vendor}[{n}]{dot}{field}")
                };
                let entry: Entry = serde_json::from_str(raw.get())
                    .map_err(|error| wrong(place(&error, start), key(""), said(&error)))?;
                entries.push(
                    entry
                        .checked()
                        .map_err(|(field, message)| wrong(Some(start), key(field), message))?,
                );
            }
            vendors.insert(vendor, entries);
        }
        let File { date, source, licence, .. } = file;
        Ok(Self { date, source, licence, vendors })
    }
}

impl Entry {
    /// What the types cannot say: the field and what is wrong with it.
    fn checked(self) -> Result<PriceEntry, (&'static str, String)> {
        if self.rules.is_empty() {
            return Err(("match", "no rule says which models it is for".to_owned()));
        }
        if let Some(rule) = self.rules.iter().find(|rule| !is_rule(rule)) {
            let message = format!("{rule:?} is no rule: =name, ^prefix, $suffix or ~part");
            return Err(("match", message));
        }
        let row = |field, cells: &[Option<u64>]| {
            Rates::from_row(cells).map_err(|message| (field, message))
        };
        let tiers: Result<Vec<Tier>, _> =
            self.tiers.iter().map(|(start, cells)| Ok((*start, row("tiers", cells)?))).collect();
        let tiers = tiers?;
        if !tiers.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(("tiers", "they do not begin at more and more tokens".to_owned()));
        }
        let (rates, context) = (row("rates", &self.rates)?, self.context);
        Ok(PriceEntry { rates, rules: self.rules, tiers, context })
    }
}

fn is_rule(rule: &str) -> bool {
    rule.len() > 1 && rule.starts_with(['=', '^', '$', '~'])
}

impl PriceEntry {
    /// How well the best of its rules fits, 0 where none does.
    pub fn score(&self, model: &str) -> usize {
        self.rules.iter().map(|rule| score(rule, model)).max().unwrap_or(0)
    }
}

/// An exact rule wins, then the longest prefix, then suffixes and parts.
pub fn score(rule: &str, model: &str) -> usize {
    let Some((kind, text)) = rule.split_at_checked(1) else { return 0 };
    match kind {
        "=" if model == text => usize::MAX,
        "^" if model.starts_with(text) => 1 + text.len(),
        "$" if model.ends_with(text) => 1,
        "~" if model.contains(text) => 1,
        _ => 0,
    }
}

impl Rates {
    /// Columns of the file; what is missing is billed like input.
    fn from_row(row: &[Option<u64>]) -> Result<Self, String> {
        if row.len() > COLUMNS.len() {
            return Err(format!("more than the {} columns {COLUMNS:?}", COLUMNS.len()));
        }
        let cell = |n: usize| row.get(n).copied().flatten();
        let must = |n: usize| cell(n).ok_or_else(|| format!("{} is missing", COLUMNS[n]));
        let input = must(0)?;
        let cache_write = cell(3).unwrap_or(input);
        Ok(Self {
            input,
            output: must(1)?,
            cache_read: cell(2).unwrap_or(input),
            cache_write,
            cache_write_1h: cell(4).unwrap_or(cache_write),
        })
    }
}

/// Of dollars per million tokens.
pub fn pico(dollars: f64) -> u64 {
    // What is no number was refused when it was read; the cast takes what is left as 0.
    (dollars * PICO).round().max(0.0) as u64
}

/// Per million tokens.
pub fn dollars(pico: u64) -> f64 {
    pico as f64 / PICO
}

fn said(error: &serde_json::Error) -> String {
    let text = error.to_string();
    // The place is told in front.
    text.rsplit_once(" at line ").map_or(text.clone(), |(message, _)| message.to_owned())
}

/// The place of an error in a part of a text that starts at `start`.
fn place(error: &serde_json::Error, start: (usize, usize)) -> Option<(usize, usize)> {
    match (error.line(), error.column()) {
        (0, _) => None,
        (1, column) => Some((start.0, start.1 + column.max(1) - 1)),
        (line, column) => Some((start.0 + line - 1, column.max(1))),
    }
}

fn start_of(text: &str, part: &str) -> (usize, usize) {
    let at = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    super::super::load::line_column(text, at)
}

/// Where a key of the outermost object stands, as far as its first appearance tells.
fn key_place(text: &str, key: &str) -> Option<(usize, usize)> {
    let at = text.find(&format!("\"{key}\""))?;
    Some(super::super::load::line_column(text, at))
}
