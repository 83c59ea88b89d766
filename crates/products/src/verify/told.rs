//! What is told of verifications: events of the ledger, and webhooks of a service. Never a code.

use ::store::{NewEvent, Tx};
use base::{AccountSid, AnySid};
use serde_json::json;

use crate::registry::Told;
use crate::resource::{self, Document, Refusal};
use crate::verify::Verify;
use crate::verify::model::{Status, Verification, service_sid, verification_sid};
use crate::verify::resources::WEBHOOK;
use crate::webhooks::NewDelivery;

/// Webhooks of a service at most.
pub const WEBHOOKS_MAX: u32 = 20;

const SCHEMA: &str = "AccountSecurity.VerifyVerification";

const MEMBERS: &[(&str, &str, bool, &str)] = &[
    ("serviceSid", "string", false, "Its service"),
    ("channel", "string", false, "How its code travelled last"),
    ("country", "string", false, "The country of the number"),
    ("status", "string", false, "What it has become"),
];

const fn event(kind: &'static str, description: &'static str) -> Told {
    Told { kind, schema: SCHEMA, description, members: MEMBERS }
}

/// What streams are told of, by services that want it (`VerifyEventSubscriptionEnabled`).
pub static EVENTS: [Told; 7] = [
    event("accountsecurity.verify.verification.pending", "A verification was begun"),
    event("accountsecurity.verify.verification.approved", "A verification was approved"),
    event("accountsecurity.verify.verification.canceled", "A verification was canceled"),
    event(
        "accountsecurity.verify.verification.max_attempts_reached",
        "The code of a verification was guessed wrong too often",
    ),
    event("accountsecurity.verify.verification.deleted", "A verification went with its service"),
    event("accountsecurity.verify.verification.failed", "No code of a verification arrived"),
    event("accountsecurity.verify.verification.expired", "The time of a verification ran out"),
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
    verify: &Verify,
    tx: &mut Tx<'_>,
    verification: &Verification,
    status: Status,
) -> Result<(), Refusal> {
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
    happened.tell(verify, tx, &params)
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
        verify: &Verify,
        tx: &mut Tx<'_>,
        params: &[(&'static str, String)],
    ) -> Result<(), Refusal> {
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
            let own = verify.codes.blind(&webhook.sid.bytes, &self.object.to_string());
            let mut form = vec![
                ("uuid", AnySid { prefix: *b"EV", bytes: own }.to_string()),
                ("type", self.kind.to_owned()),
                ("account_sid", self.account.to_string()),
                ("service_sid", service_sid(self.service).to_string()),
            ];
            form.extend(params.iter().cloned());
            deliveries.push(NewDelivery {
                account: self.account,
                object: AnySid { prefix: *b"YW", bytes: own },
                object_seq: self.seq,
                url: webhook.text("WebhookUrl").to_owned(),
                params: form,
                salt: None,
            });
        }
        Ok(verify.outbox.enqueue(tx, deliveries)?)
    }
}

/// Whether a webhook that wants `wanted` is told of `kind`. `*` is Twilio's: factors and
/// challenges; what we tell besides must be named.
fn matches(wanted: &str, kind: &str) -> bool {
    match wanted {
        "*" => !kind.starts_with("verification."),
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
        assert!(matches("verification.*", "verification.approved"));
        assert!(!matches("factor.created", "factor.deleted"));
    }

    #[test]
    fn both_tables_follow_the_statuses() {
        for (index, quiet) in QUIET.iter().enumerate() {
            let status = Status::from_number(index as i64).expect("a status").name();
            assert!(quiet.ends_with(status) && EVENTS[index].kind.ends_with(quiet), "{quiet}");
        }
    }
}
