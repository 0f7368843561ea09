//! How the state of an agent is known: one observation, and where it comes from.

use super::{AgentState, Stamp};
use serde::{Deserialize, Serialize};

/// Where an observation comes from, strongest first (DESIGN.md 5): a weaker source never
/// overrules a stronger one that still speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The process itself: started, exited, lost.
    Process,
    /// A question of the attempt's that waits for an answer.
    Approval,
    /// The agent's own structured output.
    Output,
    /// Programs that the agent itself runs at its turns. Beside [`Self::Osc7501`], which is
    /// its own word too, the newer of the two counts.
    Hook,
    /// The OSC 7501 status sequence.
    Osc7501,
    /// Model calls seen by the gateway.
    Gateway,
    /// OSC 9;4 progress, window title, bell.
    Terminal,
    /// The adapter's patterns for the bottom rows of the screen.
    Screen,
    /// Bytes printed.
    Activity,
}

/// One observation of an agent, made by the keeper, the gateway or an adapter's rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Signal {
    pub source: Source,
    pub state: AgentState,
    /// `permission`, `input`, … ; empty where the state says it all.
    pub reason: String,
    /// What was seen: the rule's name, the sequence, the event.
    pub detail: String,
    /// Percent, if the agent said so.
    pub progress: Option<u8>,
}

/// `dash agent explain`: every source's last word, strongest first, and the one that decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Explanation {
    pub agent: super::AgentId,
    pub state: AgentState,
    pub reason: String,
    pub since: Stamp,
    /// The branch that it belongs to is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<super::HeldBranch>,
    pub signals: Vec<ExplainedSignal>,
    /// As [`super::AgentInfo`] has them; empty from an older core.
    #[serde(default)]
    pub scope: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub narrowed: Vec<String>,
    /// Of a run that shares a process with others: which one, and how it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub shared: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ExplainedSignal {
    #[serde(flatten)]
    pub signal: Signal,
    pub at: Stamp,
    pub age_ms: u64,
    /// True for the one signal that decided the state.
    pub decided: bool,
}
