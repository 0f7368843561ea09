//! Clones of agents: made at the first launch, looked at and fetched from when an attempt
//! ends, removed with their swarm only when nothing in them would be lost.
//!
//! A clone borrows the repository's objects and has everything else of its own: refs, index,
//! settings. So an agent needs to write nothing of the user's, and what it commits comes back
//! by a fetch. The core trusts a clone only until an agent has seen it: from then on git runs
//! there in a sandbox (see [`git::Tree`]).

use super::{launch::Plan, world::Shared};
use crate::{
    agents::worktree as words,
    core::Worktree,
    model::{AgentId, FileChange, SwarmId},
    protocol::rest::KeptWorktree,
};
use anyhow::{Context, bail};
use git::{Tree, ask, run, run_with};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};
use tokio::sync::Mutex;
use view::View;

mod fetch;
pub mod git;
mod view;

/// Names that are tried past before giving up.
const TRIES: u32 = 50;

/// Lines of larger files are not counted, in bytes.
const MAX_COUNTED: u64 = 64 << 20;

/// Beside a clone: the commits that its refs stood at when it was made. They are the user's.
const ORIGINS: &str = ".origins";

/// Git locks its refs: makers and removers take turns instead of failing.
fn turn() -> &'static Mutex<()> {
    static TURN: OnceLock<Mutex<()>> = OnceLock::new();
    TURN.get_or_init(Mutex::default)
}

/// The top of the git work tree that `dir` is in.
///
/// # Errors
/// When it is in none, or the repository has no commit to start from.
pub async fn repository(dir: &Path) -> anyhow::Result<PathBuf> {
    let top = ask(&words::top(dir))
        .await
        .with_context(|| format!("--worktree needs a git repository at {}", dir.display()))?;
    if ask(&words::base(dir)).await.is_err() {
        bail!("--worktree needs a first commit in {top}");
    }
    Ok(PathBuf::from(top))
}

/// Makes the clone and branch of the plan's agent.
///
/// # Errors
/// When git cannot; the message carries its words.
pub async fn make(world: &Shared, plan: &Plan) -> anyhow::Result<Worktree> {
    let top = repository(&plan.cwd).await?;
    let base = ask(&words::base(&top)).await?;
    let common = ask(&words::common_dir(&top)).await?;
    let common = fs::canonicalize(&common).with_context(|| format!("looking at {common}"))?;
    let dir = PathBuf::from(ask(&words::prefix(&plan.cwd)).await?.trim_end_matches('/'));
    let agent = &plan.attempt.agent;
    let parent = world.instance.state.join("worktrees").join(plan.attempt.swarm.as_str());
    fs::create_dir_all(&parent).with_context(|| format!("making {}", parent.display()))?;
    let parent = fs::canonicalize(&parent).context("the directory of worktrees")?;
    let (path, branch) = {
        let _turn = turn().lock().await;
        let path = free_path(world, &parent, agent, &common).await?;
        (path, reserve(&common, &plan.swarm_name, agent, &base).await?)
    };
    let own = (Some(common.clone()), Some(fs::canonicalize(&top).context("the work tree")?));
    let (repository, top_of) = own;
    let tree = Worktree { path, branch, base, dir, repository, top: top_of };
    // So many at once as there are launches.
    let _slot = world.launches.acquire().await?;
    if let Err(error) = fill(&top, &common, &tree).await {
        let _ = forget_files(&tree.path);
        let _ = run(&words::delete(&common, &words::head(&tree.branch), &tree.base)).await;
        return Err(error.context(format!("no clone for {agent} on {}", tree.branch)));
    }
    Ok(tree)
}

/// Clones, and makes the files of the base.
async fn fill(top: &Path, common: &Path, tree: &Worktree) -> anyhow::Result<()> {
    // Git fails here where there is nothing to pass on.
    let settings = words::parse_settings(&run(&words::passed_on(common)).await?.stdout);
    ask(&words::clone(top, &tree.path, &settings)).await?;
    let own = tree.path.join(".git");
    // They are there from the start, so that a mount can hold them.
    for name in ["hooks", "info"] {
        fs::create_dir_all(own.join(name)).context("making the clone's directories")?;
    }
    let lent: String =
        git::stores(common).iter().map(|dir| format!("{}\n", dir.display())).collect();
    fs::write(own.join("objects/info/alternates"), lent)
        .context("writing the clone's alternates")?;
    let refs = git::printed(run(&words::refs(&tree.path)).await?)?;
    fs::write(git::beside(&tree.path, ORIGINS), [&refs, tree.base.as_bytes()].concat())
        .context("writing down the clone's refs")?;
    ask(&words::check_out(&tree.path, &tree.branch, &tree.base)).await.map(|_| ())
}

