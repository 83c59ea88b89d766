//! `GET /trunkline/v1/Lookup/Numbers/{E164}`: all that an account's installation knows of a
//! number, for its page in the console.

use std::sync::Arc;

use ::store::StoreError;
use serde_json::{Value, json};

use super::view;
use crate::accounts::store_error;
use crate::gateway::{ApiResult, Call, Response};
use crate::lookup::look::Findings;
use crate::lookup::{Lookup, store};
use crate::messaging;
use crate::numbers;

/// Opt-outs that are shown.
const OPT_OUTS_MAX: u32 = 100;

/// Shows it; nobody outside is asked, and nothing is counted.
pub(super) async fn show(state: Arc<Lookup>, call: Call) -> ApiResult {
    let (account, now) = (call.caller.account_sid(), state.clock.now());
    let described = state.describe(call.request.segment("E164"), None);
    let number = described.number().into_owned();
    let asked = number.clone();
    let read = state.store.read(move |reader| {
        let learnt = store::learnt(reader, account, &asked)?;
        let said = store::find_override(reader, account, &asked)?;
        let outs = messaging::store::opt_outs_of(reader, account, &asked, OPT_OUTS_MAX)?;
        let held = numbers::sender(reader, &asked)?;
        Ok::<_, StoreError>((learnt, said, outs, held.filter(|held| held.account == account)))
    });
    let (learnt, said, opt_outs, held) = read.await.map_err(store_error)?;
    let mut shown = view(&described, &Findings::new());
    for package in crate::lookup::model::Package::ALL {
        shown.remove(package.name());
    }
    let range = state.ranges.find(&number);
    let planned = described.plan.as_ref().ok().and_then(|plan| plan.line);
    let learnt_line = learnt.as_ref().and_then(|learnt| learnt.line(now));
    let line = said.as_ref().map(|said| said.line);
    let line = line.or(range.and_then(|range| range.line)).or(planned).or(learnt_line);
    let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    put("line_type", line.map(|line| line.name()).into());
    put("carrier_name", range.and_then(|range| range.carrier.clone()).into());
    put("phone_number_sid", held.map(|held| held.sid.to_string()).into());
    put(
        "messages",
        learnt.as_ref().map_or(Value::Null, |learnt| {
            json!({
                "out": learnt.sent,
                "delivered": learnt.delivered,
                "failed": learnt.failed,
                "in": learnt.received,
                "first_at": learnt.first_at.to_iso8601(),
                "last_at": learnt.last_at.to_iso8601(),
            })
        }),
    );
    put(
        "receipts",
        learnt.as_ref().map_or(Value::Null, |learnt| {
            json!({
                "line_status": learnt.status(now),
                "reached_at": learnt.reached_at.map(base::Instant::to_iso8601),
                "failed_at": learnt.failed_at.map(base::Instant::to_iso8601),
                "error_code": Some(learnt.error).filter(|code| *code != 0),
            })
        }),
    );
    let outs =
        opt_outs.into_iter().map(|(sender, at)| json!({ "sender": sender, "at": at.to_iso8601() }));
    put("opt_outs", outs.collect::<Vec<_>>().into());
    let overridden = said.map(|said| {
        json!({
            "field": "line_type_intelligence",
            "line_type": said.line.name(),
            "original_line_type": said.original.name(),
            "reason": said.reason,
            "at": said.changed_at.to_iso8601(),
        })
    });
    put("overrides", overridden.into_iter().collect::<Vec<_>>().into());
    let lookups = state.recent(account, &number).into_iter().map(|looked| {
        let fields: Vec<&str> = looked.packages.iter().map(|package| package.name()).collect();
        json!({ "at": looked.at.to_iso8601(), "fields": fields })
    });
    put("lookups", lookups.collect::<Vec<_>>().into());
    Ok(Response::ok(&shown))
}
