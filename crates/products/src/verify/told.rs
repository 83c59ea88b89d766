//! What is told of verifications: events of the ledger, and webhooks of a service. Never a code.

use ::store::{NewEvent, StoreError, Tx};
use base::{AccountSid, AnySid};
use ring::digest::{SHA256, digest};
use serde_json::json;

use crate::registry::Told;
use crate::resource::{self, Document, Refusal};
use crate::verify::model::{Status, Verification, service_sid, verification_sid};
use crate::verify::resources::WEBHOOK;
use crate::webhooks::{NewDelivery, Outbox};

/// Webhooks of a service at most.
pub const WEBHOOKS_MAX: u32 = 20;

const SCHEMA: &str = "AccountSecurity.VerifyVerification";

const MEMBERS: &[(&str, &str, bool, &str)] = &[
    ("serviceSid", "string", false, "Its service"),
    ("channel", "string", false, "How its code travelled last"),
    ("country", "string", false, "The country of the number"),
    ("status", "string", false, "What it has become"),
];

const FACTOR: &[(&str, &str, bool, &str)] =
    &[("factorType", "string", false, "totp, push or passkeys")];

const fn factor(kind: &'static str, description: &'static str) -> Told {
    Told { kind, schema: "AccountSecurity.VerifyFactor", description, members: FACTOR }
}

const fn challenge(kind: &'static str, description: &'static str) -> Told {
    Told { kind, schema: "AccountSecurity.VerifyChallenge", description, members: FACTOR }
}

const fn event(kind: &'static str, description: &'static str) -> Told {
    Told { kind, schema: SCHEMA, description, members: MEMBERS }
}

/// What streams are told of, by services that want it (`VerifyEventSubscriptionEnabled`).
/// Then what they are told of factors and challenges, in words of ours: Twilio streams none.
pub static EVENTS: [Told; 14] = [
    event("accountsecurity.verify.verification.pending", "A verification was begun"),
    event("accountsecurity.verify.verification.approved", "A verification was approved"),
    event("accountsecurity.verify.verification.canceled", "A verification was canceled"),
    event(
        "accountsecurity.verify.verification.max-attempts-reached",
        "The code of a verification was guessed wrong too often",
    ),
    event("accountsecurity.verify.verification.deleted", "A verification went with its service"),
    event("accountsecurity.verify.verification.failed", "No code of a verification arrived"),
    event("accountsecurity.verify.verification.expired", "The time of a verification ran out"),
    factor("verify.factor.created", "A factor was made, and waits for its first proof"),
    factor("verify.factor.verified", "A factor was proved for the first time"),
    factor("verify.factor.deleted", "A factor was deleted"),
    challenge("verify.challenge.created", "A challenge was put to a factor"),
    challenge("verify.challenge.notified", "A device should be told of a challenge"),
    challenge("verify.challenge.approved", "A challenge was approved"),
    challenge("verify.challenge.denied", "A challenge was denied"),
];

/// The same in the ledger alone.
const QUIET: [&str; 7] = [
    "verify.verification.pending",
    "verify.verification.approved",
    "verify.verification.canceled",
    "verify.verification.max_attempts_reached",
    "verify.verification.deleted",
    "verify.verification.failed",
    "verify.verification.expired",
];

/// Whether streams are told of a service's verifications.
pub fn streamed(service: &Document) -> bool {
    service.flag("VerifyEventSubscriptionEnabled")
}

/// Writes the event of a change, and answers its id and number.
pub fn note(
    tx: &mut Tx<'_>,
    verification: &Verification,
    status: Status,
    streamed: bool,
) -> Result<(i64, i64), Refusal> {
    let index = status as usize;
    let kind = if streamed { EVENTS[index].kind } else { QUIET[index] };
    let facts = json!({
        "serviceSid": service_sid(verification.service).to_string(),
        "channel": verification.channel.name(),
        "country": verification.country,
        "status": status.name(),
    });
    let seq = verification.event.1 + 1;
    let id = tx.emit(NewEvent {
        account: verification.account,
        object: verification_sid(verification.sid),
        object_seq: seq,
        previous: verification.event.0,
        kind,
        facts: &facts.to_string(),
    })?;
    Ok((id, seq))
}

