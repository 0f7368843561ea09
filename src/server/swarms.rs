//! `/v1/swarms` and `/v1/items`.

use super::{
    identity::Served,
    name::{Name, hash},
    problem::{Answer, Body, Path, Plain, Query, Refused},
};
use crate::{
    model::{
        AgentState, Command, Dropped, Item, ItemState, Refusal, RefusalCode, SwarmId, SwarmInfo,
        SwarmResults, SwarmSpec,
    },
    protocol::rest::{Change, ItemsChange, NewItem, Removed},
    runtime::Handle,
};
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use std::time::Duration;

/// Longest wait of one request, in seconds; a client asks again.
pub const MAX_WAIT: u64 = 600;

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// Seconds to wait for the end, 600 at most.
    pub wait: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OfSwarm {
    /// Id or name.
    pub swarm: Option<String>,
}

pub async fn list(_: Plain, State(served): State<Served>) -> Answer<Json<Vec<SwarmInfo>>> {
    Ok(Json(served.handle.swarms().await?))
}

/// Of what would make something.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rehearsal {
    /// Check it and say what would come of it; make nothing.
    #[serde(default)]
    pub dry_run: bool,
}

pub async fn create(
    State(served): State<Served>,
    Query(rehearsal): Query<Rehearsal>,
    name: Name,
    Body(mut spec): Body<SwarmSpec>,
) -> Answer<Response> {
    if rehearsal.dry_run {
        return Ok(Json(served.handle.rehearse_swarm(spec).await?).into_response());
    }
    spec.request_hash = None;
    spec.idempotency_key = name.0.or(spec.idempotency_key);
    if spec.idempotency_key.is_some() {
        spec.request_hash = Some(hash(&spec)?);
    }
    Ok((StatusCode::CREATED, Json(served.handle.create_swarm(spec).await?)).into_response())
}

pub async fn show(
    State(served): State<Served>,
    Path(name): Path<String>,
    Query(query): Query<Wait>,
) -> Answer<Json<SwarmInfo>> {
    let id = served.handle.swarm_id(&name).await?;
    let over = |info: &SwarmInfo| info.state.is_final();
    Ok(Json(wait_for(&served.handle, query.wait, || served.handle.swarm(&id), over).await?))
}

/// Asks again after every commit until `over`, or until the time is up: nothing between
/// two looks can be missed, since the commits are followed from before the first.
pub async fn wait_for<T, F>(
    handle: &Handle,
    wait: Option<u64>,
    look: impl Fn() -> F,
    over: impl Fn(&T) -> bool,
) -> Result<T, Refusal>
where
    F: Future<Output = Result<T, Refusal>>,
{
    let Some(seconds) = wait else { return look().await };
    let until = tokio::time::Instant::now() + Duration::from_secs(seconds.min(MAX_WAIT));
    let (_, mut commits) = handle.follow().await?;
    loop {
        let now = look().await?;
        if over(&now) {
            return Ok(now);
        }
        tokio::select! {
            // A lag is as good as a commit: something happened.
            _ = commits.recv() => {}
            () = tokio::time::sleep_until(until) => return Ok(now),
        }
    }
}

pub async fn change(
    _: Plain,
    State(served): State<Served>,
    Path(name): Path<String>,
    Body(change): Body<Change>,
) -> Answer<Json<SwarmInfo>> {
    let swarm = served.handle.swarm_id(&name).await?;
    let (command, action) = match change {
        Change { state: Some(AgentState::Stopped), model: None, size: None } => {
            (Command::StopSwarm { swarm: swarm.clone() }, "swarm.stop")
        }
        Change { state: Some(AgentState::Paused), model: None, size: None } => {
            (Command::PauseSwarm { swarm: swarm.clone() }, "swarm.pause")
        }
        Change { state: Some(AgentState::Working), model: None, size: None } => {
            (Command::ResumeSwarm { swarm: swarm.clone() }, "swarm.resume")
        }
        Change { .. } => {
            let why = "a swarm's changes are {\"state\": \"stopped\"}, {\"state\": \"paused\"} and \
                       {\"state\": \"working\"}";
            return Err(Refusal::new(RefusalCode::Invalid, why).into());
        }
    };
    let done = served.handle.change(command).await;
    done.map_err(|refusal| Refused(refusal, None, Some(action)))?;
    Ok(Json(served.handle.swarm(&swarm).await?))
}

