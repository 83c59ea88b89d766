//! Attributes that several verbs and nouns share: where progress is told, and of what.

use crate::Hook;
use crate::voice::attributes::Attributes;

/// Where something is told, and of which events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusCallback<E> {
    /// Where.
    pub hook: Hook,
    /// Of what.
    pub events: Vec<E>,
}

/// Steps of a dialled leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallEvent {
    /// Dialling begins.
    Initiated,
    /// The far end rings.
    Ringing,
    /// The far end answered.
    Answered,
    /// The call is over, however.
    Completed,
}

/// Steps of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordingEvent {
    /// It runs.
    InProgress,
    /// It can be had.
    Completed,
    /// There is nothing to be had.
    Absent,
}

/// Where a recording's steps are told.
pub type RecordingStatus = StatusCallback<RecordingEvent>;

const CALL_EVENTS: [(&str, CallEvent); 4] = [
    ("initiated", CallEvent::Initiated),
    ("ringing", CallEvent::Ringing),
    ("answered", CallEvent::Answered),
    ("completed", CallEvent::Completed),
];

const RECORDING_EVENTS: [(&str, RecordingEvent); 3] = [
    ("in-progress", RecordingEvent::InProgress),
    ("completed", RecordingEvent::Completed),
    ("absent", RecordingEvent::Absent),
];

/// `statusCallback`, `statusCallbackMethod`, `statusCallbackEvent` of a noun that is called.
pub(crate) fn call(attributes: &mut Attributes<'_, '_>) -> Option<StatusCallback<CallEvent>> {
    let events = attributes.list("statusCallbackEvent", &CALL_EVENTS, 12200);
    let hook = attributes.hook("statusCallback", "statusCallbackMethod", 12200)?;
    Some(StatusCallback { hook, events: events.unwrap_or_else(|| vec![CallEvent::Completed]) })
}

/// `recordingStatusCallback` and its two companions.
pub(crate) fn recording(attributes: &mut Attributes<'_, '_>) -> Option<RecordingStatus> {
    let events = attributes.list("recordingStatusCallbackEvent", &RECORDING_EVENTS, 13621);
    let hook =
        attributes.hook("recordingStatusCallback", "recordingStatusCallbackMethod", 13256)?;
    Some(StatusCallback { hook, events: events.unwrap_or_else(|| vec![RecordingEvent::Completed]) })
}
