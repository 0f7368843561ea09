//! What was spent, by whom and on what.

use super::state::{Agent, Attempt, Spending, State, Swarm};
use crate::model::{CostRow, Micros, Stamp, SwarmId, Tokens};
use std::collections::BTreeMap;

/// The provider that costs nothing, whatever its figures say.
const SIMULATED: &str = "simulated";
/// Days that are kept.
const DAYS: usize = 400;

/// What costs are kept by.
pub const BY: [&str; 7] = ["agent", "attempt", "item", "swarm", "model", "parent", "day"];

/// Rows by one of [`BY`], the dearest first, days in their order; none for any other word.
/// Those of swarms that were removed are gone, but for their days.
pub fn costs(state: &State, by: &str) -> Option<Vec<CostRow>> {
    let mut rows: Vec<CostRow> = match by {
        "agent" => state.agents.values().map(of_agent).collect(),
        "attempt" => state.attempts.values().map(|attempt| of_attempt(state, attempt)).collect(),
        "item" => of_items(state),
        "swarm" => state.swarms.values().map(of_swarm).collect(),
        "model" => of_models(state).into_values().collect(),
        "parent" => of_parents(state).into_values().collect(),
        // Their order says more than their cost.
        "day" => return Some(state.days.iter().map(|(day, models)| of_day(day, models)).collect()),
        _ => return None,
    };
    let dear = |row: &CostRow| (row.cost_micros, row.notional_micros);
    rows.sort_by(|a, b| dear(b).cmp(&dear(a)).then_with(|| a.id.cmp(&b.id)));
    Some(rows)
}

/// A call was paid for.
pub(super) fn apply(state: &mut State, at: Stamp, model: String, call: &Spending) {
    let day = state.days.entry(at.day()).or_default();
    day.entry(model).or_default().add(call);
    while state.days.len() > DAYS {
        state.days.pop_first();
    }
}

fn row(by: &str, id: String, name: String) -> CostRow {
    CostRow {
        by: by.to_owned(),
        id,
        name,
        calls: 0,
        tokens: Tokens::default(),
        cost_micros: Micros::ZERO,
        notional_micros: Micros::ZERO,
        estimated_micros: Micros::ZERO,
        simulated: false,
    }
}

fn of_agent(agent: &Agent) -> CostRow {
    CostRow {
        calls: agent.calls,
        tokens: agent.tokens,
        cost_micros: agent.cost,
        notional_micros: agent.notional,
        estimated_micros: agent.estimated,
        simulated: agent.provider == SIMULATED,
        ..row("agent", agent.id.to_string(), agent.name.clone())
    }
}

fn of_attempt(state: &State, attempt: &Attempt) -> CostRow {
    let agent = state.agents.get(&attempt.agent);
    CostRow {
        calls: attempt.calls,
        tokens: attempt.tokens,
        cost_micros: attempt.cost,
        notional_micros: attempt.notional,
        estimated_micros: attempt.estimated,
        simulated: agent.is_some_and(|agent| agent.provider == SIMULATED),
        ..row("attempt", attempt.id.to_string(), agent.map_or("", |agent| &agent.name).to_owned())
    }
}

/// With all attempts at each.
fn of_items(state: &State) -> Vec<CostRow> {
    let mut rows: BTreeMap<(&SwarmId, u32), CostRow> = BTreeMap::new();
    for swarm in state.swarms.values() {
        for item in &swarm.items {
            let id = format!("{}#{}", swarm.id, item.index);
            let name = if item.text.is_empty() { &swarm.name } else { &item.text };
            rows.insert((&swarm.id, item.index), row("item", id, name.clone()));
        }
    }
    for attempt in state.attempts.values() {
        if let Some(row) = rows.get_mut(&(&attempt.swarm, attempt.index)) {
            let agent = state.agents.get(&attempt.agent);
            row.simulated |= agent.is_some_and(|agent| agent.provider == SIMULATED);
            row.calls += attempt.calls;
            row.tokens += attempt.tokens;
            row.cost_micros += attempt.cost;
            row.notional_micros += attempt.notional;
            row.estimated_micros += attempt.estimated;
        }
    }
    rows.into_values().collect()
}

fn of_swarm(swarm: &Swarm) -> CostRow {
    CostRow {
        calls: swarm.models.values().map(|spending| spending.calls).sum(),
        tokens: swarm.tokens,
        cost_micros: swarm.cost,
        notional_micros: swarm.notional,
        estimated_micros: swarm.estimated,
        simulated: all_simulated(&swarm.models),
        ..row("swarm", swarm.id.to_string(), swarm.name.clone())
    }
}

fn all_simulated(models: &BTreeMap<String, Spending>) -> bool {
    !models.is_empty() && models.keys().all(|model| model.starts_with("simulated/"))
}

fn of_models(state: &State) -> BTreeMap<&str, CostRow> {
    let mut rows: BTreeMap<&str, CostRow> = BTreeMap::new();
    for (id, spending) in state.swarms.values().flat_map(|swarm| &swarm.models) {
        let (provider, model) = id.split_once('/').unwrap_or(("", id));
        let row = rows.entry(id).or_insert_with(|| CostRow {
            simulated: provider == SIMULATED,
            ..row("model", id.clone(), model.to_owned())
        });
        row.calls += spending.calls;
        row.tokens += spending.tokens;
        row.cost_micros += spending.cost;
        row.notional_micros += spending.notional;
        row.estimated_micros += spending.estimated;
    }
    rows
}

/// What the agents that each has spawned have cost themselves; those of no agent are their
/// swarm's.
fn of_parents(state: &State) -> BTreeMap<String, CostRow> {
    let mut rows: BTreeMap<String, CostRow> = BTreeMap::new();
    for agent in state.agents.values() {
        let parent = agent.parent.as_ref().and_then(|id| state.agents.get(id));
        let swarm = || state.swarms.get(&agent.swarm).map_or("", |swarm| &swarm.name);
        let (id, name) = match parent {
            Some(parent) => (parent.id.to_string(), parent.name.as_str()),
            None => (agent.swarm.to_string(), swarm()),
        };
        let row = rows
            .entry(id.clone())
            .or_insert_with(|| CostRow { simulated: true, ..row("parent", id, name.to_owned()) });
        row.simulated &= agent.provider == SIMULATED || agent.calls == 0;
        row.calls += agent.calls;
        row.tokens += agent.tokens;
        row.cost_micros += agent.cost;
        row.notional_micros += agent.notional;
        row.estimated_micros += agent.estimated;
    }
    for row in rows.values_mut() {
        row.simulated &= row.calls > 0;
    }
    rows
}

fn of_day(day: &str, models: &BTreeMap<String, Spending>) -> CostRow {
    let mut sum = Spending::default();
    models.values().for_each(|one| sum.add(one));
    CostRow {
        calls: sum.calls,
        tokens: sum.tokens,
        cost_micros: sum.cost,
        notional_micros: sum.notional,
        estimated_micros: sum.estimated,
        simulated: all_simulated(models),
        ..row("day", day.to_owned(), day.to_owned())
    }
}
