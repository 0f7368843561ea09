//! Checking a chain of audit rows, row by row, in the order in which they stand.

use super::{AuditRow, Head};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Breaks that are named; more are only counted.
const NAMED: usize = 100;
/// Changed rows that are compared with each other, to tell a change from an exchange.
const COMPARED: usize = 64;

/// What is wrong, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BreakKind {
    /// The row is not what its hash was made of.
    Changed,
    /// Rows are missing in the middle.
    Removed,
    /// The row stands, or stood, at another place.
    Reordered,
    /// A row that nobody wrote there.
    Inserted,
    /// The row is sound in itself, and not the one that stood there.
    Replaced,
    /// Rows are missing at the end, or were when a core started.
    Cut,
    /// It is no row at all.
    Unreadable,
    /// When a core started, what was noted down outside of the journal did not fit it.
    Anchor,
    /// Fewer rows than the journal's events imply.
    Short,
}

impl BreakKind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Removed => "removed",
            Self::Reordered => "reordered",
            Self::Inserted => "inserted",
            Self::Replaced => "replaced",
            Self::Cut => "cut",
            Self::Unreadable => "unreadable",
            Self::Anchor => "anchor",
            Self::Short => "short",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Break {
    pub kind: BreakKind,
    /// The rows that it is about, first and last.
    pub from: u64,
    pub to: u64,
    pub why: String,
}

/// Rows that a power cut took, as the core that came after it recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Gap {
    pub from: u64,
    pub to: u64,
    /// The row that says so, and when it was written.
    pub row: u64,
    pub at: String,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AuditReport {
    /// True without a break; recorded gaps are none.
    pub sound: bool,
    /// Rows read.
    pub rows: u64,
    /// The numbers of the first and the last; 0 without any.
    pub from: u64,
    pub to: u64,
    /// The last row.
    pub head: Head,
    /// All breaks, also those that `breaks` has no room for.
    pub broken: u64,
    pub breaks: Vec<Break>,
    pub gaps: Vec<Gap>,
    /// True if the first row of all is among them: what stood before others is not known.
    #[serde(default)]
    pub from_first: bool,
    /// The journal is older than its audit: of the events up to this one nothing is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins_after: Option<u64>,
    /// What is known of the end.
    #[serde(default)]
    pub end: ChainEnd,
}

/// Whether rows may have stood behind the last one. A hash chain alone says nothing of that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChainEnd {
    /// Nobody said which row is the last.
    #[default]
    Unknown,
    /// The row with the hash that was noted elsewhere, as the caller says; those behind it, if
    /// there are, came later or were made up.
    Noted(u64),
    /// The core's own count, kept outside of the journal.
    Anchored,
}

/// The check under way.
#[derive(Debug, Default)]
pub struct Chain {
    /// All rows from the first are expected.
    whole: bool,
    /// A row that is known from elsewhere.
    known: Option<Head>,
    /// A hash that was noted elsewhere, of a row that has to be here.
    noted: Option<String>,
    last: Option<Last>,
    /// Where a row is missing so far, first and last.
    missing: Vec<(u64, u64)>,
    suspects: Vec<AuditRow>,
    report: AuditReport,
}

#[derive(Debug)]
struct Last {
    n: u64,
    hash: String,
    sound: bool,
}

impl Chain {
    /// Of all rows, with one that is known to be among them.
    pub fn whole(known: Head) -> Self {
        Self { whole: true, known: Some(known), ..Self::default() }
    }

    /// Of a piece, such as an export: where it begins and ends nothing is known of the rest.
    pub fn piece() -> Self {
        Self::default()
    }

    /// With the hash of a row that has to be among them.
    #[must_use]
    pub fn with_noted(self, hash: Option<&str>) -> Self {
        Self { noted: hash.map(str::to_ascii_lowercase), ..self }
    }

    /// The next row, as it stands.
    pub fn row(&mut self, row: AuditRow) {
        self.report.rows += 1;
        let sound = row.digest() == row.hash;
        self.place(&row, sound);
        if !sound {
            self.found(BreakKind::Changed, row.n, row.n, "its content is not what was hashed");
        } else if row.who == "core" && row.action == "audit.anchor" {
            let why = format!("found at a core's start ({}): {}", row.at, row.detail);
            self.found(BreakKind::Anchor, row.n, row.n, why);
        }
        if sound && self.noted.as_ref() == Some(&row.hash) {
            self.report.end = ChainEnd::Noted(row.n);
        }
        self.report.from_first |= row.n == 1;
        if sound && row.n == 1 {
            self.report.begins_after = row.begins_after();
        }
        let other = |known: &Head| known.n == row.n && known.hash != row.hash;
        if sound && self.known.as_ref().is_some_and(other) {
            self.found(BreakKind::Replaced, row.n, row.n, "the core wrote another row");
        }
        // One that stands too late does not move the place from where it goes on.
        if self.last.as_ref().is_none_or(|last| row.n > last.n) {
            let (n, hash) = (row.n, row.hash.clone());
            self.report.from = if self.last.is_none() { n } else { self.report.from };
            self.report.to = n;
            self.report.head = Head { n, hash: hash.clone() };
            self.last = Some(Last { n, hash, sound });
        }
        if !sound && self.suspects.len() < COMPARED {
            self.suspects.push(row);
        }
    }

