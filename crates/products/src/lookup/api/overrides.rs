//! Overrides: what an account says against what is known of a number.

use std::sync::Arc;

use base::{ApiError, code};
use serde_json::{Value, json};

use super::{field, json_body};
use crate::accounts::audit::{self, Actor};
use crate::accounts::store_error;
use crate::gateway::{ApiResult, Call, Response};
use crate::lookup::Lookup;
use crate::lookup::model::{LineType, Package};
use crate::lookup::store::{self, Override};
use crate::resource::Refusal;

/// Overrides of an account at most: each node remembers them all.
const OVERRIDES_MAX: i64 = 10_000;

/// Characters of a reason at most.
const REASON_MAX: usize = 500;

/// The number that a path names, whose line type may be overridden.
fn number(state: &Lookup, call: &Call) -> Result<String, ApiError> {
    if field(&call.request)? != Package::LineTypeIntelligence {
        let text = "Field: only line_type_intelligence can be overridden";
        return Err(ApiError::new(code::BAD_REQUEST, text));
    }
    let described = state.describe(call.request.segment("PhoneNumber"), None);
    match &described.plan {
        Ok(plan) => Ok(plan.e164.clone()),
        Err(reason) => {
            let text = format!("'{}' is no valid number: {}", described.asked, reason.name());
            Err(ApiError::new(code::BAD_REQUEST, text))
        }
    }
}

/// What a body says.
fn said(call: &Call) -> Result<(LineType, Option<String>), ApiError> {
    let refused = |text: String| ApiError::new(code::BAD_REQUEST, text);
    let body = json_body(&call.request)?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    // The Node SDK sends what it was given, in either casing.
    let line = text("line_type").or_else(|| text("lineType"));
    let line = line.ok_or_else(|| refused("line_type is missing".to_owned()))?;
    let line = LineType::ALL.into_iter().find(|known| known.name() == line).ok_or_else(|| {
        let known = LineType::ALL.map(LineType::name).join(", ");
        refused(format!("line_type '{line}' is none of {known}"))
    })?;
    let reason = text("reason").filter(|reason| !reason.is_empty());
    if reason.as_ref().is_some_and(|reason| reason.chars().count() > REASON_MAX) {
        return Err(refused(format!("reason has more than {REASON_MAX} characters")));
    }
    if reason.as_ref().is_some_and(|reason| reason.contains('\0')) {
        return Err(refused("reason holds a NUL character".to_owned()));
    }
    Ok((line, reason))
}

fn view(call: &Call, one: &Override) -> Value {
    json!({
        "phone_number": one.number,
        "original_line_type": one.original.name(),
        "overridden_line_type": one.line.name(),
        "override_reason": one.reason,
        "override_timestamp": one.changed_at.to_iso8601(),
        "overridden_by_account_sid": call.caller.account_sid().to_string(),
    })
}

/// `GET`.
pub(super) async fn fetch(state: Arc<Lookup>, call: Call) -> ApiResult {
    let (account, number) = (call.caller.account_sid(), number(&state, &call)?);
    let read = state.store.read(move |reader| store::find_override(reader, account, &number));
    let found = read.await.map_err(store_error)?.ok_or_else(|| call.request.not_found())?;
    Ok(Response::ok(&view(&call, &found)))
}

/// `POST`: there must be none yet.
pub(super) async fn create(state: Arc<Lookup>, call: Call) -> ApiResult {
    let one = put(&state, &call, false).await?;
    Ok(Response::created(&view(&call, &one)))
}

/// `PUT`: there must be one.
pub(super) async fn update(state: Arc<Lookup>, call: Call) -> ApiResult {
    let one = put(&state, &call, true).await?;
    Ok(Response::ok(&view(&call, &one)))
}

async fn put(state: &Lookup, call: &Call, changes: bool) -> Result<Override, ApiError> {
    let number = number(state, call)?;
    let (line, reason) = said(call)?;
    let account = call.caller.account_sid();
    let (actor, missing) = (Actor::of(call), call.request.not_found());
    let original = original(state, &number);
    let unit = state.store.write(move |tx| {
        let known = store::find_override(tx, account, &number)?;
        match (&known, changes) {
            (Some(_), false) => {
                let text = format!("{number} has an override already; change it by PUT");
                return Err(ApiError::conflict(text).into());
            }
            (None, true) => return Err(missing.into()),
            (None, false) if store::count_overrides(tx, account)? >= OVERRIDES_MAX => {
                let text = format!("An account has at most {OVERRIDES_MAX} overrides");
                return Err(ApiError::new(code::BAD_REQUEST, text).into());
            }
            _ => {}
        }
        let original = known.map_or(original, |known| known.original);
        let one = Override { number, line, original, reason, changed_at: tx.now() };
        store::put_override(tx, account, &one)?;
        let happened = if changes { "updated" } else { "created" };
        let properties = json!({ "phone_number": one.number, "line_type": one.line.name() });
        let kind = ("lookup-override", happened);
        audit::note(tx, &actor, account, kind, account.into(), properties)?;
        Ok::<_, Refusal>(one)
    });
    let written = unit.await.map_err(ApiError::from);
    state.held.forget(account);
    written
}

/// What is known of a line without the account's word and without asking anybody.
fn original(state: &Lookup, number: &str) -> LineType {
    let described = state.describe(number, None);
    let ranged = state.ranges.find(number).and_then(|range| range.line);
    let planned = || described.plan.as_ref().ok()?.line;
    ranged.or_else(planned).unwrap_or(LineType::Unknown)
}

/// `DELETE`.
pub(super) async fn remove(state: Arc<Lookup>, call: Call) -> ApiResult {
    let (account, number) = (call.caller.account_sid(), number(&state, &call)?);
    let (actor, missing) = (Actor::of(&call), call.request.not_found());
    let unit = state.store.write(move |tx| {
        if !store::remove_override(tx, account, &number)? {
            return Err(missing.into());
        }
        let properties = json!({ "phone_number": number });
        let kind = ("lookup-override", "deleted");
        audit::note(tx, &actor, account, kind, account.into(), properties)?;
        Ok::<_, Refusal>(())
    });
    let removed = unit.await.map_err(ApiError::from);
    state.held.forget(account);
    removed.map(|()| Response::deleted())
}
