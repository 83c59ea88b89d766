//! The story of one message: its events, what was decided, its carrier's PDUs and every webhook
//! about it, in the order of time.

use std::sync::Arc;

use ::store::{Event, StoreError, events_of};
use base::{AnySid, Instant, MessageSid, Money};
use serde_json::{Map, Value, json};

use crate::accounts::store_error;
use crate::carriers::api as carriers;
use crate::carriers::trace::Traced;
use crate::gateway::{ApiResult, Call, Response};
use crate::messaging::model::{Direction, Flags, Message, MessageKey};
use crate::messaging::work::Context;
use crate::messaging::{Messaging, rules, store, work};
use crate::webhooks::api::try_step;
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
    let context = &messaging.context;
    if let Some(queued) = events.first().filter(|_| message.direction != Direction::Inbound) {
        steps.insert(1, (queued.at, decision_of(&message, context, queued.at)));
    }
    let pdus = context.network.trace().of(key.to_bytes());
    steps.extend(pdus.into_iter().map(|pdu| (pdu.at, pdu_of(pdu))));
    for delivery in &deliveries {
        let made = webhooks::tries_of(delivery, &tries);
        steps.extend(made.into_iter().map(|tried| (tried.started_at, try_step(delivery, tried))));
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

/// What was decided of an accepted message. Nothing is written for it: the checks are those that
/// every message has passed, price and marks are the message's own, and its routes are as they
/// stand now.
fn decision_of(message: &Message, context: &Context, at: Instant) -> Value {
    let price = work::charge(message, &context.prices);
    let routes = carriers::explained(&context.network, &work::question_of(message, None));
    let text = |route: &Value, name: &str| route[name].as_str().unwrap_or_default().to_owned();
    let taken = routes.iter().find(|route| route["takes"] == true);
    let others = routes.iter().filter(|route| route["takes"] == false);
    let others: Vec<String> =
        others.map(|route| format!("{}: {}", text(route, "name"), text(route, "why"))).collect();
    let marks = [
        (Flags::URGENT, "urgent"),
        (Flags::AT_MOST_ONCE, "at most once"),
        (Flags::TOO_DEAR, "above its MaxPrice"),
        (Flags::UNROUTED, "no route took it"),
        (Flags::REROUTED, "moved to another route"),
    ];
    let marks = marks.iter().filter(|(mark, _)| message.flags.has(*mark)).map(|(_, name)| *name);
    json!({
        "at": at.to_iso8601_micros(),
        "kind": "decision",
        "name": "messaging.message.decided",
        "facts": {
            "checks_passed": rules::CHECKS.join(", "),
            "price": format!("{} {}", Money { micros: -price.micros, ..price }, price.currency),
            "valid_until": message.expires_at.map(Instant::to_iso8601),
            "route": taken.map(|route| text(route, "name")),
            "other_routes": Some(others.join("; ")).filter(|others| !others.is_empty()),
            "marks": Some(marks.collect::<Vec<_>>().join(", ")).filter(|marks| !marks.is_empty()),
        },
    })
}

fn pdu_of(pdu: Traced) -> Value {
    json!({
        "at": pdu.at.to_iso8601_micros(),
        "kind": "pdu",
        "name": pdu.name,
        "facts": pdu.fields,
    })
}
