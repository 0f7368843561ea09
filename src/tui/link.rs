//! What the screen asks of the core, and what it hears: plain messages over two bounded
//! queues, so that a test can stand on the other side. [`client`](super::client) is the real
//! one.
//!
//! Backpressure: a full queue of messages makes the other side wait, and what it reads from
//! then waits too (the core sends a gap or a fresh screen); a full queue of requests refuses
//! the newest one, and the person is told.

use crate::model::{AgentId, ApprovalId, Exit, Remember, Resolution, SwarmId, SwarmSpec};
use crate::protocol::stream::ServerMessage;
use crate::store::{By, Money};
use bytes::Bytes;
use tokio::sync::mpsc;

/// Messages that may wait for the screen.
pub const MESSAGES: usize = 1_024;
/// Requests that may wait for the core.
pub const REQUESTS: usize = 256;

/// What the screen asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    Attach {
        attachment: u64,
        agent: AgentId,
        columns: u16,
        rows: u16,
    },
    Detach {
        attachment: u64,
    },
    Input {
        attachment: u64,
        bytes: Vec<u8>,
    },
    Resize {
        attachment: u64,
        columns: u16,
        rows: u16,
    },
    /// What an agent printed before the rows at hand: so many bytes of its recording's end.
    Past {
        attachment: u64,
        agent: AgentId,
        bytes: u64,
    },
    /// A terminal is to be seen, and not typed into.
    Watch {
        attachment: u64,
        agent: AgentId,
    },
    Unwatch {
        attachment: u64,
    },
    StopAgent(AgentId),
    RetryAgent {
        agent: AgentId,
        model: Option<String>,
    },
    StopSwarm(SwarmId),
    /// `on`: it is paused, else it goes on.
    Pause {
        agent: AgentId,
        on: bool,
    },
    PauseSwarm {
        swarm: SwarmId,
        on: bool,
    },
    RemoveSwarm(SwarmId),
    CreateSwarm(Box<SwarmSpec>),
    Answer {
        approval: ApprovalId,
        verdict: Resolution,
        remember: Remember,
    },
    SendText {
        agent: AgentId,
        text: String,
    },
    /// One after the other, told of in one message.
    All(Vec<Request>),
    /// What was spent, and how the budgets stand.
    Costs(By),
}

/// What the screen hears.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    Server(ServerMessage),
    /// There is no core; it is looked for.
    Lost(String),
    /// There is one again; a snapshot follows.
    Back,
    Terminal {
        attachment: u64,
        event: TerminalEvent,
    },
    /// The end of a recording.
    Past {
        attachment: u64,
        bytes: Result<Bytes, String>,
    },
    /// The ledger's answer, or why there is none.
    Costs(Result<Box<Money>, String>),
    /// A request was carried out; what was done, for the status line.
    Done(String),
    Refused(String),
}

#[derive(Clone, Debug, PartialEq)]
pub enum TerminalEvent {
    Bytes(Bytes),
    Size {
        columns: u16,
        rows: u16,
    },
    /// The last screen of an agent that is over, as bytes that draw it.
    Last {
        columns: u16,
        rows: u16,
        bytes: Bytes,
    },
    Ended(Option<Exit>),
    Failed(String),
}

/// The screen's ends of the two queues.
pub struct Link {
    pub requests: mpsc::Sender<Request>,
    pub messages: mpsc::Receiver<Message>,
}

/// The other ends.
pub struct LinkEnd {
    pub requests: mpsc::Receiver<Request>,
    pub messages: mpsc::Sender<Message>,
}

pub fn link() -> (Link, LinkEnd) {
    let (requests, asked) = mpsc::channel(REQUESTS);
    let (tell, messages) = mpsc::channel(MESSAGES);
    (Link { requests, messages }, LinkEnd { requests: asked, messages: tell })
}