/// A place where nothing is. A core that died between making and journaling left a clone that
/// no agent has seen; it goes. Whatever holds work stays where it is.
async fn free_path(
    world: &Shared,
    parent: &Path,
    agent: &AgentId,
    common: &Path,
) -> anyhow::Result<PathBuf> {
    for n in 1..=TRIES {
        let name = if n == 1 { agent.to_string() } else { format!("{agent}-{n}") };
        let path = parent.join(name);
        if fs::symlink_metadata(&path).is_err() || fs::remove_dir(&path).is_ok() {
            return Ok(path);
        }
        let older = Worktree {
            path: path.clone(),
            branch: String::new(),
            base: String::new(),
            dir: PathBuf::new(),
            repository: Some(common.to_owned()),
            top: None,
        };
        let why = match work_in(world, &older, common).await {
            Ok(None) => match forget_files(&path) {
                Ok(()) => return Ok(path),
                Err(error) => format!("{error:#}"),
            },
            Ok(Some(why)) => why.to_owned(),
            Err(error) => format!("{error:#}"),
        };
        tracing::warn!(path = %path.display(), why, "an older worktree stays");
    }
    bail!("older worktrees are in the way in {}", parent.display())
}

/// Makes a branch for the agent in the user's repository.
async fn reserve(
    common: &Path,
    swarm: &str,
    agent: &AgentId,
    base: &str,
) -> anyhow::Result<String> {
    let wish = free_branch(common, swarm, agent).await?;
    for n in 1..=TRIES {
        let branch = if n == 1 { wish.clone() } else { format!("{wish}-{n}") };
        let mut taken = false;
        for name in [words::head(&branch), words::fetched(&branch)] {
            taken |= run(&words::tip(common, &name)).await?.status.success();
        }
        if !taken {
            let made = ask(&words::reserve(common, &words::head(&branch), base)).await;
            return made.map(|_| branch).with_context(|| format!("no branch {wish} for {agent}"));
        }
    }
    bail!("no branch for {agent}: {wish} and {TRIES} like it are taken")
}

/// A name for the agent's branch that no other branch is in the way of.
async fn free_branch(common: &Path, swarm: &str, agent: &AgentId) -> anyhow::Result<String> {
    let names = words::branches(&SwarmId::new(swarm), agent);
    for name in &names {
        let mut free = true;
        for other in words::in_the_way(name) {
            let other = words::tip(common, &words::head(other));
            free &= !run(&other).await?.status.success();
        }
        if free {
            return Ok(name.clone());
        }
    }
    bail!("other branches leave no room for {}: rename the branch `dash`", names[0])
}

/// What an attempt left in its clone.
#[derive(Default)]
pub struct Seen {
    /// Beyond the base; none without a clone of its own, since nobody can tell there whose
    /// change it is.
    pub files: Option<Vec<FileChange>>,
    /// What the user has to know of where the commits are.
    pub word: Option<String>,
}

/// Measures the changes, and fetches what was committed.
pub async fn inspect(world: &Shared, plan: &Plan) -> Seen {
    let Some(own) = &plan.worktree else { return Seen::default() };
    let path = own.path.display();
    let tree = match Tree::open(world, own).await {
        Ok(tree) => tree,
        Err(error) => {
            tracing::warn!(%path, error = format!("{error:#}"), "a worktree cannot be looked at");
            return Seen {
                files: None,
                word: Some(format!("{path} was not looked at: {error:#}")),
            };
        }
    };
    let files = match changes(&tree, &own.base).await {
        Ok(files) => Some(files),
        Err(error) => {
            tracing::warn!(%path, error = format!("{error:#}"), "its changes are not known");
            None
        }
    };
    let Some(repository) = &own.repository else { return Seen { files, word: None } };
    let word = match fetch::fetch_back(&tree, repository, &own.branch).await {
        Ok(word) => word,
        Err(error) => {
            Some(format!("its commits are only in {path}, for the fetch failed: {error:#}"))
        }
    };
    if let Some(word) = &word {
        tracing::warn!(%path, word, "its branch did not follow");
    }
    Seen { files, word }
}

async fn changes(tree: &Tree, base: &str) -> anyhow::Result<Vec<FileChange>> {
    let view = View::open(tree).await?;
    let diff = words::parse_numstat(&view.ask(&words::diff(&tree.path, base)).await?);
    let status = words::parse_status(&view.ask(&words::status(&tree.path)).await?);
    Ok(words::changes(diff, &status, |path| lines_of(&tree.path.join(path))))
}

/// Longest patch, in bytes; the rest of a longer one is in the tree.
const MAX_PATCH: usize = 256 << 10;

/// What is in the tree beyond its base, committed or not, as a patch.
///
/// # Errors
/// When the tree cannot be looked at.
pub async fn patch(world: &Shared, own: &Worktree) -> anyhow::Result<String> {
    let _turn = turn().lock().await;
    let tree = Tree::open_beside(world, own, ".patch").await?;
    let view = View::open(&tree).await?;
    view.ask(&words::intend(&tree.path)).await?;
    let patch = view.ask(&words::patch(&tree.path, &own.base)).await?;
    let mut patch = String::from_utf8_lossy(&patch).into_owned();
    if patch.len() > MAX_PATCH {
        let left = patch.len() - MAX_PATCH;
        patch.truncate(patch.floor_char_boundary(MAX_PATCH));
        patch.push_str(&format!("\n… and {left} bytes more\n"));
    }
    Ok(patch)
}

