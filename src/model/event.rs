//! Events: what happened, in the past tense. They are journaled, numbered, and the only
//! thing that changes the core's state.

mod attention;
mod kind;
mod summary;

use super::{
    AccountId, Actor, AgentId, AgentState, Approval, ApprovalId, AttemptId, AttemptResult, Coin,
    Exit, Grant, Item, Micros, Named, Remember, Resolution, Shortage, Signal, Stamp, SwarmId,
    SwarmSpec, SwarmState, Tokens,
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// An event as it stands in the journal and goes over the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct EventRecord {
    /// From 1, without gaps, in the order of commit.
    pub seq: u64,
    pub time: Stamp,
    pub swarm: Option<SwarmId>,
    pub agent: Option<AgentId>,
    pub attempt: Option<AttemptId>,
    #[serde(flatten)]
    pub event: Event,
}

/// What an attempt is to make of an earlier one at its item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Follows {
    /// The earlier one's number.
    pub attempt: u32,
    /// Where its session cannot go on, the agent is told what was done; else it begins anew
    /// without a word.
    pub told: bool,
}

/// Who needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Book-keeping between core and keeper.
    Debug,
    Info,
    Warn,
    Error,
}

/// What happened. Which swarm, agent and attempt stands in the record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    SwarmCreated {
        name: String,
        spec: Box<SwarmSpec>,
    },
    ItemAdded {
        item: Box<Item>,
    },
    AgentAdded {
        name: String,
        parent: Option<AgentId>,
        adapter: String,
        model: String,
        cwd: PathBuf,
        /// What it got beside what its swarm has.
        #[serde(default, skip_serializing_if = "Grant::is_empty")]
        grant: Box<Grant>,
    },
    /// Children of the agent failed too often: it spawns no more, and all below it is held.
    BranchHeld {
        failures: u32,
        within_ms: u64,
    },
    BranchResumed,
    /// By a person, as the next three are.
    AgentPaused,
    AgentResumed,
    SwarmPaused,
    SwarmResumed,
    /// A launch was decided; whatever happens to the core, it is carried out once.
    AttemptPlanned {
        number: u32,
        index: u32,
        /// From now on the agent is on this model.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        follows: Option<Follows>,
    },
    /// An attempt took up what an earlier one at the item left.
    TookUp {
        /// The earlier one's number.
        from: u32,
        /// The session that goes on; empty: the agent begins anew and was told what was done.
        session: String,
        /// Why its session does not go on, where there is one.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        why: String,
    },
    /// The place where the agent works was made ready.
    WorktreeMade {
        path: PathBuf,
        branch: String,
        base: String,
        /// Where in it the agent works.
        #[serde(default)]
        dir: PathBuf,
        /// The git directory that it is a clone of; none where it is a linked worktree, as
        /// older builds made them.
        #[serde(default)]
        repository: Option<PathBuf>,
        /// The work tree that it is a clone of.
        #[serde(default)]
        top: Option<PathBuf>,
    },
    AttemptStarted {
        pid: u32,
    },
    /// The agent's own name of its session, for a later resume.
    SessionNamed {
        session: String,
    },
    StateChanged {
        state: AgentState,
        reason: String,
    },
    /// A signal that may decide a state; journaled so that `explain` survives the core.
    Signalled {
        signal: Signal,
    },
    /// A model call came back (or was refused: then `tokens` are zero).
    ModelCalled {
        provider: String,
        model: String,
        /// HTTP status sent to the agent.
        status: u16,
        tokens: Tokens,
        cost_micros: Micros,
        /// False where no price was known: then `cost_micros` is 0.
        priced: bool,
        duration_ms: u64,
        /// What was set aside for it, and is not any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reservation: Option<u64>,
        /// No usage came: what was set aside is charged.
        #[serde(default, skip_serializing_if = "is_false")]
        estimated: bool,
        /// `cost_micros` is what it would come to by the token: nobody pays that.
        #[serde(default, skip_serializing_if = "is_false")]
        notional: bool,
    },
    /// Money was set aside for a call that is about to leave.
    CallReserved {
        number: u64,
        provider: String,
        model: String,
        /// What it costs at most; 0 where nothing of that can be told. Older builds had 0 where
        /// nothing above it limited dollars.
        amount_micros: Micros,
        /// With less it would not have left.
        #[serde(default, skip_serializing_if = "is_zero")]
        least_micros: Micros,
        /// The same in tokens.
        #[serde(default, skip_serializing_if = "is_none_of")]
        amount_tokens: u64,
        #[serde(default, skip_serializing_if = "is_none_of")]
        least_tokens: u64,
        /// Nothing above it had a limit: it left whatever it may cost.
        #[serde(default, skip_serializing_if = "is_false")]
        free: bool,
        /// Nobody pays it by the token: its dollars are set aside of no account.
        #[serde(default, skip_serializing_if = "is_false")]
        notional: bool,
        /// Of what it may be more than the amount.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unbounded: Vec<Coin>,
    },
    /// A call did not leave: what is left of the account is less than it may cost.
    CallRefused {
        account: AccountId,
        why: String,
        /// None: nobody can say what it needs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        short: Option<Shortage>,
    },
    /// What may be spent was changed; none: there is no limit any more.
    BudgetSet {
        account: AccountId,
        limit_micros: Option<Micros>,
        #[serde(default)]
        limit_tokens: Option<u64>,
        by: Actor,
    },
    /// So much of an account's limit is spent.
    BudgetWarned {
        account: AccountId,
        percent: u8,
    },
    /// The attempt ended for want of money; the agent goes on with its item after a top-up.
    BudgetPaused {
        index: u32,
    },
    /// What models cost was changed, for which somebody waited: who did asks again.
    PricesChanged,
    /// There is money again for a turn that was refused on the agent's own screen: it is to be
    /// told to go on.
    TurnDue,
    /// It is being told to; whatever happens to the core, that is done no second time.
    TurnAskedAgain,
    /// A connection through the egress proxy is over, or was refused.
    NetConnected {
        host: String,
        port: u16,
        allowed: bool,
        /// Why it was refused, or why it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Bytes to the host, and from it.
        sent: u64,
        received: u64,
        duration_ms: u64,
        /// How many alike it stands for; the numbers above are their sums.
        count: u64,
    },
    /// A keeper's fact number `n`, up to byte `offset`, was taken over.
    FactTaken {
        n: u64,
        offset: u64,
    },
    /// Somebody typed into the agent through the core.
    InputSent {
        bytes: u64,
    },
    /// A stop was asked for; the attempt ends soon.
    StopAsked {
        why: String,
    },
    AttemptEnded {
        exit: Option<Exit>,
        result: Box<AttemptResult>,
    },
    /// Another attempt at the item starts at `at`.
    RetryPlanned {
        at: Stamp,
        number: u32,
    },
    /// It is time for another attempt at the item, or somebody asks for one: it begins when
    /// there is room for it.
    RetryDue {
        number: u32,
        index: u32,
        /// What its launch will say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        follows: Option<Follows>,
    },
    /// Taken out of the queue, before anybody began with them.
    ItemsDropped {
        items: Vec<u32>,
    },
    /// Put back.
    ItemsRestored {
        items: Vec<u32>,
    },
    ItemEnded {
        index: u32,
        done: bool,
    },
    DiskFull,
    DiskBack,
    /// All processes of the attempt are held, and its model calls with them.
    AttemptPaused {
        why: String,
    },
    /// They go on where they were.
    AttemptResumed,
    /// The attempt went beyond a limit and is being ended.
    LimitReached {
        /// `memory`, `processes`, `disk`.
        limit: String,
        message: String,
    },
    /// The oldest middle of a recording was cut to stay under its cap: what is missing by now.
    RecordingCut {
        from: u64,
        to: u64,
    },
    /// What an attempt made that others would have run or obeyed; it was moved away.
    Held {
        paths: Vec<PathBuf>,
        place: PathBuf,
    },
    SwarmEnded {
        state: SwarmState,
        done: u32,
        failed: u32,
        /// What its agents made, as `swarms/{id}/results` has it, long texts cut; put in for
        /// those who follow, not journaled, and none of a swarm that was removed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, schemars(with = "Option<super::SwarmResults>"))]
        results: Option<Box<serde_json::Value>>,
    },
    SwarmRemoved,
    /// A question waits for an answer, or got one at once.
    ApprovalAsked {
        approval: Box<Approval>,
    },
    /// The same question was asked again under another name; it is answered with the first.
    ApprovalJoined {
        approval: ApprovalId,
        key: String,
    },
    ApprovalAnswered {
        approval: ApprovalId,
        by: Actor,
        verdict: Resolution,
        remember: Remember,
        note: String,
    },
    /// The answer to `earlier` was remembered, and stands for this one.
    ApprovalRecalled {
        approval: ApprovalId,
        earlier: ApprovalId,
        verdict: Resolution,
    },
    ApprovalExpired {
        approval: ApprovalId,
    },
    ApprovalWithdrawn {
        approval: ApprovalId,
        why: String,
    },
    /// A remembered answer, by its number, stands no longer.
    AnswerForgotten {
        number: u64,
        by: Actor,
    },
    /// A request that has a name was carried out.
    RequestNamed {
        #[serde(flatten)]
        named: Box<Named>,
    },
    /// A core took over this world.
    CoreStarted {
        epoch: u64,
        pid: u32,
        version: String,
    },
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(sum: &Micros) -> bool {
    *sum == Micros::ZERO
}

