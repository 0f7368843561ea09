//! What a client may ask the core to change, and how the core says no.

use super::{
    AccountId, AgentId, AgentSpec, ApprovalId, BudgetChange, Remember, Resolution, SwarmId,
    SwarmSpec,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A request that changes state. Reads never become commands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Command {
    CreateSwarm {
        spec: Box<SwarmSpec>,
    },
    SpawnAgent {
        spec: Box<AgentSpec>,
    },
    AddItem {
        swarm: SwarmId,
        text: String,
    },
    /// Takes items out of a queue that nobody has begun with.
    DropItems {
        swarm: SwarmId,
        which: Dropped,
    },
    /// Puts dropped items back; none named: all of them.
    RestoreItems {
        swarm: SwarmId,
        items: Vec<u32>,
    },
    StopSwarm {
        swarm: SwarmId,
    },
    StopAgent {
        agent: AgentId,
    },
    /// A new attempt at the last item of an agent whose state is final.
    RetryAgent {
        agent: AgentId,
        model: Option<String>,
    },
    /// Holds an agent's processes and model calls, and begins no item for it.
    PauseAgent {
        agent: AgentId,
    },
    /// The same for all agents of a swarm, also those that it gets later.
    PauseSwarm {
        swarm: SwarmId,
    },
    /// Lets an agent go on that was paused, and spawn again one whose children failed too often.
    ResumeAgent {
        agent: AgentId,
    },
    ResumeSwarm {
        swarm: SwarmId,
    },
    /// Forgets a swarm that is over, its recordings too.
    RemoveSwarm {
        swarm: SwarmId,
    },
    /// Answers an open approval.
    Decide {
        approval: ApprovalId,
        verdict: Resolution,
        remember: Remember,
        note: String,
        /// The account that the answer came from, as the kernel says.
        uid: Option<u32>,
    },
    /// Forgets a remembered answer: the next such question waits again.
    Forget {
        remembered: u64,
    },
    /// Changes what may be spent.
    SetBudget {
        account: AccountId,
        change: BudgetChange,
        /// The limits when the caller looked, as text: refused if they are others now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<String>,
    },
    /// Stops every agent; the core leaves when the last is gone.
    StopAll,
}

/// The name of a request (`Idempotency-Key`): asked again under it, nothing more is made, and the
/// answer is the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Once {
    pub key: String,
    /// Of the request, made by the server: another one under its name is refused.
    pub hash: String,
}

/// What came of a request that has a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Made {
    Swarm(SwarmId),
    Agent(AgentId),
    Item { swarm: SwarmId, index: u32 },
    Change,
}

/// A request that has a name, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Named {
    /// Names of one agent are not another's; all users share theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<AgentId>,
    pub once: Once,
    pub made: Made,
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Swarm(id) => write!(f, "it made {id}"),
            Self::Agent(id) => write!(f, "it made {id}"),
            Self::Item { swarm, index } => write!(f, "it made item {index} of {swarm}"),
            Self::Change => write!(f, "it changed something"),
        }
    }
}

/// Which items of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dropped {
    /// By their numbers.
    Items(Vec<u32>),
    /// So many, from its end.
    Last(u32),
}

/// A stable word for why a request was refused; clients may branch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// The request makes no sense as it stands.
    Invalid,
    /// Asks for a limit that this build cannot hold.
    NotEnforced,
    NotFound,
    /// The id or name fits more than one thing.
    Ambiguous,
    /// The thing is in a state in which this cannot be done.
    Conflict,
    /// It was there, and is no longer kept.
    Gone,
    /// Somebody else changed it since the caller looked (`If-Match`).
    Changed,
    /// The caller has not the right.
    Forbidden,
    /// The journal cannot be written; try again later.
    JournalFull,
    /// Something of Dash's own went wrong.
    Internal,
}

/// A refusal: for people the message and the hint, for programs the code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    pub code: RefusalCode,
    pub message: String,
    /// The nearest right thing, when one is known.
    pub hint: Option<String>,
}

impl Refusal {
    pub fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    pub fn hinted(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
