//! Which signal decides a state.

use super::{
    approval,
    state::{Attempt, State},
};
use crate::model::{AgentState, Signal, Source};

/// The state of an attempt's agent: an open question holds it, whatever its signals say.
/// `attempt` may be ahead of `state`.
pub(super) fn state_of(state: &State, attempt: &Attempt) -> (AgentState, String) {
    if approval::held(state, &attempt.id, None) {
        return (AgentState::Waiting, approval::REASON.to_owned());
    }
    state_by_signals(attempt)
}

/// The state that an attempt's signals amount to. Before any signal the attempt is starting.
pub(super) fn state_by_signals(attempt: &Attempt) -> (AgentState, String) {
    match attempt.signals.get(deciding(attempt.signals.iter().map(|(signal, _)| signal))) {
        Some((signal, _)) => (signal.state, signal.reason.clone()),
        None => (AgentState::Starting, String::new()),
    }
}

/// Which of the signals, strongest source first, decides: the strongest that has spoken. A
/// call that the gateway holds goes before all but the process: whatever the agent believes
/// that it does, it waits.
pub(super) fn deciding<'a>(mut signals: impl Iterator<Item = &'a Signal>) -> usize {
    let held =
        |signal: &Signal| signal.source == Source::Gateway && signal.state == AgentState::Waiting;
    signals.position(held).unwrap_or(0)
}
