//! `/v1/audit`, and the witness: what was refused is on record, whoever asked.
//!
//! What a request changes is audited by the core with the change. What is refused, be it for
//! its body, its caller or the state of things, passes here on its way out. One row each,
//! but rows are kept for ever: of a caller that asks again and again [`BURST`] are written
//! and then one a second, with the number of those in between.

use super::{
    identity::{Caller, Served},
    problem::{Answer, Plain, Query, Said},
};
use crate::{
    model::{
        Actor, AuditDraft, AuditReport, Judgement, Refusal, RefusalCode, Stamp, Verdict,
        line_digest, masked_line,
    },
    protocol::rest::PolicyQuestion,
    runtime::AuditQuery,
};
use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    http::{Method, StatusCode, header::CONTENT_TYPE},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// Refusals of one caller that are written as fast as they come.
const BURST: f64 = 100.0;

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Wish {
    /// A row's number or a time.
    since: Option<String>,
    /// Its id.
    agent: Option<String>,
    /// Its id.
    swarm: Option<String>,
    /// Rows at most.
    limit: Option<u64>,
}

/// Rows as NDJSON; the last one's `n` is where a further request goes on (`since`).
pub async fn list(State(served): State<Served>, Query(wish): Query<Wish>) -> Answer<Response> {
    let mut query = AuditQuery { agent: wish.agent, swarm: wish.swarm, ..AuditQuery::default() };
    if let Some(since) = &wish.since {
        match (since.parse(), since.parse::<jiff::Timestamp>()) {
            (Ok(n), _) => query.after = n,
            (_, Ok(time)) => query.from = Some(Stamp(time.as_microsecond()).to_string()),
            (Err(_), Err(_)) => {
                let why = format!("since={since:?} is neither a row's number nor a time");
                let refusal = Refusal::new(RefusalCode::Invalid, why);
                return Err(refusal.hinted("42, or RFC 3339 such as 2026-01-31T09:30:00Z").into());
            }
        }
    }
    let rows = served.handle.audit(query, wish.limit).await?;
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(rows)).into_response())
}

pub async fn verify(_: Plain, State(served): State<Served>) -> Answer<Json<AuditReport>> {
    Ok(Json(served.handle.check_audit().await?))
}

/// Puts what is refused on record.
pub async fn witness(State(served): State<Served>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    let status = response.status();
    if concerns(&method, &path, status)
        && let Some(skipped) = served.refusals.admit(leave_of(&served), Instant::now())
    {
        let said = response.extensions().get::<Said>();
        let mut row = refused(&served, &method, &path, status, said).await;
        if skipped > 0 {
            row = row.with("skipped", skipped);
        }
        served.handle.note(row).await;
    }
    response
}

/// Puts a verdict on record that keeps an agent from a command: by which rule, which command.
/// Keys stand in command lines: they are masked there. Of an agent that asks again and again
/// as few rows as of refusals.
pub async fn record(served: &Served, question: &PolicyQuestion, judgement: &Judgement) {
    let action = match judgement.verdict {
        Verdict::Allow => return,
        Verdict::Ask => "policy.ask",
        Verdict::Deny => "policy.deny",
    };
    let (Caller::Agent { agent, .. }, Some(finding)) = (&served.caller, judgement.findings.first())
    else {
        return;
    };
    let Some(skipped) = served.refusals.admit(leave_of(served), Instant::now()) else { return };
    let rule = if finding.rule.is_empty() { &finding.source } else { &finding.rule };
    let mut row = served.handle.row(action).by_leave_of(rule).on_agent(agent);
    row = row.with("source", finding.source.as_str()).with("reason", judgement.reason.as_str());
    let cwd = question.cwd.clone().unwrap_or_default();
    row = match &question.line {
        Some(line) => row
            .with("line", masked_line(line))
            .with("line_sha256", line_digest(line))
            .with("cwd", cwd.display().to_string()),
        None => row.of_command(&question.argv, &cwd),
    };
    if skipped > 0 {
        row = row.with("skipped", skipped);
    }
    served.handle.note(row).await;
}

/// Of what was refused: all that would have changed something or opened a terminal, and what
/// the caller had no right to. A journal that is full has no room for more.
fn concerns(method: &Method, path: &str, status: StatusCode) -> bool {
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    let denied = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    (status.is_client_error() || status.is_server_error())
        && status != StatusCode::SERVICE_UNAVAILABLE
        && (denied || !reads || path.ends_with("/pty"))
}

async fn refused(
    served: &Served,
    method: &Method,
    path: &str,
    status: StatusCode,
    said: Option<&Said>,
) -> AuditDraft {
    let steps: Vec<&str> = path.trim_start_matches('/').split('/').skip(1).collect();
    let action = said.and_then(|said| said.action).unwrap_or_else(|| action(method, &steps));
    let mut row = served.handle.row(action).by_leave_of(leave_of(served).1);
    match steps.as_slice() {
        ["agents", name, ..] => {
            if let Ok(id) = served.handle.agent_id(name).await {
                row = row.on_agent(&id);
            }
        }
        ["swarms", name, ..] => {
            if let Ok(id) = served.handle.swarm_id(name).await {
                row = row.on_swarm(&id);
            }
        }
        _ => {}
    }
    if status == StatusCode::UNAUTHORIZED {
        // Somebody on its socket: who it was, nobody proved.
        row = row.by_leave_of("none: without its token");
    }
    let (why, code) = match said {
        Some(Said { refusal, .. }) => {
            let code = serde_json::to_value(refusal.code).unwrap_or_default();
            (refusal.message.as_str(), code)
        }
        None => (status.canonical_reason().unwrap_or("no reason given"), "".into()),
    };
    row.refused(why)
        .with("method", method.as_str())
        .with("path", path)
        .with("status", status.as_u16())
        .with("code", code)
}

