//! `dash agent pause` and `dash agent resume`

use super::super::{
    args::Json,
    context::Context,
    failure::{Code, Done},
};
use clap::Args;

#[derive(Debug, Args)]
pub struct Pause {
    /// Ids or names
    #[arg(required = true, value_name = "AGENT")]
    agents: Vec<String>,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
pub struct Resume {
    /// Ids or names; of a branch that is held the agent whose children failed
    #[arg(required = true, value_name = "AGENT")]
    agents: Vec<String>,
    #[command(flatten)]
    json: Json,
}

impl Pause {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let client = context.client().await?;
        let mut paused = Vec::new();
        for name in &self.agents {
            paused.push(client.pause_agent(name).await?);
            if !self.json.json {
                context.line(format!("{name} paused"))?;
            }
        }
        if self.json.json {
            context.json(&paused)?;
        }
        Ok(Code::Ok)
    }
}

impl Resume {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let client = context.client().await?;
        let mut resumed = Vec::new();
        for name in &self.agents {
            resumed.push(client.resume_agent(name).await?);
            if !self.json.json {
                context.line(format!("{name} goes on"))?;
            }
        }
        if self.json.json {
            context.json(&resumed)?;
        }
        Ok(Code::Ok)
    }
}
