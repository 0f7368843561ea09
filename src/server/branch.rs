//! What an agent may do on its own socket: see itself and all below it, spawn, and stop,
//! retry or type into what it spawned. Everything else is refused here, before any route.

use super::{identity::Served, problem::Refused};
use crate::model::{AgentId, Refusal, RefusalCode};
use axum::{
    extract::{FromRequestParts, RawPathParams, Request},
    http::Method,
};

/// Whether a request is about one agent, and whether that may be the caller itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Nothing,
    /// The agent or one below it.
    Branch,
    /// One below it.
    Below,
}

pub(super) fn need(method: &Method, path: &str) -> Option<Need> {
    let mut parts = path.strip_prefix("/v1/")?.split('/');
    let (noun, name, part) = (parts.next()?, parts.next(), parts.next());
    if parts.next().is_some() {
        return None;
    }
    match (method.as_str(), noun, name, part) {
        ("GET", "health" | "events" | "pulse" | "agents" | "openapi.json", None, None) => {
            Some(Need::Nothing)
        }
        ("POST", "agents", None, None) => Some(Need::Nothing),
        // What the rules say of a command of its own.
        ("POST", "policy", Some("check"), None) => Some(Need::Nothing),
        // What its own hooks tell, of itself.
        ("POST", "hooks", None, None) => Some(Need::Nothing),
        // It may ask; nothing on its socket answers.
        ("POST", "approvals", None, None) => Some(Need::Nothing),
        ("GET", "agents", Some(_), None | Some("explain" | "results" | "screen" | "log")) => {
            Some(Need::Branch)
        }
        // What is left to it.
        ("GET", "budgets", Some(_), None) => Some(Need::Branch),
        ("PATCH", "agents", Some(_), None) => Some(Need::Below),
        ("POST", "agents", Some(_), Some("input")) => Some(Need::Below),
        _ => None,
    }
}

/// Lets through what `agent` may ask for.
///
/// # Errors
/// A refusal that says what it may.
pub async fn admit(agent: &AgentId, served: &Served, request: Request) -> Result<Request, Refused> {
    let forbidden = |why: String| Refusal::new(RefusalCode::Forbidden, why);
    let path = request.uri().path();
    let Some(need) = need(request.method(), path) else {
        let why = format!("from inside an agent there is no {} {path}", request.method());
        let hint = if path == "/v1/swarms" && request.method() == Method::POST {
            "dash agent spawn makes a child of this agent"
        } else if ["/v1/approvals", "/v1/remembered"].iter().any(|noun| path.starts_with(noun)) {
            "no agent reads the inbox or answers from it"
        } else {
            "an agent spawns agents, and sees, stops, retries and types into its own"
        };
        return Err(forbidden(why).hinted(hint).into());
    };
    if need == Need::Nothing {
        return Ok(request);
    }
    let (mut parts, body) = request.into_parts();
    let named = RawPathParams::from_request_parts(&mut parts, &()).await;
    let name = named.ok().and_then(|params| {
        params.iter().find(|(key, _)| *key == "id").map(|(_, name)| name.to_owned())
    });
    let name = name.ok_or_else(|| forbidden("no agent is named".to_owned()))?;
    let other = served.handle.agent_id(&name).await?;
    let own = other == *agent;
    if !other.is_below(agent) && (need == Need::Below || !own) {
        let why = if own {
            format!("{agent} may not change itself")
        } else {
            format!("{other} is not of {agent}'s branch")
        };
        return Err(forbidden(why)
            .hinted("dash agent list shows the agents that it may see")
            .into());
    }
    Ok(Request::from_parts(parts, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_may_what_is_listed_and_nothing_else() {
        for (method, path, wanted) in [
            (Method::GET, "/v1/agents", Some(Need::Nothing)),
            (Method::POST, "/v1/agents", Some(Need::Nothing)),
            (Method::GET, "/v1/events", Some(Need::Nothing)),
            (Method::GET, "/v1/openapi.json", Some(Need::Nothing)),
            (Method::POST, "/v1/policy/check", Some(Need::Nothing)),
            (Method::POST, "/v1/approvals", Some(Need::Nothing)),
            (Method::POST, "/v1/hooks", Some(Need::Nothing)),
            (Method::GET, "/v1/hooks", None),
            (Method::GET, "/v1/approvals", None),
            (Method::PATCH, "/v1/approvals/ap-1", None),
            (Method::GET, "/v1/remembered", None),
            (Method::GET, "/v1/policy", None),
            (Method::GET, "/v1/agents/a", Some(Need::Branch)),
            (Method::GET, "/v1/agents/a/log", Some(Need::Branch)),
            (Method::PATCH, "/v1/agents/a", Some(Need::Below)),
            (Method::POST, "/v1/agents/a/input", Some(Need::Below)),
            (Method::GET, "/v1/agents/a/pty", None),
            (Method::POST, "/v1/agents/a/ticket", None),
            (Method::DELETE, "/v1/agents/a", None),
            (Method::GET, "/v1/agents/a/log/x", None),
            (Method::GET, "/v1/swarms", None),
            (Method::POST, "/v1/swarms", None),
            (Method::GET, "/v1/doctor", None),
            (Method::POST, "/v1/doctor/adapter", None),
            (Method::POST, "/v1/shutdown", None),
            (Method::GET, "/v1/items", None),
            (Method::GET, "/v1/budgets", None),
            (Method::GET, "/v1/budgets/a", Some(Need::Branch)),
            (Method::PATCH, "/v1/budgets/a", None),
            (Method::GET, "/v2/agents", None),
            (Method::GET, "/", None),
        ] {
            assert_eq!(need(&method, path), wanted, "{method} {path}");
        }
    }
}
