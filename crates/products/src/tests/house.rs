//! An installation for the tests of this crate: every route of every product, on a ledger of its
//! own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base::{AccountSid, MasterKey, Secret, Sid};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::Method;
use net::{Body, Client, ClientConfig, Clock, SystemClock};
use store::{Blobs, Location, Store};

use crate::accounts::{self, Accounts, Credentials, Kind};
use crate::carriers::{self, routes::Network, sim::SimCarrier};
use crate::gateway::{Gateway, RateLimit, Routes};
use crate::jobs::Jobs;
use crate::live::Live;
use crate::messaging::{self, Messaging, Prices, work::Context};
use crate::registry::{self, Kit, Values};
use crate::webhooks::{Outbox, Webhooks};
use crate::{console, dev, gateway};

/// A whole installation without its listener and workers.
pub(super) struct House {
    pub(super) gateway: Gateway,
    pub(super) store: Store,
    pub(super) owner: Credentials,
    pub(super) stranger: Credentials,
    pub(super) accounts: Arc<Accounts>,
    folder: PathBuf,
}

fn credentials(number: u8) -> Credentials {
    let sid = AccountSid::from_bytes([number; 16]);
    Credentials { sid, token: Secret::new(format!("token-{number}")) }
}

impl House {
    /// A fresh one, with an owner and a stranger.
    pub(super) async fn build(name: &str) -> Self {
        let name = format!("trunkline_{name}_{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let clock = Arc::new(SystemClock::default());
        let time = Arc::clone(&clock);
        let options = store::Options {
            location: Location::Folder(folder.clone()),
            node: "test".to_owned(),
            clock: Arc::new(move || time.now()),
            seed: [7; 32],
            readers: 1,
            commit_tick: Duration::ZERO,
            listeners: Vec::new(),
        };
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let store = Store::open(options, &crate::migrations()).expect("a fresh database");
        let master = Arc::new(MasterKey::new([9; 32]));
        let accounts = Arc::new(Accounts::new(accounts::Parts {
            store: store.clone(),
            master: Arc::clone(&master),
            seed: 1,
            closing: crate::closing(),
            home: accounts::geo::Home::everywhere(),
            token_changed: Box::new(|_| {}),
        }));
        let (owner, stranger) = (credentials(1), credentials(2));
        for who in [&owner, &stranger] {
            accounts.ensure(who.clone(), true, Kind::Full, "x").await.expect("an account");
        }
        let routes = routes(&store, &master, &accounts, &clock);
        let gateway =
            Gateway::new(routes, Arc::clone(&accounts), RateLimit::new(0), clock, Arc::default());
        Self { gateway, store, owner, stranger, accounts, folder }
    }

    /// The status and the error code of an answer.
    pub(super) async fn ask(
        &self,
        method: &Method,
        url: &str,
        who: Option<(&str, &str)>,
    ) -> (u16, i64) {
        let mut request = http::Request::builder().method(method).uri(url);
        if let Some((user, password)) = who {
            let basic = BASE64_STANDARD.encode(format!("{user}:{password}"));
            request = request.header("authorization", format!("Basic {basic}"));
        }
        let answer = self.send(request, "").await;
        let status = answer.status().as_u16();
        let Body::Full(bytes) = answer.into_body() else { return (status, 0) };
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
        (status, json["code"].as_i64().unwrap_or_default())
    }

    /// Any request with a form.
    pub(super) async fn send(
        &self,
        request: http::request::Builder,
        form: &str,
    ) -> http::Response<Body> {
        let request = request.body(Bytes::copy_from_slice(form.as_bytes())).expect("a request");
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        self.gateway.handle("http", request, peer).await
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // The test's outcome does not hang on it.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Carriers that nobody looks at.
fn shown(context: &Context, clock: &Arc<SystemClock>) -> carriers::api::Carriers {
    carriers::api::Carriers {
        carriers: Vec::new(),
        network: Arc::clone(&context.network),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
    }
}

/// Servers that nobody asks.
fn ice(accounts: &Arc<Accounts>) -> accounts::ice::Ice {
    let servers = ["stun:turn.test:3478", "turn:turn.test:3478"].map(str::to_owned).to_vec();
    accounts::ice::Ice { servers, secret: Some(Secret::new("s")), accounts: Arc::clone(accounts) }
}

/// Every route of every product, as the binary mounts them in `dev`.
fn routes(
    store: &Store,
    master: &Arc<MasterKey>,
    accounts: &Arc<Accounts>,
    clock: &Arc<SystemClock>,
) -> Routes {
    let (hooks, _) = Webhooks::new();
    let (jobs, _) = Jobs::new();
    let context = Arc::new(Context {
        master: Arc::clone(master),
        prices: Prices::default(),
        outbox: Outbox::new(Arc::clone(master), hooks.handover(), Arc::new(|_| {})),
        nudge: Arc::new(|_| {}),
        network: Arc::new(Network::single(Arc::new(|submission| vec![submission.body.clone()]))),
        home: accounts::geo::Home::everywhere(),
        public_url: "".into(),
    });
    let client = Client::new(ClientConfig::default());
    let blobs = Blobs::open(Some("memory:"), std::path::Path::new("")).expect("memory");
    let carriers = shown(&context, clock);
    let (messaging, _) = Messaging::new(messaging::Parts {
        store: store.clone(),
        master: Arc::clone(master),
        accounts: Arc::clone(accounts),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        client: Arc::clone(&client),
        relay: Arc::default(),
        blobs: blobs.clone(),
        context,
    });
    let kit = Kit {
        store: store.clone(),
        master: Arc::clone(master),
        accounts: Arc::clone(accounts),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        client,
        blobs,
        relay: Arc::default(),
        live: Live::default(),
        jobs,
        hooks,
        messaging,
        public_url: "".into(),
        node: "test".into(),
        tls: None,
        dev: true,
        carriers: Vec::new(),
        settings: Values::default(),
        random: || [3; 32],
    };
    let mut routes = registry::install(&kit).expect("every product").routes;
    carriers::api::routes(&mut routes, &Arc::new(carriers));
    gateway::log::routes(&mut routes, &Arc::default());
    accounts::ice::routes(&mut routes, ice(accounts));
    gateway::health::routes(&mut routes, &Arc::new(store.clone()));
    let console = console::Console {
        accounts: Arc::clone(accounts),
        store: store.clone(),
        live: Live::default(),
        dev: true,
        base_url: String::new(),
        file: |_| None,
        streams: console::Streams::default(),
    };
    console::routes(&mut routes, &Arc::new(console));
    let carrier = SimCarrier::new(store.clone());
    let (clock, store) = (Arc::clone(clock), store.clone());
    dev::routes(
        &mut routes,
        &Arc::new(dev::Dev { carrier, clock, store, phones: Arc::new(Vec::new) }),
    );
    routes
}
