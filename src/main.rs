//! Dispatch. The keeper and the shim come first: they run no argument parser, no runtime
//! and no thread.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    match args.split_first() {
        Some((first, rest)) if first == "__exec" => dash::sandbox::exec::main(rest),
        Some((first, rest)) if first == "__keeper" => match rest.first() {
            Some(dir) => dash::keeper::main(Path::new(dir)),
            None => ExitCode::from(2),
        },
        Some((first, _)) if first == "__mini" => dash::mini::main(),
        Some((first, rest)) if first == "__core" => {
            let socket = Path::new(&rest[0]);
            let instance = dash::config::Instance::at(socket).unwrap();
            let options = dash::server::Options {
                config: Default::default(),
                adapters: None,
                foreground: false,
            };
            match dash::server::run(instance, options) {
                Ok(code) => code,
                Err(e) => {
                    eprintln!("{e:#}");
                    ExitCode::from(1)
                }
            }
        }
        _ => ExitCode::from(2),
    }
}
