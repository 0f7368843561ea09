//! A git worktree and branch for each agent: names, commands, and how to read the answers.
//!
//! Pure: the caller runs git. Every command is a whole argument list, `git` first, given with
//! the options that keep a repository's own settings from running programs, and run with
//! [`ENVIRONMENT`]. What those options cannot switch off are a repository's own clean and
//! smudge filters: on a tree that an agent may write, git belongs into the agent's sandbox.

use crate::model::{AgentId, FileChange, SwarmId};
use std::{collections::BTreeMap, path::Path};

/// Before every subcommand: no monitor, no hooks, no pager, no signing, no prompt.
const SAFE: [&str; 12] = [
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "commit.gpgSign=false",
    "-c",
    "core.quotePath=false",
    "-c",
    "gc.auto=0",
    "--no-pager",
    "--no-optional-locks",
];

/// Set for every git command: it must never wait for an answer.
pub const ENVIRONMENT: [(&str, &str); 3] =
    [("GIT_TERMINAL_PROMPT", "0"), ("LC_ALL", "C"), ("GIT_EDITOR", "true")];

/// `dash/SWARM/AGENT`; ids are already fit for a branch's name, anything else is made so.
pub fn branch(swarm: &SwarmId, agent: &AgentId) -> String {
    format!("dash/{}/{}", fit(swarm.as_str()), fit(agent.as_str()))
}

/// As `git check-ref-format` wants a part of a name.
fn fit(name: &str) -> String {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let text: String = name.chars().map(|c| if good(c) { c } else { '-' }).collect();
    let mut text = text.trim_matches(['.', '-']).to_owned();
    while text.contains("..") {
        text = text.replace("..", ".");
    }
    if text.ends_with(".lock") {
        text.push('-');
    }
    if text.is_empty() { "unnamed".to_owned() } else { text }
}

fn git(dir: &Path, args: &[&str]) -> Vec<String> {
    let dir = dir.to_string_lossy();
    let start = ["git", "-C", &dir].into_iter().chain(SAFE);
    start.chain(args.iter().copied()).map(str::to_owned).collect()
}

/// Prints the top directory of the repository that `dir` is in; fails outside one.
pub fn top(dir: &Path) -> Vec<String> {
    git(dir, &["rev-parse", "--show-toplevel"])
}

/// Prints the directory that all worktrees of a repository share, absolute.
pub fn common_dir(dir: &Path) -> Vec<String> {
    git(dir, &["rev-parse", "--path-format=absolute", "--git-common-dir"])
}

/// Prints the commit that a new worktree starts from; fails where there is none yet.
pub fn base(dir: &Path) -> Vec<String> {
    git(dir, &["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])
}

/// Makes worktree and branch. Fails if either is there already.
pub fn add(dir: &Path, worktree: &Path, branch: &str, base: &str) -> Vec<String> {
    git(dir, &["worktree", "add", "--quiet", "-b", branch, "--", &path(worktree), base])
}

/// Takes an existing branch up again, after its worktree was removed or its attempt ended.
pub fn add_existing(dir: &Path, worktree: &Path, branch: &str) -> Vec<String> {
    git(dir, &["worktree", "add", "--quiet", "--", &path(worktree), branch])
}

/// In the worktree: what differs from `base`, committed or not; read by [`parse_numstat`].
/// Files that git does not know yet are missing: they come from [`status`].
pub fn diff(worktree: &Path, base: &str) -> Vec<String> {
    let args = ["diff", "--numstat", "-z", "--no-renames", "--no-ext-diff", "--no-textconv"];
    git(worktree, &[&args[..], &["--ignore-submodules=all", base, "--"]].concat())
}

/// In the worktree: what is not committed, untracked files one by one; read by
/// [`parse_status`].
pub fn status(worktree: &Path) -> Vec<String> {
    let args = ["status", "--porcelain", "-z", "--untracked-files=all", "--no-renames"];
    git(worktree, &[&args[..], &["--ignore-submodules=all"]].concat())
}

/// Exit 0 if everything on `branch` is also in HEAD of `dir`, 1 if not.
pub fn is_merged(dir: &Path, branch: &str) -> Vec<String> {
    git(dir, &["merge-base", "--is-ancestor", &format!("refs/heads/{branch}"), "HEAD"])
}

/// In the worktree: prints ignored files, which no commit holds, NUL between them.
pub fn ignored(worktree: &Path) -> Vec<String> {
    git(worktree, &["ls-files", "-z", "--others", "--ignored", "--exclude-standard"])
}

/// In the worktree: prints every commit that its HEAD has stood at.
pub fn stations(worktree: &Path) -> Vec<String> {
    git(worktree, &["reflog", "show", "--format=%H", "HEAD"])
}

/// Prints one of `commits` that no branch, tag or remote reaches; nothing if all are safe.
pub fn unreachable(dir: &Path, commits: &[&str]) -> Vec<String> {
    let mut args = vec!["rev-list", "--max-count=1"];
    args.extend(commits);
    args.extend(["--not", "--branches", "--tags", "--remotes"]);
    git(dir, &args)
}

/// Removes a worktree; fails if anything in it is not committed.
pub fn remove(dir: &Path, worktree: &Path) -> Vec<String> {
    git(dir, &["worktree", "remove", "--", &path(worktree)])
}

/// Forgets worktrees whose directory is gone.
pub fn prune(dir: &Path) -> Vec<String> {
    git(dir, &["worktree", "prune"])
}

/// Deletes a branch at exactly `commit`; for use after [`is_merged`] said so for it.
pub fn delete_branch(dir: &Path, branch: &str, commit: &str) -> Vec<String> {
    git(dir, &["update-ref", "-d", &format!("refs/heads/{branch}"), commit])
}

/// Prints the commit a branch stands at.
pub fn tip(dir: &Path, branch: &str) -> Vec<String> {
    git(dir, &["rev-parse", "--verify", "--quiet", &format!("refs/heads/{branch}^{{commit}}")])
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

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

/// `XY SP path NUL`; a rename (which [`status`] does not ask for) has its old path in a
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

fn records(output: &[u8]) -> impl Iterator<Item = String> + '_ {
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

#[cfg(test)]
mod tests;
