//! What the webhooks of a service are told of its factors and challenges.

use ::store::{StoreError, Tx};
use base::{AccountSid, AnySid};
use ring::digest::{SHA256, digest};
use serde_json::Value;

use crate::resource::{Document, Resource, store as documents};
use crate::verify::factors::model::{Challenge, Content, Factor};
use crate::webhooks::{NewDelivery, Outbox};

/// Webhooks of a service that are told.
const WEBHOOKS_MAX: u32 = 100;

/// What all events of factors have; also what a challenge's event begins with.
fn of_factor(kind: &str, factor: &Factor) -> Vec<(&'static str, String)> {
    vec![
        ("type", kind.to_owned()),
        ("account_sid", factor.account.to_string()),
        ("service_sid", crate::verify::resources::SERVICE.sid(factor.service).to_string()),
        ("entity_sid", factor.entity.to_string()),
        ("entity_identity", factor.identity.clone()),
        ("factor_sid", factor.sid.to_string()),
        ("factor_type", factor.kind.name().to_owned()),
        ("factor_friendly_name", factor.friendly_name.clone()),
    ]
}

/// Tells of a factor: `factor.created`, `factor.verified`, `factor.deleted`.
pub(super) fn factor(
    tx: &mut Tx<'_>,
    outbox: &Outbox,
    kind: &str,
    factor: &Factor,
) -> Result<(), StoreError> {
    let (object, seq) = (AnySid::from(factor.sid), factor.event.1);
    told(tx, outbox, factor.account, factor.service, (object, seq), of_factor(kind, factor))
}

/// Tells of a challenge: `challenge.approved`, `challenge.denied`, and `challenge.notified`, which
/// takes the place of a push.
pub(super) fn challenge(
    tx: &mut Tx<'_>,
    outbox: &Outbox,
    kind: &str,
    factor: &Factor,
    (challenge, content): (&Challenge, &Content),
) -> Result<(), StoreError> {
    let mut params = of_factor(kind, factor);
    params.push(("challenge_sid", challenge.sid.to_string()));
    params.push(("challenge_details", content.details.to_string()));
    params.push(("challenge_hidden_details", content.hidden_details.to_string()));
    params.push(("challenge_metadata", content.metadata.to_string()));
    let of = (AnySid::from(challenge.sid), challenge.event.1);
    told(tx, outbox, challenge.account, challenge.service, of, params)
}

/// The declared webhooks of a service, if there is such a resource.
fn webhooks() -> Option<&'static Resource> {
    let path = "/v2/Services/{ServiceSid}/Webhooks";
    crate::declared().find(|one| one.host == "verify" && one.path == path)
}

/// Whether a webhook wants events of a kind. Those that are not Twilio's must be named.
fn wants(webhook: &Document, kind: &str) -> bool {
    if webhook.text("Status") == "disabled" {
        return false;
    }
    let types = webhook.data.get("event_types").and_then(Value::as_array);
    let named = |name: &str| types.is_some_and(|list| list.iter().any(|one| one == name));
    named(kind) || (named("*") && kind != "challenge.notified")
}

/// Writes a delivery to each webhook of the service that is subscribed to `params`' type. What
/// one webhook is told of one object comes in order.
fn told(
    tx: &mut Tx<'_>,
    outbox: &Outbox,
    account: AccountSid,
    service: [u8; 16],
    (object, seq): (AnySid, i64),
    params: Vec<(&'static str, String)>,
) -> Result<(), StoreError> {
    let Some(resource) = webhooks() else { return Ok(()) };
    let kind = params.first().map_or("", |(_, kind)| kind).to_owned();
    let found = documents::list_of(tx, resource, (account, service), &[], None, WEBHOOKS_MAX)?;
    let wanted = found.iter().filter(|webhook| wants(webhook, &kind));
    let deliveries: Vec<NewDelivery> = wanted
        .filter_map(|webhook| {
            let url = webhook.given("WebhookUrl")?.to_owned();
            // Two webhooks of one object are two streams of deliveries.
            let both = digest(&SHA256, &[&webhook.sid.bytes[..], &object.bytes].concat());
            let mut stream = AnySid { prefix: object.prefix, bytes: [0; 16] };
            stream.bytes.copy_from_slice(&both.as_ref()[..16]);
            let mut params = params.clone();
            params.push(("uuid", webhook.sid.to_string()));
            Some(NewDelivery { account, object: stream, object_seq: seq, url, params, salt: None })
        })
        .collect();
    outbox.enqueue(tx, deliveries)
}
