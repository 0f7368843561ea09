//! The table of routes, and the few that are about the core itself.

use super::{
    agents, approvals,
    audit::{self, witness},
    budgets, events,
    identity::{Leave, Served, rights},
    log, openapi, policy,
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
    routing::MethodRouter,
};
use serde::Deserialize;

/// Each route once: for the router, and for the test that holds the API's description against it.
macro_rules! routes {
    ($($path:literal: $($method:ident $handler:path),+;)+) => {
        fn routes() -> Router<Served> {
            Router::new()$(.route($path, MethodRouter::new()$(.$method($handler))+))+
        }

        #[cfg(test)]
        pub(super) const ROUTES: &[(&str, &[&str])] = &[$(($path, &[$(stringify!($method)),+])),+];
    };
}

routes! {
    "/v1/health": get health;
    "/v1/openapi.json": get openapi::read;
    "/v1/doctor": get doctor;
    "/v1/doctor/adapter": post doctor_adapter;
    "/v1/shutdown": post shutdown;
    "/v1/swarms": get swarms::list, post swarms::create;
    "/v1/swarms/{id}": get swarms::show, patch swarms::change, delete swarms::remove;
    "/v1/swarms/{id}/results": get swarms::results;
    "/v1/items": get swarms::items, post swarms::add_item, patch swarms::change_items;
    "/v1/agents": get agents::list, post agents::spawn;
    "/v1/agents/{id}": get agents::show, patch agents::change;
    "/v1/agents/{id}/explain": get agents::explain;
    "/v1/agents/{id}/results": get agents::results;
    "/v1/agents/{id}/screen": get agents::screen;
    "/v1/agents/{id}/log": get log::read;
    "/v1/agents/{id}/input": post agents::input;
    "/v1/agents/{id}/ticket": post agents::ticket;
    "/v1/agents/{id}/pty": get pty::open;
    "/v1/budgets": get budgets::list;
    "/v1/budgets/{id}": get budgets::show, patch budgets::change;
    "/v1/ledger": get budgets::costs;
    "/v1/prices": get budgets::prices;
    "/v1/policy": get policy::show;
    "/v1/policy/check": post policy::check;
    "/v1/approvals": get approvals::list, post approvals::raise;
    "/v1/approvals/{id}": get approvals::show, patch approvals::answer;
    "/v1/remembered": get approvals::remembered;
    "/v1/remembered/{number}": delete approvals::forget;
    "/v1/hooks": post agents::hook;
    "/v1/events": get events::open;
    "/v1/pulse": get pulse::read;
    "/v1/audit": get audit::list;
    "/v1/audit/verify": get audit::verify;
}

pub fn router(served: Served) -> Router {
    routes()
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct ForAgents {
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
