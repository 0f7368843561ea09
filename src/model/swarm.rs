//! A swarm: what is asked for, and how clients see it.

use super::{
    AgentId, AgentState, AttemptResult, Caps, Limits, Micros, Schema, Scope, Stamp, SwarmId, Tokens,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, path::PathBuf};

/// A request for a swarm: the body of `POST /v1/swarms`, the content of `swarm.toml`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(extend("required" = ["cwd"])))]
#[serde(default, deny_unknown_fields)]
pub struct SwarmSpec {
    /// A short name; made from the task when empty.
    pub name: String,
    /// With `{item}` and `{index}` (from 1) filled in per item.
    pub task: String,
    /// How many agents; 0 means one (or the sum of `adapters`).
    pub agents: u32,
    /// Which adapters, with counts; empty means the default adapter for all.
    pub adapters: Vec<AdapterShare>,
    /// Models, dealt out to the agents in turn; empty means each adapter's default.
    pub models: Vec<String>,
    pub strategy: Strategy,
    /// The queue. None: every agent does the task once.
    pub items: Option<Vec<String>>,
    /// At most so many attempts at once.
    pub max: Option<u32>,
    /// At most so many model calls in flight, of all its agents together; none: any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<u32>,
    /// Where the agents work; absolute.
    #[cfg_attr(test, schemars(extend("pattern" = "^/")))]
    pub cwd: PathBuf,
    /// A clone of the repository, and a branch in it, for each agent.
    pub worktree: bool,
    /// A shell command that must succeed in the agent's directory after the agent did.
    pub check: Option<String>,
    /// Each agent's final text has to be a JSON document that fits this JSON Schema, or the
    /// attempt has failed (`schema`); the document is its result's `data`. In `swarm.toml` it
    /// stands as a table.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<serde_json::Map<String, serde_json::Value>>"))]
    pub schema: Option<Schema>,
    /// Per attempt, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Of each attempt; what it leaves open is as the configuration has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Further attempts after a failed one, per item.
    pub retries: u32,
    /// `-- CMD…`: the command of the `command` adapter.
    pub command: Vec<String>,
    /// The caller's PATH, so that agents find the same programs.
    pub path: Option<String>,
    /// What all its agents may spend together: `$50`, `2M-tokens`, `$50,2M-tokens`.
    pub budget: Option<String>,
    /// What each of them may spend.
    pub agent_budget: Option<String>,
    pub scope: Vec<String>,
    pub read: Vec<String>,
    pub net: Vec<String>,
    pub allow: Vec<String>,
    /// Nothing but these programs may be executed; none: any.
    pub allow_only: Option<Vec<String>>,
    /// Asks for no scope at all.
    pub no_sandbox: bool,
    /// What the wishes above come to; made by the core, whatever a request says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granted: Option<Scope>,
    /// Names this request (`Idempotency-Key`): asked again, it makes nothing and is answered
    /// with the swarm that the first one made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Of the request under that key, made by the server: another one under it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_hash: Option<String>,
}

/// `claude:3` of `--agent claude:3,mini:2`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AdapterShare {
    pub adapter: String,
    pub count: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    #[default]
    Parallel,
    MapReduce,
    Pipeline,
    Tree,
}

/// A request for one agent outside a larger swarm: `dash agent spawn`. It gets a swarm of
/// its own unless it names one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(extend("required" = ["cwd"])))]
#[serde(default, deny_unknown_fields)]
pub struct AgentSpec {
    pub name: String,
    pub swarm: Option<SwarmId>,
    pub adapter: Option<String>,
    pub model: Option<String>,
    /// With its own screen, for a person or a model to type into; the task, if there is one,
    /// is its first prompt.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub interactive: bool,
    pub task: String,
    /// Where it works; absolute.
    #[cfg_attr(test, schemars(extend("pattern" = "^/")))]
    pub cwd: PathBuf,
    pub worktree: bool,
    pub timeout_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    pub retries: u32,
    /// What it and all below it may spend.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<String>,
    pub command: Vec<String>,
    pub path: Option<String>,
    /// As in [`SwarmSpec`]; what none of them says is as the parent or the swarm has it.
    pub scope: Vec<String>,
    pub read: Vec<String>,
    pub net: Vec<String>,
    pub allow: Vec<String>,
    pub allow_only: Option<Vec<String>>,
    pub no_sandbox: bool,
    /// Lower the caps on what it may spawn itself; see [`Caps`].
    pub depth: Option<u32>,
    pub children: Option<u32>,
    pub total: Option<u32>,
    /// Made by the core, whatever a request says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granted: Option<Scope>,
    /// What was asked for and not granted, a sentence each; made by the core.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub narrowed: Vec<String>,
    /// The configuration's; made by the core, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caps: Option<Caps>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum SwarmState {
    Working,
    /// Nothing of it runs, and something waits for money. Seen by clients; the core itself
    /// keeps `working`.
    Paused,
    Done,
    /// Over, and at least one item or agent failed.
    Failed,
    Stopped,
}

