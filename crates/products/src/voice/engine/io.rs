//! What goes in and out of the engine.

use std::sync::Arc;

use base::{AccountSid, ApiError, CallSid, ConferenceSid};
use twiml::Fetched;
use twiml::voice::{self, Id};

use crate::voice::engine::news::{Conferenced, KnownQueue, Member, RoomOrder, SeatChange};
use crate::voice::model::{CallKey, CallRecord, Hook, Plan, RecordPlan, StatusCallback};
use crate::voice::params::Form;
use crate::voice::store::Change;
use crate::voice::work::Draft;

/// Names one thing that the engine waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// A leg of media that was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its name.
    pub leg: media::LegId,
    /// Its RTP port.
    pub port: u16,
}

/// Opens legs of media, at once.
pub trait Ports: Send {
    /// A leg, beside one that it will be connected with. `None` when there is no room.
    fn open(&mut self, beside: Option<media::LegId>) -> Option<Opened>;

    /// A mixer, beside a leg that will take part.
    fn open_mixer(&mut self, beside: Option<media::LegId>) -> media::MixerId;
}

/// A call that came in, and is let in.
#[derive(Clone, Debug)]
pub struct Admission {
    /// Its leg.
    pub leg: sip::LegId,
    /// Its row.
    pub record: CallRecord,
    /// What it runs.
    pub start: voice::Start,
    /// What the caller offers.
    pub offer: Option<Box<sip::sdp::Session>>,
    /// More parameters of its requests (`SipDomain`, `SipHeader_X-…`).
    pub extra: voice::Params,
    /// Numbers and applications of ours that it came through.
    pub path: Vec<String>,
}

/// How an outbound leg reaches the far end: the edge knows gateways and bindings.
#[derive(Clone, Debug)]
pub struct Placing {
    /// The row.
    pub record: CallRecord,
    /// What was asked for.
    pub plan: Plan,
    /// The INVITE, but for its leg and its offer.
    pub invite: sip::Invite,
}

/// Which document is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fetching {
    /// Of the call's own interpreter.
    Main(Id),
    /// Of the interpreter that runs meanwhile: screening, waiting.
    Side(Id),
    /// Of an announcement.
    Aside(Id),
}

/// What is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// A call.
    Call(CallSid),
    /// A conference.
    Conference(ConferenceSid),
}

/// Why a recording was made, as `RecordingSource` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordingSource {
    /// `Record`.
    RecordVerb,
    /// `Dial record=…`.
    DialVerb,
    /// `Record=true` of a call that was made.
    OutboundApi,
    /// `POST …/Recordings` of a live call.
    StartCallRecordingApi,
    /// `Conference record=…`.
    Conference,
}

impl RecordingSource {
    /// Twilio's word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RecordVerb => "RecordVerb",
            Self::DialVerb => "DialVerb",
            Self::OutboundApi => "OutboundAPI",
            Self::StartCallRecordingApi => "StartCallRecordingAPI",
            Self::Conference => "Conference",
        }
    }
}

/// What the API wants of a live call.
#[derive(Clone, Debug)]
pub enum Order {
    /// Run something else.
    Redirect(voice::Start),
    /// End it; with `true` only if it is not answered yet.
    Hangup {
        /// `canceled` instead of `completed`.
        unanswered_only: bool,
    },
    /// It may last so many seconds from its answer.
    TimeLimit(u32),
    /// Record it from now on.
    Record(RecordPlan, media::RecordingId),
    /// Halt a recording: its time is skipped, or silent.
    PauseRecording(media::RecordingId, bool),
    /// Go on with a recording.
    ResumeRecording(media::RecordingId),
    /// End a recording.
    StopRecording(media::RecordingId),
    /// Change its place in a conference.
    Seat(ConferenceSid, Box<SeatChange>),
    /// Take it out of a conference.
    Kick(ConferenceSid),
}

/// What the engine is told.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "handed on at once, never kept in numbers")]
pub enum Input {
    /// By SIP.
    Sip(sip::Event),
    /// By media.
    Media(media::Owner, media::Event),
    /// A call that came is let in.
    Admitted(Box<Admission>),
    /// A call that came is refused.
    Refused {
        /// Its leg.
        leg: sip::LegId,
        /// 403, 404, 480, 503…
        status: u16,
    },
    /// A call that came must prove who it is.
    Challenged {
        /// Its leg.
        leg: sip::LegId,
        /// Of which realm.
        realm: String,
    },
    /// A queued call has its turn.
    Place(Box<Placing>),
    /// What became of a `Dial`'s leg.
    ChildPlaced {
        /// Who dialled.
        parent: CallSid,
        /// Which of its legs.
        ticket: Ticket,
        /// The leg, or why there is none.
        result: Result<Box<Placing>, ApiError>,
    },
    /// The answer to `Fetch`.
    Document {
        /// Whose.
        call: CallSid,
        /// Which.
        fetching: Fetching,
        /// The document, or the code of what went wrong.
        result: Result<Fetched, (u32, String)>,
    },
    /// Speech or audio is ready to be played.
    Prompt {
        /// Whose.
        call: CallSid,
        /// Which.
        ticket: Ticket,
        /// The prompt, or the code of what went wrong.
        result: Result<Arc<media::Prompt>, (u32, String)>,
    },
    /// News of listening.
    Heard {
        /// Whose.
        call: CallSid,
        /// Which.
        id: Id,
        /// What.
        heard: voice::Heard,
    },
    /// A recording is on disk, or was nothing.
    Saved {
        /// Which.
        recording: media::RecordingId,
        /// How it can be had.
        saved: Option<voice::Recording>,
    },
    /// What became of a text.
    Sent {
        /// Whose.
        call: CallSid,
        /// Which.
        id: Id,
        /// Parameters for its action, or the code of a refusal.
        result: Result<voice::Params, u32>,
    },
    /// By the API.
    Order(CallSid, Order),
    /// The answer to `NameQueue`: none where there is no such queue.
    Queue {
        /// Whose.
        call: CallSid,
        /// Which.
        ticket: Ticket,
        /// The queue, or the code of what went wrong.
        result: Result<Option<KnownQueue>, (u32, String)>,
    },
    /// By the API, of a conference.
    Conference(ConferenceSid, RoomOrder),
    /// The program ends: every call does, and no other begins.
    Stop,
}

