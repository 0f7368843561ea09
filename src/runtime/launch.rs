//! A launch: from a planned attempt to a running keeper with its first connection.

use super::{
    confine, environment, failpoint, fill,
    host::Share,
    lend, limits, only,
    resume::{self, TakenUp},
    worktree,
    world::Shared,
};
use crate::{
    agents::LaunchRequest,
    config::Instance,
    core::{self, Agent, Attempt, Input, Left, State, Worktree},
    model::{AttemptId, Schema, Scope, SwarmSpec, hex},
    protocol::keeper::{KeeperSpec, VERSION},
};
use anyhow::{Context, bail};
use std::{
    fs,
    io::Write,
    os::unix::{
        fs::{DirBuilderExt, OpenOptionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    process::Command,
};

/// All of the state that a launch, a watch or an end needs.
#[derive(Clone)]
pub struct Plan {
    pub attempt: Attempt,
    pub adapter: String,
    pub model: String,
    /// On the agent's own screen.
    pub interactive: bool,
    pub swarm_name: String,
    pub spec: SwarmSpec,
    pub item: String,
    /// The item comes from the swarm's queue.
    pub queue: bool,
    pub cwd: PathBuf,
    pub worktree: Option<Worktree>,
    /// Git directories whose objects the clones borrow that it works in: its own, or one of
    /// those above it.
    pub borrowed: Vec<PathBuf>,
    /// Where any agent may write, or could.
    pub written: Vec<PathBuf>,
    /// All above it that a sandbox holds are of its own kind, and so are lent the same.
    pub kin: bool,
    pub scope: Scope,
    /// Of those above it, nearest first.
    pub above: Vec<Scope>,
    /// What earlier attempts left for this one.
    pub left: Option<Left>,
}

impl Plan {
    pub fn of(state: &State, id: &AttemptId) -> Option<Self> {
        let attempt = state.attempts.get(id)?.clone();
        let agent = state.agents.get(&attempt.agent)?;
        let swarm = state.swarms.get(&attempt.swarm)?;
        let item = state.item(&attempt.swarm, attempt.index)?;
        Some(Self {
            adapter: agent.adapter.clone(),
            model: agent.model.clone(),
            interactive: agent.grant.interactive,
            swarm_name: swarm.name.clone(),
            spec: core::spec_of(swarm, agent),
            item: item.text.clone(),
            queue: swarm.queue,
            cwd: agent.cwd.clone(),
            worktree: agent.worktree.clone(),
            borrowed: borrowed(state, agent),
            kin: is_among_kin(state, agent),
            written: core::written(state),
            scope: core::scope_of(state, &agent.id),
            above: core::scopes_above(state, &agent.id),
            left: core::left_by(state, &attempt),
            attempt,
        })
    }

    /// What stands for `{item}` and `{index}`. An agent added with a task of its own carries
    /// it as its item; any other of a swarm without a queue has none.
    fn values(&self) -> fill::Values<'_> {
        let item = (self.queue || !self.item.is_empty()).then_some(self.item.as_str());
        fill::Values { item, index: self.attempt.index }
    }

    /// False of one on its own screen that was given none.
    pub fn has_task(&self) -> bool {
        !self.values().prompt(&self.spec.task).trim().is_empty()
    }

    /// The strict scope of this launch, as it is meant where the agent works.
    pub fn meant(&self) -> Scope {
        let mut scope = self.scope.clone();
        if let Some(tree) = &self.worktree {
            scope.write = tree.meant(&scope.write);
        }
        scope
    }

    /// What may be written in it.
    pub fn writable(&self) -> Vec<PathBuf> {
        self.meant().write
    }

    /// Where the agent works.
    pub fn workplace(&self) -> PathBuf {
        self.worktree.as_ref().map_or_else(|| self.cwd.clone(), Worktree::workplace)
    }
}

fn is_among_kin(state: &State, agent: &Agent) -> bool {
    let above = agent.id.ancestors().filter_map(|above| state.agents.get(&above));
    let mut held = above.filter(|above| core::reach_of(state, &above.id).is_strict());
    held.all(|above| above.adapter == agent.adapter)
}

fn borrowed(state: &State, agent: &Agent) -> Vec<PathBuf> {
    let scope = core::scope_of(state, &agent.id);
    let reaches = |tree: &&Worktree| {
        scope.write.iter().chain(&scope.read).any(|root| root.starts_with(&tree.path))
    };
    let above = agent.id.ancestors().filter_map(|above| state.agents.get(&above));
    let above = above.filter_map(|above| above.worktree.as_ref()).filter(reaches);
    let trees = agent.worktree.iter().chain(above);
    trees.filter_map(|tree| tree.repository.clone()).collect()
}

/// The attempt's token, as the specification of its keeper has it: so a later core knows it.
pub fn token_of(instance: &Instance, attempt: &AttemptId) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Spec {
        token: String,
    }
    let text = fs::read(instance.attempt_dir(attempt).join("spec.json")).ok()?;
    let spec: Spec = serde_json::from_slice(&text).ok()?;
    Some(spec.token).filter(|token| token.len() == TOKEN)
}

