//! What a newer table changes.

use super::{PriceEntry, PriceTable};
use serde::Serialize;
use std::collections::BTreeMap;

/// Of one price.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PriceChange {
    pub provider: String,
    /// The rules on names, as they are from now on.
    pub models: Vec<String>,
    /// `added`, `removed`, `changed`.
    pub what: String,
    /// In words, such as `input 3 → 2`; empty where it is new or gone.
    pub how: Vec<String>,
}

/// From `old` to `new`, in the order of providers and models.
pub fn changes(old: &PriceTable, new: &PriceTable) -> Vec<PriceChange> {
    type Key<'a> = (&'a str, &'a str);
    fn by_name(table: &PriceTable) -> BTreeMap<Key<'_>, &PriceEntry> {
        let all = table.vendors.iter().flat_map(|(vendor, entries)| {
            entries.iter().map(move |entry| {
                // What it is called first stays when further names join.
                ((vendor.as_str(), entry.rules.first().map_or("", String::as_str)), entry)
            })
        });
        all.collect()
    }
    let (before, after) = (by_name(old), by_name(new));
    let mut keys: Vec<Key<'_>> = before.keys().chain(after.keys()).copied().collect();
    keys.sort_unstable();
    keys.dedup();
    let change = |key: Key<'_>| {
        let (what, entry, how) = match (before.get(&key), after.get(&key)) {
            (Some(old), Some(new)) => ("changed", *new, differences(old, new)),
            (None, Some(new)) => ("added", *new, Vec::new()),
            (Some(old), None) => ("removed", *old, Vec::new()),
            (None, None) => return None,
        };
        if what == "changed" && how.is_empty() {
            return None;
        }
        let (provider, models, what) = (key.0.to_owned(), entry.rules.clone(), what.to_owned());
        Some(PriceChange { provider, models, what, how })
    };
    keys.into_iter().filter_map(change).collect()
}

fn differences(old: &PriceEntry, new: &PriceEntry) -> Vec<String> {
    let mut how = Vec::new();
    let columns = |entry: &PriceEntry| {
        let rates = entry.rates;
        [
            ("input", rates.input),
            ("output", rates.output),
            ("cache read", rates.cache_read),
            ("cache write", rates.cache_write),
            ("cache write 1h", rates.cache_write_1h),
        ]
    };
    for ((name, from), (_, to)) in columns(old).into_iter().zip(columns(new)) {
        if from != to {
            how.push(format!(
                "{name} {} → {}",
                super::table::dollars(from),
                super::table::dollars(to)
            ));
        }
    }
    if old.tiers != new.tiers {
        how.push("long prompts".to_owned());
    }
    if old.context != new.context {
        let told = |tokens: Option<u64>| tokens.map_or("unknown".to_owned(), |n| n.to_string());
        how.push(format!("context {} → {}", told(old.context), told(new.context)));
    }
    if old.rules != new.rules {
        how.push("names".to_owned());
    }
    how
}
