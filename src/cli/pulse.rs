//! `dash pulse`

use super::{
    args::Json,
    context::Context,
    failure::{Code, Done},
};
use clap::Args;

/// What needs somebody comes first, then the states, then what it costs; the last line is the
/// cursor to give as --since next time, which tells only what is new since then.
#[derive(Debug, Args)]
pub struct PulseArgs {
    /// Only what is new since an earlier pulse, by its cursor
    #[arg(long, value_name = "CURSOR")]
    since: Option<u64>,
    #[command(flatten)]
    json: Json,
}

impl PulseArgs {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let pulse = context.client().await?.pulse(self.since).await?;
        if self.json.json {
            context.json(&pulse)?;
        } else {
            context.line(pulse.to_string())?;
        }
        Ok(Code::Ok)
    }
}
