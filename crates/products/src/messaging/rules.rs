//! The rules of accepting a message: pure decisions over facts that others looked up.

use std::time::Duration;

use base::{AccountSid, Address, ApiError, Currency, Instant, Money, code};
use smpp::text;

use crate::messaging::Draft;

/// Characters of a body at most.
pub const BODY_MAX: usize = 1_600;

/// Media files of a message at most.
pub const MEDIA_MAX: usize = 10;

/// Longest validity in seconds: ten hours.
pub const VALIDITY_MAX_S: u32 = 36_000;

/// What the tables say about a draft.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Whose number `from` is, if it is one of ours.
    pub sender: Option<SenderFacts>,
    /// Whether the recipient said STOP to this sender.
    pub opted_out: bool,
    /// Whether texts to the recipient's country are switched off.
    pub country_off: bool,
    /// Whether the recipient is a verified number of the account.
    pub verified: bool,
}

/// What is known of an owned number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderFacts {
    /// Who owns it.
    pub account: AccountSid,
    /// Whether it may send texts.
    pub sms: bool,
    /// Whether it may send media.
    pub mms: bool,
}

/// What was decided about an accepted draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The sender in its canonical form.
    pub from: String,
    /// The recipient in its canonical form.
    pub to: String,
    /// SMS parts.
    pub segments: u32,
    /// When it stops being worth sending.
    pub expires_at: Instant,
    /// What it will cost; a positive amount.
    pub price: Money,
    /// Accepted as asked, but above `MaxPrice`: it can only fail.
    pub too_dear: bool,
}

/// What a segment costs, and in which currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prices {
    /// For one SMS segment.
    pub segment: Money,
    /// For one message with media.
    pub media: Money,
}

impl Default for Prices {
    fn default() -> Self {
        let usd = Currency::USD;
        Self {
            segment: Money { micros: 7_900, currency: usd },
            media: Money { micros: 20_000, currency: usd },
        }
    }
}

/// What [`accept`] looks at, in its order, as a message's timeline names it.
pub const CHECKS: [&str; 6] =
    ["content", "recipient", "sender", "trial limits", "country", "consent"];

/// Decides whether a draft becomes a message, and which.
pub fn accept(
    draft: &Draft,
    facts: &Facts,
    prices: &Prices,
    now: Instant,
) -> Result<Accepted, ApiError> {
    check_content(draft)?;
    let to = recipient(&draft.to)?;
    let from = sender(&draft.from)?;
    if from == to {
        let text = "'To' and 'From' number cannot be the same";
        return Err(ApiError::new(code::TO_EQUALS_FROM, text));
    }
    check_sender(draft, &from, facts)?;
    if draft.trial && !facts.verified {
        let text = format!(
            "The number {to} is unverified. Trial accounts cannot send messages to unverified \
             numbers; verify {to} as an outgoing caller id, or upgrade the account"
        );
        return Err(ApiError::new(code::TRIAL_TO_UNVERIFIED, text));
    }
    if facts.country_off {
        let text = format!(
            "Permission to send an SMS has not been enabled for the region indicated by the 'To' \
             number: {}",
            masked(&to.to_string())
        );
        return Err(ApiError::new(code::REGION_NOT_PERMITTED, text));
    }
    if facts.opted_out && !draft.to_opted_out {
        let text = "Attempt to send to unsubscribed recipient: it answered STOP to this sender";
        return Err(ApiError::new(code::OPTED_OUT, text));
    }
    let segments = match draft.media.is_empty() {
        true => text::segments(&draft.body, draft.smart_encoded).count,
        false => 1,
    };
    let price = price(draft, segments, prices);
    let too_dear = draft.price_max.is_some_and(|max| price.micros > max.micros);
    let expires_at = now + Duration::from_secs(u64::from(draft.validity_s));
    Ok(Accepted {
        from: from.to_string(),
        to: to.to_string(),
        segments,
        expires_at,
        price,
        too_dear,
    })
}

fn check_content(draft: &Draft) -> Result<(), ApiError> {
    if draft.body.is_empty() && draft.media.is_empty() {
        return Err(ApiError::new(code::BODY_MISSING, "Message body is required"));
    }
    let length = draft.body.chars().count();
    if length > BODY_MAX {
        let text = format!(
            "The concatenated message body exceeds the 1600 character limit: it has {length}"
        );
        return Err(ApiError::new(code::BODY_TOO_LONG, text));
    }
    if draft.media.len() > MEDIA_MAX {
        let text = format!("A message takes {MEDIA_MAX} media files at most");
        return Err(ApiError::new(code::TOO_MANY_MEDIA, text));
    }
    Ok(())
}

fn recipient(to: &str) -> Result<Address, ApiError> {
    let invalid = || {
        let text = format!("Invalid 'To' Phone Number: {}", masked(to));
        ApiError::new(code::INVALID_TO, text)
    };
    match Address::parse(to).map_err(|_| invalid())? {
        Address::Phone(number) if number.is_possible() => Ok(Address::Phone(number)),
        Address::ShortCode(_) => {
            Err(ApiError::new(code::TO_IS_SHORT_CODE, "'To' may not be a short code"))
        }
        Address::Channel { scheme, .. } => {
            let text = format!("No sender for the channel '{scheme}' is set up here");
            Err(ApiError::new(code::CHANNELS_DIFFER, text))
        }
        _ => Err(invalid()),
    }
}

fn sender(from: &str) -> Result<Address, ApiError> {
    Address::parse(from).map_err(|_| {
        let text = format!(
            "The 'From' number {from} is not a valid phone number, short code, or \
                            alphanumeric sender ID"
        );
        ApiError::new(code::INVALID_FROM, text)
    })
}

fn check_sender(draft: &Draft, from: &Address, facts: &Facts) -> Result<(), ApiError> {
    if let Address::Alpha(_) = from {
        if draft.trial {
            let text = "Alphanumeric sender IDs cannot be used on trial accounts";
            return Err(ApiError::new(code::TRIAL_ALPHA, text));
        }
        return Ok(());
    }
    match facts.sender {
        None => {
            let text = format!(
                "The 'From' phone number provided ({from}) is not a valid message-capable number \
                 of this installation for this destination"
            );
            Err(ApiError::new(code::FROM_NOT_OURS, text))
        }
        Some(sender) if sender.account != draft.account => {
            let text = format!("The 'From' number {from} belongs to another account");
            Err(ApiError::new(code::FROM_OF_ANOTHER, text))
        }
        Some(sender) if !sender.sms => {
            let text = format!("The 'From' number {from} cannot send texts");
            Err(ApiError::new(code::FROM_NOT_OURS, text))
        }
        Some(sender) if !sender.mms && !draft.media.is_empty() => {
            let text = format!("The 'From' number {from} cannot send media");
            Err(ApiError::new(code::FROM_WITHOUT_MMS, text))
        }
        Some(_) => Ok(()),
    }
}

fn price(draft: &Draft, segments: u32, prices: &Prices) -> Money {
    if !draft.media.is_empty() {
        return prices.media;
    }
    let micros = prices.segment.micros * i64::from(segments);
    Money { micros, currency: prices.segment.currency }
}

/// All but the last four digits hidden, as errors reach logs.
fn masked(number: &str) -> String {
    let kept = number.chars().count().saturating_sub(4);
    let hide = |(index, c): (usize, char)| if index < kept && c.is_ascii_digit() { 'X' } else { c };
    number.chars().enumerate().map(hide).collect()
}
