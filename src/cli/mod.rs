//! The command line: clap types, one file per command. A command is a client like any
//! other: it asks the core and prints the answer. Standard output holds the answer alone;
//! remarks, progress and errors go to standard error.
//!
//! [`run`] ends the process's work or, for a headless core, says which core is wanted:
//! `main` runs it, since nothing here may know the core.

mod agent;
mod args;
mod attach;
mod audit;
mod budget;
mod completions;
mod config;
mod context;
mod core;
mod cost;
mod demo;
mod doctor;
mod duration;
mod events;
mod failure;
mod format;
mod gone;
mod health;
mod hook;
mod inbox;
mod item;
mod limits;
mod man;
mod mcp;
mod open;
mod policy;
mod prices;
mod progress;
mod pulse;
mod scope;
mod serve;
mod stopping;
mod swarm;
#[cfg(test)]
mod tests;

use crate::{config::Instance, tui::TuiOptions};
use args::{Cli, Command};
use clap::Parser;
use context::{Context, Terminal};
use failure::{Code, Done, Failure};
use std::{
    ffi::OsString,
    io::{self, BufWriter},
    path::PathBuf,
    process::ExitCode,
};

/// Set for the core of a rehearsal, and so for its keepers.
const REHEARSAL: &str = "DASH_REHEARSAL";

/// What is left to do after the command line was read.
#[derive(Debug)]
pub enum Next {
    Exit(ExitCode),
    /// Be the core of this instance.
    Core(CoreWish),
}

#[derive(Clone, Debug)]
pub struct CoreWish {
    pub instance: Instance,
    /// `dash --socket`: logs on standard error, stays when idle. Otherwise a client started
    /// it: it detaches, and leaves when nothing runs and nobody is attached.
    pub foreground: bool,
    /// The simulated provider answers everything, with the demo's scenario.
    pub rehearsal: bool,
}

/// The process's own arguments, outputs and environment.
pub fn run() -> Next {
    // Not locked: `mcp` writes from another thread.
    let mut out = BufWriter::new(io::stdout());
    let mut err = io::stderr();
    let mut context = Context {
        out: &mut out,
        err: &mut err,
        term: Terminal::real(),
        socket: std::env::var_os("DASH_SOCKET").filter(|path| !path.is_empty()).map(PathBuf::from),
        target: None,
    };
    run_with(std::env::args_os().collect(), &mut context)
}

/// The whole command line over any outputs and any core.
fn run_with(args: Vec<OsString>, context: &mut Context<'_>) -> Next {
    if args.get(1).is_some_and(|arg| arg == "__core") {
        return match context.may_run_a_core().and_then(|()| core_wish(&args[2..])) {
            Ok(wish) => Next::Core(wish),
            Err(failure) => Next::Exit(report(failure, context).into()),
        };
    }
    if args.get(1).is_some_and(|arg| arg == "__hook") {
        return Next::Exit(hook::main(&args[2..], context));
    }
    if let Err(failure) = no_command_after_socket(&args) {
        return Next::Exit(report(failure, context).into());
    }
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return Next::Exit(usage(&error, context).into()),
    };
    match dispatch(cli, context).and_then(|next| flushed(next, context)) {
        Ok(next) => next,
        Err(failure) => Next::Exit(report(failure, context).into()),
    }
}

/// What stands in a buffer is not written yet; a reader that left wants no more of it.
fn flushed(next: Next, context: &mut Context<'_>) -> Result<Next, Failure> {
    match context.out.flush() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(next),
    }
}

/// Before clap, which would stumble over the word after a command that it took for a path.
fn no_command_after_socket(args: &[OsString]) -> Result<(), Failure> {
    let Some([_, next]) = args.windows(2).find(|pair| pair[0] == "--socket") else { return Ok(()) };
    match next.to_str().filter(|word| !word.starts_with('-')).map(args::serve_path) {
        Some(Err(message)) if args.get(1).is_some_and(|first| first == "--socket") => {
            Err(Failure::usage(message))
        }
        _ => Ok(()),
    }
}

