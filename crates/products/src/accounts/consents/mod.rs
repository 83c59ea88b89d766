//! Who wants an account's texts and who does not, and what is known of contacts:
//! `accounts.twilio.com/v1/Consents/Bulk` and `Contacts/Bulk`.
//!
//! STOP and START are consents as well, so that the last word counts, however it was given.

mod items;
mod store;

use std::sync::Arc;

use ::store::{StoreError, Tx};
use base::{ApiError, code};
use http::Method;
use serde_json::{Map, Value, json};

use crate::accounts::{Accounts, Permission, Verb, store_error};
use crate::gateway::{Answering, ApiResult, Call, Response, Routes};

pub(super) use store::MIGRATION;
pub use store::{Consent, Source, any_opted_out, opt_outs_of, opted_out, record};

/// Items of a request at most (Twilio's Bulk Upsert Consents API).
const ITEMS_MAX: usize = 25;

/// Adds the routes.
pub fn routes(routes: &mut Routes, state: &Arc<Accounts>) {
    type Handler = fn(Arc<Accounts>, Call) -> Answering;
    let list: [(&str, &'static str, Handler); 2] = [
        ("/v1/Consents/Bulk", "accounts/consents", |s, c| Box::pin(consents(s, c))),
        ("/v1/Contacts/Bulk", "accounts/contacts", |s, c| Box::pin(contacts(s, c))),
    ];
    for (path, name, handler) in list {
        let permission = Permission::new(name, Verb::Create);
        routes.on("accounts", Method::POST, path, permission, state, handler);
    }
}

/// The objects of a parameter that is given once for each of them.
pub(super) fn objects(call: &Call, name: &str) -> Result<Vec<Map<String, Value>>, ApiError> {
    let given = call.request.form.get_all(name);
    let object = |text: &str| match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(ApiError::new(code::BAD_REQUEST, format!("{name} must be JSON objects"))),
    };
    given.filter(|text| !text.is_empty()).map(object).collect()
}

/// The items of a request: one to 25.
fn items(call: &Call) -> Result<Vec<Map<String, Value>>, ApiError> {
    let items = objects(call, "Items")?;
    if (1..=ITEMS_MAX).contains(&items.len()) {
        return Ok(items);
    }
    let text = format!("Items must be 1 to {ITEMS_MAX} objects, not {}", items.len());
    Err(ApiError::new(code::BAD_REQUEST, text))
}

async fn consents(accounts: Arc<Accounts>, call: Call) -> ApiResult {
    let (account, now) = (call.caller.account_sid(), accounts.store().now());
    let read = items::read(&items(&call)?, |item| items::consent(item, now));
    let good = read.good;
    let unit = move |tx: &mut Tx<'_>| record(tx, account, &good);
    accounts.store().write::<_, StoreError, _>(unit).await.map_err(store_error)?;
    Ok(Response::created(&json!({ "items": items::answers(&read.outcomes, items::CONSENT) })))
}

async fn contacts(accounts: Arc<Accounts>, call: Call) -> ApiResult {
    let account = call.caller.account_sid();
    let read = items::read(&items(&call)?, items::contact);
    let good = read.good;
    let unit = move |tx: &mut Tx<'_>| store::keep_contacts(tx, account, &good);
    accounts.store().write::<_, StoreError, _>(unit).await.map_err(store_error)?;
    Ok(Response::created(&json!({ "items": items::answers(&read.outcomes, items::CONTACT) })))
}
