//! `/v1/pulse`: as JSON, or as the text that a model reads where it accepts only that.

use super::{
    identity::Served,
    problem::{Answer, Query},
    swarms::MAX_WAIT,
};
use crate::model::{Refusal, RefusalCode};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header::ACCEPT},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::Instant;

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Wish {
    /// The cursor of an earlier pulse: tell what is new.
    since: Option<u64>,
    /// With `since`: seconds to wait for something that needs somebody, or for an end, 600
    /// at most.
    wait: Option<u64>,
}

pub async fn read(
    State(served): State<Served>,
    Query(wish): Query<Wish>,
    headers: HeaderMap,
) -> Answer<Response> {
    let top = served.caller.branch().cloned();
    let pulse = match (wish.since, wish.wait) {
        (since, None) => served.handle.pulse(top, since).await?,
        (Some(since), Some(seconds)) => {
            let until = Instant::now() + Duration::from_secs(seconds.min(MAX_WAIT));
            served.handle.pulse_that_calls(top, since, until).await?
        }
        (None, Some(_)) => {
            let why = "`wait` needs `since`: the cursor of an earlier pulse";
            return Err(Refusal::new(RefusalCode::Invalid, why).into());
        }
    };
    let wants_text = headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.trim_start().starts_with("text/plain"));
    Ok(if wants_text { format!("{pulse}\n").into_response() } else { Json(pulse).into_response() })
}
