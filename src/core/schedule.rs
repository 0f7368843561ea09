//! `settle`: what follows from the state alone. Which agent takes which item, when an agent
//! is done, when a swarm is over. And `recover`: what a new core must do again.

use super::{
    admission::{Machine, Room},
    again, approval, audit, breaker,
    decide::timeout,
    delegate, ledger, pause, requests, resume,
    state::{Agent, Due, Phase, State, Swarm},
    step::{Decision, Draft, Effect, Limits, Timer},
};
use crate::model::{AgentState, BUDGET, Event, Item, ItemState, Outcome, SwarmState, USER};

/// One round of consequences. The runtime applies its events and calls it again until it
/// answers nothing: each round brings the swarms closer to their end.
pub fn settle(state: &State, limits: Limits, machine: &Machine) -> Decision {
    let mut decision = Decision::default();
    breaker::trip(state, limits.breaker, &mut decision);
    ledger::warn(state, &mut decision);
    again::settle(state, &mut decision);
    approval::settle(state, &mut decision);
    let mut places = Places {
        limits,
        running: state.live_attempts().count() as u32,
        room: Room::of(state, machine),
    };
    for swarm in state.swarms.values().filter(|swarm| !swarm.state.is_final()) {
        settle_swarm(state, swarm, &mut places, &mut decision);
    }
    audit::record(&mut decision, &audit::SCHEDULE, None);
    decision
}

/// What is left to agents that want to start.
struct Places<'a> {
    limits: Limits,
    running: u32,
    room: Room<'a>,
}

impl Places<'_> {
    /// Gives `agent` its place, or says what it waits for. `full`: its swarm has all that its
    /// own limit allows.
    fn take(&mut self, agent: &Agent, full: bool) -> Result<(), &'static str> {
        if full {
            return Err("the swarm's --max");
        }
        if self.limits.attempts > 0 && self.running >= self.limits.attempts {
            return Err("the core's agents.max");
        }
        self.room.admit(agent)?;
        self.running += 1;
        Ok(())
    }
}

fn settle_swarm(state: &State, swarm: &Swarm, places: &mut Places<'_>, decision: &mut Decision) {
    let agents: Vec<&Agent> = swarm.agents.iter().filter_map(|id| state.agents.get(id)).collect();
    let busy =
        |agent: &Agent| agent.current.is_some() || agent.retry.is_some() || agent.unpaid.is_some();
    // A parent that waits for its child holds its own place: --max is not for children.
    let here = agents.iter().filter(|agent| agent.current.is_some() && agent.parent.is_none());
    let mut here = here.count() as u32;
    let queued = |item: &&Item| item.state == ItemState::Queued;
    let mut queue: Vec<&Item> = swarm.items.iter().filter(queued).collect();
    if swarm.stopping {
        queue.clear();
    }
    queue.reverse();

    let mut moved = false;
    for agent in &agents {
        moved |= hold(state, agent, decision);
    }
    let may =
        |agent: &Agent| !delegate::is_orphan(state, agent) && pause::why(state, agent).is_none();
    let free = |agent: &Agent| {
        !busy(agent) && !delegate::is_orphan(state, agent) && !breaker::is_held(state, agent)
    };
    let again = |agent: &&&Agent| agent.unpaid.is_some_and(|unpaid| unpaid.again) && may(agent);
    let due = |agent: &&&Agent| agent.current.is_none() && may(agent);
    for agent in agents.iter().filter(due) {
        let Some(retry) = &agent.retry else { continue };
        let Some(due) = &retry.due else { continue };
        let full = agent.parent.is_none() && swarm.spec.max.is_some_and(|max| here >= max);
        if let Err(why) = places.take(agent, full) {
            moved |= enter(agent, AgentState::Queued, why, decision);
            continue;
        }
        plan(swarm, agent, retry.index, due.clone(), decision);
        here += u32::from(agent.parent.is_none());
        moved = true;
    }
    for agent in agents.iter().filter(again) {
        let full = agent.parent.is_none() && swarm.spec.max.is_some_and(|max| here >= max);
        let paid = ledger::is_open(state, agent) && places.take(agent, full).is_ok();
        let Some(unpaid) = agent.unpaid.filter(|_| paid) else { continue };
        let last = agent.latest.as_ref().and_then(|id| state.attempts.get(id));
        let follows = last.map(resume::by_hand);
        plan(swarm, agent, unpaid.index, Due { model: None, follows }, decision);
        here += u32::from(agent.parent.is_none());
        moved = true;
    }
    for (place, agent) in agents.iter().enumerate().filter(|(_, agent)| free(agent)) {
        let usable = match agent.state {
            AgentState::Stopped | AgentState::Lost => false,
            AgentState::Queued
            | AgentState::Starting
            | AgentState::Working
            | AgentState::Waiting
            | AgentState::Idle
            | AgentState::Retrying
            | AgentState::Paused
            | AgentState::Done
            | AgentState::Failed => true,
        };
        let is_child = agent.parent.is_some();
        let full = !is_child && swarm.spec.max.is_some_and(|max| here >= max);
        // From a queue the next; without one each agent has an item of its own, as a child has.
        let next = if is_child {
            queue.iter().copied().find(|item| item.agent.as_ref() == Some(&agent.id))
        } else if swarm.queue {
            queue.iter().rev().copied().find(|item| item.agent.is_none())
        } else {
            queue.iter().copied().find(|item| item.index as usize == place + 1)
        };
        let next = next.filter(|_| usable);
        if next.is_some() && pause::is_paused(state, agent) {
            moved |= enter(agent, AgentState::Paused, USER, decision);
            continue;
        }
        if next.is_some() && !ledger::is_open(state, agent) {
            moved |= enter(agent, AgentState::Queued, BUDGET, decision);
            continue;
        }
        let place = next.map(|item| (item, places.take(agent, full)));
        match place {
            Some((item, Ok(()))) => {
                plan(swarm, agent, item.index, Due { model: None, follows: None }, decision);
                queue.retain(|other| other.index != item.index);
                here += u32::from(!is_child);
                moved = true;
            }
            Some((_, Err(why))) => {
                moved |= enter(agent, AgentState::Queued, why, decision);
            }
            None if usable => moved |= finish(state, swarm, agent, decision),
            None => {}
        }
    }
    let over = !moved && agents.iter().all(|agent| agent.state.is_final() && !busy(agent));
    if over {
        decision.events.push(Draft::swarm(&swarm.id, end_of(state, swarm, &agents)));
    }
}

