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

#[derive(Clone, Debug, PartialEq, Serialize)]
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

impl ServerMessage {
    /// Reads one. Each kind is read from the text itself, as other answers of the core are: a
    /// derived reader would have all of them once more, for values that were read already.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(text: &[u8]) -> serde_json::Result<Self> {
        #[derive(Deserialize)]
        struct Kind<'a> {
            #[serde(rename = "type", borrow)]
            kind: &'a str,
        }
        #[derive(Deserialize)]
        struct Gauges {
            gauges: Vec<Gauge>,
        }
        #[derive(Deserialize)]
        struct Gap {
            after: u64,
            until: u64,
        }
        Ok(match serde_json::from_slice::<Kind>(text)?.kind {
            "snapshot" => Self::Snapshot(serde_json::from_slice(text)?),
            "event" => Self::Event(serde_json::from_slice(text)?),
            "update" => Self::Update(serde_json::from_slice(text)?),
            "gauges" => Self::Gauges { gauges: serde_json::from_slice::<Gauges>(text)?.gauges },
            "gap" => {
                let Gap { after, until } = serde_json::from_slice(text)?;
                Self::Gap { after, until }
            }
            other => return Err(serde::de::Error::custom(format!("no message is {other:?}"))),
        })
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Event, Stamp};

    #[test]
    fn every_message_is_read_as_it_was_written() {
        let event = EventRecord {
            seq: 7,
            time: Stamp(0),
            swarm: Some("sw-1".into()),
            agent: None,
            attempt: None,
            event: Event::SwarmResumed,
        };
        let gauge = Gauge {
            agent: "ag-1".into(),
            last_line: "\"type\"".to_owned(),
            bytes: 1,
            progress: None,
            title: String::new(),
        };
        for message in [
            ServerMessage::Snapshot(Box::default()),
            ServerMessage::Event(Box::new(event)),
            ServerMessage::Update(Box::default()),
            ServerMessage::Gauges { gauges: vec![gauge] },
            ServerMessage::Gap { after: 1, until: 2 },
        ] {
            let text = serde_json::to_vec(&message).unwrap();
            assert_eq!(ServerMessage::read(&text).unwrap(), message);
        }
        assert!(ServerMessage::read(b"{\"type\":\"song\"}").is_err());
    }
}
