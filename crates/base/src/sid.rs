//! SIDs: two letters of a kind and sixteen bytes, 48 bits of milliseconds before 80 random ones,
//! so that inserts are local and pages stable. Neither a secret nor a promise of order.

use std::fmt;
use std::str::FromStr;

use crate::Instant;

/// Text that is not a SID of the wanted kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid SID of this kind")]
pub struct InvalidSid;

/// What every kind of SID can do.
pub trait Sid:
    Copy + Eq + Ord + std::hash::Hash + fmt::Debug + fmt::Display + FromStr<Err = InvalidSid>
{
    /// The two letters before the digits.
    const PREFIX: &'static str;

    /// From its stored bytes.
    fn from_bytes(bytes: [u8; 16]) -> Self;

    /// As it is stored.
    fn bytes(self) -> [u8; 16];

    /// A SID of the instant `at`.
    fn new(at: Instant, random: [u8; 10]) -> Self {
        let millis = u64::try_from(at.millis()).unwrap_or_default();
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&random);
        Self::from_bytes(bytes)
    }

    /// When it was made, to the millisecond.
    fn created_at(self) -> Instant {
        let bytes = self.bytes();
        let mut millis = [0; 8];
        millis[2..].copy_from_slice(&bytes[..6]);
        Instant::from_micros((u64::from_be_bytes(millis) as i64).saturating_mul(1_000))
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Prefix and digits on the stack: SIDs are formatted on hot paths.
fn write_sid(f: &mut fmt::Formatter<'_>, prefix: [u8; 2], bytes: [u8; 16]) -> fmt::Result {
    let mut text = [0; 34];
    text[..2].copy_from_slice(&prefix);
    for (index, byte) in bytes.iter().enumerate() {
        text[2 + index * 2] = HEX[usize::from(byte >> 4)];
        text[3 + index * 2] = HEX[usize::from(byte & 15)];
    }
    f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
}

fn parse_digits(digits: &str) -> Result<[u8; 16], InvalidSid> {
    let digits = digits.as_bytes();
    if digits.len() != 32 {
        return Err(InvalidSid);
    }
    let value = |digit: u8| char::from(digit).to_digit(16).ok_or(InvalidSid);
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::try_from(value(pair[0])? << 4 | value(pair[1])?).map_err(|_| InvalidSid)?;
    }
    Ok(bytes)
}

