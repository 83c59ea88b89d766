//! `sim FIRST [COUNT]` runs worlds of messages, `sim calls FIRST [COUNT]` worlds of calls, and says
//! how to repeat one that fails.

use std::process::ExitCode;

use sim::{Way, calls, run};

fn messages(seed: u64) -> Result<String, String> {
    let mut told = String::new();
    for way in [Way::Direct, Way::Smpp] {
        let outcome = run(seed, way).map_err(|broken| format!("{way:?}: {broken}"))?;
        told.push_str(&format!("{way:?}: {outcome:#?}\n"));
    }
    Ok(told)
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command's answer")]
fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let of_calls = arguments.first().is_some_and(|first| first == "calls");
    if of_calls {
        arguments.remove(0);
    }
    let numbers: Result<Vec<u64>, _> = arguments.iter().map(|text| text.parse()).collect();
    let (first, count) = match numbers.as_deref() {
        Ok([first]) => (*first, 1),
        Ok([first, count]) => (*first, *count),
        _ => {
            eprintln!("usage: cargo run --release -p sim -- [calls] FIRST_SEED [COUNT]");
            return ExitCode::FAILURE;
        }
    };
    for seed in first..first + count {
        let (outcome, kind) = match of_calls {
            true => (calls::run(seed).map(|outcome| format!("{outcome:#?}")), "calls "),
            false => (messages(seed), ""),
        };
        match outcome {
            Ok(told) if count == 1 => println!("seed {seed}: {told}"),
            Ok(_) => {}
            Err(broken) => {
                let again = format!("cargo run --release -p sim -- {kind}{seed}");
                eprintln!("seed {seed}: {broken}\nrepeat: {again}");
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{count} seeds from {first}: every invariant holds");
    ExitCode::SUCCESS
}
