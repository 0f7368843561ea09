//! The table of routes, and the few that are about the core itself.

use super::{
    agents, approvals,
    audit::{self, witness},
    budgets, events,
    identity::{Leave, Served, rights},
    log, policy,
    problem::{Answer, Body, Plain, Query, no_method, no_route},
    pty, pulse, swarms,
};
use crate::{
    model::{Command, Refusal, RefusalCode},
    protocol::{
        MAX_BODY,
        rest::{AdapterCheck, AdapterFile, DoctorReport, Health, Shutdown},
    },
};
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    http::StatusCode,
    middleware,
    routing::{delete, get, post},
};
use serde::Deserialize;

pub fn router(served: Served) -> Router {
    Router::new()
        .route("/v1/health", get(health))
        .route("/v1/doctor", get(doctor))
        .route("/v1/doctor/adapter", post(doctor_adapter))
        .route("/v1/shutdown", post(shutdown))
        .route("/v1/swarms", get(swarms::list).post(swarms::create))
        .route("/v1/swarms/{id}", get(swarms::show).patch(swarms::change).delete(swarms::remove))
        .route("/v1/swarms/{id}/results", get(swarms::results))
        .route("/v1/items", get(swarms::items).post(swarms::add_item).patch(swarms::change_items))
        .route("/v1/agents", get(agents::list).post(agents::spawn))
        .route("/v1/agents/{id}", get(agents::show).patch(agents::change))
        .route("/v1/agents/{id}/explain", get(agents::explain))
        .route("/v1/agents/{id}/results", get(agents::results))
        .route("/v1/agents/{id}/screen", get(agents::screen))
        .route("/v1/agents/{id}/log", get(log::read))
        .route("/v1/agents/{id}/input", post(agents::input))
        .route("/v1/agents/{id}/ticket", post(agents::ticket))
        .route("/v1/agents/{id}/pty", get(pty::open))
        .route("/v1/budgets", get(budgets::list))
        .route("/v1/budgets/{id}", get(budgets::show).patch(budgets::change))
        .route("/v1/ledger", get(budgets::costs))
        .route("/v1/prices", get(budgets::prices))
        .route("/v1/policy", get(policy::show))
        .route("/v1/policy/check", post(policy::check))
        .route("/v1/approvals", get(approvals::list).post(approvals::raise))
        .route("/v1/approvals/{id}", get(approvals::show).patch(approvals::answer))
        .route("/v1/remembered", get(approvals::remembered))
        .route("/v1/remembered/{number}", delete(approvals::forget))
        .route("/v1/hooks", post(agents::hook))
        .route("/v1/events", get(events::open))
        .route("/v1/pulse", get(pulse::read))
        .route("/v1/audit", get(audit::list))
        .route("/v1/audit/verify", get(audit::verify))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(middleware::from_fn_with_state(served.clone(), rights))
        .layer(middleware::from_fn_with_state(served.clone(), witness))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(served)
}

async fn health(_: Plain, State(served): State<Served>) -> Json<Health> {
    Json(Health {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        socket: served.handle.instance().socket.clone(),
        state: served.handle.instance().state.clone(),
        uptime_ms: u64::try_from(served.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        epoch: served.handle.epoch(),
        running: served.handle.running(),
        clients: served.clients.open(),
        journal_full: served.handle.journal_full(),
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ForAgents {
    /// The PATH that they are started with; the core's own where it is not said.
    path: Option<String>,
}

async fn doctor(
    Query(agents): Query<ForAgents>,
    State(served): State<Served>,
) -> Json<DoctorReport> {
    Json(served.handle.doctor(agents.path).await)
}

async fn doctor_adapter(
    _: Plain,
    State(served): State<Served>,
    Body(file): Body<AdapterFile>,
) -> Json<AdapterCheck> {
    Json(served.handle.doctor_adapter(file).await)
}

/// Answers first, leaves then: 202.
async fn shutdown(
    _: Plain,
    State(served): State<Served>,
    Body(wish): Body<Shutdown>,
) -> Answer<StatusCode> {
    let leave = if wish.agents { Leave::WithAgents } else { Leave::Alone };
    if wish.agents {
        served.handle.change(Command::StopAll).await?;
    }
    let row = served.handle.row("core.stop").with("agents", wish.agents);
    served.handle.note(row).await;
    let leaving = || Refusal::new(RefusalCode::Conflict, "the core is leaving already");
    served.leave.try_send(leave).map_err(|_| leaving())?;
    Ok(StatusCode::ACCEPTED)
}
