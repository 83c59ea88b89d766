//! What the operator of an installation does from the command line, on its database.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base::AccountSid;
use clap::{Args, Subcommand};
use net::{Clock, SystemClock};
use products::accounts::{self, Accounts, Kind};
use products::numbers;
use products::resource::Refusal;
use store::{Location, Store};

use crate::credentials;
use crate::install::StartError;
use crate::secrets;

/// Which installation.
#[derive(Args, Clone, Debug)]
pub struct Place {
    /// The data folder.
    #[arg(long, env = "TRUNKLINE_DATA", default_value = ".trunkline")]
    pub data: PathBuf,
    /// `postgres://…`; without it the embedded database, which must not be in use.
    #[arg(long, env = "TRUNKLINE_DATABASE_URL")]
    pub database_url: Option<String>,
}

/// What can be done with accounts.
#[derive(Subcommand)]
pub enum AccountAction {
    /// List all accounts.
    List(Place),
    /// Make an account a trial: it reaches verified numbers only.
    Trial {
        /// The account.
        sid: AccountSid,
        #[command(flatten)]
        place: Place,
    },
    /// Make a trial account a full one.
    Upgrade {
        /// The account.
        sid: AccountSid,
        #[command(flatten)]
        place: Place,
    },
    /// Note that a number was proved to belong to the account's owner.
    Verify {
        /// The account.
        sid: AccountSid,
        /// The number, like +15551230001.
        number: String,
        #[command(flatten)]
        place: Place,
    },
}

/// What can be done with numbers.
#[derive(Subcommand)]
pub enum NumberAction {
    /// Add the numbers of a CSV file to the inventory:
    /// `number,country,kind,region,locality,capabilities`.
    Import {
        /// The file.
        file: PathBuf,
        #[command(flatten)]
        place: Place,
    },
}

/// What can be done with people.
#[derive(Subcommand)]
pub enum UserAction {
    /// Let a person sign in to the console, or give them another password.
    Add {
        /// Their address.
        email: String,
        /// The account that they look after; the main account when absent.
        #[arg(long)]
        account: Option<AccountSid>,
        /// Read the password from standard input; without it one is made and printed.
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        place: Place,
    },
}

/// An installation opened for one command.
pub struct Operator {
    /// Its database.
    pub store: Store,
    /// Its accounts.
    pub accounts: Accounts,
}

impl Operator {
    /// Opens the database as a node of its own, beside running ones.
    pub fn open(place: &Place) -> Result<Self, StartError> {
        let master = Arc::new(secrets::master_key(&place.data)?);
        let clock = SystemClock::default();
        let options = store::Options {
            location: match &place.database_url {
                Some(url) => Location::Postgres(url.clone()),
                None => Location::Folder(place.data.clone()),
            },
            node: format!("operator-{}", secrets::hex(&secrets::random::<8>())),
            clock: Arc::new(move || clock.now()),
            seed: secrets::random(),
            readers: 1,
            commit_tick: Duration::ZERO,
            listeners: Vec::new(),
        };
        let store = Store::open(options, &products::migrations())?;
        let accounts = Accounts::new(accounts::Parts {
            store: store.clone(),
            master,
            seed: secrets::seed(),
            closing: products::closing(),
            home: accounts::geo::Home::everywhere(),
            token_changed: credentials::token_changed(place.data.clone()),
        });
        Ok(Self { store, accounts })
    }

    /// Waits until everything is on disk.
    pub fn close(self) {
        self.store.close();
    }
}

/// Runs a command over accounts.
#[expect(clippy::print_stdout, reason = "a command's answer")]
pub async fn accounts(action: AccountAction) -> Result<(), StartError> {
    match action {
        AccountAction::List(place) => {
            let operator = Operator::open(&place)?;
            for account in operator.accounts.all().await? {
                let (sid, name) = (account.sid, &account.friendly_name);
                println!("{sid}  {:9}  {:5}  {name}", account.status.name(), account.kind.name());
            }
            operator.close();
        }
        AccountAction::Trial { sid, place } => set_kind(&place, sid, Kind::Trial).await?,
        AccountAction::Upgrade { sid, place } => set_kind(&place, sid, Kind::Full).await?,
        AccountAction::Verify { sid, number, place } => {
            let operator = Operator::open(&place)?;
            if operator.accounts.find(sid).await?.is_none() {
                return Err(StartError::Setting(format!("there is no account {sid}")));
            }
            let unit = move |tx: &mut store::Tx<'_>| numbers::verify(tx, sid, &number);
            operator.store.write(unit).await.map_err(refused)?;
            println!("verified");
            operator.close();
        }
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a command's answer")]
async fn set_kind(place: &Place, sid: AccountSid, kind: Kind) -> Result<(), StartError> {
    let operator = Operator::open(place)?;
    operator.accounts.set_kind(sid, kind).await.map_err(refused)?;
    println!("{sid} is a {} account", kind.name().to_lowercase());
    operator.close();
    Ok(())
}

/// Runs a command over people.
#[expect(clippy::print_stdout, reason = "a command's answer")]
pub async fn users(action: UserAction) -> Result<(), StartError> {
    let UserAction::Add { email, account, password_stdin, place } = action;
    let main = || credentials::main_pair(&place.data).map(|main| main.sid);
    let account = account.map_or_else(main, Ok)?;
    let password = match password_stdin {
        true => std::io::read_to_string(std::io::stdin())?.trim_end_matches('\n').to_owned(),
        false => secrets::hex(&secrets::random::<10>()),
    };
    let operator = Operator::open(&place)?;
    if operator.accounts.find(account).await?.is_none() {
        return Err(StartError::Setting(format!("there is no account {account}")));
    }
    let added = operator.accounts.add_person(account, &email, &password, secrets::random()).await;
    added.map_err(|error| StartError::Setting(error.to_string()))?;
    println!("{email} may sign in for {account}");
    if !password_stdin {
        println!("password: {password}");
    }
    operator.close();
    Ok(())
}

/// Runs a command over numbers.
#[expect(clippy::print_stdout, reason = "a command's answer")]
pub async fn numbers(action: NumberAction) -> Result<(), StartError> {
    let NumberAction::Import { file, place } = action;
    let text = std::fs::read_to_string(&file)?;
    let found = numbers::import::parse(&text).map_err(|error| {
        StartError::Setting(format!("{}: {error}; nothing was imported", file.display()))
    })?;
    let operator = Operator::open(&place)?;
    let count = found.len();
    let unit = move |tx: &mut store::Tx<'_>| {
        found.iter().try_for_each(|number| numbers::store::add(tx, number))
    };
    operator.store.write(unit).await.map_err(StartError::Store)?;
    println!("{count} numbers are in the inventory");
    operator.close();
    Ok(())
}

/// A refusal as the start of the program reports it.
pub fn refused(refusal: Refusal) -> StartError {
    match refusal {
        Refusal::Store(error) => StartError::Store(error),
        Refusal::Api(error) => StartError::Setting(error.to_string()),
    }
}
