//! Sinks and subscriptions, declared.

use ::store::Tx;
use base::{AccountSid, AnySid, ApiError, code};
use serde_json::{Value, json};

use crate::events::rules::Subscribed;
use crate::events::{store, types};
use crate::resource::{self, Document, Draft, Field, Refusal, Resource, Rules, Scene, events};

/// Every declared resource of this product.
pub static RESOURCES: [&Resource; 2] = [&SINK, &SUBSCRIPTION];

/// Types of one subscription at most.
const TYPES_MAX: usize = 500;

/// Where events go.
pub static SINK: Resource = Resource {
    kind: "event_sink",
    title: "Sink",
    prefix: "DG",
    host: "events",
    path: "/v1/Sinks",
    list_key: "sinks",
    permission: "events/sinks",
    fields: &[
        Field::text("Description", 255).required(),
        Field::json("SinkConfiguration").required().create_only(),
        Field::choice("SinkType", &["webhook", "kinesis", "segment", "email"])
            .required()
            .create_only(),
        Field::computed("Status"),
        Field::computed("InUse").hidden(),
    ],
    filters: &["InUse", "Status"],
    events: events!("events.sink"),
    links: &[("sink_test", "/Test"), ("sink_validate", "/Validate")],
    rules: Rules { create: Some(open_sink), delete: Some(close_sink), ..Rules::NONE },
    ..Resource::BASE
};

/// Which events go to a sink.
pub static SUBSCRIPTION: Resource = Resource {
    kind: "event_subscription",
    title: "Subscription",
    prefix: "DF",
    host: "events",
    path: "/v1/Subscriptions",
    list_key: "subscriptions",
    permission: "events/subscriptions",
    fields: &[
        Field::text("Description", 255).required(),
        Field::sid("SinkSid", "DG").required().create_only(),
    ],
    filters: &["SinkSid"],
    events: events!("events.subscription"),
    links: &[("subscribed_events", "/SubscribedEvents")],
    rules: Rules { create: Some(subscribe), delete: Some(unsubscribe), ..Rules::NONE },
    ..Resource::BASE
};

pub(super) fn bad(text: impl Into<String>) -> ApiError {
    ApiError::new(code::BAD_REQUEST, text)
}

fn open_sink(_: &mut Scene<'_, '_>, draft: &mut Draft) -> Result<(), Refusal> {
    let kind = draft.text("SinkType");
    if kind != "webhook" {
        let text = format!("SinkType '{kind}' is not available here: only webhook is");
        return Err(bad(text).into());
    }
    let given = draft.data.get("sink_configuration").cloned().unwrap_or_default();
    draft.set("SinkConfiguration", configuration(&given)?);
    draft.set("Status", "active");
    draft.set("InUse", false);
    Ok(())
}

/// The configuration of a webhook, complete, or what is wrong with it.
fn configuration(given: &Value) -> Result<Value, ApiError> {
    let destination = given["destination"].as_str().unwrap_or_default();
    let plain = Field::url("destination").read(destination)?;
    if plain.is_null() || destination.contains('#') {
        return Err(bad("SinkConfiguration needs 'destination', an address without a fragment"));
    }
    let method = given["method"].as_str().unwrap_or("POST");
    if !method.eq_ignore_ascii_case("POST") {
        return Err(bad("SinkConfiguration's 'method' must be POST: events are a body"));
    }
    let batch = match &given["batch_events"] {
        Value::Null => true,
        Value::Bool(batch) => *batch,
        _ => return Err(bad("SinkConfiguration's 'batch_events' must be true or false")),
    };
    Ok(json!({ "destination": destination, "method": method, "batch_events": batch }))
}

fn close_sink(scene: &mut Scene<'_, '_>, sink: &Document) -> Result<(), Refusal> {
    if sink.data.get("in_use").and_then(Value::as_bool).unwrap_or_default() {
        let text = format!("Sink {} is in use: delete its subscriptions first", sink.sid);
        return Err(ApiError::conflict(text).into());
    }
    Ok(store::forget_sink(scene.tx, sink.sid.bytes)?)
}

/// Writes members of a sink that only the product sets, when they change something.
pub(super) fn set_sink(
    tx: &mut Tx<'_>,
    account: AccountSid,
    sink: AnySid,
    name: &str,
    value: Value,
) -> Result<(), Refusal> {
    let Some(before) = resource::store::find(tx, &SINK, account, sink)? else { return Ok(()) };
    let (data, shown_once) = (before.data.clone(), Vec::new());
    let mut draft = Draft { sid: sink, data, before: before.data.clone(), shown_once, account };
    draft.set(name, value);
    if draft.data != draft.before {
        resource::store::update(tx, &SINK, &before, &draft)?;
    }
    Ok(())
}

