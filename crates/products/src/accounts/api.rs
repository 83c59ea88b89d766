//! The Accounts resource of the 2010-04-01 API.

use std::sync::Arc;

use base::{ApiError, Currency, Money, code};
use http::Method;
use serde_json::{Value, json};

use crate::accounts::audit::Actor;
use crate::accounts::change::{BAD_STATUS, Change};
use crate::accounts::store::Filter;
use crate::accounts::{
    Account, Accounts, Permission, Retention, Status, Verb, consents, geo, store, store_error,
    tokens_api,
};
use crate::gateway::page::{Paging, v2010};
use crate::gateway::{Answering, ApiResult, Call, Response, Routes};

const LIST: &str = "/2010-04-01/Accounts";
const ONE: &str = "/2010-04-01/Accounts/{AccountSid}";

/// What Twilio has no parameter for: a route of our own.
const SETTINGS: &str = "/trunkline/v1/Accounts/{AccountSid}/Settings";

/// Longest name of an account.
const NAME_MAX: usize = 64;

/// Adds the routes of this product that are not declared.
pub fn routes(routes: &mut Routes, accounts: &Arc<Accounts>) {
    type Handler = fn(Arc<Accounts>, Call) -> Answering;
    let list: [(Method, &str, Verb, Handler); 4] = [
        (Method::GET, LIST, Verb::List, |s, c| Box::pin(list(s, c))),
        (Method::POST, LIST, Verb::Create, |s, c| Box::pin(create(s, c))),
        (Method::GET, ONE, Verb::Read, |s, c| Box::pin(fetch(s, c))),
        (Method::POST, ONE, Verb::Update, |s, c| Box::pin(update(s, c))),
    ];
    for (method, path, verb, handler) in list {
        let permission = Permission::new("accounts/accounts", verb);
        routes.on("api", method, path, permission, accounts, handler);
    }
    let settings: [(Method, Verb, Handler); 2] = [
        (Method::GET, Verb::Read, |_, c| Box::pin(async move { Ok(settings(&c.caller.account)) })),
        (Method::POST, Verb::Update, |s, c| Box::pin(set(s, c))),
    ];
    for (method, verb, handler) in settings {
        let permission = Permission::new("accounts/settings", verb);
        routes.on("", method, SETTINGS, permission, accounts, handler);
    }
    tokens_api::routes(routes, accounts);
    consents::routes(routes, accounts);
    geo::routes(routes, accounts);
}

async fn list(accounts: Arc<Accounts>, call: Call) -> ApiResult {
    let (query, paging) = (&call.request.query, Paging::of(&call.request)?);
    let filter = Filter {
        friendly_name: query.get("FriendlyName").filter(|name| !name.is_empty()).map(str::to_owned),
        status: query.get("Status").filter(|text| !text.is_empty()).map(status).transpose()?,
    };
    let (cursor, limit) = (paging.neighbour()?, paging.size + 1);
    let (master, parent) = (Arc::clone(accounts.master()), call.caller.account_sid());
    let read = accounts
        .store()
        .read(move |reader| store::family(reader, &master, parent, &filter, cursor, limit));
    let found = read.await.map_err(store_error)?;
    let page =
        paging.page(found, |account| account.sid.to_string(), |account| view(account, &call));
    Ok(Response::ok(&v2010(&call.request, &paging, "accounts", page)))
}

async fn create(accounts: Arc<Accounts>, call: Call) -> ApiResult {
    let made =
        accounts.create_subaccount(&call.caller.account, name(&call)?, Actor::of(&call)).await?;
    Ok(Response::created(&view(&made, &call)))
}

async fn fetch(_: Arc<Accounts>, call: Call) -> ApiResult {
    Ok(Response::ok(&view(&call.caller.account, &call)))
}

async fn update(accounts: Arc<Accounts>, call: Call) -> ApiResult {
    let sid = call.caller.account_sid();
    let given = call.request.form.get("Status").filter(|text| !text.is_empty());
    let status = given.map(status).transpose()?;
    let change = Change { friendly_name: name(&call)?, status, ..Change::default() };
    let by_parent = call.caller.token_of().is_some_and(|owner| owner != sid);
    let changed = accounts.change(sid, by_parent, change, Actor::of(&call)).await?;
    Ok(Response::ok(&view(&changed, &call)))
}

