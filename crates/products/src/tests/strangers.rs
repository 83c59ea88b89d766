//! Strangers are refused: every route that is mounted, every declared resource, asked without
//! credentials, with wrong ones, and by another tenant.

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
use serde_json::Map;
use store::{Blobs, Location, Store};

use crate::accounts::{self, Accounts, Credentials, Kind, Verb};
use crate::carriers::{routes::Network, sim::SimCarrier};
use crate::gateway::{Gateway, RateLimit, Routes};
use crate::jobs::Jobs;
use crate::messaging::{self, Messaging, Prices, work::Context};
use crate::resource::{self, Draft, Shared};
use crate::webhooks::{Outbox, Webhooks};
use crate::{declared, dev, gateway, numbers, webhooks};

struct House {
    gateway: Gateway,
    store: Store,
    owner: Credentials,
    stranger: Credentials,
    folder: PathBuf,
}

fn credentials(number: u8) -> Credentials {
    let sid = AccountSid::from_bytes([number; 16]);
    Credentials { sid, token: Secret::new(format!("token-{number}")) }
}

impl House {
    async fn build(name: &str) -> Self {
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
            closing: crate::CLOSING,
            token_changed: Box::new(|_| {}),
        }));
        let (owner, stranger) = (credentials(1), credentials(2));
        for who in [&owner, &stranger] {
            accounts.ensure(who.clone(), true, Kind::Full, "x").await.expect("an account");
        }
        let routes = routes(&store, &master, &accounts, &clock);
        let gateway = Gateway::new(routes, accounts, RateLimit::new(0), clock);
        Self { gateway, store, owner, stranger, folder }
    }

    async fn ask(&self, method: &Method, url: &str, who: Option<(&str, &str)>) -> (u16, i64) {
        let mut request = http::Request::builder().method(method).uri(url);
        if let Some((user, password)) = who {
            let basic = BASE64_STANDARD.encode(format!("{user}:{password}"));
            request = request.header("authorization", format!("Basic {basic}"));
        }
        let request = request.body(Bytes::new()).expect("a request");
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let answer = self.gateway.handle("http", request, peer).await;
        let status = answer.status().as_u16();
        let Body::Full(bytes) = answer.into_body() else { return (status, 0) };
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
        (status, json["code"].as_i64().unwrap_or_default())
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // The test's outcome does not hang on it.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
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
        outbox: Outbox::new(Arc::clone(master), hooks.handover()),
        nudge: Arc::new(move |_| jobs.nudge()),
        network: Arc::new(Network::single(Arc::new(|submission| vec![submission.body.clone()]))),
        public_url: "".into(),
    });
    let (messaging, _) = Messaging::new(messaging::Parts {
        store: store.clone(),
        master: Arc::clone(master),
        accounts: Arc::clone(accounts),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        client: Client::new(ClientConfig::default()),
        blobs: Blobs::open(Some("memory:"), std::path::Path::new("")).expect("memory"),
        context,
    });
    let mut routes = Routes::default();
    messaging::api::routes(&mut routes, &messaging);
    let shared = Arc::new(Shared {
        store: store.clone(),
        master: Arc::clone(master),
        changed: Box::new(|_| {}),
    });
    for resource in declared() {
        resource::api::routes(&mut routes, &shared, resource);
    }
    numbers::api::routes(&mut routes, &shared);
    accounts::api::routes(&mut routes, accounts);
    webhooks::alerts::routes(
        &mut routes,
        &Arc::new(webhooks::alerts::Alerts { store: store.clone() }),
    );
    let deliveries = webhooks::api::Deliveries {
        store: store.clone(),
        master: Arc::clone(master),
        handover: hooks.handover(),
    };
    webhooks::api::routes(&mut routes, &Arc::new(deliveries));
    gateway::health::routes(&mut routes, &Arc::new(store.clone()));
    let carrier = SimCarrier::new(store.clone());
    let (clock, store) = (Arc::clone(clock), store.clone());
    dev::routes(&mut routes, &Arc::new(dev::Dev { carrier, clock, store }));
    routes
}

