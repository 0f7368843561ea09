//! What a person pauses: an agent, or a swarm as a whole. Its processes are held and its model
//! calls wait, no item is begun and no time of a timeout passes, until a person lets it go on.
//!
//! Of what holds an agent the failure breaker goes before a person's pause, since to let one go
//! on says nothing of the other.

use super::{
    breaker,
    requests::find_swarm,
    state::{Agent, Attempt, Pause, State, Swarm},
    step::{Decision, Draft, Effect, Reply, Timer},
};
use crate::model::{AgentState, Event, EventRecord, Refusal, RefusalCode, Stamp, SwarmId, USER};

/// Why an agent works on nothing, if something holds it.
pub(super) fn why(state: &State, agent: &Agent) -> Option<&'static str> {
    if breaker::is_held(state, agent) {
        Some(breaker::BREAKER)
    } else {
        is_paused(state, agent).then_some(USER)
    }
}

/// By a person: itself, or its swarm.
pub(super) fn is_paused(state: &State, agent: &Agent) -> bool {
    agent.paused || state.swarms.get(&agent.swarm).is_some_and(|swarm| swarm.paused)
}

/// # Errors
/// When it is over.
pub(super) fn agent(agent: &Agent) -> Result<Decision, Refusal> {
    if agent.state.is_final() {
        return Err(over(agent.id.as_str(), &agent.state));
    }
    Ok(done((!agent.paused).then(|| Draft::agent(&agent.swarm, &agent.id, Event::AgentPaused))))
}

/// # Errors
/// When it is over.
pub(super) fn swarm(swarm: &Swarm) -> Result<Decision, Refusal> {
    if swarm.state.is_final() {
        return Err(over(swarm.id.as_str(), &swarm.state));
    }
    Ok(done((!swarm.paused).then(|| Draft::swarm(&swarm.id, Event::SwarmPaused))))
}

/// Lets an agent go on that a person paused, and a branch that the failure breaker holds.
///
/// # Errors
/// When nothing of that holds it.
pub(super) fn resume_agent(state: &State, agent: &Agent) -> Result<Decision, Refusal> {
    let mut decision = done(None);
    if agent.paused {
        decision.events.push(Draft::agent(&agent.swarm, &agent.id, Event::AgentResumed));
        let swarm = state.swarms.get(&agent.swarm);
        if swarm.is_none_or(|swarm| !swarm.paused) {
            go_on(agent, &mut decision);
        }
    }
    if agent.held {
        breaker::resume(state, agent, &mut decision);
    }
    if !decision.events.is_empty() {
        return Ok(decision);
    }
    let why = format!("{} is not paused, and its branch is not held", agent.id);
    let refusal = Refusal::new(RefusalCode::Conflict, why);
    let above = breaker::held_by(state, agent);
    Err(match above {
        Some(above) => refusal.hinted(format!("dash agent resume {above}")),
        None if is_paused(state, agent) => {
            refusal.hinted(format!("its swarm is: dash swarm resume {}", agent.swarm))
        }
        None => refusal,
    })
}

/// Agents that were paused by themselves stay so.
///
/// # Errors
/// When it is not paused.
pub(super) fn resume_swarm(state: &State, id: &SwarmId) -> Result<Decision, Refusal> {
    let swarm = find_swarm(state, id)?;
    if !swarm.paused {
        return Err(Refusal::new(RefusalCode::Conflict, format!("{id} is not paused")));
    }
    let mut decision = done(Some(Draft::swarm(id, Event::SwarmResumed)));
    let agents = swarm.agents.iter().filter_map(|id| state.agents.get(id));
    agents.filter(|agent| !agent.paused).for_each(|agent| go_on(agent, &mut decision));
    Ok(decision)
}

/// One that waits goes back to what it waited for; those that run go on by themselves.
fn go_on(agent: &Agent, decision: &mut Decision) {
    if agent.reason == USER {
        back(agent, decision);
    }
}

/// Takes one that was paused while it waited back to where it was.
pub(super) fn back(agent: &Agent, decision: &mut Decision) {
    if agent.state != AgentState::Paused || agent.current.is_some() {
        return;
    }
    let to = match &agent.retry {
        Some(retry) => {
            let timer = Timer::Retry { agent: agent.id.clone(), number: retry.number };
            decision.effects.push(Effect::SetTimer { at: retry.at, timer });
            AgentState::Retrying
        }
        None => AgentState::Queued,
    };
    let back = Event::StateChanged { state: to, reason: String::new() };
    decision.events.push(Draft::agent(&agent.swarm, &agent.id, back));
}

pub(super) fn apply(state: &mut State, record: &EventRecord) {
    let paused = matches!(record.event, Event::AgentPaused | Event::SwarmPaused);
    if let Some(agent) = &record.agent {
        state.agents.entry(agent.clone()).and_modify(|agent| agent.paused = paused);
    } else if let Some(swarm) = &record.swarm {
        state.swarms.entry(swarm.clone()).and_modify(|swarm| swarm.paused = paused);
    }
}

/// An attempt is held, for whatever reason, or goes on.
pub(super) fn apply_to(attempt: &mut Attempt, event: &Event, at: Stamp) {
    let before = attempt.paused.take();
    match (event, before) {
        (Event::AttemptPaused { why }, before) => {
            // Another reason is no new beginning.
            let since = before.map_or(at, |pause| pause.since);
            attempt.paused = Some(Pause { why: why.clone(), since });
        }
        (_, Some(pause)) => attempt.paused_ms += at.ms_since(pause.since),
        (_, None) => {}
    }
}

fn done(event: Option<Draft>) -> Decision {
    let events = event.into_iter().collect();
    Decision { reply: Some(Reply::Done), events, ..Decision::default() }
}

fn over(id: &str, state: &dyn std::fmt::Display) -> Refusal {
    Refusal::new(RefusalCode::Conflict, format!("{id} is over: {state}"))
}
