//! Verifications, their states, and the attempts to deliver their codes.

use base::{AccountSid, AnySid, Instant};
use serde_json::{Map, Value, json};

use crate::lookup::model::LineType;

/// How a code travels. The words are Twilio's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A text.
    Sms,
    /// A call that says it.
    Call,
    /// A mail.
    Email,
    /// A message on WhatsApp.
    Whatsapp,
    /// A rich text (RCS).
    Rcs,
    /// No code at all: the network says whose number it is.
    Sna,
}

impl Kind {
    /// All there are; those that reach a phone the best first.
    pub const ALL: [Self; 6] =
        [Self::Sms, Self::Whatsapp, Self::Rcs, Self::Call, Self::Email, Self::Sna];

    /// Twilio's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Call => "call",
            Self::Email => "email",
            Self::Whatsapp => "whatsapp",
            Self::Rcs => "rcs",
            Self::Sna => "sna",
        }
    }

    /// From its word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Where a verification is in its life. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Its code can be checked.
    Pending = 0,
    /// Somebody knew the code, or the application says so.
    Approved = 1,
    /// The application took it back.
    Canceled = 2,
    /// The code was guessed wrong too often.
    MaxAttempts = 3,
    /// Its service is gone.
    Deleted = 4,
    /// Its time ran out, and no attempt had reached the recipient.
    Failed = 5,
    /// Its time ran out.
    Expired = 6,
}

impl Status {
    const ALL: [Self; 7] = [
        Self::Pending,
        Self::Approved,
        Self::Canceled,
        Self::MaxAttempts,
        Self::Deleted,
        Self::Failed,
        Self::Expired,
    ];

    /// From its stored number.
    pub fn from_number(number: i64) -> Option<Self> {
        usize::try_from(number).ok().and_then(|index| Self::ALL.get(index).copied())
    }

    /// Twilio's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Canceled => "canceled",
            Self::MaxAttempts => "max_attempts_reached",
            Self::Deleted => "deleted",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }
}

/// The SID of a verification.
pub fn verification_sid(bytes: [u8; 16]) -> AnySid {
    AnySid { prefix: *b"VE", bytes }
}

/// The SID of an attempt.
pub fn attempt_sid(bytes: [u8; 16]) -> AnySid {
    AnySid { prefix: *b"VL", bytes }
}

/// The SID of a service.
pub fn service_sid(bytes: [u8; 16]) -> AnySid {
    AnySid { prefix: *b"VA", bytes }
}

/// A verification as it stands in its row.
#[derive(Clone, Debug)]
pub struct Verification {
    /// Its SID's bytes (`VE`).
    pub sid: [u8; 16],
    /// Whose it is.
    pub account: AccountSid,
    /// Its service's SID's bytes (`VA`).
    pub service: [u8; 16],
    /// Who is verified: a number, or an address of mail.
    pub target: String,
    /// ISO 3166 code of the number's country; empty where there is none.
    pub country: String,
    /// How the code travelled last.
    pub channel: Kind,
    /// Where it is in its life.
    pub status: Status,
    /// How often its code was sent.
    pub sends: i64,
    /// How often a code was tried.
    pub checks: i64,
    /// When it was begun.
    pub created_at: Instant,
    /// When it was changed last.
    pub updated_at: Instant,
    /// When its code is worth nothing any more.
    pub expires_at: Instant,
    /// Last event and its number.
    pub event: (i64, i64),
    /// The code, until it ends.
    pub kept: Option<Kept>,
    /// Characters of the code.
    pub length: i64,
    /// What is paid (PSD2), and to whom.
    pub payment: Option<(String, String)>,
    /// The language of its words.
    pub locale: String,
    /// What the application noted.
    pub tags: Option<String>,
    /// What was found out about the number when it was begun, as a JSON object.
    pub lookup: Option<String>,
}

/// A code at rest: sealed under the verification's own key, to send it again, and as a keyed
/// digest, to check it. Destroyed with its salt.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Salt of the verification's key.
    pub salt: [u8; 16],
    /// The sealed code.
    pub sealed: Vec<u8>,
    /// Its keyed digest.
    pub digest: Vec<u8>,
}

