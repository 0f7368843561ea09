//! Git worktrees of agents: made at the first launch, looked at when an attempt ends,
//! removed with their swarm only when nothing in them would be lost.

use super::{launch::Plan, world::Shared};
use crate::{
    agents::worktree as git,
    core::Worktree,
    model::{AgentId, FileChange, SwarmId},
    protocol::rest::KeptWorktree,
};
use anyhow::{Context, bail};
use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::OnceLock,
};
use tokio::{io::AsyncWriteExt, process::Command, sync::Mutex};

/// Branches of the same name that are tried past before giving up.
const TRIES: u32 = 50;

/// Lines of larger files are not counted, in bytes.
const MAX_COUNTED: u64 = 64 << 20;

/// Git locks its list of worktrees: makers take turns instead of failing.
fn turn() -> &'static Mutex<()> {
    static TURN: OnceLock<Mutex<()>> = OnceLock::new();
    TURN.get_or_init(Mutex::default)
}

async fn run(argv: &[String]) -> anyhow::Result<Output> {
    run_with(argv, &[], &[]).await
}

async fn run_with(
    argv: &[String],
    variables: &[(String, String)],
    input: &[u8],
) -> anyhow::Result<Output> {
    let (program, args) = argv.split_first().context("an empty git command")?;
    let mut command = Command::new(program);
    command.args(args).envs(git::ENVIRONMENT).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A repository is named by its directory alone, whatever the core was started in.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(name);
    }
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    let mut child = command.spawn().context("running git (is it installed?)")?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that does not read it to its end says why by its exit.
        let _ = stdin.write_all(input).await;
    }
    child.wait_with_output().await.context("running git")
}

async fn ask(argv: &[String]) -> anyhow::Result<String> {
    Ok(String::from_utf8_lossy(&answer(argv, &[]).await?).trim().to_owned())
}

/// What it prints, byte for byte.
async fn answer(argv: &[String], variables: &[(String, String)]) -> anyhow::Result<Vec<u8>> {
    let output = run_with(argv, variables, &[]).await?;
    if !output.status.success() {
        bail!("git said: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}

/// Variables that keep filters from running which an agent may have planted.
async fn unfiltered(tree: &Path) -> anyhow::Result<Vec<(String, String)>> {
    // Git fails here where it has no filters to tell of.
    Ok(git::unfiltered(&run(&git::filters(tree)).await?.stdout))
}

/// Removes a worktree in which git sees no work.
async fn remove(repository: &Path, tree: &Path) -> anyhow::Result<()> {
    let variables = unfiltered(tree).await?;
    answer(&git::remove(repository, tree), &variables).await.map(|_| ())
}

/// A worktree seen as it is, whatever its index and the repository's settings say: through
/// an index of our own beside it, which goes with this.
struct View<'a> {
    tree: &'a Path,
    index: PathBuf,
    variables: Vec<(String, String)>,
}

impl<'a> View<'a> {
    async fn open(tree: &'a Path) -> anyhow::Result<Self> {
        let mut index = tree.as_os_str().to_owned();
        index.push(".index");
        let index = PathBuf::from(index);
        let mut variables = git::fresh(tree, &index).to_vec();
        variables.extend(unfiltered(tree).await?);
        let view = Self { tree, index, variables };
        // What a core that died left there.
        view.clear();
        view.ask(&git::read_head(tree)).await?;
        view.leave_out().await?;
        Ok(view)
    }

    async fn ask(&self, argv: &[String]) -> anyhow::Result<Vec<u8>> {
        answer(argv, &self.variables).await
    }

    /// What a sparse checkout left out was not deleted. Only what is really absent counts.
    async fn leave_out(&self) -> anyhow::Result<()> {
        let own = run(&git::standing(self.tree)).await?;
        let absent =
            |path: &&[u8]| fs::symlink_metadata(self.tree.join(OsStr::from_bytes(path))).is_err();
        let left_out: Vec<&[u8]> = git::left_out(&own.stdout).filter(absent).collect();
        if !left_out.is_empty() {
            let input = left_out.join(&0);
            run_with(&git::leave_out(self.tree), &self.variables, &input).await?;
        }
        Ok(())
    }

    fn clear(&self) {
        let mut lock = self.index.as_os_str().to_owned();
        lock.push(".lock");
        for file in [self.index.as_path(), Path::new(&lock)] {
            // Mostly it is not there.
            let _ = fs::remove_file(file);
        }
    }

    /// Why what is in the worktree has to be kept, if it has.
    async fn holds(&self) -> anyhow::Result<Option<&'static str>> {
        if git::has_submodule(&self.ask(&git::staged(self.tree)).await?) {
            return Ok(Some("it holds a submodule"));
        }
        if !self.ask(&git::status(self.tree)).await?.is_empty() {
            return Ok(Some("it holds uncommitted work"));
        }
        if !self.ask(&git::others(self.tree)).await?.is_empty() {
            return Ok(Some("it holds ignored files"));
        }
        Ok(None)
    }
}

impl Drop for View<'_> {
    fn drop(&mut self) {
        self.clear();
    }
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
    let dir = PathBuf::from(ask(&git::prefix(&plan.cwd)).await?.trim_end_matches('/'));
    let _turn = turn().lock().await;
    let wish = free_branch(&repository, &plan.swarm_name, agent).await?;
    // A core that died between making and journaling left this behind: nothing was in it.
    if path.exists() && fs::remove_dir(&path).is_err() {
        remove(&repository, &path).await.context("an older worktree is in the way")?;
    }
    let mut last = String::new();
    for n in 1..=TRIES {
        let branch = if n == 1 { wish.clone() } else { format!("{wish}-{n}") };
        if run(&git::tip(&repository, &branch)).await?.status.success() {
            continue;
        }
        match ask(&git::add(&repository, &path, &branch, &base)).await {
            Ok(_) => return Ok(Worktree { path, branch, base, dir }),
            Err(error) => last = format!("{error:#}"),
        }
        break;
    }
    bail!("no worktree for {agent} on {wish}: {last}")
}