/// Changes settings of our own.
async fn set(accounts: Arc<Accounts>, call: Call) -> ApiResult {
    let at_most_once = match call.request.form.get("AtMostOnce") {
        None | Some("") => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => {
            return Err(ApiError::new(code::BAD_REQUEST, "AtMostOnce must be true or false"));
        }
    };
    let credit = call.request.form.get("Credit").filter(|text| !text.is_empty());
    let credit = credit.map(|text| Money::parse(text, Currency::USD)).transpose();
    let credit = credit
        .map_err(|_| ApiError::new(code::BAD_REQUEST, "Credit must be an amount like 100.00"))?;
    let credit = credit.map(|credit| credit.micros);
    let kept = call.caller.account.retention;
    let retention = Retention {
        messages: days(&call, "RetainMessages", kept.messages)?,
        alerts: days(&call, "RetainAlerts", kept.alerts)?,
    };
    let retention = Some(retention);
    let change = Change { at_most_once, credit, retention, ..Change::default() };
    let sid = call.caller.account_sid();
    let changed = accounts.change(sid, false, change, Actor::of(&call)).await?;
    Ok(settings(&changed))
}

/// Days for which something is kept; 0 for ever.
fn days(call: &Call, name: &str, before: Option<u32>) -> Result<Option<u32>, ApiError> {
    match call.request.form.get(name).map(str::parse::<u32>) {
        None => Ok(before),
        Some(Ok(0)) => Ok(None),
        Some(Ok(days)) if days <= 36_500 => Ok(Some(days)),
        Some(_) => {
            let text = format!("{name} must be a number of days from 0 (for ever) to 36500");
            Err(ApiError::new(code::BAD_REQUEST, text))
        }
    }
}

fn settings(account: &Account) -> Response {
    let sid = account.sid.to_string();
    let credit = Money { micros: account.credit, currency: Currency::USD };
    Response::ok(&json!({
        "account_sid": sid,
        "at_most_once": account.at_most_once,
        "credit": credit.to_string(),
        "retain_messages": account.retention.messages,
        "retain_alerts": account.retention.alerts,
    }))
}

fn name(call: &Call) -> Result<Option<String>, ApiError> {
    let name = call.request.form.get("FriendlyName").filter(|name| !name.is_empty());
    if name.is_some_and(|name| name.chars().count() > NAME_MAX) {
        let text = format!("FriendlyName is longer than {NAME_MAX} characters");
        return Err(ApiError::new(code::BAD_REQUEST, text));
    }
    Ok(name.map(str::to_owned))
}

fn status(text: &str) -> Result<Status, ApiError> {
    Status::from_name(text).ok_or_else(|| {
        let text = format!("Status '{text}' must be active, suspended or closed");
        ApiError::new(BAD_STATUS, text)
    })
}

/// In Twilio's shape. The token is shown to whoever proved to hold it, or the parent's.
fn view(account: &Account, call: &Call) -> Value {
    let sid = account.sid.to_string();
    let root = format!("{LIST}/{sid}");
    let parts = [
        ("addresses", "Addresses"),
        ("balance", "Balance"),
        ("applications", "Applications"),
        ("available_phone_numbers", "AvailablePhoneNumbers"),
        ("incoming_phone_numbers", "IncomingPhoneNumbers"),
        ("keys", "Keys"),
        ("messages", "Messages"),
        ("outgoing_caller_ids", "OutgoingCallerIds"),
        ("short_codes", "SMS/ShortCodes"),
        ("signing_keys", "SigningKeys"),
        ("usage", "Usage/Records"),
    ];
    let parts = parts.map(|(name, path)| (name.to_owned(), format!("{root}/{path}.json").into()));
    let by_token = call.caller.token_of().is_some();
    json!({
        "sid": sid,
        "owner_account_sid": account.parent.unwrap_or(account.sid).to_string(),
        "friendly_name": account.friendly_name,
        "status": account.status.name(),
        "type": account.kind.name(),
        "auth_token": by_token.then(|| account.auth_token.expose()),
        "date_created": account.created_at.to_rfc2822(),
        "date_updated": account.updated_at.to_rfc2822(),
        "uri": format!("{root}.json"),
        "subresource_uris": parts.into_iter().collect::<serde_json::Map<String, Value>>(),
    })
}
