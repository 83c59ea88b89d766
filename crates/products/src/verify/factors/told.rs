//! What the webhooks of a service are told of its factors and challenges.

use ::store::{StoreError, Tx};

use crate::verify::factors::model::{Challenge, Content, Factor};
use crate::verify::told::Happened;
use crate::webhooks::Outbox;

/// What all events of factors have; also what a challenge's event begins with.
fn of_factor(factor: &Factor) -> Vec<(&'static str, String)> {
    vec![
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
    let happened = Happened {
        account: factor.account,
        service: factor.service,
        object: factor.sid.into(),
        seq: factor.event.1,
        kind,
    };
    happened.tell(outbox, tx, &of_factor(factor))
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
    let mut params = of_factor(factor);
    params.push(("challenge_sid", challenge.sid.to_string()));
    params.push(("challenge_details", content.details.to_string()));
    params.push(("challenge_hidden_details", content.hidden_details.to_string()));
    params.push(("challenge_metadata", content.metadata.to_string()));
    let happened = Happened {
        account: challenge.account,
        service: challenge.service,
        object: challenge.sid.into(),
        seq: challenge.event.1,
        kind,
    };
    happened.tell(outbox, tx, &params)
}