/// Launches `plan` and returns the core's end of the keeper's first connection.
///
/// # Errors
/// When anything before the keeper's own start fails; the message is for people.
pub async fn launch(world: &Shared, plan: &mut Plan, share: Share) -> anyhow::Result<UnixStream> {
    if plan.spec.worktree && plan.worktree.is_none() {
        let made = worktree::make(world, plan).await?;
        failpoint::reached("after-worktree-before-journal");
        let input = Input::WorktreeMade {
            agent: plan.attempt.agent.clone(),
            path: made.path.clone(),
            branch: made.branch.clone(),
            base: made.base.clone(),
            dir: made.dir.clone(),
            repository: made.repository.clone(),
            top: made.top.clone(),
        };
        world.feed(input).await?;
        plan.borrowed.extend(made.repository.clone());
        plan.worktree = Some(made);
    }
    if let Some(tree) = &plan.worktree {
        // In the repository the directory may be there without being committed.
        worktree::make_below(&tree.path, &tree.dir)?;
    }
    let taken = match &plan.left {
        Some(left) => resume::take_up(world, plan, left, &share).await,
        None => TakenUp::default(),
    };
    let _turn = world.launches.acquire().await?;
    let world = world.clone();
    let plan = plan.clone();
    tokio::task::spawn_blocking(move || start_keeper(&world, &plan, &share, &taken)).await?
}

fn start_keeper(
    world: &Shared,
    plan: &Plan,
    share: &Share,
    taken: &TakenUp,
) -> anyhow::Result<UnixStream> {
    let id = &plan.attempt.id;
    let dir = world.instance.attempt_dir(id);
    make_private(&dir)?;
    // The one that an earlier core made: a keeper which that core started, and which is not
    // up yet, gives it to the agent.
    let token = token_of(&world.instance, id).map_or_else(new_token, Ok)?;
    let private = dir.join("private");
    let spec = keeper_spec(world, plan, share, &private, &token, taken)?;
    if let Some(confine) = &spec.confine {
        make_private(&confine.tmp)?;
    } else if mentions(&spec, &private) {
        make_private(&private)?;
    }
    write_private(&dir.join("spec.json"), &serde_json::to_vec(&spec)?)?;
    failpoint::reached("after-spec-before-keeper");

    let (ours, theirs) = UnixStream::pair().context("making the keeper's connection")?;
    world.nursery.start_keeper(world, &dir, &theirs)?;
    failpoint::reached("after-keeper-spawn-before-hello");
    Ok(ours)
}

/// What an agent is told of the answer that it is to give.
fn asked_for(schema: &Schema) -> String {
    let schema = serde_json::to_string(schema).unwrap_or_default();
    format!(
        "\n\nEnd with your answer: one JSON document and nothing after it, valid against this \
         JSON Schema:\n{schema}"
    )
}

