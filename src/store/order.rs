//! Which rows the grid shows, and in which order: pure functions of the replica.

use super::{Filter, Store, tree};
use crate::model::{AgentId, AgentInfo, AgentState, SwarmId, SwarmInfo};
use std::{
    cmp::Ordering,
    collections::{BTreeSet, HashMap},
};

/// What the grid may be sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Column {
    /// Who needs somebody first, then who works, then the rest.
    #[default]
    Need,
    State,
    Agent,
    Kind,
    Model,
    Item,
    Progress,
    Tokens,
    Burn,
    Scope,
    Cost,
    Age,
    Last,
}

impl Column {
    pub const ALL: [Self; 13] = [
        Self::Need,
        Self::State,
        Self::Agent,
        Self::Kind,
        Self::Model,
        Self::Item,
        Self::Progress,
        Self::Tokens,
        Self::Burn,
        Self::Scope,
        Self::Cost,
        Self::Age,
        Self::Last,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::Need => "need",
            Self::State => "state",
            Self::Agent => "agent",
            Self::Kind => "kind",
            Self::Model => "model",
            Self::Item => "item",
            Self::Progress => "progress",
            Self::Tokens => "tokens",
            Self::Burn => "burn",
            Self::Scope => "scope",
            Self::Cost => "cost",
            Self::Age => "age",
            Self::Last => "last",
        }
    }
}

/// How the grid is to be laid out.
#[derive(Clone, Debug, Default)]
pub struct GridOptions {
    pub sort: Column,
    pub reverse: bool,
    /// Rows under a heading for each swarm.
    pub group: bool,
    pub filter: Filter,
    /// Who spawned whom, instead of an order by column.
    pub tree: bool,
    /// In the tree: whose children are not shown.
    pub folded: BTreeSet<AgentId>,
    /// Only this swarm.
    pub swarm: Option<SwarmId>,
    /// The order to keep: rows named here stay in this order, whatever changed about them;
    /// others follow. Empty: sort freely.
    pub hold: Vec<AgentId>,
}

/// A row of the grid.
#[derive(Clone, Copy, Debug)]
pub enum Row<'a> {
    Swarm(&'a SwarmInfo),
    Agent {
        agent: &'a AgentInfo,
        /// Generations below the topmost shown ancestor.
        depth: u8,
    },
}

impl<'a> Row<'a> {
    pub fn agent(&self) -> Option<&'a AgentInfo> {
        match self {
            Self::Swarm(_) => None,
            Self::Agent { agent, .. } => Some(agent),
        }
    }
}

/// How urgently an agent needs somebody: lower is sooner.
pub fn need(state: AgentState) -> u8 {
    match state {
        AgentState::Waiting => 0,
        AgentState::Failed => 1,
        AgentState::Lost => 2,
        AgentState::Paused => 3,
        AgentState::Retrying => 4,
        AgentState::Working => 5,
        AgentState::Starting => 6,
        AgentState::Idle => 7,
        AgentState::Queued => 8,
        AgentState::Done => 9,
        AgentState::Stopped => 10,
    }
}

/// The rows to show.
pub fn rows<'a>(store: &'a Store, options: &GridOptions) -> Vec<Row<'a>> {
    let mut runner = options.filter.runner();
    let mut shown: Vec<&AgentInfo> = store
        .agents()
        .filter(|agent| options.swarm.as_ref().is_none_or(|only| agent.swarm == *only))
        .filter(|agent| runner.passes(agent, store.swarm(&agent.swarm)))
        .collect();
    if options.tree {
        return tree::rows(shown, options);
    }
    sort(&mut shown, store, options);
    let ordered = families(shown);
    if !options.group {
        return ordered.into_iter().map(|(agent, depth)| Row::Agent { agent, depth }).collect();
    }
    group(store, ordered)
}

/// Points of a sparkline that count as what an agent burns.
const BURNING: usize = 12;

fn sort(shown: &mut [&AgentInfo], store: &Store, options: &GridOptions) {
    let mut burnt: HashMap<&AgentId, u64> = HashMap::new();
    if options.sort == Column::Burn {
        let now = store.newest().unwrap_or_default();
        for agent in shown.iter() {
            let tokens = store.history(&agent.id).map(|history| history.tokens(now, BURNING));
            burnt.insert(&agent.id, tokens.unwrap_or_default().iter().sum());
        }
    }
    let by = |a: &AgentInfo, b: &AgentInfo| {
        let order = match options.sort {
            Column::Burn => burnt.get(&b.id).cmp(&burnt.get(&a.id)),
            column => compare(column, a, b),
        };
        if options.reverse { order.reverse() } else { order }
    };
    if options.hold.is_empty() {
        shown.sort_by(|a, b| by(a, b).then_with(|| natural(a.id.as_str(), b.id.as_str())));
        return;
    }
    let places: HashMap<&AgentId, usize> =
        options.hold.iter().enumerate().map(|(place, id)| (id, place)).collect();
    // Looked up once a row, not once a comparison.
    let mut placed: Vec<(usize, &AgentInfo)> = shown
        .iter()
        .map(|agent| (places.get(&agent.id).copied().unwrap_or(usize::MAX), *agent))
        .collect();
    placed.sort_by(|(at, a), (bt, b)| {
        let held = at.cmp(bt);
        held.then_with(|| by(a, b)).then_with(|| natural(a.id.as_str(), b.id.as_str()))
    });
    for (slot, (_, agent)) in shown.iter_mut().zip(placed) {
        *slot = agent;
    }
}

