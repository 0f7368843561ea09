//! `dash health`

use super::{
    args::Json,
    context::Context,
    failure::{Code, Done},
    format::duration,
};
use clap::Args;

#[derive(Debug, Args)]
pub struct HealthArgs {
    #[command(flatten)]
    json: Json,
}

impl HealthArgs {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let health = context.running().await?.health().await?;
        if self.json.json {
            context.json(&health)?;
        } else {
            context.line(format!(
                "ok: core {} (pid {}) on {}, up {}",
                health.version,
                health.pid,
                health.socket.display(),
                duration(health.uptime_ms)
            ))?;
            if health.journal_full {
                context.line("the journal is full: nothing new is started")?;
            }
        }
        Ok(if health.journal_full { Code::Error } else { Code::Ok })
    }
}