/// Lines of a plain file; 0 for anything else, since a link or a pipe may never end.
fn lines_of(path: &Path) -> u32 {
    let plain = |meta: fs::Metadata| meta.is_file() && meta.len() <= MAX_COUNTED;
    if !fs::symlink_metadata(path).is_ok_and(plain) {
        return 0;
    }
    let bytes = fs::read(path).unwrap_or_default();
    u32::try_from(bytes.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(u32::MAX)
}

/// Removes clone and branch where everything in them is committed and in the branch that
/// the repository has checked out. Anything else is kept, and the answer says why.
pub async fn forget(world: &Shared, tree: &Worktree) -> Option<KeptWorktree> {
    let _turn = turn().lock().await;
    if !tree.path.exists() {
        return None;
    }
    let why = match try_forget(world, tree).await {
        Ok(None) => return None,
        Ok(Some(why)) => why.to_owned(),
        Err(error) => format!("{error:#}"),
    };
    tracing::info!(path = %tree.path.display(), branch = tree.branch, why, "kept a worktree");
    Some(KeptWorktree { path: tree.path.clone(), branch: tree.branch.clone(), why })
}

/// Why it has to be kept, if it has.
async fn try_forget(world: &Shared, tree: &Worktree) -> anyhow::Result<Option<&'static str>> {
    let Some(common) = &tree.repository else {
        return Ok(Some(
            "an older version of Dash linked it to the repository: remove it with `git worktree \
             remove`",
        ));
    };
    let mut refs = Vec::new();
    for name in [words::head(&tree.branch), words::fetched(&tree.branch)] {
        // One that the user deleted holds nothing.
        let Ok(tip) = ask(&words::tip(common, &name)).await else { continue };
        if !run(&words::is_ancestor(common, &tip, "HEAD")).await?.status.success() {
            return Ok(Some("its branch is not merged"));
        }
        refs.push((name, tip));
    }
    if let Some(why) = work_in(world, tree, common).await? {
        return Ok(Some(why));
    }
    forget_files(&tree.path)?;
    let used = words::is_checked_out(&ask(&words::worktrees(common)).await?, &tree.branch);
    for (name, tip) in refs {
        if used && name == words::head(&tree.branch) {
            continue;
        }
        // It may have moved on since: then git refuses, and that is right.
        let _ = run(&words::delete(common, &name, &tip)).await;
    }
    Ok(None)
}

/// What would be lost with the clone, if anything.
async fn work_in(
    world: &Shared,
    own: &Worktree,
    common: &Path,
) -> anyhow::Result<Option<&'static str>> {
    let tree = Tree::open(world, own).await?;
    if !tree.run(&words::has_log(&tree.path)).await?.status.success() {
        return Ok(Some("its log is gone: it may hold commits that no branch holds"));
    }
    let mut held: BTreeSet<String> = BTreeSet::new();
    for command in [words::refs(&tree.path), words::logged(&tree.path)] {
        held.extend(words::parse_ids(&tree.ask(&command).await?));
    }
    if held.is_empty() {
        return Ok(Some("its log is gone: it may hold commits that no branch holds"));
    }
    let origins = fs::read(git::beside(&own.path, ORIGINS)).unwrap_or_default();
    for origin in words::parse_ids(&origins) {
        held.remove(&origin);
    }
    if !held.is_empty() {
        let asked: String = held.iter().map(|id| format!("{id}\n")).collect();
        let said = run_with(&words::unreachable(common), asked.as_bytes()).await?;
        // It fails where the repository does not even know one of them.
        if !said.status.success() || !said.stdout.is_empty() {
            return Ok(Some("it holds commits that no branch holds"));
        }
    }
    View::open(&tree).await?.holds().await
}

fn forget_files(path: &Path) -> anyhow::Result<()> {
    git::remove(path)?;
    let origins = git::beside(path, ORIGINS);
    match fs::remove_file(&origins) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", origins.display()))
        }
        _ => Ok(()),
    }
}

/// Makes the directory `dir` below `root` where it is missing.
///
/// # Errors
/// When a link or a file is in the way: an agent may have put it there.
pub fn make_below(root: &Path, dir: &Path) -> anyhow::Result<()> {
    let mut path = root.to_owned();
    for part in dir.components() {
        path.push(part);
        match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_dir() => {}
            Ok(_) => bail!("{} is no directory", path.display()),
            Err(_) => {
                fs::create_dir(&path).with_context(|| format!("making {}", path.display()))?;
            }
        }
    }
    Ok(())
}
