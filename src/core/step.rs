//! What goes into a decision and what comes out of it.

use super::{approval::Ask, state::Attempt};
use crate::model::{
    Actor, AgentId, ApprovalId, AttemptId, AttemptResult, AuditDraft, Bound, Breaker, Budget, Coin,
    Command, Event, Exit, Item, Micros, Once, Reservation, Resolution, Signal, Stamp, SwarmId,
    Tokens,
};
use std::path::PathBuf;

/// What reaches the core from outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A core took over this world.
    Start {
        epoch: u64,
        pid: u32,
        version: String,
    },
    /// A client's request, already checked against the machine. `crew` names adapter and
    /// model of each new agent; `once` is its name, if it has one.
    Request {
        by: Actor,
        command: Command,
        crew: Vec<(String, String)>,
        once: Option<Once>,
    },
    Keeper {
        attempt: AttemptId,
        n: u64,
        offset: u64,
        news: KeeperNews,
    },
    /// The agent is gone, its outcome judged; `n` is the keeper's fact, if one told it, and
    /// `bytes` what it has printed in all, 0 where nobody knows.
    Ended {
        attempt: AttemptId,
        n: u64,
        bytes: u64,
        exit: Option<Exit>,
        result: Box<AttemptResult>,
    },
    Signal {
        attempt: AttemptId,
        signal: Signal,
    },
    /// The same, of an agent that shows a permission prompt; `answerable` where its adapter
    /// says how to answer it, `needs` as in [`Ask`]. Answered with the approval that it is.
    Prompted {
        attempt: AttemptId,
        signal: Signal,
        answerable: bool,
        needs: u32,
    },
    /// Somebody who holds something of an attempt's wants an answer.
    Asked {
        attempt: AttemptId,
        ask: Box<Ask>,
    },
    /// What was asked under this key is not wanted any more.
    Unasked {
        attempt: AttemptId,
        key: String,
    },
    /// Somebody is about to tell it to go on with the turn that was refused for want of money.
    /// Answered with [`Reply::Done`] where it is to be told, and once.
    GoOn {
        attempt: AttemptId,
    },
    Session {
        attempt: AttemptId,
        session: String,
    },
    /// What an earlier attempt left was taken up; an empty session: told in words.
    TookUp {
        attempt: AttemptId,
        from: u32,
        session: String,
        why: String,
    },
    WorktreeMade {
        agent: AgentId,
        path: PathBuf,
        branch: String,
        base: String,
        dir: PathBuf,
        repository: Option<PathBuf>,
        top: Option<PathBuf>,
    },
    ModelCall {
        attempt: AttemptId,
        provider: String,
        model: String,
        status: u16,
        tokens: Tokens,
        cost: Micros,
        priced: bool,
        duration_ms: u64,
        /// What was set aside for it.
        reservation: Option<u64>,
        /// No usage came: `cost` is what was set aside.
        estimated: bool,
        /// Nobody pays `cost`.
        notional: bool,
    },
    /// A call is about to leave; `last`: it waits no longer for others to settle.
    Reserve {
        attempt: AttemptId,
        wish: Box<Wish>,
        last: bool,
    },
    /// A price file was changed.
    PricesChanged,
    /// Found in the scope after the attempt's end, and moved away.
    Held {
        attempt: AttemptId,
        paths: Vec<PathBuf>,
        place: PathBuf,
    },
    /// A connection through the egress proxy is over; `what` is its event.
    Connected {
        attempt: AttemptId,
        what: Event,
    },
    Typed {
        by: Actor,
        agent: AgentId,
        bytes: u64,
    },
    Due(Timer),
    /// For the audit alone: what changes no state, or was refused before it came here.
    Note(Box<AuditDraft>),
}

/// What a call is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    pub provider: String,
    pub model: String,
    /// What it may cost; else why that is not known.
    pub bound: Result<Bound, String>,
    /// How many tokens it may take.
    pub tokens: Result<Bound<u64>, String>,
    /// As much of both as can be told where one of them cannot: it may be more.
    pub known: Budget,
    /// Nobody pays it by the token: no limit in dollars counts it.
    pub notional: bool,
}

