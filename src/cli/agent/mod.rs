//! `dash agent …`

mod explain;
pub mod list;
mod log;
mod pause;
mod results;
mod screen;
mod send;
mod show;
mod spawn;
mod stop;
mod tree;
mod wait;

use super::{context::Context, failure::Done};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum AgentCommand {
    /// Start one agent
    Spawn(Box<spawn::Spawn>),
    /// All agents, or those of a swarm
    List(list::List),
    /// Who spawned whom, and what each branch comes to
    Tree(tree::Tree),
    /// All that is known about an agent
    Show(show::Show),
    /// What stands on its screen
    Screen(screen::Screen),
    /// What it printed
    Log(log::Log),
    /// What it made of each of its items
    Results(results::Results),
    /// Type into its terminal
    Send(send::Send),
    /// Wait until it is over
    Wait(wait::Wait),
    /// Another attempt at its last item, in the same session where the agent can
    Retry(stop::Retry),
    /// Hold its processes and its model calls; no time passes for it meanwhile
    Pause(pause::Pause),
    /// Let one go on that was paused, or a branch that was held because children failed too often
    Resume(pause::Resume),
    /// Stop it, its whole process tree and all agents below it
    Stop(stop::Stop),
    /// Why it is in the state it is in
    Explain(explain::Explain),
}

impl AgentCommand {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        match self {
            Self::Spawn(command) => command.run(context).await,
            Self::List(command) => command.run(context).await,
            Self::Tree(command) => command.run(context).await,
            Self::Show(command) => command.run(context).await,
            Self::Screen(command) => command.run(context).await,
            Self::Log(command) => command.run(context).await,
            Self::Results(command) => command.run(context).await,
            Self::Send(command) => command.run(context).await,
            Self::Wait(command) => command.run(context).await,
            Self::Retry(command) => command.run(context).await,
            Self::Pause(command) => command.run(context).await,
            Self::Resume(command) => command.run(context).await,
            Self::Stop(command) => command.run(context).await,
            Self::Explain(command) => command.run(context).await,
        }
    }
}
