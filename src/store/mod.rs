//! A client's replica of the core's world: fed with [`ServerMessage`]s, read by views.
//!
//! Owned by one client; nothing here blocks, waits or reads a clock (time comes in as
//! [`Stamp`]s). Messages may come late, twice or in any order: a row never goes back to an
//! older one, an event is kept once. What is kept is bounded: rows by what the core has,
//! events by [`EVENTS_KEPT`], histories by their number of buckets.

mod burn;
mod filter;
mod history;
mod money;
mod order;
#[cfg(test)]
mod tests;
mod tree;

pub use burn::Burn;
pub use filter::Filter;
pub use history::{BUCKET_SECONDS, BUCKETS, History, Series};
pub use money::{By, Money};
pub use order::{Column, GridOptions, Row, need, rows};

use crate::model::{
    AgentId, AgentInfo, AgentState, Approval, ApprovalId, EventRecord, Stamp, SwarmId, SwarmInfo,
};
use crate::protocol::stream::{Gauge, ServerMessage, Snapshot, Update};
use std::collections::{BTreeMap, VecDeque};

/// Events kept for the event pane; older ones are the journal's business.
pub const EVENTS_KEPT: usize = 5_000;

/// The replica. Reading is by plain accessors and [`rows`].
#[derive(Clone, Debug, Default)]
pub struct Store {
    swarms: BTreeMap<SwarmId, SwarmInfo>,
    agents: BTreeMap<AgentId, AgentInfo>,
    /// Those that are open, in the order of asking.
    approvals: BTreeMap<u64, Approval>,
    events: VecDeque<EventRecord>,
    burn: Burn,
    money: Option<Money>,
    /// The journal position that the rows stand for.
    seq: u64,
    version: String,
    loaded: bool,
    progress_seen: bool,
}

impl Store {
    pub fn apply(&mut self, message: ServerMessage) {
        match message {
            ServerMessage::Snapshot(snapshot) => self.load(*snapshot),
            ServerMessage::Event(record) => self.record(*record),
            ServerMessage::Update(update) => self.update(*update),
            ServerMessage::Gauges { gauges } => {
                gauges.into_iter().for_each(|gauge| self.gauge(gauge))
            }
            // The journal fills it in by itself, or a new snapshot does.
            ServerMessage::Gap { .. } => {}
        }
    }

    fn load(&mut self, snapshot: Snapshot) {
        let Snapshot { seq, version, swarms, agents, approvals, recent } = snapshot;
        if seq < self.seq {
            // Another world under the same address: its numbers start anew.
            *self = Self::default();
        }
        self.seq = seq;
        self.version = version;
        self.loaded = true;
        self.swarms = swarms.into_iter().map(|swarm| (swarm.id.clone(), swarm)).collect();
        self.approvals.clear();
        approvals.into_iter().for_each(|approval| self.put_approval(approval));
        self.agents.clear();
        agents.into_iter().for_each(|agent| self.put_agent(agent));
        self.burn.begin(recent.first());
        recent.into_iter().for_each(|record| self.record(record));
        self.forget_gone();
    }

    fn update(&mut self, update: Update) {
        if update.seq < self.seq {
            return;
        }
        self.seq = update.seq;
        for swarm in update.swarms {
            self.swarms.insert(swarm.id.clone(), swarm);
        }
        update.agents.into_iter().for_each(|agent| self.put_agent(agent));
        update.approvals.into_iter().for_each(|approval| self.put_approval(approval));
        for id in &update.removed_swarms {
            self.swarms.remove(id);
            self.approvals.retain(|_, approval| approval.swarm != *id);
            self.agents.retain(|_, agent| agent.swarm != *id);
        }
        for id in &update.removed_agents {
            self.agents.remove(id);
        }
        if !(update.removed_swarms.is_empty() && update.removed_agents.is_empty()) {
            self.forget_gone();
        }
    }

    /// The histories of what is not there any more.
    fn forget_gone(&mut self) {
        let (agents, swarms) = (&self.agents, &self.swarms);
        self.burn.keep(|id| agents.contains_key(id), |id| swarms.contains_key(id));
    }

