//! `dash agent show`

use super::super::{
    args::Json,
    context::Context,
    cost::estimated,
    failure::{Code, Done, Failure},
    format::{
        duration, fg, one_line, own_usage, scope_style, state_and_reason, state_style, tokens,
    },
    limits::words,
};
use crate::model::{AgentInfo, AgentState, HELD_BACK, Micros, ProgramVersion};
use anstyle::AnsiColor;
use clap::Args;

#[derive(Debug, Args)]
pub struct Show {
    /// Id or name
    agent: String,
    #[command(flatten)]
    json: Json,
}

impl Show {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let agent = context.client().await?.agent(&self.agent).await?;
        if self.json.json {
            context.json(&agent)?;
        } else {
            describe(&agent, context)?;
        }
        Ok(Code::Ok)
    }
}

fn describe(agent: &AgentInfo, context: &mut Context<'_>) -> Result<(), Failure> {
    let state = state_and_reason(agent.state, &agent.reason);
    let state = context.paint(state_style(agent.state), state);
    context.line(format!("{}  {}  {state}", agent.id, one_line(&agent.name)))?;
    let some = |text: &str| if text.is_empty() { "-".to_owned() } else { one_line(text) };
    let adapter = match agent.provider.as_str() {
        "" => agent.adapter.clone(),
        provider => format!("{} through {provider}", agent.adapter),
    };
    let adapter = if agent.interactive { format!("{adapter}, on its own screen") } else { adapter };
    let notional = match agent.notional_micros {
        Micros::ZERO => String::new(),
        sum => format!(", and {sum} notional"),
    };
    let estimated = estimated(agent.estimated_micros);
    let mut lines = vec![
        ("swarm", agent.swarm.to_string()),
        ("agent", adapter),
        ("model", some(&agent.model)),
        ("item", some(agent.item.as_deref().unwrap_or(""))),
        ("items", format!("{} done, {} failed", agent.items_done, agent.items_failed)),
        ("attempt", agent.attempt.to_string()),
        ("scope", context.paint(scope_style(&agent.scope), &agent.scope)),
        ("in", agent.cwd.display().to_string()),
        ("usage", format!("{}, {}{notional}{estimated}", tokens(&agent.tokens), agent.cost())),
        ("printed", format!("{} bytes", agent.bytes)),
        ("last line", some(&agent.last_line)),
    ];
    if let Some(usage) = &agent.own_usage {
        lines.insert(9, ("reported", own_usage(usage)));
    }
    if let Some(version) = &agent.version {
        lines.insert(2, ("version", version_words(version, context)));
    }
    if agent.scope.starts_with("strict") {
        lines.push(("held back", HELD_BACK.to_owned()));
    }
    if let Some(limits) = agent.limits {
        let mut words = words(limits, agent.timeout_ms);
        words.extend(agent.ends_by.map(|end| format!("over by {end}")));
        lines.push(("limits", words.join(", ")));
    }
    if !agent.lent.is_empty() {
        let lent: Vec<String> = agent.lent.iter().map(|lent| one_line(&lent.to_string())).collect();
        lines.push(("lent", lent.join(", ")));
    }
    lines.extend(agent.narrowed.iter().map(|wish| ("not had", one_line(wish))));
    if let Some(held) = &agent.held {
        let what = context.paint(state_style(AgentState::Paused), &held.why);
        lines.insert(0, ("held", format!("{what}; {} lets its branch go on", held.remedy())));
    }
    if let Some(command) = &agent.way_on {
        lines.insert(0, ("goes on", format!("with `{command}`")));
    }
    if let Some(parent) = &agent.parent {
        lines.push(("parent", parent.to_string()));
    }
    if let Some(branch) = &agent.branch {
        lines.push(("branch", branch.clone()));
    }
    if let Some(progress) = agent.progress {
        lines.push(("progress", format!("{progress} %")));
    }
    if let Some(pid) = agent.pid {
        lines.push(("pid", pid.to_string()));
    }
    if let Some(exit) = agent.exit {
        lines.push(("exit", exit.to_string()));
    }
    if let Some(start) = agent.started_at {
        lines.push(("started", start.to_string()));
        lines.extend(agent.first_call_at.map(|at| ("first call", at.to_string())));
        if let Some(end) = agent.ended_at {
            lines.push(("took", duration(end.ms_since(start))));
        }
    }
    for (name, value) in lines {
        context.line(format!("{name:<10} {value}"))?;
    }
    Ok(())
}

/// With a warning where what it prints may be read wrongly.
fn version_words(version: &ProgramVersion, context: &Context<'_>) -> String {
    let seen = version.installed.as_deref().map(one_line);
    let measured = one_line(&version.measured);
    match (seen, measured.as_str()) {
        (Some(seen), _) if version.known => format!("{seen}, as measured"),
        (Some(seen), "") => seen,
        (Some(seen), measured) => {
            let why = "its states and results may be read wrongly";
            let words = format!("{seen}; its adapter was measured with {measured}: {why}");
            context.paint(fg(AnsiColor::Yellow), words)
        }
        (None, measured) => {
            let said = if measured.is_empty() { "" } else { "; its adapter was measured with " };
            format!("not told by where it lies{said}{measured}: see `dash doctor`")
        }
    }
}
