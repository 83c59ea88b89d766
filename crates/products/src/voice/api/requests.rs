//! What applications were asked and told about a call, and what they answered
//! (`/Calls/{CallSid}/Events`).

use std::sync::Arc;

use ::store::StoreError;
use base::{ApiError, CallSid, ObjectKey, Params, code};
use http::Method;
use serde_json::{Map, Value, json};

use crate::accounts::{Permission, Verb, store_error};
use crate::gateway::page::{Page, Paging, v2010};
use crate::gateway::{ApiResult, Call, Response, Routes};
use crate::voice::Voice;
use crate::voice::model::CallKey;
use crate::voice::store;
use crate::webhooks::store::{FIELDS_MAX, Recorded, recorded};

const EVENTS: &str = "/2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Events";

pub(super) fn routes(routes: &mut Routes, voice: &Arc<Voice>) {
    let permission = Permission::new("voice/calls", Verb::List);
    routes.on("api", Method::GET, EVENTS, permission, voice, list);
}

async fn list(voice: Arc<Voice>, call: Call) -> ApiResult {
    let paging = Paging::of(&call.request)?;
    let sid: CallSid = call.request.sid("CallSid")?;
    let account = call.caller.account_sid();
    let read = voice.shared().store.read(move |reader| {
        let found = store::find(reader, CallKey { account, sid })?;
        let asked = recorded(reader, account, sid.into())?;
        Ok::<_, StoreError>(found.map(|_| asked))
    });
    let asked = read.await.map_err(store_error)?.ok_or_else(|| call.request.not_found())?;
    let voice = &voice;
    let rows = asked.iter().map(|one| (one.object_seq, view(voice, one))).collect();
    let page = page_of(rows, &paging)?;
    Ok(Response::ok(&v2010(&call.request, &paging, "events", page)))
}

/// A page of rows in their order: a call has few enough that all of them are at hand.
fn page_of(rows: Vec<(i64, Value)>, paging: &Paging) -> Result<Page, ApiError> {
    let bad = |_| ApiError::new(code::PAGE_TOKEN, "Invalid PageToken");
    let after = match &paging.cursor {
        None => None,
        Some(cursor) => Some((cursor.forward, cursor.key.parse::<i64>().map_err(bad)?)),
    };
    let size = paging.size as usize + 1;
    let rows: Vec<(i64, Value)> = match after {
        None => rows.into_iter().take(size).collect(),
        Some((true, seq)) => rows.into_iter().filter(|row| row.0 > seq).take(size).collect(),
        Some((false, seq)) => rows.into_iter().rev().filter(|row| row.0 < seq).take(size).collect(),
    };
    Ok(paging.page(rows, |(seq, _)| seq.to_string(), |(_, row)| row.clone()))
}

fn view(voice: &Voice, one: &Recorded) -> Value {
    let master = &voice.shared().master;
    let key = one.salt.map(|salt| ObjectKey::derive(master, &salt));
    let open = |sealed: &[u8]| {
        let plain = key.as_ref().and_then(|key| key.open(sealed).ok()).unwrap_or_default();
        String::from_utf8_lossy(&plain).into_owned()
    };
    let form = open(&one.request);
    // A GET has its parameters in its address, and no form.
    let (method, query) = match form.is_empty() {
        true => ("GET", one.url.split_once('?').map_or("", |(_, query)| query)),
        false => ("POST", form.as_str()),
    };
    let given = Params::parse_form(query.as_bytes(), FIELDS_MAX).unwrap_or_default();
    let parameters: Map<String, Value> =
        given.iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let response = one.last.as_ref().map(|last| {
        json!({
            "response_code": last.status,
            "request_duration": last.duration_us / 1_000,
            "content_type": Value::Null,
            "response_body": last.answer.as_deref().map(open).unwrap_or_default(),
            "date_created": last.started_at.to_rfc2822(),
        })
    });
    json!({
        "request": { "method": method, "url": one.url, "parameters": parameters },
        "response": response,
    })
}
