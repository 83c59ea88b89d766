//! Alerts: what went wrong with an application's webhook or document, for it to be read.

use std::sync::Arc;

use ::store::{Migration, Query, Row, Store, StoreError, Tx};
use base::{AccountSid, AnySid, ApiError, Instant, NotificationSid, Sid, code};
use http::Method;
use serde_json::{Value, json};

use crate::accounts::{Permission, Verb, store_error};
use crate::gateway::page::{Paging, v1};
use crate::gateway::{Answering, ApiResult, Call, Response, Routes};

/// The table.
pub const MIGRATIONS: &[Migration] = &[Migration {
    name: "webhooks.alerts/1",
    sql: "
    CREATE TABLE alerts (
        account {blob} NOT NULL,
        sid {blob} NOT NULL,
        resource {blob} NOT NULL,
        code {int} NOT NULL,
        warning {int} NOT NULL,
        method {text} NOT NULL,
        url {text} NOT NULL,
        message {text} NOT NULL,
        created_at {int} NOT NULL,
        PRIMARY KEY (account, sid)
    ) {clustered};
    ",
}];

/// An alert about to be raised.
#[derive(Clone, Debug)]
pub struct NewAlert {
    /// Whose application it is about.
    pub account: AccountSid,
    /// The message or call that was being handled.
    pub resource: AnySid,
    /// Twilio's code.
    pub code: u32,
    /// Whether it was carried on in spite of it.
    pub warning: bool,
    /// How the application was asked.
    pub method: &'static str,
    /// Where.
    pub url: String,
    /// What was wrong.
    pub message: String,
}

/// Raises alerts.
pub fn raise(tx: &mut Tx<'_>, alerts: &[NewAlert]) -> Result<(), StoreError> {
    let now = tx.now();
    for alert in alerts {
        let sid: NotificationSid = tx.new_sid();
        tx.execute(
            "INSERT INTO alerts (account, sid, resource, code, warning, method, url, message, \
             created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            &[
                (&alert.account.bytes()).into(),
                (&sid.bytes()).into(),
                (&alert.resource.to_bytes18()).into(),
                alert.code.into(),
                alert.warning.into(),
                alert.method.into(),
                (&alert.url).into(),
                (&alert.message).into(),
                now.into(),
            ],
        )?;
    }
    Ok(())
}

struct Alert {
    account: AccountSid,
    sid: NotificationSid,
    resource: AnySid,
    code: i64,
    warning: bool,
    method: String,
    url: String,
    message: String,
    created_at: Instant,
}

const COLUMNS: &str = "account, sid, resource, code, warning, method, url, message, created_at";

fn from_row(row: &Row<'_>) -> Result<Alert, StoreError> {
    Ok(Alert {
        account: row.sid(0)?,
        sid: row.sid(1)?,
        resource: row.any_sid(2)?,
        code: row.int(3)?,
        warning: row.bool(4)?,
        method: row.text(5)?,
        url: row.text(6)?,
        message: row.text(7)?,
        created_at: row.instant(8)?,
    })
}

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
    let account = call.caller.account_sid().bytes();
    let cursor: Option<(bool, [u8; 16])> = match &paging.cursor {
        None => None,
        Some(cursor) => {
            let sid: Result<NotificationSid, _> = cursor.key.parse();
            let sid = sid.map_err(|_| ApiError::new(code::PAGE_TOKEN, "Invalid PageToken"))?;
            Some((cursor.forward, sid.bytes()))
        }
    };
    let limit = paging.size + 1;
    let read = state.store.read(move |reader| {
        let (condition, order) = match cursor {
            None => ("", "DESC"),
            Some((true, _)) => (" AND sid < ?", "DESC"),
            Some((false, _)) => (" AND sid > ?", "ASC"),
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM alerts WHERE account = ?{condition} ORDER BY sid {order} \
             LIMIT {limit}"
        );
        let mut params = vec![(&account).into()];
        params.extend(cursor.as_ref().map(|(_, sid)| ::store::Value::from(sid)));
        reader.rows(&sql, &params, from_row)
    });
    let alerts = read.await.map_err(store_error)?;
    let root = call.request.place.root.clone();
    let page = paging.page(alerts, |alert| alert.sid.to_string(), |alert| view(alert, &root));
    Ok(Response::ok(&v1(&call.request, &paging, "alerts", page)))
}

async fn fetch(state: Arc<Alerts>, call: Call) -> ApiResult {
    let account = call.caller.account_sid().bytes();
    let sid: NotificationSid = call.request.sid("Sid")?;
    let read = state.store.read(move |reader| {
        let sql = format!("SELECT {COLUMNS} FROM alerts WHERE account = ? AND sid = ?");
        reader.row(&sql, &[(&account).into(), (&sid.bytes()).into()], from_row)
    });
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
