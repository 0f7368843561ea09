//! `dash swarm pause` and `dash swarm resume`

use super::{
    super::{
        args::Json,
        context::Context,
        failure::{Code, Done},
    },
    stop::Which,
};
use crate::model::SwarmInfo;
use clap::Args;

#[derive(Debug, Args)]
pub struct Pause {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
pub struct Resume {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    json: Json,
}

impl Pause {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let client = context.client().await?;
        let mut paused = Vec::new();
        for name in self.which.names(&client, |swarm| !swarm.state.is_final()).await? {
            paused.push(client.pause_swarm(&name).await?);
        }
        say(&paused, "paused", self.json, context)
    }
}

impl Resume {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let client = context.client().await?;
        let mut resumed = Vec::new();
        for name in self.which.names(&client, SwarmInfo::is_paused).await? {
            resumed.push(client.resume_swarm(&name).await?);
        }
        say(&resumed, "goes on", self.json, context)
    }
}

fn say(swarms: &[SwarmInfo], what: &str, json: Json, context: &mut Context<'_>) -> Done {
    if json.json {
        context.json(&swarms)?;
    } else if swarms.is_empty() {
        context.note("there is none that this could be done to");
    } else {
        for swarm in swarms {
            context.line(format!("{} {what}", swarm.id))?;
        }
    }
    Ok(Code::Ok)
}