impl SwarmState {
    pub fn word(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }

    pub fn is_final(self) -> bool {
        match self {
            Self::Working | Self::Paused => false,
            Self::Done | Self::Failed | Self::Stopped => true,
        }
    }
}

impl fmt::Display for SwarmState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ItemState {
    Queued,
    Working,
    Done,
    Failed,
    Stopped,
    /// Taken out of the queue: nobody is to do it.
    Dropped,
}

/// A unit of work of a swarm's queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Item {
    pub swarm: SwarmId,
    /// From 1, in the order of adding.
    pub index: u32,
    /// Empty where the swarm has no queue of its own.
    pub text: String,
    pub state: ItemState,
    pub agent: Option<AgentId>,
    pub attempts: u32,
}

/// One swarm as clients see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SwarmInfo {
    pub id: SwarmId,
    pub name: String,
    pub task: String,
    pub strategy: Strategy,
    pub state: SwarmState,
    pub reason: String,
    pub agents: AgentCounts,
    pub items: ItemCounts,
    pub tokens: Tokens,
    pub cost_micros: Micros,
    /// Beside it, of calls that nobody pays by the token.
    #[serde(default)]
    pub notional_micros: Micros,
    /// Of both, of calls whose usage never came: what was set aside was charged.
    #[serde(default)]
    pub estimated_micros: Micros,
    pub budget_micros: Option<Micros>,
    #[serde(default)]
    pub budget_tokens: Option<u64>,
    /// Model calls that may be in flight at once; none: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<u32>,
    pub scope: String,
    pub created_at: Stamp,
    pub started_at: Option<Stamp>,
    pub ended_at: Option<Stamp>,
    /// None before one was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_calls: Option<FirstCalls>,
    /// What its creator should know; told once, at its creation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What lets it go on, where all of it waits for money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way_on: Option<String>,
}

/// When the agents of a swarm began to ask a model, each by its first call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FirstCalls {
    /// Agents that have asked.
    pub agents: u32,
    /// From the swarm's creation to the first of these calls, and to the last.
    pub first_ms: u64,
    pub last_ms: u64,
}

impl SwarmInfo {
    /// What it has cost, marked where a part of that is an estimate.
    pub fn cost(&self) -> String {
        self.cost_micros.told(self.estimated_micros)
    }

    /// By a person: it waits for nothing but to be resumed.
    pub fn is_paused(&self) -> bool {
        self.state == SwarmState::Paused && self.reason == super::USER
    }

    /// Nothing is enforced on its agents.
    pub fn is_unscoped(&self) -> bool {
        self.scope == super::NO_SCOPE
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AgentCounts {
    pub total: u32,
    pub by_state: BTreeMap<AgentState, u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ItemCounts {
    /// Without those that were dropped.
    pub total: u32,
    pub done: u32,
    pub failed: u32,
    #[serde(default)]
    pub dropped: u32,
}

/// `swarm results`: failures are counted, and listed, first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SwarmResults {
    pub swarm: SwarmInfo,
    pub failed: u32,
    pub done: u32,
    /// Not over yet, or never started; without what its parent had no use for any more.
    pub open: u32,
    pub results: Vec<AgentResult>,
    /// What was moved out of the scope since others would obey it, if anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<HeldFiles>,
    /// Where they were asked for: what is in each worktree beyond its base, committed or not, as
    /// a patch of at most 256 KB.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub diffs: BTreeMap<AgentId, String>,
}

/// What one attempt left that is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HeldFiles {
    pub place: std::path::PathBuf,
    /// Files and directories in it.
    pub count: usize,
}

/// What one agent made of one item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AgentResult {
    pub agent: AgentId,
    pub name: String,
    pub adapter: String,
    pub model: String,
    /// As in [`AgentInfo`](super::AgentInfo): `simulated` where no real provider answered.
    #[serde(default)]
    pub provider: String,
    pub item: Option<String>,
    pub index: u32,
    pub attempt: u32,
    /// None while it runs.
    #[serde(flatten)]
    pub result: Option<AttemptResult>,
    pub state: AgentState,
    pub exit: Option<i32>,
    pub duration_ms: u64,
    pub tokens: Tokens,
    pub cost_micros: Micros,
    /// As in [`AgentInfo`](super::AgentInfo).
    #[serde(default)]
    pub estimated_micros: Micros,
    pub branch: Option<String>,
    pub worktree: Option<PathBuf>,
}