    fn put_agent(&mut self, agent: AgentInfo) {
        self.progress_seen |= agent.progress.is_some();
        self.agents.insert(agent.id.clone(), agent);
    }

    fn put_approval(&mut self, approval: Approval) {
        if approval.is_open() {
            self.approvals.insert(approval.id.number(), approval);
        } else {
            self.approvals.remove(&approval.id.number());
        }
    }

    fn gauge(&mut self, gauge: Gauge) {
        self.progress_seen |= gauge.progress.is_some();
        if let Some(agent) = self.agents.get_mut(&gauge.agent) {
            agent.bytes = gauge.bytes;
            // A late gauge does not take back the last words of an agent that is over.
            if !agent.state.is_final() {
                agent.last_line = gauge.last_line;
                agent.progress = gauge.progress;
            }
        }
    }

    fn record(&mut self, record: EventRecord) {
        self.burn.count(&record);
        let newest = self.events.back().map_or(0, |last| last.seq);
        if record.seq > newest {
            self.events.push_back(record);
        } else if let Err(at) = self.events.binary_search_by_key(&record.seq, |kept| kept.seq) {
            self.events.insert(at, record);
        }
        while self.events.len() > EVENTS_KEPT {
            self.events.pop_front();
        }
    }

    /// True once a snapshot has come.
    pub fn is_loaded(&self) -> bool {
        self.loaded
    }

    /// Version of the core that sent the last snapshot.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The journal position that the rows stand for.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    pub fn swarm(&self, id: &SwarmId) -> Option<&SwarmInfo> {
        self.swarms.get(id)
    }

    pub fn agent(&self, id: &AgentId) -> Option<&AgentInfo> {
        self.agents.get(id)
    }

    /// What waits for an answer, the oldest first.
    pub fn approvals(&self) -> impl ExactSizeIterator<Item = &Approval> {
        self.approvals.values()
    }

    pub fn approval(&self, id: &ApprovalId) -> Option<&Approval> {
        self.approvals.get(&id.number()).filter(|approval| approval.id == *id)
    }

    /// What an agent waits for an answer to, the oldest first.
    pub fn asked_by(&self, agent: &AgentId) -> Option<&Approval> {
        self.approvals.values().find(|approval| approval.agent == *agent)
    }

    /// By id or name; none where several have that name.
    pub fn find_agent(&self, word: &str) -> Option<&AgentInfo> {
        self.agents.get(word).or_else(|| only(self.agents.values().filter(|a| a.name == word)))
    }

    /// By id or name; none where several have that name.
    pub fn find_swarm(&self, word: &str) -> Option<&SwarmInfo> {
        self.swarms.get(word).or_else(|| only(self.swarms.values().filter(|s| s.name == word)))
    }

    pub fn swarms(&self) -> impl ExactSizeIterator<Item = &SwarmInfo> {
        self.swarms.values()
    }

    pub fn agents(&self) -> impl ExactSizeIterator<Item = &AgentInfo> {
        self.agents.values()
    }

    /// Oldest first.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &EventRecord> + ExactSizeIterator {
        self.events.iter()
    }

    pub fn history(&self, id: &AgentId) -> Option<&History> {
        self.burn.agent(id.as_str()).map(|series| &series.short)
    }

    /// All agents together.
    pub fn total(&self) -> &History {
        &self.burn.total().short
    }

    pub fn burn(&self) -> &Burn {
        &self.burn
    }

    /// What the ledger answered.
    pub fn set_money(&mut self, money: Money) {
        self.money = Some(money);
    }

    /// The ledger's last answer; none before it was asked.
    pub fn money(&self) -> Option<&Money> {
        self.money.as_ref()
    }

    /// Whether any agent ever reported a progress; else no view need leave room for one.
    pub fn progress_seen(&self) -> bool {
        self.progress_seen
    }

    pub fn working(&self) -> usize {
        self.agents.values().filter(|agent| agent.state == AgentState::Working).count()
    }

    /// When the newest kept event happened.
    pub fn newest(&self) -> Option<Stamp> {
        self.events.back().map(|record| record.time)
    }
}

fn only<'a, T>(mut found: impl Iterator<Item = &'a T>) -> Option<&'a T> {
    let first = found.next()?;
    if found.next().is_some() { None } else { Some(first) }
}
