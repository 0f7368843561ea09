//! The table `audit`: written with the events, read as it stands. Whatever somebody put
//! into it is a row that does not fit, and no error.

use super::super::clock;
use super::{Journal, JournalError};
use crate::model::{Actor, AuditDraft, AuditRow, BreakKind, Chain, Head};
use rusqlite::{Connection, OptionalExtension, Row, params, types::ValueRef};
use tokio::sync::watch;

pub const TABLE: &str = "CREATE TABLE IF NOT EXISTS audit (
    n INTEGER PRIMARY KEY, at TEXT NOT NULL, who TEXT NOT NULL, leave TEXT NOT NULL,
    action TEXT NOT NULL, swarm TEXT, agent TEXT, attempt TEXT, outcome TEXT NOT NULL,
    detail TEXT NOT NULL, prev TEXT NOT NULL, hash TEXT NOT NULL);";

/// No core counts so far: a row with a greater number is somebody else's.
pub const LAST: u64 = 1 << 52;

const COLUMNS: &str =
    "n, at, who, leave, action, swarm, agent, attempt, outcome, detail, prev, hash";

/// Events, by their kind, and the rows that each of them has: the two are written together.
const ROWS_OF: [(&str, &str); 7] = [
    ("core_started", "core.start"),
    ("swarm_created", "swarm.create"),
    ("agent_added", "agent.spawn"),
    ("attempt_planned", "attempt.launch"),
    ("attempt_ended", "attempt.end"),
    ("approval_asked", "approval.ask"),
    ("swarm_ended", "swarm.end"),
];

/// The first row of a journal that is older than its audit.
const BEGIN: &str = "audit.begin";

/// Begins the audit of a journal that an older build wrote, which had none: the first row says
/// up to which event nothing could be recorded. One that has the table had an audit, also
/// where somebody took all rows out of it.
pub fn begin(db: &mut Connection) -> rusqlite::Result<()> {
    let has = |name: &str| {
        let find = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?1";
        db.query_row(find, [name], |row| row.get::<_, i64>(0)).map(|count| count > 0)
    };
    if has("audit")? || !has("events")? {
        return Ok(());
    }
    let last =
        db.query_row("SELECT max(seq) FROM events", [], |row| row.get::<_, Option<i64>>(0))?;
    let Some(last) = last else { return Ok(()) };
    let row = AuditDraft::new(&Actor::Core, BEGIN).with("after_event", last);
    let row = Head::default().seal(row, clock::now());
    // Both or neither: a table without it would look as if rows had been taken out.
    let transaction = db.transaction()?;
    transaction.execute_batch(TABLE)?;
    insert(&transaction, &[row])?;
    transaction.commit()
}

/// Which rows are wanted; all by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only those with a greater number.
    pub after: u64,
    /// Only those from this time on, as RFC 3339 in UTC to the millisecond.
    pub from: Option<String>,
    /// By this agent, or about it.
    pub agent: Option<String>,
    pub swarm: Option<String>,
}

/// Where the chain ends.
pub fn head(db: &Connection) -> rusqlite::Result<Head> {
    let newest = "SELECT n, hash FROM audit WHERE n BETWEEN 1 AND ?1 ORDER BY n DESC LIMIT 1";
    let head = db.query_row(newest, [LAST as i64], |row| {
        Ok(Head { n: row.get::<_, i64>(0)? as u64, hash: text(row, 1)?.unwrap_or_default() })
    });
    Ok(head.optional()?.unwrap_or_default())
}

pub fn insert(db: &Connection, rows: &[AuditRow]) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached(
        "INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    for row in rows {
        insert.execute(params![
            row.n as i64,
            row.at,
            row.who,
            row.leave,
            row.action,
            row.swarm,
            row.agent,
            row.attempt,
            row.outcome,
            row.detail,
            row.prev,
            row.hash,
        ])?;
    }
    Ok(())
}

impl Journal {
    /// The last audit row that is committed.
    pub fn head(&self) -> Head {
        self.head.borrow().clone()
    }

    /// Every head from now on.
    pub fn heads(&self) -> watch::Receiver<Head> {
        self.head.subscribe()
    }

    /// Leaves out the numbers of rows that are missing at the end.
    pub fn skip_to(&self, n: u64) {
        self.head.send_modify(|head| head.n = n);
    }

