//! Recordings: their states, where they are had, and what is told of them.

use ::store::{StoreError, Tx};
use base::{AccountSid, CallSid, ConferenceSid, Instant, Money, RecordingSid};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::voice::model::{Hook, RecordPlan};
use crate::voice::params::Form;
use crate::voice::store::recordings as sql;
use crate::voice::work::Context;
use crate::webhooks::NewDelivery;
use crate::webhooks::store::next_place;

pub use crate::voice::store::recordings::{Filter, find, list, open_on, set_status};

/// Where a recording is in its life. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It runs.
    InProgress = 0,
    /// It is halted.
    Paused = 1,
    /// It can be had.
    Completed = 2,
    /// There was nothing in it.
    Absent = 3,
    /// Its media was deleted.
    Deleted = 4,
}

impl Status {
    const ALL: [Self; 5] =
        [Self::InProgress, Self::Paused, Self::Completed, Self::Absent, Self::Deleted];

    /// From its stored number.
    pub fn from_number(number: i64) -> Option<Self> {
        usize::try_from(number).ok().and_then(|index| Self::ALL.get(index).copied())
    }

    /// Twilio's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::InProgress => "in-progress",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Absent => "absent",
            Self::Deleted => "deleted",
        }
    }
}

/// A recording about to begin.
#[derive(Clone, Debug)]
pub struct New {
    /// Whose.
    pub account: AccountSid,
    /// Of which call; none for a conference's.
    pub call: Option<CallSid>,
    /// Of which conference.
    pub conference: Option<ConferenceSid>,
    /// Media's name for it; one that follows from its SID when nobody gave one yet.
    pub name: Option<u64>,
    /// Twilio's word for why it was made.
    pub source: &'static str,
    /// How it is made.
    pub plan: RecordPlan,
}

/// Where a recording's steps are told, and which: `in-progress`, `completed`, `absent`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Where.
    pub hook: Hook,
    /// Which.
    pub events: Vec<String>,
}

impl Told {
    /// What a plan asks for.
    pub fn of(plan: &RecordPlan) -> Option<Self> {
        let hook = plan.callback.clone()?;
        Some(Self { hook, events: plan.events.clone() })
    }
}

/// A recording as it stands in its row.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Whose.
    pub account: AccountSid,
    /// Which.
    pub sid: RecordingSid,
    /// Of which call; none for a conference's.
    pub call: Option<CallSid>,
    /// Of which conference.
    pub conference: Option<ConferenceSid>,
    /// Media's name for it while it runs.
    pub name: u64,
    /// Where it is in its life.
    pub status: Status,
    /// One channel or two.
    pub channels: u16,
    /// `inbound`, `outbound` or `both`.
    pub track: String,
    /// Twilio's word for why it was made.
    pub source: String,
    /// Silence at both ends is cut off.
    pub trim: bool,
    /// Where its steps are told.
    pub callback: Option<Told>,
    /// When it began.
    pub started_at: Instant,
    /// When its row changed last.
    pub updated_at: Instant,
    /// Its length.
    pub duration_ms: u64,
    /// Octets of its file.
    pub size: u64,
    /// What keeping it costs.
    pub price: Option<Money>,
    /// Salt of its key.
    pub salt: [u8; 16],
    /// The last event and its number.
    pub event: (i64, i64),
}

impl Recording {
    /// Whole seconds, those that have begun.
    pub fn duration_s(&self) -> u64 {
        self.duration_ms.div_ceil(1_000)
    }

    /// Its path below the API's root, without ending.
    pub fn path(&self) -> String {
        format!("/2010-04-01/Accounts/{}/Recordings/{}", self.account, self.sid)
    }
}

/// Where a recording can be had; `.wav` and `.mp3` may be put behind it.
pub fn address(public_url: &str, recording: &Recording) -> String {
    format!("{public_url}{}", recording.path())
}

/// What an application is told of a step of a recording.
pub fn told(public_url: &str, recording: &Recording, step: &str) -> Form {
    let mut form = vec![("AccountSid", recording.account.to_string())];
    if let Some(call) = recording.call {
        form.push(("CallSid", call.to_string()));
    }
    if let Some(conference) = recording.conference {
        form.push(("ConferenceSid", conference.to_string()));
    }
    form.extend([
        ("RecordingSid", recording.sid.to_string()),
        ("RecordingUrl", address(public_url, recording)),
        ("RecordingStatus", step.to_owned()),
        ("RecordingChannels", recording.channels.to_string()),
        ("RecordingStartTime", recording.started_at.to_rfc2822()),
        ("RecordingSource", recording.source.clone()),
        ("RecordingTrack", recording.track.clone()),
        ("ErrorCode", "0".to_owned()),
    ]);
    if step == "completed" {
        form.push(("RecordingDuration", recording.duration_s().to_string()));
    }
    form
}

/// A recording begins: its row, its event and its callback. One whose row was written before it
/// began is that one.
pub fn begin(tx: &mut Tx<'_>, context: &Context, new: &New) -> Result<Recording, StoreError> {
    let recording = sql::begin(tx, new, &context.node)?;
    // The row of one that the API asked for is written before its media begins.
    if new.name.is_some() {
        tell(tx, context, &recording, "in-progress")?;
    }
    Ok(recording)
}

/// A recording is over, with what it came to: its row, its event, its callback. One that was over
/// before is left as it is.
pub fn end(tx: &mut Tx<'_>, context: &Context, recording: &Recording) -> Result<(), StoreError> {
    let found = find(tx, recording.account, recording.sid)?;
    let open = [Status::InProgress, Status::Paused];
    if found.is_none_or(|known| !open.contains(&known.status)) {
        return Ok(());
    }
    sql::end(tx, recording)?;
    tell(tx, context, recording, recording.status.name())
}

/// The media of a recording was deleted.
pub fn delete(tx: &mut Tx<'_>, recording: &Recording) -> Result<(), StoreError> {
    sql::end(tx, recording)
}

/// Tells the application of a step, if it asked for it.
fn tell(
    tx: &mut Tx<'_>,
    context: &Context,
    recording: &Recording,
    step: &str,
) -> Result<(), StoreError> {
    let Some(callback) = &recording.callback else { return Ok(()) };
    if !callback.events.iter().any(|event| event == step) {
        return Ok(());
    }
    let object = recording.call.map_or(recording.sid.into(), Into::into);
    let delivery = NewDelivery {
        account: recording.account,
        object,
        // Those of its call stand in one line with it.
        object_seq: next_place(tx, object)?,
        url: callback.hook.url.clone(),
        get: callback.hook.get,
        params: told(&context.public_url, recording, step),
        salt: None,
    };
    context.outbox.enqueue(tx, vec![delivery])
}

/// A nonce of the operating system's: parts are sealed outside transactions.
pub fn nonce() -> [u8; 12] {
    let mut nonce = [0; 12];
    // Without randomness nothing here can be done safely; the system has it since boot.
    SystemRandom::new().fill(&mut nonce).expect("the operating system has randomness");
    nonce
}
