//! `GET /v1/events`: a WebSocket when the client upgrades, else server-sent events.
//!
//! Query: `since=SEQ` (all events after it, then live ones; default: only live ones),
//! `follow=0` (end after what the journal holds), `snapshot=1` (begin with a [`Snapshot`]
//! and send [`Update`]s and [`Gauge`]s between the events), `swarm=`, `agent=`, `level=`,
//! `kind=`, `attention=1`.
//! One JSON object a message; as a server-sent event, an event's `id` is its number, and
//! `Last-Event-ID` stands for `since`. With `snapshot=1`, the snapshot stands for all up to its
//! `seq`, and every event after it follows: nothing is missed between the two.
//!
//! What has nothing to tell sends a heartbeat every 10 s: a comment line, or a WebSocket's ping.
//!
//! Backpressure: a reader that falls behind gets [`ServerMessage::Gap`] and is continued
//! from the journal; with `snapshot=1` it gets a new snapshot.

use crate::model::{AgentId, AgentInfo, Approval, EventRecord, SwarmId, SwarmInfo};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    Snapshot(Box<Snapshot>),
    Event(Box<EventRecord>),
    /// Rows as they are after the events up to `seq`.
    Update(Box<Update>),
    /// Latest values, at most ten a second for each agent.
    Gauges {
        gauges: Vec<Gauge>,
    },
    /// Events after `after` up to `until` were not sent live; they follow from the journal.
    Gap {
        after: u64,
        until: u64,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Snapshot {
    pub seq: u64,
    pub version: String,
    pub swarms: Vec<SwarmInfo>,
    pub agents: Vec<AgentInfo>,
    /// All that are open, the oldest first.
    #[serde(default)]
    pub approvals: Vec<Approval>,
    /// The newest events, oldest first, so that an event pane need not start empty.
    pub recent: Vec<EventRecord>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Update {
    pub seq: u64,
    pub swarms: Vec<SwarmInfo>,
    pub agents: Vec<AgentInfo>,
    /// Those that were asked, answered or otherwise ended.
    #[serde(default)]
    pub approvals: Vec<Approval>,
    pub removed_swarms: Vec<SwarmId>,
    pub removed_agents: Vec<AgentId>,
}

/// What changes all the time about one agent; no seq, never journaled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Gauge {
    pub agent: AgentId,
    pub last_line: String,
    pub bytes: u64,
    pub progress: Option<u8>,
    pub title: String,
}
