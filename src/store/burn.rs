//! Who burns how much: a [`Series`] for each agent, swarm and model, and for all together,
//! from the model calls that were heard of. What they come to is the ledger's business
//! ([`Money`](super::Money)): an event that was never heard of is missing here.

use super::history::Series;
use crate::model::{AgentId, Event, EventRecord, Micros, Stamp, SwarmId};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default)]
pub struct Burn {
    total: Series,
    swarms: BTreeMap<SwarmId, Series>,
    agents: BTreeMap<AgentId, Series>,
    /// By `provider/model`, as the ledger names them.
    models: BTreeMap<String, Series>,
    /// The newest event counted.
    counted: u64,
    /// Calls from before this were not heard of.
    since: Option<Stamp>,
}

impl Burn {
    pub(super) fn count(&mut self, record: &EventRecord) {
        if record.seq <= self.counted {
            return;
        }
        self.counted = record.seq;
        let Event::ModelCalled { provider, model, tokens, cost_micros, notional, .. } =
            &record.event
        else {
            return;
        };
        // Nobody pays what a subscription covers.
        let cost = if *notional { Micros::ZERO } else { *cost_micros };
        let add = |series: &mut Series| series.add(record.time, tokens.total(), cost);
        add(&mut self.total);
        add(self.models.entry(format!("{provider}/{model}")).or_default());
        if let Some(agent) = &record.agent {
            add(self.agents.entry(agent.clone()).or_default());
        }
        if let Some(swarm) = &record.swarm {
            add(self.swarms.entry(swarm.clone()).or_default());
        }
    }

    /// The first events that came are the newest of many, or all there were.
    pub(super) fn begin(&mut self, first: Option<&EventRecord>) {
        if self.counted == 0 {
            self.since = first.filter(|record| record.seq > 1).map(|record| record.time);
        }
    }

    pub(super) fn keep(
        &mut self,
        agent: impl Fn(&AgentId) -> bool,
        swarm: impl Fn(&SwarmId) -> bool,
    ) {
        self.agents.retain(|id, _| agent(id));
        self.swarms.retain(|id, _| swarm(id));
    }

    pub fn total(&self) -> &Series {
        &self.total
    }

    pub fn agent(&self, id: &str) -> Option<&Series> {
        self.agents.get(id)
    }

    pub fn swarm(&self, id: &str) -> Option<&Series> {
        self.swarms.get(id)
    }

    pub fn model(&self, id: &str) -> Option<&Series> {
        self.models.get(id)
    }

    /// None: every call was heard of.
    pub fn since(&self) -> Option<Stamp> {
        self.since
    }
}
