//! Which signal decides a state.

use super::{
    approval,
    state::{Attempt, State},
    step::{Decision, Draft},
};
use crate::model::{AgentState, Event, Signal, Source, Stamp};

/// The state of an attempt's agent: what holds its processes goes before an open question,
/// and that before whatever its signals say. `attempt` may be ahead of `state`.
pub(super) fn state_of(state: &State, attempt: &Attempt) -> (AgentState, String) {
    if let Some(why) = attempt.held_for() {
        return (AgentState::Paused, why.to_owned());
    }
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

/// A new observation, and the state that follows from it.
pub(super) fn signalled(state: &State, attempt: &Attempt, signal: Signal, decision: &mut Decision) {
    let known = attempt.signals.iter().any(|(old, _)| {
        old.source == signal.source
            && (old.state, &old.reason, old.progress)
                == (signal.state, &signal.reason, signal.progress)
            // Another prompt is another question.
            && (!approval::is_prompt(&signal) || old.detail == signal.detail)
    });
    if known {
        return;
    }
    let mut after = attempt.clone();
    after.signals.retain(|(old, _)| old.source != signal.source);
    after.signals.push((signal.clone(), Stamp(0)));
    after.signals.sort_by_key(|(signal, _)| signal.source);
    decision.events.push(Draft::attempt(attempt, Event::Signalled { signal }));
    approval::prompt_gone(state, &after, decision);
    restated(state, &after, decision);
}

/// The state of the agent as `after`, its attempt from now on, has it, where that is another.
pub(super) fn restated(state: &State, after: &Attempt, decision: &mut Decision) {
    let (to, reason) = state_of(state, after);
    let changed = state
        .agents
        .get(&after.agent)
        .is_some_and(|agent| (agent.state, agent.reason.as_str()) != (to, reason.as_str()));
    if changed {
        decision.events.push(Draft::attempt(after, Event::StateChanged { state: to, reason }));
    }
}
