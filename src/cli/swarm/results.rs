//! `dash swarm results`

use super::super::{
    args::Json,
    context::{Context, paint},
    failure::{Code, Done},
    format::{self, BOLD, Table, cell, duration, fg, name_beside, one_line, state_style},
};
use crate::model::{
    AgentResult, AgentState, BUDGET, Outcome, OwnUsage, SwarmInfo, SwarmResults, SwarmState, way_on,
};
use anstyle::AnsiColor;
use clap::Args;

#[derive(Debug, Args)]
pub struct Results {
    /// Id or name
    swarm: String,
    #[command(flatten)]
    json: Json,
    /// Markdown, with every agent's final text in full
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// With what is in each worktree beyond its base, as a patch
    #[arg(long)]
    diff: bool,
}

impl Results {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let client = context.client().await?;
        let results = sorted(match self.diff {
            true => client.results_with_diffs(&self.swarm).await?,
            false => client.results(&self.swarm).await?,
        });
        if self.json.json {
            context.json(&results)?;
        } else if self.markdown {
            let text = markdown(&results);
            context.out.write_all(text.as_bytes())?;
        } else {
            let text = table(&results, context.term.color, context.term.width);
            context.out.write_all(text.as_bytes())?;
            for (agent, diff) in &results.diffs {
                let text = format!("\n{agent}\n{}", format::harmless(diff));
                context.out.write_all(text.as_bytes())?;
            }
        }
        if !self.json.json {
            for held in &results.held {
                let (count, place) = (held.count, held.place.display());
                context.note(format!("{count} moved out of the scope, others obey it: {place}"));
            }
        }
        Ok(Code::Ok)
    }
}

/// Failures first, then what is open, then what is done; by item within each.
pub fn sorted(mut results: SwarmResults) -> SwarmResults {
    let rank = |result: &AgentResult| match result.result.as_ref().map(|result| result.outcome) {
        Some(Outcome::Failed | Outcome::Lost) => 0,
        Some(Outcome::Stopped | Outcome::Paused) => 1,
        None => 2,
        Some(Outcome::Done) => 3,
    };
    results.results.sort_by(|a, b| (rank(a), a.index, &a.agent).cmp(&(rank(b), b.index, &b.agent)));
    results
}

/// What DESIGN.md 6 makes of the results. An attempt that a later one made good is none of
/// them.
pub fn code(results: &SwarmResults) -> Code {
    results
        .results
        .iter()
        .map(|result| match &result.result {
            Some(result) if result.outcome == Outcome::Done => Code::Ok,
            // Its parent ended, or stopped it: the parent's own result counts.
            Some(ended) if ended.outcome == Outcome::Stopped && result.agent.is_child() => Code::Ok,
            Some(result) => match result.stop_reason.as_str() {
                "denied" => Code::Denied,
                "budget" => Code::Budget,
                "timeout" => Code::TimedOut,
                _ => Code::SomeFailed,
            },
            None => Code::SomeFailed,
        })
        .chain((results.failed > 0 || results.open > 0).then_some(Code::SomeFailed))
        .chain((results.swarm.state == SwarmState::Paused).then(|| match &*results.swarm.reason {
            BUDGET => Code::Budget,
            // Nothing is spent up: somebody has to say what a model costs.
            _ => Code::SomeFailed,
        }))
        .fold(Code::Ok, Code::worse)
}

/// What stands behind a sum that nobody pays.
fn simulated(results: &SwarmResults) -> &'static str {
    let named = |simulated: bool| {
        let mut providers = results.results.iter().map(|row| row.provider.as_str());
        providers.any(|name| !name.is_empty() && (name == "simulated") == simulated)
    };
    match (named(true), named(false)) {
        (true, false) => " simulated",
        (true, true) => " partly simulated",
        (false, _) => "",
    }
}

/// A budget's stop is named as such, whatever became of its agents.
fn paused(results: &SwarmResults) -> Option<String> {
    let SwarmInfo { id, state, reason, way_on: told, .. } = &results.swarm;
    (*state == SwarmState::Paused).then(|| {
        let way = told.clone().unwrap_or_else(|| way_on(reason, id.as_str()));
        format!("paused: {reason}; `{way}` lets it go on")
    })
}

/// How an attempt came out, in a word and why. One that its budget ended is paused while its
/// agent waits, and stopped if that was stopped.
pub fn outcome(row: &AgentResult) -> (String, String) {
    let Some(result) = &row.result else { return (row.state.to_string(), String::new()) };
    let why = result.stop_reason.clone();
    match result.outcome {
        Outcome::Done => (result.outcome.word().to_owned(), String::new()),
        Outcome::Paused if row.state != AgentState::Paused => {
            (Outcome::Stopped.word().to_owned(), why)
        }
        Outcome::Paused => (format!("{}: {why}", result.outcome.word()), String::new()),
        Outcome::Failed | Outcome::Lost | Outcome::Stopped => {
            (result.outcome.word().to_owned(), why)
        }
    }
}

