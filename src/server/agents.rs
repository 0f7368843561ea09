//! `/v1/agents`.

use super::{
    identity::{Caller, Served},
    name::Name,
    problem::{Answer, Body, Path, Plain, Query, Refused},
    swarms::{OfSwarm, Rehearsal, Wait, wait_for},
};
use crate::{
    model::{
        AgentInfo, AgentResult, AgentSpec, AgentState, Command, Explanation, Refusal, RefusalCode,
    },
    protocol::{
        keeper::ScreenDump,
        rest::{Change, InputBody, Ticket, TicketBody},
    },
};
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OfAttempt {
    /// By its number; the current or last one where it is not said.
    pub attempt: Option<u32>,
}

pub async fn list(
    State(served): State<Served>,
    Query(query): Query<OfSwarm>,
) -> Answer<Json<Vec<AgentInfo>>> {
    let swarm = match query.swarm {
        Some(name) => Some(served.handle.swarm_id(&name).await?),
        None => None,
    };
    let mut agents = served.handle.agents(swarm).await?;
    if let Some(top) = served.caller.branch() {
        agents.retain(|info| info.id == *top || info.id.is_below(top));
    }
    Ok(Json(agents))
}

pub async fn spawn(
    State(served): State<Served>,
    Query(rehearsal): Query<Rehearsal>,
    name: Name,
    Body(spec): Body<AgentSpec>,
) -> Answer<Response> {
    if rehearsal.dry_run {
        return Ok(Json(served.handle.rehearse_agent(spec).await?).into_response());
    }
    let handle = name.carries(&served.handle, &("agent", &spec))?;
    Ok((StatusCode::CREATED, Json(handle.spawn_agent(spec).await?)).into_response())
}

pub async fn show(
    State(served): State<Served>,
    Path(name): Path<String>,
    Query(query): Query<Wait>,
) -> Answer<Json<AgentInfo>> {
    let id = served.handle.agent_id(&name).await?;
    let over = |info: &AgentInfo| info.state.is_final();
    Ok(Json(wait_for(&served.handle, query.wait, || served.handle.agent(&id), over).await?))
}

pub async fn change(
    _: Plain,
    State(served): State<Served>,
    Path(name): Path<String>,
    Body(change): Body<Change>,
) -> Answer<Json<AgentInfo>> {
    let agent = served.handle.agent_id(&name).await?;
    let (command, action) = match change {
        Change { state: Some(AgentState::Stopped), model: None, size: None } => {
            (Command::StopAgent { agent: agent.clone() }, "agent.stop")
        }
        Change { state: Some(AgentState::Paused), model: None, size: None } => {
            (Command::PauseAgent { agent: agent.clone() }, "agent.pause")
        }
        Change { state: Some(AgentState::Working), model: None, size: None } => {
            (Command::ResumeAgent { agent: agent.clone() }, "agent.resume")
        }
        Change { state: Some(AgentState::Queued), model, size: None } => {
            let done = served.handle.retry_agent(agent.clone(), model).await;
            done.map_err(|refusal| Refused(refusal, None, Some("agent.retry")))?;
            return Ok(Json(served.handle.agent(&agent).await?));
        }
        Change { state: None, model: None, size: Some(size) } => {
            served.handle.resize(&agent, size).await?;
            let row = served.handle.row("agent.resize").on_agent(&agent);
            served.handle.note(row.with("cols", size.cols).with("rows", size.rows)).await;
            return Ok(Json(served.handle.agent(&agent).await?));
        }
        Change { .. } => {
            let why = "an agent's changes are {\"state\": \"stopped\"}, {\"state\": \"queued\"}, \
                       {\"state\": \"paused\"}, {\"state\": \"working\"} and {\"size\": {\"cols\": …, \"rows\": …}}";
            return Err(Refusal::new(RefusalCode::Invalid, why).into());
        }
    };
    let done = served.handle.change(command).await;
    done.map_err(|refusal| Refused(refusal, None, Some(action)))?;
    Ok(Json(served.handle.agent(&agent).await?))
}

pub async fn explain(
    _: Plain,
    State(served): State<Served>,
    Path(name): Path<String>,
) -> Answer<Json<Explanation>> {
    let id = served.handle.agent_id(&name).await?;
    Ok(Json(served.handle.explain(&id).await?))
}

pub async fn results(
    _: Plain,
    State(served): State<Served>,
    Path(name): Path<String>,
) -> Answer<Json<Vec<AgentResult>>> {
    let id = served.handle.agent_id(&name).await?;
    Ok(Json(served.handle.agent_results(&id).await?))
}

pub async fn screen(
    State(served): State<Served>,
    Path(name): Path<String>,
    Query(query): Query<OfAttempt>,
) -> Answer<Json<ScreenDump>> {
    let id = served.handle.agent_id(&name).await?;
    let attempt = served.handle.attempt(&id, query.attempt).await?;
    Ok(Json(served.handle.screen(&attempt).await?))
}

pub async fn input(
    _: Plain,
    State(served): State<Served>,
    Path(name): Path<String>,
    Body(body): Body<InputBody>,
) -> Answer<StatusCode> {
    let id = served.handle.agent_id(&name).await?;
    served.handle.input(&id, body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a hook of the agent's own tells of it.
pub async fn hook(
    _: Plain,
    State(served): State<Served>,
    Body(event): Body<serde_json::Value>,
) -> Answer<StatusCode> {
    let Caller::Agent { attempt, .. } = &served.caller else {
        let why = "only an attempt tells of itself, at its own socket";
        return Err(Refusal::new(RefusalCode::Forbidden, why).into());
    };
    served.handle.hook(attempt, event).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn ticket(
    _: Plain,
    State(served): State<Served>,
    Path(name): Path<String>,
    Body(body): Body<TicketBody>,
) -> Answer<Json<Ticket>> {
    let id = served.handle.agent_id(&name).await?;
    let ticket = served.handle.ticket(&id, body.read_only).await?;
    // Before it can be used.
    let row = served.handle.row("agent.attach").on_agent(&id);
    served.handle.note(row.with("read_only", body.read_only).with("to", "keeper")).await;
    Ok(Json(ticket))
}