impl Wish {
    /// In one of the coins.
    pub(super) fn bound(&self, coin: Coin) -> Result<Bound<i64>, &str> {
        match coin {
            Coin::Dollars => self.bound.as_ref().map(|bound| bound.map(|sum| sum.0)),
            Coin::Tokens => self.tokens.as_ref().map(|bound| bound.map(Tokens::signed)),
        }
        .map_err(String::as_str)
    }
}

/// Whether a call may leave.
#[derive(Clone, Debug, PartialEq)]
pub enum Leave {
    Reserved(Reservation),
    /// It does not fit until others settle.
    Later,
    /// It does not fit.
    Refused {
        message: String,
    },
}

/// What a keeper reports, beside the end.
#[derive(Clone, Debug, PartialEq)]
pub enum KeeperNews {
    Started { pid: u32 },
    DiskFull,
    DiskBack,
    Cut { from: u64, to: u64 },
    LimitReached { limit: String, message: String },
}

/// Carries the number of what it was set for: a timer from an earlier state is ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Timer {
    Timeout { attempt: AttemptId },
    Retry { agent: AgentId, number: u32 },
    Approval { approval: ApprovalId },
}

/// What is to be done in the world, after the events are committed. Every effect can be
/// derived again from the state, so a core that dies in between loses none.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Launch {
        attempt: AttemptId,
    },
    Stop {
        attempt: AttemptId,
    },
    /// Holds its processes or lets them go on, whichever the state says by then.
    Hold {
        attempt: AttemptId,
    },
    SetTimer {
        at: Stamp,
        timer: Timer,
    },
    /// Tells whoever is to be told of an open approval. Done again by a new core.
    Notify {
        approval: ApprovalId,
    },
    /// Types the agent's own answer to its prompt. Never done again: typed twice, it would
    /// answer the next one.
    AnswerPrompt {
        attempt: AttemptId,
        approval: ApprovalId,
        verdict: Resolution,
    },
    /// Types what makes the agent go on with the turn that was refused for want of money.
    /// Whoever adopts its keeper asks by [`Input::GoOn`] whether that is still to be done.
    GoOn {
        attempt: AttemptId,
    },
    /// Recordings of removed attempts.
    Forget {
        swarm: SwarmId,
        agents: Vec<AgentId>,
        attempts: Vec<AttemptId>,
    },
}

/// An event without number and time, which the runtime gives it.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    pub swarm: Option<SwarmId>,
    pub agent: Option<AgentId>,
    pub attempt: Option<AttemptId>,
    pub event: Event,
}

/// What a request made.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Swarm(SwarmId),
    Agent(AgentId),
    Item(Box<Item>),
    /// Their numbers in the queue.
    Items(Vec<u32>),
    Approval(ApprovalId),
    Leave(Leave),
    Done,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    pub events: Vec<Draft>,
    pub effects: Vec<Effect>,
    pub reply: Option<Reply>,
    /// Committed with the events.
    pub audit: Vec<AuditDraft>,
}

/// Bounds of the whole instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Attempts at once; 0 sets no limit.
    pub attempts: u32,
    pub breaker: Breaker,
}

impl Draft {
    pub fn swarm(swarm: &SwarmId, event: Event) -> Self {
        Self { swarm: Some(swarm.clone()), agent: None, attempt: None, event }
    }

    pub fn agent(swarm: &SwarmId, agent: &AgentId, event: Event) -> Self {
        Self { agent: Some(agent.clone()), ..Self::swarm(swarm, event) }
    }

    pub fn attempt(attempt: &Attempt, event: Event) -> Self {
        Self {
            attempt: Some(attempt.id.clone()),
            ..Self::agent(&attempt.swarm, &attempt.agent, event)
        }
    }
}
