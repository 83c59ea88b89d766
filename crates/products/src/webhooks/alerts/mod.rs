//! Alerts: what went wrong with an application's webhook or document, for it to be read.

mod notifications;
mod store;

use std::sync::Arc;

use ::store::Store;
use base::{ApiError, MasterKey, NotificationSid, ObjectKey, code};
use http::Method;
use serde_json::{Value, json};

use crate::accounts::{Permission, Verb, store_error};
use crate::gateway::dates::{day_end, instant};
use crate::gateway::page::{Paging, v1};
use crate::gateway::{Answering, ApiResult, Call, Response, Routes};
use crate::webhooks::alerts::store::{Alert, Filter};
use crate::webhooks::overrides;
use crate::webhooks::store::{self as deliveries, Recorded};

pub use store::{MIGRATIONS, NewAlert, forget, raise};

/// What the routes reach.
pub struct Alerts {
    /// Where alerts are.
    pub store: Store,
    /// Opens what was asked and answered.
    pub master: Arc<MasterKey>,
}

/// Adds the routes: `monitor.twilio.com/v1/Alerts`.
pub fn routes(routes: &mut Routes, state: &Arc<Alerts>) {
    let on = |verb| Permission::new("monitor/alerts", verb);
    type Handler = fn(Arc<Alerts>, Call) -> Answering;
    let list: Handler = |s, c| Box::pin(list(s, c));
    let fetch: Handler = |s, c| Box::pin(fetch(s, c));
    routes.on("monitor", Method::GET, "/v1/Alerts", on(Verb::List), state, list);
    routes.on("monitor", Method::GET, "/v1/Alerts/{Sid}", on(Verb::Read), state, fetch);
    let list: Handler = |s, c| Box::pin(notifications::list(s, c));
    let fetch: Handler = |s, c| Box::pin(notifications::fetch(s, c));
    let on = |verb| Permission::new("api/notifications", verb);
    for list_path in [NOTIFICATIONS, OF_CALL] {
        let one = format!("{list_path}/{{Sid}}");
        routes.on("api", Method::GET, list_path, on(Verb::List), state, list);
        routes.on("api", Method::GET, &one, on(Verb::Read), state, fetch);
    }
}

const NOTIFICATIONS: &str = "/2010-04-01/Accounts/{AccountSid}/Notifications";
const OF_CALL: &str = "/2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Notifications";

/// `error` or `warning`; other levels have no alerts.
fn level(text: &str) -> Result<bool, ApiError> {
    match text {
        "error" => Ok(false),
        "warning" => Ok(true),
        _ => Err(ApiError::new(code::BAD_REQUEST, "LogLevel must be error or warning")),
    }
}

/// The alert that a request names.
async fn found(state: &Alerts, call: &Call) -> Result<Alert, ApiError> {
    let account = call.caller.account_sid();
    let sid: NotificationSid = call.request.sid("Sid")?;
    let read = state.store.read(move |reader| store::find(reader, account, sid));
    read.await.map_err(store_error)?.ok_or_else(|| call.request.not_found())
}

async fn list(state: Arc<Alerts>, call: Call) -> ApiResult {
    let paging = Paging::of(&call.request)?;
    let account = call.caller.account_sid();
    let query = &call.request.query;
    let given = |name| query.get(name).filter(|text| !text.is_empty());
    let filter = Filter {
        warning: given("LogLevel").map(level).transpose()?,
        from: given("StartDate").map(|text| instant("StartDate", text)).transpose()?,
        // A whole day ends with its last moment.
        before: given("EndDate").map(|text| day_end("EndDate", text)).transpose()?,
        resource: None,
    };
    let (cursor, limit) = (paging.neighbour()?, paging.size + 1);
    let read = state.store.read(move |reader| store::list(reader, account, &filter, cursor, limit));
    let alerts = read.await.map_err(store_error)?;
    let root = call.request.place.root.clone();
    let page = paging.page(alerts, |alert| alert.sid.to_string(), |alert| view(alert, &root));
    Ok(Response::ok(&v1(&call.request, &paging, "alerts", page)))
}

async fn fetch(state: Arc<Alerts>, call: Call) -> ApiResult {
    let alert = found(&state, &call).await?;
    let mut json = view(&alert, &call.request.place.root);
    if let (Some(json), Value::Object(asked)) = (json.as_object_mut(), asked(&state, &alert).await?)
    {
        json.extend(asked);
    }
    Ok(Response::ok(&json))
}

/// What was asked when an alert was raised, and what was answered: those of the webhook that it is
/// about. Redacted with its object; empty for an alert that is about none.
async fn asked(state: &Alerts, alert: &Alert) -> Result<Value, ApiError> {
    let (account, object) = (alert.account, alert.resource);
    let read = state.store.read(move |reader| deliveries::recorded(reader, account, object));
    let found = read.await.map_err(store_error)?;
    // Of several to the same address the one whose last try is the newest before the alert.
    let about = found.iter().filter(|one| overrides::parse(&one.url).0 == alert.url);
    let tried = |one: &&Recorded| one.last.as_ref().map(|last| last.started_at);
    let delivery = about.filter(|one| tried(one) <= Some(alert.created_at)).max_by_key(tried);
    let key = delivery.and_then(|one| one.salt).map(|salt| ObjectKey::derive(&state.master, &salt));
    let open = |sealed: Option<&[u8]>| {
        let plain = key.as_ref().zip(sealed).and_then(|(key, sealed)| key.open(sealed).ok());
        plain.map(|plain| String::from_utf8_lossy(&plain).into_owned()).unwrap_or_default()
    };
    let last = delivery.and_then(|one| one.last.as_ref());
    Ok(json!({
        "request_variables": open(delivery.map(|one| &*one.request)),
        "request_headers": "",
        "response_headers": "",
        "response_body": open(last.and_then(|last| last.answer.as_deref())),
    }))
}

fn view(alert: &Alert, root: &str) -> Value {
    json!({
        "sid": alert.sid.to_string(),
        "account_sid": alert.account.to_string(),
        "resource_sid": alert.resource.to_string(),
        "error_code": alert.code.to_string(),
        "log_level": if alert.warning { "warning" } else { "error" },
        "alert_text": alert.message,
        "request_method": alert.method,
        "request_url": alert.url,
        "more_info": format!("https://www.twilio.com/docs/errors/{}", alert.code),
        "api_version": "2010-04-01",
        "service_sid": null,
        "date_created": alert.created_at.to_iso8601(),
        "date_generated": alert.created_at.to_iso8601(),
        "date_updated": alert.created_at.to_iso8601(),
        "url": format!("{root}/v1/Alerts/{}", alert.sid),
    })
}