/// Tells a service's webhooks that a verification has become something.
pub fn tell(
    outbox: &Outbox,
    tx: &mut Tx<'_>,
    verification: &Verification,
    status: Status,
) -> Result<(), StoreError> {
    let happened = Happened {
        account: verification.account,
        service: verification.service,
        object: verification_sid(verification.sid),
        seq: verification.event.1,
        kind: &format!("verification.{}", status.name()),
    };
    let params = vec![
        ("verification_sid", verification_sid(verification.sid).to_string()),
        ("verification_status", status.name().to_owned()),
        ("channel", verification.channel.name().to_owned()),
    ];
    happened.tell(outbox, tx, &params)
}

/// Something that webhooks of a service are told of.
pub struct Happened<'a> {
    /// Whose service it is.
    pub account: AccountSid,
    /// The service.
    pub service: [u8; 16],
    /// What it happened to: what is told of one object is told in order.
    pub object: AnySid,
    /// Its number among the events of the object, from 1.
    pub seq: i64,
    /// `factor.verified`
    pub kind: &'a str,
}

impl Happened<'_> {
    /// Writes a delivery for each enabled webhook of the service that wants this kind.
    pub fn tell(
        &self,
        outbox: &Outbox,
        tx: &mut Tx<'_>,
        params: &[(&'static str, String)],
    ) -> Result<(), StoreError> {
        let of = (self.account, self.service);
        let mut deliveries = Vec::new();
        for webhook in resource::store::list_of(tx, &WEBHOOK, of, &[], None, WEBHOOKS_MAX)? {
            let wanted = webhook.data.get("event_types").and_then(|types| types.as_array());
            let wants = wanted.into_iter().flatten().filter_map(|kind| kind.as_str());
            let enabled = webhook.text("Status") == "enabled";
            if !enabled || !wants.into_iter().any(|wanted| matches(wanted, self.kind)) {
                continue;
            }
            // Deliveries are in order for one object; each webhook has an order of its own.
            let stream = [webhook.sid.bytes, self.object.bytes].concat();
            let one = [&stream[..], &self.seq.to_be_bytes(), self.kind.as_bytes()].concat();
            let mut form = vec![
                ("uuid", AnySid { prefix: *b"EV", bytes: short(&one) }.to_string()),
                ("type", self.kind.to_owned()),
                ("account_sid", self.account.to_string()),
                ("service_sid", service_sid(self.service).to_string()),
            ];
            form.extend(params.iter().cloned());
            deliveries.push(NewDelivery {
                account: self.account,
                object: AnySid { prefix: *b"YW", bytes: short(&stream) },
                object_seq: self.seq,
                url: webhook.text("WebhookUrl").to_owned(),
                get: webhook.text("WebhookMethod") == "GET",
                params: form,
                salt: None,
            });
        }
        outbox.enqueue(tx, deliveries)
    }
}

/// A name made of names.
fn short(of: &[u8]) -> [u8; 16] {
    let mut name = [0; 16];
    name.copy_from_slice(&digest(&SHA256, of).as_ref()[..16]);
    name
}

/// Whether a webhook that wants `wanted` is told of `kind`. `*` is Twilio's: factors and answered
/// challenges; what we tell besides must be named.
fn matches(wanted: &str, kind: &str) -> bool {
    match wanted {
        "*" => !kind.starts_with("verification.") && kind != "challenge.notified",
        "verification.*" => kind.starts_with("verification."),
        wanted => wanted == kind,
    }
}

/// Kinds that a webhook may want.
pub const KINDS: [&str; 15] = [
    "*",
    "factor.created",
    "factor.verified",
    "factor.deleted",
    "challenge.approved",
    "challenge.denied",
    "challenge.notified",
    "verification.*",
    "verification.pending",
    "verification.approved",
    "verification.canceled",
    "verification.max_attempts_reached",
    "verification.deleted",
    "verification.failed",
    "verification.expired",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_means_what_twilio_means_by_it() {
        assert!(matches("*", "factor.created") && !matches("*", "verification.approved"));
        assert!(matches("*", "challenge.denied") && !matches("*", "challenge.notified"));
        assert!(matches("challenge.notified", "challenge.notified"));
        assert!(matches("verification.*", "verification.approved"));
        assert!(!matches("factor.created", "factor.deleted"));
    }

    #[test]
    fn both_tables_follow_the_statuses() {
        for (index, quiet) in QUIET.iter().enumerate() {
            let status = Status::from_number(index as i64).expect("a status").name();
            let streamed = EVENTS[index].kind.replace('-', "_");
            assert!(quiet.ends_with(status) && streamed.ends_with(quiet), "{quiet}");
        }
    }
}
