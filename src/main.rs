//! Dispatch. Keeper, shims, mini and the broker's front come first: they want no argument parser
//! and no runtime, and the shim that becomes the agent must be single-threaded.

use dash::{
    broker,
    cli::{self, CoreWish, Next},
    config::{Config, Dirs, PolicyFiles, PriceFiles},
    keeper, mini, sandbox, server,
};
use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

fn main() -> ExitCode {
    // Whatever its words are, they are for the program that it stands for.
    if let Some(place) = broker::stands_for() {
        return broker::main(place, std::env::args_os());
    }
    if let Some(name) = broker::shim::stands_for() {
        return broker::shim::main(&name, std::env::args_os());
    }
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    match args.split_first() {
        Some((first, rest)) if first == "__exec" => sandbox::exec::main(rest),
        Some((first, rest)) if first == "__keeper" => match rest.first() {
            Some(dir) => keeper::main(Path::new(dir)),
            None => ExitCode::from(2),
        },
        Some((first, _)) if first == "__nursery" => keeper::nursery::main(),
        Some((first, _)) if first == "__mini" => mini::main(),
        _ => match cli::run() {
            Next::Exit(code) => code,
            Next::Core(wish) => core(wish),
        },
    }
}

fn core(wish: CoreWish) -> ExitCode {
    match run_core(wish) {
        Ok(code) => code,
        Err(error) => {
            // Nobody may read it; then nobody is to be told.
            let _ = writeln!(io::stderr().lock(), "dash: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run_core(wish: CoreWish) -> anyhow::Result<ExitCode> {
    if !wish.foreground {
        // What the first client happened to have open is no business of a process that outlives
        // it: a lock of its script's would be held until the core leaves.
        sandbox::close_others();
    }
    let dirs = Dirs::from_env()?;
    let mut config = Config::load(&dirs)?;
    if wish.rehearsal {
        config.simulated.always = true;
        config.simulated.rehearsal = true;
    }
    if !wish.foreground {
        // Out of the session of the terminal that the first client happened to have: it may
        // be closed. Fails where this process leads one already, which is as good.
        let _ = rustix::process::setsid();
    }
    let adapters = Some(dirs.config.join("agents"));
    let policy = PolicyFiles::of(&dirs);
    let prices = PriceFiles::of(&dirs);
    let foreground = wish.foreground;
    server::run(wish.instance, server::Options { config, adapters, policy, prices, foreground })
}
