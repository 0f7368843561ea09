//! The audit: who did what, by whose leave, when; each row carries the hash of the one
//! before it, so that a changed, removed or reordered row shows.
//!
//! A row is text, in the journal's table `audit` as in an export (one JSON object a line).
//! Its `hash` is the SHA-256, in hex, of
//!
//! ```text
//! "dash audit 1\n" n at who leave action swarm agent attempt outcome detail prev
//! ```
//!
//! each field as a netstring: its length in bytes (decimal), `:`, its bytes, `,`. One that
//! is absent (`null`) is the single byte `-`. `n` is decimal, without leading zeros; `at`
//! stands as exported; `detail` is its JSON text as exported, which has its keys in order
//! and no blanks. `prev` is the hash of the row before, of row 1 sixty-four zeros.
//!
//! `n` counts from 1 without gaps, but for rows that a power cut took from the end: then the
//! next row is `audit.gap`, whose number leaves theirs out and whose `prev` is the hash of
//! the last that is left. [`Chain`] checks all this.
//!
//! Of a journal that is older than its audit the first row is `audit.begin`: `after_event` is
//! the last event of which nothing could be recorded.
//!
//! There is no secret in it: whoever may write the user's files can make up a whole chain.
//! What was exported, or the head noted down somewhere else, cannot be made up afterwards.

mod chain;

pub use chain::{AuditReport, Break, BreakKind, Chain, ChainEnd, Gap};

use super::{Actor, AgentId, AttemptId, Stamp, SwarmId, argv_digest, hex, masked};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, value::RawValue};
use sha2::{Digest, Sha256};

/// What every hash begins with: another way of hashing gets another number.
const MAGIC: &[u8] = b"dash audit 1\n";
/// Characters of anybody's text in `detail` or `outcome`.
const SHORT: usize = 200;

/// What is to be audited, before it has its time and its place in the chain.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditDraft {
    pub who: Actor,
    /// By whose leave: a socket, a rule's name, an approval's id, `core`.
    pub leave: String,
    /// A stable word such as `swarm.create`.
    pub action: &'static str,
    pub swarm: Option<SwarmId>,
    pub agent: Option<AgentId>,
    pub attempt: Option<AttemptId>,
    /// `ok`, or `refused: why`.
    pub outcome: String,
    /// Never a key, a token or typed text.
    pub detail: Map<String, Value>,
}

impl AuditDraft {
    pub fn new(who: &Actor, action: &'static str) -> Self {
        Self {
            who: who.clone(),
            leave: who.leave().to_owned(),
            action,
            swarm: None,
            agent: None,
            attempt: None,
            outcome: "ok".to_owned(),
            detail: Map::new(),
        }
    }

    #[must_use]
    pub fn by_leave_of(mut self, leave: impl Into<String>) -> Self {
        self.leave = leave.into();
        self
    }

    #[must_use]
    pub fn on_swarm(mut self, swarm: &SwarmId) -> Self {
        self.swarm = Some(swarm.clone());
        self
    }

    /// Its swarm is filled in by `decide`.
    #[must_use]
    pub fn on_agent(mut self, agent: &AgentId) -> Self {
        self.agent = Some(agent.clone());
        self
    }

    #[must_use]
    pub fn on_attempt(mut self, attempt: &AttemptId) -> Self {
        self.attempt = Some(attempt.clone());
        self
    }

    #[must_use]
    pub fn refused(mut self, why: &str) -> Self {
        self.outcome = short(&format!("refused: {why}"));
        self
    }

    /// Texts are cut short; empty ones are left out.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        let value = match value.into() {
            Value::String(text) if text.is_empty() => return self,
            Value::String(text) => Value::String(short(&text)),
            other => other,
        };
        self.detail.insert(key.to_owned(), value);
        self
    }
}

impl AuditDraft {
    /// Which command it is about, keys masked: see [`masked`]. `argv_sha256` tells whether a
    /// command that is known was the one.
    #[must_use]
    pub fn of_command(mut self, argv: &[String], cwd: &std::path::Path) -> Self {
        self.detail.insert("command".to_owned(), masked(argv).into());
        self.with("argv_sha256", argv_digest(argv)).with("cwd", cwd.display().to_string())
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(SHORT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A row as it is stored, hashed and exported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AuditRow {
    /// From 1.
    pub n: u64,
    /// RFC 3339.
    pub at: String,
    /// `user NAME`, `agent ID` or `core`.
    pub who: String,
    pub leave: String,
    pub action: String,
    pub swarm: Option<String>,
    pub agent: Option<String>,
    pub attempt: Option<String>,
    pub outcome: String,
    /// JSON text.
    #[serde(serialize_with = "raw_out", deserialize_with = "raw_in")]
    #[cfg_attr(test, schemars(with = "Map<String, Value>"))]
    pub detail: String,
    pub prev: String,
    pub hash: String,
}

/// Where the chain ends: the number and the hash of its last row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Head {
    pub n: u64,
    pub hash: String,
}

impl Default for Head {
    /// Before the first row.
    fn default() -> Self {
        Self { n: 0, hash: "0".repeat(64) }
    }
}

impl Head {
    /// Appends a row to the chain.
    pub fn seal(&mut self, draft: AuditDraft, at: Stamp) -> AuditRow {
        let mut row = AuditRow {
            n: self.n + 1,
            at: at.to_string(),
            who: draft.who.to_string(),
            leave: draft.leave,
            action: draft.action.to_owned(),
            swarm: draft.swarm.map(|id| id.to_string()),
            agent: draft.agent.map(|id| id.to_string()),
            attempt: draft.attempt.map(|id| id.to_string()),
            outcome: draft.outcome,
            detail: Value::Object(draft.detail).to_string(),
            prev: std::mem::take(&mut self.hash),
            hash: String::new(),
        };
        row.hash = row.digest();
        *self = Self { n: row.n, hash: row.hash.clone() };
        row
    }
}

impl AuditRow {
    /// The last event from before the audit began, where it began later than its journal.
    pub fn begins_after(&self) -> Option<u64> {
        let first = self.n == 1 && self.who == "core" && self.action == "audit.begin";
        let detail: Value = serde_json::from_str(&self.detail).ok().filter(|_| first)?;
        detail.get("after_event")?.as_u64()
    }

    /// What `hash` must be.
    pub fn digest(&self) -> String {
        self.digest_as(self.n)
    }

    /// What `hash` would have to be at another place.
    fn digest_as(&self, n: u64) -> String {
        let mut hasher = Sha256::new_with_prefix(MAGIC);
        let mut field = |text: Option<&str>| match text {
            Some(text) => {
                hasher.update(text.len().to_string());
                hasher.update(b":");
                hasher.update(text);
                hasher.update(b",");
            }
            None => hasher.update(b"-"),
        };
        field(Some(&n.to_string()));
        for text in [&self.at, &self.who, &self.leave, &self.action] {
            field(Some(text));
        }
        for id in [&self.swarm, &self.agent, &self.attempt] {
            field(id.as_deref());
        }
        for text in [&self.outcome, &self.detail, &self.prev] {
            field(Some(text));
        }
        hex(hasher.finalize())
    }
}

/// A row whose detail was tampered with may hold anything: as a string it still goes out.
fn raw_out<S: Serializer>(text: &str, to: S) -> Result<S::Ok, S::Error> {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(raw) if raw.get() == text && !text.contains(['\n', '\r']) => raw.serialize(to),
        Ok(_) | Err(_) => text.serialize(to),
    }
}

fn raw_in<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(Box::<RawValue>::deserialize(from)?.get().to_owned())
}

#[cfg(test)]
mod tests;
