//! Requests held against the machine before they reach the core: adapters, programs,
//! directories, repositories. What cannot be enforced is refused, never ignored.

use super::{
    limits, only, policy,
    scope::{self, Wishes},
    worktree,
    world::{Shared, leaving},
};
use crate::{
    agents::{Adapter, Catalog},
    config::{LONGEST_MS, Lend},
    model::{AdapterShare, AgentSpec, Budget, Refusal, RefusalCode, Scope, Strategy, SwarmSpec},
};
use std::{path::Path, sync::Arc};

/// More agents than this in one swarm is a slip of the hand.
const MAX_AGENTS: u32 = 1000;
/// More items than this in one request are refused.
const MAX_ITEMS: usize = 100_000;

/// Adapter and model of each agent.
pub type Crew = Vec<(String, String)>;

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(RefusalCode::Invalid, message)
}

/// Checks a swarm and deals out adapters and models.
///
/// # Errors
/// A refusal that names the field and the nearest right thing.
pub async fn swarm(world: &Shared, spec: &mut SwarmSpec) -> Result<Crew, Refusal> {
    crew(world, spec, false).await
}

/// `interactive`: on their own screens, where a task may come later.
async fn crew(world: &Shared, spec: &mut SwarmSpec, interactive: bool) -> Result<Crew, Refusal> {
    unbuilt(spec)?;
    let count = agent_count(spec)?;
    let has_items = spec.items.is_some();
    let idle = spec.task.trim().is_empty() && spec.command.is_empty() && !has_items;
    if idle && !interactive {
        return Err(invalid("no task: say what is to be done").hinted("--task \"…\", or -- CMD…"));
    }
    if spec.items.as_ref().is_some_and(Vec::is_empty) {
        return Err(invalid("the list of items is empty"));
    }
    if spec.items.as_ref().is_some_and(|items| items.len() > MAX_ITEMS) {
        return Err(invalid(format!("more than {MAX_ITEMS} items")));
    }
    if spec.max == Some(0) {
        return Err(invalid("max is 0: then nothing would ever run"));
    }
    if spec.calls == Some(0) {
        let why = "calls is 0: then no model would ever be asked";
        return Err(invalid(why).hinted("leave it out for any number"));
    }
    if spec.timeout_ms == Some(0) {
        return Err(invalid("the timeout is 0"));
    }
    if spec.timeout_ms.is_some_and(|ms| ms > LONGEST_MS) {
        return Err(invalid("the timeout is longer than 10 years").hinted("leave it out for none"));
    }
    if let Some(Err((field, why))) = spec.limits.map(|limits| limits.check()) {
        return Err(invalid(format!("limits: {field}: {why}")));
    }
    name(&spec.name)?;
    directory(&spec.cwd)?;
    policy::whole(world, &spec.cwd).await?;
    let path = search_path(world, spec.path.as_deref());
    let catalog = world.read_adapters().await;
    let mut adapters = Vec::new();
    if spec.adapters.is_empty() {
        let order = &world.config.agents.order;
        let adapter = if spec.command.is_empty() {
            order.iter().try_for_each(|name| whole(&catalog, name))?;
            catalog.choose(order, &path)
        } else {
            known(&catalog, "command")?
        };
        adapters.resize(count as usize, adapter);
    }
    let equal = spec.adapters.len() == 1;
    for share in &spec.adapters {
        let adapter = known(&catalog, &share.adapter)?;
        let n = share.count.unwrap_or(if equal { count } else { 1 });
        adapters.extend(std::iter::repeat_n(adapter, n as usize));
    }
    let lent = lent(world).await?;
    for adapter in &adapters {
        runnable(adapter, &path, &spec.command, &spec.task)?;
        lendable(&lent, adapter, &catalog)?;
        if interactive && !adapter.is_interactive() {
            return Err(no_screen(adapter, &catalog));
        }
    }
    if spec.worktree {
        let found = worktree::repository(&spec.cwd).await;
        found.map_err(|error| invalid(format!("{error:#}")))?;
    }
    let mut granted = grant(world, spec.clone()).await?;
    held(world, spec, &granted).await?;
    if granted.only.is_some() {
        let commands = adapters.iter().any(|adapter| adapter.runs_task_in_shell());
        granted = programs(granted, commands, spec, path).await?;
    }
    spec.granted = Some(granted);
    let models = spec.models.iter().cycle();
    Ok(if spec.models.is_empty() {
        adapters.iter().map(|adapter| (adapter.name().to_owned(), adapter.model(None))).collect()
    } else {
        let deal = |(adapter, model): (&Arc<Adapter>, &String)| {
            (adapter.name().to_owned(), adapter.model(Some(model)))
        };
        adapters.iter().zip(models).map(deal).collect()
    })
}

