//! `GET /trunkline/v1/Lookup/Numbers/{E164}`: all that is known of a number, for its page in the
//! console.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::store::StoreError;
use base::{Instant, Params};
use serde_json::{Map, Value, json};

use super::view;
use crate::accounts::{consents, store_error};
use crate::gateway::{ApiResult, Call, Response};
use crate::lookup::Lookup;
use crate::lookup::look::{Findings, Looked};
use crate::lookup::model::{LineType, Package};
use crate::lookup::packages::{Facts, line_of};
use crate::lookup::rules::Learnt;
use crate::lookup::store::{self, Override};
use crate::numbers::{self, OwnedNumber};

/// Opt-outs that are shown.
const OPT_OUTS_MAX: u32 = 100;

/// What the ledger knows.
struct Known {
    learnt: Option<Learnt>,
    said: Option<Override>,
    opt_outs: Vec<(String, Instant)>,
    held: Option<OwnedNumber>,
}

/// Shows it; nobody outside is asked, and nothing is counted.
pub(super) async fn show(state: Arc<Lookup>, call: Call) -> ApiResult {
    let (account, now) = (call.caller.account_sid(), state.clock.now());
    let described = state.describe(call.request.segment("E164"), None);
    let number = described.number().into_owned();
    let asked = number.clone();
    let read = state.store.read(move |reader| {
        let held = numbers::sender(reader, &asked)?;
        Ok::<_, StoreError>(Known {
            learnt: store::learnt(reader, account, &asked)?,
            said: store::find_override(reader, account, &asked)?,
            opt_outs: consents::opt_outs_of(reader, account, &asked, OPT_OUTS_MAX)?,
            held: held.filter(|held| held.account == account),
        })
    });
    let known = read.await.map_err(store_error)?;
    let mut shown = view(&described, &Findings::new());
    for package in Package::ALL {
        shown.remove(package.name());
    }
    let range = state.ranges.find(&number);
    let line = described.plan.as_ref().ok().and_then(|plan| {
        line_of(&Facts {
            plan,
            overridden: known.said.as_ref().map(|said| said.line),
            range,
            answers: BTreeMap::new(),
            learnt: known.learnt.clone(),
            neighbours: 0,
            params: &Params::default(),
            now,
        })
    });
    shown.insert("line_type".to_owned(), line.map(LineType::name).into());
    let carrier = range.and_then(|range| range.carrier.clone());
    shown.insert("carrier_name".to_owned(), carrier.into());
    add_known(&mut shown, known, now);
    let lookups = state.recent(account, &number);
    shown.insert("lookups".to_owned(), lookups.iter().map(looked).collect::<Vec<_>>().into());
    Ok(Response::ok(&shown))
}

fn add_known(shown: &mut Map<String, Value>, known: Known, now: Instant) {
    let messages = known.learnt.as_ref().map(|learnt| {
        json!({
            "out": learnt.sent,
            "delivered": learnt.delivered,
            "failed": learnt.failed,
            "in": learnt.received,
            "first_at": learnt.first_at.to_iso8601(),
            "last_at": learnt.last_at.to_iso8601(),
        })
    });
    let receipts = known.learnt.as_ref().map(|learnt| {
        json!({
            "line_status": learnt.status(now),
            "reached_at": learnt.reached_at.map(Instant::to_iso8601),
            "failed_at": learnt.failed_at.map(Instant::to_iso8601),
            "error_code": Some(learnt.error).filter(|code| *code != 0),
        })
    });
    let opt_out =
        |(sender, at): (String, Instant)| json!({ "sender": sender, "at": at.to_iso8601() });
    let said = |said: Override| {
        json!({
            "field": Package::LineTypeIntelligence.name(),
            "line_type": said.line.name(),
            "original_line_type": said.original.name(),
            "reason": said.reason,
            "at": said.changed_at.to_iso8601(),
        })
    };
    let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    put("phone_number_sid", known.held.map(|held| held.sid.to_string()).into());
    put("messages", messages.into());
    put("receipts", receipts.into());
    put("opt_outs", known.opt_outs.into_iter().map(opt_out).collect::<Vec<_>>().into());
    put("overrides", known.said.into_iter().map(said).collect::<Vec<_>>().into());
}

fn looked(looked: &Looked) -> Value {
    let fields: Vec<&str> = looked.packages.iter().map(|package| package.name()).collect();
    json!({ "at": looked.at.to_iso8601(), "fields": fields })
}