    /// At most `limit` rows, oldest first. Blocks on the disk.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn audit(&self, query: &AuditQuery, limit: usize) -> Result<Vec<AuditRow>, JournalError> {
        let db = self.reader()?;
        let read = || {
            let wanted = format!(
                "SELECT {COLUMNS} FROM audit WHERE n > ?1 AND n > 0 AND (?2 IS NULL OR at >= ?2)
                 AND (?3 IS NULL OR agent = ?3 OR who = 'agent ' || ?3)
                 AND (?4 IS NULL OR swarm = ?4) ORDER BY n LIMIT ?5"
            );
            let mut wanted = db.prepare(&wanted)?;
            let after = i64::try_from(query.after).unwrap_or(i64::MAX);
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let given = params![after, query.from, query.agent, query.swarm, limit];
            wanted.query_map(given, audit_row)?.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|source| self.wrap(source))
    }

    /// The row of this number. Blocks on the disk.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn audit_row(&self, n: u64) -> Result<Option<AuditRow>, JournalError> {
        let query = AuditQuery { after: n.saturating_sub(1), ..AuditQuery::default() };
        Ok(self.audit(&query, 1)?.pop().filter(|row| row.n == n))
    }

    /// Where the journal's events imply more rows than there are. Blocks on the disk.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn fewer_than_events(&self) -> Result<Vec<String>, JournalError> {
        let db = self.reader()?;
        let before = self.begins_after()?;
        let number = |query: &str, word: &str, after: u64| -> Result<u64, JournalError> {
            let after = i64::try_from(after).unwrap_or(i64::MAX);
            let found = db.query_row(query, params![word, after], |row| row.get::<_, i64>(0));
            Ok(found.map_err(|source| self.wrap(source))?.unsigned_abs())
        };
        let mut short = Vec::new();
        let of_events = "SELECT count(*) FROM events WHERE kind = ?1 AND seq > ?2";
        let of_rows = "SELECT count(*) FROM audit WHERE action = ?1 AND n > ?2";
        for (kind, action) in ROWS_OF {
            // In this order: what is written meanwhile adds rows.
            let events = number(of_events, kind, before)?;
            let rows = number(of_rows, action, 0)?;
            if rows < events {
                let many = |n: u64| if n == 1 { "" } else { "s" };
                let (s, t) = (many(events), many(rows));
                short.push(format!(
                    "the journal has {events} event{s} {kind}, {rows} row{t} {action} in the audit"
                ));
            }
        }
        Ok(short)
    }

    /// The last event from before the audit began, of which there are no rows; 0 where it began
    /// with the journal.
    fn begins_after(&self) -> Result<u64, JournalError> {
        let first = self.audit_row(1)?;
        Ok(first.and_then(|row| row.begins_after()).unwrap_or_default())
    }

    /// True if nothing was audited but that the audit begins.
    pub fn has_just_begun(&self) -> Result<bool, JournalError> {
        Ok(self.head().n == 1 && self.begins_after()? > 0)
    }

    /// When the newest event was, as its row has it.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn last_event_at(&self) -> Result<Option<String>, JournalError> {
        let newest = "SELECT time FROM events ORDER BY seq DESC LIMIT 1";
        let at = self.reader()?.query_row(newest, [], |row| text(row, 0)).optional();
        at.map(Option::flatten).map_err(|source| self.wrap(source))
    }

    /// Runs over all rows, and holds them against the events and the anchor beside the
    /// journal. Blocks on the disk.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn check_audit(&self) -> Result<Chain, JournalError> {
        // Before the rows: later ones are there, too.
        let mut chain = Chain::whole(self.head());
        let short = self.fewer_than_events()?;
        let some = self.oldest()?.is_some();
        if some && !self.path.with_file_name("audit.head").exists() {
            chain.misses(BreakKind::Anchor, "there are events, but no audit.head beside them");
        }
        short.into_iter().for_each(|why| chain.misses(BreakKind::Short, why));
        let db = self.reader()?;
        let mut read = || {
            let below = "SELECT count(*) FROM audit WHERE n < 1";
            let below: i64 = db.query_row(below, [], |row| row.get(0))?;
            if below > 0 {
                chain.unreadable(format!("{below} rows are numbered below 1"));
            }
            let all = format!("SELECT {COLUMNS} FROM audit WHERE n > 0 ORDER BY n");
            let mut all = db.prepare(&all)?;
            let mut rows = all.query([])?;
            while let Some(row) = rows.next()? {
                chain.row(audit_row(row)?);
            }
            Ok(())
        };
        read().map_err(|source| self.wrap(source))?;
        Ok(chain)
    }
}

fn audit_row(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    // What is absent where it must not be does not hash as what was there.
    let must = |column| text(row, column).map(Option::unwrap_or_default);
    Ok(AuditRow {
        n: row.get::<_, i64>(0)?.unsigned_abs(),
        at: must(1)?,
        who: must(2)?,
        leave: must(3)?,
        action: must(4)?,
        swarm: text(row, 5)?,
        agent: text(row, 6)?,
        attempt: text(row, 7)?,
        outcome: must(8)?,
        detail: must(9)?,
        prev: must(10)?,
        hash: must(11)?,
    })
}

/// A column of text, whatever stands in it.
fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<String>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => None,
        ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Blob(bytes) => Some(format!("{} bytes that are no text", bytes.len())),
    })
}