/// Checks one agent.
///
/// # Errors
/// As [`swarm`].
pub async fn agent(world: &Shared, spec: &mut AgentSpec) -> Result<Crew, Refusal> {
    if spec.swarm.is_some() && spec.limits.is_some() {
        let why = "limits: an agent that joins a swarm has the swarm's";
        return Err(invalid(why).hinted("leave the limits, or --swarm, out"));
    }
    let mut alone = SwarmSpec {
        name: spec.name.clone(),
        task: spec.task.clone(),
        agents: 1,
        models: spec.model.iter().cloned().collect(),
        cwd: spec.cwd.clone(),
        worktree: spec.worktree,
        timeout_ms: spec.timeout_ms,
        limits: spec.limits,
        command: spec.command.clone(),
        path: spec.path.clone(),
        scope: spec.scope.clone(),
        read: spec.read.clone(),
        net: spec.net.clone(),
        allow: spec.allow.clone(),
        allow_only: spec.allow_only.clone(),
        no_sandbox: spec.no_sandbox,
        budget: spec.budget.clone(),
        ..SwarmSpec::default()
    };
    if let Some(adapter) = &spec.adapter {
        let share = AdapterShare { adapter: adapter.clone(), count: None };
        alone.adapters.push(share);
    }
    let crew = crew(world, &mut alone, spec.interactive).await?;
    spec.granted = alone.granted;
    Ok(crew)
}

fn unbuilt(spec: &SwarmSpec) -> Result<(), Refusal> {
    let asked = [("strategy", spec.strategy != Strategy::Parallel)];
    for (field, sum) in [("budget", &spec.budget), ("agent_budget", &spec.agent_budget)] {
        if let Some(Err(error)) = sum.as_ref().map(|sum| sum.parse::<Budget>()) {
            return Err(Refusal::new(RefusalCode::Invalid, format!("{field}: {error}")));
        }
    }
    match asked.into_iter().find(|(_, asked)| *asked) {
        Some((field, _)) => {
            let why = format!("{field}: not enforced in this build");
            Err(Refusal::new(RefusalCode::NotEnforced, why))
        }
        None => Ok(()),
    }
}

/// The scope that the wishes come to; the disk is looked at, so not in this task.
async fn grant(world: &Shared, spec: SwarmSpec) -> Result<Scope, Refusal> {
    let world = world.clone();
    let asked =
        tokio::task::spawn_blocking(move || scope::resolve(&world, &Wishes::of_swarm(&spec)));
    asked.await.map_err(|_| leaving())?
}

/// Refuses limits that nothing here holds; the machine is looked at, so not in this task.
async fn held(world: &Shared, spec: &SwarmSpec, granted: &Scope) -> Result<(), Refusal> {
    let (world, asked, strict) = (world.clone(), spec.limits, granted.is_strict());
    let asked = tokio::task::spawn_blocking(move || limits::enforceable(&world, asked, strict));
    asked.await.map_err(|_| leaving())?
}

fn agent_count(spec: &SwarmSpec) -> Result<u32, Refusal> {
    let counted: Option<u32> = spec.adapters.iter().map(|share| share.count).sum();
    let open = spec.adapters.iter().any(|share| share.count.is_none());
    let named = spec.adapters.len() as u32;
    let count = match (spec.agents, counted) {
        (0, Some(sum)) if !spec.adapters.is_empty() => sum,
        (0, _) => named.max(1),
        (n, Some(sum)) if !spec.adapters.is_empty() && sum != n => {
            return Err(invalid(format!("the adapters' counts sum to {sum}, agents is {n}")));
        }
        (n, _) if open && named > 1 && n != named => {
            return Err(invalid("with several adapters each needs a count, as claude:3,mini:2"));
        }
        (n, _) => n,
    };
    match count {
        0 => Err(invalid("0 agents")),
        n if n > MAX_AGENTS => Err(invalid(format!("{n} agents: at most {MAX_AGENTS} in a swarm"))),
        n => Ok(n),
    }
}

fn name(name: &str) -> Result<(), Refusal> {
    let odd = |c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if name.contains(odd) || name.chars().count() > 64 || name.starts_with(['-', '.']) {
        let why = format!("the name {name:?} is not one: letters, digits, - _ . and at most 64");
        return Err(invalid(why));
    }
    let digits = |rest: &str| !rest.is_empty() && rest.starts_with(|c: char| c.is_ascii_digit());
    if ["sw-", "ag-"].iter().any(|prefix| name.strip_prefix(prefix).is_some_and(digits)) {
        return Err(invalid(format!("the name {name:?} looks like an id")).hinted("choose another"));
    }
    Ok(())
}

