//! `/v1/policy`.

use super::{
    audit,
    identity::Served,
    problem::{Answer, Body, Plain, Query},
};
use crate::{
    model::{Judgement, Refusal, RefusalCode},
    protocol::rest::{PolicyQuestion, PolicyRules},
};
use axum::{Json, extract::State};
use serde::Deserialize;
use std::path::PathBuf;

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct In {
    /// Absolute: a project's own rules count where it lies.
    #[cfg_attr(test, schemars(extend("pattern" = "^/")))]
    pub cwd: PathBuf,
    /// Where programs are found; the core's own PATH where it is not said.
    pub path: Option<String>,
}

pub async fn show(
    State(served): State<Served>,
    Query(query): Query<In>,
) -> Answer<Json<PolicyRules>> {
    if !query.cwd.is_absolute() {
        return Err(Refusal::new(RefusalCode::Invalid, "cwd is not absolute").into());
    }
    Ok(Json(served.handle.policy(&query.cwd, query.path).await?))
}

pub async fn check(
    _: Plain,
    State(served): State<Served>,
    Body(question): Body<PolicyQuestion>,
) -> Answer<Json<Judgement>> {
    let judgement = served.handle.judge(question.clone()).await?;
    audit::record(&served, &question, &judgement).await;
    Ok(Json(judgement))
}
