//! The only place that reads the clock for the core.

use crate::model::Stamp;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Now.
pub fn now() -> Stamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Whole milliseconds, as the journal keeps them: a replay gives the same stamps.
    Stamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX / 1000).saturating_mul(1000))
}

/// Resolves at `at`; never without one.
pub async fn sleep_until(at: Option<Stamp>) {
    match at {
        Some(at) => {
            tokio::time::sleep(Duration::from_millis(at.ms_since(now()).saturating_add(1))).await
        }
        None => std::future::pending().await,
    }
}