pub fn table(results: &SwarmResults, color: bool, width: Option<u16>) -> String {
    let bad = if results.failed > 0 { fg(AnsiColor::Red).bold() } else { BOLD };
    let mut text = paint(color, bad, format!("{} failed", results.failed));
    text.push_str(&format!(", {} done", results.done));
    if results.open > 0 {
        text.push_str(&format!(", {} open", results.open));
    }
    let swarm = &results.swarm;
    let cost = format!("{}{}", swarm.cost(), simulated(results));
    text.push_str(&format!("  {cost}  {}", format::tokens(&swarm.tokens)));
    if let (Some(start), Some(end)) = (swarm.started_at, swarm.ended_at) {
        text.push_str(&format!("  {}", duration(end.ms_since(start))));
    }
    text.push('\n');
    if let Some(paused) = paused(results) {
        text.push_str(&paint(color, fg(AnsiColor::Yellow), paused));
        text.push('\n');
    }
    text.push('\n');
    let mut table = Table::new(&[
        "AGENT", "?NAME", "OUTCOME", "?WHY", ">TIME", ">COST", "?>FILES", "?ITEM", "RESULT",
    ]);
    for row in &results.results {
        let (outcome, why) = outcome(row);
        let words = row.result.as_ref().map_or(String::new(), |result| {
            one_line(if result.error.is_empty() { &result.text } else { &result.error })
        });
        let files = row.result.as_ref().and_then(|result| result.files.as_ref());
        table.row([
            cell(&row.agent),
            name_beside(row.agent.as_str(), &row.name),
            (outcome, state_style(row.state)),
            cell(one_line(&why)),
            cell(duration(row.duration_ms)),
            cell(row.cost_micros.told(row.estimated_micros)),
            cell(files.map_or(String::new(), |files| files.len().to_string())),
            cell(format::fit(&one_line(row.item.as_deref().unwrap_or("")), 32)),
            cell(words),
        ]);
    }
    text + &table.render(color, width)
}

fn markdown(results: &SwarmResults) -> String {
    let swarm = &results.swarm;
    let mut text = format!(
        "# {}: {} failed, {} done, {} open\n\n{}\n\nUsage: {}, {}{}\n",
        swarm.name,
        results.failed,
        results.done,
        results.open,
        format::harmless(&swarm.task),
        format::tokens(&swarm.tokens),
        swarm.cost(),
        simulated(results),
    );
    for row in &results.results {
        let (outcome, _) = outcome(row);
        text.push_str(&format!("\n## {} {}: {outcome}\n\n", row.agent, one_line(&row.name)));
        if let Some(item) = row.item.as_deref().filter(|item| !item.is_empty()) {
            text.push_str(&format!("- item: {}\n", one_line(item)));
        }
        let model = if row.model.is_empty() { String::new() } else { format!(", {}", row.model) };
        text.push_str(&format!("- agent: {}{model}, attempt {}\n", row.adapter, row.attempt));
        text.push_str(&format!(
            "- took {}, {}, {}\n",
            duration(row.duration_ms),
            format::tokens(&row.tokens),
            row.cost_micros.told(row.estimated_micros)
        ));
        if let Some(branch) = &row.branch {
            text.push_str(&format!("- branch: `{branch}`\n"));
        }
        let Some(result) = &row.result else { continue };
        text.push_str(&format!("- ended: {}\n", result.stop_reason));
        let own = result.reported.map(|reported| OwnUsage::new(reported, row.tokens));
        if let Some(own) = own.filter(OwnUsage::differs) {
            text.push_str(&format!("- reported: {}\n", format::own_usage(&own)));
        }
        for file in result.files.iter().flatten() {
            text.push_str(&format!("- `{}` +{} -{}\n", file.path, file.added, file.removed));
        }
        if !result.error.is_empty() {
            text.push_str(&format!(
                "\n> {}\n",
                format::harmless(&result.error).replace('\n', "\n> ")
            ));
        }
        if !result.text.is_empty() {
            text.push_str(&format!("\n{}\n", format::harmless(&result.text).trim_end()));
        }
    }
    for (agent, diff) in &results.diffs {
        let diff = format::harmless(diff);
        let fence = fence(&diff);
        text.push_str(&format!("\n## Diff of {agent}\n\n{fence}diff\n{diff}{fence}\n"));
    }
    text
}

/// More backticks than any line of the text begins with.
fn fence(text: &str) -> String {
    let ticks = |line: &str| line.len() - line.trim_start_matches('`').len();
    let longest = text.lines().map(|line| ticks(line.trim_start_matches(['+', '-', ' '])));
    "`".repeat(longest.max().unwrap_or(0).max(2) + 1)
}
