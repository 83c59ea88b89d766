//! Queues and conferences as the engine hears and tells of them.

use base::{AccountSid, CallSid, ConferenceSid, Instant, QueueSid};
use twiml::voice::ConferenceEvent;

use crate::voice::model::{CallKey, Hook};

/// A queue as it stands in its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownQueue {
    /// Its SID.
    pub sid: QueueSid,
    /// Callers at most.
    pub size_max: u32,
}

/// A caller waits in a queue, or no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub call: CallKey,
    /// Where.
    pub queue: QueueSid,
    /// Since when; none once it is out.
    pub since: Option<Instant>,
}

/// A participant of a conference as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    /// Its call.
    pub call: CallSid,
    /// Its label.
    pub label: Option<String>,
    /// Is not heard.
    pub muted: bool,
    /// Neither hears nor is heard.
    pub hold: bool,
    /// Whom it coaches.
    pub coaches: Option<CallSid>,
    /// The conference may start with it.
    pub start_on_enter: bool,
    /// The conference ends with it.
    pub end_on_exit: bool,
}

/// Something that happened in a conference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conferenced {
    /// Whose it is.
    pub account: AccountSid,
    /// Which.
    pub conference: ConferenceSid,
    /// When.
    pub at: Instant,
    /// What.
    pub step: Step,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Somebody came, and there was no conference of this name.
    Opened {
        /// Its name.
        name: String,
        /// Where it is mixed, as asked for.
        region: Option<String>,
        /// Where its events are told, and which.
        callback: Option<(Hook, Vec<ConferenceEvent>)>,
    },
    /// It started: its participants hear each other.
    Started,
    /// It is over.
    Ended(Ended, Option<Participant>),
    /// Somebody came.
    Joined(Participant),
    /// Somebody went; with the status of its call.
    Left(Participant, Gone, &'static str),
    /// Somebody was muted, or is no longer so.
    Muted(Participant),
    /// Somebody was put on hold, or is no longer so.
    Held(Participant),
    /// Something else about somebody changed.
    Modified(Participant),
    /// Somebody began, or ceased, to speak.
    Speaking(Participant, bool),
    /// An announcement is over.
    Announced(Announced),
}

/// An announcement that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Its address.
    pub url: String,
    /// Who heard it; none where all did.
    pub to: Option<Participant>,
    /// Why it could not be had.
    pub failed: Option<String>,
}

/// Why a conference ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By the API.
    ByApi,
    /// Nobody was left: the last one went.
    LastLeft,
    /// Nobody was left: the last one was taken out.
    LastKicked,
    /// One with whom it ends went.
    ModeratorLeft,
    /// One with whom it ends was taken out.
    ModeratorKicked,
}

impl Ended {
    /// Twilio's words for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ByApi => "conference-ended-via-api",
            Self::LastLeft => "last-participant-left",
            Self::LastKicked => "last-participant-kicked",
            Self::ModeratorLeft => "participant-with-end-conference-on-exit-left",
            Self::ModeratorKicked => "participant-with-end-conference-on-exit-kicked",
        }
    }
}

/// Why a participant went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// It hung up.
    HungUp,
    /// It was taken out, or its call was sent elsewhere.
    Updated,
    /// The conference ended with another one.
    Moderator,
    /// The conference was ended by the API.
    Api,
    /// It was called, and never came.
    AddFailed,
}

impl Gone {
    /// Twilio's words for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HungUp => "participant_hung_up",
            Self::Updated => "participant_updated_via_api",
            Self::Moderator => "moderator_ended_conference",
            Self::Api => "conference_ended_via_api",
            Self::AddFailed => "participant_add_failed",
        }
    }
}

/// What the API changes of a participant; none leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct SeatChange {
    /// Is not heard.
    pub muted: Option<bool>,
    /// Neither hears nor is heard.
    pub hold: Option<bool>,
    /// What it hears on hold.
    pub hold_hook: Option<Hook>,
    /// What it hears until the conference starts.
    pub wait_hook: Option<Hook>,
    /// Whom it coaches; the inner none is nobody.
    pub coaches: Option<Option<CallSid>>,
    /// The conference ends with it.
    pub end_on_exit: Option<bool>,
    /// A beep is heard when it goes.
    pub beep_on_exit: Option<bool>,
    /// What is announced to it.
    pub announce: Option<Hook>,
}

/// What the API wants of a conference.
#[derive(Clone, Debug)]
pub enum RoomOrder {
    /// End it.
    End,
    /// Announce something to all.
    Announce(Hook),
    /// Halt its recording: its time is skipped, or silent.
    PauseRecording(media::RecordingId, bool),
    /// Go on with it.
    ResumeRecording(media::RecordingId),
    /// End it.
    StopRecording(media::RecordingId),
}
