//! A git worktree and branch for each agent: names, commands, and how to read the answers.
//!
//! Pure: the caller runs git. Every command is a whole argument list, `git` first, given with
//! the options that keep a repository's own settings from running programs, and run with
//! [`ENVIRONMENT`]. A repository's own clean filters are switched off by [`unfiltered`].
//!
//! What was changed is seen through an index of Dash's own, filled anew from HEAD
//! ([`read_head`], run with [`fresh`]): in the worktree's own index anybody can mark a file
//! as unchanged, skipped or fresh, and settings can hide files from `git status`.

use crate::model::{AgentId, FileChange, SwarmId};
use std::{collections::BTreeMap, path::Path};

/// Before every subcommand: no monitor, no hooks, no pager, no signing, no prompt.
const SAFE: [&str; 30] = [
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
    // What makes git look away from changes.
    "-c",
    "core.untrackedCache=false",
    "-c",
    "core.ignoreStat=false",
    "-c",
    "core.checkStat=default",
    "-c",
    "core.trustctime=true",
    "-c",
    "core.fileMode=true",
    "-c",
    "core.symlinks=true",
    "-c",
    "core.splitIndex=false",
    "-c",
    "status.showUntrackedFiles=all",
    // A worktree's log of where its HEAD stood is what tells of commits on no branch.
    "-c",
    "core.logAllRefUpdates=true",
    "--no-pager",
    "--no-optional-locks",
];

/// Set for every git command: it must never wait for an answer, nor take one commit for
/// another.
pub const ENVIRONMENT: [(&str, &str); 5] = [
    ("GIT_TERMINAL_PROMPT", "0"),
    ("LC_ALL", "C"),
    ("GIT_EDITOR", "true"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_GRAFT_FILE", "/dev/null"),
];

/// Set beside [`ENVIRONMENT`] for commands that look at a worktree's files: the index to be
/// used, and the files' place, which a setting could move.
pub fn fresh(worktree: &Path, index: &Path) -> [(String, String); 2] {
    [("GIT_INDEX_FILE".to_owned(), path(index)), ("GIT_WORK_TREE".to_owned(), path(worktree))]
}

/// In the worktree: prints what the repository's own settings say of filters, for
/// [`unfiltered`]. Fails where they say nothing.
pub fn filters(worktree: &Path) -> Vec<String> {
    let args = ["config", "-z", "--show-scope", "--name-only", "--get-regexp", "^filter[.]"];
    git(worktree, &args)
}

/// Variables that switch off the filters of the repository's own settings, as [`filters`]
/// prints them: agents can write those, and git would run them. The user's own filters stay.
pub fn unfiltered(printed: &[u8]) -> Vec<(String, String)> {
    let fields: Vec<String> = records(printed).collect();
    let local =
        fields.chunks_exact(2).filter(|pair| !matches!(pair[0].as_str(), "system" | "global"));
    let mut variables = Vec::new();
    for pair in local {
        let value = if pair[1].ends_with(".required") { "false" } else { "" };
        let n = variables.len() / 2;
        variables.push((format!("GIT_CONFIG_KEY_{n}"), pair[1].clone()));
        variables.push((format!("GIT_CONFIG_VALUE_{n}"), value.to_owned()));
    }
    variables.push(("GIT_CONFIG_COUNT".to_owned(), (variables.len() / 2).to_string()));
    variables
}

/// The names that an agent's branch may have, best first: `dash/SWARM/AGENT`, and others for
/// where a branch called `dash` or `dash/SWARM` leaves no room for that. Ids are already fit
/// for a branch's name, anything else is made so.
pub fn branches(swarm: &SwarmId, agent: &AgentId) -> [String; 3] {
    let (swarm, agent) = (fit(swarm.as_str()), fit(agent.as_str()));
    [
        format!("dash/{swarm}/{agent}"),
        format!("dash-{swarm}/{agent}"),
        format!("dash-{swarm}-{agent}"),
    ]
}

/// Branches that, if they exist, leave no room for `branch`: git keeps one as a file where
/// the other needs a directory.
pub fn in_the_way(branch: &str) -> impl Iterator<Item = &str> {
    branch.match_indices('/').map(|(at, _)| &branch[..at])
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

/// Prints where `dir` lies in its repository, with a slash at the end; nothing at the top.
pub fn prefix(dir: &Path) -> Vec<String> {
    git(dir, &["rev-parse", "--show-prefix"])
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

/// In the worktree: prints files that HEAD does not hold, ignored ones too, NUL between them.
pub fn others(worktree: &Path) -> Vec<String> {
    git(worktree, &["ls-files", "-z", "--others"])
}

/// In the worktree: fills the index that [`fresh`] names from HEAD.
pub fn read_head(worktree: &Path) -> Vec<String> {
    git(worktree, &["read-tree", "--reset", "HEAD"])
}

/// In the worktree, with its own index: prints how each file stands; read by [`left_out`].
pub fn standing(worktree: &Path) -> Vec<String> {
    git(worktree, &["ls-files", "-z", "-t"])
}

/// The files that a sparse checkout leaves out, as [`standing`] prints them.
pub fn left_out(printed: &[u8]) -> impl Iterator<Item = &[u8]> {
    printed.split(|byte| *byte == 0).filter_map(|record| record.strip_prefix(b"S "))
}

/// In the worktree: marks the files named on standard input, NUL between them, as left out.
pub fn leave_out(worktree: &Path) -> Vec<String> {
    git(worktree, &["update-index", "-z", "--skip-worktree", "--stdin"])
}

/// In the worktree: prints what its index holds; read by [`has_submodule`].
pub fn staged(worktree: &Path) -> Vec<String> {
    git(worktree, &["ls-files", "-z", "--stage"])
}

/// True if [`staged`] names a submodule: what is in it the repository does not know.
pub fn has_submodule(printed: &[u8]) -> bool {
    printed.split(|byte| *byte == 0).any(|record| record.starts_with(b"160000 "))
}

/// In the worktree: prints the commit at its HEAD if no branch, tag or remote reaches it.
pub fn stray_head(worktree: &Path) -> Vec<String> {
    let args = ["rev-list", "--max-count=1", "HEAD", "--not", "--branches", "--tags", "--remotes"];
    git(worktree, &args)
}

/// In the worktree: exit 0 if its own log of HEAD is there. Without it [`stations`] would
/// print the branch's log.
pub fn has_log(worktree: &Path) -> Vec<String> {
    git(worktree, &["reflog", "exists", "HEAD"])
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
