//! Parses and dispatches. Keeper, shim and mini come first: they want no runtime, and the
//! shim must be single-threaded.

use dash::cli::{self, Next};
use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run() {
        Next::Exit(code) => code,
        Next::Core(wish) => core(wish),
    }
}

/// Stands in until the server exists.
fn core(_wish: cli::CoreWish) -> ExitCode {
    ExitCode::FAILURE
}
