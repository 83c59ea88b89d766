//! Codes by text.

use std::sync::Arc;

use ::store::{Query, StoreError, Tx};
use base::{AccountSid, ApiError, MessageSid, Sid};

use crate::accounts::Kind as AccountKind;
use crate::messaging::model::{Direction, MessageKey};
use crate::messaging::{self, Draft, Message, Messaging};
use crate::numbers::resources::INCOMING_PHONE_NUMBER;
use crate::verify::channels::{Carried, Carry, Parcel, Taken};
use crate::verify::model::Kind;
use crate::verify::rules;
use crate::{resource, webhooks};

/// The job that hears of a text's way.
pub const FOLLOW_JOB: &str = "verify.message";

/// Numbers of an account that are looked at for a sender.
const SENDERS_MAX: u32 = 200;

/// The channel.
pub struct Sms(pub Arc<Messaging>);

impl Carry for Sms {
    fn kind(&self) -> Kind {
        Kind::Sms
    }

    fn carry(&self, tx: &mut Tx<'_>, parcel: &Parcel<'_>) -> Result<Taken, StoreError> {
        let account = parcel.account;
        let Some(from) = sender(tx, account.sid, (parcel.to, parcel.country), "sms")? else {
            let text = "Delivery channel disabled: SMS. This account has no number that sends \
                        texts; buy one";
            return Ok(Err(ApiError::new(rules::CHANNEL_DISABLED, text)));
        };
        let lives = u32::try_from(parcel.lives.as_secs()).unwrap_or(u32::MAX);
        let draft = Draft {
            account: account.sid,
            direction: Direction::OutboundApi,
            from,
            to: parcel.to.to_owned(),
            body: parcel.words.to_owned(),
            media: Vec::new(),
            callback: Some(webhooks::job_address(FOLLOW_JOB)),
            price_max: None,
            validity_s: lives.clamp(1, messaging::rules::VALIDITY_MAX_S),
            feedback: false,
            smart_encoded: false,
            trial: account.kind == AccountKind::Trial,
            to_opted_out: false,
            urgent: true,
            at_most_once: account.at_most_once,
            idempotency: None,
        };
        let outcome = self.0.accept_in(tx, draft)?;
        Ok(outcome.map(|accepted| carried(&accepted.message)))
    }

    fn look(
        &self,
        tx: &mut Tx<'_>,
        account: AccountSid,
        key: [u8; 16],
    ) -> Result<Option<Carried>, StoreError> {
        let found = messaging::store::find(tx, message_key(account, key))?;
        Ok(found.as_ref().map(carried))
    }

    fn redact(
        &self,
        tx: &mut Tx<'_>,
        account: AccountSid,
        key: [u8; 16],
    ) -> Result<bool, StoreError> {
        self.0.redact_in(tx, message_key(account, key))
    }
}

fn message_key(account: AccountSid, key: [u8; 16]) -> MessageKey {
    MessageKey { account, sid: MessageSid::from_bytes(key) }
}

fn carried(message: &Message) -> Carried {
    Carried {
        key: message.key.sid.bytes(),
        status: message.status.name(),
        error: message.error,
        price: message.price.map_or(0, |price| -price.micros),
        interrupted: false,
    }
}

/// A number of the account that is able to `sms` or `voice`: in the recipient's country, else any.
pub fn sender(
    query: &mut impl Query,
    account: AccountSid,
    (to, country): (&str, &str),
    able_to: &str,
) -> Result<Option<String>, StoreError> {
    let of = &INCOMING_PHONE_NUMBER;
    let held = resource::store::list(query, of, account, &[], None, SENDERS_MAX)?;
    let sends = |number: &&resource::Document| {
        let able = number.data.get("capabilities").is_some_and(|can| can[able_to] == true);
        able && number.text("PhoneNumber") != to
    };
    // The oldest first, so that a service keeps its sender while numbers are bought.
    let able: Vec<&str> =
        held.iter().rev().filter(sends).map(|number| number.text("PhoneNumber")).collect();
    let at_home = able.iter().find(|number| country_of(number) == country);
    Ok(at_home.or(able.first()).map(|number| (*number).to_owned()))
}

/// The country of a number, or an empty text.
pub fn country_of(number: &str) -> String {
    base::E164::parse(number).ok().and_then(|number| number.country()).unwrap_or_default()
}
