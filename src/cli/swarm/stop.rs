//! `dash swarm stop` and `dash swarm rm`

use super::super::{
    args::Json,
    context::Context,
    failure::{Code, Done, Failure},
    stopping::Stopping,
};
use crate::{client::Client, model::SwarmInfo, protocol::rest::KeptWorktree};
use clap::Args;

/// Which swarms: one or more by id or name, or all.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Which {
    /// Ids or names
    #[arg(value_name = "SWARM")]
    swarms: Vec<String>,
    /// All that this can be done to
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
pub struct Stop {
    #[command(flatten)]
    which: Which,
    /// Return at once; the agents are stopped all the same
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
pub struct Remove {
    #[command(flatten)]
    which: Which,
    /// Delete also the files that were moved out of its scope and are held
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    json: Json,
}

impl Which {
    /// With `--all` those that `fit`.
    pub async fn names(
        &self,
        client: &Client,
        fit: impl Fn(&SwarmInfo) -> bool,
    ) -> Result<Vec<String>, Failure> {
        if !self.all {
            return Ok(self.swarms.clone());
        }
        let swarms = client.swarms().await?;
        Ok(swarms.into_iter().filter(fit).map(|swarm| swarm.id.to_string()).collect())
    }
}

impl Stop {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let client = context.client().await?;
        let mut stopped = Vec::new();
        // All are asked before any is waited for.
        for name in self.which.names(&client, |swarm| !swarm.state.is_final()).await? {
            let already = client.swarm(&name).await?.state.is_final();
            stopped.push(Stopping { what: client.stop_swarm(&name).await?, already });
        }
        for stopping in &mut stopped {
            let id = stopping.what.id.clone();
            if !self.no_wait {
                let look = async || client.swarm_over(id.as_str()).await;
                stopping.until_over(&id, |swarm| swarm.state.is_final(), look).await?;
            }
            if !self.json.json {
                let state = stopping.what.state;
                stopping.say(context, &id, state.is_final(), state)?;
            }
        }
        let stopped: Vec<_> = stopped.into_iter().map(|stopping| stopping.what).collect();
        if self.json.json {
            context.json(&stopped)?;
        } else if stopped.is_empty() {
            context.note("nothing runs");
        }
        Ok(Code::Ok)
    }
}

impl Remove {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let client = context.client().await?;
        let names = self.which.names(&client, |swarm| swarm.state.is_final()).await?;
        let (mut gone, mut kept) = (Vec::new(), None);
        for name in names {
            let removed = match client.remove_swarm(&name, self.force).await {
                Ok(removed) => removed,
                // The others go all the same.
                Err(error) if self.which.all => {
                    kept.get_or_insert(error);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if !self.json.json {
                context.line(format!("{name} removed"))?;
            }
            for KeptWorktree { path, branch, why } in removed.kept {
                context.note(format!("kept {} ({branch}): {why}", path.display()));
            }
            gone.push(name);
        }
        if self.json.json {
            context.json(&gone)?;
        } else if gone.is_empty() && kept.is_none() {
            context.note("no swarm is over");
        }
        kept.map_or(Ok(Code::Ok), |error| Err(error.into()))
    }
}
