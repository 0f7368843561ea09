//! What the server asks of the audit: to note something down, to read it, to check it.

use super::{
    handle::Handle,
    journal::{AuditQuery, Journal, JournalError},
};
use crate::{
    core::Input,
    model::{AuditDraft, AuditReport, AuditRow, Refusal, RefusalCode},
};
use bytes::Bytes;
use std::{io, time::Duration};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// With a full disk a row is kept for when there is room; nobody waits longer for it.
const WRITTEN: Duration = Duration::from_secs(1);
/// Rows read at once.
const PAGE: usize = 1000;
/// Pages that may wait for a slow reader.
const QUEUE: usize = 4;

/// Rows as lines of JSON.
pub type AuditStream = ReceiverStream<io::Result<Bytes>>;

fn broken(error: impl ToString) -> Refusal {
    Refusal::new(RefusalCode::Internal, error.to_string())
}

impl Handle {
    /// A row by whoever this handle acts for.
    pub fn row(&self, action: &'static str) -> AuditDraft {
        AuditDraft::new(&self.actor, action)
    }

    /// Adds a row of its own to the audit.
    pub async fn note(&self, row: AuditDraft) {
        let noted = self.world.feed(Input::Note(Box::new(row)));
        match tokio::time::timeout(WRITTEN, noted).await {
            Ok(Ok(_)) => {}
            Ok(Err(refusal)) => tracing::error!(%refusal, "not in the audit"),
            Err(_) => tracing::warn!("the audit waits for room on the disk"),
        }
    }

    /// Streams rows, oldest first, at most `limit`.
    ///
    /// # Errors
    /// When an agent or swarm is wanted that nobody has heard of, or the journal does not read.
    pub async fn audit(
        &self,
        mut query: AuditQuery,
        limit: Option<u64>,
    ) -> Result<AuditStream, Refusal> {
        // What was done before this question is in its answer.
        self.world.read(|_| ()).await?;
        // By name while it is known; by id also after its swarm was removed.
        if let Some(name) = query.agent.take() {
            query.agent = Some(match self.agent_id(&name).await {
                Ok(id) => id.to_string(),
                Err(_) => self.remembered("agent", name).await?,
            });
        }
        if let Some(name) = query.swarm.take() {
            query.swarm = Some(match self.swarm_id(&name).await {
                Ok(id) => id.to_string(),
                Err(_) => self.remembered("swarm", name).await?,
            });
        }
        let (queue, pages) = mpsc::channel(QUEUE);
        let journal = self.journal.clone();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = copy(&journal, query, limit, &queue) {
                let _ = queue.blocking_send(Err(io::Error::other(error)));
            }
        });
        Ok(ReceiverStream::new(pages))
    }

    /// An id that the audit knows: one that stands nowhere is a slip, and no empty answer.
    async fn remembered(&self, what: &str, id: String) -> Result<String, Refusal> {
        let mut query = AuditQuery::default();
        if what == "agent" {
            query.agent = Some(id.clone());
        } else {
            query.swarm = Some(id.clone());
        }
        let journal = self.journal.clone();
        let found = tokio::task::spawn_blocking(move || journal.audit(&query, 1)).await;
        if !found.map_err(broken)?.map_err(broken)?.is_empty() {
            return Ok(id);
        }
        let why = format!("no {what} is called {id:?}, and the audit knows none");
        let hint = "what was removed goes by its id there: ag-01, sw-1";
        Err(Refusal::new(RefusalCode::NotFound, why).hinted(hint))
    }

    /// Checks every row, and that none is missing at the end.
    ///
    /// # Errors
    /// When the core is leaving, or the journal does not read.
    pub async fn check_audit(&self) -> Result<AuditReport, Refusal> {
        let journal = self.journal.clone();
        let chain = tokio::task::spawn_blocking(move || journal.check_audit()).await;
        let chain = chain.map_err(broken)?.map_err(broken)?;
        // What was written meanwhile is committed and counted when this is answered.
        self.world.read(|_| ()).await?;
        Ok(chain.finish(Some(self.journal.head().n)))
    }
}

type Queue = mpsc::Sender<io::Result<Bytes>>;

/// Until all is sent, or the reader has gone.
fn copy(
    journal: &Journal,
    mut query: AuditQuery,
    limit: Option<u64>,
    queue: &Queue,
) -> Result<(), JournalError> {
    let mut left = limit.unwrap_or(u64::MAX);
    while left > 0 {
        let page = journal.audit(&query, PAGE.min(usize::try_from(left).unwrap_or(PAGE)))?;
        let Some(last) = page.last() else { return Ok(()) };
        query.after = last.n;
        left -= page.len() as u64;
        if queue.blocking_send(Ok(lines(&page))).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

fn lines(rows: &[AuditRow]) -> Bytes {
    let mut text = Vec::new();
    for row in rows {
        // Into memory: of what a row holds nothing fails to be written.
        if let Err(error) = serde_json::to_writer(&mut text, row) {
            tracing::error!(%error, n = row.n, "an audit row is left out");
        }
        text.push(b'\n');
    }
    text.into()
}