fn is_none_of(count: &u64) -> bool {
    *count == 0
}

impl Event {
    pub fn level(&self) -> Level {
        match self {
            Self::FactTaken { .. } | Self::Signalled { .. } => Level::Debug,
            Self::AgentAdded { parent: Some(_), .. } => Level::Info,
            Self::SessionNamed { .. } | Self::ItemAdded { .. } | Self::AgentAdded { .. } => {
                Level::Debug
            }
            Self::AttemptPlanned { .. } | Self::RetryDue { .. } | Self::CoreStarted { .. } => {
                Level::Debug
            }
            // The state that follows says the same.
            Self::AttemptPaused { .. } | Self::AttemptResumed => Level::Debug,
            Self::ModelCalled { status, .. } if *status >= 400 => Level::Warn,
            Self::AttemptEnded { result, .. } => match result.outcome {
                super::Outcome::Done | super::Outcome::Stopped => Level::Info,
                super::Outcome::Paused => Level::Warn,
                super::Outcome::Failed | super::Outcome::Lost => Level::Error,
            },
            Self::StateChanged { state, .. } => match state {
                AgentState::Failed | AgentState::Lost => Level::Error,
                AgentState::Waiting | AgentState::Retrying | AgentState::Paused => Level::Warn,
                AgentState::Queued
                | AgentState::Starting
                | AgentState::Working
                | AgentState::Idle
                | AgentState::Done
                | AgentState::Stopped => Level::Info,
            },
            Self::NetConnected { allowed: false, .. } => Level::Warn,
            Self::LimitReached { .. } => Level::Error,
            Self::CallReserved { .. } | Self::TurnDue | Self::RequestNamed { .. } => Level::Debug,
            Self::CallRefused { .. } | Self::BudgetWarned { .. } | Self::BudgetPaused { .. } => {
                Level::Warn
            }
            // One that has its answer already asks nobody.
            Self::ApprovalAsked { approval } if approval.recalled.is_some() => Level::Debug,
            Self::ApprovalAsked { .. } | Self::ApprovalExpired { .. } => Level::Warn,
            Self::ApprovalJoined { .. } => Level::Debug,
            Self::DiskFull | Self::RecordingCut { .. } | Self::RetryPlanned { .. } => Level::Warn,
            Self::Held { .. } | Self::BranchHeld { .. } => Level::Warn,
            Self::SwarmEnded { failed, .. } if *failed > 0 => Level::Error,
            Self::SwarmCreated { .. }
            | Self::WorktreeMade { .. }
            | Self::TookUp { .. }
            | Self::AttemptStarted { .. }
            | Self::ModelCalled { .. }
            | Self::NetConnected { .. }
            | Self::InputSent { .. }
            | Self::TurnAskedAgain
            | Self::StopAsked { .. }
            | Self::ItemEnded { .. }
            | Self::ItemsDropped { .. }
            | Self::ItemsRestored { .. }
            | Self::DiskBack
            | Self::ApprovalAnswered { .. }
            | Self::ApprovalRecalled { .. }
            | Self::ApprovalWithdrawn { .. }
            | Self::AnswerForgotten { .. }
            | Self::SwarmEnded { .. }
            | Self::BranchResumed
            | Self::AgentPaused
            | Self::AgentResumed
            | Self::SwarmPaused
            | Self::SwarmResumed
            | Self::BudgetSet { .. }
            | Self::PricesChanged
            | Self::SwarmRemoved => Level::Info,
        }
    }

    /// The approval that this is about.
    pub fn approval(&self) -> Option<&ApprovalId> {
        match self {
            Self::ApprovalAsked { approval } => Some(&approval.id),
            Self::ApprovalJoined { approval, .. }
            | Self::ApprovalAnswered { approval, .. }
            | Self::ApprovalRecalled { approval, .. }
            | Self::ApprovalExpired { approval }
            | Self::ApprovalWithdrawn { approval, .. } => Some(approval),
            _ => None,
        }
    }
}
