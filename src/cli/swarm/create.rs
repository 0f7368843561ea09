//! `dash swarm create`

use super::{
    super::{
        args::Json,
        context::Context,
        duration,
        failure::{Code, Done},
        format::one_line,
        limits::{LimitArgs, further, warn_cores},
        prices,
        scope::{ScopeArgs, shown, warn, warn_of},
    },
    wait::{Report, wait_for},
};
use crate::model::{Budget, SwarmSpec};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Default, Args)]
pub struct Create {
    /// What the agents are to do; {item} (of a queue) and {index} are filled in
    #[arg(long, value_name = "TEXT")]
    pub task: Option<String>,
    /// How many agents
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub agents: Option<u32>,
    /// Which kinds of agent, with counts: claude:3,mini:2
    #[arg(long, value_name = "KIND[:n]", value_delimiter = ',')]
    pub agent: Vec<String>,
    /// Models, dealt out in turn
    #[arg(long, value_name = "M", value_delimiter = ',')]
    pub model: Vec<String>,
    /// An item for each file that fits, relative to here
    #[arg(long, value_name = "GLOB", conflicts_with = "items")]
    pub each: Option<String>,
    /// An item, as often as there are some
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["each", "items"])]
    pub item: Vec<String>,
    /// An item for each line of a file, - for standard input
    #[arg(long, value_name = "FILE")]
    pub items: Option<PathBuf>,
    /// At most so many at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max: Option<u32>,
    /// At most so many model calls in flight, of all its agents together; the rest wait, each
    /// agent in turn
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub calls: Option<u32>,
    /// How the agents share the work
    #[arg(long, value_enum)]
    pub strategy: Option<StrategyArg>,
    /// A clone of this git repository for each agent, on a branch of its own; what is
    /// committed there is fetched back as that branch (`dash/SWARM/AGENT`)
    #[arg(long)]
    pub worktree: bool,
    /// A shell command that must succeed after an agent did
    #[arg(long, value_name = "CMD")]
    pub check: Option<String>,
    /// A JSON Schema, or a file with one, that each agent's answer has to fit, as one JSON
    /// document; `swarm results --json` has it as `data`
    #[arg(long, value_name = "FILE")]
    pub schema: Option<String>,
    /// For each attempt: 90s, 10m, 1h30m; nothing else ends a wait for a silent model
    #[arg(long, value_name = "T", value_parser = duration::parse)]
    pub timeout: Option<u64>,
    /// Further attempts after a failed one
    #[arg(long, value_name = "N")]
    pub retries: Option<u32>,
    /// A short name; made from the task without it
    #[arg(long)]
    pub name: Option<String>,
    /// Check it all, print what would be created and in which scope, with which budget and
    /// limits, and create nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Stay until the swarm is over, then print the results
    #[arg(long, conflicts_with = "dry_run")]
    pub wait: bool,
    #[command(flatten)]
    pub json: Json,
    /// The same as TOML; flags override it
    #[arg(short = 'f', value_name = "swarm.toml")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub scope: ScopeArgs,
    #[command(flatten)]
    pub limits: LimitArgs,
    /// What all its agents may spend together: 50 or '$50' (a shell reads $5 by itself),
    /// 2M-tokens, or both as 50,2M-tokens. A call that could exceed it is refused
    #[arg(long, value_name = "$|TOKENS", value_parser = budget)]
    pub budget: Option<String>,
    /// What each agent, with all that it spawns, may spend
    #[arg(long, value_name = "$|TOKENS", value_parser = budget)]
    pub agent_budget: Option<String>,
    /// A command to run as the agent
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StrategyArg {
    Parallel,
    MapReduce,
    Pipeline,
    Tree,
}

impl Create {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let spec = self.spec()?;
        let client = context.client().await?;
        if self.dry_run {
            return self.show(&client.rehearse_swarm(&spec).await?, context);
        }
        let swarm = client.create_swarm(&spec).await?;
        for warning in &swarm.warnings {
            context.note(format!("warning: {warning}"));
        }
        warn_of(&spec, context);
        warn_cores(spec.limits, context);
        if spec.budget.is_some() || spec.agent_budget.is_some() {
            prices::warn_if_old(context);
        }
        if self.wait {
            if !self.json.json {
                context.note(format!("{} created: {}", swarm.id, agents(swarm.agents.total)));
            }
            return wait_for(context, &client, swarm.id.as_str(), None, Report::of(self.json))
                .await;
        }
        if self.json.json {
            context.json(&swarm)?;
        } else {
            let id = swarm.id.clone();
            context.line(&id)?;
            context.note(format!(
                "{} at work; `dash` shows them, `dash swarm wait {id}` waits",
                agents(swarm.agents.total)
            ));
        }
        Ok(Code::Ok)
    }

    fn show(&self, spec: &SwarmSpec, context: &mut Context<'_>) -> Done {
        if self.json.json {
            context.json(spec)?;
            return Ok(Code::Ok);
        }
        let adapters: Vec<String> = spec
            .adapters
            .iter()
            .map(|share| match share.count {
                Some(count) => format!("{}:{count}", share.adapter),
                None => share.adapter.clone(),
            })
            .collect();
        let or_default = |text: String| if text.is_empty() { "default".to_owned() } else { text };
        context.line("nothing is created; this would be:")?;
        context.line(format!("task      {}", one_line(&spec.task)))?;
        context.line(format!("agents    {}", spec.agents.max(1)))?;
        context.line(format!("adapter   {}", or_default(adapters.join(", "))))?;
        context.line(format!("model     {}", or_default(spec.models.join(", "))))?;
        context.line(format!("in        {}", spec.cwd.display()))?;
        if !spec.command.is_empty() {
            context.line(format!("command   {}", spec.command.join(" ")))?;
        }
        if spec.worktree {
            context.line("worktree  a clone and a branch for each agent")?;
        }
        context.line(format!("scope     {}", shown(spec.granted.as_ref(), spec.worktree)))?;
        let budgets = [(&spec.budget, "for all"), (&spec.agent_budget, "for each agent")];
        let budgets = budgets.map(|(sum, whose)| Some(format!("{} {whose}", sum.as_ref()?)));
        let budgets: Vec<String> = budgets.into_iter().flatten().collect();
        for line in further(&budgets, spec.limits, spec.timeout_ms, spec.granted.as_ref()) {
            context.line(line)?;
        }
        if let Some(calls) = spec.calls {
            context.line(format!("calls     at most {calls} at once"))?;
        }
        if let Some(items) = &spec.items {
            context.line(format!("items     {}", items.len()))?;
            for (index, item) in items.iter().enumerate().take(20) {
                context.line(format!("  {:>3}  {}", index + 1, one_line(item)))?;
            }
            if items.len() > 20 {
                context.line(format!("  … and {} more", items.len() - 20))?;
            }
        }
        warn(spec.granted.as_ref(), context);
        warn_cores(spec.limits, context);
        Ok(Code::Ok)
    }
}

fn agents(n: u32) -> String {
    format!("{n} {}", if n == 1 { "agent" } else { "agents" })
}

/// Checks a budget, which the core reads again.
pub fn budget(text: &str) -> Result<String, String> {
    text.parse::<Budget>().map(|_| text.to_owned()).map_err(|error| error.to_string())
}
