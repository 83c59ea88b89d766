//! The carriers of the installation and how messages are routed: Trunkline's own routes, beside
//! Twilio's. They are the operator's: its main accounts see them, subaccounts don't.

use std::sync::Arc;

use base::{Address, ApiError, Instant, code};
use http::Method;
use net::Clock;
use serde_json::{Value, json};

use crate::accounts::{Permission, Verb};
use crate::carriers::pulse::Minute;
use crate::carriers::routes::{Network, Question, Reason, Route};
use crate::carriers::{Carrier, CarrierId};
use crate::gateway::{Answering, ApiResult, Call, Response, Routes};

/// What the routes reach.
pub struct Carriers {
    /// Who delivers, by number.
    pub carriers: Vec<Carrier>,
    /// What each of them takes.
    pub network: Arc<Network>,
    /// The product's time.
    pub clock: Arc<dyn Clock>,
}

/// Adds the routes.
pub fn routes(routes: &mut Routes, state: &Arc<Carriers>) {
    type Handler = fn(Arc<Carriers>, Call) -> Answering;
    let list: [(&str, &'static str, Handler); 2] = [
        ("/trunkline/v1/Carriers", "carriers/carriers", |s, c| Box::pin(list(s, c))),
        ("/trunkline/v1/Routes/Explain", "carriers/routes", |s, c| Box::pin(explain(s, c))),
    ];
    for (path, name, handler) in list {
        routes.on("", Method::GET, path, Permission::new(name, Verb::Read), state, handler);
    }
}

/// Refuses subaccounts: they share the installation's carriers, and don't run them.
fn refuse_tenants(call: &Call) -> Result<(), ApiError> {
    match call.caller.account.parent {
        None => Ok(()),
        Some(_) => {
            Err(ApiError::forbidden("The installation's carriers are shown to its main accounts"))
        }
    }
}

async fn list(state: Arc<Carriers>, call: Call) -> ApiResult {
    refuse_tenants(&call)?;
    let now = state.clock.now();
    let views = (0..).map(CarrierId).zip(&state.carriers);
    let views: Vec<Value> = views.map(|(id, carrier)| view(&state, id, carrier, now)).collect();
    Ok(Response::ok(&json!({ "carriers": views })))
}

fn view(state: &Carriers, id: CarrierId, carrier: &Carrier, now: Instant) -> Value {
    let (kind, binds) = match carrier {
        Carrier::Sim(_) => ("sim", Vec::new()),
        Carrier::Smpp(carrier) => ("smpp", carrier.binds().all()),
        Carrier::Absent(_) => ("none", Vec::new()),
    };
    let throughput = match carrier {
        Carrier::Smpp(carrier) => Some(carrier.throughput()).filter(|rate| *rate > 0),
        Carrier::Sim(_) | Carrier::Absent(_) => None,
    };
    let binds: Vec<Value> = binds
        .into_iter()
        .map(|(mode, standing, since)| {
            json!({ "mode": mode.name(), "state": standing.name(), "since": since.map(iso) })
        })
        .collect();
    let minutes = state.network.minutes(id, now);
    json!({
        "number": id.0,
        "name": state.network.route(id).map_or("", |route| &*route.name),
        "kind": kind,
        "up": kind != "none" && state.network.is_up(id),
        "route": state.network.route(id).map(route_view),
        "binds": binds,
        "window": carrier.window_max(),
        "throughput": throughput,
        "minutes": minutes.iter().map(minute_view).collect::<Vec<_>>(),
    })
}

fn iso(at: Instant) -> String {
    at.to_iso8601()
}

fn route_view(route: &Route) -> Value {
    json!({
        "prefixes": route.prefixes,
        "countries": route.countries,
        "senders": route.senders,
        "accounts": route.accounts.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "priority": route.priority,
        "weight": route.weight,
    })
}

fn minute_view(minute: &Minute) -> Value {
    json!({
        "taken": minute.taken,
        "refused": minute.refused,
        "held": minute.held,
        "delivered": minute.delivered,
        "undelivered": minute.undelivered,
        "received": minute.received,
    })
}

/// `From`, `To`, and, to see what comes next, the number of a carrier that `Failed`.
async fn explain(state: Arc<Carriers>, call: Call) -> ApiResult {
    refuse_tenants(&call)?;
    let query = &call.request.query;
    let address = |name: &str| {
        let given = query.get(name).unwrap_or_default();
        Address::parse(given).map(|address| address.to_string()).map_err(|_| {
            ApiError::new(code::BAD_REQUEST, format!("{name} must be a number like +15551230001"))
        })
    };
    let (from, to) = (address("From")?, address("To")?);
    let failed = query.get("Failed").filter(|text| !text.is_empty()).map(str::parse).transpose();
    let failed = failed.map_err(|_| {
        ApiError::new(code::BAD_REQUEST, "Failed must be the number of a carrier, from 0")
    })?;
    let account = call.caller.account_sid();
    let failed = failed.map(CarrierId);
    let question = Question { account, from: &from, to: &to, pick: 0, failed };
    Ok(Response::ok(&json!({ "routes": explained(&state.network, &question) })))
}

/// Each route, and why it takes a message or does not.
pub fn explained(network: &Network, question: &Question<'_>) -> Vec<Value> {
    let all = network.explain(question).into_iter().enumerate();
    all.map(|(number, (route, reason))| {
        json!({
            "carrier": number,
            "name": route.name,
            "takes": reason.is_none(),
            "why": reason.map_or("takes it", Reason::words),
        })
    })
    .collect()
}
