//! Verifications and attempts in Twilio's shape.

use serde_json::{Value, json};

use crate::verify::model::{
    Attempt, Kind, Line, Status, Verification, attempt_sid, service_sid, verification_sid,
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
        "lookup": Line::kept(found.lookup.as_ref()).shown.unwrap_or_else(|| json!({})),
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use base::{AccountSid, Instant, Sid};

    use super::*;

    /// Twilio's members, made of its OpenAPI document by `cargo xtask facts`.
    const TABLE: &str = include_str!("../../data/resources.tsv");

    /// Whether an answer has the members that Twilio's has, each of its type or null.
    fn is_twilios(list: &str, answer: &Value) {
        let rows = TABLE.lines().map(|line| line.split('\t').collect::<Vec<_>>());
        let rows: Vec<_> = rows.filter(|row| row[0] == "verify" && row[1] == list).collect();
        let shown: Vec<_> = rows.iter().filter(|row| row[4].contains('r')).collect();
        let named: BTreeSet<&str> = shown.iter().map(|row| row[2]).collect();
        let ours = answer.as_object().expect("an object");
        assert_eq!(ours.keys().map(String::as_str).collect::<BTreeSet<_>>(), named, "{list}");
        for row in shown {
            let (value, form) = (&answer[row[2]], row[3]);
            let fits = match form {
                "any" | "object" => true,
                "boolean" => value.is_boolean(),
                "integer" => value.is_i64(),
                "array" => value.is_array(),
                "uri" => value.as_str().is_some_and(|text| text.starts_with("http")),
                "instant" => value.as_str().is_some_and(|text| text.ends_with('Z')),
                _ => match (form.strip_prefix("sid:"), form.strip_prefix("enum:"), value) {
                    (Some(prefix), _, Value::String(sid)) => sid.starts_with(prefix),
                    (_, Some(words), Value::String(word)) => words.split('|').any(|w| w == word),
                    (.., value) => value.is_string() || value.is_null(),
                },
            };
            assert!(fits, "{list} {}: {value} is no {form}", row[2]);
        }
    }

    #[test]
    fn answers_have_twilios_members() {
        let (account, now) = (AccountSid::from_bytes([1; 16]), Instant::from_secs(1_700_000_000));
        let verification = Verification {
            sid: [2; 16],
            account,
            service: [3; 16],
            target: "+15551230001".to_owned(),
            country: "US".to_owned(),
            channel: Kind::Sms,
            status: Status::Pending,
            sends: 1,
            checks: 0,
            created_at: now,
            updated_at: now,
            expires_at: now,
            event: (1, 1),
            kept: None,
            length: 6,
            payment: None,
            locale: "en".to_owned(),
            tags: None,
            lookup: None,
        };
        let attempt = Attempt {
            sid: [4; 16],
            account,
            service: [3; 16],
            verification: [2; 16],
            channel: Kind::Rcs,
            target: "+15551230001".to_owned(),
            country: "US".to_owned(),
            created_at: now,
            updated_at: now,
            status: "sent".to_owned(),
            error: 0,
            carried: [5; 16],
            converted: false,
            price: 7_900,
            locale: "en".to_owned(),
            length: 6,
        };
        let service = "/v2/Services/{ServiceSid}";
        let shown = super::verification(&verification, std::slice::from_ref(&attempt), "http://h");
        is_twilios(&format!("{service}/Verifications"), &shown);
        is_twilios(&format!("{service}/VerificationCheck"), &check(&verification));
        is_twilios("/v2/Attempts", &super::attempt(&attempt, "http://h"));
    }
}
