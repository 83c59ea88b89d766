//! Alerts: what went wrong with an application's webhook or document, for it to be read.

mod store;

use std::sync::Arc;

use ::store::Store;
use base::NotificationSid;
use http::Method;
use serde_json::{Value, json};

use crate::accounts::{Permission, Verb, store_error};
use crate::gateway::page::{Paging, v1};
use crate::gateway::{Answering, ApiResult, Call, Response, Routes};
use crate::webhooks::alerts::store::Alert;

pub use store::{MIGRATIONS, NewAlert, raise};

/// What the routes reach.
pub struct Alerts {
    /// Where alerts are.
    pub store: Store,
}

/// Adds the routes: `monitor.twilio.com/v1/Alerts`.
pub fn routes(routes: &mut Routes, state: &Arc<Alerts>) {
    let on = |verb| Permission::new("monitor/alerts", verb);
    type Handler = fn(Arc<Alerts>, Call) -> Answering;
    let list: Handler = |s, c| Box::pin(list(s, c));
    let fetch: Handler = |s, c| Box::pin(fetch(s, c));
    routes.on("monitor", Method::GET, "/v1/Alerts", on(Verb::List), state, list);
    routes.on("monitor", Method::GET, "/v1/Alerts/{Sid}", on(Verb::Read), state, fetch);
}

async fn list(state: Arc<Alerts>, call: Call) -> ApiResult {
    let paging = Paging::of(&call.request)?;
    let account = call.caller.account_sid();
    let (cursor, limit) = (paging.neighbour()?, paging.size + 1);
    let read = state.store.read(move |reader| store::list(reader, account, cursor, limit));
    let alerts = read.await.map_err(store_error)?;
    let root = call.request.place.root.clone();
    let page = paging.page(alerts, |alert| alert.sid.to_string(), |alert| view(alert, &root));
    Ok(Response::ok(&v1(&call.request, &paging, "alerts", page)))
}

async fn fetch(state: Arc<Alerts>, call: Call) -> ApiResult {
    let account = call.caller.account_sid();
    let sid: NotificationSid = call.request.sid("Sid")?;
    let read = state.store.read(move |reader| store::find(reader, account, sid));
    let alert = read.await.map_err(store_error)?.ok_or_else(|| call.request.not_found())?;
    Ok(Response::ok(&view(&alert, &call.request.place.root)))
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
