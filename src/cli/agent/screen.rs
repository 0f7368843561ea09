//! `dash agent screen`

use super::super::{
    args::Json,
    context::Context,
    failure::{Code, Done},
    format::harmless,
};
use clap::Args;

#[derive(Debug, Args)]
pub struct Screen {
    /// Id or name
    agent: String,
    /// With colours, as control sequences
    #[arg(long, conflicts_with = "json")]
    ansi: bool,
    #[command(flatten)]
    json: Json,
    /// Of an older attempt
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    attempt: Option<u32>,
}

impl Screen {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let screen = context.client().await?.screen(&self.agent, self.attempt).await?;
        if self.json.json {
            context.json(&screen)?;
        } else if self.ansi {
            for row in &screen.ansi[..used(&screen.ansi)] {
                context.line(format!("{row}\x1b[m"))?;
            }
        } else {
            for row in &screen.lines[..used(&screen.lines)] {
                context.line(harmless(row))?;
            }
        }
        Ok(Code::Ok)
    }
}

/// Rows up to the last with anything in it: what is below them is the height of a window that nobody
/// looks at.
fn used(lines: &[String]) -> usize {
    lines.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1)
}
