//! `sim FIRST [COUNT]`: runs seeds, and says how to repeat one that fails.

use std::process::ExitCode;

use sim::{Way, run};

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command's answer")]
fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let (Some(Ok(first)), count) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: cargo run --release -p sim -- FIRST_SEED [COUNT]");
        return ExitCode::FAILURE;
    };
    let count = count.and_then(Result::ok).unwrap_or(1);
    for seed in first..first + count {
        for way in [Way::Direct, Way::Smpp] {
            match run(seed, way) {
                Ok(outcome) if count == 1 => println!("seed {seed}, {way:?}: {outcome:#?}"),
                Ok(_) => {}
                Err(broken) => {
                    let again = format!("cargo run --release -p sim -- {seed}");
                    eprintln!("seed {seed}, {way:?}: {broken}\nrepeat: {again}");
                    return ExitCode::FAILURE;
                }
            }
        }
    }
    println!("{count} seeds from {first}: every invariant holds");
    ExitCode::SUCCESS
}
