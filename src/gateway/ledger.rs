//! The seam to the money.

use crate::model::{AgentId, AttemptId, Bound, Budget, Micros, Reservation, SwarmId, Tokens};
use std::{future::Future, pin::Pin};

/// On whose behalf a listener's calls are made.
#[derive(Clone, Debug)]
pub struct Caller {
    pub swarm: SwarmId,
    pub agent: AgentId,
    pub attempt: AttemptId,
    /// What the agent presents as its API key, whatever the dialect.
    pub token: String,
    /// At most so many calls of its swarm are in flight; none: any number.
    pub calls: Option<u32>,
}

/// A call that is about to leave.
#[derive(Clone, Debug)]
pub struct Call {
    pub caller: Caller,
    pub provider: String,
    pub model: String,
    /// What it may cost; else why nobody can say, which only matters under a budget.
    pub bound: Result<Bound, String>,
    /// How many tokens it may take.
    pub tokens: Result<Bound<u64>, String>,
    /// As much of both as can be told where one of them cannot: it may be more.
    pub known: Budget,
    /// Nobody pays it by the token: no limit in dollars counts it.
    pub notional: bool,
}

/// A call that is over, well or not.
#[derive(Clone, Debug, PartialEq)]
pub struct CallReport {
    pub provider: String,
    pub model: String,
    /// HTTP status given to the agent.
    pub status: u16,
    pub tokens: Tokens,
    pub cost: Micros,
    /// False where no price is known: then `cost` is 0.
    pub priced: bool,
    pub duration_ms: u64,
    /// No usage of it came, or not all: `cost` is what was set aside.
    pub estimated: bool,
    /// `cost` is what it would come to, and paid by nobody.
    pub notional: bool,
}

/// Why a call may not leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoLeave {
    /// It does not fit: answered with 402, which agents do not ask again after.
    OverBudget(String),
    /// Nothing can be written down now: answered with 503.
    Unavailable(String),
}

/// What a caller's traffic shows about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// A request arrived.
    Asked,
    /// A request waits for a key that this core does not have; whose, and why.
    Held { why: String },
    /// A request waits for the provider to take calls again; what follows is as of `Asked`.
    Limited,
    /// A request waits for others of its swarm to be over; what follows is as of `Asked`.
    Queued,
    /// The first byte of the answer went out.
    Answering,
    /// No request is in flight any more.
    Quiet,
    /// The same, and the last answer is one after which agents ask again by themselves: a status
    /// for the moment, or a stream that broke off (then its status is a good one).
    Troubled { status: u16 },
}

pub type ReserveFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Reservation, NoLeave>> + Send + 'a>>;

/// Where the gateway asks before a call and reports after it.
pub trait Ledger: Send + Sync + 'static {
    /// Resolves once the reservation is written down, durably where a limit is above the
    /// caller; until then nothing goes upstream.
    fn reserve<'a>(&'a self, call: &'a Call) -> ReserveFuture<'a>;
    /// Every call that had leave is settled exactly once, also when the client hung up.
    fn settle(&self, caller: &Caller, reservation: Option<Reservation>, report: CallReport);
    fn traffic(&self, caller: &Caller, traffic: Traffic);
}
