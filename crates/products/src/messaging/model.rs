//! Messages and their states.

use base::{AccountSid, Instant, MessageSid, Money, Sid};

/// Where a message is in its life. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Given to a service, no sender chosen yet.
    Accepted = 0,
    /// Waiting for a later instant.
    Scheduled = 1,
    /// Waiting for its carrier.
    Queued = 2,
    /// On its way to the carrier.
    Sending = 3,
    /// Taken by the carrier.
    Sent = 4,
    /// On the handset.
    Delivered = 5,
    /// The carrier gave it up.
    Undelivered = 6,
    /// Never reached the carrier.
    Failed = 7,
    /// Called back before it was sent.
    Canceled = 8,
    /// Inbound, parts still missing.
    Receiving = 9,
    /// Inbound.
    Received = 10,
    /// Seen by the recipient.
    Read = 11,
}

impl Status {
    const ALL: [Self; 12] = [
        Self::Accepted,
        Self::Scheduled,
        Self::Queued,
        Self::Sending,
        Self::Sent,
        Self::Delivered,
        Self::Undelivered,
        Self::Failed,
        Self::Canceled,
        Self::Receiving,
        Self::Received,
        Self::Read,
    ];

    /// From its stored number.
    pub fn from_number(number: i64) -> Option<Self> {
        usize::try_from(number).ok().and_then(|index| Self::ALL.get(index).copied())
    }

    /// As it is stored.
    pub fn number(self) -> i64 {
        self as i64
    }

    /// Twilio's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Scheduled => "scheduled",
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Receiving => "receiving",
            Self::Received => "received",
            Self::Read => "read",
        }
    }

    /// Whether nothing more can happen to the message, but for `read` after `delivered`.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Delivered
                | Self::Undelivered
                | Self::Failed
                | Self::Canceled
                | Self::Received
                | Self::Read
        )
    }

    /// Whether a message in this state may move to `next`. States never go back.
    pub fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Delivered, Self::Read) => true,
            (from, _) if from.is_final() => false,
            (from, to) => to.rank() > from.rank(),
        }
    }

    fn rank(self) -> u8 {
        match self {
            Self::Accepted | Self::Receiving => 0,
            Self::Scheduled => 1,
            Self::Queued => 2,
            Self::Sending => 3,
            Self::Sent => 4,
            Self::Canceled | Self::Failed | Self::Undelivered | Self::Delivered => 5,
            Self::Received | Self::Read => 6,
        }
    }
}

/// Who sent it, and on whose behalf. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From a handset to one of our numbers.
    Inbound = 0,
    /// Made by the REST API.
    OutboundApi = 1,
    /// Made inside a call.
    OutboundCall = 2,
    /// Made by the TwiML that answered an inbound message.
    OutboundReply = 3,
}

impl Direction {
    /// From its stored number.
    pub fn from_number(number: i64) -> Self {
        match number {
            0 => Self::Inbound,
            2 => Self::OutboundCall,
            3 => Self::OutboundReply,
            _ => Self::OutboundApi,
        }
    }

    /// Twilio's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::OutboundApi => "outbound-api",
            Self::OutboundCall => "outbound-call",
            Self::OutboundReply => "outbound-reply",
        }
    }
}

/// Which message of which account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageKey {
    /// Whose it is.
    pub account: AccountSid,
    /// Which one.
    pub sid: MessageSid,
}

impl MessageKey {
    /// As 32 bytes, for carriers that echo what they were given.
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&self.account.bytes());
        bytes[16..].copy_from_slice(&self.sid.bytes());
        bytes
    }

    /// From what `to_bytes` gave.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let (account, sid) = bytes.split_at(16);
        Some(Self {
            account: AccountSid::from_bytes(account.try_into().ok()?),
            sid: MessageSid::from_bytes(sid.try_into().ok()?),
        })
    }
}

