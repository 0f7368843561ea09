//! Events: what happened, in the past tense. They are journaled, numbered, and the only
//! thing that changes the core's state.

use super::{
    AccountId, Actor, AgentId, AgentState, Approval, ApprovalId, AttemptId, AttemptResult, Breaker,
    Exit, Grant, Item, Micros, Remember, Resolution, Signal, Stamp, SwarmId, SwarmSpec, SwarmState,
    Tokens,
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// An event as it stands in the journal and goes over the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
pub struct Follows {
    /// The earlier one's number.
    pub attempt: u32,
    /// Where its session cannot go on, the agent is told what was done; else it begins anew
    /// without a word.
    pub told: bool,
}

/// Who needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    },
    /// Money was set aside for a call that is about to leave.
    CallReserved {
        number: u64,
        provider: String,
        model: String,
        amount_micros: Micros,
    },
    /// A call did not leave: what is left of the account is less than it may cost.
    CallRefused {
        account: AccountId,
        why: String,
    },
    /// What may be spent was changed; none: there is no limit any more.
    BudgetSet {
        account: AccountId,
        limit_micros: Option<Micros>,
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
    /// The oldest middle of a recording was cut to stay under its cap.
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

impl Event {
    pub fn level(&self) -> Level {
        match self {
            Self::FactTaken { .. } | Self::Signalled { .. } => Level::Debug,
            Self::AgentAdded { parent: Some(_), .. } => Level::Info,
            Self::SessionNamed { .. } | Self::ItemAdded { .. } | Self::AgentAdded { .. } => {
                Level::Debug
            }
            Self::AttemptPlanned { .. } | Self::CoreStarted { .. } => Level::Debug,
            // The state that follows says the same.
            Self::AttemptPaused { .. } | Self::AttemptResumed => Level::Debug,
            Self::ModelCalled { status, .. } if *status >= 400 => Level::Warn,
            Self::AttemptEnded { result, .. } => match result.outcome {
                super::Outcome::Done | super::Outcome::Stopped => Level::Info,
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
            Self::CallReserved { .. } => Level::Debug,
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
            | Self::StopAsked { .. }
            | Self::ItemEnded { .. }
            | Self::DiskBack
            | Self::ApprovalAnswered { .. }
            | Self::ApprovalRecalled { .. }
            | Self::ApprovalWithdrawn { .. }
            | Self::AnswerForgotten { .. }
            | Self::SwarmEnded { .. }
            | Self::BranchResumed
            | Self::BudgetSet { .. }
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

    /// One line for people, without the names that stand beside it.
    pub fn summary(&self) -> String {
        match self {
            Self::SwarmCreated { name, spec } => {
                format!("swarm {name} created: {}", first_line(&spec.task))
            }
            Self::ItemAdded { item } => {
                format!("item {} added: {}", item.index, first_line(&item.text))
            }
            Self::AgentAdded { parent: Some(parent), adapter, .. } => {
                format!("spawned by {parent} ({adapter})")
            }
            Self::AgentAdded { adapter, model, .. } if model.is_empty() => {
                format!("added ({adapter})")
            }
            Self::AgentAdded { adapter, model, .. } => format!("added ({adapter}, {model})"),
            Self::AttemptPlanned { number, index, model, follows } => {
                let on = model.as_ref().map(|model| format!(" on {model}")).unwrap_or_default();
                let after = follows.map(|follows| format!(", after attempt {}", follows.attempt));
                format!("attempt {number} planned (item {index}){on}{}", after.unwrap_or_default())
            }
            Self::TookUp { from, session, .. } if !session.is_empty() => {
                format!("goes on with attempt {from}'s session {session}")
            }
            Self::TookUp { from, why, .. } if why.is_empty() => {
                format!("begins anew, told what attempt {from} did")
            }
            Self::TookUp { from, why, .. } => {
                format!("begins anew, told what attempt {from} did: {why}")
            }
            Self::WorktreeMade { branch, .. } => format!("works on branch {branch}"),
            Self::AttemptStarted { pid } => format!("started, pid {pid}"),
            Self::SessionNamed { session } => format!("session {session}"),
            Self::StateChanged { state, reason } if reason.is_empty() => state.to_string(),
            Self::StateChanged { state, reason } => format!("{state}: {reason}"),
            Self::Signalled { signal } => {
                format!("{:?} says {}: {}", signal.source, signal.state, signal.detail)
            }
            Self::ModelCalled { model, cost_micros, estimated: true, .. } => {
                format!("no usage of a call to {model} came: charged as reserved, {cost_micros}")
            }
            Self::CallReserved { model, amount_micros, .. } => {
                format!("{amount_micros} set aside for a call to {model}")
            }
            Self::CallRefused { why, .. } => format!("a model call was refused: {why}"),
            Self::BudgetSet { account, limit_micros: Some(limit), by } => {
                format!("budget of {account} set to {limit} by {by}")
            }
            Self::BudgetSet { account, limit_micros: None, by } => {
                format!("budget of {account} lifted by {by}")
            }
            Self::BudgetWarned { account, percent: 100 } => {
                format!("the budget of {account} is spent")
            }
            Self::BudgetWarned { account, percent } => {
                format!("{percent} % of the budget of {account} are spent")
            }
            Self::BudgetPaused { index } => format!("item {index} waits for money"),
            Self::ModelCalled { model, status, tokens, cost_micros, .. } => {
                format!("{model} answered {status}, {} tokens, {cost_micros}", tokens.total())
            }
            Self::NetConnected { host, port, allowed, reason, sent, received, count, .. } => {
                let times = if *count > 1 { format!(" ({count} times)") } else { String::new() };
                let place = if *port == 0 { host.clone() } else { format!("{host}:{port}") };
                let bytes = format!("{sent} B out, {received} B in");
                match (allowed, reason.as_deref()) {
                    (false, why) => {
                        let why = why.unwrap_or("not allowed");
                        format!("connection to {place} refused{times}: {why}")
                    }
                    (true, Some(why)) => {
                        format!("connection to {place} cut off{times}: {why} ({bytes})")
                    }
                    (true, None) => format!("connected to {place}{times}, {bytes}"),
                }
            }
            Self::FactTaken { n, offset } => format!("fact {n} taken at byte {offset}"),
            Self::InputSent { bytes } => format!("{bytes} bytes typed"),
            Self::StopAsked { why } => format!("asked to stop: {why}"),
            Self::AttemptEnded { result, exit } => {
                let words = if result.error.is_empty() { &result.text } else { &result.error };
                let (outcome, reason) = (result.outcome.word(), result.stop_reason.as_str());
                let mut line = outcome.to_owned();
                let code = exit.as_ref().and_then(|exit| exit.code).filter(|code| *code != 0);
                match (reason, code) {
                    ("exit", Some(code)) => line.push_str(&format!(" (exit {code})")),
                    // Says nothing that the outcome does not say.
                    ("" | "finished", _) => {}
                    (same, _) if same == outcome => {}
                    (reason, _) => line.push_str(&format!(" ({reason})")),
                }
                match first_line(words) {
                    "" => line,
                    // Many begin their report so.
                    words if words.to_lowercase().starts_with(&format!("{outcome}:")) => {
                        words.to_owned()
                    }
                    words => format!("{line}: {words}"),
                }
            }
            Self::RetryPlanned { number, .. } => format!("attempt {number} follows"),
            Self::ItemEnded { index, done: true } => format!("item {index} done"),
            Self::ItemEnded { index, done: false } => format!("item {index} not done"),
            Self::DiskFull => "disk full: held until there is room".to_owned(),
            Self::LimitReached { message, .. } => format!("limit reached: {message}"),
            Self::DiskBack => "disk has room again".to_owned(),
            Self::AttemptPaused { why } => format!("its processes are held: {why}"),
            Self::AttemptResumed => "its processes go on".to_owned(),
            Self::Held { paths, place } => {
                let paths: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
                let place = place.display();
                format!("moved to {place}, since others would obey it: {}", paths.join(", "))
            }
            Self::RecordingCut { from, to } => format!("recording cut: bytes {from} to {to}"),
            Self::SwarmEnded { state, done, failed } => {
                format!("swarm {state}: {failed} failed, {done} done")
            }
            Self::BranchHeld { failures, within_ms } => {
                let breaker = Breaker { failures: *failures, within_ms: *within_ms };
                format!("{}: its branch is held", breaker.tripped())
            }
            Self::BranchResumed => "its branch goes on".to_owned(),
            Self::SwarmRemoved => "swarm removed".to_owned(),
            Self::ApprovalAsked { approval } => {
                format!("{} asks: {}", approval.id, first_line(&approval.question.text()))
            }
            Self::ApprovalJoined { approval, .. } => format!("{approval} is asked again"),
            Self::ApprovalAnswered { approval, by, verdict, note, .. } => {
                let word = match verdict {
                    Resolution::Approve => "approved",
                    Resolution::Deny => "denied",
                };
                match first_line(note) {
                    "" => format!("{approval} {word} by {by}"),
                    note => format!("{approval} {word} by {by}: {note}"),
                }
            }
            Self::ApprovalRecalled { approval, earlier, verdict } => {
                let word = match verdict {
                    Resolution::Approve => "approved",
                    Resolution::Deny => "denied",
                };
                format!("{approval} {word} as {earlier} was")
            }
            Self::ApprovalExpired { approval } => {
                format!("{approval} expired: nobody answered, so it is denied")
            }
            Self::ApprovalWithdrawn { approval, why } => format!("{approval} withdrawn: {why}"),
            Self::AnswerForgotten { number, by } => {
                format!("remembered answer {number} forgotten by {by}")
            }
            Self::CoreStarted { pid, version, .. } => {
                format!("core {version} took over, pid {pid}")
            }
        }
    }
}

fn first_line(text: &str) -> &str {
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or("").trim()
}
