//! Who asks: the socket a request came in by is the caller's identity. The admin socket is
//! the user's own; an attempt's socket speaks for that attempt alone.

use super::problem::Refused;
use crate::{
    model::{AgentId, Refusal, RefusalCode},
    runtime::Handle,
};
use axum::{
    extract::{Request, State},
    http::Method,
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use tokio::sync::{Notify, mpsc};

#[derive(Clone, Debug)]
pub enum Caller {
    Admin,
    Agent(AgentId),
    /// An agent that came by the admin socket instead of its own.
    Stranger,
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

/// What every route needs.
#[derive(Clone)]
pub struct Served {
    pub handle: Handle,
    pub caller: Caller,
    pub clients: Arc<Clients>,
    pub leave: mpsc::Sender<Leave>,
    pub started: std::time::Instant,
}

/// Lets an agent see the core's health and its own row, and nothing else.
pub async fn rights(State(served): State<Served>, request: Request, next: Next) -> Response {
    let allowed = match &served.caller {
        Caller::Admin => true,
        Caller::Agent(agent) => {
            let path = request.uri().path();
            let own = path.strip_prefix("/v1/agents/").is_some_and(|name| name == agent.as_str());
            request.method() == Method::GET && (own || path == "/v1/health")
        }
        Caller::Stranger => false,
    };
    if allowed {
        return next.run(request).await;
    }
    let why = match &served.caller {
        Caller::Stranger => "this socket is not for agents: use $DASH_SOCKET",
        Caller::Admin | Caller::Agent(_) => {
            "from inside an agent this build serves its own row and the core's health only"
        }
    };
    Refused::from(Refusal::new(RefusalCode::Forbidden, why)).into_response()
}
