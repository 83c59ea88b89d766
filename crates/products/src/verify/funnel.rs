//! What becomes of codes, by country and channel: `GET /trunkline/v1/Verify/Funnel`.

use std::sync::Arc;

use ::store::{Query, StoreError};
use base::{AccountSid, EventSid, Instant, Sid};
use http::Method;
use serde_json::{Value, json};

use crate::accounts::{Permission, Verb, store_error};
use crate::gateway::dates::instant;
use crate::gateway::{ApiResult, Call, Response, Routes};
use crate::verify::Verify;

/// Adds the route.
pub fn routes(routes: &mut Routes, state: &Arc<Verify>) {
    let permission = Permission::new("verify/attempts", Verb::List);
    routes.on("", Method::GET, "/trunkline/v1/Verify/Funnel", permission, state, show);
}

/// Codes that were sent to one country in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    country: String,
    channel: String,
    sent: i64,
    /// Receipts say so, or somebody knew the code.
    delivered: i64,
    approved: i64,
}

/// Codes sent since `DateCreatedAfter`, or all that are kept.
async fn show(state: Arc<Verify>, call: Call) -> ApiResult {
    let account = call.caller.account_sid();
    let given = call.request.query.get("DateCreatedAfter").filter(|text| !text.is_empty());
    let since = given.map(|text| instant("DateCreatedAfter", text)).transpose()?;
    let read = state.store.read(move |reader| steps(reader, account, since));
    let steps = read.await.map_err(store_error)?;
    let view = |step: &Step| {
        json!({
            "country": step.country,
            "channel": step.channel,
            "sent": step.sent,
            "delivered": step.delivered,
            "approved": step.approved,
        })
    };
    Ok(Response::ok(&json!({ "steps": steps.iter().map(view).collect::<Vec<Value>>() })))
}

/// The most used first. A SID begins with its time: the key's own order finds the newest.
fn steps(
    query: &mut impl Query,
    account: AccountSid,
    since: Option<Instant>,
) -> Result<Vec<Step>, StoreError> {
    let sql = "SELECT country, channel, count(*), \
               count(CASE WHEN converted = 1 OR status IN ('delivered', 'read') THEN 1 END), \
               count(CASE WHEN converted = 1 THEN 1 END) \
               FROM verify_attempts WHERE account = ? AND sid >= ? \
               GROUP BY country, channel ORDER BY count(*) DESC, country, channel";
    let from = since.map_or([0; 16], |since| EventSid::new(since, [0; 10]).bytes());
    query.rows(sql, &[(&account.bytes()).into(), (&from).into()], |row| {
        Ok(Step {
            country: row.text(0)?,
            channel: row.text(1)?,
            sent: row.int(2)?,
            delivered: row.int(3)?,
            approved: row.int(4)?,
        })
    })
}