    /// Whether the row stands where it should.
    fn place(&mut self, row: &AuditRow, sound: bool) {
        let (before, hash, before_sound) = match &self.last {
            Some(last) => (last.n, last.hash.clone(), last.sound),
            None if self.whole || row.n == 1 => (0, Head::default().hash, true),
            None => return self.begins_behind_gap(row, sound),
        };
        if row.n <= before {
            return self.too_late(row.n, before);
        }
        let follows = row.prev == hash;
        if row.n > before + 1 {
            let (from, to) = (before + 1, row.n - 1);
            match recorded(row).filter(|recorded| sound && follows && recorded.0 == (from, to)) {
                Some((_, None)) => {
                    let (row, at) = (row.n, row.at.clone());
                    self.report.gaps.push(Gap { from, to, row, at });
                }
                Some((_, Some(fault))) => {
                    let why = format!(
                        "they were missing when a core started ({}), and no power cut took them: \
                         {fault}",
                        row.at
                    );
                    self.found(BreakKind::Cut, from, to, why);
                }
                None => self.missing.push((from, to)),
            }
        } else if !follows && sound && before_sound {
            let (kind, why) = match before {
                0 => (BreakKind::Replaced, "it does not begin the chain".to_owned()),
                _ => (BreakKind::Replaced, format!("row {} was made after another", row.n)),
            };
            let about = before.max(1);
            self.found(kind, about, about, why);
        }
    }

    /// A piece whose first row tells of rows missing before it.
    fn begins_behind_gap(&mut self, row: &AuditRow, sound: bool) {
        let Some(((from, to), fault)) = recorded(row).filter(|_| sound) else { return };
        match fault {
            None => {
                let (row, at) = (row.n, row.at.clone());
                self.report.gaps.push(Gap { from, to, row, at });
            }
            Some(fault) => {
                let why =
                    format!("missing when a core started ({}), by no power cut: {fault}", row.at);
                self.found(BreakKind::Cut, from, to, why);
            }
        }
    }

    fn too_late(&mut self, n: u64, before: u64) {
        let hole = self.missing.iter().position(|(from, to)| (*from..=*to).contains(&n));
        let Some((from, to)) = hole.map(|hole| self.missing.swap_remove(hole)) else {
            return self.found(BreakKind::Inserted, n, n, "a row of this number stands before it");
        };
        // What is left of the hole on either side.
        let around = [(from, n.saturating_sub(1)), (n + 1, to)];
        self.missing.extend(around.into_iter().filter(|(from, to)| from <= to));
        self.found(BreakKind::Reordered, n, n, format!("it stands after row {before}"));
    }

    /// Something that is no row stands here; `why` says where.
    pub fn unreadable(&mut self, why: impl Into<String>) {
        let at = self.last.as_ref().map_or(1, |last| last.n + 1);
        self.found(BreakKind::Unreadable, at, at, why);
    }

    /// Something outside of the rows says that some are missing, nobody knows which.
    pub fn misses(&mut self, kind: BreakKind, why: impl Into<String>) {
        self.found(kind, 1, 1, why);
    }

    /// The number of the last row so far.
    pub fn last(&self) -> u64 {
        self.last.as_ref().map_or(0, |last| last.n)
    }

    /// `end`: the last row that was written, where that is known.
    pub fn finish(mut self, end: Option<u64>) -> AuditReport {
        for (from, to) in std::mem::take(&mut self.missing) {
            self.found(BreakKind::Removed, from, to, "missing");
        }
        let last = self.last();
        if let Some(known) = self.known.take().filter(|known| known.n > last) {
            self.found(BreakKind::Cut, last + 1, known.n, "missing at the end");
        }
        if let Some(end) = end.filter(|end| *end < last) {
            self.found(BreakKind::Inserted, end + 1, last, "no core wrote what stands at the end");
        }
        match (self.noted.take(), end) {
            (Some(hash), _) if self.report.end == ChainEnd::Unknown => {
                let why = format!("the row with the noted hash {hash} is not among them");
                self.found(BreakKind::Cut, last + 1, last + 1, why);
            }
            (None, Some(_)) => self.report.end = ChainEnd::Anchored,
            (Some(_) | None, _) => {}
        }
        self.name_exchanged();
        self.report.breaks.sort_by_key(|found| (found.from, found.to));
        self.report.sound = self.report.broken == 0;
        self.report
    }

    /// Rows that were moved are sound at the place that they came from.
    fn name_exchanged(&mut self) {
        let places: Vec<u64> = self.suspects.iter().map(|row| row.n).collect();
        let around = |n: u64| [n.saturating_sub(1), n + 1];
        for row in &self.suspects {
            let neighbours = places.iter().flat_map(|n| around(*n)).chain(around(row.n));
            let mut elsewhere = places.iter().copied().chain(neighbours).filter(|n| *n != row.n);
            let Some(was) = elsewhere.find(|n| row.digest_as(*n) == row.hash) else { continue };
            let same = |found: &&mut Break| {
                found.kind == BreakKind::Changed && (found.from, found.to) == (row.n, row.n)
            };
            if let Some(found) = self.report.breaks.iter_mut().find(same) {
                found.kind = BreakKind::Reordered;
                found.why = format!("it was row {was}");
            }
        }
    }

    fn found(&mut self, kind: BreakKind, from: u64, to: u64, why: impl Into<String>) {
        self.report.broken += 1;
        if self.report.breaks.len() < NAMED {
            self.report.breaks.push(Break { kind, from, to, why: why.into() });
        }
    }
}

/// Which rows an `audit.gap` says are missing, and why no power cut took them; none where one
/// may have.
fn recorded(row: &AuditRow) -> Option<((u64, u64), Option<String>)> {
    if row.action != "audit.gap" || row.who != "core" {
        return None;
    }
    let detail: Value = serde_json::from_str(&row.detail).ok()?;
    let number = |key: &str| detail.get(key).and_then(Value::as_u64);
    let word = |key: &str| detail.get(key).and_then(Value::as_str);
    let same_boot = (word("boot") == Some("same")).then_some("the machine was not restarted");
    let fault = same_boot.or(word("fault")).map(str::to_owned);
    Some(((number("from")?, number("to")?), fault))
}
