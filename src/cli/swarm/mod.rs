//! `dash swarm …`

pub mod create;
mod list;
mod pause;
pub mod results;
mod show;
mod spec;
mod stop;
pub mod wait;

pub use spec::here;

use super::{context::Context, failure::Done};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum SwarmCommand {
    /// Create a swarm and return at once
    Create(Box<create::Create>),
    /// All swarms
    List(list::List),
    /// One swarm and its agents
    Show(show::Show),
    /// Wait until a swarm is over
    Wait(wait::Wait),
    /// What each agent made of its task, failures first
    Results(results::Results),
    /// Hold all its agents, with their processes and model calls
    Pause(pause::Pause),
    /// Let one go on that was paused
    Resume(pause::Resume),
    /// Stop all agents of a swarm
    Stop(stop::Stop),
    /// Forget a swarm that is over, its recordings too
    Rm(stop::Remove),
}

impl SwarmCommand {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        match self {
            Self::Create(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
            Self::Show(command) => command.run(context).await,
            Self::Wait(command) => command.run(context).await,
            Self::Results(command) => command.run(context).await,
            Self::Pause(command) => command.run(context).await,
            Self::Resume(command) => command.run(context).await,
            Self::Stop(command) => command.run(context).await,
            Self::Rm(command) => command.run(context).await,
        }
    }
}
