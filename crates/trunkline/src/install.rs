//! One installation from its start to its end: opens what it needs, serves, stops.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base::{ApiError, Instant, MasterKey, code};
use bytes::Bytes;
use http::{Request, Response as HttpResponse, StatusCode};
use net::{Body, Client, ClientConfig, Clock, Guard, ServerConfig, Service, SystemClock};
use products::accounts::{self, Accounts};
use products::gateway::{Gateway, RateLimit, RequestLog, Response};
use products::live::Live;
use products::numbers;
use products::registry::Ending;
use products::webhooks::relay::Relay;
use store::{Blobs, Store, StoreError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::credentials::{self, Pairs};
use crate::settings::Settings;
use crate::{operator, ports, secrets, surroundings, welcome, wiring};

/// A carrier has this long to answer an unbind.
const UNBIND_MAX: Duration = Duration::from_secs(2);

/// Products have this long to end what they have under way.
const ENDING_MAX: Duration = Duration::from_secs(6);

/// On a laptop, or as a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Simulated handsets, numbers to try, a clock to advance.
    Dev,
    /// None of these.
    Serve,
}

/// Why the program could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database could not be opened.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// A file or socket could not be used.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// Only one half of a pair was given.
    #[error("give both the Account SID and the Auth Token of a pair, or neither")]
    HalfCredentials,
    /// They don't have the form of credentials.
    #[error("credentials must be an Account SID (AC and 32 hex digits) and an Auth Token")]
    BadCredentials,
    /// A setting can't be taken.
    #[error("{0}")]
    Setting(String),
}

/// The front door as the server sees it.
pub struct Door(Gateway);

impl Service for Door {
    async fn call(
        &self,
        scheme: &'static str,
        request: Request<Bytes>,
        peer: SocketAddr,
    ) -> HttpResponse<Body> {
        self.0.handle(scheme, request, peer).await
    }

    fn body_refused(&self, status: StatusCode) -> HttpResponse<Body> {
        let error = match status {
            StatusCode::PAYLOAD_TOO_LARGE => {
                ApiError::new(code::TOO_LARGE, "The request's body is larger than 8 MiB")
            }
            StatusCode::BAD_REQUEST | StatusCode::REQUEST_TIMEOUT => {
                ApiError::new(code::BAD_REQUEST, "The request's body did not arrive")
            }
            _ => ApiError::internal(),
        };
        Response::of_error(&error).into_http()
    }
}

/// What the products share.
pub struct Parts {
    /// The ledger.
    pub store: Store,
    /// Seals secrets and bodies.
    pub master: Arc<MasterKey>,
    /// Who may do what.
    pub accounts: Arc<Accounts>,
    /// The product's time.
    pub clock: Arc<SystemClock>,
    /// Asks applications.
    pub client: Arc<Client>,
    /// Where media is kept.
    pub blobs: Blobs,
    /// Knows who listens to webhooks in the applications' place.
    pub relay: Arc<Relay>,
    /// Our certificate.
    pub tls: ports::Tls,
}

/// Runs until it is told to stop.
pub async fn run(settings: Settings, mode: Mode) -> Result<(), StartError> {
    let (stop, stopped) = watch::channel(false);
    let parts = open(&settings, mode, &stopped)?;
    let pairs = credentials::settle(&settings, &parts.accounts).await?;
    let number = stock(&parts, &settings, mode, &pairs).await?;
    let listener = TcpListener::bind(settings.listen).await?;
    let address = format!("http://{}", listener.local_addr()?);
    let public_url = settings.public_url.clone().unwrap_or_else(|| address.clone());
    let live = Live::new(stopped.clone());
    let log = Arc::new(RequestLog::default());
    let (mut routes, carriers, endings) =
        wiring::join(&parts, &settings, mode, &public_url, &live)?;
    products::gateway::log::routes(&mut routes, &log);
    products::openapi::routes(&mut routes);
    accounts::ice::routes(&mut routes, settings.ice(&parts.accounts));
    let limit = RateLimit::new(settings.rate_limit.unwrap_or(0));
    let clock: Arc<dyn Clock> = Arc::clone(&parts.clock) as Arc<dyn Clock>;
    let gateway = Gateway::new(routes, Arc::clone(&parts.accounts), limit, clock, log);
    let link = match mode {
        Mode::Dev => Some(parts.accounts.make_link(pairs.main.sid).await?),
        Mode::Serve => None,
    };
    let hello = link.as_ref().map(|link| welcome::Hello {
        main: &pairs.main,
        test: &pairs.test,
        number: &number,
        link,
    });
    let door = Arc::new(Door(gateway));
    let others = ports::open(&settings, &address, &parts.tls, &door, &stopped).await?;
    welcome::print(&address, &others, hello.as_ref());
    let config = ServerConfig::default();
    let serving = tokio::spawn(net::serve(listener, None, door, config, stopped));
    wait_for_signal().await;
    tracing::info!("stopping");
    stop.send_replace(true);
    if let Err(error) = serving.await {
        tracing::error!(%error, "the server had failed");
    }
    end(endings).await;
    if others.proxy.is_some() {
        surroundings::withdraw(&settings.data);
    }
    for carrier in &carriers {
        if tokio::time::timeout(UNBIND_MAX, carrier.stop()).await.is_err() {
            tracing::warn!("a carrier did not answer the unbind");
        }
    }
    let store = parts.store.clone();
    let closing = tokio::task::spawn_blocking(move || store.close());
    if let Err(error) = closing.await {
        tracing::error!(%error, "the store did not close");
    }
    Ok(())
}

