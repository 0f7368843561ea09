//! `/v1/agents/{id}/log`: a recording as a stream of bytes.

use super::{
    identity::Served,
    problem::{Answer, Path, Query},
};
use crate::{
    model::{Refusal, RefusalCode},
    runtime::LogFormat,
};
use axum::{
    body::Body,
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Wish {
    /// By its number; the current or last one where it is not said.
    attempt: Option<u32>,
    /// `raw` where nothing is said.
    #[cfg_attr(test, schemars(extend("enum" = ["raw", "text", "cast"])))]
    format: Option<String>,
    /// 1: on until the attempt is over.
    follow: u8,
    /// Of a `raw` one only so many bytes of its end, as it stands now, and what follows.
    last: Option<u64>,
}

pub async fn read(
    State(served): State<Served>,
    Path(name): Path<String>,
    Query(wish): Query<Wish>,
) -> Answer<Response> {
    let agent = served.handle.agent_id(&name).await?;
    let format = wish.format.as_deref().unwrap_or("raw");
    let (format, kind) = match format {
        "raw" => (LogFormat::Raw, "application/octet-stream"),
        "text" => (LogFormat::Text, "text/plain; charset=utf-8"),
        "cast" => (LogFormat::Cast, "application/x-asciicast"),
        other => {
            let why = format!("no log format is called {other:?}");
            return Err(Refusal::new(RefusalCode::Invalid, why).hinted("raw, text or cast").into());
        }
    };
    if wish.last.is_some() && format != LogFormat::Raw {
        let why = "`last` counts bytes: it is for the format raw";
        return Err(Refusal::new(RefusalCode::Invalid, why).into());
    }
    let format = wish.last.map_or(format, LogFormat::End);
    let log = served.handle.log(&agent, wish.attempt, format, wish.follow != 0).await?;
    Ok(([(CONTENT_TYPE, kind)], Body::from_stream(log)).into_response())
}
