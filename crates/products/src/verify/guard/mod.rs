//! The fraud guard: asked before a code is sent, told when it was answered. Each decision is
//! logged with the rule that made it.

pub mod api;
pub mod replay;
pub mod rules;
pub mod simulation;
pub mod store;

#[cfg(test)]
mod tests;

use ::store::{StoreError, Tx};
use base::{AccountSid, ApiError, Sid};

use crate::accounts::{geo, safe_list};
use crate::lookup::model::LineType;
use crate::resource::{self, Document};
use crate::verify::model::{Start, Verification};
use crate::verify::resources::SAFE_NUMBER;
use crate::verify::rules::{BLOCKED, COUNTRY_BLOCKED};
use crate::verify::{Verify, sms};
use rules::{Decision, Facts, Level, Rules};
use store::{Logged, Tallies};

/// Decides whether a code is sent, and writes the decision down.
pub fn ask(
    verify: &Verify,
    tx: &mut Tx<'_>,
    service: &Document,
    start: &Start,
) -> Result<Result<(), ApiError>, StoreError> {
    // Mail costs next to nothing: nobody pumps it.
    if start.target.contains('@') {
        return Ok(Ok(()));
    }
    let account = service.account;
    let facts = facts_of(verify, tx, start);
    let level = Level::from_name(service.text("FraudGuard"));
    let mut denied = service.text("CountriesDenied").split(',').map(str::trim);
    let decision = if denied.any(|country| country == facts.country) {
        Decision::block("country_denied", "the service denies this country")
    } else if is_off(verify, tx, account, &facts.number)? {
        Decision::block("geo_permission", "the account's permissions deny this country")
    } else if is_safe(tx, account, &facts.number)? {
        Decision::pass("safe_list", "the number is on the safe list")
    } else if !start.risk_check {
        Decision::pass("risk_check_disabled", "the application vouches for it")
    } else {
        rules::decide(&Rules::default(), level, &facts, &mut Tallies { tx, account })?
    };
    let given = service.given("FraudGuard").unwrap_or("standard");
    let sid = tx.new_sid::<base::EventSid>().bytes();
    store::log(
        tx,
        &Logged {
            account,
            sid,
            service: start.service,
            target: start.target.clone(),
            country: facts.country,
            ip: facts.ip,
            device: facts.device,
            level: given.to_owned(),
            allowed: decision.allowed,
            rule: decision.rule.to_owned(),
            why: decision.why.clone(),
            answered_at: None,
        },
    )?;
    Ok(refusal(&decision))
}

fn refusal(decision: &Decision) -> Result<(), ApiError> {
    match decision.rule {
        _ if decision.allowed => Ok(()),
        "country_denied" | "geo_permission" => {
            let whose = if decision.rule == "country_denied" { "service" } else { "account" };
            let text = format!("The destination's country is blocked by the {whose}'s permissions");
            Err(ApiError::new(COUNTRY_BLOCKED, text))
        }
        rule => {
            let text = format!(
                "Verification delivery attempt blocked by the fraud guard (rule '{rule}'); put \
                 the number on the safe list, or see /trunkline/v1/Verify/Decisions"
            );
            Err(ApiError::new(BLOCKED, text))
        }
    }
}

/// Counts a code that was sent.
pub fn sent(
    verify: &Verify,
    tx: &mut Tx<'_>,
    account: AccountSid,
    start: &Start,
) -> Result<(), StoreError> {
    if start.target.contains('@') {
        return Ok(());
    }
    let facts = facts_of(verify, tx, start);
    rules::sent(&Rules::default(), &facts, &mut Tallies { tx, account })
}

/// Counts a verification that was approved: each of its sends, with the devices that asked.
pub fn converted(tx: &mut Tx<'_>, verification: &Verification) -> Result<(), StoreError> {
    let account = verification.account;
    let since = verification.created_at;
    for decision in store::let_pass(tx, account, &verification.target, since)? {
        if decision.service != verification.service || decision.answered_at.is_some() {
            continue;
        }
        store::answered(tx, &decision)?;
        let facts = Facts { now: tx.now(), ..replay::facts_of(&decision) };
        rules::answered(&Rules::default(), &facts, &mut Tallies { tx, account })?;
    }
    Ok(())
}

fn is_safe(tx: &mut Tx<'_>, account: AccountSid, number: &str) -> Result<bool, StoreError> {
    let own = resource::store::has(tx, &SAFE_NUMBER, account, "PhoneNumber", number)?;
    Ok(own || safe_list::vouched(tx, account, number)?)
}

/// Whether the account's texts may not go to a number's country.
fn is_off(
    verify: &Verify,
    tx: &mut Tx<'_>,
    account: AccountSid,
    number: &str,
) -> Result<bool, StoreError> {
    let said = geo::Said::read(tx, account)?;
    geo::refuses(tx, account, verify.accounts.home(), &said, number)
}

fn facts_of(verify: &Verify, tx: &Tx<'_>, start: &Start) -> Facts {
    let blind = |context: &[u8], text: &String| {
        let key = verify.codes.blind(context, text);
        key.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    Facts {
        now: tx.now(),
        number: start.target.clone(),
        country: sms::country_of(&start.target),
        ip: start.device_ip.as_ref().map(|ip| blind(b"ip", ip)),
        device: start.device_hint.as_ref().map(|hint| blind(b"device", hint)),
        line: start.line.kind.or_else(|| line_of(verify, &start.target)),
    }
}

/// By the plans, which Lookup remembers: nobody is asked.
fn line_of(verify: &Verify, number: &str) -> Option<LineType> {
    verify.lookup.describe(number, None).plan.as_ref().ok()?.line
}