/// A message as it stands in its row.
#[derive(Clone, Debug)]
pub struct Message {
    /// Account and SID.
    pub key: MessageKey,
    /// Who sent it.
    pub direction: Direction,
    /// Where it is in its life.
    pub status: Status,
    /// The sender's address.
    pub from: String,
    /// The recipient's address.
    pub to: String,
    /// SMS parts.
    pub segments: u32,
    /// Media files.
    pub media: u32,
    /// Why it failed; 0 when it did not.
    pub error: u32,
    /// What it costs, once that is known; negative as charges are.
    pub price: Option<Money>,
    /// When it was made.
    pub created_at: Instant,
    /// When its row changed last.
    pub updated_at: Instant,
    /// When the carrier took it, or when it came in.
    pub sent_at: Option<Instant>,
    /// When it stops being worth sending.
    pub expires_at: Option<Instant>,
    /// Where its status changes are told.
    pub callback: Option<String>,
    /// Last event and its number.
    pub event: (i64, i64),
    /// Salt of the key under which its content is sealed; `None` after redaction.
    pub salt: Option<[u8; 16]>,
    /// The sealed text.
    pub body: Option<Vec<u8>>,
    /// Further marks.
    pub flags: Flags,
}

/// Marks of a message, stored as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub i64);

impl Flags {
    /// The sender wants feedback to be recorded.
    pub const FEEDBACK: i64 = 1;
    /// The submit was in flight at a crash; its outcome is unknown.
    pub const UNCERTAIN: i64 = 2;
    /// Submitted again after its grace period: it may have been delivered twice.
    pub const REPEATED: i64 = 4;
    /// Feedback came: the recipient did what was hoped for.
    pub const CONFIRMED: i64 = 8;

    /// Accepted, but above its `MaxPrice`: it can only fail.
    pub const TOO_DEAR: i64 = 16;
    /// Accepted, but no route takes it: it can only fail.
    pub const UNROUTED: i64 = 32;
    /// A carrier refused it, and another one has it now.
    pub const REROUTED: i64 = 64;
    /// Goes before what is not: a code that somebody waits for.
    pub const URGENT: i64 = 128;
    /// Never submitted again when it is uncertain whether its carrier has it.
    pub const AT_MOST_ONCE: i64 = 256;

    /// Whether a mark is set.
    pub fn has(self, mark: i64) -> bool {
        self.0 & mark != 0
    }

    /// With a mark set.
    #[must_use]
    pub fn with(self, mark: i64) -> Self {
        Self(self.0 | mark)
    }
}

/// A message that someone asks to have sent; its parameters are parsed, nothing is decided.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Whose it is.
    pub account: AccountSid,
    /// Who asks.
    pub direction: Direction,
    /// The sender's address, as given.
    pub from: String,
    /// The recipient's address, as given.
    pub to: String,
    /// The text; empty when there is only media.
    pub body: String,
    /// Media to be attached.
    pub media: Vec<String>,
    /// Where status changes are told.
    pub callback: Option<String>,
    /// Fails with 30010 above this price.
    pub price_max: Option<Money>,
    /// Seconds for which it is worth sending: 1 to 36,000.
    pub validity_s: u32,
    /// Whether feedback will be given.
    pub feedback: bool,
    /// Whether lookalikes may be replaced to fit the GSM alphabet.
    pub smart_encoded: bool,
    /// The account is a trial: verified recipients only.
    pub trial: bool,
    /// Sent even to somebody who said STOP: the answer to that very word.
    pub to_opted_out: bool,
    /// Goes before what is not urgent.
    pub urgent: bool,
    /// Never submitted again when it is uncertain whether its carrier has it.
    pub at_most_once: bool,
    /// Makes the create safe to repeat.
    pub idempotency: Option<Idempotency>,
}

/// The key of a create that may be repeated, and what it was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The client's key.
    pub key: String,
    /// SHA-256 of the parameters.
    pub fingerprint: [u8; 32],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_never_go_back() {
        for from in Status::ALL {
            for to in Status::ALL {
                if from.may_become(to) {
                    assert!(!to.may_become(from), "{from:?} and {to:?} become each other");
                }
            }
        }
        assert!(
            Status::Queued.may_become(Status::Delivered),
            "a receipt may overtake its response"
        );
        assert!(!Status::Delivered.may_become(Status::Undelivered));
        assert!(Status::Delivered.may_become(Status::Read));
    }

    #[test]
    fn numbers_and_states_are_one_to_one() {
        for status in Status::ALL {
            assert_eq!(Status::from_number(status.number()), Some(status));
        }
        assert_eq!(Status::from_number(12), None);
    }
}
