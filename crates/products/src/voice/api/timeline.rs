//! The story of one call: its events, its SIP messages and every request about it with what was
//! answered, in the order of time; and the numbers of its media.

use std::sync::Arc;

use ::store::{Event, StoreError, events_of};
use base::{AnySid, CallSid, Instant};
use http::Method;
use serde_json::{Map, Value, json};

use crate::accounts::{Permission, Verb, store_error};
use crate::gateway::{ApiResult, Call, Response, Routes};
use crate::voice::Voice;
use crate::voice::model::{CallKey, CallRecord};
use crate::voice::store;
use crate::webhooks::api::{opened, request_of, try_step};
use crate::webhooks::store::{self as webhooks, Tried};

const ONE: &str = "/trunkline/v1/Calls/{Sid}/Timeline";

/// Events of one call that are shown.
const STEPS_MAX: usize = 500;

pub(super) fn routes(routes: &mut Routes, voice: &Arc<Voice>) {
    let permission = Permission::new("voice/calls", Verb::Read);
    routes.on("", Method::GET, ONE, permission, voice, show);
}

async fn show(voice: Arc<Voice>, call: Call) -> ApiResult {
    let account = call.caller.account_sid();
    let sid: CallSid = call.request.sid("Sid")?;
    let read = voice.shared().store.read(move |reader| {
        let Some(record) = store::find(reader, CallKey { account, sid })? else { return Ok(None) };
        let events = events_of(reader, record.event.0, STEPS_MAX)?;
        let object = AnySid::from(sid);
        let deliveries = webhooks::recorded(reader, account, object)?;
        let tries = webhooks::tries(reader, object)?;
        let quality = store::quality(reader, record.key)?;
        Ok::<_, StoreError>(Some((record, events, deliveries, tries, quality)))
    });
    let found = read.await.map_err(store_error)?;
    let (record, events, deliveries, tries, quality) =
        found.ok_or_else(|| call.request.not_found())?;
    let master = Arc::clone(&voice.shared().master);
    let mut steps: Vec<(Instant, Value)> =
        events.iter().map(|event| (event.at, step_of(event, &record))).collect();
    for delivery in &deliveries {
        let made = webhooks::tries_of(delivery, &tries);
        let step = |tried: &Tried| {
            let mut step = try_step(delivery, tried);
            step["request"] = request_of(delivery, &master).into();
            let answer = tried.answer.as_deref().and_then(|it| opened(delivery, it, &master));
            step["answer"] = answer.into();
            (tried.started_at, step)
        };
        steps.extend(made.into_iter().map(step));
    }
    let messages = voice.shared().ladder.of(sid);
    steps.extend(messages.iter().map(|message| (message.at, message.view())));
    // Steps of the same instant keep their order: an event comes before what it causes.
    steps.sort_by_key(|(at, _)| *at);
    let steps: Vec<Value> = steps.into_iter().map(|(_, step)| step).collect();
    let body = json!({ "object_sid": sid.to_string(), "steps": steps, "quality": quality });
    Ok(Response::ok(&body))
}

fn step_of(event: &Event, record: &CallRecord) -> Value {
    let mut facts: Map<String, Value> = serde_json::from_str(&event.facts).unwrap_or_default();
    if event.object_seq == 1 {
        // What never changes stands in the call's own row.
        facts.insert("direction".to_owned(), record.direction.name().into());
        facts.insert("parent".to_owned(), record.parent.map(|sid| sid.to_string()).into());
    }
    json!({
        "at": event.at.to_iso8601_micros(),
        "kind": "event",
        "name": event.kind,
        "sequence": event.object_seq,
        "facts": facts,
    })
}
