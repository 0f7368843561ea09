//! Bodies of the REST API under `/v1`. Paths:
//!
//! ```text
//! GET  /v1/health                                 Health
//! GET  /v1/doctor?path=                           DoctorReport          for agents with that PATH
//! POST /v1/shutdown                               Shutdown → 202
//! GET  /v1/swarms            POST (SwarmSpec) → 201 SwarmInfo
//! GET  /v1/swarms/{id}       PATCH (Change)   DELETE → Removed    ?wait=SECONDS on GET: until it is over
//! GET  /v1/swarms/{id}/results                    SwarmResults
//! GET  /v1/agents?swarm=     POST (AgentSpec) → 201 AgentInfo
//! GET  /v1/agents/{id}       PATCH (Change)                   ?wait=SECONDS on GET: until it is over
//! GET  /v1/agents/{id}/explain                    Explanation
//! GET  /v1/agents/{id}/results                    [AgentResult], one for each item tried
//! GET  /v1/agents/{id}/screen?attempt=N           ScreenDump
//! GET  /v1/agents/{id}/log?attempt=N&format=raw|text|cast&follow=1   stream of bytes
//! POST /v1/agents/{id}/input (InputBody) → 204
//! POST /v1/hooks (an object) → 204                  what an agent's own hook tells of it; from inside alone
//! POST /v1/agents/{id}/ticket (TicketBody) → Ticket   (direct attach to the keeper)
//! GET  /v1/agents/{id}/pty?cols=&rows=&read_only=  WebSocket of raw bytes
//! GET  /v1/items?swarm=ID    POST (NewItem) → 201 Item    PATCH (ItemsChange) → [Item] that were changed
//! GET  /v1/budgets                                [AccountInfo]
//! GET  /v1/budgets/{id}      PATCH (BudgetBody) → AccountInfo; also `core`
//! GET  /v1/ledger?by=WORD                         [CostRow] by agent, attempt, item, swarm, model, parent, day
//! GET  /v1/prices                                 [PriceRow], the overriding ones first
//! GET  /v1/policy?cwd=DIR&path=PATH               PolicyRules: the rules in force there
//! POST /v1/policy/check (PolicyQuestion)          Judgement; the one POST that is open to an agent
//! GET  /v1/approvals?state=open|all&swarm=&agent= [Approval]          &wait=SECONDS: until there is one
//! POST /v1/approvals (NewApproval) → 201 Approval                     ?wait=SECONDS: until it is over;
//!                                                 from inside an agent alone, at its own socket
//! GET  /v1/approvals/{id}    PATCH (Answer) → Approval                ?wait=SECONDS on GET: until it is over
//! GET  /v1/remembered                             [Remembered]
//! DELETE /v1/remembered/{number} → 204
//! GET  /v1/events            see `protocol::stream`
//! GET  /v1/audit?since=N|TIME&agent=&swarm=&limit=   AuditRow, one a line (NDJSON)
//! GET  /v1/audit/verify                           AuditReport
//! ```
//!
//! `{id}` of a swarm or agent is its id or its name, that of an approval also the agent whose
//! only open one it is. A client on the admin socket may say who it is with the header
//! `Dash-Actor: NAME` (1 to 64 visible ASCII characters), which is taken at its word;
//! otherwise it is the core's own `$USER`. Errors are [`Problem`], content type
//! `application/problem+json`.

