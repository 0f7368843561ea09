//! The journal: every event, in SQLite (WAL), written by one thread.
//!
//! Format (`journal.db`): `events` holds one JSON record an event, `snapshots` the whole
//! state every [`SNAPSHOT_EVERY`] events, `history` one summary row for each finished
//! attempt and swarm, `audit` the rows of `model::audit`, which are never dropped. With each
//! snapshot the events go that are older than the retention.
//! Commits are durable against the death of the core
//! (synchronous NORMAL), those about money against that of the machine (FULL). A commit that fails leaves the file as it was.
//!
//! Recordings and journal mostly share a disk, so the one that fills it is an agent: blocks
//! for [`RESERVE`] bytes of the write-ahead log are taken in advance, and what happens then
//! can still be written while [`Journal::is_low`] keeps new work away.

mod anchor;
mod audit;

pub use anchor::Anchor;
pub use audit::AuditQuery;

use crate::{
    core::{State, apply},
    model::{AuditRow, Event, EventRecord, Head, quoted},
};
use rusqlite::{Connection, OptionalExtension, params};
use rustix::fs::{FallocateFlags, fallocate};
use std::{
    fs::File,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};
use tokio::sync::{oneshot, watch};

/// Events between two snapshots: what a start has to replay at most.
pub const SNAPSHOT_EVERY: u64 = 10_000;
/// Commits that may wait for the writer; the actor waits for each, so few are enough.
const QUEUE: usize = 64;

/// Pages in the write-ahead log that make SQLite move them into the file: 2 MB.
const CHECKPOINT: u32 = 500;
/// Blocks taken in advance for the write-ahead log, in bytes: one of full length, and half
/// as much again for when the disk is too full to move it.
const RESERVE: u64 = 3 << 20;
/// With less than this left on the disk, in bytes, nothing new is begun.
const LOW: u64 = 256 << 10;

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("the journal {path}: {source}")]
    Sqlite { path: PathBuf, source: rusqlite::Error },
    #[error("the journal {path}: event {seq} does not read: {source}")]
    Corrupt { path: PathBuf, seq: u64, source: serde_json::Error },
    /// The file itself is damaged; the message goes on with what can be done about it.
    #[error("{}", damaged(path, why))]
    Damaged { path: PathBuf, why: String },
    #[error("the journal's writer is gone")]
    Gone,
}

impl JournalError {
    /// Damage to the file as such.
    fn told(self) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match self {
            Self::Sqlite { path, source } => match source.sqlite_error_code() {
                Some(DatabaseCorrupt) => Self::Damaged { path, why: "parts are missing".into() },
                Some(NotADatabase) => Self::Damaged { path, why: "it is no database".into() },
                Some(_) | None => Self::Sqlite { path, source },
            },
            Self::Corrupt { path, seq, source } => {
                let why = format!("event {seq} does not read: {source}");
                Self::Damaged { path, why }
            }
            Self::Damaged { .. } | Self::Gone => self,
        }
    }
}

/// What is wrong, what remains, and both ways on; a line each.
fn damaged(path: &Path, why: &str) -> String {
    let state = path.parent().unwrap_or(Path::new("."));
    let quote = |path: &Path| quoted(&[path.display().to_string()]);
    format!(
        "the journal {path} is damaged: {why}\n\
         what agents printed is not in it and remains: {attempts}\n\
         to restore it, put a copy of journal.db in its place, with its own journal.db-wal or none\n\
         to do without it, move it away: (cd {dir} && mkdir damaged && mv journal.db* damaged)\n\
         the next core then begins anew: it stops agents that still run, and keeps what they \
         printed in {dir}/lost-N",
        path = path.display(),
        attempts = state.join("attempts").display(),
        dir = quote(state),
    )
}

/// One row of `history`: what is learned later is learned from it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistoryRow {
    /// `attempt` or `swarm`.
    pub what: &'static str,
    pub id: String,
    pub swarm: String,
    pub adapter: String,
    pub model: String,
    /// `queue` or `single`.
    pub task_type: &'static str,
    pub outcome: String,
    /// Class of failure: the result's stop reason; empty when done.
    pub failure: String,
    pub duration_ms: u64,
    pub tokens: u64,
    pub cost_micros: i64,
    pub retries: u32,
    pub ended_at: String,
}

