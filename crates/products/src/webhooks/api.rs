//! What was told to applications, and telling it again: Trunkline's own routes, beside Twilio's.

use std::collections::BTreeSet;
use std::sync::Arc;

use ::store::{Store, Tx};
use base::{AnySid, ApiError, MasterKey, ObjectKey, Params, Secret, code, signature};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::accounts::{Permission, Verb, store_error};
use crate::gateway::page::Paging;
use crate::gateway::{Answering, ApiResult, Call, Response, Routes};
use crate::resource::Refusal;
use crate::webhooks::queue::TRIP_AFTER;
use crate::webhooks::store::{self, Recorded, State, Tried};
use crate::webhooks::{Webhooks, method_of, overrides, with_query, worker};

const NEWEST: &str = "/trunkline/v1/Deliveries";
const ENDPOINTS: &str = "/trunkline/v1/Endpoints";
const LIST: &str = "/trunkline/v1/Deliveries/{ObjectSid}";
const AGAIN: &str = "/trunkline/v1/Deliveries/{ObjectSid}/{Sequence}/Again";

/// Deliveries that one answer tells of at most.
const NEWEST_MAX: u32 = 200;

/// What the routes reach.
pub struct Deliveries {
    /// Where deliveries are.
    pub store: Store,
    /// Opens what was sealed.
    pub master: Arc<MasterKey>,
    /// Takes what is to be sent again.
    pub hooks: Webhooks,
}

/// Adds the routes.
pub fn routes(routes: &mut Routes, state: &Arc<Deliveries>) {
    type Handler = fn(Arc<Deliveries>, Call) -> Answering;
    let list: Handler = |s, c| Box::pin(list(s, c));
    let again: Handler = |s, c| Box::pin(again(s, c));
    let on = |verb| Permission::new("webhooks/deliveries", verb);
    let newest: Handler = |s, c| Box::pin(newest(s, c));
    let endpoints: Handler = |s, c| Box::pin(endpoints(s, c));
    routes.on("", Method::GET, NEWEST, on(Verb::List), state, newest);
    routes.on("", Method::GET, ENDPOINTS, on(Verb::List), state, endpoints);
    routes.on("", Method::GET, LIST, on(Verb::List), state, list);
    routes.on("", Method::POST, AGAIN, on(Verb::Create), state, again);
}

/// Deliveries of the account, whatever they are about, the newest first; `State=waiting` those that
/// will be tried, the next first; `State=exhausted` those that were given up.
async fn newest(state: Arc<Deliveries>, call: Call) -> ApiResult {
    let (account, paging) = (call.caller.account_sid(), Paging::of(&call.request)?);
    let wanted = match call.request.query.get("State") {
        None | Some("") => None,
        Some("waiting") => Some(State::Waiting),
        Some("delivered") => Some(State::Delivered),
        Some("exhausted") => Some(State::Exhausted),
        Some(_) => {
            let text = "State must be waiting, delivered or exhausted";
            return Err(ApiError::new(code::BAD_REQUEST, text));
        }
    };
    let limit = paging.size.min(NEWEST_MAX);
    let read = state.store.read(move |reader| {
        let found = store::newest(reader, account, wanted, limit)?;
        let with_tries = |delivery: Recorded| {
            let tries = store::tries(reader, delivery.object)?;
            Ok::<_, ::store::StoreError>((delivery, tries))
        };
        found.into_iter().map(with_tries).collect::<Result<Vec<_>, _>>()
    });
    let found = read.await.map_err(store_error)?;
    let token = &call.caller.account.auth_token;
    let view =
        |(delivery, tries): &(Recorded, Vec<Tried>)| view(delivery, tries, &state.master, token);
    let deliveries: Vec<Value> = found.iter().map(view).collect();
    Ok(Response::ok(&json!({ "deliveries": deliveries })))
}

/// How the endpoints of the account's newest and waiting deliveries stand.
async fn endpoints(state: Arc<Deliveries>, call: Call) -> ApiResult {
    let account = call.caller.account_sid();
    let read = state.store.read(move |reader| {
        let mut found = store::newest(reader, account, None, NEWEST_MAX)?;
        found.extend(store::newest(reader, account, Some(State::Waiting), NEWEST_MAX)?);
        Ok::<_, ::store::StoreError>(found)
    });
    let found = read.await.map_err(store_error)?;
    let known = state.hooks.endpoints().await;
    let names: BTreeSet<String> =
        found.iter().map(|delivery| worker::endpoint_of(&delivery.url)).collect();
    let view = |name: &String| {
        let own = known.iter().find(|one| *one.endpoint == **name);
        let own = own.map_or((0, 0, 0), |one| (one.ready, one.in_flight, one.outages));
        let (ready, in_flight, outages) = own;
        json!({
            "endpoint": name,
            "ready": ready,
            "in_flight": in_flight,
            "outages": outages,
            "held_back": outages >= TRIP_AFTER,
        })
    };
    let views: Vec<Value> = names.iter().map(view).collect();
    Ok(Response::ok(&json!({ "endpoints": views, "held_back_after": TRIP_AFTER })))
}

