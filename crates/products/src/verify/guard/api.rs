//! The log of decisions: `GET /trunkline/v1/Verify/Decisions`.

use std::sync::Arc;

use base::AnySid;
use http::Method;
use serde_json::{Value, json};

use crate::accounts::{Permission, Verb, store_error};
use crate::gateway::page::{Paging, v1};
use crate::gateway::{ApiResult, Call, Response, Routes};
use crate::verify::Verify;
use crate::verify::guard::store::{self, Logged};
use crate::verify::model::service_sid;

/// Adds the route.
pub fn routes(routes: &mut Routes, state: &Arc<Verify>) {
    let permission = Permission::new("verify/decisions", Verb::List);
    routes.on("", Method::GET, "/trunkline/v1/Verify/Decisions", permission, state, list);
}

async fn list(state: Arc<Verify>, call: Call) -> ApiResult {
    let paging = Paging::of(&call.request)?;
    let account = call.caller.account_sid();
    let rule = call.request.query.get("Rule").filter(|rule| !rule.is_empty()).map(str::to_owned);
    let cursor = paging.neighbour::<AnySid>()?.map(|(forward, sid)| (forward, sid.bytes));
    let limit = paging.size + 1;
    let read = state
        .store
        .read(move |reader| store::list(reader, account, rule.as_deref(), cursor, limit));
    let decisions = read.await.map_err(store_error)?;
    let page = paging.page(decisions, |decision| decision.sid().to_string(), view);
    Ok(Response::ok(&v1(&call.request, &paging, "decisions", page)))
}

fn view(decision: &Logged) -> Value {
    json!({
        "sid": decision.sid().to_string(),
        "account_sid": decision.account.to_string(),
        "service_sid": service_sid(decision.service).to_string(),
        "to": decision.target,
        "country": decision.country,
        "level": decision.level,
        "decision": if decision.allowed { "allowed" } else { "blocked" },
        "rule": decision.rule,
        "why": decision.why,
        "date_created": decision.at().to_iso8601(),
        "date_answered": decision.answered_at.map(base::Instant::to_iso8601),
    })
}
