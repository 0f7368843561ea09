//! `/v1/approvals` and `/v1/remembered`: the inbox, and what is remembered of its answers.

use super::{
    identity::{Caller, Named, Peer, Served},
    problem::{Answer, Body, Path, Plain, Query},
    swarms::{MAX_WAIT, Wait, wait_for},
};
use crate::{
    model::{Approval, Command, Refusal, RefusalCode, Remembered},
    protocol::rest::{self, NewApproval},
};
use axum::{Extension, Json, extract::State, http::StatusCode};
use serde::Deserialize;
use std::time::Duration;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum Which {
    #[default]
    Open,
    All,
}

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Wanted {
    state: Which,
    /// Id or name.
    swarm: Option<String>,
    /// Id or name.
    agent: Option<String>,
    /// Seconds to wait for one, 600 at most.
    wait: Option<u64>,
}

pub async fn list(
    State(served): State<Served>,
    Query(query): Query<Wanted>,
) -> Answer<Json<Vec<Approval>>> {
    let handle = &served.handle;
    let swarm = match &query.swarm {
        Some(name) => Some(handle.swarm_id(name).await?),
        None => None,
    };
    let agent = match &query.agent {
        Some(name) => Some(handle.agent_id(name).await?),
        None => None,
    };
    let look = || {
        let (swarm, agent, all) = (swarm.clone(), agent.clone(), query.state == Which::All);
        handle.approvals(move |approval| {
            (all || approval.is_open())
                && swarm.as_ref().is_none_or(|swarm| approval.swarm == *swarm)
                && agent.as_ref().is_none_or(|agent| approval.agent == *agent)
        })
    };
    let some = |found: &Vec<Approval>| !found.is_empty();
    Ok(Json(wait_for(handle, query.wait, look, some).await?))
}

pub async fn raise(
    State(served): State<Served>,
    Query(query): Query<Wait>,
    Body(new): Body<NewApproval>,
) -> Answer<(StatusCode, Json<Approval>)> {
    let Caller::Agent { attempt, .. } = &served.caller else {
        let why = "only an attempt asks, at its own socket";
        return Err(Refusal::new(RefusalCode::Forbidden, why).into());
    };
    let wait = Duration::from_secs(query.wait.unwrap_or(0).min(MAX_WAIT));
    Ok((StatusCode::CREATED, Json(served.handle.raise(attempt, new, wait).await?)))
}

pub async fn show(
    State(served): State<Served>,
    Path(name): Path<String>,
    Query(query): Query<Wait>,
) -> Answer<Json<Approval>> {
    let id = served.handle.approval_id(&name).await?;
    let over = |approval: &Approval| !approval.is_open();
    Ok(Json(wait_for(&served.handle, query.wait, || served.handle.approval(&id), over).await?))
}

pub async fn answer(
    _: Plain,
    Named(served): Named,
    Path(name): Path<String>,
    Extension(Peer(uid)): Extension<Peer>,
    Body(answer): Body<rest::Answer>,
) -> Answer<Json<Approval>> {
    let rest::Answer { verdict, remember, note } = answer;
    let id = served.handle.approval_id(&name).await?;
    Ok(Json(served.handle.answer(&id, verdict, remember, note, uid).await?))
}

pub async fn remembered(_: Plain, State(served): State<Served>) -> Answer<Json<Vec<Remembered>>> {
    Ok(Json(served.handle.remembered_answers().await?))
}

pub async fn forget(
    _: Plain,
    Named(served): Named,
    Path(number): Path<String>,
) -> Answer<StatusCode> {
    let Ok(remembered) = number.parse() else {
        let why = format!("{number:?} is no number of a remembered answer");
        return Err(Refusal::new(RefusalCode::Invalid, why).into());
    };
    served.handle.change(Command::Forget { remembered }).await?;
    Ok(StatusCode::NO_CONTENT)
}