fn keeper_spec(
    world: &Shared,
    plan: &Plan,
    share: &Share,
    private: &Path,
    token: &str,
    taken: &TakenUp,
) -> anyhow::Result<KeeperSpec> {
    let catalog = world.catalog();
    let Some(adapter) = catalog.get(&plan.adapter) else {
        bail!("no adapter is called {:?} any more", plan.adapter);
    };
    let id = &plan.attempt.id;
    let agent_socket = world.instance.agent_socket(id);
    let values = plan.values();
    let command: Vec<String> = plan.spec.command.iter().map(|part| values.fill(part)).collect();
    let path = plan.spec.path.clone().or_else(|| lookup(&world.environment, "PATH"));
    let task = if adapter.runs_task_in_shell() {
        values.command_line(&plan.spec.task, plan.queue)
    } else {
        let told = taken.task(values.prompt(&plan.spec.task));
        match &plan.spec.schema {
            Some(schema) => format!("{told}{}", asked_for(schema)),
            None => told,
        }
    };
    let workplace = plan.workplace();
    let search = path.as_deref().unwrap_or("/usr/local/bin:/usr/bin:/bin");
    let program = adapter.program(search);
    let shimmed = !adapter.asks_itself();
    let mut confine = confine::confine(world, plan, private, program.as_deref(), search, shimmed)?;
    let mut loans = lend::loans(world, plan, adapter);
    if let Some(confine) = &mut confine {
        let links = loans.iter().filter(|loan| loan.is_link()).map(|loan| &loan.real);
        // What it may write it keeps writing.
        let beyond = |path: &&PathBuf| !confine.writable.iter().any(|root| path.starts_with(root));
        let lent: Vec<PathBuf> = links.filter(beyond).cloned().collect();
        confine.readable.extend(lent);
        for loan in loans.iter_mut().filter(|loan| loan.is_link()) {
            if confine.hidden.iter().any(|hidden| loan.real.starts_with(hidden)) {
                loan.lack = Some("hidden in this scope: it is below it".to_owned());
            }
        }
        share.open(confine);
    }
    let launch = adapter.launch(&LaunchRequest {
        attempt: id,
        agent: &plan.attempt.agent,
        swarm: &plan.attempt.swarm,
        task: &task,
        model: (!plan.model.is_empty()).then_some(plan.model.as_str()),
        cwd: &workplace,
        private,
        command: &command,
        token,
        path: search,
        confine: confine.as_ref(),
        author: confine.is_some().then(|| author(world)),
        environment: &environment::for_adapters(world),
        agent_socket: &agent_socket,
        dash: &world.dash,
        interactive: plan.interactive,
        session: taken.session.as_deref(),
        net: plan.scope.is_strict().then_some(&plan.scope.net),
        part: share.part(),
        loans: &loans,
    })?;
    if let Some(confine) = &mut confine {
        if let Some(names) = &plan.scope.only {
            // A plain command's program is named like any other.
            let own = program.as_deref().filter(|_| !adapter.runs_task_in_shell());
            let search = only::Search { path: search, cwd: &plan.cwd };
            only::hold(confine, names, own, search).context("allow_only")?;
        }
        confine::protect(confine, &launch.files);
    }
    let core = &world.config.core;
    let limits = limits::of(plan, &world.config.limits);
    Ok(KeeperSpec {
        version: VERSION,
        attempt: id.clone(),
        token: token.to_owned(),
        argv: launch.argv,
        env: launch.env,
        cwd: workplace,
        cols: core.cols,
        rows: core.rows,
        files: launch.files,
        links: launch.links,
        lent: lend::told(&loans),
        stdin_null: launch.stdin_null,
        stdin_file: launch.stdin_file,
        keeper_socket: world.instance.keeper_socket(id),
        agent_socket,
        core_socket: world.instance.socket.clone(),
        recording_cap: limits::recording_cap(limits, core),
        ground: limits::ground(world).cloned(),
        limits,
        confine: confine.map(Box::new),
    })
}

/// The user's name and address as their git has them; empty where it has none.
pub fn author(world: &Shared) -> (&str, &str) {
    let (name, email) = world.author.get_or_init(|| {
        let args = ["config", "--global", "--get-regexp", r"^user\.(name|email)$"];
        let said = Command::new("git").args(args).output();
        author_in(&said.map(|said| said.stdout).unwrap_or_default())
    });
    (name, email)
}

/// Name and address in a list of git's; of several the last holds.
fn author_in(list: &[u8]) -> (String, String) {
    let list = String::from_utf8_lossy(list);
    let last = |key: &str| {
        let value = |line: &'_ str| line.strip_prefix(key).map(|value| value.trim().to_owned());
        list.lines().filter_map(value).next_back().unwrap_or_default()
    };
    (last("user.name "), last("user.email "))
}

pub fn make_private(dir: &Path) -> anyhow::Result<()> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.with_context(|| format!("making {}", dir.display()))
}

/// True if the agent is told of its own directory: a plain command is not, and needs none.
fn mentions(spec: &KeeperSpec, private: &Path) -> bool {
    let private = private.to_string_lossy();
    let told = spec.argv.iter().chain(spec.env.iter().map(|(_, value)| value));
    told.into_iter().any(|text| text.contains(&*private)) || !spec.files.is_empty()
}

/// It holds the attempt's token. Whole or not at all: a keeper may be reading.
pub fn write_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let part = path.with_extension("part");
    let open = fs::File::options().create(true).write(true).truncate(true).mode(0o600).open(&part);
    let write = open.and_then(|mut file| file.write_all(content));
    let named = write.and_then(|()| fs::rename(&part, path));
    named.with_context(|| format!("writing {}", path.display()))
}

fn lookup(environment: &[(String, String)], name: &str) -> Option<String> {
    environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
}

/// Characters of a token.
const TOKEN: usize = 64;

/// 32 random bytes in hex.
///
/// # Errors
/// When the system has no randomness to give.
pub fn new_token() -> anyhow::Result<String> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(hex(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_several_names_holds() {
        let both = |name: &str, address: &str| (name.to_owned(), address.to_owned());
        assert_eq!(author_in(b""), both("", ""));
        let list = b"user.name A B\nuser.email a@x\nuser.name  C D \n";
        assert_eq!(author_in(list), both("C D", "a@x"));
    }
}
