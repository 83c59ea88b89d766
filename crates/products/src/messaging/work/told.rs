//! What is told of a step in a message's life: its event, its callback, its alert.

use super::{Context, Step, charge};
use crate::messaging::model::{Flags, Status};
use crate::usage::{Leaf, Used};
use crate::webhooks::alerts::NewAlert;
use crate::webhooks::{self, NewDelivery};

/// Small and written by hand: this is the hot path.
pub(super) fn facts_of(step: &Step) -> String {
    let repeated = step.flags.has(Flags::REPEATED) && step.status == Status::Sent;
    let repeated = if repeated { ",\"repeated\":true" } else { "" };
    match (step.error, &step.carrier_ref) {
        (0, Some(reference)) => {
            // A carrier may put anything into its reference.
            let reference = serde_json::Value::from(reference.as_str());
            format!("{{\"reference\":{reference}{repeated}}}")
        }
        (0, None) if repeated.is_empty() => "{}".to_owned(),
        (0, None) => "{\"repeated\":true}".to_owned(),
        (error, _) => format!("{{\"error\":{error}}}"),
    }
}

pub(super) fn kind_of(status: Status) -> &'static str {
    match status {
        Status::Sent => "messaging.message.sent",
        Status::Delivered => "messaging.message.delivered",
        Status::Undelivered => "messaging.message.undelivered",
        Status::Failed => "messaging.message.failed",
        Status::Canceled => "messaging.message.canceled",
        Status::Read => "messaging.message.read",
        _ => "messaging.message.changed",
    }
}

pub(super) fn callback_of(step: &Step) -> Option<NewDelivery> {
    let message = &step.message;
    let url = message.callback.clone()?;
    let status = webhooks::params::MessageStatus {
        message: message.key.sid,
        account: message.key.account,
        from: &message.from,
        to: &message.to,
        status: step.status.name(),
        error: Some(step.error).filter(|error| *error != 0),
    };
    Some(NewDelivery {
        account: message.key.account,
        object: message.key.sid.into(),
        object_seq: message.event.1 + 1,
        url,
        get: false,
        params: webhooks::params::message_status(&status),
        salt: message.salt,
    })
}

/// What a step charges for: the first time that the message was handed over.
pub(super) fn used_by(step: &Step, context: &Context) -> Option<Used> {
    let handed_over = matches!(step.status, Status::Sent | Status::Delivered | Status::Undelivered);
    let message = &step.message;
    let price = (handed_over && message.price.is_none()).then(|| charge(message, &context.prices));
    let media = message.media > 0;
    price.map(|price| Used {
        account: message.key.account,
        leaf: Leaf::of_message(false, media, &message.from),
        usage: if media { 1 } else { message.segments },
        price: -price.micros,
    })
}

/// A message that was not delivered is told to the account with its code and its request.
pub(super) fn alert_of(step: &Step, context: &Context) -> Option<NewAlert> {
    let failed = matches!(step.status, Status::Failed | Status::Undelivered) && step.error != 0;
    let key = failed.then_some(step.message.key)?;
    let meaning = base::meaning(step.error).unwrap_or("the carrier refused it");
    let base = &context.public_url;
    Some(NewAlert {
        account: key.account,
        resource: key.sid.into(),
        code: step.error,
        warning: false,
        method: "POST",
        url: format!("{base}/2010-04-01/Accounts/{}/Messages/{}.json", key.account, key.sid),
        message: format!("{}: {meaning}", step.status.name()),
    })
}