/// Lets products end what they have under way.
async fn end(endings: Vec<Ending>) {
    let tasks: JoinSet<()> = endings.into_iter().map(|ending| ending()).collect();
    if tokio::time::timeout(ENDING_MAX, tasks.join_all()).await.is_err() {
        tracing::warn!("something was still under way");
    }
}

fn open(
    settings: &Settings,
    mode: Mode,
    stopped: &watch::Receiver<bool>,
) -> Result<Parts, StartError> {
    std::fs::create_dir_all(&settings.data)?;
    let master = Arc::new(secrets::master_key(&settings.data)?);
    let clock = Arc::new(SystemClock::default());
    let time = Arc::clone(&clock);
    let options = store::Options {
        location: settings.location(),
        node: secrets::node(&settings.data)?,
        clock: Arc::new(move || -> Instant { time.now() }),
        seed: secrets::random(),
        readers: 2,
        commit_tick: Duration::from_millis(2),
        listeners: Vec::new(),
    };
    let store = Store::open(options, &products::migrations())?;
    let accounts = Arc::new(Accounts::new(accounts::Parts {
        store: store.clone(),
        master: Arc::clone(&master),
        seed: secrets::seed(),
        closing: products::closing(),
        home: settings.home(mode),
        token_changed: credentials::token_changed(settings.data.clone()),
    }));
    let loopback = if mode == Mode::Dev { "127.0.0.0/8,::1/128" } else { "" };
    let allowed = settings.webhook_allow.as_deref().unwrap_or(loopback);
    let guard: Guard = allowed.parse().map_err(|error: net::InvalidRange| {
        StartError::Setting(format!("TRUNKLINE_WEBHOOK_ALLOW: {error}"))
    })?;
    let client = Client::new(ClientConfig { guard, ..ClientConfig::default() });
    let blobs = Blobs::open(settings.blobs_url.as_deref(), &settings.data)?;
    let relay = Relay::new(stopped.clone());
    let tls = ports::Tls::open(settings, mode)?;
    Ok(Parts { store, master, accounts, clock, client, blobs, relay, tls })
}

/// Puts numbers into the inventory and gives the main account its own. Answers one of them.
async fn stock(
    parts: &Parts,
    settings: &Settings,
    mode: Mode,
    pairs: &Pairs,
) -> Result<String, StartError> {
    let mut owned = settings.numbers.clone();
    if mode == Mode::Dev && owned.is_empty() {
        owned = numbers::DEV_OWNED.map(str::to_owned).to_vec();
    }
    let first = owned.first().cloned().unwrap_or_default();
    let (account, sms_url) = (pairs.main.sid, settings.sms_url.clone());
    parts
        .store
        .write(move |tx| {
            if mode == Mode::Dev {
                numbers::seed_dev(tx)?;
            }
            numbers::own(tx, account, &owned, sms_url.as_deref())
        })
        .await
        .map_err(operator::refused)?;
    Ok(first)
}

/// Waits until the program is asked to end.
pub async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        // Without signals only Ctrl-C is left.
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