fn subscribe(scene: &mut Scene<'_, '_>, draft: &mut Draft) -> Result<(), Refusal> {
    let wanted = wanted(scene.params.get_all("Types"))?;
    let (account, sink) = (draft.account, draft.text("SinkSid"));
    let sid: AnySid = sink.parse().map_err(|_| bad("SinkSid is no SID"))?;
    if resource::store::find(scene.tx, &SINK, account, sid)?.is_none() {
        return Err(bad(format!("SinkSid {sink} was not found")).into());
    }
    let created_at = scene.tx.now();
    for (name, version) in wanted {
        let (subscription, sink) = (draft.sid.bytes, sid.bytes);
        let new = Subscribed { account, subscription, sink, name, version, created_at };
        store::subscribe(scene.tx, &new)?;
    }
    set_sink(scene.tx, account, sid, "InUse", true.into())
}

/// The types that a subscription begins with: each parameter is a JSON object, or a list of them.
fn wanted<'a>(given: impl Iterator<Item = &'a str>) -> Result<Vec<(String, i64)>, ApiError> {
    let mut wanted: Vec<(String, i64)> = Vec::new();
    for text in given {
        let parsed = serde_json::from_str(text);
        let objects = match parsed.map_err(|_| bad("Types must be JSON objects"))? {
            Value::Array(objects) => objects,
            object => vec![object],
        };
        for object in objects {
            let name = object["type"].as_str().unwrap_or_default();
            let version = object["schema_version"].as_i64();
            if wanted.iter().any(|(known, _)| known == name) {
                return Err(bad(format!("Types names '{name}' twice")));
            }
            wanted.push((name.to_owned(), version_of(name, version)?));
        }
    }
    if wanted.is_empty() || wanted.len() > TYPES_MAX {
        return Err(bad(format!("Types must name one to {TYPES_MAX} types of events")));
    }
    Ok(wanted)
}

/// The version of a type that is meant: the newest, unless one is given.
pub(super) fn version_of(name: &str, version: Option<i64>) -> Result<i64, ApiError> {
    let shown: String = name.chars().take(100).collect();
    let unknown = || bad(format!("The type of events '{shown}' is not known: see /v1/Types"));
    let schema = types::find(name).ok_or_else(unknown)?.schema;
    let version = version.unwrap_or(schema.latest());
    if schema.has(version) {
        return Ok(version);
    }
    Err(bad(format!("{} has no version {version}: its newest is {}", schema.id(), schema.latest())))
}

fn unsubscribe(scene: &mut Scene<'_, '_>, subscription: &Document) -> Result<(), Refusal> {
    let (account, sink) = (subscription.account, subscription.text("SinkSid"));
    store::unsubscribe(scene.tx, account, subscription.sid.bytes, None)?;
    let of_sink = [("SinkSid".to_owned(), sink.to_owned())];
    let users = resource::store::list(scene.tx, &SUBSCRIPTION, account, &of_sink, None, 2)?;
    match sink.parse() {
        Ok(sid) if users.len() < 2 => set_sink(scene.tx, account, sid, "InUse", false.into()),
        _ => Ok(()),
    }
}

/// What ends with a closed account: nothing of it is told any more.
pub fn end_all(tx: &mut Tx<'_>, account: AccountSid) -> Result<(), Refusal> {
    Ok(store::forget_account(tx, account)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_needs_a_destination_and_posts() {
        let given = json!({ "destination": "http://a/b", "method": "post" });
        let complete = configuration(&given).expect("a configuration");
        assert_eq!(complete["batch_events"], true);
        for bad in [
            json!({}),
            json!("http://a/b"),
            json!({ "destination": "ftp://a/b" }),
            json!({ "destination": "http://a/b#rc=3" }),
            json!({ "destination": "http://a/b", "method": "GET" }),
            json!({ "destination": "http://a/b", "batch_events": "yes" }),
        ] {
            assert!(configuration(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn types_are_known_once_and_have_their_versions() {
        let sent = r#"{"type":"com.twilio.messaging.message.sent","schema_version":3}"#;
        let read = r#"[{"type":"com.twilio.messaging.message.read"}]"#;
        let found = wanted([sent, read].into_iter()).expect("two types");
        let versions: Vec<i64> = found.iter().map(|(_, version)| *version).collect();
        assert_eq!(versions, [3, 7]);
        let later = r#"{"type":"com.twilio.messaging.message.sent","schema_version":99}"#;
        for bad in [vec![], vec![sent, sent], vec![later], vec!["{}"], vec!["x"], vec!["[]"]] {
            assert!(wanted(bad.iter().copied()).is_err(), "{bad:?}");
        }
    }
}
