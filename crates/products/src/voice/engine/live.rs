//! A live call.

use std::collections::BTreeMap;
use std::time::Duration;

use base::{CallSid, Instant};
use machine::Machine as _;
use twiml::voice::{self, Id};

use crate::voice::engine::announce::Announcing;
use crate::voice::engine::conference::Seat;
use crate::voice::engine::dial::Dialling;
use crate::voice::engine::io::Ticket;
use crate::voice::engine::queue::Queued;
use crate::voice::model::{CallRecord, Plan, Status};

/// Where a leg is in its life.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// It came, and is not answered.
    Offered(Option<Box<sip::sdp::Session>>),
    /// It is being placed.
    Calling,
    /// It is answered.
    Up,
    /// We ended it, and wait for the word.
    Ending,
}

/// What a leg is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A call of its own: it runs documents.
    Main,
    /// Brought by the `Dial` of another.
    Child {
        /// Whose.
        parent: CallSid,
        /// Which of its legs.
        ticket: Ticket,
    },
}

/// Something of an interpreter that is under way.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    /// Speech or audio: waited for, then played so many times.
    Prompt {
        /// Its way from the edge.
        ticket: Ticket,
        /// How often it is played.
        loops: u32,
        /// The items of media that still play.
        item: Option<u64>,
    },
    /// Digits are played.
    Digits(u64),
    /// Speech is listened to.
    Listening(media::TapId),
    /// The caller is recorded.
    Recording(media::RecordingId),
    /// Others are called.
    Dialling,
    /// The caller waits in a queue, or was taken out of it.
    Enqueued,
    /// The caller takes part in a conference.
    Conference,
    /// The caller is sent somewhere.
    Referring(Referring),
    /// The caller hears itself.
    Echo,
    /// A text is sent.
    Sending,
}

/// How a transfer goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Referring {
    /// The answer to REFER.
    pub response: Option<u16>,
    /// The last NOTIFY.
    pub notified: Option<u16>,
}

/// Which of a call's interpreters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Runner {
    /// The call's own documents.
    Main,
    /// What is run meanwhile: screening, waiting.
    Side,
    /// An announcement to the call, or to its whole conference.
    Aside,
}

impl Runner {
    /// All of them, in the order in which they are asked what they want.
    pub(super) const ALL: [Self; 3] = [Self::Aside, Self::Side, Self::Main];
}

/// A call.
pub(super) struct Live {
    pub record: CallRecord,
    pub role: Role,
    pub leg: sip::LegId,
    pub stage: Stage,
    pub media: Option<media::LegId>,
    pub port: u16,
    /// What was agreed on.
    pub agreed: Option<sip::sdp::Agreed>,
    /// Our side of it, as we told it last.
    pub told: Option<Box<sip::sdp::Session>>,
    pub plan: Plan,
    /// More parameters of every request.
    pub extra: voice::Params,
    /// More parameters of the next document of its main interpreter, and of that alone.
    pub once: voice::Params,
    pub main: Option<voice::Call>,
    pub side: Option<voice::Call>,
    pub aside: Option<voice::Call>,
    pub effects: BTreeMap<(Runner, Id), Effect>,
    pub dialling: Option<Box<Dialling>>,
    /// Its stay in a queue.
    pub queued: Option<Box<Queued>>,
    /// Its place in a conference.
    pub seat: Option<Box<Seat>>,
    /// What `aside` announces.
    pub announcing: Option<Announcing>,
    /// Whom it is connected with.
    pub peer: Option<CallSid>,
    /// Recordings that were begun for the whole of it.
    pub recordings: Vec<media::RecordingId>,
    /// What to tell as its end, where we end it.
    pub verdict: Option<Status>,
    /// It rings until then.
    pub ring_until: Option<Instant>,
    /// It lasts until then.
    pub limit_at: Option<Instant>,
}

impl Live {
    pub(super) fn new(record: CallRecord, role: Role, leg: sip::LegId, stage: Stage) -> Self {
        Self {
            record,
            role,
            leg,
            stage,
            media: None,
            port: 0,
            agreed: None,
            told: None,
            plan: Plan::default(),
            extra: Vec::new(),
            once: Vec::new(),
            main: None,
            side: None,
            aside: None,
            effects: BTreeMap::new(),
            dialling: None,
            queued: None,
            seat: None,
            announcing: None,
            peer: None,
            recordings: Vec::new(),
            verdict: None,
            ring_until: None,
            limit_at: None,
        }
    }

    /// Whether it is answered and not yet ended.
    pub(super) fn is_up(&self) -> bool {
        matches!(self.stage, Stage::Up)
    }

    /// An interpreter.
    pub(super) fn interpreter(&mut self, runner: Runner) -> Option<&mut voice::Call> {
        match runner {
            Runner::Main => self.main.as_mut(),
            Runner::Side => self.side.as_mut(),
            Runner::Aside => self.aside.as_mut(),
        }
    }

    /// It may last so long from now.
    pub(super) fn limit(&mut self, now: Instant, seconds: u32) {
        let at = now + Duration::from_secs(u64::from(seconds));
        self.limit_at = Some(self.limit_at.map_or(at, |before| before.min(at)));
    }

    /// When it wants to be looked at again.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let interpreters = [&self.main, &self.side, &self.aside].into_iter().flatten();
        let interpreters = interpreters.filter_map(voice::Call::wake_at);
        let own = [self.ring_until, self.limit_at].into_iter().flatten();
        let dialling = self.dialling.as_ref().and_then(|dialling| dialling.wake_at());
        let seat = self.seat.as_ref().map(|seat| seat.until);
        interpreters.chain(own).chain(dialling).chain(seat).min()
    }
}
