//! `dash agent tree`: who spawned whom.

use super::super::{
    args::Json,
    context::Context,
    failure::{Code, Done},
    format::{
        Table, cell, count, name_beside, scope_cell, short_line, state_and_reason, state_style,
    },
};
use crate::model::{AgentState, Branch, RollUp, forest};
use anstyle::Style;
use clap::Args;

#[derive(Debug, Args)]
pub struct Tree {
    /// Only this agent and all below it
    agent: Option<String>,
    #[command(flatten)]
    json: Json,
}

impl Tree {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let client = context.client().await?;
        let top = match &self.agent {
            Some(name) => Some(client.agent(name).await?.id),
            None => None,
        };
        let mut agents = client.agents(None).await?;
        if let Some(top) = &top {
            agents.retain(|agent| agent.id == *top || agent.id.is_below(top));
        }
        let trees = forest(&agents);
        if self.json.json {
            context.json(&trees)?;
            return Ok(Code::Ok);
        }
        if trees.is_empty() {
            context.note("no agents");
            return Ok(Code::Ok);
        }
        let text = table(&trees).render(context.term.color, context.term.width);
        context.out.write_all(text.as_bytes())?;
        Ok(Code::Ok)
    }
}

fn table(trees: &[Branch<'_>]) -> Table {
    let mut table = Table::new(&[
        "AGENT", "?NAME", "STATE", "KIND", "?MODEL", ">TOKENS", ">COST", "?SCOPE", "BRANCH",
    ]);
    for tree in trees {
        rows(tree, "", "", &mut table);
    }
    table
}

/// `here` stands before the agent itself, `below` before all that it spawned.
fn rows(branch: &Branch<'_>, here: &str, below: &str, table: &mut Table) {
    let agent = branch.agent;
    let held = if agent.held.is_some() { state_style(AgentState::Paused) } else { Style::new() };
    table.row([
        cell(format!("{here}{}", agent.id)),
        name_beside(agent.id.as_str(), &agent.name),
        (state_and_reason(agent.state, &short_line(&agent.reason)), state_style(agent.state)),
        cell(&agent.adapter),
        cell(short_line(&agent.model)),
        cell(count(agent.tokens.total())),
        cell(agent.cost()),
        // A column only where there is something not to be overlooked.
        if agent.is_unscoped() { scope_cell(&agent.scope) } else { cell("") },
        (standing(branch), held),
    ]);
    let last = branch.children.len().saturating_sub(1);
    for (place, child) in branch.children.iter().enumerate() {
        let (tip, bar) = if place == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        rows(child, &format!("{below}{tip}"), &format!("{below}{bar}"), table);
    }
}

/// What lets a held branch go on, else what a branch comes to.
fn standing(branch: &Branch<'_>) -> String {
    let sum = if branch.children.is_empty() { String::new() } else { summary(&branch.total) };
    match &branch.agent.held {
        Some(held) if sum.is_empty() => format!("held: {}", held.remedy()),
        Some(held) => format!("held: {} ({}); {sum}", held.remedy(), held.why),
        None => sum,
    }
}

/// `4 agents: 1 working, 3 done; 12.4k tokens, $0.0421`.
fn summary(total: &RollUp) -> String {
    let states: Vec<String> =
        total.by_state.iter().map(|(state, n)| format!("{n} {state}")).collect();
    let tokens = count(total.tokens.total());
    let states = states.join(", ");
    format!("{} agents: {states}; {tokens} tokens, {}", total.agents, total.cost())
}
