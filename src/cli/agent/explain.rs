//! `dash agent explain`

use super::super::{
    args::Json,
    context::Context,
    failure::{Code, Done},
    format::{DIM, Table, age, cell, one_line, short_line, state_and_reason, state_style},
};
use crate::model::{AgentState, HELD_BACK, Source};
use anstyle::Style;
use clap::Args;

#[derive(Debug, Args)]
pub struct Explain {
    /// Id or name
    agent: String,
    #[command(flatten)]
    json: Json,
}

impl Explain {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let explanation = context.client().await?.explain(&self.agent).await?;
        if self.json.json {
            context.json(&explanation)?;
            return Ok(Code::Ok);
        }
        let state = state_and_reason(explanation.state, &explanation.reason);
        let state = context.paint(state_style(explanation.state), state);
        context.line(format!("{}  {state}  since {}", explanation.agent, explanation.since))?;
        if let Some(held) = &explanation.held {
            let style = state_style(AgentState::Paused);
            let what = context.paint(style, format!("branch held: {}", held.why));
            context.line(format!("{what}; {} lets it go on", held.remedy()))?;
        }
        if !explanation.scope.is_empty() {
            context.line(format!("scope      {}", one_line(&explanation.scope)))?;
        }
        if explanation.scope.starts_with("strict") {
            context.line(format!("held back  {HELD_BACK}"))?;
        }
        for wish in &explanation.narrowed {
            context.line(format!("not had    {}", one_line(wish)))?;
        }
        if !explanation.shared.is_empty() {
            context.line(format!("shares     {}", one_line(&explanation.shared)))?;
        }
        if explanation.signals.is_empty() {
            context.line("no signal has come yet")?;
            return Ok(Code::Ok);
        }
        let mut table = Table::new(&["", "SOURCE", "SAYS", ">AGE", "SEEN"]);
        for seen in &explanation.signals {
            let style = if seen.decided { Style::new() } else { DIM };
            let signal = &seen.signal;
            table.row([
                cell(if seen.decided { "→" } else { " " }),
                (source(signal.source).to_owned(), style),
                (state_and_reason(signal.state, &signal.reason), state_style(signal.state)),
                cell(age(seen.age_ms)),
                (short_line(&signal.detail), style),
            ]);
        }
        let text = table.render(context.term.color, context.term.width);
        context.out.write_all(text.as_bytes())?;
        Ok(Code::Ok)
    }
}

fn source(source: Source) -> &'static str {
    match source {
        Source::Process => "process",
        Source::Approval => "approval",
        Source::Output => "output",
        Source::Hook => "hook",
        Source::Osc7501 => "OSC 7501",
        Source::Gateway => "gateway",
        Source::Terminal => "terminal",
        Source::Screen => "screen",
        Source::Activity => "activity",
    }
}
