//! Which signal decides a state.

use super::{
    approval,
    state::{Attempt, State},
    step::{Decision, Draft},
};
use crate::model::{AgentState, Event, Signal, Source, Stamp};

/// It ought to do something, and for its adapter's time it has done nothing.
pub const STALLED: &str = "stalled";

/// Why an agent works on nothing: it waits until it asks its model again.
pub const API_RETRY: &str = "api retry";

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
    let said = attempt.signals.iter().map(|(signal, at)| (signal, *at));
    match attempt.signals.get(deciding(said)) {
        Some((signal, at)) if tries_again(attempt, signal, *at) => {
            (signal.state, API_RETRY.to_owned())
        }
        Some((signal, _)) => (signal.state, signal.reason.clone()),
        None => (AgentState::Starting, String::new()),
    }
}

/// It says that it works, and nothing since its last call failed: few agents tell that they
/// wait to try again, and how long that may take. One that has given up says that it is idle.
fn tries_again(attempt: &Attempt, decides: &Signal, at: Stamp) -> bool {
    let failed = |(signal, failed): &(Signal, Stamp)| {
        signal.source == Source::Gateway && signal.reason == API_RETRY && *failed > at
    };
    let works = decides.state == AgentState::Working && decides.reason.is_empty();
    works && attempt.signals.iter().any(failed)
}

/// Which of the signals, strongest source first, decides: the strongest that has spoken. A
/// call that the gateway holds, or refused for want of money, goes before all but the process: whatever the agent believes
/// that it does, it waits; and so does one that has stood still for long. Its hooks and OSC 7501 are both the agent's own word, and no hook
/// is run when somebody interrupts it: of these two the newer counts.
pub(super) fn deciding<'a>(signals: impl Iterator<Item = (&'a Signal, Stamp)>) -> usize {
    let signals: Vec<(&Signal, Stamp)> = signals.collect();
    let held = |(signal, _): &(&Signal, Stamp)| {
        let stands = matches!(signal.state, AgentState::Waiting | AgentState::Paused);
        signal.source == Source::Gateway && stands
    };
    let stalled = |(signal, _): &(&Signal, Stamp)| {
        signal.source == Source::Activity && signal.state == AgentState::Waiting
    };
    let above_all = signals.iter().position(held).or_else(|| signals.iter().position(stalled));
    above_all.unwrap_or_else(|| strongest(&signals))
}

/// Without what the gateway says: that it holds a call says nothing about a screen.
pub(super) fn shown(attempt: &Attempt) -> Option<&Signal> {
    let signals = attempt.signals.iter().filter(|(signal, _)| signal.source != Source::Gateway);
    let signals: Vec<(&Signal, Stamp)> = signals.map(|(signal, at)| (signal, *at)).collect();
    signals.get(strongest(&signals)).map(|(signal, _)| *signal)
}

/// That no call is in flight ends the gateway's word on an agent on its own screen, which may
/// have done its turn. Of the others a word for every call would fill the journal for nothing.
pub(super) fn counts(state: &State, attempt: &Attempt, signal: &Signal) -> bool {
    let interactive = || state.agents.get(&attempt.agent).is_some_and(|a| a.grant.interactive);
    let quiet = signal.source == Source::Gateway && signal.state == AgentState::Idle;
    // The end of a call that was refused for want of money changes nothing.
    !quiet || signal.reason == API_RETRY || (interactive() && !attempt.unpaid)
}

fn strongest(signals: &[(&Signal, Stamp)]) -> usize {
    // That no call is in flight says nothing where anybody says more.
    let quiet = |(signal, _): &(&Signal, Stamp)| {
        signal.source == Source::Gateway && signal.state == AgentState::Idle
    };
    match signals {
        [first, _, ..] if quiet(first) => 1,
        [(hook, told), (osc, said), ..]
            if hook.source == Source::Hook && osc.source == Source::Osc7501 && said > told =>
        {
            1
        }
        _ => 0,
    }
}

/// Later than any that was seen.
const NOW: Stamp = Stamp(i64::MAX);

/// The last word of a source, in place of the one before.
pub(super) fn renew(attempt: &mut Attempt, signal: &Signal) {
    attempt.signals.retain(|(old, _)| old.source != signal.source);
    attempt.signals.push((signal.clone(), NOW));
    attempt.signals.sort_by_key(|(signal, _)| signal.source);
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
    // Said again where the other of the agent's own words has decided since, it is news.
    let own = |source| matches!(source, Source::Hook | Source::Osc7501);
    let other = own(signal.source)
        && shown(attempt).is_some_and(|last| own(last.source) && last.source != signal.source);
    if known && !other {
        return;
    }
    let mut after = attempt.clone();
    renew(&mut after, &signal);
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
