//! The failure breaker: an agent whose children fail too often spawns no more, and all below
//! it is held, what runs and what waits, until a person says how it goes on.
//!
//! The agent itself is not held. It costs what one agent costs, its branch cannot grow any
//! more, and of all it is the one that can still do something sensible: see what failed, stop
//! what it has no use for, finish by itself. A parent that stood still would also let its own
//! timeout decide for the person who is asked.
//!
//! Who is held follows from the state alone (`held` of an agent and the tree), so it is drawn
//! by `settle` in both directions: whatever becomes part of a held branch is paused, whatever
//! no longer is goes on.

use super::{
    approval,
    decide::timeout,
    explain, pause, requests,
    state::{Agent, Attempt, Pause, State},
    step::{Decision, Draft, Effect},
};
use crate::model::{AgentId, AgentState, Breaker, Event, HeldBranch, Resolution};

/// Failures that are remembered of an agent's children; a breaker that needs more never trips.
pub const FAILURES: usize = 1000;

/// The reason of what a tripped breaker holds.
pub const BREAKER: &str = "breaker";
/// The reason of one that is stopped because a person denied that its branch goes on.
pub const DENIED: &str = "its branch was denied";

/// Who holds an agent's branch: itself, or one above it.
pub(super) fn held_by(state: &State, agent: &Agent) -> Option<AgentId> {
    let held = |id: &AgentId| state.agents.get(id).is_some_and(|agent| agent.held);
    std::iter::once(agent.id.clone()).chain(agent.id.ancestors()).find(held)
}

/// True while those above an agent hold it back.
pub(super) fn is_held(state: &State, agent: &Agent) -> bool {
    agent.id.ancestors().any(|id| state.agents.get(&id).is_some_and(|agent| agent.held))
}

/// Holds the processes of an attempt, for the reason given, or lets them go on; true if that is
/// something new. One that ends anyway is left alone.
pub(super) fn paced(
    state: &State,
    attempt: &Attempt,
    why: Option<&str>,
    decision: &mut Decision,
) -> bool {
    let known = attempt.paused.as_ref().map(|pause| pause.why.as_str());
    if known == why || attempt.stop.is_some() {
        return false;
    }
    let mut after = attempt.clone();
    if let Some(why) = why {
        let why = why.to_owned();
        // Since when is for `apply` to say.
        after.paused = Some(Pause { why: why.clone(), since: attempt.planned_at });
        decision.events.push(Draft::attempt(attempt, Event::AttemptPaused { why }));
    } else {
        after.paused = None;
        decision.events.push(Draft::attempt(attempt, Event::AttemptResumed));
        // Too early by as long as it was paused: then it is set once more.
        let started = attempt.started_at.unwrap_or(attempt.planned_at);
        decision.effects.extend(timeout(state, attempt, started));
    }
    explain::restated(state, &after, decision);
    decision.effects.push(Effect::Hold { attempt: attempt.id.clone() });
    true
}

/// Holds the branch of an agent whose children failed too often, and asks about one that is
/// held. One a round: approvals are numbered by those that were made.
pub(super) fn trip(state: &State, breaker: Breaker, decision: &mut Decision) {
    let live = |agent: &&Agent| agent.current.is_some();
    for agent in state.agents.values().filter(live).filter(|agent| agent.held) {
        let attempt = agent.current.as_ref().and_then(|id| state.attempts.get(id));
        if let Some(attempt) = attempt.filter(|attempt| attempt.stop.is_none()) {
            let held = held_branch(agent);
            let text = format!("{}: may its branch go on?", held.why);
            let why = format!(
                "the failure breaker; to deny stops all below it, to approve is the same as {}",
                held.remedy()
            );
            approval::branch_held(state, attempt, (text, why), decision);
        }
        if !decision.events.is_empty() {
            return;
        }
    }
    let Some(back) = (breaker.failures as usize).checked_sub(1) else { return };
    for agent in state.agents.values().filter(live).filter(|agent| !agent.held) {
        let mut newest = agent.failures.iter().rev();
        let Some((last, first)) = newest.clone().next().zip(newest.nth(back)) else { continue };
        if last.ms_since(*first) <= breaker.within_ms {
            let held =
                Event::BranchHeld { failures: breaker.failures, within_ms: breaker.within_ms };
            decision.events.push(Draft::agent(&agent.swarm, &agent.id, held));
        }
    }
}

fn held_branch(top: &Agent) -> HeldBranch {
    let why = top.held_for.map_or("too many children failed".to_owned(), Breaker::tripped);
    HeldBranch { top: top.id.clone(), why }
}

/// What holds an agent back: its own children's failures, or, of one that waits below a held
/// branch, those of the next above it.
pub(super) fn held_back(state: &State, agent: &Agent) -> Option<HeldBranch> {
    let waits = agent.state == AgentState::Paused && agent.reason == BREAKER;
    let concerned = (agent.held && !agent.state.is_final()) || waits;
    let top = held_by(state, agent).filter(|_| concerned)?;
    state.agents.get(&top).map(held_branch)
}

/// Lets a held branch go on, by command.
pub(super) fn resume(state: &State, top: &Agent, decision: &mut Decision) {
    approval::branch_resumed(state, &top.id, decision);
    go_on(state, top, decision);
}

/// Lets the branch go on that was asked about, or stops what is below its top. That one has
/// its answer then: it goes on with its own work, and spawns no more.
pub(super) fn answered(state: &State, top: &AgentId, verdict: Resolution, decision: &mut Decision) {
    let Some(top) = state.agents.get(top).filter(|top| top.held) else { return };
    match verdict {
        Resolution::Approve => go_on(state, top, decision),
        Resolution::Deny => {
            for agent in state.branch(&top.id) {
                requests::stop_agent(state, agent, DENIED, decision);
            }
        }
    }
}

fn go_on(state: &State, top: &Agent, decision: &mut Decision) {
    decision.events.push(Draft::agent(&top.swarm, &top.id, Event::BranchResumed));
    // Those that run go on once their branch is not held.
    let waits = |agent: &&Agent| agent.state == AgentState::Paused && agent.current.is_none();
    for agent in state.branch(&top.id).filter(waits) {
        let still = agent
            .id
            .ancestors()
            .any(|id| id != top.id && state.agents.get(&id).is_some_and(|above| above.held));
        if still || agent.reason != BREAKER {
            continue;
        }
        pause::back(agent, decision);
    }
}