use crate::model::{
    AgentState, Enforcement, ItemState, Refusal, RefusalCode, Remember, Resolution, Rule, SwarmId,
    Verdict,
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Header of an answer by a core that leaves: nothing was done, and the next one can be asked.
pub const LEAVING: &str = "dash-core";

/// RFC 9457. `code` is stable, `title` for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Problem {
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    pub detail: String,
    pub code: RefusalCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (status, title) = match refusal.code {
            RefusalCode::Invalid => (400, "invalid request"),
            RefusalCode::NotEnforced => (400, "not enforced in this build"),
            RefusalCode::NotFound => (404, "not found"),
            RefusalCode::Ambiguous => (409, "ambiguous name"),
            RefusalCode::Conflict => (409, "conflict"),
            RefusalCode::Forbidden => (403, "forbidden"),
            RefusalCode::Gone => (410, "gone"),
            RefusalCode::Changed => (412, "changed since"),
            RefusalCode::JournalFull => (503, "journal full"),
            RefusalCode::Internal => (500, "internal error"),
        };
        Self {
            kind: "about:blank".to_owned(),
            title: title.to_owned(),
            status,
            detail: refusal.message,
            code: refusal.code,
            hint: refusal.hint,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Health {
    pub version: String,
    pub pid: u32,
    pub socket: PathBuf,
    /// Where its journal and its log are; empty from an older core.
    #[serde(default)]
    pub state: PathBuf,
    pub uptime_ms: u64,
    /// Counts core starts on this instance.
    pub epoch: u64,
    /// Attempts with a live keeper.
    pub running: u32,
    /// Clients with an open event stream or PTY.
    pub clients: u32,
    /// True while the journal cannot be written.
    pub journal_full: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Shutdown {
    /// Stop the agents too.
    pub agents: bool,
}

/// `PATCH`: exactly one field set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(extend("minProperties" = 1)))]
#[serde(default, deny_unknown_fields)]
pub struct Change {
    /// `stopped`; for a finished agent also `queued`: try its last item again; for one whose
    /// branch is held `working`: it goes on.
    pub state: Option<AgentState>,
    /// With `state: queued`: on another model.
    pub model: Option<String>,
    pub size: Option<Size>,
}

/// The body of `PATCH /v1/budgets/{id}`: one of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(extend("minProperties" = 1)))]
#[serde(default, deny_unknown_fields)]
pub struct BudgetBody {
    /// `$50`, `2M-tokens`, `$50,2M-tokens`, each of which leaves a limit that it does not name;
    /// `none`, or `none,$50` for these alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// So much more than now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_up: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Size {
    pub cols: u16,
    pub rows: u16,
}

/// Typed into the agent's terminal, in this order: text, keys, then Enter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct InputBody {
    pub text: String,
    /// Key names such as `C-c`, `Up`, `F5`, `Escape`.
    pub keys: Vec<String>,
    pub enter: bool,
}

/// `DELETE` of a swarm: the worktrees that were not deleted, since they hold work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Removed {
    pub kept: Vec<KeptWorktree>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct KeptWorktree {
    pub path: PathBuf,
    pub branch: String,
    pub why: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct TicketBody {
    pub read_only: bool,
}

/// Good for one connection to the keeper's own socket, as a viewer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Ticket {
    pub socket: PathBuf,
    pub ticket: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewItem {
    pub swarm: SwarmId,
    pub text: String,
}

/// Takes items out of a swarm's queue, or puts them back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ItemsChange {
    pub swarm: SwarmId,
    /// `dropped`, or `queued` of what was dropped.
    pub state: ItemState,
    /// By their numbers; of what was dropped, none named: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<u32>,
    /// So many of those that wait, from the end of the queue, in place of numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<u32>,
}

/// May this be run? Exactly one of `argv` and `line` is set, and at most one of `agent` and
/// `swarm`. From an agent's own socket the question is always about that agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct PolicyQuestion {
    /// As it is executed.
    pub argv: Vec<String>,
    /// As a shell runs it.
    pub line: Option<String>,
    /// By this agent: in its directory, under its scope.
    pub agent: Option<String>,
    /// By an agent of this swarm.
    pub swarm: Option<String>,
    /// In this directory; absolute. Needed where neither an agent nor a swarm is named.
    pub cwd: Option<PathBuf>,
    /// With this PATH, where neither is named: those have their own.
    pub path: Option<String>,
}

/// `dash policy show`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PolicyRules {
    /// Holds where no rule speaks.
    pub default: Verdict,
    pub rules: Vec<PolicyRule>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PolicyRule {
    #[serde(flatten)]
    pub rule: Rule,
    pub enforced_by: Enforcement,
}

/// What an attempt asks on its own behalf. Under the same `key` it is the same question, so
/// that it may be asked again when an answer was lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum NewApproval {
    Command {
        key: String,
        argv: Vec<String>,
        /// Where it would run; the agent's own directory where it is not said.
        #[serde(default)]
        cwd: Option<PathBuf>,
        #[serde(default)]
        why: String,
    },
    Network {
        key: String,
        host: String,
        port: u16,
        #[serde(default)]
        why: String,
    },
    Escalation {
        key: String,
        text: String,
        #[serde(default)]
        why: String,
    },
}

/// `PATCH` of an approval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub verdict: Resolution,
    #[serde(default)]
    pub remember: Remember,
    /// For whoever asked.
    #[serde(default)]
    pub note: String,
}

/// `dash doctor`: what this machine and this instance can do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DoctorReport {
    pub checks: Vec<DoctorCheck>,
    pub adapters: Vec<AdapterReport>,
    /// What can be enforced here: `strict`, `strict for files`, `none`.
    pub scope: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DoctorCheck {
    pub name: String,
    pub status: CheckStatus,
    pub detail: String,
    /// What to do about it; empty when it is fine.
    pub remedy: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum CheckStatus {
    Ok,
    Warn,
    Fail,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AdapterReport {
    pub name: String,
    pub summary: String,
    /// Where its file came from: `built in` or a path.
    pub source: String,
    /// The program found, if it is installed.
    pub program: Option<PathBuf>,
    pub version: Option<String>,
    pub usable: bool,
    pub detail: String,
}

/// An adapter file to be looked at, wherever it lies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AdapterFile {
    /// Its name, for what is said of it.
    pub file: PathBuf,
    pub text: String,
    /// Where an agent would be started; absolute.
    pub cwd: PathBuf,
    /// With this PATH; the core's own where it is not said.
    #[serde(default)]
    pub path: Option<String>,
    #[serde(default)]
    pub model: Option<String>,
}

/// `dash doctor --adapter FILE`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AdapterCheck {
    pub file: String,
    /// None where the file does not read.
    pub name: Option<String>,
    pub checks: Vec<DoctorCheck>,
    /// What the file says, key by key.
    pub keys: Vec<AdapterKey>,
    /// What would be started; none where nothing can.
    pub launch: Option<DryLaunch>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AdapterKey {
    /// `launch.args`
    pub key: String,
    pub value: String,
    pub means: String,
}

/// What a launch would be, with `TASK`, `SESSION` and `TOKEN` for what only a real one has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DryLaunch {
    pub argv: Vec<String>,
    /// The command line that goes on with a session.
    pub resume: Option<Vec<String>>,
    /// Variables that the file sets.
    pub set: Vec<(String, String)>,
    /// The names of all others that the agent would find.
    pub passed: Vec<String>,
    pub files: Vec<DryFile>,
    /// What it would read on standard input, in words.
    pub stdin: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DryFile {
    pub path: PathBuf,
    /// In octal.
    pub mode: String,
    pub protected: bool,
    pub content: String,
}
