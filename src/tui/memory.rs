//! What a screen leaves for the next one: layout, order, filter, selection. A file for each
//! instance in its state directory, written while the screen is used, so that a crash loses
//! little, and at its end. A file that cannot be read is as good as none.

use crate::model::{AgentId, SwarmId};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Time from one write to the next, but for the last.
const PAUSE: Duration = Duration::from_secs(1);
/// No file of ours is larger.
const MOST: u64 = 1 << 20;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    pub sort: String,
    pub reverse: bool,
    pub group: bool,
    pub tree: bool,
    pub filter: String,
    pub swarm: Option<SwarmId>,
    /// Only where they are not those of the configuration, which is kept with them: where that
    /// has changed since, it holds.
    pub columns: Option<Vec<String>>,
    pub configured: Vec<String>,
    pub events: String,
    /// What the pane is when it has not all the room.
    pub events_before: String,
    pub events_filter: String,
    /// The lowest and the chosen event, while they stand still.
    pub events_end: Option<u64>,
    pub events_cursor: Option<u64>,
    pub view: String,
    pub costs_by: String,
    pub costs_long: bool,
    pub tiles: usize,
    pub split: bool,
    pub cursor: Option<AgentId>,
    pub marked: BTreeSet<AgentId>,
    pub folded: BTreeSet<AgentId>,
    /// What was filled in for a new swarm last.
    pub form: Vec<String>,
    /// Commands that were run, oldest first.
    pub history: Vec<String>,
}

/// Where a [`Memory`] lies.
#[derive(Debug, Default)]
pub struct Shelf {
    path: Option<PathBuf>,
    kept: Option<Memory>,
    written: Option<Instant>,
}

impl Shelf {
    /// What was left there, too; without a path nothing is kept.
    pub fn open(path: Option<PathBuf>) -> (Self, Option<Memory>) {
        let kept = path.as_deref().and_then(read);
        (Self { path, kept: kept.clone(), written: None }, kept)
    }

    /// Whether a write now would not be one too many.
    pub fn is_due(&self) -> bool {
        self.path.is_some() && self.written.is_none_or(|at| at.elapsed() >= PAUSE)
    }

    /// Writes what is new.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&mut self, memory: Memory) -> std::io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        if self.kept.as_ref() == Some(&memory) {
            return Ok(());
        }
        self.written = Some(Instant::now());
        write(path, &memory)?;
        self.kept = Some(memory);
        Ok(())
    }
}

fn read(path: &Path) -> Option<Memory> {
    if fs::metadata(path).ok()?.len() > MOST {
        return None;
    }
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Beside it first: a reader never finds half a file.
fn write(path: &Path, memory: &Memory) -> std::io::Result<()> {
    let new = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&serde_json::to_vec(memory)?)?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("screen.json");
        let (mut shelf, none) = Shelf::open(Some(path.clone()));
        assert_eq!(none, None);
        let memory = Memory { sort: "cost".into(), reverse: true, ..Memory::default() };
        shelf.keep(memory.clone()).unwrap();
        assert!(!shelf.is_due());
        assert_eq!(Shelf::open(Some(path.clone())).1, Some(memory));
        // Of a later version, or none of ours.
        fs::write(&path, r#"{"sort":"age","colour":"blue"}"#).unwrap();
        assert_eq!(Shelf::open(Some(path.clone())).1.unwrap().sort, "age");
        fs::write(&path, "{").unwrap();
        assert_eq!(Shelf::open(Some(path)).1, None);
        let (mut nowhere, _) = Shelf::open(Some("/nonexistent/screen.json".into()));
        assert!(nowhere.keep(Memory::default()).is_err());
        assert!(Shelf::default().keep(Memory::default()).is_ok());
    }
}