/// A path with its segments filled in: the owner's account, SIDs that nobody has.
fn filled(product: &str, path: &str, account: AccountSid) -> String {
    let rest = path.replace("{AccountSid}", &account.to_string());
    let mut filled = String::new();
    for part in rest.split('/').skip(1) {
        filled.push('/');
        filled.push_str(match part {
            "{CountryCode}" => "US",
            "{E164}" => "+15551230001",
            _ if part.starts_with('{') => "SM00000000000000000000000000000000",
            other => other,
        });
    }
    let prefix = if product.is_empty() || product == "api" { "" } else { product };
    if prefix.is_empty() { filled } else { format!("/{prefix}{filled}") }
}

/// Files of messages are open to whoever knows their address, which nobody can guess; their
/// resources (`.json`) are not.
const FILES: &str = "/2010-04-01/Accounts/{AccountSid}/Messages/{Sid}/Media/{MediaSid}";

/// Whether the process lives and is ready is asked by balancers, and tells nothing else.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

#[tokio::test]
async fn every_route_refuses_strangers() {
    let house = House::build("routes").await;
    let owner = house.owner.sid.to_string();
    let stranger = (house.stranger.sid.to_string(), house.stranger.token.expose().to_owned());
    let listed = house.gateway.routes().listed();
    assert!(listed.len() > 50, "{} routes are mounted", listed.len());
    for (method, product, path, permission) in listed {
        let mut url = filled(product, path, house.owner.sid);
        match permission {
            Some(_) => {}
            None if OPEN.contains(&path.as_str()) => continue,
            None => {
                assert_eq!(path, FILES, "{method} {url} is open: say why it may be");
                url.push_str(".json");
            }
        }
        assert_eq!(house.ask(method, &url, None).await, (401, 20003), "{method} {url}");
        let wrong = Some((owner.as_str(), "wrong"));
        assert_eq!(house.ask(method, &url, wrong).await, (401, 20003), "{method} {url}");
        if path.contains("{AccountSid}") {
            let other = Some((stranger.0.as_str(), stranger.1.as_str()));
            assert_eq!(house.ask(method, &url, other).await, (401, 20003), "{method} {url}");
        }
    }
}

#[tokio::test]
async fn nobody_reaches_what_another_holds() {
    let house = House::build("documents").await;
    let owner = house.owner.sid;
    let stranger = (house.stranger.sid.to_string(), house.stranger.token.expose().to_owned());
    let other = Some((stranger.0.as_str(), stranger.1.as_str()));
    for declared in declared() {
        let made = house
            .store
            .write(move |tx| {
                let sid = declared.sid(tx.new_sid::<base::EventSid>().bytes());
                let fields = declared.fields.iter();
                let data: Map<_, _> = fields.map(|f| (f.member(), f.fallback())).collect();
                let before = Map::new();
                let draft = Draft { sid, data, before, shown_once: Vec::new(), account: owner };
                resource::store::insert(tx, declared, &draft)
            })
            .await
            .expect("a document of the owner");
        // Under the stranger's own account, where a path names one.
        let list = filled(declared.host, declared.path, house.stranger.sid);
        let one = format!("{list}/{}", made.sid);
        for (verb, method) in [
            (Verb::Read, Method::GET),
            (Verb::Update, Method::POST),
            (Verb::Delete, Method::DELETE),
        ] {
            if declared.operations.contains(&verb) {
                assert_eq!(house.ask(&method, &one, other).await, (404, 20404), "{method} {one}");
            }
        }
        let (account, sid) = (owner, made.sid);
        let read = house.store.read(move |r| resource::store::find(r, declared, account, sid));
        assert!(read.await.expect("a read").is_some(), "{one} is still there");
    }
}