/// Every delivery about one object, with its tries, in order.
async fn list(state: Arc<Deliveries>, call: Call) -> ApiResult {
    let (account, object) = (call.caller.account_sid(), object_of(&call)?);
    let read = state.store.read(move |reader| {
        let deliveries = store::recorded(reader, account, object)?;
        Ok::<_, ::store::StoreError>((deliveries, store::tries(reader, object)?))
    });
    let (deliveries, tries) = read.await.map_err(store_error)?;
    let token = &call.caller.account.auth_token;
    let view = |delivery: &Recorded| view(delivery, &tries, &state.master, token);
    let deliveries: Vec<Value> = deliveries.iter().map(view).collect();
    Ok(Response::ok(&json!({ "deliveries": deliveries })))
}

/// Sends one again, now, whatever became of it.
async fn again(state: Arc<Deliveries>, call: Call) -> ApiResult {
    let (account, object) = (call.caller.account_sid(), object_of(&call)?);
    let sequence = call.request.segment("Sequence").parse();
    let sequence: i64 = sequence.map_err(|_| call.request.not_found())?;
    let missing = call.request.not_found();
    let (master, handover) = (Arc::clone(&state.master), state.hooks.handover());
    let unit = move |tx: &mut Tx<'_>| {
        let found = store::find(tx, &master, account, object, sequence)?.ok_or(missing)?;
        if found.request.is_empty() {
            let text = "The request was redacted: there is nothing left to send";
            return Err(Refusal::from(ApiError::new(code::CONFLICT, text)));
        }
        let delivery = store::again(tx, found)?;
        tx.after_commit(move || handover(vec![delivery]));
        Ok(())
    };
    state.store.write(unit).await?;
    let json = json!({ "object_sid": object.to_string(), "sequence": sequence });
    Ok(Response::json(StatusCode::ACCEPTED, json.to_string()))
}

fn object_of(call: &Call) -> Result<AnySid, ApiError> {
    call.request.segment("ObjectSid").parse().map_err(|_| call.request.not_found())
}

/// A delivery with its tries, and what an application has to arrive at when it checks the
/// signature.
fn view(delivery: &Recorded, tries: &[Tried], master: &MasterKey, token: &Secret) -> Value {
    let open = |sealed: &[u8]| opened(delivery, sealed, master);
    let form = open(&delivery.request).map(|text| form_of(&text));
    let url = overrides::parse(&delivery.url).0;
    let parts = form.as_ref().map(|form| match delivery.get {
        true => (with_query(url, &form.encode()), String::new()),
        false => (url.to_owned(), signature::sorted(form.iter())),
    });
    let signed = parts.as_ref().map(|(url, sorted)| format!("{url}{sorted}"));
    let signature = parts.as_ref().map(|(url, sorted)| signature::sign_sorted(token, url, sorted));
    let shown = store::tries_of(delivery, tries);
    let attempts = shown.iter().map(|tried| {
        json!({
            "attempt": tried.number,
            "started_at": tried.started_at.to_iso8601_micros(),
            "duration_us": tried.duration_us,
            "status": Some(tried.status).filter(|status| *status != 0),
            "error_code": Some(tried.error).filter(|error| *error != 0),
            "answer": tried.answer.as_deref().and_then(open),
        })
    });
    json!({
        "object_sid": delivery.object.to_string(),
        "sequence": delivery.object_seq,
        "url": delivery.url,
        "method": method_of(delivery.get),
        "request": form.map(|form| json_of(&form)),
        "signed": signed,
        "signature": signature,
        "state": match delivery.state {
            State::Waiting => "waiting",
            State::Delivered => "delivered",
            State::Exhausted => "exhausted",
        },
        "due_at": delivery.due_at.map(base::Instant::to_iso8601),
        "attempts": attempts.collect::<Vec<_>>(),
    })
}

fn form_of(text: &str) -> Params {
    Params::parse_form(text.as_bytes(), store::FIELDS_MAX).unwrap_or_default()
}

fn json_of(form: &Params) -> Map<String, Value> {
    form.iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
}

/// What was sealed of a delivery, unless it was redacted.
pub(crate) fn opened(delivery: &Recorded, sealed: &[u8], master: &MasterKey) -> Option<String> {
    let plain = ObjectKey::derive(master, &delivery.salt?).open(sealed).ok()?;
    Some(String::from_utf8_lossy(&plain).into_owned())
}

/// The form of a delivery, unless it was redacted.
pub(crate) fn request_of(delivery: &Recorded, master: &MasterKey) -> Option<Map<String, Value>> {
    opened(delivery, &delivery.request, master).map(|text| json_of(&form_of(&text)))
}

/// A try of a delivery as a step of its object's story.
pub(crate) fn try_step(delivery: &Recorded, tried: &Tried) -> Value {
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
        "method": method_of(delivery.get),
        "facts": {},
    })
}
