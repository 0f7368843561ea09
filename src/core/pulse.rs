//! The pulse: what needs somebody, what is new, what it costs.

use super::{
    forecasts,
    state::{State, Swarm},
    views::{agent_info, swarm_info},
};
use crate::model::{
    Account, AccountId, AgentCounts, AgentId, AgentState, ApprovalId, Event, EventRecord, Pulse,
    PulseAsk, PulseGroup, PulseMoney, Stamp, SwarmId,
};
use std::collections::{BTreeMap, BTreeSet};

/// What happened since a pulse, as far as the next one tells of it.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// The number of the last event before.
    pub since: u64,
    /// And of the last one that is told of: what comes after it is left to the next pulse.
    pub until: u64,
    agents: BTreeSet<AgentId>,
    swarms: BTreeSet<SwarmId>,
    asks: BTreeSet<ApprovalId>,
}

impl News {
    pub fn after(since: u64) -> Self {
        Self { since, until: since, ..Self::default() }
    }

    /// True of what a pulse that waits is answered for: a question, a failure, an end.
    pub fn calls(record: &EventRecord) -> bool {
        match &record.event {
            Event::StateChanged { state, .. } => urgency(*state).is_some(),
            Event::SwarmEnded { .. } => true,
            Event::ApprovalAsked { approval } => approval.is_open(),
            _ => false,
        }
    }

    /// Events come in order.
    pub fn take(&mut self, record: &EventRecord) {
        self.until = record.seq;
        match &record.event {
            Event::StateChanged { .. } => self.agents.extend(record.agent.clone()),
            Event::SwarmEnded { .. } => self.swarms.extend(record.swarm.clone()),
            Event::ApprovalAsked { approval } => {
                self.asks.insert(approval.id.clone());
            }
            _ => {}
        }
    }
}

/// `top`: the agent that asks, which sees its own branch. Without `news` everything is told.
pub fn pulse(state: &State, top: Option<&AgentId>, news: Option<&News>, now: Stamp) -> Pulse {
    let sees = |id: &AgentId| top.is_none_or(|top| id == top || id.is_below(top));
    let is_told = |swarm: &&Swarm| {
        let ended = || news.is_some_and(|news| news.swarms.contains(&swarm.id));
        !swarm.state.is_final() || ended() || (news.is_none() && is_last_word(state, swarm))
    };
    let swarms: Vec<&Swarm> = state.swarms.values().filter(is_told).collect();
    let agents = || {
        let of = swarms.iter().flat_map(|swarm| &swarm.agents);
        of.filter(|id| sees(id)).filter_map(|id| state.agents.get(id))
    };
    let mut counts = AgentCounts::default();
    let mut attention: BTreeMap<(u8, String), PulseGroup> = BTreeMap::new();
    let mut changed = attention.clone();
    let asking: BTreeSet<&AgentId> = state.open_approvals().map(|ask| &ask.agent).collect();
    for agent in agents() {
        counts.total += 1;
        *counts.by_state.entry(agent.state).or_default() += 1;
        let new = news.is_none_or(|news| news.agents.contains(&agent.id));
        let groups = match urgency(agent.state) {
            Some(rank) => (!asking.contains(&agent.id)).then_some((rank, &mut attention)),
            None => news.map(|_| (agent.state as u8, &mut changed)),
        };
        let Some((rank, groups)) = groups.filter(|_| new) else { continue };
        let reason = agent_info(state, &agent.id).map_or_else(String::new, |info| info.reason);
        let group = groups.entry((rank, reason.clone())).or_insert_with(|| PulseGroup {
            state: agent.state,
            reason,
            agents: Vec::new(),
        });
        group.agents.push(agent.id.clone());
    }
    let asks = state.open_approvals().filter(|ask| sees(&ask.agent));
    let asks = asks.filter(|ask| news.is_none_or(|news| news.asks.contains(&ask.id)));
    let asks = asks.map(|ask| PulseAsk {
        id: ask.id.clone(),
        agent: ask.agent.clone(),
        text: ask.question.text(),
    });
    Pulse {
        cursor: news.map_or(state.seq, |news| news.until),
        since: news.map(|news| news.since),
        agents: counts,
        asks: asks.collect(),
        attention: attention.into_values().collect(),
        changed: changed.into_values().collect(),
        money: money(state, top, &swarms, now),
    }
}

/// Where nothing goes on, how the last one came out is what there is to know.
fn is_last_word(state: &State, swarm: &Swarm) -> bool {
    let mut all = state.swarms.values();
    all.all(|other| other.state.is_final())
        && state.swarms.values().max_by_key(|swarm| swarm.ended_at).map(|last| &last.id)
            == Some(&swarm.id)
}

/// The lower, the sooner somebody should look; none: nobody needs to.
fn urgency(state: AgentState) -> Option<u8> {
    match state {
        AgentState::Waiting => Some(0),
        AgentState::Failed => Some(1),
        AgentState::Lost => Some(2),
        AgentState::Paused => Some(3),
        AgentState::Queued
        | AgentState::Starting
        | AgentState::Working
        | AgentState::Idle
        | AgentState::Retrying
        | AgentState::Done
        | AgentState::Stopped => None,
    }
}

fn money(state: &State, top: Option<&AgentId>, swarms: &[&Swarm], now: Stamp) -> Vec<PulseMoney> {
    let mut forecasts = forecasts(state, now);
    let spent = |account: &Account| u64::try_from(account.tokens.spent).unwrap_or(0);
    if let Some(agent) = top.and_then(|top| state.agents.get(top)) {
        let id = AccountId::Agent(agent.id.clone());
        return vec![PulseMoney {
            name: agent.name.clone(),
            ended: None,
            items: None,
            spent_micros: agent.account.spent,
            limit_micros: agent.account.limit,
            spent_tokens: spent(&agent.account),
            limit_tokens: agent.account.budget().tokens,
            forecast: forecasts.remove(&id),
            id,
        }];
    }
    let of = |swarm: &&Swarm| {
        let info = swarm_info(state, &swarm.id)?;
        let id = AccountId::Swarm(info.id.clone());
        Some(PulseMoney {
            name: info.name,
            ended: info.state.is_final().then(|| info.state.word().to_owned()),
            items: Some(info.items),
            spent_micros: swarm.account.spent,
            limit_micros: info.budget_micros,
            spent_tokens: spent(&swarm.account),
            limit_tokens: info.budget_tokens,
            forecast: forecasts.remove(&id),
            id,
        })
    };
    swarms.iter().filter_map(of).collect()
}
