//! Verifications and attempts in Twilio's shape.

use serde_json::{Value, json};

use crate::verify::model::{
    Attempt, Kind, Status, Verification, attempt_sid, service_sid, verification_sid,
};

/// A verification with its attempts; `root` begins its address.
pub fn verification(found: &Verification, attempts: &[Attempt], root: &str) -> Value {
    let sid = verification_sid(found.sid).to_string();
    let service = service_sid(found.service).to_string();
    let sends: Vec<Value> = attempts
        .iter()
        .map(|attempt| {
            json!({
                "time": attempt.created_at.to_iso8601(),
                "channel": shown(attempt.channel),
                "attempt_sid": attempt_sid(attempt.sid).to_string(),
            })
        })
        .collect();
    json!({
        "sid": sid,
        "service_sid": service,
        "account_sid": found.account.to_string(),
        "to": found.target,
        "channel": found.channel.name(),
        "status": found.status.name(),
        "valid": found.status == Status::Approved,
        "lookup": {},
        "amount": found.payment.as_ref().map(|(amount, _)| amount),
        "payee": found.payment.as_ref().map(|(_, payee)| payee),
        "send_code_attempts": sends,
        "sna": null,
        "date_created": found.created_at.to_iso8601(),
        "date_updated": found.updated_at.to_iso8601(),
        "url": format!("{root}/v2/Services/{service}/Verifications/{sid}"),
    })
}

/// Twilio writes one of them in capitals, in this place alone.
fn shown(kind: Kind) -> &'static str {
    if kind == Kind::Sms { "SMS" } else { kind.name() }
}

/// The answer to a check.
pub fn check(found: &Verification) -> Value {
    json!({
        "sid": verification_sid(found.sid).to_string(),
        "service_sid": service_sid(found.service).to_string(),
        "account_sid": found.account.to_string(),
        "to": found.target,
        "channel": found.channel.name(),
        "status": found.status.name(),
        "valid": found.status == Status::Approved,
        "amount": found.payment.as_ref().map(|(amount, _)| amount),
        "payee": found.payment.as_ref().map(|(_, payee)| payee),
        "sna_attempts_error_codes": [],
        "date_created": found.created_at.to_iso8601(),
        "date_updated": found.updated_at.to_iso8601(),
    })
}

/// One attempt.
pub fn attempt(found: &Attempt, root: &str) -> Value {
    let sid = attempt_sid(found.sid).to_string();
    let verification = verification_sid(found.verification).to_string();
    let status = if found.converted { "confirmed" } else { "unconfirmed" };
    let error = (found.error != 0).then(|| found.error.to_string());
    let price = base::Money { micros: found.price, currency: base::Currency::USD };
    json!({
        "sid": sid,
        "account_sid": found.account.to_string(),
        "service_sid": service_sid(found.service).to_string(),
        "verification_sid": verification,
        "date_created": found.created_at.to_iso8601(),
        "date_updated": found.updated_at.to_iso8601(),
        "conversion_status": if found.converted { "converted" } else { "unconverted" },
        "channel": if found.channel == Kind::Rcs { "rbm" } else { found.channel.name() },
        "price": { "value": price.to_string(), "currency": "usd" },
        "channel_data": {
            "verification_sid": verification,
            "to": found.target,
            "status": status,
            "message_status": found.status,
            "error_code": error,
            "country": found.country,
            "code_length": found.length,
            "locale": found.locale,
        },
        "url": format!("{root}/v2/Attempts/{sid}"),
    })
}
