//! Calls and their states.

use std::collections::BTreeMap;

use base::{AccountSid, CallSid, ConferenceSid, Instant, Money, PhoneNumberSid};
use serde::{Deserialize, Serialize};

use crate::voice::caller_ids::Validation;

/// Where a call is in its life. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Waiting for its turn.
    Queued = 0,
    /// Being placed.
    Initiated = 1,
    /// The far end rings, or an inbound call waits for its answer.
    Ringing = 2,
    /// Answered.
    InProgress = 3,
    /// It was answered, and is over.
    Completed = 4,
    /// The far end was busy.
    Busy = 5,
    /// It could not be placed.
    Failed = 6,
    /// Nobody answered in time.
    NoAnswer = 7,
    /// Given up before it was answered.
    Canceled = 8,
}

impl Status {
    const ALL: [Self; 9] = [
        Self::Queued,
        Self::Initiated,
        Self::Ringing,
        Self::InProgress,
        Self::Completed,
        Self::Busy,
        Self::Failed,
        Self::NoAnswer,
        Self::Canceled,
    ];

    /// From its stored number.
    pub fn from_number(number: i64) -> Option<Self> {
        usize::try_from(number).ok().and_then(|index| Self::ALL.get(index).copied())
    }

    /// From Twilio's word for it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// As it is stored.
    pub fn number(self) -> i64 {
        self as i64
    }

    /// Twilio's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Initiated => "initiated",
            Self::Ringing => "ringing",
            Self::InProgress => "in-progress",
            Self::Completed => "completed",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::NoAnswer => "no-answer",
            Self::Canceled => "canceled",
        }
    }

    /// Whether nothing more can happen to the call.
    pub fn is_final(self) -> bool {
        self.number() >= Self::Completed.number()
    }

    /// Whether a call in this state may move to `next`. States never go back.
    pub fn may_become(self, next: Self) -> bool {
        !self.is_final() && next.number() > self.number()
    }

    /// The kind of the ledger's event of reaching it.
    pub fn event(self) -> &'static str {
        match self {
            Self::Queued => "voice.call.queued",
            Self::Initiated => "voice.call.initiated",
            Self::Ringing => "voice.call.ringing",
            Self::InProgress => "voice.call.answered",
            Self::Completed => "voice.call.completed",
            Self::Busy => "voice.call.busy",
            Self::Failed => "voice.call.failed",
            Self::NoAnswer => "voice.call.no-answer",
            Self::Canceled => "voice.call.canceled",
        }
    }

    /// The progress event that an application may have asked for.
    pub fn progress(self) -> Option<Progress> {
        match self {
            Self::Queued => None,
            Self::Initiated => Some(Progress::Initiated),
            Self::Ringing => Some(Progress::Ringing),
            Self::InProgress => Some(Progress::Answered),
            _ => Some(Progress::Completed),
        }
    }
}

/// Steps of a call that an application may be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Progress {
    /// Being placed.
    Initiated,
    /// The far end rings.
    Ringing,
    /// Answered.
    Answered,
    /// Over, however.
    Completed,
}

impl Progress {
    /// From Twilio's word for it.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "initiated" => Some(Self::Initiated),
            "ringing" => Some(Self::Ringing),
            "answered" => Some(Self::Answered),
            "completed" => Some(Self::Completed),
            _ => None,
        }
    }
}

/// Whence a call comes. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From outside, to one of our numbers, domains or users.
    Inbound = 0,
    /// Made by the REST API.
    OutboundApi = 1,
    /// Made by `Dial`.
    OutboundDial = 2,
}

impl Direction {
    /// From its stored number.
    pub fn from_number(number: i64) -> Self {
        match number {
            0 => Self::Inbound,
            2 => Self::OutboundDial,
            _ => Self::OutboundApi,
        }
    }

    /// Twilio's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::OutboundApi => "outbound-api",
            Self::OutboundDial => "outbound-dial",
        }
    }
}

/// Which call of which account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallKey {
    /// Whose it is.
    pub account: AccountSid,
    /// Which one.
    pub sid: CallSid,
}

/// An address and how it is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// The address.
    pub url: String,
    /// By GET instead of POST.
    pub get: bool,
}

/// Where progress is told, and which steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusCallback {
    /// Where.
    pub hook: Hook,
    /// Of which steps.
    pub events: Vec<Progress>,
}

/// A call as it stands in its row.
#[derive(Clone, Debug)]
pub struct CallRecord {
    /// Account and SID.
    pub key: CallKey,
    /// The call whose `Dial` brought it.
    pub parent: Option<CallSid>,
    /// Whence it comes.
    pub direction: Direction,
    /// Where it is in its life.
    pub status: Status,
    /// Who calls: a number, `client:` or `sip:` address.
    pub from: String,
    /// Who is called.
    pub to: String,
    /// The name that came with the caller's number.
    pub caller_name: Option<String>,
    /// Who sent the call on to us.
    pub forwarded_from: Option<String>,
    /// The number of ours that it came to, or was made from.
    pub number: Option<PhoneNumberSid>,
    /// What it costs, once that is known; negative as charges are.
    pub price: Option<Money>,
    /// When it was made.
    pub created_at: Instant,
    /// When its row changed last.
    pub updated_at: Instant,
    /// When it was placed, or came in.
    pub started_at: Option<Instant>,
    /// When it was answered.
    pub answered_at: Option<Instant>,
    /// When it ended.
    pub ended_at: Option<Instant>,
    /// Where its steps are told.
    pub callback: Option<StatusCallback>,
    /// Callbacks so far.
    pub callbacks: u32,
    /// The last SIP status of its end; 0 where there was none.
    pub sip_code: u16,
    /// Its last event and that event's number.
    pub event: (i64, i64),
    /// Salt of its key, under which requests about it are sealed.
    pub salt: [u8; 16],
    /// The node that it lives on.
    pub node: String,
}

