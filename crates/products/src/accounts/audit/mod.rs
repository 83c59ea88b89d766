//! The audit trail: who changed what, from where, in the same unit of work as the change.
//! `monitor.twilio.com/v1/Events`.

mod store;

use std::sync::Arc;

use ::store::{Store, StoreError, Tx};
use base::{AccountSid, AnySid, EventSid};
use http::Method;
use serde_json::{Map, Value, json};

use crate::accounts::{Permission, Principal, Verb, store_error};
use crate::gateway::dates::{day_end, instant};
use crate::gateway::page::{Paging, v1};
use crate::gateway::{Answering, ApiResult, Call, Response, Routes};

pub use store::MIGRATIONS;
use store::{Entry, Filter};

/// Who changes something.
#[derive(Clone, Debug)]
pub struct Actor {
    /// The account whose token was shown, the key, or the account of somebody at the console.
    pub sid: AnySid,
    /// `account`, `key` or `user`.
    pub kind: &'static str,
    /// `api`, or `web` for the console.
    pub source: &'static str,
    /// From where.
    pub address: String,
}

impl Actor {
    /// Whoever makes a request.
    pub fn of(call: &Call) -> Self {
        let (sid, kind, source) = match &call.caller.principal {
            Principal::Token(sid) => (AnySid::from(*sid), "account", "api"),
            Principal::Key(key) => (AnySid::from(key.sid), "key", "api"),
            Principal::Session(session) => (AnySid::from(session.account), "user", "web"),
            Principal::Device(sid) => (*sid, "device", "api"),
        };
        Self { sid, kind, source, address: call.request.peer.ip().to_string() }
    }
}

/// Notes a change of `resource`, of the kind `phone-number` say: `phone-number.updated`.
pub fn note(
    tx: &mut Tx<'_>,
    actor: &Actor,
    account: AccountSid,
    (kind, happened): (&str, &'static str),
    resource: AnySid,
    properties: Value,
) -> Result<(), StoreError> {
    let sid: EventSid = tx.new_sid();
    let kind = kind.replace('_', "-");
    let data = json!({ "resource_properties": properties }).to_string();
    let at = tx.now();
    let event_type = format!("{kind}.{happened}");
    store::insert(
        tx,
        &Entry { account, sid, actor: actor.clone(), event_type, resource, kind, data, at },
    )
}

/// What differs between two views of a resource; secrets are in neither.
pub fn differences(before: &Map<String, Value>, after: &Map<String, Value>) -> Value {
    let names = after.keys().chain(before.keys().filter(|name| !after.contains_key(*name)));
    let known = |map: &Map<String, Value>, name: &str| map.get(name).cloned().unwrap_or_default();
    let changed = names.filter_map(|name| {
        let (previous, updated) = (known(before, name), known(after, name));
        let own = matches!(name.as_str(), "date_updated" | "uri" | "url");
        (previous != updated && !own)
            .then(|| (name.clone(), json!({ "previous": previous, "updated": updated })))
    });
    Value::Object(changed.collect())
}

/// Adds the routes.
pub fn routes(routes: &mut Routes, state: &Arc<Store>) {
    let on = |verb| Permission::new("monitor/events", verb);
    type Handler = fn(Arc<Store>, Call) -> Answering;
    let list: Handler = |s, c| Box::pin(list(s, c));
    let fetch: Handler = |s, c| Box::pin(fetch(s, c));
    routes.on("monitor", Method::GET, "/v1/Events", on(Verb::List), state, list);
    routes.on("monitor", Method::GET, "/v1/Events/{Sid}", on(Verb::Read), state, fetch);
}

async fn list(state: Arc<Store>, call: Call) -> ApiResult {
    let (query, paging) = (&call.request.query, Paging::of(&call.request)?);
    let given = |name| query.get(name).filter(|text| !text.is_empty()).map(str::to_owned);
    let filter = Filter {
        actor: given("ActorSid"),
        event_type: given("EventType"),
        resource: given("ResourceSid"),
        address: given("SourceIpAddress"),
        from: given("StartDate").map(|text| instant("StartDate", &text)).transpose()?,
        before: given("EndDate").map(|text| day_end("EndDate", &text)).transpose()?,
    };
    let account = call.caller.account_sid();
    let (cursor, limit) = (paging.neighbour()?, paging.size + 1);
    let read = state.read(move |reader| store::list(reader, account, &filter, cursor, limit));
    let entries = read.await.map_err(store_error)?;
    let root = call.request.place.root.clone();
    let page = paging.page(entries, |entry| entry.sid.to_string(), |entry| view(entry, &root));
    Ok(Response::ok(&v1(&call.request, &paging, "events", page)))
}

async fn fetch(state: Arc<Store>, call: Call) -> ApiResult {
    let (account, sid) = (call.caller.account_sid(), call.request.sid::<EventSid>("Sid")?);
    let read = state.read(move |reader| store::find(reader, account, sid));
    let entry = read.await.map_err(store_error)?.ok_or_else(|| call.request.not_found())?;
    Ok(Response::ok(&view(&entry, &call.request.place.root)))
}

fn view(entry: &Entry, root: &str) -> Value {
    let (account, actor) = (entry.account.to_string(), entry.actor.sid.to_string());
    let sid = entry.sid.to_string();
    json!({
        "account_sid": account,
        "actor_sid": actor,
        "actor_type": entry.actor.kind,
        "description": null,
        "event_data": serde_json::from_str::<Value>(&entry.data).unwrap_or_default(),
        "event_date": entry.at.to_iso8601(),
        "event_type": entry.event_type,
        "resource_sid": entry.resource.to_string(),
        "resource_type": entry.kind,
        "sid": sid,
        "source": entry.actor.source,
        "source_ip_address": entry.actor.address,
        "url": format!("{root}/v1/Events/{sid}"),
        "links": { "actor": null, "resource": null },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_noted() {
        let map = |value: Value| value.as_object().cloned().unwrap_or_default();
        let before = map(json!({ "sid": "PN1", "friendly_name": "a", "date_updated": "1" }));
        let after = map(json!({ "sid": "PN1", "friendly_name": "b", "date_updated": "2" }));
        let expected = json!({ "friendly_name": { "previous": "a", "updated": "b" } });
        assert_eq!(differences(&before, &after), expected);
        let made = differences(&Map::new(), &before);
        assert_eq!(made["sid"], json!({ "previous": null, "updated": "PN1" }));
        assert_eq!(differences(&before, &Map::new())["friendly_name"]["updated"], Value::Null);
    }
}
