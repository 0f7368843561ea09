//! What an agent is, seen from outside: its states, and the row every client gets.

use super::{AgentId, AttemptId, Limits, Micros, Stamp, SwarmId, Tokens};
use serde::{Deserialize, Serialize};
use std::{fmt, path::PathBuf, str::FromStr};

/// The state of an agent; DESIGN.md 5 lists the words. There are no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum AgentState {
    /// Wants to start and may not yet; the reason says for what it waits.
    Queued,
    /// Launched; nothing has shown yet that it works.
    Starting,
    Working,
    /// Waits for somebody: permission, input, approval.
    Waiting,
    /// Alive or ready, with nothing to do.
    Idle,
    /// The last attempt failed; another starts at a known time.
    Retrying,
    /// Held: by the failure breaker, a full disk.
    Paused,
    Done,
    Failed,
    /// Ended because somebody said so.
    Stopped,
    /// Its keeper vanished: how it ended is not known.
    Lost,
}

impl AgentState {
    pub const ALL: [Self; 11] = [
        Self::Queued,
        Self::Starting,
        Self::Working,
        Self::Waiting,
        Self::Idle,
        Self::Retrying,
        Self::Paused,
        Self::Done,
        Self::Failed,
        Self::Stopped,
        Self::Lost,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Starting => "starting",
            Self::Working => "working",
            Self::Waiting => "waiting",
            Self::Idle => "idle",
            Self::Retrying => "retrying",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Lost => "lost",
        }
    }

    /// True once the agent takes no further item by itself.
    pub fn is_final(self) -> bool {
        match self {
            Self::Done | Self::Failed | Self::Stopped | Self::Lost => true,
            Self::Queued
            | Self::Starting
            | Self::Working
            | Self::Waiting
            | Self::Idle
            | Self::Retrying
            | Self::Paused => false,
        }
    }
}

impl fmt::Display for AgentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for AgentState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|state| state.word() == text)
            .ok_or_else(|| format!("no state is called {text:?}"))
    }
}

/// How a process ended. Exactly one of the two is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Exit {
    pub code: Option<i32>,
    pub signal: Option<i32>,
}

impl Exit {
    pub fn success(self) -> bool {
        self.code == Some(0)
    }

    /// As a shell reports it: the code, or 128 plus the signal.
    pub fn shell_code(self) -> i32 {
        self.code.unwrap_or(128 + self.signal.unwrap_or(0))
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "exit {code}"),
            (None, Some(signal)) => write!(f, "signal {signal}"),
            (None, None) => f.write_str("unknown exit"),
        }
    }
}

/// How a scope reads that enforces nothing.
pub const NO_SCOPE: &str = "none";

/// One agent as clients see it: the row of the grid, the object of `--json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AgentInfo {
    pub id: AgentId,
    pub name: String,
    pub swarm: SwarmId,
    pub parent: Option<AgentId>,
    pub adapter: String,
    /// It shows its own screen, to be typed into; otherwise it works without one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interactive: bool,
    /// The model asked for, else the one the gateway saw; empty while neither is known.
    pub model: String,
    /// The text of the item in work or last worked on.
    pub item: Option<String>,
    /// Number of the current or last attempt, from 1; 0 before the first.
    pub attempt: u32,
    pub attempt_id: Option<AttemptId>,
    pub state: AgentState,
    pub reason: String,
    pub pid: Option<u32>,
    /// As a shell reports it (128 + signal); none while it runs.
    pub exit: Option<i32>,
    /// Percent, only where the agent itself reports it.
    pub progress: Option<u8>,
    pub tokens: Tokens,
    pub cost_micros: Micros,
    /// Beside it, of calls that nobody pays by the token.
    #[serde(default)]
    pub notional_micros: Micros,
    /// Of both, of calls whose usage never came: what was set aside was charged.
    #[serde(default)]
    pub estimated_micros: Micros,
    /// Of the current or last attempt.
    pub started_at: Option<Stamp>,
    /// When its first call of a model arrived; known once that is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_call_at: Option<Stamp>,
    /// Of the agent; none until its state is final.
    pub ended_at: Option<Stamp>,
    /// When the state last changed.
    pub since: Stamp,
    /// Items this agent has finished, well or not.
    pub items_done: u32,
    pub items_failed: u32,
    /// `simulated` where no real provider answered, else the provider's name; empty before
    /// the first call.
    pub provider: String,
    /// What is enforced: `strict: …`, or `none`.
    pub scope: String,
    /// What each of its attempts is held to, whether somebody asked for it or not; told only
    /// of an agent that is looked at by itself, as the next four are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// For each attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Of its program, and what its adapter was measured with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<ProgramVersion>,
    /// What of the user's own its attempts find in their home.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lent: Vec<Lent>,
    /// When its current attempt has to be over, by its own time or its parent's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_by: Option<Stamp>,
    /// What was asked for it and its parent had not to give, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub narrowed: Vec<String>,
    /// The command that lets it go on where it waits for money, or for a price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way_on: Option<String>,
    /// The branch that it belongs to is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<HeldBranch>,
    /// Of its last attempt, where that reports any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_usage: Option<super::OwnUsage>,
    pub cwd: PathBuf,
    pub branch: Option<String>,
    /// Last printed line with text in it, without control characters.
    pub last_line: String,
    /// Bytes printed by the current attempt.
    pub bytes: u64,
}