/// One try to deliver a code.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Its SID's bytes (`VL`).
    pub sid: [u8; 16],
    /// Whose it is.
    pub account: AccountSid,
    /// Its service.
    pub service: [u8; 16],
    /// Its verification.
    pub verification: [u8; 16],
    /// How the code travelled.
    pub channel: Kind,
    /// Where to.
    pub target: String,
    /// ISO 3166 code of the number's country; empty where there is none.
    pub country: String,
    /// When it was made.
    pub created_at: Instant,
    /// When it was changed last.
    pub updated_at: Instant,
    /// Twilio's word for how the delivery stands: `queued`, `delivered`.
    pub status: String,
    /// Why it failed; 0 when it did not.
    pub error: i64,
    /// What the channel calls it: the message's SID's bytes.
    pub carried: [u8; 16],
    /// Whether its verification was approved.
    pub converted: bool,
    /// What it costs, in millionths of a dollar; not negative.
    pub price: i64,
    /// The language of its words.
    pub locale: String,
    /// Characters of the code.
    pub length: i64,
}

/// What an application asks for when it begins a verification; parsed, nothing is decided.
/// It may hold a code, and can't be printed.
#[derive(Clone)]
pub struct Start {
    /// The service's SID's bytes.
    pub service: [u8; 16],
    /// Who is verified, in canonical form.
    pub target: String,
    /// How; `None` lets the house choose (`auto`).
    pub channel: Option<Kind>,
    /// A name in place of the service's.
    pub name: Option<String>,
    /// A language.
    pub locale: Option<String>,
    /// The application's own code.
    pub custom_code: Option<String>,
    /// What is paid (PSD2).
    pub amount: Option<String>,
    /// To whom.
    pub payee: Option<String>,
    /// Names of rate limits and the keys to count by.
    pub limits: Vec<(String, String)>,
    /// Ends an Android text, so that its app reads the code.
    pub app_hash: Option<String>,
    /// A template in place of the service's.
    pub template: Option<String>,
    /// The address of the device that asks.
    pub device_ip: Option<String>,
    /// What else is known of the device (`X-Trunkline-Device`): counted by, never shown.
    pub device_hint: Option<String>,
    /// Whether fraud rules are asked.
    pub risk_check: bool,
    /// What the application notes, as a JSON object.
    pub tags: Option<String>,
    /// Digits to dial once a call is answered.
    pub send_digits: Option<String>,
    /// What is known of the number's line.
    pub line: Line,
}

/// What is known of a number's line.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// Which kind.
    pub kind: Option<LineType>,
    /// The `lookup` of a service that asks for it.
    pub shown: Option<Value>,
}

impl Line {
    /// By what Lookup found, or the code in its place; the kind is named as version 1 names it.
    pub fn found(object: Result<Map<String, Value>, u32>) -> Self {
        let member = |name: &str| object.as_ref().ok()?.get(name).cloned();
        let kind = member("type").and_then(|kind| LineType::from_name(kind.as_str()?));
        let carrier = json!({
            "name": member("carrier_name"),
            "mobile_country_code": member("mobile_country_code"),
            "mobile_network_code": member("mobile_network_code"),
            "type": kind.and_then(LineType::old_name),
            "error_code": object.as_ref().err(),
        });
        Self { kind, shown: Some(json!({ "carrier": carrier })) }
    }

    /// By what was kept of it.
    pub fn kept(lookup: Option<&String>) -> Self {
        let shown: Option<Value> = lookup.and_then(|text| serde_json::from_str(text).ok());
        let named = shown.as_ref().and_then(|shown| shown["carrier"]["type"].as_str());
        Self { kind: named.and_then(LineType::from_name), shown }
    }

    /// Whether texts to it get lost.
    pub fn is_landline(&self) -> bool {
        self.kind.and_then(LineType::old_name) == Some("landline")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_shown_by_version_ones_names_and_kept() {
        let object = |kind: &str| {
            Line::found(Ok(Map::from_iter([
                ("type".to_owned(), kind.into()),
                ("carrier_name".to_owned(), "Post".into()),
            ])))
        };
        let fixed = object("landline");
        let carrier = &fixed.shown.as_ref().expect("an object")["carrier"];
        assert_eq!((&carrier["type"], &carrier["name"]), (&"landline".into(), &"Post".into()));
        assert!(fixed.is_landline() && carrier["error_code"].is_null());
        assert!(Line::kept(fixed.shown.map(|shown| shown.to_string()).as_ref()).is_landline());
        assert!(!object("mobile").is_landline() && !object("nonFixedVoip").is_landline());
        let unknown = Line::found(Err(60600));
        assert!(!unknown.is_landline());
        assert_eq!(unknown.shown.expect("an object")["carrier"]["error_code"], 60600);
        assert!(!Line::kept(None).is_landline());
    }
}
