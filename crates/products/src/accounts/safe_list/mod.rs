//! Numbers that an account vouches for: `accounts.twilio.com/v1/SafeList/Numbers`.

mod store;

use std::sync::Arc;

use ::store::{Store, StoreError, Tx};
use base::{AnySid, ApiError, E164, code};
use http::Method;
use serde_json::json;

use crate::accounts::{Permission, Verb, store_error};
use crate::gateway::{Answering, ApiResult, Call, Response, Routes};
use crate::resource::Refusal;

use store as sql;
pub use store::MIGRATIONS;

const NUMBERS: &str = "/v1/SafeList/Numbers";

/// Adds the routes.
pub fn routes(routes: &mut Routes, state: &Arc<Store>) {
    type Handler = fn(Arc<Store>, Call) -> Answering;
    let list: [(Method, Verb, Handler); 3] = [
        (Method::POST, Verb::Create, |s, c| Box::pin(add(s, c))),
        (Method::GET, Verb::Read, |s, c| Box::pin(fetch(s, c))),
        (Method::DELETE, Verb::Delete, |s, c| Box::pin(remove(s, c))),
    ];
    for (method, verb, handler) in list {
        let permission = Permission::new("accounts/safe-list", verb);
        routes.on("accounts", method, NUMBERS, permission, state, handler);
    }
}

/// The number that a request names, in its form or its query.
fn number(call: &Call) -> Result<String, ApiError> {
    let request = &call.request;
    let given = request.form.get("PhoneNumber").or_else(|| request.query.get("PhoneNumber"));
    let number = E164::parse(given.unwrap_or_default()).map_err(|_| {
        ApiError::new(code::BAD_REQUEST, "PhoneNumber must be a number like +15551230001")
    })?;
    Ok(number.as_str().to_owned())
}

fn view(sid: AnySid, number: &str) -> serde_json::Value {
    json!({ "sid": sid.to_string(), "phone_number": number })
}

async fn add(store: Arc<Store>, call: Call) -> ApiResult {
    let (account, number) = (call.caller.account_sid(), number(&call)?);
    let wanted = number.clone();
    let unit = move |tx: &mut Tx<'_>| match sql::find(tx, account, &wanted)? {
        Some(known) => Ok(known),
        None => sql::insert(tx, account, &wanted),
    };
    let sid = store.write::<_, StoreError, _>(unit).await.map_err(store_error)?;
    Ok(Response::created(&view(sid, &number)))
}

async fn fetch(store: Arc<Store>, call: Call) -> ApiResult {
    let (account, number) = (call.caller.account_sid(), number(&call)?);
    let wanted = number.clone();
    let found = store.read(move |reader| sql::find(reader, account, &wanted)).await;
    let sid = found.map_err(store_error)?.ok_or_else(|| call.request.not_found())?;
    Ok(Response::ok(&view(sid, &number)))
}

async fn remove(store: Arc<Store>, call: Call) -> ApiResult {
    let (account, number) = (call.caller.account_sid(), number(&call)?);
    let missing = call.request.not_found();
    let unit = move |tx: &mut Tx<'_>| {
        let removed = sql::delete(tx, account, &number)?;
        if removed { Ok(()) } else { Err(Refusal::from(missing)) }
    };
    store.write(unit).await.map_err(ApiError::from)?;
    Ok(Response::deleted())
}
