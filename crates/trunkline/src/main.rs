//! Trunkline: communications behind Twilio's own API, in one binary.

mod carriers;
mod config;
mod credentials;
mod install;
mod listen;
mod operator;
mod ports;
mod product_commands;
mod product_settings;
mod samples;
mod secrets;
mod settings;
mod smsc;
mod surroundings;
mod welcome;
mod wiring;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::settings::Settings;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Communications behind Twilio's own API.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// File of settings (docs/trunkline.toml); a flag or a variable wins over it.
    #[arg(long, global = true, env = "TRUNKLINE_CONFIG")]
    config: Option<std::path::PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run on this machine with simulated handsets, numbers to try and a clock to advance.
    Dev(Box<Settings>),
    /// Run as a server.
    Serve(Box<Settings>),
    /// Print every setting with its meaning and default, as a file to begin with.
    Settings,
    /// Print what a program's environment must say so that its calls to Twilio land on `dev`:
    /// `eval "$(trunkline env)"`.
    Env(surroundings::Place),
    /// Run a program whose calls to Twilio land on `dev`: `trunkline run -- python app.py`.
    Run {
        #[command(flatten)]
        place: surroundings::Place,
        /// The program and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Follow webhooks, carry them to a local address, send one again, or make one up.
    Listen(Box<listen::Options>),
    /// Ask which carrier takes a message.
    Route {
        /// What to ask.
        #[command(subcommand)]
        action: carriers::Action,
    },
    /// Run a test carrier that others bind to by SMPP.
    Smsc(smsc::Options),
    /// Show or change the main account's credentials.
    Credentials {
        /// What to do with them.
        #[command(subcommand)]
        action: credentials::Action,
    },
    /// List accounts, make trials of them, note verified numbers.
    Accounts {
        /// What to do with them.
        #[command(subcommand)]
        action: operator::AccountAction,
    },
    /// Let people sign in to the console.
    User {
        /// What to do with them.
        #[command(subcommand)]
        action: operator::UserAction,
    },
    /// Fill the inventory of numbers.
    Numbers {
        /// What to do with them.
        #[command(subcommand)]
        action: operator::NumberAction,
    },
}

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_env("TRUNKLINE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let matches = match config::applied(product_commands::added(Arguments::command())) {
        Ok(command) => command.get_matches(),
        Err(refused) => {
            tracing::error!(%refused, "the settings can't be used");
            return ExitCode::FAILURE;
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the runtime could not be started");
            return ExitCode::FAILURE;
        }
    };
    let outcome = match product_commands::asked(&matches) {
        Some((command, matches)) => runtime.block_on(product_commands::run(command, &matches)),
        None => {
            let arguments = Arguments::from_arg_matches(&matches);
            runtime.block_on(run(arguments.unwrap_or_else(|error| error.exit())))
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "stopped");
            ExitCode::FAILURE
        }
    }
}

/// Does what was asked for.
async fn run(arguments: Arguments) -> Result<(), install::StartError> {
    match arguments.command {
        Command::Dev(settings) => install::run(*settings, install::Mode::Dev).await,
        Command::Serve(settings) => install::run(*settings, install::Mode::Serve).await,
        Command::Settings => {
            say(config::sample(&Arguments::command()).trim_end());
            Ok(())
        }
        Command::Env(place) => surroundings::print(&place),
        Command::Run { place, command } => surroundings::run(&place, &command),
        Command::Listen(options) => listen::run(&options),
        Command::Route { action } => carriers::routes(action),
        Command::Smsc(options) => smsc::run(options).await,
        Command::Credentials { action } => credentials::run(action).await,
        Command::Accounts { action } => operator::accounts(action).await,
        Command::User { action } => operator::users(action).await,
        Command::Numbers { action } => operator::numbers(action).await,
    }
}

/// Prints a line.
fn say(line: &str) {
    // A closed pipe is no reason to stop.
    let _ = writeln!(std::io::stdout(), "{line}");
}
