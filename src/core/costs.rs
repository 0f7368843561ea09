//! What was spent, by whom and on what.

use super::state::{Agent, State, Swarm};
use crate::model::{CostRow, Tokens};
use std::collections::BTreeMap;

/// The provider that costs nothing, whatever its figures say.
const SIMULATED: &str = "simulated";

/// Rows by `agent`, `swarm` or `model`, the dearest first; none for any other word.
pub fn costs(state: &State, by: &str) -> Option<Vec<CostRow>> {
    let mut rows: Vec<CostRow> = match by {
        "agent" => state.agents.values().map(of_agent).collect(),
        "swarm" => state.swarms.values().map(of_swarm).collect(),
        "model" => of_models(state).into_values().collect(),
        _ => return None,
    };
    rows.sort_by(|a, b| b.cost_micros.cmp(&a.cost_micros).then_with(|| a.id.cmp(&b.id)));
    Some(rows)
}

fn of_agent(agent: &Agent) -> CostRow {
    CostRow {
        by: "agent".to_owned(),
        id: agent.id.to_string(),
        name: agent.name.clone(),
        calls: agent.calls,
        tokens: agent.tokens,
        cost_micros: agent.cost,
        simulated: agent.provider == SIMULATED,
    }
}

fn of_swarm(swarm: &Swarm) -> CostRow {
    let simulated = |model: &String| model.starts_with("simulated/");
    CostRow {
        by: "swarm".to_owned(),
        id: swarm.id.to_string(),
        name: swarm.name.clone(),
        calls: swarm.models.values().map(|spending| spending.calls).sum(),
        tokens: swarm.tokens,
        cost_micros: swarm.cost,
        simulated: !swarm.models.is_empty() && swarm.models.keys().all(simulated),
    }
}

fn of_models(state: &State) -> BTreeMap<&str, CostRow> {
    let mut rows: BTreeMap<&str, CostRow> = BTreeMap::new();
    for (id, spending) in state.swarms.values().flat_map(|swarm| &swarm.models) {
        let (provider, model) = id.split_once('/').unwrap_or(("", id));
        let row = rows.entry(id).or_insert_with(|| CostRow {
            by: "model".to_owned(),
            id: id.clone(),
            name: model.to_owned(),
            calls: 0,
            tokens: Tokens::default(),
            cost_micros: Default::default(),
            simulated: provider == SIMULATED,
        });
        row.calls += spending.calls;
        row.tokens += spending.tokens;
        row.cost_micros += spending.cost;
    }
    rows
}
