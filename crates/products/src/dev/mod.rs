//! The development contract: handsets, clock, faults and the ledger's counters. Mounted by
//! `dev`, never by `serve`.

mod clock;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base::{ApiError, code};
use http::Method;
use net::SystemClock;
use serde_json::json;

use crate::accounts::{Permission, Verb, store_error};
use crate::carriers::faults;
use crate::carriers::sim::{HandsetMessage, SimCarrier};
use crate::gateway::{Answering, ApiResult, Call, Response, Routes};

/// What the routes reach.
pub struct Dev {
    /// The handsets.
    pub carrier: Arc<SimCarrier>,
    /// The clock that can be advanced.
    pub clock: Arc<SystemClock>,
    /// The ledger whose counters are shown.
    pub store: ::store::Store,
    /// Knows of handsets' calls.
    pub phones: Phones,
}

/// Handsets that had calls: their number, how many they still know of, and the last one's begin.
pub type Phones = Arc<dyn Fn() -> Vec<(String, usize, base::Instant)> + Send + Sync>;

/// Adds the routes.
pub fn routes(routes: &mut Routes, state: &Arc<Dev>) {
    let on = Permission::new;
    type Handler = fn(Arc<Dev>, Call) -> Answering;
    let list: [(Method, &str, Permission, Handler); 9] = [
        (Method::GET, "/dev/ledger", on("dev/ledger", Verb::Read), |s, _| {
            Box::pin(async move { Ok(Response::ok(&ledger(&s))) })
        }),
        (Method::GET, "/dev/handsets/{E164}/messages", on("dev/handsets", Verb::List), |s, c| {
            Box::pin(inbox(s, c))
        }),
        (Method::GET, "/dev/handsets", on("dev/handsets", Verb::List), |s, _| {
            Box::pin(handsets(s))
        }),
        (Method::GET, "/dev/handsets/{E164}/history", on("dev/handsets", Verb::List), |s, c| {
            Box::pin(history(s, c))
        }),
        (
            Method::POST,
            "/dev/handsets/{E164}/messages",
            on("dev/handsets", Verb::Create),
            |s, c| Box::pin(send(s, c)),
        ),
        (Method::POST, "/dev/clock/advance", on("dev/clock", Verb::Update), |s, c| {
            Box::pin(advance(s, c))
        }),
        (Method::GET, "/dev/faults", on("dev/faults", Verb::List), |s, _| {
            Box::pin(async move { Ok(Response::ok(&list_faults(&s))) })
        }),
        (Method::POST, "/dev/faults", on("dev/faults", Verb::Create), |s, c| {
            Box::pin(add_fault(s, c))
        }),
        (Method::DELETE, "/dev/faults", on("dev/faults", Verb::Delete), |s, c| {
            Box::pin(async move { Ok(remove_faults(&s, &c)) })
        }),
    ];
    for (method, path, permission, handler) in list {
        routes.on("", method, path, permission, state, handler);
    }
}

/// What the ledger has done since the start.
fn ledger(state: &Dev) -> serde_json::Value {
    let counters = state.store.counters();
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    json!({
        "commits": count(&counters.commits),
        "units": count(&counters.units),
        "rows": count(&counters.rows),
        "waiting": state.store.waiting(),
    })
}

async fn inbox(state: Arc<Dev>, call: Call) -> ApiResult {
    let handset = number(call.request.segment("E164"));
    let messages = state.carrier.inbox(handset).await.map_err(store_error)?;
    let messages: Vec<_> = messages.iter().map(view).collect();
    Ok(Response::ok(&json!({ "messages": messages })))
}

async fn handsets(state: Arc<Dev>) -> ApiResult {
    let texted = state.carrier.handsets().await.map_err(store_error)?;
    let mut all: BTreeMap<String, (i64, usize, base::Instant)> = BTreeMap::new();
    for (number, messages, last_at) in texted {
        all.insert(number, (messages, 0, last_at));
    }
    for (number, calls, last_at) in (state.phones)() {
        let known = all.entry(number).or_insert((0, 0, last_at));
        (known.1, known.2) = (calls, known.2.max(last_at));
    }
    let mut all: Vec<_> = all.into_iter().collect();
    all.sort_by_key(|(_, (_, _, last_at))| std::cmp::Reverse(*last_at));
    let view = |(number, (messages, calls, last_at)): &(String, (i64, usize, base::Instant))| {
        json!({
            "number": number,
            "messages": messages,
            "calls": calls,
            "last_at": last_at.to_iso8601(),
        })
    };
    Ok(Response::ok(&json!({ "handsets": all.iter().map(view).collect::<Vec<_>>() })))
}

