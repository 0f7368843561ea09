//! `dash agent stop` and `dash agent retry`

use super::super::{
    args::Json,
    context::Context,
    failure::{Code, Done},
};
use clap::Args;

#[derive(Debug, Args)]
pub struct Stop {
    /// Ids or names
    #[arg(required = true, value_name = "AGENT")]
    agents: Vec<String>,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
pub struct Retry {
    /// Id or name
    agent: String,
    /// On another model
    #[arg(long, value_name = "M")]
    model: Option<String>,
    #[command(flatten)]
    json: Json,
}

impl Stop {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let client = context.client().await?;
        let mut stopped = Vec::new();
        for name in &self.agents {
            let agent = client.stop_agent(name).await?;
            if !self.json.json {
                context.line(format!("{} stops", agent.id))?;
            }
            stopped.push(agent);
        }
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
