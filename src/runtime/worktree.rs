//! Git worktrees of agents: made at the first launch, looked at when an attempt ends,
//! removed with their swarm only when nothing in them would be lost.

use super::{launch::Plan, world::Shared};
use crate::{
    agents::worktree as git,
    core::Worktree,
    model::{FileChange, SwarmId},
};
use anyhow::{Context, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::OnceLock,
};
use tokio::{process::Command, sync::Mutex};

/// Branches of the same name that are tried past before giving up.
const TRIES: u32 = 50;

/// Git locks its list of worktrees: makers take turns instead of failing.
fn turn() -> &'static Mutex<()> {
    static TURN: OnceLock<Mutex<()>> = OnceLock::new();
    TURN.get_or_init(Mutex::default)
}

async fn run(argv: &[String]) -> anyhow::Result<Output> {
    let (program, args) = argv.split_first().context("an empty git command")?;
    let mut command = Command::new(program);
    command.args(args).envs(git::ENVIRONMENT).stdin(Stdio::null()).kill_on_drop(true);
    // A repository is named by its directory alone, whatever the core was started in.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(name);
    }
    command.output().await.context("running git (is it installed?)")
}

async fn ask(argv: &[String]) -> anyhow::Result<String> {
    let output = run(argv).await?;
    if !output.status.success() {
        bail!("git said: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The top of the git work tree that `dir` is in.
///
/// # Errors
/// When it is in none, or the repository has no commit to start from.
pub async fn repository(dir: &Path) -> anyhow::Result<PathBuf> {
    let top = ask(&git::top(dir))
        .await
        .with_context(|| format!("--worktree needs a git repository at {}", dir.display()))?;
    if ask(&git::base(dir)).await.is_err() {
        bail!("--worktree needs a first commit in {top}");
    }
    Ok(PathBuf::from(top))
}

/// Makes the worktree and branch of the plan's agent.
///
/// # Errors
/// When git cannot; the message carries its words.
pub async fn make(world: &Shared, plan: &Plan) -> anyhow::Result<Worktree> {
    let repository = repository(&plan.cwd).await?;
    let base = ask(&git::base(&repository)).await?;
    let agent = &plan.attempt.agent;
    let path = world
        .instance
        .state
        .join("worktrees")
        .join(plan.attempt.swarm.as_str())
        .join(agent.as_str());
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
    }
    let wish = git::branch(&SwarmId::new(plan.swarm_name.as_str()), agent);
    let _turn = turn().lock().await;
    // A core that died between making and journaling left this behind: nothing was in it.
    if path.exists() && fs::remove_dir(&path).is_err() {
        ask(&git::remove(&repository, &path)).await.context("an older worktree is in the way")?;
    }
    let mut last = String::new();
    for n in 1..=TRIES {
        let branch = if n == 1 { wish.clone() } else { format!("{wish}-{n}") };
        if run(&git::tip(&repository, &branch)).await?.status.success() {
            continue;
        }
        match ask(&git::add(&repository, &path, &branch, &base)).await {
            Ok(_) => return Ok(Worktree { path, branch, base }),
            Err(error) => last = format!("{error:#}"),
        }
        break;
    }
    bail!("no worktree for {agent} on {wish}: {last}")
}

/// What the attempt's worktree has beyond its base; none without a worktree of its own,
/// since nobody can tell there whose change it is.
pub async fn changes(plan: &Plan) -> Option<Vec<FileChange>> {
    let tree = plan.worktree.as_ref()?;
    let diff = run(&git::diff(&tree.path, &tree.base)).await.ok()?;
    let status = run(&git::status(&tree.path)).await.ok()?;
    if !diff.status.success() || !status.status.success() {
        return None;
    }
    let count = |path: &str| {
        let bytes = fs::read(tree.path.join(path)).unwrap_or_default();
        u32::try_from(bytes.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(u32::MAX)
    };
    let diff = git::parse_numstat(&diff.stdout);
    Some(git::changes(diff, &git::parse_status(&status.stdout), count))
}

/// Removes worktree and branch where all work is committed and merged into the branch that
/// the repository has checked out; keeps everything else and says so in the log.
pub async fn forget(tree: &Worktree) {
    let _turn = turn().lock().await;
    // The repository itself: the worktree's own directory is about to go.
    let Ok(common) = ask(&git::common_dir(&tree.path)).await else { return };
    let repository = Path::new(&common).parent().unwrap_or(Path::new("/"));
    let merged = match run(&git::is_merged(repository, &tree.branch)).await {
        Ok(output) => output.status.success(),
        Err(_) => false,
    };
    if !merged {
        tracing::info!(branch = tree.branch, "kept: it holds work that is not merged");
        return;
    }
    if let Err(error) = ask(&git::remove(repository, &tree.path)).await {
        tracing::info!(path = %tree.path.display(), %error, "kept: it holds uncommitted work");
        return;
    }
    if let Ok(tip) = ask(&git::tip(repository, &tree.branch)).await {
        // The branch may have moved on since: then git refuses, and that is right.
        let _ = run(&git::delete_branch(repository, &tree.branch, &tip)).await;
    }
}