impl CallRecord {
    /// Whole seconds from the answer to the end; 0 for a call that was not answered.
    pub fn duration_s(&self) -> u64 {
        match (self.answered_at, self.ended_at) {
            // Twilio counts a second that has begun.
            (Some(answered), Some(ended)) => {
                ended.since(answered).as_millis().div_ceil(1_000) as u64
            }
            _ => 0,
        }
    }
}

/// What is run for an outbound call when it is answered, and how it is placed: sealed in its row
/// until it is placed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Plan {
    /// The document's address.
    pub url: Option<Hook>,
    /// Asked when the first one fails.
    pub fallback: Option<Hook>,
    /// The document itself, instead of an address.
    pub twiml: Option<String>,
    /// Documents of its own that the first one may go on to, by their addresses.
    #[serde(default)]
    pub pages: BTreeMap<String, String>,
    /// Digits sent once it is answered; `w` is half a second, `W` a second.
    pub send_digits: Option<String>,
    /// Seconds that it may ring.
    pub timeout_s: u32,
    /// Seconds that it may last.
    pub time_limit_s: Option<u32>,
    /// Recorded from the answer.
    pub record: Option<RecordPlan>,
    /// User and password for a SIP address.
    pub sip_auth: Option<(String, String)>,
    /// The name shown beside the caller's number.
    pub caller_name: Option<String>,
    /// What the call is for, shown to the called party.
    pub reason: Option<String>,
    /// The conference that it was promised to, if nobody is in one of its name.
    #[serde(default)]
    pub conference: Option<ConferenceSid>,
    /// Its label there.
    #[serde(default)]
    pub label: Option<String>,
    /// It goes to a number or an application of this installation, and never leaves it.
    #[serde(default)]
    pub onnet: Option<OnNet>,
    /// Numbers and applications of this installation that it came through, first ones first.
    #[serde(default)]
    pub path: Vec<String>,
    /// Seconds that it waits before it may be placed.
    #[serde(default)]
    pub delay_s: u32,
    /// It asks for the code that proves a number.
    #[serde(default)]
    pub validation: Option<Validation>,
}

/// What of this installation a call goes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnNet {
    /// The number that is called.
    Number,
    /// An application.
    Application(ApplicationCall),
}

impl OnNet {
    /// What is called: the number, or the application's SID.
    pub fn key<'a>(&'a self, to: &'a str) -> &'a str {
        match self {
            Self::Number => to,
            Self::Application(application) => &application.sid,
        }
    }
}

/// How an application is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationCall {
    /// Its SID.
    pub sid: String,
    /// What it is told: `CustomerId`.
    pub customer: String,
    /// What it is told besides, as `Param_…`.
    pub params: Vec<(String, String)>,
}

/// How a call is recorded from its answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RecordPlan {
    /// Two channels instead of one.
    pub dual: bool,
    /// `inbound`, `outbound` or `both`.
    pub track: String,
    /// Silence at both ends is cut off.
    pub trim: bool,
    /// Where its steps are told.
    pub callback: Option<Hook>,
    /// Which: `in-progress`, `completed`, `absent`.
    pub events: Vec<String>,
}

/// The numbers of a leg's media, once it is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Packets that came from the far end.
    pub packets_received: u64,
    /// Packets that were sent to it.
    pub packets_sent: u64,
    /// Packets that were expected and did not come.
    pub packets_lost: u64,
    /// Packets that came after their time, or twice.
    pub packets_late: u64,
    /// Packets of ours that the far end says it lost.
    pub packets_lost_remote: u64,
    /// Jitter between arrivals, at the end.
    pub jitter_ms: f32,
    /// The largest jitter.
    pub jitter_max_ms: f32,
    /// There and back, where the far end sent reports.
    pub round_trip_ms: Option<f32>,
    /// Mean opinion score of what was heard from the far end, 1 to 4.5 (ITU-T G.107).
    pub mos: f32,
}

impl From<&media::Statistics> for Quality {
    fn from(known: &media::Statistics) -> Self {
        Self {
            packets_received: known.received,
            packets_sent: known.sent,
            packets_lost: known.lost,
            packets_late: known.discarded,
            packets_lost_remote: known.remote_lost,
            jitter_ms: known.jitter_ms,
            jitter_max_ms: known.jitter_max_ms,
            round_trip_ms: known.round_trip_ms,
            mos: known.score,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_one_to_one_and_states_never_go_back() {
        for status in Status::ALL {
            assert_eq!(Status::from_number(status.number()), Some(status));
            assert_eq!(Status::from_name(status.name()), Some(status));
            assert!(!status.may_become(status), "{status:?}");
        }
        assert!(Status::Queued.may_become(Status::Canceled));
        assert!(!Status::Completed.may_become(Status::Failed));
        assert!(!Status::InProgress.may_become(Status::Ringing));
    }
}
