//! What swarms and attempts begin as.

use super::state::{Attempt, Phase, Swarm};
use crate::model::{Account, AgentId, AttemptId, Stamp, SwarmId, SwarmSpec, SwarmState};

pub(super) fn swarm(id: SwarmId, name: String, spec: SwarmSpec, queue: bool, at: Stamp) -> Swarm {
    // Checked before it came here.
    let limits = spec.budget.as_ref().and_then(|text| text.parse().ok());
    Swarm {
        account: Account::limited(limits.unwrap_or_default()),
        models: Default::default(),
        id,
        name,
        spec,
        queue,
        state: SwarmState::Working,
        stopping: false,
        paused: false,
        created_at: at,
        started_at: None,
        ended_at: None,
        items: Vec::new(),
        agents: Vec::new(),
        tokens: Default::default(),
        cost: Default::default(),
        notional: Default::default(),
        estimated: Default::default(),
    }
}

pub(super) fn attempt(
    id: &AttemptId,
    agent: &AgentId,
    swarm: &SwarmId,
    number: u32,
    index: u32,
    at: Stamp,
) -> Attempt {
    Attempt {
        id: id.clone(),
        agent: agent.clone(),
        swarm: swarm.clone(),
        number,
        index,
        phase: Phase::Planned,
        pid: None,
        fact_n: 0,
        fact_offset: 0,
        planned_at: at,
        started_at: None,
        ended_at: None,
        exit: None,
        result: None,
        session: None,
        follows: None,
        took_up: false,
        stop: None,
        disk_full: false,
        paused: None,
        paused_ms: 0,
        limit: None,
        unpaid: false,
        refused: false,
        raised: false,
        again: false,
        short: None,
        signals: Vec::new(),
        tokens: Default::default(),
        cost: Default::default(),
        notional: Default::default(),
        estimated: Default::default(),
        calls: 0,
    }
}
