//! What was told to applications, and telling it again: Trunkline's own routes, beside Twilio's.

use std::sync::Arc;

use ::store::{Store, Tx};
use base::{AnySid, ApiError, MasterKey, ObjectKey, Params, Secret, code, signature};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::accounts::{Permission, Verb, store_error};
use crate::gateway::{Answering, ApiResult, Call, Response, Routes};
use crate::resource::Refusal;
use crate::webhooks::store::{self, Recorded, State, Tried};
use crate::webhooks::{Handover, overrides};

const LIST: &str = "/trunkline/v1/Deliveries/{ObjectSid}";
const AGAIN: &str = "/trunkline/v1/Deliveries/{ObjectSid}/{Sequence}/Again";

/// What the routes reach.
pub struct Deliveries {
    /// Where deliveries are.
    pub store: Store,
    /// Opens what was sealed.
    pub master: Arc<MasterKey>,
    /// Takes what is to be sent again.
    pub handover: Handover,
}

/// Adds the routes.
pub fn routes(routes: &mut Routes, state: &Arc<Deliveries>) {
    type Handler = fn(Arc<Deliveries>, Call) -> Answering;
    let list: Handler = |s, c| Box::pin(list(s, c));
    let again: Handler = |s, c| Box::pin(again(s, c));
    let on = |verb| Permission::new("webhooks/deliveries", verb);
    routes.on("", Method::GET, LIST, on(Verb::List), state, list);
    routes.on("", Method::POST, AGAIN, on(Verb::Create), state, again);
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
    let (master, handover) = (Arc::clone(&state.master), Arc::clone(&state.handover));
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
    let key = delivery.salt.map(|salt| ObjectKey::derive(master, &salt));
    let open = |sealed: &[u8]| {
        let plain = key.as_ref().and_then(|key| key.open(sealed).ok())?;
        Some(String::from_utf8_lossy(&plain).into_owned())
    };
    let form = open(&delivery.request).map(|text| form_of(&text));
    let url = overrides::parse(&delivery.url).0;
    let sorted = form.as_ref().map(|form| signature::sorted(form.iter()));
    let signed = sorted.as_ref().map(|sorted| format!("{url}{sorted}"));
    let signature = sorted.as_ref().map(|sorted| signature::sign_sorted(token, url, sorted));
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