/// What is written in one transaction; the snapshot, which only saves time, after it.
#[derive(Default)]
pub struct Entry {
    pub records: Vec<EventRecord>,
    pub audit: Vec<AuditRow>,
    pub history: Vec<HistoryRow>,
    pub snapshot: Option<Box<State>>,
}

struct Commit {
    entry: Entry,
    done: oneshot::Sender<Result<(), JournalError>>,
}

/// A handle to the writer thread. The thread ends when the last handle is dropped.
#[derive(Clone)]
pub struct Journal {
    path: PathBuf,
    writer: SyncSender<Commit>,
    /// Of the audit as it is committed.
    head: watch::Sender<Head>,
}

impl Journal {
    /// Opens or creates the journal and replays it. `kept`: so many of the newest events stay.
    ///
    /// # Errors
    /// When the file cannot be opened, is no journal, or holds a record that does not read.
    pub fn open(path: &Path, kept: u64) -> Result<(Self, State), JournalError> {
        Self::open_whole(path, kept).map_err(JournalError::told)
    }

    fn open_whole(path: &Path, kept: u64) -> Result<(Self, State), JournalError> {
        let wrap = |source| JournalError::Sqlite { path: path.to_owned(), source };
        let mut db = Connection::open(path).map_err(wrap)?;
        audit::begin(&mut db).map_err(wrap)?;
        prepare(&db).map_err(wrap)?;
        reserve(path);
        let state = load(&db, path)?;
        let head = watch::Sender::new(audit::head(&db).map_err(wrap)?);
        let (writer, commits) = sync_channel(QUEUE);
        let (name, ends) = (path.to_owned(), head.clone());
        let spawned = thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || write_all(db, &name, &commits, &ends, kept.max(2 * SNAPSHOT_EVERY)));
        spawned.map_err(|_| JournalError::Gone)?;
        Ok((Self { path: path.to_owned(), writer, head }, state))
    }

    /// Writes in one transaction; resolves once it is committed.
    ///
    /// # Errors
    /// When it could not be committed: then nothing of it is in the journal.
    pub async fn commit(&self, entry: Entry) -> Result<(), JournalError> {
        let (done, wait) = oneshot::channel();
        self.writer.send(Commit { entry, done }).map_err(|_| JournalError::Gone)?;
        wait.await.map_err(|_| JournalError::Gone)?
    }

    /// At most `limit` events after `since`, oldest first. Blocks on the disk.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn read(&self, since: u64, limit: usize) -> Result<Vec<EventRecord>, JournalError> {
        let db = self.reader()?;
        read_events(&db, &self.path, since, limit)
    }

    /// The number of the oldest event that is kept; none before the first.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn oldest(&self) -> Result<Option<u64>, JournalError> {
        let oldest = "SELECT min(seq) FROM events";
        let seq = self.reader()?.query_row(oldest, [], |row| row.get::<_, Option<i64>>(0));
        seq.map(|seq| seq.map(|seq| seq as u64)).map_err(|source| self.wrap(source))
    }

    /// The state as the journal has it: what a failed commit falls back to.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn reload(&self) -> Result<State, JournalError> {
        load(&self.reader()?, &self.path)
    }

    /// True when the disk under the journal is all but full.
    pub fn is_low(&self) -> bool {
        let at = self.path.parent().unwrap_or(&self.path);
        rustix::fs::statvfs(at).is_ok_and(|disk| disk.f_bavail * disk.f_frsize < LOW)
    }

    fn reader(&self) -> Result<Connection, JournalError> {
        Connection::open_with_flags(&self.path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)
            .map_err(|source| self.wrap(source))
    }

    fn wrap(&self, source: rusqlite::Error) -> JournalError {
        JournalError::Sqlite { path: self.path.clone(), source }
    }
}

