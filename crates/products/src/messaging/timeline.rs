//! The story of one message: its events and every webhook about it, in the order of time.

use std::sync::Arc;

use ::store::{Event, StoreError, events_of};
use base::{AnySid, Instant, MessageSid};
use serde_json::{Map, Value, json};

use crate::accounts::store_error;
use crate::gateway::{ApiResult, Call, Response};
use crate::messaging::model::{Message, MessageKey};
use crate::messaging::{Messaging, store, work};
use crate::webhooks::store as webhooks;

/// Events of one message that are shown.
const STEPS_MAX: usize = 500;

/// `GET /trunkline/v1/Timelines/{Sid}`.
pub(super) async fn show(messaging: Arc<Messaging>, call: Call) -> ApiResult {
    let account = call.caller.account_sid();
    let sid: MessageSid = call.request.sid("Sid")?;
    let key = MessageKey { account, sid };
    let read = messaging.store.read(move |reader| {
        let Some(message) = store::find(reader, key)? else { return Ok(None) };
        let events = events_of(reader, message.event.0, STEPS_MAX)?;
        let object = AnySid::from(sid);
        let deliveries = webhooks::recorded(reader, account, object)?;
        let tries = webhooks::tries(reader, object)?;
        Ok::<_, StoreError>(Some((message, events, deliveries, tries)))
    });
    let found = read.await.map_err(store_error)?;
    let (message, events, deliveries, tries) = found.ok_or_else(|| call.request.not_found())?;
    let body = work::open_body(&messaging.master, &message);
    let mut steps: Vec<(Instant, Value)> =
        events.iter().map(|event| (event.at, step_of(event, &message, &body))).collect();
    for delivery in &deliveries {
        let made = webhooks::tries_of(delivery, &tries);
        steps.extend(made.into_iter().map(|tried| (tried.started_at, try_of(delivery, tried))));
    }
    // Steps of the same instant keep their order: an event comes before what it causes.
    steps.sort_by_key(|(at, _)| *at);
    let steps: Vec<Value> = steps.into_iter().map(|(_, step)| step).collect();
    Ok(Response::ok(&json!({ "object_sid": sid.to_string(), "steps": steps })))
}

fn step_of(event: &Event, message: &Message, body: &str) -> Value {
    let mut facts: Map<String, Value> = serde_json::from_str(&event.facts).unwrap_or_default();
    if let Some(code) = facts.get("error").and_then(Value::as_u64) {
        let meaning = u32::try_from(code).ok().and_then(base::meaning);
        facts.insert("meaning".to_owned(), meaning.into());
    }
    if event.object_seq == 1 {
        // What was decided at the beginning and never changes stands in the message's own row.
        let segments = smpp::text::segments(body, false);
        facts.insert("direction".to_owned(), message.direction.name().into());
        facts.insert("segments".to_owned(), message.segments.into());
        facts.insert("media".to_owned(), message.media.into());
        if message.salt.is_some() {
            facts.insert("encoding".to_owned(), segments.encoding.name().into());
        }
    }
    json!({
        "at": event.at.to_iso8601_micros(),
        "kind": "event",
        "name": event.kind,
        "sequence": event.object_seq,
        "facts": facts,
    })
}

fn try_of(delivery: &webhooks::Recorded, tried: &webhooks::Tried) -> Value {
    json!({
        "at": tried.started_at.to_iso8601_micros(),
        "kind": "webhook",
        "name": "webhooks.delivery.tried",
        "sequence": delivery.object_seq,
        "attempt": tried.number,
        "status": Some(tried.status).filter(|status| *status != 0),
        "error_code": Some(tried.error).filter(|error| *error != 0),
        "duration_us": tried.duration_us,
        "url": delivery.url,
        "facts": {},
    })
}