fn directory(cwd: &Path) -> Result<(), Refusal> {
    if !cwd.is_absolute() {
        return Err(invalid(format!("cwd {:?} is not absolute", cwd.display().to_string())));
    }
    match std::fs::metadata(cwd) {
        Ok(meta) if meta.is_dir() => Ok(()),
        Ok(_) => Err(invalid(format!("{} is not a directory", cwd.display()))),
        Err(error) => Err(invalid(format!("the directory {}: {error}", cwd.display()))),
    }
}

/// With the program of a plain command among those that may be executed; refuses what cannot
/// be held.
async fn programs(
    mut granted: Scope,
    commands: bool,
    spec: &SwarmSpec,
    path: String,
) -> Result<Scope, Refusal> {
    let cwd = spec.cwd.clone();
    // What an item fills in is known too late: it has to be named.
    let own = commands.then(|| own_program(&spec.command)).filter(|name| !name.contains('{'));
    let own = own.map(str::to_owned);
    let checked = tokio::task::spawn_blocking(move || {
        let only = granted.only.get_or_insert_default();
        only.extend(own);
        let search = only::Search { path: &path, cwd: &cwd };
        only::check(only, &granted.write, search)
            .map_err(|error| invalid(format!("allow_only: {error:#}")))?;
        Ok(granted)
    });
    checked.await.map_err(|_| leaving())?
}

/// What a plain command is run by: its program, or the shell of a task.
pub fn own_program(command: &[String]) -> &str {
    command.first().map_or("/bin/sh", String::as_str)
}

fn search_path(world: &Shared, asked: Option<&str>) -> String {
    let own = world.environment.iter().find(|(name, _)| name == "PATH");
    asked.map(str::to_owned).or_else(|| own.map(|(_, path)| path.clone())).unwrap_or_default()
}

/// Refuses an adapter whose file does not read.
fn whole(catalog: &Catalog, name: &str) -> Result<(), Refusal> {
    match catalog.broken(name) {
        Some(problem) => Err(invalid(problem).hinted("mend the file, or move it away")),
        None => Ok(()),
    }
}

fn known(catalog: &Catalog, name: &str) -> Result<Arc<Adapter>, Refusal> {
    whole(catalog, name)?;
    if let Some(adapter) = catalog.get(name) {
        return Ok(adapter.clone());
    }
    let names = catalog.names().join(", ");
    let hint = match catalog.nearest(name) {
        Some(nearest) => format!("did you mean {nearest}? There are: {names}"),
        None => format!("there are: {names}"),
    };
    Err(Refusal::new(RefusalCode::NotFound, format!("no adapter is called {name:?}")).hinted(hint))
}

fn no_screen(adapter: &Adapter, catalog: &Catalog) -> Refusal {
    let has = |name: &String| catalog.get(name).is_some_and(|other| other.is_interactive());
    let names: Vec<String> = catalog.names().into_iter().filter(has).collect();
    let why = format!("interactive: {} has no screen of its own to be typed into", adapter.name());
    invalid(why).hinted(format!("these have: {}; or give it a --task", names.join(", ")))
}

/// What the user lends by now; refuses all while nobody knows what that is.
async fn lent(world: &Shared) -> Result<Arc<Lend>, Refusal> {
    let world = world.clone();
    let read = tokio::task::spawn_blocking(move || world.lending.read()).await;
    read.map_err(|_| leaving())?.map_err(|error| {
        invalid(error.to_string()).hinted("no agent is started until it is mended")
    })
}

/// Refuses one whose part of the user's `[lend]` names what its file does not.
fn lendable(lent: &Lend, adapter: &Adapter, catalog: &Catalog) -> Result<(), Refusal> {
    if !lent.wanted.contains_key(adapter.name()) {
        return Ok(());
    }
    match catalog.wrong_lend_to(adapter.name(), lent).into_iter().next() {
        Some(error) => Err(invalid(error.to_string())),
        None => Ok(()),
    }
}

fn runnable(adapter: &Adapter, path: &str, command: &[String], task: &str) -> Result<(), Refusal> {
    if adapter.name() == "command" {
        if command.is_empty() && task.trim().is_empty() {
            return Err(invalid("the command adapter needs a command").hinted("-- CMD…"));
        }
        return Ok(());
    }
    if !command.is_empty() {
        let why = format!("`-- CMD…` is for the command adapter, not for {}", adapter.name());
        return Err(invalid(why));
    }
    if adapter.program(path).is_none() {
        let why = format!("{} is not installed: its program is not on PATH", adapter.name());
        let hint = match adapter.install() {
            "" => "dash doctor".to_owned(),
            install => format!("install it with `{install}`, or see `dash doctor`"),
        };
        return Err(invalid(why).hinted(hint));
    }
    Ok(())
}
