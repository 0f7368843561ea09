//! Whose scope is which.

use super::state::State;
use crate::model::{AgentId, Scope};

/// What an agent may touch. One of a swarm that was made before there were scopes runs, as
/// it did then, without a sandbox; of an agent that is gone nothing is allowed.
pub fn scope_of(state: &State, agent: &AgentId) -> Scope {
    let swarm = state.agents.get(agent).and_then(|agent| state.swarms.get(&agent.swarm));
    match swarm {
        Some(swarm) => swarm.spec.granted.clone().unwrap_or_else(Scope::none),
        None => Scope::default(),
    }
}
