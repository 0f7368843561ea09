//! How what git prints with `-z` reads: the changes of a tree.

use crate::model::FileChange;
use std::collections::BTreeMap;

/// A path as git prints it with `-z`, and how it differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusEntry {
    pub path: String,
    pub untracked: bool,
}

/// `added TAB removed TAB path NUL`, with `-` for a binary file's numbers. What does not
/// look like that is passed over.
pub fn parse_numstat(output: &[u8]) -> Vec<FileChange> {
    let number = |text: &str| text.parse().unwrap_or(0);
    records(output)
        .filter_map(|record| {
            let mut parts = record.splitn(3, '\t');
            let (added, removed, path) = (parts.next()?, parts.next()?, parts.next()?);
            let (added, removed, path) = (number(added), number(removed), path.to_owned());
            (!path.is_empty()).then_some(FileChange { path, added, removed })
        })
        .collect()
}

/// `XY SP path NUL`; a rename (which [`status`](super::status) does not ask for) has its old path in a
/// record of its own, which is passed over.
pub fn parse_status(output: &[u8]) -> Vec<StatusEntry> {
    let mut entries = Vec::new();
    let mut all = records(output);
    while let Some(record) = all.next() {
        let (Some(code), Some(path)) = (record.get(..2), record.get(3..)) else { continue };
        if code.contains(['R', 'C']) {
            all.next();
        }
        if !path.is_empty() && code != "!!" {
            entries.push(StatusEntry { path: path.to_owned(), untracked: code == "??" });
        }
    }
    entries
}

pub fn records(output: &[u8]) -> impl Iterator<Item = String> + '_ {
    output
        .split(|byte| *byte == 0)
        .filter(|record| !record.is_empty())
        .map(|record| String::from_utf8_lossy(record).into_owned())
}

/// All that changed against the base: what the diff counts, and the untracked files, whose
/// lines `count` gives (0 where it cannot, as for a binary file). Sorted by path.
pub fn changes(
    diff: Vec<FileChange>,
    status: &[StatusEntry],
    mut count: impl FnMut(&str) -> u32,
) -> Vec<FileChange> {
    let mut all: BTreeMap<String, FileChange> =
        diff.into_iter().map(|change| (change.path.clone(), change)).collect();
    for entry in status.iter().filter(|entry| entry.untracked) {
        all.entry(entry.path.clone()).or_insert_with(|| FileChange {
            path: entry.path.clone(),
            added: count(&entry.path),
            removed: 0,
        });
    }
    all.into_values().collect()
}