fn prepare(db: &Connection) -> rusqlite::Result<()> {
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.pragma_update(None, "wal_autocheckpoint", CHECKPOINT)?;
    db.execute_batch(
        "CREATE TABLE IF NOT EXISTS events (
            seq INTEGER PRIMARY KEY, time TEXT NOT NULL, kind TEXT NOT NULL,
            swarm TEXT, agent TEXT, attempt TEXT, body TEXT NOT NULL);
         CREATE TABLE IF NOT EXISTS snapshots (seq INTEGER PRIMARY KEY, body TEXT NOT NULL);
         CREATE TABLE IF NOT EXISTS history (
            what TEXT NOT NULL, id TEXT NOT NULL, swarm TEXT NOT NULL, adapter TEXT NOT NULL,
            model TEXT NOT NULL, task_type TEXT NOT NULL, outcome TEXT NOT NULL,
            failure TEXT NOT NULL, duration_ms INTEGER NOT NULL, tokens INTEGER NOT NULL,
            cost_micros INTEGER NOT NULL, retries INTEGER NOT NULL, ended_at TEXT NOT NULL);",
    )?;
    db.execute_batch(audit::TABLE)
}

/// Takes the blocks of [`RESERVE`]. SQLite writes over its log from the start again and
/// never shortens it while it is open, and it holds no lock on this file that closing it
/// could lose. Where a file system cannot, or has no room, there is just no reserve.
fn reserve(journal: &Path) {
    let mut name = journal.as_os_str().to_owned();
    name.push("-wal");
    let open = File::options().write(true).create(true).truncate(false).mode(0o600).open(name);
    if let Ok(log) = open
        && let Err(error) = fallocate(&log, FallocateFlags::KEEP_SIZE, 0, RESERVE)
    {
        tracing::debug!(%error, "no reserve for the journal");
    }
}

fn load(db: &Connection, path: &Path) -> Result<State, JournalError> {
    let wrap = |source| JournalError::Sqlite { path: path.to_owned(), source };
    let newest = "SELECT seq, body FROM snapshots ORDER BY seq DESC LIMIT 1";
    let snapshot: Option<(i64, String)> =
        db.query_row(newest, [], |row| Ok((row.get(0)?, row.get(1)?))).optional().map_err(wrap)?;
    let mut state = match snapshot {
        Some((seq, body)) => serde_json::from_str(&body).map_err(|source| {
            JournalError::Corrupt { path: path.to_owned(), seq: seq as u64, source }
        })?,
        None => State::default(),
    };
    loop {
        let records = read_events(db, path, state.seq, 2_000)?;
        if records.is_empty() {
            return Ok(state);
        }
        for record in &records {
            apply(&mut state, record);
        }
    }
}

fn read_events(
    db: &Connection,
    path: &Path,
    since: u64,
    limit: usize,
) -> Result<Vec<EventRecord>, JournalError> {
    let wrap = |source| JournalError::Sqlite { path: path.to_owned(), source };
    let mut query = db
        .prepare_cached("SELECT seq, body FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2")
        .map_err(wrap)?;
    let rows = query
        .query_map(params![since as i64, limit as i64], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
        })
        .map_err(wrap)?;
    let mut records = Vec::new();
    for row in rows {
        let (seq, body) = row.map_err(wrap)?;
        let record = serde_json::from_str(&body).map_err(|source| JournalError::Corrupt {
            path: path.to_owned(),
            seq: seq as u64,
            source,
        })?;
        records.push(record);
    }
    Ok(records)
}

fn write_all(
    mut db: Connection,
    path: &Path,
    commits: &Receiver<Commit>,
    head: &watch::Sender<Head>,
    kept: u64,
) {
    let mut full = false;
    while let Ok(Commit { entry, done }) = commits.recv() {
        let outcome = write(&mut db, &mut full, &entry)
            .map_err(|source| JournalError::Sqlite { path: path.to_owned(), source });
        // A snapshot only saves time at the next start: failing to write one loses nothing.
        if outcome.is_ok()
            && let Some(state) = &entry.snapshot
            && let Err(error) = write_snapshot(&mut db, state, kept)
        {
            tracing::warn!(%error, "no snapshot could be written");
        }
        if outcome.is_ok()
            && let Some(row) = entry.audit.last()
        {
            head.send_replace(Head { n: row.n, hash: row.hash.clone() });
        }
        // Whoever waited may be gone; the commit stands all the same.
        let _ = done.send(outcome);
    }
}

