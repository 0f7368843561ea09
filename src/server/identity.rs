//! Who asks: the socket a request came in by is the caller's identity. The admin socket is
//! the user's own; an attempt's socket speaks for that attempt alone, and to whoever knows
//! its token: another agent of the same user can reach the socket, too.

use super::{audit::Refusals, branch, problem::Refused};
use crate::{
    model::{Actor, AgentId, AttemptId, Refusal, RefusalCode},
    runtime::Handle,
};
use axum::{
    extract::{FromRequestParts, Request, State},
    http::{
        HeaderValue, StatusCode,
        header::{AUTHORIZATION, WWW_AUTHENTICATE},
        request::Parts,
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use tokio::sync::{Notify, mpsc};

#[derive(Clone, Debug)]
pub enum Caller {
    Admin,
    Agent {
        agent: AgentId,
        attempt: AttemptId,
        token: TokenHash,
    },
    /// An agent that came by the admin socket instead of its own.
    Stranger,
}

/// An attempt's token, as a log may show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Hashes are compared: how long that takes says nothing about the token.
    fn is_borne_by(&self, request: &Request) -> bool {
        let value = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some((scheme, token)) = value.and_then(|value| value.split_once(' ')) else {
            return false;
        };
        scheme.eq_ignore_ascii_case("bearer") && Self::of(token.trim()) == *self
    }
}

/// What a client asked the core's life to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// Agents run on.
    Alone,
    /// Agents are stopped first.
    WithAgents,
}

/// Counts open connections; tells when the last one closes.
#[derive(Default)]
pub struct Clients {
    open: AtomicU32,
    pub changed: Notify,
}

/// One open connection.
pub struct Present(Arc<Clients>);

impl Clients {
    pub fn enter(self: &Arc<Self>) -> Present {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.changed.notify_one();
        Present(self.clone())
    }

    pub fn open(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
        self.0.changed.notify_one();
    }
}

impl Caller {
    /// The agent whose branch is all that the caller may see.
    pub fn branch(&self) -> Option<&AgentId> {
        match self {
            Self::Agent { agent, .. } => Some(agent),
            Self::Admin | Self::Stranger => None,
        }
    }
}

/// What every route needs.
#[derive(Clone)]
pub struct Served {
    pub handle: Handle,
    pub caller: Caller,
    pub clients: Arc<Clients>,
    pub leave: mpsc::Sender<Leave>,
    pub refusals: Arc<Refusals>,
    pub started: std::time::Instant,
}

/// The account at the other end of a connection, as the kernel says.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub Option<u32>);

/// [`Served`], acting for the user that the request names, if it names one. Only the admin
/// socket's clients have names to give: an agent is who its socket says.
pub struct Named(pub Served);

impl FromRequestParts<Served> for Named {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, served: &Served) -> Result<Self, Refused> {
        let name = parts.headers.get("dash-actor");
        let (Some(name), Caller::Admin) = (name, &served.caller) else {
            return Ok(Self(served.clone()));
        };
        let name = name.to_str().unwrap_or_default();
        if let Err(why) = Actor::check_name(name) {
            return Err(Refusal::new(RefusalCode::Invalid, format!("Dash-Actor {why}")).into());
        }
        let handle = served.handle.acting(Actor::User(name.to_owned()));
        Ok(Self(Served { handle, ..served.clone() }))
    }
}

/// Lets an agent do what `branch` says, and nothing else.
pub async fn rights(State(served): State<Served>, request: Request, next: Next) -> Response {
    let refused = |why: &str| Refused::from(Refusal::new(RefusalCode::Forbidden, why));
    match &served.caller {
        Caller::Admin => next.run(request).await,
        Caller::Stranger => {
            refused("this socket is not for agents: use $DASH_SOCKET").into_response()
        }
        Caller::Agent { token, .. } if !token.is_borne_by(&request) => {
            let refusal = Refusal::new(RefusalCode::Forbidden, "this socket asks for its token")
                .hinted("Authorization: Bearer $DASH_TOKEN");
            let mut response =
                Refused(refusal, Some(StatusCode::UNAUTHORIZED), None).into_response();
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            response
        }
        Caller::Agent { agent, .. } => match branch::admit(agent, &served, request).await {
            Ok(request) => next.run(request).await,
            Err(refused) => refused.into_response(),
        },
    }
}
