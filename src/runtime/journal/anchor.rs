//! The audit's anchor: the number and hash of the last row, outside of the journal, so that
//! rows which were cut off at its end are missed.
//!
//! `audit.head` in the instance's state directory, one line of JSON: `n`, `hash`, and `boot`,
//! the machine's boot in which it was written. It is written at most once a second and when
//! the core leaves, synced and then renamed into place. A core that is killed leaves it a
//! little behind: the chain vouches for the rows after it. A power cut may leave the journal
//! behind (its commits are not synced one by one): then the next core finds rows missing,
//! says so in a row (`audit.gap`) and goes on after their numbers. In one and the same boot
//! no power was cut: then somebody took them. Nor did a power cut where the file alone tells
//! of another boot: rows and events are committed together, so it takes both, it takes no more
//! than the write-ahead log held, and nothing that is left was written since this boot began.

use super::{Journal, JournalError, audit::LAST};
use crate::model::{Actor, AuditDraft, Head, Stamp};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// More rows than this the write-ahead log never held, and no power cut takes them.
const MOST_LOST: u64 = 10_000;
/// Between two times that it is written.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Serialize, Deserialize)]
struct Anchored {
    n: u64,
    hash: String,
    boot: String,
}

pub struct Anchor {
    path: PathBuf,
    /// This boot of the machine; empty where the system does not tell.
    boot: String,
    /// When this boot began; none where the system does not tell.
    booted: Option<Stamp>,
    /// The last number written; held while writing.
    written: Mutex<Option<u64>>,
}

impl Anchor {
    /// Of the journal in this directory.
    pub fn beside(state: &Path) -> Self {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let boot = boot.trim().to_owned();
        let path = state.join("audit.head");
        Self { path, boot, booted: booted(), written: Mutex::new(None) }
    }

