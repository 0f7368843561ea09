//! Running git: on the user's own repository as the core itself, on a tree that an agent may
//! have written in a sandbox, whose programs see the tree, the objects that it shares and
//! nothing else of the user's.

use super::super::{
    confine,
    world::{Shared, World},
};
use crate::{agents::worktree as git, core::Worktree, model::Confine, sandbox};
use anyhow::{Context, bail};
use std::{
    fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};
use tokio::{io::AsyncWriteExt, process::Command};

/// For one command on a tree: an agent can leave there what git waits for without end.
const LIMIT: Duration = Duration::from_secs(300);

/// Git directories that lend each other objects in a row, at most; as git itself has it.
const DEPTH: usize = 5;

/// What of the core's environment would point git to another repository.
const ELSEWHERE: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
];

/// On the user's own repository, or a clone that no agent has seen yet.
pub async fn run(argv: &[String]) -> anyhow::Result<Output> {
    run_with(argv, &[]).await
}

pub async fn run_with(argv: &[String], input: &[u8]) -> anyhow::Result<Output> {
    finish(plain(argv)?, input).await
}

/// What it prints, without blanks around it.
pub async fn ask(argv: &[String]) -> anyhow::Result<String> {
    Ok(String::from_utf8_lossy(&printed(run(argv).await?)?).trim().to_owned())
}

/// What it printed, byte for byte.
pub fn printed(output: Output) -> anyhow::Result<Vec<u8>> {
    if !output.status.success() {
        bail!("git said: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}

fn plain(argv: &[String]) -> anyhow::Result<Command> {
    let (program, args) = argv.split_first().context("an empty git command")?;
    let mut command = Command::new(program);
    command.args(args).envs(git::ENVIRONMENT);
    for name in ELSEWHERE {
        command.env_remove(name);
    }
    Ok(command)
}

async fn finish(mut command: Command, input: &[u8]) -> anyhow::Result<Output> {
    command.kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("running git (is it installed?)")?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that does not read it to its end says why by its exit.
        let _ = stdin.write_all(input).await;
    }
    child.wait_with_output().await.context("running git")
}

/// A tree that an agent may have written, and how git is run on it. Has a directory of its
/// own, which goes with this.
pub struct Tree {
    pub path: PathBuf,
    /// For what git writes beside the tree.
    scratch: PathBuf,
    /// None where this machine can hold no scope: then what runs is git with its safe
    /// options, and nothing that the tree asks for.
    confine: Option<Confine>,
    variables: Vec<(String, String)>,
}

impl Tree {
    /// # Errors
    /// When the sandbox cannot be made ready.
    pub async fn open(world: &Shared, tree: &Worktree) -> anyhow::Result<Self> {
        Self::open_beside(world, tree, ".scratch").await
    }

    /// The same, for somebody else while it is open: `end` tells their scratch places apart.
    pub async fn open_beside(world: &Shared, tree: &Worktree, end: &str) -> anyhow::Result<Self> {
        let known = run(&git::own_filters()).await?;
        let filters = git::parse_settings(&known.stdout);
        let scratch = beside(&tree.path, end);
        let (world, path) = (world.clone(), tree.path.clone());
        let repository = tree.repository.clone();
        let opened = move || {
            // What a core that died left there.
            remove(&scratch)?;
            remove(&scratch.with_extension("dev"))?;
            for dir in [&scratch, &scratch.join("home"), &scratch.join("tmp")] {
                let made = fs::DirBuilder::new().mode(0o700).create(dir);
                made.with_context(|| format!("making {}", dir.display()))?;
            }
            // A linked worktree of an older build is no world of its own.
            let confine = match repository {
                Some(repository) => confine::for_git(&world, &path, &repository, &scratch)?,
                None => None,
            };
            let mut tree = Self { path, scratch, confine, variables: Vec::new() };
            tree.variables = tree.environment(&world);
            anyhow::Ok(tree)
        };
        let mut tree = tokio::task::spawn_blocking(opened).await??;
        let mut settings = if tree.confine.is_some() { filters } else { Vec::new() };
        tree.variables.extend(git::settings(&settings));
        // Git fails here where it has no filters to tell of.
        settings.extend(git::unfiltered(&tree.run(&git::filters(&tree.path)).await?.stdout));
        tree.variables.extend(git::settings(&settings));
        Ok(tree)
    }

    fn environment(&self, world: &Shared) -> Vec<(String, String)> {
        let mut variables = git::confined(&self.path).to_vec();
        if self.confine.is_some() {
            let own = git::ENVIRONMENT.iter().map(|(name, value)| (*name, (*value).to_owned()));
            let home = ["home", "tmp"].map(|name| self.scratch.join(name).display().to_string());
            let [home, tmp] = home;
            let own = own.chain([("HOME", home), ("TMPDIR", tmp), ("PATH", search_path(world))]);
            variables.extend(own.map(|(name, value)| (name.to_owned(), value)));
        }
        variables
    }

    /// A file of Dash's own for this tree.
    pub fn index(&self) -> PathBuf {
        self.scratch.join("index")
    }

    pub async fn run(&self, argv: &[String]) -> anyhow::Result<Output> {
        self.run_with(argv, &[], &[]).await
    }

    pub async fn ask(&self, argv: &[String]) -> anyhow::Result<Vec<u8>> {
        printed(self.run(argv).await?)
    }

    /// # Errors
    /// When it cannot be run, or takes too long.
    pub async fn run_with(
        &self,
        argv: &[String],
        variables: &[(String, String)],
        input: &[u8],
    ) -> anyhow::Result<Output> {
        let mut command = match &self.confine {
            Some(confine) => Command::from(
                sandbox::command(confine, &self.path, argv).context("the sandbox of git")?,
            ),
            None => plain(argv)?,
        };
        let all = self.variables.iter().chain(variables);
        command.envs(all.map(|(name, value)| (name, value)));
        let limited = tokio::time::timeout(LIMIT, finish(command, input)).await;
        limited.with_context(|| format!("git took longer than {} s", LIMIT.as_secs()))?
    }

    /// A line for a shell that becomes the giving side of a fetch; git adds the tree to it.
    /// Its environment does not come from whoever runs it.
    pub fn upload_pack(&self) -> anyhow::Result<String> {
        let argv = git::upload_pack(&self.path);
        let mut words = Vec::new();
        let Some(confine) = &self.confine else {
            words.push("exec".to_owned());
            words.extend(argv.iter().map(|word| quoted(word)));
            return Ok(words.join(" "));
        };
        // The shell is replaced, so that what holds the sandbox is a child of the fetch, and
        // ends with it.
        words.extend(["exec", "env", "-i", "GIT_PROTOCOL=version=2"].map(str::to_owned));
        let set = self.variables.iter().map(|(name, value)| quoted(&format!("{name}={value}")));
        words.extend(set);
        let command = sandbox::command(confine, &self.path, &argv).context("the sandbox of git")?;
        for word in [command.get_program()].into_iter().chain(command.get_args()) {
            let Some(word) = word.to_str() else { bail!("{} is no UTF-8", word.display()) };
            words.push(quoted(word));
        }
        Ok(words.join(" "))
    }

    /// Takes the branch over into the user's repository, where only git's receiving side
    /// runs.
    pub async fn fetch(&self, repository: &Path, branch: &str) -> anyhow::Result<()> {
        let argv = git::fetch(repository, &self.path, branch, &self.upload_pack()?);
        let limited = tokio::time::timeout(LIMIT, run(&argv)).await;
        let output =
            limited.with_context(|| format!("it took longer than {} s", LIMIT.as_secs()))??;
        printed(output).map(|_| ())
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // Next time, then.
        let _ = remove(&self.scratch);
        let _ = remove(&self.scratch.with_extension("dev"));
    }
}

/// Removes a directory with all in it, following no link; it may be missing.
pub fn remove(dir: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", dir.display()))
        }
        _ => Ok(()),
    }
}

