//! The same alerts by their older name: `Notifications` of the 2010-04-01 API.

use std::sync::Arc;
use std::time::Duration;

use base::{AnySid, ApiError, CallSid, Instant, code};
use serde_json::{Value, json};

use crate::accounts::store_error;
use crate::gateway::dates::{day_end, instant};
use crate::gateway::page::{Paging, v2010};
use crate::gateway::{ApiResult, Call, Response};
use crate::webhooks::alerts::store::{self, Alert, Filter};
use crate::webhooks::alerts::{Alerts, asked, found};

/// `Log` is 0 for errors, 1 for warnings; `MessageDate`, and with `<` or `>` before and after it.
pub(super) async fn list(state: Arc<Alerts>, call: Call) -> ApiResult {
    let (query, paging) = (&call.request.query, Paging::of(&call.request)?);
    let given = |name| query.get(name).filter(|text| !text.is_empty());
    let warning = match given("Log") {
        None => None,
        Some("0") => Some(false),
        Some("1") => Some(true),
        Some(_) => return Err(ApiError::new(code::BAD_REQUEST, "Log must be 0 or 1")),
    };
    let day = Duration::from_secs(24 * 60 * 60);
    let on = given("MessageDate").map(|text| instant("MessageDate", text)).transpose()?;
    let from = given("MessageDate>").map(|text| instant("MessageDate>", text)).transpose()?;
    let before = given("MessageDate<").map(|text| day_end("MessageDate<", text)).transpose()?;
    let from = on.map(Instant::start_of_day).or(from);
    let before = on.map(|at| at.start_of_day() + day).or(before);
    let resource = about(&call)?;
    let filter = Filter { warning, from, before, resource };
    let account = call.caller.account_sid();
    let (cursor, limit) = (paging.neighbour()?, paging.size + 1);
    let read = state.store.read(move |reader| store::list(reader, account, &filter, cursor, limit));
    let alerts = read.await.map_err(store_error)?;
    let page = paging.page(alerts, |alert| alert.sid.to_string(), view);
    Ok(Response::ok(&v2010(&call.request, &paging, "notifications", page)))
}

/// The call whose notifications are meant, where the path names one.
fn about(call: &Call) -> Result<Option<AnySid>, ApiError> {
    match call.request.segment("CallSid") {
        "" => Ok(None),
        _ => call.request.sid::<CallSid>("CallSid").map(|sid| Some(sid.into())),
    }
}

/// One of them, with what is known of the request.
pub(super) async fn fetch(state: Arc<Alerts>, call: Call) -> ApiResult {
    let (alert, about) = (found(&state, &call).await?, about(&call)?);
    if about.is_some_and(|about| about != alert.resource) {
        return Err(call.request.not_found());
    }
    let mut json = view(&alert);
    let asked = asked(&state, &alert).await?;
    for name in ["request_variables", "response_headers", "response_body"] {
        json[name] = asked[name].clone();
    }
    Ok(Response::ok(&json))
}

fn view(alert: &Alert) -> Value {
    let (account, sid) = (alert.account.to_string(), alert.sid.to_string());
    let at = alert.created_at.to_rfc2822();
    json!({
        "account_sid": account,
        "api_version": "2010-04-01",
        "call_sid": alert.resource.cast::<CallSid>().map(|sid| sid.to_string()),
        "date_created": at,
        "date_updated": at,
        "error_code": alert.code.to_string(),
        "log": if alert.warning { "1" } else { "0" },
        "message_date": at,
        "message_text": alert.message,
        "more_info": format!("https://www.twilio.com/docs/errors/{}", alert.code),
        "request_method": alert.method,
        "request_url": alert.url,
        "sid": sid,
        "uri": format!("/2010-04-01/Accounts/{account}/Notifications/{sid}.json"),
    })
}