/// One more attempt.
fn plan(swarm: &Swarm, agent: &Agent, index: u32, due: Due, decision: &mut Decision) {
    let number = agent.attempts + 1;
    let id = agent.id.attempt(number);
    let Due { model, follows } = due;
    let planned = Event::AttemptPlanned { number, index, model, follows };
    let draft = Draft::agent(&swarm.id, &agent.id, planned);
    decision.events.push(Draft { attempt: Some(id.clone()), ..draft });
    decision.effects.push(Effect::Launch { attempt: id });
}

/// What holds an agent back: a child without its parent is stopped; one that is paused, or below
/// a branch that is held, waits, its processes with it.
fn hold(state: &State, agent: &Agent, decision: &mut Decision) -> bool {
    if delegate::is_orphan(state, agent) {
        let current = agent.current.as_ref().and_then(|id| state.attempts.get(id));
        let done = match current {
            Some(attempt) => attempt.stop.is_some(),
            None => agent.state.is_final() || delegate::parent_waits(state, agent),
        };
        if !done {
            requests::stop_agent(state, agent, delegate::orphaned(state, agent), decision);
        }
        return !done;
    }
    let why = pause::why(state, agent);
    if let Some(attempt) = agent.current.as_ref().and_then(|id| state.attempts.get(id)) {
        return breaker::paced(state, attempt, why, decision);
    }
    let waits = match agent.state {
        // That its swarm has nothing left for it, it learns all the same.
        AgentState::Queued => breaker::is_held(state, agent) || agent.retry.is_some(),
        AgentState::Retrying => true,
        _ => false,
    };
    why.is_some_and(|why| waits && enter(agent, AgentState::Paused, why, decision))
}

/// An agent without further items takes its final state from how its last one ended.
fn finish(state: &State, swarm: &Swarm, agent: &Agent, decision: &mut Decision) -> bool {
    if agent.state.is_final() {
        return false;
    }
    let last = agent.latest.as_ref().and_then(|id| state.attempts.get(id)?.result.as_ref());
    let (to, reason) = match last {
        _ if agent.items_failed > 0 => {
            let reason = last.map_or("", |result| match result.outcome {
                Outcome::Failed | Outcome::Lost => result.stop_reason.as_str(),
                Outcome::Done | Outcome::Stopped | Outcome::Paused => "an earlier item failed",
            });
            (AgentState::Failed, reason)
        }
        Some(_) => (AgentState::Done, ""),
        None if swarm.stopping => (AgentState::Stopped, ""),
        None => (AgentState::Done, "no item was left for it"),
    };
    enter(agent, to, reason, decision)
}

fn enter(agent: &Agent, to: AgentState, reason: &str, decision: &mut Decision) -> bool {
    if agent.state == to && agent.reason == reason {
        return false;
    }
    let event = Event::StateChanged { state: to, reason: reason.to_owned() };
    decision.events.push(Draft::agent(&agent.swarm, &agent.id, event));
    true
}

fn end_of(state: &State, swarm: &Swarm, agents: &[&Agent]) -> Event {
    let count =
        |wanted: ItemState| swarm.items.iter().filter(|item| item.state == wanted).count() as u32;
    let (done, failed) = (count(ItemState::Done), count(ItemState::Failed));
    let open = |item: &&Item| {
        matches!(item.state, ItemState::Stopped | ItemState::Queued)
            && !delegate::is_given_up(state, item)
    };
    let lost = agents.iter().any(|agent| agent.state == AgentState::Lost);
    let end = if failed > 0 || lost {
        SwarmState::Failed
    } else if swarm.stopping || swarm.items.iter().any(|item| open(&item)) {
        SwarmState::Stopped
    } else {
        SwarmState::Done
    };
    Event::SwarmEnded { state: end, done, failed, results: None }
}

/// What a core that takes over must do again: launches without a keeper are for the
/// runtime to tell from those with one.
pub fn recover(state: &State) -> Vec<Effect> {
    let mut effects = Vec::new();
    for attempt in state.live_attempts() {
        match attempt.phase {
            Phase::Planned => effects.push(Effect::Launch { attempt: attempt.id.clone() }),
            // Set when it goes on.
            Phase::Running if attempt.paused.is_some() => {}
            Phase::Running => {
                let started = attempt.started_at.unwrap_or(attempt.planned_at);
                effects.extend(timeout(state, attempt, started));
            }
            Phase::Ended => {}
        }
        if attempt.stop.is_some() {
            effects.push(Effect::Stop { attempt: attempt.id.clone() });
        }
    }
    for agent in state.agents.values() {
        // One that is due waits for room, which is looked for all the time.
        if let Some(retry) = agent.retry.as_ref().filter(|retry| retry.due.is_none()) {
            let timer = Timer::Retry { agent: agent.id.clone(), number: retry.number };
            effects.push(Effect::SetTimer { at: retry.at, timer });
        }
    }
    for approval in state.open_approvals() {
        effects.extend(approval::waits(approval));
    }
    effects
}
