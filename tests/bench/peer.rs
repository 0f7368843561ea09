//! Dash beside tmux, measured in one run: `cargo bench --bench peer [-- OPTIONS] [NAME…]`.
//!
//! ```text
//! NAME         size list spawn sandbox broker latency output idle start forecast agents gateway (all, without a name)
//! --reps N     repetitions, Dash and tmux in turn             (5)
//! --mb N       megabytes that one agent prints                (200; --full: 1000)
//! --agents N   of the idle swarm                              (500)
//! ```
//!
//! `agents` are the CLIs of others, where they are installed as `tests/agents` pins them or on PATH.
//!
//! Every figure is the median of its repetitions with the least and the greatest beside it.
//! tmux runs on a private server without a configuration. The programs that print and echo
//! are this very program, started again with `--child`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod agents;
mod broker;
mod child;
mod forecast;
mod gateway;
mod idle;
mod latency;
mod output;
mod pty;
mod small;
mod spawn;
mod start;
mod table;
mod tmux;

// The harness of the end-to-end tests serves here too.
#[allow(dead_code)]
#[path = "../api/caller.rs"]
mod caller;
#[allow(dead_code)]
#[path = "../api/dialects.rs"]
mod dialects;
#[allow(dead_code)]
#[path = "../e2e/procs.rs"]
mod procs;
#[allow(dead_code)]
#[path = "../e2e/tools.rs"]
mod tools;
#[allow(dead_code)]
#[path = "../api/upstream.rs"]
mod upstream;
#[allow(dead_code)]
#[path = "../e2e/wait.rs"]
mod wait;
#[allow(dead_code)]
#[path = "../e2e/world.rs"]
mod world;

use std::io::Write;
use table::Table;

pub struct Options {
    pub reps: usize,
    pub mb: usize,
    pub agents: usize,
    names: Vec<String>,
}

impl Options {
    fn parse(args: impl Iterator<Item = String>) -> Self {
        let mut options = Self { reps: 5, mb: 200, agents: 500, names: Vec::new() };
        let mut args = args.peekable();
        while let Some(arg) = args.next() {
            let mut number = || {
                let value = args.next().and_then(|value| value.parse().ok());
                value.unwrap_or_else(|| panic!("{arg} wants a number"))
            };
            match arg.as_str() {
                "--reps" => options.reps = number(),
                "--mb" => options.mb = number(),
                "--agents" => options.agents = number(),
                "--full" => options.mb = 1000,
                // Passed by cargo itself.
                "--bench" => {}
                _ if arg.starts_with('-') => panic!("no option is called {arg}"),
                _ => options.names.push(arg),
            }
        }
        options
    }

    fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|wanted| wanted == name)
    }
}

type Section = fn(&Options, &mut Table);

const SECTIONS: &[(&str, Section)] = &[
    ("size", small::size),
    ("list", small::list),
    ("spawn", spawn::measure),
    ("sandbox", spawn::sandboxed),
    ("broker", broker::measure),
    ("latency", latency::measure),
    ("output", output::measure),
    ("idle", idle::measure),
    ("start", start::measure),
    ("forecast", forecast::measure),
    ("agents", agents::measure),
    ("gateway", gateway::measure),
];

fn main() {
    let mut args = std::env::args().skip(1).peekable();
    if args.peek().is_some_and(|arg| arg == "--child") {
        args.next();
        child::run(&args.collect::<Vec<_>>());
        return;
    }
    let options = Options::parse(args);
    for name in &options.names {
        assert!(SECTIONS.iter().any(|(known, _)| known == name), "nothing is called {name}");
    }
    let mut table = Table::default();
    for (name, section) in SECTIONS {
        if options.wants(name) {
            eprintln!("measuring: {name}");
            section(&options, &mut table);
        }
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}\n{}", tmux::version(), table).unwrap();
}
