//! Keepers are children of the core that launched them; their exit status says nothing
//! (what counts is on disk), but somebody has to collect it.

use std::{
    process::Child,
    sync::{Mutex, PoisonError},
};

static KEEPERS: Mutex<Vec<Child>> = Mutex::new(Vec::new());

pub fn remember(keeper: Child) {
    KEEPERS.lock().unwrap_or_else(PoisonError::into_inner).push(keeper);
}

/// Collects those that have ended. Called when a keeper's connection closes.
pub fn collect() {
    let mut keepers = KEEPERS.lock().unwrap_or_else(PoisonError::into_inner);
    keepers.retain_mut(|keeper| matches!(keeper.try_wait(), Ok(None)));
}