    /// Compares with what the journal holds; the row to write first where they do not fit.
    /// Rows that are missing at the end keep their numbers. Blocks on the disk.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn compare(&self, journal: &Journal) -> Result<Option<AuditDraft>, JournalError> {
        let head = journal.head();
        let row = |action| AuditDraft::new(&Actor::Core, action);
        let anchored = match fs::read(&self.path) {
            Ok(text) => serde_json::from_slice::<Anchored>(&text)
                .map_err(|error| format!("audit.head does not read: {error}")),
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    && ((head.n == 0 && journal.oldest()?.is_none())
                        || journal.has_just_begun()?) =>
            {
                // From the first row on it is there, or somebody took it away.
                if let Err(error) = self.write(&head) {
                    tracing::warn!(%error, "the end of the audit is not noted down");
                }
                return Ok(None);
            }
            Err(error) => Err(format!("audit.head cannot be read: {error}")),
        };
        let odd = |anchored: &Anchored| anchored.n > LAST;
        let anchored = match anchored {
            Ok(anchored) if odd(&anchored) => Err("audit.head counts too far".to_owned()),
            anchored => anchored,
        };
        let anchored = match anchored {
            Ok(anchored) => anchored,
            Err(why) => return Ok(Some(row("audit.anchor").with("why", why))),
        };
        if anchored.n > head.n {
            let same = !self.boot.is_empty() && anchored.boot == self.boot;
            let fault = self.no_power_cut(journal, &head, anchored.n - head.n)?;
            journal.skip_to(anchored.n);
            let gap = row("audit.gap")
                .with("from", head.n + 1)
                .with("to", anchored.n)
                .with("expected", anchored.hash)
                .with("boot", if same { "same" } else { "another" })
                .with("fault", fault.unwrap_or_default());
            return Ok(Some(gap));
        }
        let found = match anchored.n {
            0 => return Ok(None),
            n if n == head.n => head.hash,
            n => journal.audit_row(n)?.map(|row| row.hash).unwrap_or_default(),
        };
        Ok((found != anchored.hash).then(|| {
            row("audit.anchor")
                .with("why", "the journal has another row in its place")
                .with("n", anchored.n)
                .with("expected", anchored.hash)
                .with("found", found)
        }))
    }

    /// Why no power cut took so many rows from the end, whatever boot the file tells of.
    fn no_power_cut(
        &self,
        journal: &Journal,
        left: &Head,
        lost: u64,
    ) -> Result<Option<String>, JournalError> {
        if lost > MOST_LOST {
            return Ok(Some(format!("{lost} rows are more than were ever unwritten at a time")));
        }
        if let Some(short) = journal.fewer_than_events()?.into_iter().next() {
            return Ok(Some(format!("{short}, and a power cut takes both")));
        }
        let Some(booted) = self.booted.map(|at| at.to_string()) else { return Ok(None) };
        let row = journal.audit_row(left.n)?.map(|row| row.at);
        let newest = [row, journal.last_event_at()?].into_iter().flatten().max();
        Ok(newest.filter(|at| *at >= booted).map(|at| {
            format!("what is left was written at {at}, and the machine runs since {booted}")
        }))
    }

    /// Writes it, unless a later row is noted down already. Blocks on the disk.
    ///
    /// # Errors
    /// When it cannot be written: then the old one stays.
    pub fn write(&self, head: &Head) -> io::Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.is_some_and(|n| n >= head.n) {
            return Ok(());
        }
        let Head { n, hash } = head.clone();
        let mut line = serde_json::to_vec(&Anchored { n, hash, boot: self.boot.clone() })?;
        line.push(b'\n');
        let fresh = self.path.with_extension("new");
        let mut options = File::options();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(&line)?;
        file.sync_data()?;
        fs::rename(&fresh, &self.path)?;
        if written.is_none()
            && let Some(dir) = self.path.parent()
        {
            File::open(dir)?.sync_all()?;
        }
        *written = Some(n);
        Ok(())
    }

    /// Follows what is committed, until the journal is closed.
    pub async fn keep(self: Arc<Self>, mut heads: watch::Receiver<Head>) {
        while heads.changed().await.is_ok() {
            let (anchor, head) = (self.clone(), heads.borrow_and_update().clone());
            let written = tokio::task::spawn_blocking(move || anchor.write(&head)).await;
            if let Ok(Err(error)) = written {
                tracing::warn!(%error, "the end of the audit is not noted down");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// When the machine was started, by its own clock of today.
fn booted() -> Option<Stamp> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    Some(Stamp(line.trim().parse::<i64>().ok()?.checked_mul(1_000_000)?))
}

#[cfg(test)]
mod tests {
    use super::super::Entry;
    use super::*;
    use crate::model::{AuditReport, BreakKind, Event, EventRecord};

    async fn note(journal: &Journal, drafts: Vec<AuditDraft>) {
        let mut head = journal.head();
        let audit = drafts.into_iter().map(|draft| head.seal(draft, Stamp(0))).collect();
        journal.commit(Entry { audit, ..Entry::default() }).await.unwrap();
    }

    /// Five rows and an event that has one of them, all written at `at`, noted down in
    /// another boot; then `edit`, and what a new core makes of it.
    async fn after_another_boot(at: i64, edit: &str) -> AuditReport {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        let (journal, _) = Journal::open(&path, 0).unwrap();
        let anchor = Anchor::beside(dir.path());
        assert_eq!(anchor.compare(&journal).unwrap(), None);
        let event = Event::CoreStarted { epoch: 1, pid: 1, version: String::new() };
        let (seq, time) = (1, Stamp(at));
        let record = EventRecord { seq, time, swarm: None, agent: None, attempt: None, event };
        let mut head = journal.head();
        let audit = drafts(5).into_iter().map(|draft| head.seal(draft, Stamp(at))).collect();
        let entry = Entry { audit, records: vec![record], ..Entry::default() };
        journal.commit(entry).await.unwrap();
        Anchor { boot: "an-earlier-boot".to_owned(), ..anchor }.write(&journal.head()).unwrap();
        drop(journal);
        rusqlite::Connection::open(&path).unwrap().execute_batch(edit).unwrap();
        let (journal, _) = Journal::open(&path, 0).unwrap();
        let anchor = Anchor::beside(dir.path());
        if let Some(row) = anchor.compare(&journal).unwrap() {
            note(&journal, vec![row]).await;
        }
        anchor.write(&journal.head()).unwrap();
        check(&journal)
    }

    #[tokio::test]
    async fn another_boot_in_the_anchor_alone_excuses_nothing() {
        let cut = "DELETE FROM audit WHERE n > 3";
        let report = after_another_boot(0, cut).await;
        assert!(report.sound && report.gaps.len() == 1, "{report:?}");
        // Written since this boot began: no power was cut since.
        let now = jiff::Timestamp::now().as_microsecond();
        let report = after_another_boot(now, cut).await;
        assert!(report.breaks[0].why.contains("the machine runs since"), "{report:?}");
        assert_eq!(report.breaks[0].kind, BreakKind::Cut);
        // The event of a row that is gone is still there.
        let report = after_another_boot(0, "DELETE FROM audit").await;
        assert!(report.breaks.iter().any(|it| it.why.contains("a power cut takes both")));
        assert!(!report.sound);
        // Both gone is what a power cut leaves.
        let both = "DELETE FROM audit; DELETE FROM events";
        assert!(after_another_boot(0, both).await.sound);
    }

    #[tokio::test]
    async fn events_whose_rows_are_gone_are_a_fault_also_without_an_anchor() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        let (journal, _) = Journal::open(&path, 0).unwrap();
        let record = |seq| {
            let event = Event::CoreStarted { epoch: seq, pid: 1, version: String::new() };
            let time = Stamp(0);
            EventRecord { seq, time, swarm: None, agent: None, attempt: None, event }
        };
        let records = vec![record(1), record(2)];
        journal.commit(Entry { records, ..Entry::default() }).await.unwrap();
        let anchor = Anchor::beside(dir.path());
        let row = anchor.compare(&journal).unwrap().unwrap();
        assert_eq!(row.action, "audit.anchor");
        note(&journal, drafts(1)).await;
        let report = check(&journal);
        let kinds: Vec<_> = report.breaks.iter().map(|it| it.kind).collect();
        assert_eq!(kinds, [BreakKind::Anchor, BreakKind::Short], "{report:?}");
        assert!(
            report.breaks[1].why.contains("2 events core_started, 1 row core.start"),
            "{report:?}"
        );
        anchor.write(&journal.head()).unwrap();
        note(&journal, drafts(1)).await;
        assert!(check(&journal).sound, "as many rows as events");
    }

    fn drafts(count: usize) -> Vec<AuditDraft> {
        vec![AuditDraft::new(&Actor::Core, "core.start"); count]
    }

    fn check(journal: &Journal) -> AuditReport {
        journal.check_audit().unwrap().finish(Some(journal.head().n))
    }

    /// A journal of five rows whose anchor is true, with `edit` done to it in between.
    async fn reopened(edit: impl FnOnce(&rusqlite::Connection, &Path)) -> AuditReport {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        let (journal, _) = Journal::open(&path, 0).unwrap();
        let anchor = Anchor::beside(dir.path());
        assert_eq!(anchor.compare(&journal).unwrap(), None);
        assert!(dir.path().join("audit.head").exists(), "from the beginning");
        note(&journal, drafts(5)).await;
        anchor.write(&journal.head()).unwrap();
        assert!(check(&journal).sound);
        drop(journal);
        edit(&rusqlite::Connection::open(&path).unwrap(), &dir.path().join("audit.head"));
        let (journal, _) = Journal::open(&path, 0).unwrap();
        if let Some(row) = Anchor::beside(dir.path()).compare(&journal).unwrap() {
            note(&journal, vec![row]).await;
        }
        note(&journal, drafts(1)).await;
        Anchor::beside(dir.path()).write(&journal.head()).unwrap();
        check(&journal)
    }

    #[tokio::test]
    async fn an_untouched_journal_is_sound_and_so_is_one_ahead_of_its_anchor() {
        let report = reopened(|_, _| {}).await;
        assert!(report.sound && report.rows == 6, "{report:?}");
        let report = reopened(|_, anchor| {
            let text = fs::read_to_string(anchor).unwrap();
            let (_, boot) = text.split_once("\"boot\"").unwrap();
            let zero = "0".repeat(64);
            fs::write(anchor, format!("{{\"n\":0,\"hash\":\"{zero}\",\"boot\"{boot}")).unwrap();
        });
        assert!(report.await.sound);
    }

    #[tokio::test]
    async fn rows_cut_off_while_no_core_ran_are_missed() {
        let cut = "DELETE FROM audit WHERE n > 3";
        let report = reopened(|db, _| assert!(db.execute(cut, []).unwrap() > 0)).await;
        let found: Vec<_> = report.breaks.iter().map(|b| (b.kind, b.from, b.to)).collect();
        assert_eq!(found, [(BreakKind::Cut, 4, 5)], "{report:?}");
        assert_eq!((report.rows, report.to), (5, 7), "the row that says so, and one more");
    }

    #[tokio::test]
    async fn what_a_power_cut_took_is_a_recorded_gap() {
        let report = reopened(|db, anchor| {
            db.execute("DELETE FROM audit WHERE n > 3", []).unwrap();
            let mut text: Anchored = serde_json::from_slice(&fs::read(anchor).unwrap()).unwrap();
            text.boot = "an-earlier-boot".to_owned();
            fs::write(anchor, serde_json::to_vec(&text).unwrap()).unwrap();
        });
        let report = report.await;
        assert!(report.sound, "{report:?}");
        let gaps: Vec<_> = report.gaps.iter().map(|gap| (gap.from, gap.to, gap.row)).collect();
        assert_eq!(gaps, [(4, 5, 6)]);
        // All of it gone is no new beginning.
        let report =
            reopened(|db, _| assert!(db.execute("DELETE FROM audit", []).unwrap() > 0)).await;
        assert_eq!((report.breaks[0].from, report.breaks[0].to), (1, 5), "{report:?}");
    }

    #[tokio::test]
    async fn a_journal_from_before_the_audit_begins_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        drop(Journal::open(&path, 0).unwrap());
        rusqlite::Connection::open(&path).unwrap().execute_batch("DROP TABLE audit").unwrap();
        let (journal, _) = Journal::open(&path, 0).unwrap();
        assert_eq!(Anchor::beside(dir.path()).compare(&journal).unwrap(), None);
        note(&journal, drafts(2)).await;
        assert_eq!((check(&journal).rows, check(&journal).sound), (2, true));
    }

    #[tokio::test]
    async fn a_journal_that_is_older_than_its_audit_is_sound_and_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        let record = |seq| {
            let event = Event::CoreStarted { epoch: seq, pid: 1, version: String::new() };
            let time = Stamp(0);
            EventRecord { seq, time, swarm: None, agent: None, attempt: None, event }
        };
        let (journal, _) = Journal::open(&path, 0).unwrap();
        let records = vec![record(1), record(2)];
        journal.commit(Entry { records, ..Entry::default() }).await.unwrap();
        drop(journal);
        // As builds left it that had no audit.
        rusqlite::Connection::open(&path).unwrap().execute_batch("DROP TABLE audit").unwrap();
        for _ in 0..2 {
            let (journal, _) = Journal::open(&path, 0).unwrap();
            let anchor = Anchor::beside(dir.path());
            assert_eq!(anchor.compare(&journal).unwrap(), None);
            anchor.write(&journal.head()).unwrap();
            let report = check(&journal);
            assert_eq!((report.sound, report.begins_after), (true, Some(2)), "{report:?}");
        }
        // From there on as many as ever.
        let (journal, _) = Journal::open(&path, 0).unwrap();
        let records = vec![record(3)];
        journal.commit(Entry { records, ..Entry::default() }).await.unwrap();
        let report = check(&journal);
        assert!(report.breaks[0].why.contains("1 event core_started, 0 rows"), "{report:?}");
        note(&journal, drafts(1)).await;
        assert!(check(&journal).sound);
    }

    #[tokio::test]
    async fn an_anchor_that_is_gone_or_does_not_fit_is_said() {
        for edit in [
            (|anchor: &Path| fs::remove_file(anchor).unwrap()) as fn(&Path),
            |anchor| fs::write(anchor, "").unwrap(),
            |anchor| {
                let text = r#"{"n":4,"hash":"00","boot":""}"#;
                fs::write(anchor, text).unwrap();
            },
            |anchor| {
                let text = r#"{"n":9999999999999999999,"hash":"00","boot":""}"#;
                fs::write(anchor, text).unwrap();
            },
        ] {
            let report = reopened(|_, anchor| edit(anchor)).await;
            assert_eq!(report.broken, 1, "{report:?}");
            assert_eq!((report.breaks[0].kind, report.breaks[0].from), (BreakKind::Anchor, 6));
        }
    }

    #[tokio::test]
    async fn whatever_stands_in_the_table_is_read() {
        for edit in [
            "UPDATE audit SET detail = 'no json' WHERE n = 2",
            "UPDATE audit SET at = x'00ff' WHERE n = 2",
            "UPDATE audit SET swarm = 7 WHERE n = 2",
            "UPDATE audit SET swarm = '' WHERE n = 2",
            "INSERT INTO audit SELECT -4, at, who, leave, action, swarm, agent, attempt,
             outcome, detail, prev, hash FROM audit WHERE n = 2",
            "INSERT INTO audit SELECT 9223372036854775807, at, who, leave, action, swarm, agent,
             attempt, outcome, detail, prev, hash FROM audit WHERE n = 2",
        ] {
            let report = reopened(|db, _| assert!(db.execute(edit, []).unwrap() > 0)).await;
            assert!(!report.sound, "{edit}: {report:?}");
        }
    }
}
