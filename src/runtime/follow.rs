//! Following what happens: a snapshot and all after it, commits as they come, events of the
//! past.

use super::{
    actor::Commit,
    approval::approvals,
    handle::Handle,
    lookup::{all_agents, all_swarms},
};
use crate::{
    model::{Approval, EventRecord, Refusal, RefusalCode},
    protocol::stream::{Gauge, Snapshot},
};
use std::sync::Arc;
use tokio::sync::broadcast;

/// Events that a new screen begins with.
const RECENT: usize = 200;

/// A snapshot and everything after it.
pub struct Subscription {
    pub snapshot: Snapshot,
    pub commits: broadcast::Receiver<Arc<Commit>>,
    pub gauges: broadcast::Receiver<Arc<Vec<Gauge>>>,
}

impl Handle {
    /// A snapshot and all that is committed after it, taken atomically.
    ///
    /// # Errors
    /// When the core is leaving.
    pub async fn subscribe(&self) -> Result<Subscription, Refusal> {
        let (commits, gauges) = (self.commits.clone(), self.world.gauges.clone());
        let (mut snapshot, commits) = self
            .world
            .read(move |state| {
                let snapshot = Snapshot {
                    seq: state.seq,
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    swarms: all_swarms(state),
                    agents: all_agents(state, None, &gauges),
                    approvals: approvals(state, Approval::is_open),
                    recent: Vec::new(),
                };
                (snapshot, commits.subscribe())
            })
            .await?;
        let mut recent = self.events(snapshot.seq.saturating_sub(RECENT as u64), RECENT).await?;
        recent.retain(|record| record.seq <= snapshot.seq);
        snapshot.recent = recent;
        Ok(Subscription { snapshot, commits, gauges: self.world.gauges.subscribe() })
    }

    /// Commits from now on, with the number of the last event before them.
    ///
    /// # Errors
    /// When the core is leaving.
    pub async fn follow(&self) -> Result<(u64, broadcast::Receiver<Arc<Commit>>), Refusal> {
        let commits = self.commits.clone();
        self.world.read(move |state| (state.seq, commits.subscribe())).await
    }

    /// Fails where there is no event `since` yet, or those after it are no longer kept.
    ///
    /// # Errors
    /// When they are to come or gone, or the journal cannot be read.
    pub async fn still_has(&self, since: u64) -> Result<(), Refusal> {
        let latest = self.world.read(|state| state.seq).await?;
        if since > latest {
            let why = format!("there is no event {since} yet: the latest is {latest}");
            return Err(Refusal::new(RefusalCode::Invalid, why)
                .hinted(format!("--since {latest} tells only of what is to come")));
        }
        let journal = self.journal.clone();
        let oldest = tokio::task::spawn_blocking(move || journal.oldest()).await;
        match oldest {
            Ok(Ok(Some(oldest))) if since + 1 < oldest => {
                let why = format!("events up to {} are no longer kept", oldest - 1);
                Err(Refusal::new(RefusalCode::Gone, why)
                    .hinted(format!("the oldest that can be had: --since {}", oldest - 1)))
            }
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Refusal::new(RefusalCode::Internal, error.to_string())),
            Err(error) => Err(Refusal::new(RefusalCode::Internal, error.to_string())),
        }
    }

    /// At most `limit` events after `since`, from the journal.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn events(&self, since: u64, limit: usize) -> Result<Vec<EventRecord>, Refusal> {
        let journal = self.journal.clone();
        let read = tokio::task::spawn_blocking(move || journal.read(since, limit)).await;
        match read {
            Ok(Ok(events)) => Ok(events),
            Ok(Err(error)) => Err(Refusal::new(RefusalCode::Internal, error.to_string())),
            Err(error) => Err(Refusal::new(RefusalCode::Internal, error.to_string())),
        }
    }
}