/// What the engine wants.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "handed on at once, never kept in numbers")]
pub enum Output {
    /// By SIP.
    Sip(sip::Command),
    /// By media.
    Media(media::Command),
    /// Decide on a call that came: `Admitted`, `Refused` or `Challenged`.
    Screen(Box<sip::Incoming>),
    /// Write a step of a call.
    Step(Change),
    /// Ask an application: `Document`.
    Fetch {
        /// Whose.
        call: CallKey,
        /// Which.
        fetching: Fetching,
        /// Where.
        hook: Hook,
        /// The parameters.
        form: Form,
        /// Parameters of the verb.
        more: voice::Params,
    },
    /// Tell an application; its answer is not looked at.
    Notify {
        /// Whose.
        call: CallKey,
        /// Where.
        hook: Hook,
        /// The parameters.
        form: Form,
        /// More of them.
        more: voice::Params,
    },
    /// Make speech: `Prompt`.
    Speak {
        /// Whose.
        call: CallSid,
        /// Which.
        ticket: Ticket,
        /// What.
        say: voice::Say,
    },
    /// Get audio: `Prompt`.
    Load {
        /// Whose.
        call: CallKey,
        /// Which.
        ticket: Ticket,
        /// Where.
        url: String,
    },
    /// Understand speech that `tap` brings: `Heard`.
    Listen {
        /// Whose.
        call: CallSid,
        /// Which.
        id: Id,
        /// How.
        listen: voice::Listen,
        /// The tap.
        tap: media::TapId,
    },
    /// Audio for a listener.
    Tapped {
        /// Whose.
        call: CallSid,
        /// The tap.
        tap: media::TapId,
        /// At 8 kHz.
        samples: Vec<i16>,
    },
    /// Listen no more.
    Unlisten {
        /// The tap.
        tap: media::TapId,
    },
    /// A recording begins.
    Recording {
        /// Its name.
        recording: media::RecordingId,
        /// Whose.
        account: AccountSid,
        /// Of what.
        of: Recorded,
        /// Why.
        source: RecordingSource,
        /// How.
        plan: RecordPlan,
    },
    /// A part of a recording: 16-bit samples, little endian.
    Chunk {
        /// Which.
        recording: media::RecordingId,
        /// The part.
        octets: Vec<u8>,
    },
    /// A recording is over: `Saved`.
    RecordingOver {
        /// Which.
        recording: media::RecordingId,
        /// Its length.
        duration_ms: u64,
    },
    /// Make a call: `ChildPlaced`.
    Dial {
        /// Who dials.
        parent: CallSid,
        /// Which leg.
        ticket: Ticket,
        /// The call.
        draft: Box<Draft>,
        /// SIP header fields.
        headers: Vec<(String, String)>,
    },
    /// Send a text: `Sent`.
    Send {
        /// Whose.
        call: CallKey,
        /// Which.
        id: Id,
        /// From, to and content.
        message: twiml::messaging::Message,
        /// Of the call: who calls, who is called.
        parties: (String, String),
    },
    /// Something is wrong with a document.
    Problem {
        /// Whose.
        call: CallKey,
        /// What.
        problem: twiml::Problem,
        /// The document.
        url: String,
    },
    /// Look up a queue by its name, and make it where it is not there: `Queue`.
    NameQueue {
        /// Whose.
        call: CallKey,
        /// Which.
        ticket: Ticket,
        /// Its name.
        name: String,
        /// Callers at most in one that is made; none to make none.
        make: Option<u32>,
    },
    /// A caller waits in a queue, or no longer.
    Member(Member),
    /// Something happened in a conference: write it, and tell whoever asked.
    Conference(Box<Conferenced>),
    /// The numbers of a leg that is closed.
    Quality {
        /// Whose.
        call: CallKey,
        /// Its numbers.
        statistics: Box<media::Statistics>,
    },
    /// The call is over, and nothing more will be said of it.
    Gone(CallSid),
}

/// What a dialled leg is told of, from where.
pub(super) fn status_callback(
    given: Option<voice::StatusCallback<voice::CallEvent>>,
) -> Option<StatusCallback> {
    use crate::voice::model::Progress;
    let given = given?;
    let event = |event: &voice::CallEvent| match event {
        voice::CallEvent::Initiated => Progress::Initiated,
        voice::CallEvent::Ringing => Progress::Ringing,
        voice::CallEvent::Answered => Progress::Answered,
        voice::CallEvent::Completed => Progress::Completed,
    };
    Some(StatusCallback {
        hook: hook(&given.hook),
        events: given.events.iter().map(event).collect(),
    })
}

/// A document's hook as ours.
pub(super) fn hook(hook: &twiml::Hook) -> Hook {
    Hook { url: hook.url.clone(), get: hook.get }
}
