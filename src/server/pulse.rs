//! `/v1/pulse`: as JSON, or as the text that a model reads where it accepts only that.

use super::{
    identity::Served,
    problem::{Answer, Query},
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header::ACCEPT},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wish {
    since: Option<u64>,
}

pub async fn read(
    State(served): State<Served>,
    Query(wish): Query<Wish>,
    headers: HeaderMap,
) -> Answer<Response> {
    let pulse = served.handle.pulse(served.caller.branch().cloned(), wish.since).await?;
    let wants_text = headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.trim_start().starts_with("text/plain"));
    Ok(if wants_text { format!("{pulse}\n").into_response() } else { Json(pulse).into_response() })
}
