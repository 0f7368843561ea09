//! `dash agent spawn`

use super::super::{
    args::Json,
    context::Context,
    duration,
    failure::{Code, Done, Failure},
    format::one_line,
    limits::{LimitArgs, further, warn_cores},
    scope::{ScopeArgs, shown, tell_narrowed, warn, warn_of},
    swarm::{create, here},
};
use crate::{
    client::in_agent,
    model::{AgentSpec, SwarmId, SwarmSpec},
};
use clap::Args;

#[derive(Debug, Args)]
pub struct Spawn {
    /// What it is to do
    #[arg(long, value_name = "TEXT")]
    task: Option<String>,
    /// On its own screen, to be typed into: `dash agent send`, `dash attach`. Without a task
    /// an agent is always started so; a task is its first prompt
    #[arg(long)]
    interactive: bool,
    /// Which kind of agent
    #[arg(long, value_name = "KIND")]
    agent: Option<String>,
    /// Which model
    #[arg(long, value_name = "M")]
    model: Option<String>,
    /// A short name
    #[arg(long)]
    name: Option<String>,
    /// Join this swarm instead of one of its own
    #[arg(long, value_name = "SWARM")]
    swarm: Option<String>,
    /// A clone of this git repository, on a branch of its own that is fetched back
    #[arg(long)]
    worktree: bool,
    /// For each attempt: 90s, 10m, 1h30m
    #[arg(long, value_name = "T", value_parser = duration::parse)]
    timeout: Option<u64>,
    /// Further attempts after a failed one
    #[arg(long, value_name = "N", default_value_t = 0)]
    retries: u32,
    /// Generations of agents that it may have below it; lowers the caps in force
    #[arg(long, value_name = "N")]
    depth: Option<u32>,
    /// Children that it may have at a time
    #[arg(long, value_name = "N")]
    children: Option<u32>,
    /// Agents that may ever be spawned below it
    #[arg(long, value_name = "N")]
    total: Option<u32>,
    /// Check it all and print what scope, budget and limits it would have; spawn nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    limits: LimitArgs,
    /// What it and all that it spawns may spend: 5 or '$5', 500k-tokens, or both as 5,500k-tokens
    #[arg(long, value_name = "$|TOKENS", value_parser = create::budget)]
    budget: Option<String>,
    /// A command to run as the agent
    #[arg(last = true, value_name = "CMD")]
    command: Vec<String>,
}

impl Spawn {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let (json, dry_run) = (self.json.json, self.dry_run);
        let spec = self.spec()?;
        let client = context.client().await?;
        if dry_run {
            let spec = client.rehearse_agent(&spec).await?;
            return show(&spec, json, context);
        }
        let agent = client.spawn_agent(&spec).await?;
        warn_cores(spec.limits, context);
        if !in_agent() {
            let AgentSpec { scope, net, cwd, worktree, no_sandbox, .. } = spec;
            let wishes =
                SwarmSpec { scope, net, cwd, worktree, no_sandbox, ..SwarmSpec::default() };
            warn_of(&wishes, context);
        }
        if json {
            context.json(&agent)?;
        } else {
            tell_narrowed(&agent.narrowed, context);
            context.line(&agent.id)?;
            let (id, swarm) = (&agent.id, &agent.swarm);
            let show = if in_agent() { "dash agent screen" } else { "dash attach" };
            context
                .note(format!("in {swarm}; `{show} {id}` shows it, `dash agent wait {id}` waits"));
        }
        Ok(Code::Ok)
    }

    fn spec(self) -> Result<AgentSpec, Failure> {
        let idle = self.task.is_none();
        if self.task.as_deref().is_some_and(|task| task.trim().is_empty()) {
            return Err(Failure::usage("the task is empty").hinted(
                "say what is to be done, or leave --task out for an interactive agent, to be \
                 typed into",
            ));
        }
        let interactive = self.interactive || (idle && self.command.is_empty());
        if idle && self.command.is_empty() && self.agent.is_none() && !self.interactive {
            return Err(Failure::usage("there is nothing to do: no --task and no command").hinted(
                "dash agent spawn --task \"…\", or dash agent spawn -- CMD; \
                         --agent KIND alone starts one to be typed into",
            ));
        }
        if self.interactive && !self.command.is_empty() {
            return Err(Failure::usage("a command always has its terminal to itself")
                .hinted("leave --interactive out"));
        }
        let adapter = match (self.agent, self.command.is_empty()) {
            (Some(agent), false) if agent != "command" => {
                return Err(Failure::usage(format!(
                    "a command runs as the agent `command`, not as `{agent}`"
                )));
            }
            (None, false) => Some("command".to_owned()),
            (agent, _) => agent,
        };
        let mut wishes = SwarmSpec::default();
        self.scope.apply(&mut wishes)?;
        let mut spec = AgentSpec {
            name: self.name.unwrap_or_default(),
            swarm: self.swarm.map(SwarmId::new),
            adapter,
            model: self.model,
            interactive,
            task: self.task.unwrap_or_default(),
            cwd: here()?,
            worktree: self.worktree,
            timeout_ms: self.timeout,
            retries: self.retries,
            budget: self.budget,
            command: self.command,
            path: std::env::var("PATH").ok(),
            depth: self.depth,
            children: self.children,
            total: self.total,
            scope: wishes.scope,
            read: wishes.read,
            net: wishes.net,
            allow: wishes.allow,
            allow_only: wishes.allow_only,
            no_sandbox: wishes.no_sandbox,
            ..AgentSpec::default()
        };
        self.limits.apply(&mut spec.limits);
        Ok(spec)
    }
}

/// What would be spawned.
fn show(spec: &AgentSpec, json: bool, context: &mut Context<'_>) -> Done {
    if json {
        context.json(spec)?;
        return Ok(Code::Ok);
    }
    context.line("nothing is spawned; this would be:")?;
    context.line(format!("task      {}", one_line(&spec.task)))?;
    context.line(format!("in        {}", spec.cwd.display()))?;
    if !spec.command.is_empty() {
        context.line(format!("command   {}", one_line(&spec.command.join(" "))))?;
    }
    context.line(format!("scope     {}", shown(spec.granted.as_ref(), spec.worktree)))?;
    for line in further(spec.budget.as_slice(), spec.limits, spec.timeout_ms, spec.granted.as_ref())
    {
        context.line(line)?;
    }
    tell_narrowed(&spec.narrowed, context);
    warn(spec.granted.as_ref(), context);
    warn_cores(spec.limits, context);
    Ok(Code::Ok)
}
