//! What an event is called in the journal, on the wire, and by those who look for it.

use super::Event;

macro_rules! kinds {
    ($($variant:ident $kind:literal,)*) => {
        impl Event {
            /// Of all events.
            pub const KINDS: &'static [&'static str] = &[$($kind,)*];

            /// As `kind` has it in JSON.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $kind,)*
                }
            }
        }

        #[cfg(test)]
        const VARIANTS: &[&str] = &[$(stringify!($variant),)*];
    };
}

kinds! {
    SwarmCreated "swarm_created",
    ItemAdded "item_added",
    AgentAdded "agent_added",
    BranchHeld "branch_held",
    BranchResumed "branch_resumed",
    AttemptPlanned "attempt_planned",
    TookUp "took_up",
    WorktreeMade "worktree_made",
    AttemptStarted "attempt_started",
    SessionNamed "session_named",
    StateChanged "state_changed",
    Signalled "signalled",
    ModelCalled "model_called",
    CallReserved "call_reserved",
    CallRefused "call_refused",
    BudgetSet "budget_set",
    BudgetWarned "budget_warned",
    BudgetPaused "budget_paused",
    NetConnected "net_connected",
    FactTaken "fact_taken",
    InputSent "input_sent",
    StopAsked "stop_asked",
    AttemptEnded "attempt_ended",
    RetryPlanned "retry_planned",
    RetryDue "retry_due",
    ItemsDropped "items_dropped",
    ItemsRestored "items_restored",
    ItemEnded "item_ended",
    DiskFull "disk_full",
    DiskBack "disk_back",
    AgentPaused "agent_paused",
    AgentResumed "agent_resumed",
    SwarmPaused "swarm_paused",
    SwarmResumed "swarm_resumed",
    PricesChanged "prices_changed",
    TurnDue "turn_due",
    TurnAskedAgain "turn_asked_again",
    AttemptPaused "attempt_paused",
    AttemptResumed "attempt_resumed",
    LimitReached "limit_reached",
    RecordingCut "recording_cut",
    Held "held",
    SwarmEnded "swarm_ended",
    SwarmRemoved "swarm_removed",
    ApprovalAsked "approval_asked",
    ApprovalJoined "approval_joined",
    ApprovalAnswered "approval_answered",
    ApprovalRecalled "approval_recalled",
    ApprovalExpired "approval_expired",
    ApprovalWithdrawn "approval_withdrawn",
    AnswerForgotten "answer_forgotten",
    RequestNamed "request_named",
    CoreStarted "core_started",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_as_the_journal_has_them() {
        // A kind that serde does not know is an error that says so.
        for (variant, kind) in VARIANTS.iter().zip(Event::KINDS) {
            let error = serde_json::from_str::<Event>(&format!("{{\"kind\":\"{kind}\"}}"));
            let unknown = error.is_err_and(|error| error.to_string().contains("unknown variant"));
            assert!(!unknown, "{variant} is not called {kind}");
        }
        let json = serde_json::to_value(Event::DiskFull).unwrap();
        assert_eq!(json["kind"], Event::DiskFull.kind());
    }
}
