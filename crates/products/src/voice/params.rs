//! The parameters of a call's requests: what every document is asked with, and what a status
//! callback tells.

use base::{E164, Instant};

use crate::voice::model::{CallRecord, Direction, Status};

/// Parameters in order.
pub type Form = Vec<(&'static str, String)>;

const API_VERSION: &str = "2010-04-01";

/// What every request about a call has.
pub fn standing(call: &CallRecord, status: Status) -> Form {
    let mut form = vec![
        ("CallSid", call.key.sid.to_string()),
        ("AccountSid", call.key.account.to_string()),
        ("From", call.from.clone()),
        ("To", call.to.clone()),
        ("Caller", call.from.clone()),
        ("Called", call.to.clone()),
        ("CallStatus", status.name().to_owned()),
        ("ApiVersion", API_VERSION.to_owned()),
        ("Direction", call.direction.name().to_owned()),
    ];
    if let Some(from) = &call.forwarded_from {
        form.push(("ForwardedFrom", from.clone()));
    }
    if let Some(name) = &call.caller_name {
        form.push(("CallerName", name.clone()));
    }
    if let Some(parent) = call.parent {
        form.push(("ParentCallSid", parent.to_string()));
    }
    form.extend(places(call));
    form
}

/// Where the two are, as far as their numbers tell: the country, and blanks for the rest.
fn places(call: &CallRecord) -> Form {
    let country = |number: &str| E164::parse(number).ok().and_then(|number| number.country());
    let mut form = Vec::new();
    if let Some(country) = country(&call.from) {
        form.extend([
            ("FromCity", String::new()),
            ("FromState", String::new()),
            ("FromZip", String::new()),
            ("FromCountry", country.clone()),
            ("CallerCity", String::new()),
            ("CallerState", String::new()),
            ("CallerZip", String::new()),
            ("CallerCountry", country),
        ]);
    }
    if let Some(country) = country(&call.to) {
        form.extend([
            ("ToCity", String::new()),
            ("ToState", String::new()),
            ("ToZip", String::new()),
            ("ToCountry", country.clone()),
            ("CalledCity", String::new()),
            ("CalledState", String::new()),
            ("CalledZip", String::new()),
            ("CalledCountry", country),
        ]);
    }
    form
}

/// What a status callback tells of the step that a call has just taken.
pub fn progress(call: &CallRecord, at: Instant) -> Form {
    let mut form = standing(call, call.status);
    form.extend([
        ("Timestamp", at.to_rfc2822()),
        ("CallbackSource", "call-progress-events".to_owned()),
        ("SequenceNumber", call.callbacks.saturating_sub(1).to_string()),
    ]);
    if call.status.is_final() {
        form.push(("CallDuration", call.duration_s().to_string()));
        if call.status == Status::Completed {
            form.push(("Duration", minutes(call).to_string()));
        }
        if call.sip_code != 0 {
            form.push(("SipResponseCode", call.sip_code.to_string()));
        }
    }
    form
}

/// Minutes that are billed: those that have begun.
pub fn minutes(call: &CallRecord) -> u64 {
    call.duration_s().div_ceil(60)
}

/// Whether a call was made by us.
pub fn is_outbound(call: &CallRecord) -> bool {
    call.direction != Direction::Inbound
}
