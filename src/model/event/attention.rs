//! What somebody has to be told of, however little they want to be: failures, ends, questions.

use super::Event;
use crate::model::{AgentState, BUDGET};

impl Event {
    /// True of what an agent cannot go on from by itself, of every question that waits for an
    /// answer, and of the end of a swarm. A failure that is tried again is none.
    pub fn needs_attention(&self) -> bool {
        match self {
            Self::SwarmEnded { .. } | Self::BranchHeld { .. } | Self::DiskFull => true,
            Self::ApprovalAsked { approval } => approval.recalled.is_none(),
            Self::StateChanged { state: AgentState::Failed | AgentState::Lost, .. } => true,
            // What it asks for in so many words is an approval of its own.
            Self::StateChanged { state: AgentState::Waiting, reason } => {
                ["stalled", "input"].contains(&reason.as_str())
            }
            Self::StateChanged { state: AgentState::Paused, reason } => reason == BUDGET,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_else_sees_to_needs_attention() {
        let changed =
            |state, reason: &str| Event::StateChanged { state, reason: reason.to_owned() };
        for (event, needed) in [
            (changed(AgentState::Failed, "exit 1"), true),
            (changed(AgentState::Lost, ""), true),
            (changed(AgentState::Retrying, "exit 1"), false),
            (changed(AgentState::Waiting, "stalled"), true),
            (changed(AgentState::Waiting, "input"), true),
            (changed(AgentState::Waiting, "permission"), false),
            (changed(AgentState::Paused, "budget"), true),
            (changed(AgentState::Paused, "user"), false),
            (changed(AgentState::Done, ""), false),
            (Event::SwarmResumed, false),
            (Event::DiskFull, true),
        ] {
            assert_eq!(event.needs_attention(), needed, "{event:?}");
        }
    }
}