impl Entry {
    /// Money is set aside under a limit, or may be spent: what follows must not outlive what is
    /// written here, not even where the machine dies. What was set aside where nothing limited
    /// it lasts as long as the limit that is set after it: both are in one file, in their order.
    fn is_money(&self) -> bool {
        let is = |record: &EventRecord| {
            matches!(
                record.event,
                Event::CallReserved { free: false, .. } | Event::BudgetSet { .. }
            )
        };
        self.records.iter().any(is)
    }
}

/// `full`: how durable commits are now. Changed only where it must be, since SQLite takes about
/// as long for that as for a row.
fn write(db: &mut Connection, full: &mut bool, entry: &Entry) -> rusqlite::Result<()> {
    if entry.is_money() != *full {
        let mode = if *full { "NORMAL" } else { "FULL" };
        db.pragma_update(None, "synchronous", mode)?;
        *full = !*full;
    }
    write_now(db, entry)
}

fn write_now(db: &mut Connection, entry: &Entry) -> rusqlite::Result<()> {
    let transaction = db.transaction()?;
    {
        let mut insert = transaction.prepare_cached(
            "INSERT INTO events (seq, time, kind, swarm, agent, attempt, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        for record in &entry.records {
            let json =
                |error: serde_json::Error| rusqlite::Error::ToSqlConversionFailure(Box::new(error));
            let body = serde_json::to_value(record).map_err(json)?;
            insert.execute(params![
                record.seq as i64,
                record.time.to_string(),
                body["kind"].as_str().unwrap_or_default(),
                record.swarm.as_ref().map(|id| id.as_str()),
                record.agent.as_ref().map(|id| id.as_str()),
                record.attempt.as_ref().map(|id| id.as_str()),
                body.to_string(),
            ])?;
        }
        let mut insert = transaction.prepare_cached(
            "INSERT INTO history VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?;
        for row in &entry.history {
            insert.execute(params![
                row.what,
                row.id,
                row.swarm,
                row.adapter,
                row.model,
                row.task_type,
                row.outcome,
                row.failure,
                row.duration_ms as i64,
                row.tokens as i64,
                row.cost_micros,
                row.retries,
                row.ended_at,
            ])?;
        }
        audit::insert(&transaction, &entry.audit)?;
    }
    transaction.commit()
}

fn write_snapshot(db: &mut Connection, state: &State, kept: u64) -> rusqlite::Result<()> {
    let body = serde_json::to_string(state)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    let transaction = db.transaction()?;
    transaction.execute(
        "INSERT OR REPLACE INTO snapshots (seq, body) VALUES (?1, ?2)",
        params![state.seq as i64, body],
    )?;
    transaction.execute(
        "DELETE FROM snapshots WHERE seq NOT IN (SELECT seq FROM snapshots ORDER BY seq DESC LIMIT 2)",
        [],
    )?;
    let gone = state.seq.saturating_sub(kept) as i64;
    transaction.execute("DELETE FROM events WHERE seq <= ?1", params![gone])?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Stamp;

    fn started(seq: u64) -> EventRecord {
        let event = Event::CoreStarted { epoch: seq, pid: 1, version: String::new() };
        EventRecord { seq, time: Stamp(0), swarm: None, agent: None, attempt: None, event }
    }

    #[tokio::test]
    async fn events_older_than_the_retention_go_with_a_snapshot() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        let (journal, mut state) = Journal::open(&path, 0).unwrap();
        assert_eq!(journal.oldest().unwrap(), None);
        let all = 2 * SNAPSHOT_EVERY + 500;
        let records: Vec<_> = (1..=all).map(started).collect();
        records.iter().for_each(|record| apply(&mut state, record));
        let entry = |records, snapshot| Entry { records, snapshot, ..Entry::default() };
        journal.commit(entry(records, None)).await.unwrap();
        assert_eq!(journal.oldest().unwrap(), Some(1));
        let snapshot = Some(Box::new(state.clone()));
        journal.commit(entry(Vec::new(), snapshot)).await.unwrap();
        // The writer prunes before it takes the next commit.
        journal.commit(Entry::default()).await.unwrap();
        assert_eq!(journal.oldest().unwrap(), Some(501));
        drop(journal);
        let (_, again) = Journal::open(&path, 0).unwrap();
        assert_eq!(again, state);
    }
}
