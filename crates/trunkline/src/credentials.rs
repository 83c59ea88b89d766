//! The main account's credentials and the test pair: made on the first start, kept in the data
//! folder, and the commands that show and rotate them.

use std::path::{Path, PathBuf};

use base::{AccountSid, Secret, Sid};
use clap::Subcommand;
use products::accounts::Credentials;

use crate::install::StartError;
use crate::secrets::{hex, kept, random, write};
use crate::settings::Settings;

/// What can be done with credentials.
#[derive(Subcommand)]
pub enum Action {
    /// Print the main account's SID and token.
    Show {
        /// The data folder.
        #[arg(long, env = "TRUNKLINE_DATA", default_value = ".trunkline")]
        data: PathBuf,
    },
    /// Give the main account a new token at the next start.
    Rotate {
        /// The data folder.
        #[arg(long, env = "TRUNKLINE_DATA", default_value = ".trunkline")]
        data: PathBuf,
    },
}

/// Both pairs.
pub struct Pairs {
    /// The main account.
    pub main: Credentials,
    /// The test credentials.
    pub test: Credentials,
}

const MAIN: &str = "credentials";
const TEST: &str = "test-credentials";

/// What the settings say, else what the data folder keeps, else fresh ones.
pub fn find(settings: &Settings) -> Result<Pairs, StartError> {
    let (sid, token) = (settings.account_sid.as_deref(), settings.auth_token.as_deref());
    let main = pair(&settings.data.join(MAIN), sid, token)?;
    let (sid, token) = (settings.test_account_sid.as_deref(), settings.test_auth_token.as_deref());
    let test = pair(&settings.data.join(TEST), sid, token)?;
    Ok(Pairs { main, test })
}

fn pair(path: &Path, sid: Option<&str>, token: Option<&str>) -> Result<Credentials, StartError> {
    let text = match (sid, token) {
        (Some(sid), Some(token)) => format!("{sid}\n{token}\n"),
        (None, None) => {
            let made = || format!("{}\n{}\n", made_sid(), hex(&random::<16>())).into_bytes();
            String::from_utf8_lossy(&kept(path, made)?).into_owned()
        }
        _ => return Err(StartError::HalfCredentials),
    };
    parse(&text).ok_or(StartError::BadCredentials)
}

fn made_sid() -> AccountSid {
    AccountSid::from_bytes(random())
}

fn parse(text: &str) -> Option<Credentials> {
    let (sid, token) = text.trim().split_once('\n')?;
    Some(Credentials { sid: sid.trim().parse().ok()?, token: Secret::new(token.trim()) })
}

/// Runs a command over the kept credentials.
#[expect(clippy::print_stdout, reason = "a command's answer")]
pub async fn run(action: Action) -> Result<(), StartError> {
    match action {
        Action::Show { data } => {
            let text = std::fs::read_to_string(data.join(MAIN))?;
            let found = parse(&text).ok_or(StartError::BadCredentials)?;
            println!("TWILIO_ACCOUNT_SID={}", found.sid);
            println!("TWILIO_AUTH_TOKEN={}", found.token.expose());
        }
        Action::Rotate { data } => {
            let path = data.join(MAIN);
            let found =
                parse(&std::fs::read_to_string(&path)?).ok_or(StartError::BadCredentials)?;
            let token = hex(&random::<16>());
            write(&path, format!("{}\n{token}\n", found.sid).as_bytes())?;
            println!("TWILIO_ACCOUNT_SID={}", found.sid);
            println!("TWILIO_AUTH_TOKEN={token}");
            println!("It is valid from the next start on.");
        }
    }
    Ok(())
}