/// A name for the agent's branch that no other branch is in the way of.
async fn free_branch(repository: &Path, swarm: &str, agent: &AgentId) -> anyhow::Result<String> {
    let names = git::branches(&SwarmId::new(swarm), agent);
    for name in &names {
        let mut free = true;
        for other in git::in_the_way(name) {
            free &= !run(&git::tip(repository, other)).await?.status.success();
        }
        if free {
            return Ok(name.clone());
        }
    }
    bail!("other branches leave no room for {}: rename the branch `dash`", names[0])
}

/// What the attempt's worktree has beyond its base; none without a worktree of its own,
/// since nobody can tell there whose change it is.
pub async fn changes(plan: &Plan) -> Option<Vec<FileChange>> {
    let tree = plan.worktree.as_ref()?;
    let seen = async {
        let view = View::open(&tree.path).await?;
        let diff = view.ask(&git::diff(&tree.path, &tree.base)).await?;
        anyhow::Ok((diff, view.ask(&git::status(&tree.path)).await?))
    };
    let (diff, status) = match seen.await {
        Ok(seen) => seen,
        Err(error) => {
            let path = tree.path.display();
            tracing::warn!(%path, error = format!("{error:#}"), "its changes are not known");
            return None;
        }
    };
    let diff = git::parse_numstat(&diff);
    let count = |path: &str| lines_of(&tree.path.join(path));
    Some(git::changes(diff, &git::parse_status(&status), count))
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

/// Removes worktree and branch where everything in them is committed and in the branch that
/// the repository has checked out. Anything else is kept, and the answer says why.
pub async fn forget(tree: &Worktree) -> Option<KeptWorktree> {
    let _turn = turn().lock().await;
    if !tree.path.exists() {
        return None;
    }
    let why = match try_forget(tree).await {
        Ok(None) => return None,
        Ok(Some(why)) => why.to_owned(),
        Err(error) => format!("{error:#}"),
    };
    tracing::info!(path = %tree.path.display(), branch = tree.branch, why, "kept a worktree");
    Some(KeptWorktree { path: tree.path.clone(), branch: tree.branch.clone(), why })
}

/// Why it has to be kept, if it has.
async fn try_forget(tree: &Worktree) -> anyhow::Result<Option<&'static str>> {
    // The repository itself: the worktree's own directory is about to go.
    let common = ask(&git::common_dir(&tree.path)).await?;
    let repository = Path::new(&common).parent().unwrap_or(Path::new("/"));
    if !run(&git::is_merged(repository, &tree.branch)).await?.status.success() {
        return Ok(Some("its branch is not merged"));
    }
    // Commits made on no branch at all are reached by nothing but this worktree's own log.
    let stations = ask(&git::stations(&tree.path)).await?;
    let stations: Vec<&str> = stations.lines().collect();
    if stations.is_empty() || !run(&git::has_log(&tree.path)).await?.status.success() {
        return Ok(Some("its log is gone: it may hold commits that no branch holds"));
    }
    if !ask(&git::unreachable(repository, &stations)).await?.is_empty()
        || !ask(&git::stray_head(&tree.path)).await?.is_empty()
    {
        return Ok(Some("it holds commits that no branch holds"));
    }
    if let Some(why) = View::open(&tree.path).await?.holds().await? {
        return Ok(Some(why));
    }
    // This looks once more, by git's own lights.
    if remove(repository, &tree.path).await.is_err() {
        return Ok(Some("it holds uncommitted work"));
    }
    if let Ok(tip) = ask(&git::tip(repository, &tree.branch)).await {
        // The branch may have moved on since: then git refuses, and that is right.
        let _ = run(&git::delete_branch(repository, &tree.branch, &tip)).await;
    }
    Ok(None)
}
