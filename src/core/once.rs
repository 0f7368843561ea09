//! Requests that have a name (`Idempotency-Key`): asked again, because an answer was lost, they
//! do nothing more and get the same answer. Names are in the journal with what was made, and so
//! known to the core's successor.

use super::{
    state::State,
    step::{Decision, Draft, Reply},
};
use crate::model::{
    Actor, Command, Event, Made, Named, Once, Refusal, RefusalCode, SwarmId, SwarmSpec,
};

/// So many of the newest names are kept.
const KEPT: usize = 4096;

/// The name of a request; that of a swarm's stands in its specification.
pub(super) fn of(command: &Command, once: Option<Once>) -> Option<Once> {
    match command {
        Command::CreateSwarm { spec } => of_swarm(spec),
        _ => once,
    }
}

fn of_swarm(spec: &SwarmSpec) -> Option<Once> {
    let key = spec.idempotency_key.clone()?;
    Some(Once { key, hash: spec.request_hash.clone().unwrap_or_default() })
}

/// The answer that this very request of `by` had before.
///
/// # Errors
/// Another request under a known name, and one whose work is not kept any more.
pub(super) fn answered(state: &State, by: &Actor, once: &Once) -> Result<Option<Reply>, Refusal> {
    let known = |named: &&Named| named.by.as_ref() == by.agent() && named.once.key == once.key;
    let Some(named) = state.named.iter().rev().find(known) else { return Ok(None) };
    // One made by an older build has no hash.
    if !named.once.hash.is_empty() && named.once.hash != once.hash {
        let why = format!("another request was made under this key: {}", named.made);
        let refusal = Refusal::new(RefusalCode::Conflict, why);
        return Err(refusal.hinted("a new request needs a new key"));
    }
    let gone = || {
        let why = format!("this request was carried out: {}, which is gone since", named.made);
        Refusal::new(RefusalCode::Gone, why)
    };
    reply(state, &named.made).map(Some).ok_or_else(gone)
}

fn reply(state: &State, made: &Made) -> Option<Reply> {
    Some(match made {
        Made::Swarm(id) => Reply::Swarm(state.swarms.get(id)?.id.clone()),
        Made::Agent(id) => Reply::Agent(state.agents.get(id)?.id.clone()),
        Made::Item { swarm, index } => {
            let items = &state.swarms.get(swarm)?.items;
            Reply::Item(Box::new(items.iter().find(|item| item.index == *index)?.clone()))
        }
        Made::Change => Reply::Done,
    })
}

/// Adds the request's name to what it decided.
pub(super) fn name(decision: &mut Decision, by: &Actor, once: Once) {
    let made = match &decision.reply {
        // Its name came with it.
        Some(Reply::Swarm(_)) => return,
        Some(Reply::Agent(id)) => Made::Agent(id.clone()),
        Some(Reply::Item(item)) => Made::Item { swarm: item.swarm.clone(), index: item.index },
        Some(Reply::Items(_) | Reply::Approval(_) | Reply::Leave(_) | Reply::Done) | None => {
            Made::Change
        }
    };
    let named = Box::new(Named { by: by.agent().cloned(), once, made });
    let event = Event::RequestNamed { named };
    decision.events.push(Draft { swarm: None, agent: None, attempt: None, event });
}

pub(super) fn keep_swarm(state: &mut State, swarm: &SwarmId, spec: &SwarmSpec) {
    if let Some(once) = of_swarm(spec) {
        keep(state, Named { by: None, once, made: Made::Swarm(swarm.clone()) });
    }
}

pub(super) fn keep(state: &mut State, named: Named) {
    if state.named.len() >= KEPT {
        state.named.pop_front();
    }
    state.named.push_back(named);
}