/// Declares kinds of SIDs, a line each.
macro_rules! sids {
    ($($(#[$doc:meta])* $name:ident $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl Sid for $name {
            const PREFIX: &'static str = $prefix;

            fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            fn bytes(self) -> [u8; 16] {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_sid(f, self.prefix(), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidSid;

            fn from_str(text: &str) -> Result<Self, InvalidSid> {
                let (prefix, digits) = text.split_at_checked(2).ok_or(InvalidSid)?;
                let sid = Self(parse_digits(digits)?);
                if sid.prefix() == *prefix.as_bytes() { Ok(sid) } else { Err(InvalidSid) }
            }
        }

        impl From<$name> for AnySid {
            fn from(sid: $name) -> Self {
                Self { prefix: sid.prefix(), bytes: sid.0 }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

/// Kinds whose prefix is always the same.
macro_rules! plain_prefix {
    ($($name:ident)*) => {$(
        impl $name {
            fn prefix(self) -> [u8; 2] {
                let prefix = Self::PREFIX.as_bytes();
                [prefix[0], prefix[1]]
            }
        }
    )*};
}

sids! {
    /// An account.
    AccountSid "AC";
    /// An API key.
    KeySid "SK";
    /// A message: `SM`, or `MM` when it carries media (its last bit tells).
    MessageSid "SM";
    /// A media file of a message.
    MediaSid "ME";
    /// An owned number.
    PhoneNumberSid "PN";
    /// A TwiML application.
    ApplicationSid "AP";
    /// A postal address.
    AddressSid "AD";
    /// A short code.
    ShortCodeSid "SC";
    /// A messaging service.
    ServiceSid "MG";
    /// An event of the audit log.
    EventSid "AE";
    /// An alert.
    NotificationSid "NO";
    /// A request to the API.
    RequestSid "RQ";
    /// A person.
    UserSid "US";
    /// A message on a simulated handset.
    HandsetMessageSid "HM";
    /// Somebody who is verified by factors.
    EntitySid "YE";
    /// A factor: what somebody proves to have.
    FactorSid "YF";
    /// A challenge: one use of a factor.
    ChallengeSid "YC";
    /// A token by which a device registers itself as a factor.
    AccessTokenSid "YK";
    /// A notification of a challenge.
    ChallengeNoticeSid "NT";
    /// A call: one leg, of whoever calls or is called.
    CallSid "CA";
    /// A recording.
    RecordingSid "RE";
    /// A conference.
    ConferenceSid "CF";
    /// A queue of calls.
    QueueSid "QU";
}

plain_prefix! {
    AccountSid KeySid MediaSid PhoneNumberSid ApplicationSid AddressSid ShortCodeSid ServiceSid
    EventSid NotificationSid RequestSid UserSid HandsetMessageSid EntitySid FactorSid ChallengeSid
    AccessTokenSid ChallengeNoticeSid CallSid RecordingSid ConferenceSid QueueSid
}

impl MessageSid {
    /// The same message as one that carries media.
    #[must_use]
    pub fn with_media(mut self) -> Self {
        self.0[15] |= 1;
        self
    }

    /// The same message as one that is only text.
    #[must_use]
    pub fn without_media(mut self) -> Self {
        self.0[15] &= !1;
        self
    }

    /// Whether it carries media.
    pub fn has_media(self) -> bool {
        self.0[15] & 1 == 1
    }

    fn prefix(self) -> [u8; 2] {
        if self.has_media() { *b"MM" } else { *b"SM" }
    }
}

/// A SID of any kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnySid {
    /// The two letters.
    pub prefix: [u8; 2],
    /// The sixteen bytes.
    pub bytes: [u8; 16],
}

impl AnySid {
    /// As it is stored where any kind may stand.
    pub fn to_bytes18(self) -> [u8; 18] {
        let mut bytes = [0; 18];
        bytes[..2].copy_from_slice(&self.prefix);
        bytes[2..].copy_from_slice(&self.bytes);
        bytes
    }

    /// From what `to_bytes18` gave.
    pub fn from_bytes18(bytes: [u8; 18]) -> Self {
        let mut sid = Self { prefix: [bytes[0], bytes[1]], bytes: [0; 16] };
        sid.bytes.copy_from_slice(&bytes[2..]);
        sid
    }

    /// As a SID of one kind, if it is of that kind.
    pub fn cast<T: Sid>(self) -> Option<T> {
        self.to_string().parse().ok()
    }
}

impl fmt::Display for AnySid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_sid(f, self.prefix, self.bytes)
    }
}

impl fmt::Debug for AnySid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for AnySid {
    type Err = InvalidSid;

    fn from_str(text: &str) -> Result<Self, InvalidSid> {
        let (prefix, digits) = text.split_at_checked(2).ok_or(InvalidSid)?;
        let prefix: [u8; 2] = prefix.as_bytes().try_into().map_err(|_| InvalidSid)?;
        if !prefix.iter().all(u8::is_ascii_uppercase) {
            return Err(InvalidSid);
        }
        Ok(Self { prefix, bytes: parse_digits(digits)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_are_one_to_one() {
        let sid = AccountSid::new(Instant::from_secs(1_700_000_000), [0xab; 10]);
        let text = sid.to_string();
        assert!(text.starts_with("AC") && text.len() == 34, "{text}");
        assert_eq!(text.parse(), Ok(sid));
        assert_eq!(sid.created_at(), Instant::from_secs(1_700_000_000));
        assert_eq!(AnySid::from(sid).cast::<AccountSid>(), Some(sid));
        assert_eq!(AnySid::from(sid).cast::<KeySid>(), None);
    }

    #[test]
    fn the_last_bit_of_a_message_tells_its_prefix() {
        let text = MessageSid::from_bytes([2; 16]);
        let media = text.with_media();
        assert!(text.to_string().starts_with("SM") && media.to_string().starts_with("MM"));
        assert_eq!(media.to_string().parse(), Ok(media));
        let wrong = media.to_string().replacen("MM", "SM", 1);
        assert_eq!(wrong.parse::<MessageSid>(), Err(InvalidSid));
    }

    #[test]
    fn what_is_no_sid_is_refused() {
        for bad in ["", "AC", "AC12", "SK00000000000000000000000000000000", "ACé", &"A".repeat(34)]
        {
            assert_eq!(bad.parse::<AccountSid>(), Err(InvalidSid), "{bad}");
        }
    }
}
