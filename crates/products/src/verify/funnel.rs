//! What becomes of codes, by country and channel: `GET /trunkline/v1/Verify/Funnel`.

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};

use crate::accounts::{Permission, Verb, store_error};
use crate::gateway::dates::instant;
use crate::gateway::{ApiResult, Call, Response, Routes};
use crate::verify::Verify;
use crate::verify::store::{Step, funnel};

/// Adds the route.
pub fn routes(routes: &mut Routes, state: &Arc<Verify>) {
    let permission = Permission::new("verify/attempts", Verb::List);
    routes.on("", Method::GET, "/trunkline/v1/Verify/Funnel", permission, state, show);
}

/// Codes sent since `DateCreatedAfter`, or all that are kept.
async fn show(state: Arc<Verify>, call: Call) -> ApiResult {
    let account = call.caller.account_sid();
    let given = call.request.query.get("DateCreatedAfter").filter(|text| !text.is_empty());
    let since = given.map(|text| instant("DateCreatedAfter", text)).transpose()?;
    let read = state.store.read(move |reader| funnel(reader, account, since));
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
