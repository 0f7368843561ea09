//! Finding swarms and agents in the state, as those who ask by id or name want them.

use super::gauges::Gauges;
use crate::{
    core::{self, State},
    model::{AgentId, AgentInfo, SwarmId, SwarmInfo},
};

/// The id of a swarm by id or name.
pub fn find_swarm(state: &State, name: &str) -> Option<SwarmId> {
    if let Some(swarm) = state.swarms.get(name) {
        return Some(swarm.id.clone());
    }
    state.swarms.values().find(|swarm| swarm.name == name).map(|swarm| swarm.id.clone())
}

/// The id of an agent by id or name.
pub fn find_agent(state: &State, name: &str) -> Option<AgentId> {
    if let Some(agent) = state.agents.get(name) {
        return Some(agent.id.clone());
    }
    state.agents.values().find(|agent| agent.name == name).map(|agent| agent.id.clone())
}

/// All swarms, in the order of their making.
pub fn all_swarms(state: &State) -> Vec<SwarmInfo> {
    let mut swarms: Vec<SwarmInfo> =
        state.swarms.keys().filter_map(|id| core::swarm_info(state, id)).collect();
    swarms.sort_by_key(|swarm| swarm.created_at);
    swarms
}

/// Agents of one swarm or of all, in the order of their making.
pub fn all_agents(state: &State, of: Option<&SwarmId>, gauges: &Gauges) -> Vec<AgentInfo> {
    let mut swarms: Vec<_> = state.swarms.values().collect();
    swarms.retain(|swarm| of.is_none_or(|id| &swarm.id == id));
    swarms.sort_by_key(|swarm| swarm.created_at);
    let agents = swarms.iter().flat_map(|swarm| swarm.agents.iter());
    let mut infos: Vec<AgentInfo> = agents.filter_map(|id| core::agent_info(state, id)).collect();
    for info in &mut infos {
        gauges.fill(info);
    }
    infos
}
