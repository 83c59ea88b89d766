//! Work on the repository itself: benchmarks, tidiness, tables of facts.

mod bench;
mod facts;
mod tidy;

use std::process::ExitCode;

#[expect(clippy::print_stderr, reason = "a command line tool")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.first().map(String::as_str) {
        Some("bench") => bench::run(&arguments[1..]),
        Some("facts") => facts::run(&arguments[1..]),
        Some("tidy") => tidy::run(),
        _ => Err("usage: cargo xtask tidy | facts FOLDER | bench [MESSAGES] [PART…]".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What can go wrong here is only ever told to a developer.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;