/// The word that the request would have been on record with; of a change only that it was
/// one, since a body that is refused may not say more.
fn action(method: &Method, steps: &[&str]) -> &'static str {
    match (method.as_str(), steps) {
        ("POST", ["swarms"]) => "swarm.create",
        ("PATCH", ["swarms", _]) => "swarm.change",
        ("DELETE", ["swarms", _]) => "swarm.remove",
        ("POST", ["items"]) => "item.add",
        ("PATCH", ["items"]) => "item.change",
        ("POST", ["agents"]) => "agent.spawn",
        ("PATCH", ["agents", _]) => "agent.change",
        ("POST", ["agents", _, "input"]) => "agent.input",
        ("POST", ["agents", _, "ticket"]) | ("GET", ["agents", _, "pty"]) => "agent.attach",
        ("POST", ["approvals"]) => "approval.ask",
        ("PATCH", ["approvals", _]) => "approval.answer",
        ("DELETE", ["remembered", _]) => "approval.forget",
        ("POST", ["shutdown"]) => "core.stop",
        _ => "refused",
    }
}

/// Who came, and by whose leave.
fn leave_of(served: &Served) -> (Actor, &'static str) {
    let who = served.handle.acting_for().clone();
    let leave = match &served.caller {
        Caller::Admin | Caller::Agent { .. } => who.leave(),
        Caller::Stranger => "none: inside an agent",
    };
    (who, leave)
}

/// How many refusals of each caller may still be written.
#[derive(Default)]
pub struct Refusals(Mutex<BTreeMap<(Actor, &'static str), Budget>>);

struct Budget {
    left: f64,
    at: Instant,
    skipped: u64,
}

impl Refusals {
    fn all(&self) -> MutexGuard<'_, BTreeMap<(Actor, &'static str), Budget>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many were skipped since the last one that was written; none where this one is
    /// skipped too.
    fn admit(&self, caller: (Actor, &'static str), now: Instant) -> Option<u64> {
        let mut all = self.all();
        let budget = all.entry(caller).or_insert(Budget { left: BURST, at: now, skipped: 0 });
        let since = now.saturating_duration_since(budget.at);
        budget.left = (budget.left + since.as_secs_f64()).min(BURST);
        budget.at = now;
        if budget.left < 1.0 {
            budget.skipped += 1;
            return None;
        }
        budget.left -= 1.0;
        Some(std::mem::take(&mut budget.skipped))
    }
}

/// Puts on record how many refusals were skipped at the end: of `only`, who has gone, or of
/// all.
pub async fn count_skipped(served: &Served, only: Option<&Actor>) {
    let mut rows = Vec::new();
    served.refusals.all().retain(|(who, leave), budget| {
        let leaves = only.is_none_or(|only| only == who);
        if leaves && budget.skipped > 0 {
            let row = AuditDraft::new(who, "refused").by_leave_of(*leave);
            rows.push(row.refused("as often before").with("skipped", budget.skipped));
        }
        !leaves
    });
    for row in rows {
        served.handle.note(row).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_caller_that_never_stops_is_counted() {
        let refusals = Refusals::default();
        let (start, ag) = (Instant::now(), Actor::Agent("ag-01".into()));
        let mut written = 0;
        for _ in 0..1000 {
            written += u64::from(refusals.admit((ag.clone(), "s"), start).is_some());
        }
        assert_eq!(written, BURST as u64);
        assert_eq!(refusals.admit((Actor::Core, "s"), start), Some(0), "another's is its own");
        let later = start + Duration::from_secs(2);
        assert_eq!(refusals.admit((ag.clone(), "s"), later), Some(900));
        assert_eq!(refusals.admit((ag.clone(), "s"), later), Some(0));
        assert_eq!(refusals.admit((ag, "s"), later), None);
    }

    #[test]
    fn what_is_refused_concerns_the_audit_if_it_would_have_changed_something() {
        let ok =
            |method, path, status| concerns(&method, path, StatusCode::from_u16(status).unwrap());
        assert!(ok(Method::POST, "/v1/swarms", 400));
        assert!(ok(Method::DELETE, "/v1/swarms/x", 409));
        assert!(ok(Method::GET, "/v1/swarms", 403));
        assert!(ok(Method::GET, "/v1/agents/ag-01/pty", 404));
        assert!(!ok(Method::GET, "/v1/agents/nobody", 404));
        assert!(!ok(Method::POST, "/v1/swarms", 201));
        assert!(!ok(Method::POST, "/v1/swarms", 503));
    }
}
