//! Which signal decides a state.

use super::state::Attempt;
use crate::model::AgentState;

/// The state that an attempt's signals amount to: the word of the strongest source that
/// has spoken. Before any signal the attempt is starting.
pub(super) fn state_by_signals(attempt: &Attempt) -> (AgentState, String) {
    match attempt.signals.first() {
        Some((signal, _)) => (signal.state, signal.reason.clone()),
        None => (AgentState::Starting, String::new()),
    }
}
