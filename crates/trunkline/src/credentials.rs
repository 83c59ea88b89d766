//! The main account's credentials and the test pair: made on the first start, kept in the data
//! folder, and the commands that show and rotate them.

use std::path::{Path, PathBuf};

use base::{AccountSid, Secret, Sid};
use clap::Subcommand;
use products::accounts::{Accounts, Credentials, Kind};

use crate::install::StartError;
use crate::operator::{Operator, Place};
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
    /// Give the main account a new token (the embedded database must not be in use).
    Rotate(Place),
}

/// The main account and the test credentials.
pub struct Pairs {
    /// The main account.
    pub main: Credentials,
    /// The test credentials.
    pub test: Credentials,
}

const MAIN: &str = "credentials";
const TEST: &str = "test-credentials";

/// Makes both accounts with what the settings say, else with what the data folder keeps, else
/// with fresh credentials. A token that was changed since is kept, unless a setting overrules it.
pub async fn settle(settings: &Settings, accounts: &Accounts) -> Result<Pairs, StartError> {
    let (sid, token) = (settings.account_sid.as_deref(), settings.auth_token.as_deref());
    let path = settings.data.join(MAIN);
    let main = pair(&path, sid, token)?;
    let main = accounts.ensure(main, sid.is_some(), Kind::Full, "Main account").await?;
    keep(&path, &main)?;
    let (sid, token) = (settings.test_account_sid.as_deref(), settings.test_auth_token.as_deref());
    let path = settings.data.join(TEST);
    let test = pair(&path, sid, token)?;
    let test = accounts.ensure(test, sid.is_some(), Kind::Test, "Test credentials").await?;
    keep(&path, &test)?;
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

/// Writes down what opens an account now, so that `credentials show` is true.
fn keep(path: &Path, credentials: &Credentials) -> Result<(), StartError> {
    let text = format!("{}\n{}\n", credentials.sid, credentials.token.expose());
    if std::fs::read(path).is_ok_and(|kept| kept == text.as_bytes()) {
        return Ok(());
    }
    Ok(write(path, text.as_bytes())?)
}

/// Writes down the main account's token after it was changed by the API.
pub fn token_changed(folder: PathBuf) -> Box<dyn Fn(&Credentials) + Send + Sync> {
    Box::new(move |changed| {
        let path = folder.join(MAIN);
        let kept = std::fs::read_to_string(&path).ok().and_then(|text| parse(&text));
        if kept.is_none_or(|kept| kept.sid != changed.sid) {
            return;
        }
        if let Err(error) = keep(&path, changed) {
            tracing::error!(%error, "the new token could not be written into the data folder");
        }
    })
}

fn made_sid() -> AccountSid {
    AccountSid::from_bytes(random())
}

fn parse(text: &str) -> Option<Credentials> {
    let (sid, token) = text.trim().split_once('\n')?;
    Some(Credentials { sid: sid.trim().parse().ok()?, token: Secret::new(token.trim()) })
}

/// The main account's pair, as the data folder keeps it.
pub fn main_pair(data: &Path) -> Result<Credentials, StartError> {
    let text = std::fs::read_to_string(data.join(MAIN))?;
    parse(&text).ok_or(StartError::BadCredentials)
}

/// Runs a command over the kept credentials.
#[expect(clippy::print_stdout, reason = "a command's answer")]
pub async fn run(action: Action) -> Result<(), StartError> {
    match action {
        Action::Show { data } => {
            let found = main_pair(&data)?;
            println!("TWILIO_ACCOUNT_SID={}", found.sid);
            println!("TWILIO_AUTH_TOKEN={}", found.token.expose());
        }
        Action::Rotate(place) => {
            let path = place.data.join(MAIN);
            let found = main_pair(&place.data)?;
            let token = Secret::new(hex(&random::<16>()));
            let fresh = Credentials { sid: found.sid, token };
            let operator = Operator::open(&place)?;
            operator.accounts.ensure(fresh.clone(), true, Kind::Full, "Main account").await?;
            keep(&path, &fresh)?;
            println!("TWILIO_ACCOUNT_SID={}", fresh.sid);
            println!("TWILIO_AUTH_TOKEN={}", fresh.token.expose());
            operator.close();
        }
    }
    Ok(())
}
