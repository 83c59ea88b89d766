//! The interpreter of voice documents: a machine for each leg that runs one.
//!
//! A [`Call`] asks for a document, runs its verbs in order and says what it wants done: effects,
//! each with an [`Id`] that its end is reported under. The world tells it what happened: documents,
//! ends of effects, digits, speech, and that the far end is gone. Between effects a leg is silent.
//!
//! A document that can't be had or read goes to the fallback address with `ErrorCode` and
//! `ErrorUrl`; when that fails too, the caller is told and the call ends. A bad attribute or an
//! unknown element is a warning (`Output::Problem`) and its default, or nothing, takes its place.

mod attributes;
mod call;
mod effects;
mod parse;
mod prompt;
mod reader;
mod ssml;
mod stage;
mod status;
mod verbs;

pub use call::{Call, Facts, Start};
pub use effects::{
    Dequeued, DialStatus, Dialled, Ending, Heard, Id, Input, Output, Params, QueueResult, Recorded,
    Recording, Referred,
};
pub use reader::Mode;
pub use ssml::{BreakStrength, EmphasisLevel, Prosody, Speech, plain};
pub use status::{CallEvent, RecordingEvent, RecordingStatus, StatusCallback};
pub use verbs::conference::{Beep, Conference, ConferenceEvent};
pub use verbs::dial::{Dial, DialRecord, RecordFrom, Target, Track};
pub use verbs::endpoint::{Destination, Endpoint, SipUri};
pub use verbs::enqueue::{Enqueue, Wait};
pub use verbs::gather::{Listen, SpeechTimeout};
pub use verbs::play::{Audio, Play};
pub use verbs::queue::Queue;
pub use verbs::record::Record;
pub use verbs::reject::RejectReason;
pub use verbs::say::Say;

/// Documents in a row at most that neither play, listen, dial nor wait, or that do so in no time
/// (code 11215).
pub const IDLE_DOCUMENTS_MAX: u32 = 100;

/// Times at most that something is said or played: what `loop="0"` means.
pub const LOOPS_MAX: u32 = 1_000;

#[cfg(test)]
mod tests;
