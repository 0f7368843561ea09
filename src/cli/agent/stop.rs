//! `dash agent stop` and `dash agent retry`

use super::super::{
    args::Json,
    context::Context,
    failure::{Code, Done},
    stopping::Stopping,
};
use clap::Args;

#[derive(Debug, Args)]
pub struct Stop {
    /// Ids or names
    #[arg(required = true, value_name = "AGENT")]
    agents: Vec<String>,
    /// Return at once; the agent is stopped all the same
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
pub struct Retry {
    /// Id or name
    agent: String,
    /// On this model, from now on
    #[arg(long, value_name = "M")]
    model: Option<String>,
    #[command(flatten)]
    json: Json,
}

impl Stop {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let client = context.client().await?;
        let mut stopped = Vec::new();
        // All are asked before any is waited for.
        for name in &self.agents {
            let already = client.agent(name).await?.state.is_final();
            stopped.push(Stopping { what: client.stop_agent(name).await?, already });
        }
        for stopping in &mut stopped {
            let id = stopping.what.id.clone();
            if !self.no_wait {
                let look = async || client.agent_over(id.as_str()).await;
                stopping.until_over(&id, |agent| agent.state.is_final(), look).await?;
            }
            if !self.json.json {
                let state = stopping.what.state;
                stopping.say(context, &id, state.is_final(), state)?;
            }
        }
        let stopped: Vec<_> = stopped.into_iter().map(|stopping| stopping.what).collect();
        if self.json.json {
            context.json(&stopped)?;
        }
        Ok(Code::Ok)
    }
}

impl Retry {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let agent = context.client().await?.retry_agent(&self.agent, self.model).await?;
        if self.json.json {
            context.json(&agent)?;
        } else {
            context.line(format!("{} tries again", agent.id))?;
        }
        Ok(Code::Ok)
    }
}
