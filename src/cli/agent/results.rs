//! `dash agent results`

use super::super::{
    args::Json,
    context::Context,
    failure::{Code, Done},
    format::harmless,
    swarm::results::outcome,
};
use crate::model::Outcome;
use clap::Args;

#[derive(Debug, Args)]
pub struct Results {
    /// Id or name
    agent: String,
    #[command(flatten)]
    json: Json,
}

impl Results {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let results = context.client().await?.agent_results(&self.agent).await?;
        if self.json.json {
            context.json(&results)?;
            return Ok(Code::Ok);
        }
        if results.is_empty() {
            context.note("it has tried nothing yet");
        }
        for row in &results {
            let Some(result) = &row.result else {
                context.line(format!("item {}: {}", row.index, row.state))?;
                continue;
            };
            let line = match outcome(row) {
                (outcome, why) if why.is_empty() && result.outcome != Outcome::Done => outcome,
                (outcome, _) => format!("{outcome} ({})", result.stop_reason),
            };
            context.line(format!("item {}: {line}", row.index))?;
            for text in [&result.error, &result.text].into_iter().filter(|text| !text.is_empty()) {
                context.line(harmless(text.trim_end()))?;
            }
        }
        Ok(Code::Ok)
    }
}
