//! `dash core status` and `dash core stop`

use super::{
    args::Json,
    context::Context,
    failure::{Code, Done, Failure},
    format::duration,
    gone,
};
use crate::client::Client;
use clap::{Args, Subcommand};
use std::time::{Duration, Instant};
use tokio::time::timeout;

#[derive(Debug, Subcommand)]
pub enum CoreCommand {
    /// The core of this instance, and where its files are
    Status(Status),
    /// End it; agents go on unless told otherwise
    Stop(Stop),
}

#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
pub struct Stop {
    /// Stop the agents first
    #[arg(long)]
    agents: bool,
}

impl CoreCommand {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        match self {
            Self::Status(command) => command.run(context).await,
            Self::Stop(command) => command.run(context).await,
        }
    }
}

impl Status {
    async fn run(self, context: &mut Context<'_>) -> Done {
        let health = context.running().await?.health().await?;
        if self.json.json {
            context.json(&health)?;
            return Ok(Code::Ok);
        }
        let mut lines = vec![
            ("core", format!("{}, pid {}", health.version, health.pid)),
            ("socket", health.socket.display().to_string()),
            ("state", health.state.display().to_string()),
            ("up", duration(health.uptime_ms)),
            ("starts", health.epoch.to_string()),
            ("running", format!("{} attempts", health.running)),
            ("clients", health.clients.to_string()),
        ];
        if health.journal_full {
            lines.push(("journal", "full: nothing new is started".to_owned()));
        }
        for (name, value) in lines {
            context.line(format!("{name:<8} {value}"))?;
        }
        Ok(Code::Ok)
    }
}

/// How long a core may take to stop its agents and leave: what the core itself gives them,
/// and a little.
const PATIENCE: Duration = Duration::from_secs(65);
/// A core that is busy with leaving may not answer any more.
const ANSWER: Duration = Duration::from_millis(300);
/// How often progress is told meanwhile.
const TELL: Duration = Duration::from_secs(2);

impl Stop {
    async fn run(self, context: &mut Context<'_>) -> Done {
        let client = context.running().await?;
        let health = client.health().await?;
        let process = gone::Process::open(health.pid);
        client.shutdown(self.agents).await?;
        self.follow(context, &client, &process, health.pid).await?;
        let rest = match (self.agents, health.running) {
            (true, _) | (false, 0) => "",
            (false, _) => "; its agents go on",
        };
        context.line(format!("the core has left{rest}"))?;
        Ok(Code::Ok)
    }

    /// Waits for its end, and says now and then how many attempts it still waits for.
    async fn follow(
        &self,
        context: &mut Context<'_>,
        client: &Client,
        process: &gone::Process,
        pid: u32,
    ) -> Result<(), Failure> {
        let began = Instant::now();
        while !process.wait(TELL).await {
            let waited = began.elapsed();
            if waited >= PATIENCE {
                let seconds = waited.as_secs();
                let message = format!("the core (pid {pid}) is still there after {seconds} s");
                return Err(Failure::error(message)
                    .hinted("it says why in its log; `dash core status` names the directory"));
            }
            // It may be too far gone to answer.
            let left = match timeout(ANSWER, client.health()).await {
                Ok(Ok(health)) if self.agents => format!(": {} attempts left", health.running),
                Ok(Ok(_) | Err(_)) | Err(_) => String::new(),
            };
            context.note(format!("waiting for the core to leave{left}"));
        }
        Ok(())
    }
}
