//! A clone of the repository and a branch for each agent: names, commands, and how to read
//! the answers.
//!
//! Pure: the caller runs git. Every command is a whole argument list, `git` first, given with
//! the options that keep a repository's own settings from running programs, and run with
//! [`ENVIRONMENT`]. Those that name a `tree` look at what an agent may have written, and are
//! to be run in a sandbox; those that name a `repository`, by its git directory, look at the
//! user's own. A tree's own clean filters are switched off by [`unfiltered`].
//!
//! What was changed is seen through an index of Dash's own, filled anew from HEAD
//! ([`read_head`], run with [`fresh`]): in the tree's own index anybody can mark a file
//! as unchanged, skipped or fresh, and settings can hide files from `git status`.

use crate::model::{AgentId, SwarmId};
use std::path::Path;

mod parse;

pub use parse::{changes, parse_numstat, parse_status};

/// Before every subcommand: no monitor, no hooks, no pager, no signing, no prompt.
const SAFE: [&str; 32] = [
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
    // A tree's log of where its HEAD stood is what tells of commits on no branch.
    "-c",
    "core.logAllRefUpdates=true",
    // [`ENVIRONMENT`] names a file of grafts, which git would only warn of.
    "-c",
    "advice.graftFileDeprecated=false",
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

/// Set beside [`ENVIRONMENT`] for commands on a tree: git stays in it, and fetches nothing
/// from where its settings say that something is missing.
pub fn confined(tree: &Path) -> [(String, String); 2] {
    let above = tree.parent().unwrap_or(tree);
    [
        ("GIT_CEILING_DIRECTORIES".to_owned(), path(above)),
        ("GIT_NO_LAZY_FETCH".to_owned(), "1".to_owned()),
    ]
}

/// Set beside those for commands that look at a tree's files: the index to be used, and the
/// files' place, which a setting could move.
pub fn fresh(tree: &Path, index: &Path) -> [(String, String); 2] {
    [("GIT_INDEX_FILE".to_owned(), path(index)), ("GIT_WORK_TREE".to_owned(), path(tree))]
}

/// Prints the filters of the user's own settings; read by [`parse_settings`]. A command that
/// does not see these settings is told of them by [`settings`]: else what a filter made of a
/// file would look like a change.
pub fn own_filters() -> Vec<String> {
    ["git", "config", "--global", "-z", "--get-regexp", "^filter[.]"].map(str::to_owned).into()
}

/// Prints what of a repository's own settings its clones need: who commits, and how lines
/// end. Read by [`parse_settings`]; fails where they say nothing.
pub fn passed_on(repository: &Path) -> Vec<String> {
    let keys = "^(user[.](name|email)|core[.](autocrlf|eol|safecrlf))$";
    of(repository, &["config", "--local", "-z", "--get-regexp", keys])
}

/// Key and value of each setting, as `git config -z` prints them.
pub fn parse_settings(printed: &[u8]) -> Vec<(String, String)> {
    parse::records(printed)
        .map(|record| match record.split_once('\n') {
            Some((key, value)) => (key.to_owned(), value.to_owned()),
            // A key alone says yes.
            None => (record, "true".to_owned()),
        })
        .collect()
}

/// Variables that give git these settings, over those in files.
pub fn settings(pairs: &[(String, String)]) -> Vec<(String, String)> {
    let mut variables = vec![("GIT_CONFIG_COUNT".to_owned(), pairs.len().to_string())];
    for (n, (key, value)) in pairs.iter().enumerate() {
        variables.push((format!("GIT_CONFIG_KEY_{n}"), key.clone()));
        variables.push((format!("GIT_CONFIG_VALUE_{n}"), value.clone()));
    }
    variables
}

/// In the tree: prints what settings say of filters, for [`unfiltered`]. Fails where they
/// say nothing.
pub fn filters(tree: &Path) -> Vec<String> {
    git(tree, &["config", "-z", "--show-scope", "--name-only", "--get-regexp", "^filter[.]"])
}

/// Settings that switch off the filters of the tree's own settings, as [`filters`] prints
/// them: agents can write those, and git would run them. The user's own filters stay.
pub fn unfiltered(printed: &[u8]) -> Vec<(String, String)> {
    let fields: Vec<String> = parse::records(printed).collect();
    let own = |scope: &str| matches!(scope, "system" | "global" | "command");
    let planted = fields.chunks_exact(2).filter(|pair| !own(&pair[0]));
    planted
        .map(|pair| {
            let value = if pair[1].ends_with(".required") { "false" } else { "" };
            (pair[1].clone(), value.to_owned())
        })
        .collect()
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
    start(&["git", "-C", &dir.to_string_lossy()], args)
}

/// On a repository that is named by its git directory, and not looked for.
fn of(repository: &Path, args: &[&str]) -> Vec<String> {
    let dir = path(repository);
    start(&["git", "-C", &dir, "--git-dir", &dir], args)
}

fn start(first: &[&str], args: &[&str]) -> Vec<String> {
    first.iter().chain(&SAFE).chain(args).map(|word| (*word).to_owned()).collect()
}

/// Prints the top directory of the repository that `dir` is in; fails outside one.
pub fn top(dir: &Path) -> Vec<String> {
    git(dir, &["rev-parse", "--show-toplevel"])
}

/// Prints where `dir` lies in its repository, with a slash at the end; nothing at the top.
pub fn prefix(dir: &Path) -> Vec<String> {
    git(dir, &["rev-parse", "--show-prefix"])
}

/// Prints the git directory that all worktrees of a repository share, absolute.
pub fn common_dir(dir: &Path) -> Vec<String> {
    git(dir, &["rev-parse", "--path-format=absolute", "--git-common-dir"])
}

/// Prints the commit that an agent starts from; fails where there is none yet.
pub fn base(dir: &Path) -> Vec<String> {
    git(dir, &["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])
}

/// Makes `tree` a clone of the repository at `top`, without files, that reads the
/// repository's objects where they are. `settings`: for the clone alone.
pub fn clone(top: &Path, tree: &Path, settings: &[(String, String)]) -> Vec<String> {
    let settings: Vec<String> =
        settings.iter().map(|(key, value)| format!("--config={key}={value}")).collect();
    let (top, tree) = (path(top), path(tree));
    // Without templates: a hook of the user's own would be one more program in a sandbox.
    let mut args = vec!["-c", "protocol.file.allow=always", "clone", "--quiet", "--shared"];
    args.extend(["--no-checkout", "--no-recurse-submodules", "--template="]);
    args.extend(settings.iter().map(String::as_str));
    args.extend(["--", &top, &tree]);
    start(&["git"], &args)
}

/// In a clone just made: makes the branch and the files.
pub fn check_out(tree: &Path, branch: &str, base: &str) -> Vec<String> {
    let args = ["checkout", "--quiet", "--no-track", "--no-recurse-submodules", "-b", branch];
    git(tree, &[&args[..], &[base, "--"]].concat())
}

/// The last word of a command that gives a tree's commits away: the tree is to follow.
pub fn upload_pack(tree: &Path) -> Vec<String> {
    git(tree, &["upload-pack"])
}

/// Takes the branch over from the tree, as [`fetched`]. `upload_pack`: a line for the shell,
/// which git completes with the tree. What comes is checked.
pub fn fetch(repository: &Path, tree: &Path, branch: &str, upload_pack: &str) -> Vec<String> {
    let upload_pack = format!("--upload-pack={upload_pack}");
    let refs = format!("+refs/heads/{branch}:{}", fetched(branch));
    let tree = path(tree);
    let checks = ["-c", "fetch.fsckObjects=true", "-c", "protocol.file.allow=always"];
    let quiet = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-prune"];
    let alone = ["--no-auto-maintenance", "--no-recurse-submodules", &upload_pack, "--"];
    let args = [&checks[..], &["-c", "protocol.version=2"], &quiet, &alone, &[&tree, &refs]];
    of(repository, &args.concat())
}

/// The ref of the user's repository that holds what was last fetched of a branch.
pub fn fetched(branch: &str) -> String {
    format!("refs/dash/{branch}")
}

/// The full name of a branch.
pub fn head(branch: &str) -> String {
    format!("refs/heads/{branch}")
}

/// Makes a ref that must not be there yet.
pub fn reserve(repository: &Path, name: &str, commit: &str) -> Vec<String> {
    of(repository, &["update-ref", name, commit, ""])
}

/// Moves a ref that must stand at `from`.
pub fn advance(repository: &Path, name: &str, to: &str, from: &str) -> Vec<String> {
    of(repository, &["update-ref", "-m", "dash: fetched", name, to, from])
}

/// Deletes a ref at exactly `commit`.
pub fn delete(repository: &Path, name: &str, commit: &str) -> Vec<String> {
    of(repository, &["update-ref", "-d", name, commit])
}

/// Prints the commit that a ref stands at; fails where there is none.
pub fn tip(repository: &Path, name: &str) -> Vec<String> {
    of(repository, &["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")])
}

/// Exit 0 if all of `commit` is also in `of_what`, 1 if not.
pub fn is_ancestor(repository: &Path, commit: &str, of_what: &str) -> Vec<String> {
    of(repository, &["merge-base", "--is-ancestor", commit, of_what])
}

/// Prints what each of the repository's worktrees has checked out; read by
/// [`is_checked_out`].
pub fn worktrees(repository: &Path) -> Vec<String> {
    of(repository, &["worktree", "list", "--porcelain"])
}

/// True if [`worktrees`] names the branch.
pub fn is_checked_out(printed: &str, branch: &str) -> bool {
    let head = head(branch);
    printed.lines().any(|line| line.strip_prefix("branch ") == Some(&head))
}

/// Prints what each ref points to; read by [`parse_ids`].
pub fn refs(dir: &Path) -> Vec<String> {
    git(dir, &["for-each-ref", "--format=%(objectname)"])
}

/// In the tree: prints every commit that a log of a ref knows; read by [`parse_ids`].
pub fn logged(tree: &Path) -> Vec<String> {
    git(tree, &["rev-list", "--no-walk", "--reflog", "HEAD", "--"])
}

/// Object ids, one a line; anything else is passed over.
pub fn parse_ids(printed: &[u8]) -> impl Iterator<Item = String> {
    let lines = printed.split(|byte| *byte == b'\n');
    lines.filter_map(|line| {
        let id = line.len() >= 40 && line.iter().all(u8::is_ascii_hexdigit);
        id.then(|| String::from_utf8_lossy(line).into_owned())
    })
}

/// Prints one of the commits named on standard input that no branch, tag or remote reaches;
/// nothing if all are safe. Fails where the repository does not have one.
pub fn unreachable(repository: &Path) -> Vec<String> {
    let args = ["rev-list", "--max-count=1", "--stdin", "--not", "--branches", "--tags"];
    of(repository, &[&args[..], &["--remotes"]].concat())
}

/// In the tree: what differs from `base`, committed or not; read by [`parse_numstat`].
/// Files that git does not know yet are missing: they come from [`status`].
pub fn diff(tree: &Path, base: &str) -> Vec<String> {
    let args = ["diff", "--numstat", "-z", "--no-renames", "--no-ext-diff", "--no-textconv"];
    git(tree, &[&args[..], &["--ignore-submodules=all", base, "--"]].concat())
}

/// In the tree: the same as a patch, in which files are that [`intend`] made known.
pub fn patch(tree: &Path, base: &str) -> Vec<String> {
    let args = ["diff", "--no-color", "--no-renames", "--no-ext-diff", "--no-textconv"];
    // Of a repository within it the commit, of which the parent says nothing more.
    git(tree, &[&args[..], &["--ignore-submodules=dirty", base, "--"]].concat())
}

/// In the tree: has the index know of files that are new, and of nothing in them.
pub fn intend(tree: &Path) -> Vec<String> {
    git(tree, &["add", "--intent-to-add", "--all"])
}

/// In the tree: what is not committed, untracked files one by one; read by [`parse_status`].
pub fn status(tree: &Path) -> Vec<String> {
    let args = ["status", "--porcelain", "-z", "--untracked-files=all", "--no-renames"];
    git(tree, &[&args[..], &["--ignore-submodules=all"]].concat())
}

/// In the tree: prints files that HEAD does not hold, ignored ones too, NUL between them.
pub fn others(tree: &Path) -> Vec<String> {
    git(tree, &["ls-files", "-z", "--others"])
}

/// In the tree: fills the index that [`fresh`] names from HEAD.
pub fn read_head(tree: &Path) -> Vec<String> {
    git(tree, &["read-tree", "--reset", "HEAD"])
}

/// In the tree, with its own index: prints how each file stands; read by [`left_out`].
pub fn standing(tree: &Path) -> Vec<String> {
    git(tree, &["ls-files", "-z", "-t"])
}

/// The files that a sparse checkout leaves out, as [`standing`] prints them.
pub fn left_out(printed: &[u8]) -> impl Iterator<Item = &[u8]> {
    printed.split(|byte| *byte == 0).filter_map(|record| record.strip_prefix(b"S "))
}

/// In the tree: marks the files named on standard input, NUL between them, as left out.
pub fn leave_out(tree: &Path) -> Vec<String> {
    git(tree, &["update-index", "-z", "--skip-worktree", "--stdin"])
}

/// In the tree: prints what its index holds; read by [`has_submodule`].
pub fn staged(tree: &Path) -> Vec<String> {
    git(tree, &["ls-files", "-z", "--stage"])
}

/// True if [`staged`] names a submodule: what is in it the repository does not know.
pub fn has_submodule(printed: &[u8]) -> bool {
    printed.split(|byte| *byte == 0).any(|record| record.starts_with(b"160000 "))
}

/// In the tree: exit 0 if the log of its HEAD is there. Without it [`logged`] would not
/// know of commits on no branch.
pub fn has_log(tree: &Path) -> Vec<String> {
    git(tree, &["reflog", "exists", "HEAD"])
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
