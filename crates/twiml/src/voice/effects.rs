//! What goes in and out of a call's interpreter.

use crate::messaging::Message;
use crate::voice::call::Start;
use crate::voice::verbs::dial::Dial;
use crate::voice::verbs::enqueue::Enqueue;
use crate::voice::verbs::gather::Listen;
use crate::voice::verbs::play::Play;
use crate::voice::verbs::record::Record;
use crate::voice::verbs::reject::RejectReason;
use crate::voice::verbs::say::Say;
use crate::{Fetched, Hook, Problem};

/// Names one effect of one interpreter, so that late news is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub(crate) u64);

/// Parameters of a request, beside those that every request of a call has.
pub type Params = Vec<(String, String)>;

/// One parameter.
pub(crate) fn param(name: &str, value: impl ToString) -> (String, String) {
    (name.to_owned(), value.to_string())
}

/// What the interpreter wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Ask for a document; answered by `Fetched` or `Failed`. A later `Fetch` replaces it.
    Fetch(Id, Hook, Params),
    /// Tell an application; whatever it answers is not looked at.
    Callback(Hook, Params),
    /// Pick up the call that rings. Said at most once, and never after `Input::Bridged`.
    Answer,
    /// Refuse the call that rings; nothing follows.
    Reject(RejectReason),
    /// Speak; ends with `Finished`.
    Say(Id, Say),
    /// Play audio or digits; ends with `Finished`, also when it can't be had.
    Play(Id, Play),
    /// Listen to speech, beside whatever is played; news come as `Heard`.
    Listen(Id, Listen),
    /// Record the caller; ends with `Recorded`.
    Record(Id, Record),
    /// Connect to others; ends with `Dialled`.
    Dial(Id, Box<Dial>),
    /// Put the caller into a queue; ends with `Dequeued`.
    Enqueue(Id, Enqueue),
    /// Send SIP REFER to this address; ends with `Referred`.
    Refer(Id, String),
    /// Send the caller's audio back to it until stopped.
    Echo(Id),
    /// Send a text; ends with `Sent`.
    Send(Id, Message),
    /// End an effect now. `Record`, `Dial`, `Enqueue` and `Refer` are still reported; the others
    /// need not be.
    Stop(Id),
    /// In a queue's wait document: take the caller out of the queue. Nothing follows.
    Leave,
    /// The document is at its end and lets things go on: a dialled leg may be bridged, whoever
    /// waits hears silence. Nothing follows.
    Done,
    /// Hang up; nothing follows. In a dialled leg's document: it refused the call.
    Hangup,
    /// Something is wrong with the document of this address: raise an alert.
    Problem(Problem, String),
}

/// What the interpreter is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// The answer to a `Fetch`.
    Fetched(Id, Fetched),
    /// A `Fetch` got no answer, for the reason with this code.
    Failed(Id, u32, String),
    /// What was said or played is at its end.
    Finished(Id),
    /// The caller pressed a key.
    Digit(char),
    /// News of a `Listen`.
    Heard(Id, Heard),
    /// A recording is at its end.
    Recorded(Id, Recorded),
    /// The caller was connected with the one that a `Dial` or `Enqueue` brought, and so answered.
    Bridged(Id),
    /// A `Dial` is over.
    Dialled(Id, Dialled),
    /// The caller is out of the queue.
    Dequeued(Id, Dequeued),
    /// What became of a `Refer`.
    Referred(Id, Referred),
    /// What became of a `Send`: parameters for its `action`, or the code of a refusal.
    Sent(Id, Result<Params, u32>),
    /// Something else is to be run from now on (a live call's update).
    Redirected(Start),
    /// The far end is gone, or, in a wait document, the wait is over.
    HungUp,
}

/// News of listening. After `Final` and `Nothing` it is over.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// The caller begins to speak.
    Began,
    /// What was understood so far.
    Partial {
        /// The words that will hardly change any more.
        stable: String,
        /// The words after them.
        unstable: String,
        /// From 0 to 1.
        stability: f32,
    },
    /// What was understood.
    Final {
        /// The words.
        text: String,
        /// From 0 to 1.
        confidence: f32,
    },
    /// The caller said nothing that could be understood.
    Nothing,
}

/// Why a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The caller was silent for long enough, it is as long as it may be, or it was stopped.
    Ended,
    /// The caller hung up.
    HungUp,
}

/// A recording that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Where it can be had, without extension.
    pub url: String,
    /// Its SID.
    pub sid: String,
    /// Its length in seconds.
    pub duration_s: u64,
}

/// The end of a `Record`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// What was recorded; `None` when it was nothing but silence.
    pub recording: Option<Recording>,
    /// Why it ended.
    pub ending: Ending,
}

/// How a `Dial` went, as its action is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialStatus {
    /// The call was answered, and it is over.
    Completed,
    /// The caller was in a conference or with somebody of a queue.
    Answered,
    /// The called party was busy.
    Busy,
    /// Nobody answered in time.
    NoAnswer,
    /// The call could not be placed.
    Failed,
    /// The caller went before there was an answer.
    Canceled,
}

impl DialStatus {
    /// As `DialCallStatus` says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Answered => "answered",
            Self::Busy => "busy",
            Self::NoAnswer => "no-answer",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }
}

/// The end of a `Dial`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialled {
    /// How it went.
    pub status: DialStatus,
    /// The SID of the leg that answered, or was tried last; none for a conference.
    pub sid: Option<String>,
    /// How long the two were connected, in seconds; none for a conference.
    pub duration_s: Option<u64>,
    /// Whether the two were connected; none where that is no question.
    pub bridged: Option<bool>,
    /// What was recorded.
    pub recording: Option<Recording>,
    /// What else the action is told (`DialSipResponseCode`, `QueueResult`).
    pub more: Params,
}

/// How a caller left a queue, as the action of `Enqueue` is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueResult {
    /// Connected with somebody, and that is over.
    Bridged,
    /// Being connected.
    BridgingInProcess,
    /// The queue does not exist and can't be made, or the verb is wrong.
    Error,
    /// Hung up while waiting.
    Hangup,
    /// By `Leave`.
    Leave,
    /// The call was redirected while waiting.
    Redirected,
    /// The call was redirected while connected.
    RedirectedFromBridged,
    /// The queue takes no more.
    QueueFull,
    /// Something failed here.
    SystemError,
}

impl QueueResult {
    /// As `QueueResult` says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bridged => "bridged",
            Self::BridgingInProcess => "bridging-in-process",
            Self::Error => "error",
            Self::Hangup => "hangup",
            Self::Leave => "leave",
            Self::Redirected => "redirected",
            Self::RedirectedFromBridged => "redirected-from-bridged",
            Self::QueueFull => "queue-full",
            Self::SystemError => "system-error",
        }
    }
}

/// The end of an `Enqueue`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dequeued {
    /// How.
    pub result: QueueResult,
    /// The queue, when the caller was in it.
    pub sid: Option<String>,
    /// Seconds in the queue, when the caller was in it.
    pub time_s: Option<u64>,
}

/// The end of a `Refer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referred {
    /// The status of the call that the endpoint was sent to, when it said so.
    pub status: Option<String>,
    /// The answer to REFER (RFC 3515 §2.4.2).
    pub response: Option<u16>,
    /// The status in the last NOTIFY (RFC 3515 §2.4.5).
    pub notified: Option<u16>,
}