/// What belongs to a tree and is no part of it.
pub fn beside(tree: &Path, end: &str) -> PathBuf {
    let mut name = tree.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// Where programs are looked up.
pub fn search_path(world: &World) -> String {
    let path = world.environment.iter().find(|(name, _)| name == "PATH");
    path.map_or("/usr/local/bin:/usr/bin:/bin", |(_, path)| path).to_owned()
}

/// Where a repository's objects lie: its own, and those of others that it borrows from.
/// Without links, since that is how a sandbox shows them.
pub fn stores(repository: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut todo = vec![(repository.join("objects"), 0)];
    while let Some((dir, depth)) = todo.pop() {
        let Ok(dir) = fs::canonicalize(&dir) else { continue };
        if found.contains(&dir) {
            continue;
        }
        let lent = fs::read_to_string(dir.join("info/alternates")).unwrap_or_default();
        if depth < DEPTH {
            let lines = lent.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
            todo.extend(lines.map(|line| (dir.join(line), depth + 1)));
        }
        found.push(dir);
    }
    found
}

/// As one word of a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borrowed_objects_are_found_once() {
        let root = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(root.path()).unwrap();
        for name in ["a", "b", "c"] {
            fs::create_dir_all(root.join(name).join("objects/info")).unwrap();
        }
        let lend = |name: &str, text: &str| {
            fs::write(root.join(name).join("objects/info/alternates"), text).unwrap();
        };
        std::os::unix::fs::symlink(root.join("c"), root.join("link")).unwrap();
        lend("a", &format!("# of others\n../../b/objects\n{}/nowhere\n", root.display()));
        lend("b", &format!("{}/link/objects\n../../a/objects\n", root.display()));
        let expected = ["a", "b", "c"].map(|name| root.join(name).join("objects"));
        assert_eq!(stores(&root.join("a")), expected);
        assert_eq!(stores(&root.join("none")), Vec::<PathBuf>::new());
    }

    #[test]
    fn words_of_a_shell() {
        let nasty = "a'b \"$(touch x)\" \\ `c`\n";
        let line = format!("printf %s {}", quoted(nasty));
        let said = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&said.stdout), nasty);
    }
}
