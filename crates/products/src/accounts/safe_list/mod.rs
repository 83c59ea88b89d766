//! Numbers that an account vouches for: `accounts.twilio.com/v1/SafeList/Numbers`. A thousand of
//! them at once by their prefix: `+18001234xxx`. What guards against fraud lets them pass.

mod store;

use std::sync::Arc;

use ::store::{Query, Store, StoreError, Tx};
use base::{AccountSid, AnySid, ApiError, E164, code};
use http::Method;
use serde_json::json;

use crate::accounts::{Permission, Verb, store_error};
use crate::gateway::{Answering, ApiResult, Call, Response, Routes};
use crate::resource::Refusal;

use store as sql;
pub use store::MIGRATIONS;

const NUMBERS: &str = "/v1/SafeList/Numbers";

/// Twilio's code of a number that is there already.
const THERE_ALREADY: u32 = 60411;

/// Whether an account vouches for a number, or for the thousand that it is one of.
pub fn vouched(
    query: &mut impl Query,
    account: AccountSid,
    number: &str,
) -> Result<bool, StoreError> {
    if sql::find(query, account, number)?.is_some() {
        return Ok(true);
    }
    let thousand = number.len().checked_sub(3).and_then(|end| number.get(..end));
    let Some(thousand) = thousand else { return Ok(false) };
    Ok(sql::find(query, account, &format!("{thousand}xxx"))?.is_some())
}

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

/// The number or prefix that a request names, in its form or its query.
fn number(call: &Call) -> Result<String, ApiError> {
    let request = &call.request;
    let given = request.form.get("PhoneNumber").or_else(|| request.query.get("PhoneNumber"));
    let given = given.unwrap_or_default();
    entry(given).ok_or_else(|| {
        let text = "PhoneNumber must be a number like +15551230001, or a prefix like +15551230xxx";
        ApiError::new(code::BAD_REQUEST, text)
    })
}

/// A number as it is kept, or the prefix of a thousand: ten characters at least.
fn entry(given: &str) -> Option<String> {
    let lower = given.to_ascii_lowercase();
    match lower.strip_suffix("xxx") {
        None => E164::parse(given).ok().map(|number| number.as_str().to_owned()),
        Some(prefix) => {
            let fits = lower.len() >= 10 && E164::parse(&format!("{prefix}000")).is_ok();
            fits.then_some(lower)
        }
    }
}

fn view(sid: AnySid, number: &str) -> serde_json::Value {
    json!({ "sid": sid.to_string(), "phone_number": number })
}

async fn add(store: Arc<Store>, call: Call) -> ApiResult {
    let (account, number) = (call.caller.account_sid(), number(&call)?);
    let wanted = number.clone();
    let unit = move |tx: &mut Tx<'_>| {
        if sql::find(tx, account, &wanted)?.is_some() {
            let text = format!("{wanted} is in the safe list already");
            return Err(Refusal::from(ApiError::new(THERE_ALREADY, text)));
        }
        Ok(sql::insert(tx, account, &wanted)?)
    };
    let sid = store.write(unit).await.map_err(ApiError::from)?;
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

#[cfg(test)]
mod tests {
    use super::entry;

    #[test]
    fn numbers_and_their_thousands() {
        assert_eq!(entry("+18001234567").as_deref(), Some("+18001234567"));
        assert_eq!(entry("+18001234XXX").as_deref(), Some("+18001234xxx"));
        for bad in ["", "18001234567", "+1800xxx", "xxx", "+18001234xx", "+1800x234xxx"] {
            assert_eq!(entry(bad), None, "{bad}");
        }
    }
}
