//! The command line as clap sees it: DESIGN.md section 6, as far as it is built. What is not
//! built is not here.

use super::{
    agent::AgentCommand,
    attach::Attach,
    audit::AuditArgs,
    budget::BudgetCommand,
    completions::Completions,
    config::ConfigCommand,
    core::CoreCommand,
    cost::Cost,
    demo::Demo,
    doctor::Doctor,
    events::EventsArgs,
    health::HealthArgs,
    inbox::{Approve, Deny, Inbox},
    item::ItemCommand,
    policy::PolicyCommand,
    prices::PricesCommand,
    pulse::PulseArgs,
    serve::Serve,
    swarm::SwarmCommand,
};
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// A terminal multiplexer for swarms of coding agents.
///
/// Without a command: the full-screen session; a core is started if none runs.
#[derive(Debug, Parser)]
#[command(
    name = "dash",
    version,
    subcommand_value_name = "COMMAND",
    after_help = "Exit codes: 0 all done, 1 error, 2 usage, 3 some agents failed, 4 budget \
                  exhausted, 5 timed out, 6 denied, 7 no core."
)]
pub struct Cli {
    /// Run a headless core on this socket, in the foreground
    #[arg(long = "socket", value_name = "PATH", num_args = 0..=1, value_parser = serve_path)]
    pub serve: Option<Option<PathBuf>>,

    /// Talk to the core on this socket (else $DASH_SOCKET)
    #[arg(short = 'S', value_name = "PATH", global = true, value_parser = socket_path, display_order = 100)]
    pub socket: Option<PathBuf>,

    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// A rehearsal swarm: no key, no agent program, no network
    Demo(Demo),
    /// One task, many agents
    #[command(subcommand)]
    Swarm(SwarmCommand),
    /// One agent of a swarm, or one on its own
    #[command(subcommand)]
    Agent(AgentCommand),
    /// This terminal in an agent's terminal
    Attach(Attach),
    /// The queue of a swarm
    #[command(subcommand)]
    Item(ItemCommand),
    /// What happened, and what happens
    Events(EventsArgs),
    /// The swarm in a few tokens, or only what is new
    Pulse(PulseArgs),
    /// Who did what, by whose leave, when; checked for changes with --verify
    Audit(AuditArgs),
    /// The rules on commands, and what they say
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// What may be spent, and what of it is left
    #[command(subcommand)]
    Budget(BudgetCommand),
    /// What was spent, and on what
    Cost(Cost),
    /// What models cost, from when that is, and who says so
    #[command(subcommand)]
    Prices(PricesCommand),
    /// What waits for an answer
    Inbox(Inbox),
    /// Let what was asked happen
    Approve(Approve),
    /// Refuse what was asked
    Deny(Deny),
    /// The process that everything runs in
    #[command(subcommand)]
    Core(CoreCommand),
    /// Whether a core runs, and which
    Health(HealthArgs),
    /// What this machine and this instance can do
    Doctor(Doctor),
    /// The configuration in force
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Serve the core to a model: Model Context Protocol on standard input and output
    Mcp,
    /// Serve the core's API on a port of this machine, with a token
    Serve(Serve),
    /// Print a completion script for a shell
    Completions(Completions),
    /// Print the manual page
    #[command(hide = true)]
    Man,
}

/// `--json`, where a command has it.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Json {
    /// JSON on standard output instead of text
    #[arg(long)]
    pub json: bool,
}

/// A socket's path, told apart from a word that was meant for something else: a core started
/// there would leave its files in the current directory.
pub fn socket_path(text: &str) -> Result<PathBuf, String> {
    if text.contains('/') || text.ends_with(".sock") {
        return Ok(PathBuf::from(text));
    }
    Err(format!("{text:?} is no socket's path (one contains a / or ends in .sock)"))
}

/// A path for a headless core, told apart from a command that was put in its place.
pub fn serve_path(text: &str) -> Result<PathBuf, String> {
    socket_path(text).map_err(|error| {
        format!(
            "--socket takes no command, and {error}; to talk to a core on another socket use \
             -S PATH"
        )
    })
}
