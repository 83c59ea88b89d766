//! Strangers are refused: every route that is mounted, every declared resource, asked without
//! credentials, with wrong ones, and by another tenant.

use base::{AccountSid, Sid};
use http::Method;
use serde_json::Map;

use crate::accounts::Verb;
use crate::declared;
use crate::resource::{self, Draft};
use crate::tests::house::House;

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

/// Whether the process lives and is ready is asked by balancers, and tells nothing else. The
/// console's page is the same for everybody, and its doors are where people sign in. So are the
/// schemas of events.
const OPEN: [&str; 9] = [
    "/healthz",
    "/readyz",
    "/",
    "/console",
    "/console/",
    "/console/{*path}",
    "/console/login",
    "/console/session",
    "/schemas/{Id}/{SchemaVersion}",
];

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
