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
        _ => ExitCode::from(2),
    }
}