/// Big numbers and late times first, texts from A.
fn compare(column: Column, a: &AgentInfo, b: &AgentInfo) -> Ordering {
    match column {
        Column::Need => need(a.state).cmp(&need(b.state)).then_with(|| match a.state {
            // Whoever waits longest comes first; finished ones newest first.
            AgentState::Done | AgentState::Stopped => b.ended_at.cmp(&a.ended_at),
            AgentState::Waiting | AgentState::Failed | AgentState::Lost => a.since.cmp(&b.since),
            AgentState::Queued
            | AgentState::Starting
            | AgentState::Working
            | AgentState::Idle
            | AgentState::Retrying
            | AgentState::Paused => Ordering::Equal,
        }),
        Column::State => a.state.cmp(&b.state),
        Column::Agent => natural(&a.name, &b.name),
        Column::Kind => a.adapter.cmp(&b.adapter),
        Column::Model => a.model.cmp(&b.model),
        Column::Item => natural(a.item.as_deref().unwrap_or(""), b.item.as_deref().unwrap_or("")),
        Column::Progress => b.progress.cmp(&a.progress),
        Column::Tokens => b.tokens.total().cmp(&a.tokens.total()),
        // Not told by the agents alone: see `sort`.
        Column::Burn => Ordering::Equal,
        // Whom nothing holds comes first.
        Column::Scope => {
            let bare = |agent: &AgentInfo| !agent.is_unscoped();
            bare(a).cmp(&bare(b)).then_with(|| a.scope.cmp(&b.scope))
        }
        Column::Cost => b.cost_micros.cmp(&a.cost_micros),
        Column::Age => a
            .started_at
            .is_none()
            .cmp(&b.started_at.is_none())
            .then_with(|| a.started_at.cmp(&b.started_at)),
        Column::Last => a.last_line.cmp(&b.last_line),
    }
}

/// `ag-9` before `ag-10`.
pub(super) fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let digits = |s: &[u8]| s.iter().take_while(|c| c.is_ascii_digit()).count();
        let (da, db) = (digits(a), digits(b));
        if da > 0 && db > 0 {
            let number = |s: &[u8]| {
                s.iter().fold(0u64, |n, c| n.wrapping_mul(10).wrapping_add(u64::from(c - b'0')))
            };
            let order = number(&a[..da]).cmp(&number(&b[..db])).then_with(|| da.cmp(&db));
            if order != Ordering::Equal {
                return order;
            }
            (a, b) = (&a[da..], &b[db..]);
            continue;
        }
        match (a.split_first(), b.split_first()) {
            (Some((x, rest_a)), Some((y, rest_b))) if x == y => (a, b) = (rest_a, rest_b),
            (Some((x, _)), Some((y, _))) => return x.cmp(y),
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
        }
    }
}

/// Children directly below their parent, where the parent is shown too.
pub(super) fn families(shown: Vec<&AgentInfo>) -> Vec<(&AgentInfo, u8)> {
    if shown.iter().all(|agent| agent.parent.is_none()) {
        return shown.into_iter().map(|agent| (agent, 0)).collect();
    }
    let ids: std::collections::HashSet<&AgentId> = shown.iter().map(|agent| &agent.id).collect();
    let mut children: HashMap<&AgentId, Vec<&AgentInfo>> = HashMap::new();
    let mut stack: Vec<(&AgentInfo, u8)> = Vec::new();
    for agent in shown.iter().rev() {
        match agent.parent.as_ref().filter(|parent| ids.contains(parent) && **parent != agent.id) {
            Some(parent) => children.entry(parent).or_default().push(agent),
            None => stack.push((agent, 0)),
        }
    }
    let mut ordered = Vec::with_capacity(shown.len());
    while let Some((agent, depth)) = stack.pop() {
        ordered.push((agent, depth));
        for child in children.remove(&agent.id).unwrap_or_default() {
            stack.push((child, depth.saturating_add(1)));
        }
    }
    // A ring of parents has no top; its members stand alone.
    let rings = children.into_values().flatten().map(|agent| (agent, 0));
    ordered.extend(rings);
    ordered
}

/// Newest swarm first, those still at work before those that are over.
fn group<'a>(store: &'a Store, ordered: Vec<(&'a AgentInfo, u8)>) -> Vec<Row<'a>> {
    let mut swarms: Vec<&SwarmInfo> = store.swarms().collect();
    swarms.sort_by(|a, b| {
        let over = a.state.is_final().cmp(&b.state.is_final());
        over.then_with(|| b.created_at.cmp(&a.created_at)).then_with(|| a.id.cmp(&b.id))
    });
    let mut members: HashMap<&SwarmId, Vec<Row>> = HashMap::new();
    let mut rows = Vec::with_capacity(ordered.len() + swarms.len());
    for (agent, depth) in ordered {
        members.entry(&agent.swarm).or_default().push(Row::Agent { agent, depth });
    }
    for swarm in swarms {
        if let Some(agents) = members.remove(&swarm.id) {
            rows.push(Row::Swarm(swarm));
            rows.extend(agents);
        }
    }
    // Agents whose swarm has not been told yet.
    let mut orphans: Vec<_> = members.into_iter().collect();
    orphans.sort_by(|a, b| a.0.cmp(b.0));
    rows.extend(orphans.into_iter().flat_map(|(_, agents)| agents));
    rows
}
