//! `dash swarm show`

use super::super::{
    agent::list::agent_table,
    args::Json,
    context::Context,
    cost::estimated,
    failure::{Code, Done},
    format::{count, duration, harmless, scope_style, swarm_style, tokens},
};
use crate::model::{AgentInfo, Micros, SwarmInfo};
use clap::Args;
use serde::Serialize;

#[derive(Debug, Args)]
pub struct Show {
    /// Id or name
    swarm: String,
    #[command(flatten)]
    json: Json,
}

/// The swarm's own object, with its agents in full beside the counts.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    swarm: &'a SwarmInfo,
    members: &'a [AgentInfo],
}

impl Show {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let client = context.client().await?;
        let swarm = client.swarm(&self.swarm).await?;
        let agents = client.agents(Some(swarm.id.as_str())).await?;
        if self.json.json {
            context.json(&Whole { swarm: &swarm, members: &agents })?;
            return Ok(Code::Ok);
        }
        let state = context.paint(swarm_style(swarm.state), swarm.state);
        let reason = if swarm.reason.is_empty() { "" } else { ": " };
        context.line(format!("{}  {}  {state}{reason}{}", swarm.id, swarm.name, swarm.reason))?;
        if !swarm.task.is_empty() {
            context.line(format!("task    {}", harmless(&swarm.task)))?;
        }
        let counts: Vec<String> =
            swarm.agents.by_state.iter().map(|(state, n)| format!("{n} {state}")).collect();
        context.line(format!("agents  {} ({})", swarm.agents.total, counts.join(", ")))?;
        let dropped = match swarm.items.dropped {
            0 => String::new(),
            n => format!(", {n} dropped"),
        };
        context.line(format!(
            "items   {} done, {} failed, of {}{dropped}",
            swarm.items.done, swarm.items.failed, swarm.items.total
        ))?;
        let notional = match swarm.notional_micros {
            Micros::ZERO => String::new(),
            sum => format!(", and {sum} notional"),
        };
        let estimated = estimated(swarm.estimated_micros);
        let usage = format!("{}, {}{notional}{estimated}", tokens(&swarm.tokens), swarm.cost());
        context.line(format!("usage   {usage}"))?;
        if let Some(limit) = swarm.budget_micros {
            let left = Micros(limit.0 - swarm.cost_micros.0);
            context.line(format!("budget  {limit}, {left} not spent"))?;
        }
        if let Some(limit) = swarm.budget_tokens {
            let left = limit.saturating_sub(swarm.tokens.total());
            let (limit, left) = (count(limit), count(left));
            context.line(format!("budget  {limit} tokens, {left} not spent"))?;
        }
        if let Some(calls) = swarm.calls {
            context.line(format!("calls   at most {calls} at once"))?;
        }
        if let (Some(start), Some(end)) = (swarm.started_at, swarm.ended_at) {
            context.line(format!("took    {}", duration(end.ms_since(start))))?;
        }
        if let Some(calls) = swarm.first_calls {
            let (first, last) = (duration(calls.first_ms), duration(calls.last_ms));
            let when = if calls.agents == 1 { last } else { format!("{first} to {last}") };
            let asked = format!("{} of {} agents, first", calls.agents, swarm.agents.total);
            context.line(format!("asked   {asked} after {when}"))?;
        }
        let scope = context.paint(scope_style(&swarm.scope), &swarm.scope);
        context.line(format!("scope   {scope}"))?;
        context.line("")?;
        let text = agent_table(&agents).render(context.term.color, context.term.width);
        context.out.write_all(text.as_bytes())?;
        Ok(Code::Ok)
    }
}
