//! Who spawned whom, with what each branch comes to: made from rows, by whoever has them.

use super::{AgentId, AgentInfo, AgentState, Micros, Tokens};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// An agent and all below it, together.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RollUp {
    pub agents: u32,
    pub by_state: BTreeMap<AgentState, u32>,
    pub tokens: Tokens,
    pub cost_micros: Micros,
    /// As in [`AgentInfo`].
    pub estimated_micros: Micros,
}

/// An agent with those it spawned: `agent tree --json`.
#[derive(Clone, Debug, Serialize)]
pub struct Branch<'a> {
    #[serde(flatten)]
    pub agent: &'a AgentInfo,
    /// Of the agent and all below it.
    pub total: RollUp,
    pub children: Vec<Branch<'a>>,
}

impl RollUp {
    /// What it has cost, marked where a part of that is an estimate.
    pub fn cost(&self) -> String {
        self.cost_micros.told(self.estimated_micros)
    }

    fn add(&mut self, agent: &AgentInfo) {
        self.agents += 1;
        *self.by_state.entry(agent.state).or_insert(0) += 1;
        self.tokens += agent.tokens;
        self.cost_micros += agent.cost_micros;
        self.estimated_micros += agent.estimated_micros;
    }

    /// Of every agent among `rows`, by its id.
    pub fn of<'a>(rows: impl IntoIterator<Item = &'a AgentInfo>) -> HashMap<&'a AgentId, Self> {
        let rows: Vec<&AgentInfo> = rows.into_iter().collect();
        let parents: HashMap<&AgentId, &AgentId> =
            rows.iter().filter_map(|row| Some((&row.id, row.parent.as_ref()?))).collect();
        let mut sums: HashMap<&AgentId, Self> =
            rows.iter().map(|row| (&row.id, Self::default())).collect();
        for row in &rows {
            let up = std::iter::successors(Some(&row.id), |id| parents.get(*id).copied());
            // No way up is longer than there are rows, unless it goes round.
            for id in up.take(rows.len()) {
                if let Some(sum) = sums.get_mut(id) {
                    sum.add(row);
                }
            }
        }
        sums
    }
}

/// The trees of `rows`, in their order; an agent whose parent is not among them stands at
/// the top.
pub fn forest(rows: &[AgentInfo]) -> Vec<Branch<'_>> {
    let mut sums = RollUp::of(rows);
    let mut children: HashMap<&AgentId, Vec<&AgentInfo>> = HashMap::new();
    let mut tops = Vec::new();
    for row in rows {
        match row.parent.as_ref().filter(|parent| sums.contains_key(parent)) {
            Some(parent) => children.entry(parent).or_default().push(row),
            None => tops.push(row),
        }
    }
    tops.into_iter().map(|top| branch(top, &mut sums, &mut children)).collect()
}

fn branch<'a>(
    agent: &'a AgentInfo,
    sums: &mut HashMap<&'a AgentId, RollUp>,
    children: &mut HashMap<&'a AgentId, Vec<&'a AgentInfo>>,
) -> Branch<'a> {
    let below = children.remove(&agent.id).unwrap_or_default();
    let below = below.into_iter().map(|child| branch(child, sums, children)).collect();
    Branch { agent, total: sums.remove(&agent.id).unwrap_or_default(), children: below }
}
