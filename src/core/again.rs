//! A turn that was refused for want of money, of an agent on its own screen: such a one does not
//! end by that, as others do to be started again. Once a limit above it is raised and there is
//! enough for its call, it is told to go on, in the way that its adapter knows.
//!
//! Told twice it would work twice. So that happens once, and only to one that says itself that
//! its turn failed: another may have been refused a call beside its turn, which went on. It is
//! not told any more once a call of its went through, or somebody typed something else.

use super::{
    explain, ledger,
    state::{Attempt, State},
    step::{Decision, Draft, Effect, Reply},
};
use crate::model::{AgentState, Event, EventRecord, Signal, Source};

/// Of one that is idle after a turn that failed.
const FAILED: &str = "failed";

/// It says so itself.
fn failed(attempt: &Attempt) -> bool {
    explain::shown(attempt)
        .is_some_and(|shown| (shown.state, shown.reason.as_str()) == (AgentState::Idle, FAILED))
}

/// Who has enough by now is held by its budget no longer.
pub(super) fn settle(state: &State, decision: &mut Decision) {
    for attempt in state.live_attempts().filter(|attempt| attempt.unpaid && attempt.raised) {
        let Some(agent) = state.agents.get(&attempt.agent) else { continue };
        if !ledger::is_open(state, agent) || ledger::lacking(state, agent).is_some() {
            continue;
        }
        decision.events.push(Draft::attempt(attempt, Event::TurnDue));
        let signal = Signal {
            source: Source::Gateway,
            state: AgentState::Idle,
            reason: String::new(),
            detail: "it may go on: money or a price came".to_owned(),
            progress: None,
        };
        explain::signalled(state, attempt, signal, decision);
        if failed(attempt) {
            decision.effects.push(Effect::GoOn { attempt: attempt.id.clone() });
        }
    }
}

/// Its agent may only now come to know that its turn failed.
pub(super) fn heard(attempt: &Attempt, signal: &Signal, decision: &mut Decision) {
    if !attempt.again {
        return;
    }
    let mut after = attempt.clone();
    explain::renew(&mut after, signal);
    if failed(&after) {
        decision.effects.push(Effect::GoOn { attempt: attempt.id.clone() });
    }
}

/// Is it still to be told? From now on it has been.
pub(super) fn asked(attempt: &Attempt, decision: &mut Decision) {
    let may = attempt.stop.is_none() && attempt.held_for().is_none();
    if attempt.again && may && failed(attempt) {
        decision.events.push(Draft::attempt(attempt, Event::TurnAskedAgain));
        decision.reply = Some(Reply::Done);
    }
}

pub(super) fn apply(state: &mut State, record: &EventRecord) {
    let of_agent = || state.agents.get(record.agent.as_ref()?)?.current.clone();
    let Some(id) = record.attempt.clone().or_else(of_agent) else { return };
    let Some(attempt) = state.attempts.get_mut(&id) else { return };
    attempt.again = record.event == Event::TurnDue;
    if attempt.again {
        (attempt.unpaid, attempt.raised) = (false, false);
    }
}