/// Of what would be lost.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Removal {
    /// Files of its scope that are held go with it.
    #[serde(default)]
    pub force: bool,
}

pub async fn remove(
    State(served): State<Served>,
    Path(name): Path<String>,
    Query(removal): Query<Removal>,
) -> Answer<Json<Removed>> {
    let swarm = served.handle.swarm_id(&name).await?;
    Ok(Json(served.handle.remove_swarm(swarm, removal.force).await?))
}

/// Beside what is always in the results.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct With {
    /// What is in the agents' worktrees beyond their base.
    #[serde(default)]
    pub diff: bool,
}

pub async fn results(
    State(served): State<Served>,
    Path(name): Path<String>,
    Query(with): Query<With>,
) -> Answer<Json<SwarmResults>> {
    let id = served.handle.swarm_id(&name).await?;
    Ok(Json(match with.diff {
        true => served.handle.results_with_diffs(&id).await?,
        false => served.handle.results(&id).await?,
    }))
}

pub async fn items(
    State(served): State<Served>,
    Query(query): Query<OfSwarm>,
) -> Answer<Json<Vec<Item>>> {
    let Some(name) = query.swarm else {
        let why = "which swarm's items? Say ?swarm=ID";
        return Err(Refusal::new(RefusalCode::Invalid, why).into());
    };
    let id = served.handle.swarm_id(&name).await?;
    Ok(Json(served.handle.items(&id).await?))
}

pub async fn add_item(
    _: Plain,
    State(served): State<Served>,
    name: Name,
    Body(new): Body<NewItem>,
) -> Answer<(StatusCode, Json<Item>)> {
    let handle = name.carries(&served.handle, &("item", &new))?;
    let id: SwarmId = handle.swarm_id(new.swarm.as_str()).await?;
    Ok((StatusCode::CREATED, Json(handle.add_item(id, new.text).await?)))
}

pub async fn change_items(
    _: Plain,
    State(served): State<Served>,
    Body(change): Body<ItemsChange>,
) -> Answer<Json<Vec<Item>>> {
    let invalid = |why: &str| Refusal::new(RefusalCode::Invalid, why);
    let swarm: SwarmId = served.handle.swarm_id(change.swarm.as_str()).await?;
    let ItemsChange { state, items, last, .. } = change;
    let (command, action) = match (state, last) {
        (ItemState::Dropped, Some(_)) if !items.is_empty() => {
            return Err(invalid("say `items` or `last`, not both").into());
        }
        (ItemState::Dropped, last) => {
            let which = last.map_or(Dropped::Items(items), Dropped::Last);
            (Command::DropItems { swarm: swarm.clone(), which }, "item.drop")
        }
        (ItemState::Queued, None) => {
            (Command::RestoreItems { swarm: swarm.clone(), items }, "item.restore")
        }
        (ItemState::Queued, Some(_)) => {
            return Err(invalid("`last` is for `dropped`: name the items").into());
        }
        (ItemState::Working | ItemState::Done | ItemState::Failed | ItemState::Stopped, _) => {
            return Err(invalid("items are set to `dropped` or `queued`").into());
        }
    };
    let changed = served.handle.change_items(command).await;
    let changed = changed.map_err(|refusal| Refused(refusal, None, Some(action)))?;
    let mut items = served.handle.items(&swarm).await?;
    items.retain(|item| changed.contains(&item.index));
    Ok(Json(items))
}