/// What a handset received and sent.
async fn history(state: Arc<Dev>, call: Call) -> ApiResult {
    let handset = number(call.request.segment("E164"));
    let messages = state.carrier.history(handset).await.map_err(store_error)?;
    let view = |message: &HandsetMessage| {
        json!({
            "sid": message.sid.to_string(),
            "direction": if message.outgoing { "out" } else { "in" },
            "peer": message.peer,
            "body": message.body,
            "media": message.media,
            "at": message.received_at.to_iso8601_micros(),
        })
    };
    Ok(Response::ok(&json!({ "messages": messages.iter().map(view).collect::<Vec<_>>() })))
}

fn view(message: &HandsetMessage) -> serde_json::Value {
    let (from, to) = match message.outgoing {
        true => (&message.handset, &message.peer),
        false => (&message.peer, &message.handset),
    };
    json!({
        "sid": message.sid.to_string(),
        "from": from,
        "to": to,
        "body": message.body,
        "media": message.media,
        "received_at": message.received_at.to_iso8601(),
    })
}

async fn send(state: Arc<Dev>, call: Call) -> ApiResult {
    let form = &call.request.form;
    let to = form.get("to").ok_or_else(|| ApiError::new(code::BAD_REQUEST, "'to' is missing"))?;
    let media = form.get_all("mediaUrl").map(str::to_owned).collect();
    let body = form.get("body").unwrap_or_default().to_owned();
    let from = number(call.request.segment("E164"));
    let (to, sender) = (number(to), from.clone());
    let sid = state
        .carrier
        .send_from_handset(sender, to.clone(), body.clone(), media)
        .await
        .map_err(store_error)?;
    let json = json!({ "sid": sid.to_string(), "from": from, "to": to, "body": body });
    Ok(Response::created(&json))
}

/// Numbers are given with or without the plus, which many clients turn into a space.
fn number(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    format!("+{digits}")
}

async fn advance(state: Arc<Dev>, call: Call) -> ApiResult {
    let seconds = call.request.form.get("seconds").and_then(|text| text.parse::<f64>().ok());
    let seconds = seconds.filter(|seconds| (0.0..=315_360_000.0).contains(seconds));
    let seconds = seconds.ok_or_else(|| {
        ApiError::new(code::BAD_REQUEST, "'seconds' must be a number from 0 to 315360000")
    })?;
    let running = clock::advance(&state, Duration::from_secs_f64(seconds)).await;
    let running = running.map_err(store_error)?;
    let now = net::Clock::now(&*state.clock);
    Ok(Response::ok(&json!({ "now": now.to_iso8601(), "running": running })))
}

async fn add_fault(state: Arc<Dev>, call: Call) -> ApiResult {
    let form = &call.request.form;
    let effect = form.get("effect").unwrap_or_default();
    let number =
        ["code", "per_second", "seconds", "number"].into_iter().find_map(|name| form.get(name));
    let number = number.map(str::parse).transpose().map_err(|_| {
        ApiError::new(code::BAD_REQUEST, "code, per_second and seconds are whole numbers")
    })?;
    let fault = faults::parse(effect, form.get("prefix").unwrap_or_default(), number)
        .map_err(|text| ApiError::new(code::BAD_REQUEST, text))?;
    state.carrier.faults().add(fault);
    Ok(Response::json(http::StatusCode::CREATED, list_faults(&state).to_string()))
}

/// All of them, or those of one range of recipients, or of one effect there.
fn remove_faults(state: &Dev, call: &Call) -> Response {
    let query = &call.request.query;
    match query.get("prefix") {
        Some(prefix) => state.carrier.faults().remove(&plus(prefix), query.get("effect")),
        None => state.carrier.faults().clear(),
    }
    Response::deleted()
}

/// A range as it was set: many clients turn the plus into a space.
fn plus(prefix: &str) -> String {
    match prefix.strip_prefix(' ') {
        Some(digits) => format!("+{digits}"),
        None => prefix.to_owned(),
    }
}

fn list_faults(state: &Dev) -> serde_json::Value {
    let faults = state.carrier.faults();
    let faults = faults.list().iter().map(|fault| {
        let (effect, number) = fault.effect.name();
        json!({ "prefix": fault.prefix, "effect": effect, "number": number })
    });
    json!({ "faults": faults.collect::<Vec<_>>() })
}
