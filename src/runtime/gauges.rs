//! The latest value of what changes all the time: last line, bytes, progress. Coalesced to
//! ten a second for each agent, never journaled, and silent while nothing changes.

use crate::{
    model::{AgentId, AgentInfo, AttemptId},
    protocol::{keeper::KeeperGauge, stream::Gauge},
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{Notify, broadcast, watch};

/// Between two tellings.
const COALESCE: Duration = Duration::from_millis(100);
/// Tellings a subscriber may be behind; older ones are worth nothing.
const QUEUE: usize = 64;

#[derive(Clone)]
pub struct Gauges {
    inner: Arc<Inner>,
}

struct Inner {
    table: Mutex<Table>,
    changed: Notify,
    tell: broadcast::Sender<Arc<Vec<Gauge>>>,
}

#[derive(Default)]
struct Table {
    latest: HashMap<AgentId, Entry>,
    /// Bytes recorded, for those who follow a log; they may come before the first gauge.
    bytes: HashMap<AgentId, watch::Sender<u64>>,
    dirty: BTreeSet<AgentId>,
}

struct Entry {
    attempt: AttemptId,
    gauge: KeeperGauge,
}

impl Gauges {
    pub fn new() -> Self {
        let (tell, _) = broadcast::channel(QUEUE);
        Self { inner: Arc::new(Inner { table: Mutex::default(), changed: Notify::new(), tell }) }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // A panic elsewhere leaves plain values behind: they are still good.
        self.inner.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set(&self, agent: &AgentId, attempt: &AttemptId, gauge: KeeperGauge) {
        let mut table = self.table();
        if let Some(bytes) = table.bytes.get(agent) {
            bytes.send_replace(gauge.bytes);
        }
        table.latest.insert(agent.clone(), Entry { attempt: attempt.clone(), gauge });
        table.dirty.insert(agent.clone());
        drop(table);
        self.inner.changed.notify_one();
    }

    /// Drops what was known about agents that are gone.
    pub fn forget(&self, gone: impl Fn(&AgentId) -> bool) {
        let mut table = self.table();
        table.latest.retain(|agent, _| !gone(agent));
        table.bytes.retain(|agent, _| !gone(agent));
    }

    /// Bytes recorded of its current attempt, as last heard.
    pub fn bytes(&self, agent: &AgentId) -> u64 {
        self.table().latest.get(agent).map_or(0, |entry| entry.gauge.bytes)
    }

    /// The last line with text that it printed, as last heard.
    pub fn last_line(&self, agent: &AgentId) -> String {
        let table = self.table();
        table.latest.get(agent).map_or_else(String::new, |entry| entry.gauge.last_line.clone())
    }

    /// Fills in what the state does not hold.
    pub fn fill(&self, info: &mut AgentInfo) {
        let table = self.table();
        if let Some(entry) = table.latest.get(&info.id)
            && Some(&entry.attempt) == info.attempt_id.as_ref()
        {
            info.bytes = info.bytes.max(entry.gauge.bytes);
            // What one that is over has said at its end stays, also where another attempt follows.
            if info.pid.is_some() || info.last_line.is_empty() {
                info.last_line.clone_from(&entry.gauge.last_line);
            }
            if info.progress.is_none() && info.pid.is_some() {
                info.progress = entry.gauge.progress;
            }
        }
    }

    /// Changes of the number of recorded bytes, whichever attempt recorded them.
    pub fn watch_bytes(&self, agent: &AgentId) -> watch::Receiver<u64> {
        let mut table = self.table();
        let bytes = table.bytes.entry(agent.clone()).or_insert_with(|| watch::channel(0).0);
        bytes.subscribe()
    }

    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Vec<Gauge>>> {
        self.inner.tell.subscribe()
    }

    /// Tells subscribers, until the process ends.
    pub async fn run(self) {
        loop {
            self.inner.changed.notified().await;
            tokio::time::sleep(COALESCE).await;
            let mut table = self.table();
            let dirty = std::mem::take(&mut table.dirty);
            if self.inner.tell.receiver_count() == 0 {
                continue;
            }
            let gauges = dirty.into_iter().filter_map(|agent| {
                let gauge = table.latest.get(&agent)?.gauge.clone();
                let KeeperGauge { bytes, last_line, title, progress, .. } = gauge;
                Some(Gauge { agent, last_line, bytes, progress, title })
            });
            let gauges: Vec<Gauge> = gauges.collect();
            // Nobody may listen by now.
            let _ = self.inner.tell.send(Arc::new(gauges));
        }
    }
}
