//! A call as a handset sees it, and what a handset does by itself when it rings.

use std::collections::VecDeque;

use base::Instant;
use serde_json::{Value, json};
use sip::sdp::Session;

/// Samples of a call that are kept, from its answer: five minutes.
pub(super) const HEARD_MAX: usize = 5 * 60 * media::RATE as usize;

/// Digits of a call that are kept.
const DIGITS_MAX: usize = 256;

/// Where a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It rings, here or at the other end.
    Ringing,
    /// The two hear each other.
    Answered,
    /// It is over.
    Ended,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Ringing => "ringing",
            Self::Answered => "answered",
            Self::Ended => "ended",
        }
    }
}

/// What a handset does when it is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// It rings until somebody does something.
    #[default]
    Ignore,
    /// It answers.
    Answer,
    /// It is busy (486).
    Busy,
    /// It declines (603).
    Decline,
    /// No network knows it (404).
    Unreachable,
}

impl Behaviour {
    const ALL: [Self; 5] =
        [Self::Ignore, Self::Answer, Self::Busy, Self::Decline, Self::Unreachable];

    /// From the word for it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|behaviour| behaviour.name() == name)
    }

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Answer => "answer",
            Self::Busy => "busy",
            Self::Decline => "decline",
            Self::Unreachable => "unreachable",
        }
    }

    /// The status that a call is refused with.
    pub(super) fn refusal(self) -> Option<u16> {
        match self {
            Self::Busy => Some(486),
            Self::Decline => Some(603),
            Self::Unreachable => Some(404),
            Self::Ignore | Self::Answer => None,
        }
    }
}

/// A call of a handset.
#[derive(Debug)]
pub struct PhoneCall {
    /// Its number, unique among all handsets.
    pub id: u64,
    /// Whose.
    pub handset: String,
    /// The other end.
    pub peer: String,
    /// The handset made it.
    pub outgoing: bool,
    /// The SID of our call at the other end, once it was told.
    pub sid: Option<String>,
    /// Where it is.
    pub state: State,
    /// Digits that were heard.
    pub digits: String,
    /// When it began to ring.
    pub started_at: Instant,
    /// When it was answered.
    pub answered_at: Option<Instant>,
    /// When it ended.
    pub ended_at: Option<Instant>,
    /// Who ended it: `us`, `them` or `timeout`.
    pub ended_by: Option<&'static str>,
    /// The SIP status of its end; 200 for one that was answered, 0 before.
    pub status: u16,
    /// What was heard since its answer, at 8 kHz.
    pub heard: Vec<i16>,
    pub(super) leg: sip::LegId,
    pub(super) media: Option<media::LegId>,
    pub(super) port: u16,
    /// The other end's offer, while it is not answered.
    pub(super) offer: Option<Box<Session>>,
    /// Our side, as it was told last.
    pub(super) told: Option<Box<Session>>,
}

impl PhoneCall {
    pub(super) fn new(id: u64, leg: sip::LegId, handset: &str, peer: &str, at: Instant) -> Self {
        Self {
            id,
            handset: handset.to_owned(),
            peer: peer.to_owned(),
            outgoing: false,
            sid: None,
            state: State::Ringing,
            digits: String::new(),
            started_at: at,
            answered_at: None,
            ended_at: None,
            ended_by: None,
            status: 0,
            heard: Vec::new(),
            leg,
            media: None,
            port: 0,
            offer: None,
            told: None,
        }
    }

    /// Whether it is not over.
    pub fn is_live(&self) -> bool {
        self.state != State::Ended
    }

    pub(super) fn digit(&mut self, digit: char) {
        if self.digits.len() < DIGITS_MAX {
            self.digits.push(digit);
        }
    }

    pub(super) fn hear(&mut self, samples: &[i16]) {
        let room = HEARD_MAX.saturating_sub(self.heard.len()).min(samples.len());
        self.heard.extend_from_slice(&samples[..room]);
    }

    /// As the development contract shows it.
    pub fn view(&self) -> Value {
        let at = |at: Option<Instant>| at.map(|at| at.to_iso8601_micros());
        json!({
            "id": self.id,
            "sid": self.sid,
            "direction": if self.outgoing { "out" } else { "in" },
            "peer": self.peer,
            "state": self.state.name(),
            "digits": self.digits,
            "heard_ms": self.heard.len() as u64 * 1_000 / u64::from(media::RATE),
            "started_at": at(Some(self.started_at)),
            "answered_at": at(self.answered_at),
            "ended_at": at(self.ended_at),
            "ended_by": self.ended_by,
            "status": self.status,
        })
    }
}

/// Keeps the newest calls of a history: which ones are to be forgotten.
pub(super) fn surplus<'a>(
    calls: impl Iterator<Item = &'a PhoneCall>,
    calls_max: usize,
    samples_max: usize,
) -> Vec<u64> {
    let mut ended: VecDeque<(u64, usize)> = VecDeque::new();
    let (mut count, mut samples) = (0, 0);
    for call in calls {
        count += 1;
        samples += call.heard.len();
        if !call.is_live() {
            ended.push_back((call.id, call.heard.len()));
        }
    }
    let mut surplus = Vec::new();
    while count > calls_max || samples > samples_max {
        let Some((id, heard)) = ended.pop_front() else { break };
        (count, samples) = (count - 1, samples - heard);
        surplus.push(id);
    }
    surplus
}