fn dispatch(cli: Cli, context: &mut Context<'_>) -> Result<Next, Failure> {
    if let Some(path) = cli.serve {
        if cli.command.is_some() {
            return Err(Failure::usage("--socket runs a core and takes no command")
                .hinted("to talk to a core on another socket use -S PATH"));
        }
        if cli.socket.is_some() {
            return Err(Failure::usage("--socket runs a core and -S talks to one: choose"));
        }
        context.may_run_a_core()?;
        // Makes Dash's own directory, in which another socket may be named as well.
        let own = Instance::default_socket();
        let socket = path.map_or(own, Ok)?;
        let instance = Instance::at(&socket)?;
        return Ok(Next::Core(CoreWish { instance, foreground: true, rehearsal: false }));
    }
    if cli.socket.is_some() {
        context.socket = cli.socket;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::error(format!("cannot start: {error}")))?;
    let code = runtime.block_on(command(cli.command, context));
    runtime.shutdown_background();
    code.map(|code| Next::Exit(code.into()))
}

async fn command(command: Option<Command>, context: &mut Context<'_>) -> Done {
    match command {
        None => {
            let target = context.target()?;
            open::open(context, &target, TuiOptions::default()).await
        }
        Some(Command::Demo(demo)) => demo.run(context).await,
        Some(Command::Swarm(command)) => command.run(context).await,
        Some(Command::Agent(command)) => command.run(context).await,
        Some(Command::Attach(command)) => command.run(context).await,
        Some(Command::Item(command)) => command.run(context).await,
        Some(Command::Events(command)) => command.run(context).await,
        Some(Command::Audit(command)) => command.run(context).await,
        Some(Command::Budget(command)) => command.run(context).await,
        Some(Command::Cost(command)) => command.run(context).await,
        Some(Command::Prices(command)) => command.run(context),
        Some(Command::Pulse(command)) => command.run(context).await,
        Some(Command::Inbox(command)) => command.run(context).await,
        Some(Command::Approve(command)) => command.run(context).await,
        Some(Command::Deny(command)) => command.run(context).await,
        Some(Command::Core(command)) => command.run(context).await,
        Some(Command::Policy(command)) => command.run(context).await,
        Some(Command::Health(command)) => command.run(context).await,
        Some(Command::Serve(command)) => command.run(context).await,
        Some(Command::Mcp) => Box::pin(mcp::run(context)).await,
        Some(Command::Doctor(command)) => command.run(context).await,
        Some(Command::Config(command)) => command.run(context).await,
        Some(Command::Completions(command)) => command.run(context),
        Some(Command::Man) => man::man(context),
    }
}

/// `dash __core --socket PATH [--rehearsal]`: how clients and keepers start a core.
fn core_wish(args: &[OsString]) -> Result<CoreWish, Failure> {
    let mut socket = None;
    // A keeper that starts a core anew knows the socket alone; the rest is inherited.
    let mut rehearsal = std::env::var_os(REHEARSAL).is_some();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("--socket") => socket = args.next().map(PathBuf::from),
            Some("--rehearsal") => rehearsal = true,
            _ => return Err(Failure::usage(format!("__core does not take {arg:?}"))),
        }
    }
    let socket = socket.ok_or_else(|| Failure::usage("__core needs --socket PATH"))?;
    Ok(CoreWish { instance: Instance::at(&socket)?, foreground: false, rehearsal })
}

/// Help and version are answers; everything else of clap's is a wrong command line.
fn usage(error: &clap::Error, context: &mut Context<'_>) -> Code {
    let text = error.render();
    if error.use_stderr() {
        let text = text.to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        let _ = write!(context.err, "dash: {text}");
        return Code::Usage;
    }
    let text = if context.term.color { text.ansi().to_string() } else { text.to_string() };
    let written = context.out.write_all(text.as_bytes()).and_then(|()| context.out.flush());
    match written.map_err(Failure::from) {
        Ok(()) => Code::Ok,
        Err(failure) => report(failure, context),
    }
}

fn report(failure: Failure, context: &mut Context<'_>) -> Code {
    if !failure.quiet {
        let _ = context.out.flush();
        let _ = writeln!(context.err, "dash: {}", failure.message);
        if let Some(hint) = &failure.hint {
            let _ = writeln!(context.err, "      {hint}");
        }
    }
    failure.code
}