impl AgentInfo {
    /// What it has cost, marked where a part of that is an estimate.
    pub fn cost(&self) -> String {
        self.cost_micros.told(self.estimated_micros)
    }

    /// By a person: it waits for nothing but to be resumed.
    pub fn is_paused(&self) -> bool {
        self.state == AgentState::Paused && self.reason == super::USER
    }

    /// Nothing is enforced: it may do whatever its user may.
    pub fn is_unscoped(&self) -> bool {
        self.scope == NO_SCOPE
    }
}

/// What is installed of an agent's program, beside what its adapter is known to fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ProgramVersion {
    /// As it lies there; none where that cannot be told without running it.
    pub installed: Option<String>,
    /// What the facts in the adapter's file were measured with; empty where it does not say.
    pub measured: String,
    /// Both are the same.
    pub known: bool,
}

/// Something of the user's own that is lent to an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Lent {
    /// What it is: `memory`, `skills`, `mcp`, `login` …
    pub name: String,
    pub path: PathBuf,
    /// What that is, where links lead to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leads_to: Option<PathBuf>,
    /// Why it is not lent, though it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lack: Option<String>,
}

impl fmt::Display for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, path) = (&self.name, self.path.display());
        match (&self.lack, &self.leads_to) {
            (Some(why), _) => write!(f, "no {name} ({path}: {why})"),
            (None, Some(real)) => write!(f, "{name} ({path}, which is {})", real.display()),
            (None, None) => write!(f, "{name} ({path})"),
        }
    }
}

/// A branch that the failure breaker holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HeldBranch {
    /// The agent whose children failed: itself, or the next one above it.
    pub top: AgentId,
    /// What made the breaker trip.
    pub why: String,
}

impl HeldBranch {
    /// What lets the branch go on.
    pub fn remedy(&self) -> String {
        format!("dash agent resume {}", self.top)
    }
}

/// How one attempt came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Done,
    Failed,
    Stopped,
    Lost,
    /// A budget ended it; its agent goes on with the item when there is more, or a price.
    Paused,
}

impl Outcome {
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Lost => "lost",
            Self::Paused => "paused",
        }
    }
}

/// What an attempt left behind, judged by its adapter from the agent's own final words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AttemptResult {
    pub outcome: Outcome,
    /// A stable word: `finished`, `exit`, `signal`, `timeout`, `budget`, `price`, `overloaded`,
    /// `limit`, `check`, `schema`, `launch`, `stopped`, `lost`, `error`.
    pub stop_reason: String,
    /// The agent's final text; for `command` the tail of what it printed.
    pub text: String,
    /// The document that its text is, where the swarm has a schema and it fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<serde_json::Value>,
    /// What went wrong, in the agent's or Dash's words; empty when nothing did.
    pub error: String,
    /// Paths relative to the worktree; none where it could not be measured.
    pub files: Option<Vec<FileChange>>,
    /// Usage as the agent itself reports it, beside the gateway's own count.
    pub reported: Option<Tokens>,
    /// The agent's own name of its session, for a later resume.
    pub session: Option<String>,
}

impl AttemptResult {
    /// What it leaves to be seen in one line, if anything.
    pub fn last_line(&self) -> Option<String> {
        let words = match self.outcome {
            // That it was stopped its state says.
            Outcome::Stopped => &self.text,
            _ if self.error.is_empty() => &self.text,
            Outcome::Done | Outcome::Failed | Outcome::Lost | Outcome::Paused => &self.error,
        };
        let line = words.lines().rev().find(|line| !line.trim().is_empty())?;
        Some(line.trim().chars().take(200).collect())
    }
}

/// A file that an attempt changed, as `git diff --numstat` counts it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FileChange {
    pub path: String,
    /// Lines; 0 for a binary file.
    pub added: u32,
    pub removed: u32,
}
