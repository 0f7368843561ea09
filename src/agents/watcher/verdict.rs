//! What an exit, and an HTTP status, say of how an attempt ended.

use crate::{
    agents::adapter::WatchRules,
    model::{Exit, Outcome},
};

pub fn by_exit(exit: Exit) -> (Outcome, String, String) {
    if exit.success() {
        return (Outcome::Done, "finished".to_owned(), String::new());
    }
    let reason = if exit.signal.is_some() { "signal" } else { "exit" };
    (Outcome::Failed, reason.to_owned(), exit.to_string())
}

pub fn word_for(rules: &WatchRules, status: u64) -> String {
    if let Some(word) = rules.stop_reasons.get(&status.to_string()) {
        return word.clone();
    }
    match status {
        402 => "budget",
        429 | 503 | 529 => "overloaded",
        _ => "error",
    }
    .to_owned()
}

pub fn status_in(rules: &WatchRules, error: &str) -> Option<u64> {
    let named = || {
        let found = rules.status_pattern.as_ref()?.captures(error)?;
        found.get(1)?.as_str().parse().ok()
    };
    let spent = rules.budget_pattern.as_ref().is_some_and(|pattern| pattern.is_match(error));
    named().or(spent.then_some(402))
}
