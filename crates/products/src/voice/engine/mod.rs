//! The machine of all live calls of a node. SIP, media, documents and orders go in; commands, and
//! what is to be written, asked and said, come out. No socket, table or clock.
//!
//! A call is one leg. A call that runs documents has an interpreter; what its `Dial` brings are
//! calls of their own, its children, which run a document of their own before they are connected.

mod announce;
mod conference;
mod dial;
mod ending;
mod endpoint;
mod incoming;
mod interpret;
mod io;
mod live;
mod news;
mod outgoing;
mod prompts;
mod queue;
mod record;
mod sdp;
mod seats;
mod tones;
mod waiting;
mod wakes;

use core::net::IpAddr;
use std::collections::{BTreeMap, VecDeque};

use base::{AccountSid, CallSid, ConferenceSid, Instant, QueueSid};
use machine::{Machine, Random};

use crate::voice::model::CallKey;
pub use io::{
    Admission, Fetching, Input, Opened, Order, Output, Placing, Ports, Recorded, RecordingSource,
    Ticket,
};
use live::Live;
pub use news::{
    Announced, Conferenced, Ended, Gone, KnownQueue, Member, Participant, RoomOrder, SeatChange,
    Step,
};
pub(in crate::voice) use sdp::leg_config;
use wakes::Wakes;

/// The SIP header field that tells the other end our call's SID.
pub const SID_FIELD: &str = "X-Twilio-CallSid";

/// How the engine is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address of our media, as the world reaches it.
    pub media_address: IpAddr,
    /// Calls at once; beyond it calls are refused with 503.
    pub calls_max: usize,
}

/// The machine.
pub struct Engine {
    config: Config,
    ports: Box<dyn Ports>,
    calls: BTreeMap<CallSid, Live>,
    /// Legs that came and are not decided on, with how they ended meanwhile.
    screening: BTreeMap<sip::LegId, Option<ending::How>>,
    by_leg: BTreeMap<sip::LegId, CallSid>,
    by_media: BTreeMap<media::LegId, CallKey>,
    recordings: BTreeMap<media::RecordingId, record::Recording>,
    lines: BTreeMap<QueueSid, queue::Line>,
    rooms: BTreeMap<ConferenceSid, conference::Room>,
    room_names: BTreeMap<(AccountSid, String), ConferenceSid>,
    by_mixer: BTreeMap<media::MixerId, ConferenceSid>,
    random: Random,
    tones: tones::Tones,
    wakes: Wakes,
    /// Calls without a leg whose documents moved: they may be forgotten.
    perhaps_over: Vec<CallSid>,
    outputs: VecDeque<Output>,
    now: Instant,
    next: u64,
    stopping: bool,
}

impl Engine {
    /// An engine without calls. Legs that it opens are numbered from what the seed says, which no
    /// earlier life of this process has used; so are the SIDs of conferences made of it.
    pub fn new(config: Config, ports: Box<dyn Ports>, seed: [u8; 32]) -> Self {
        let [a, b, c, d, ..] = seed;
        let first = u64::from(u32::from_le_bytes([a, b, c, d])) << 16;
        Self {
            config,
            ports,
            calls: BTreeMap::new(),
            screening: BTreeMap::new(),
            by_leg: BTreeMap::new(),
            by_media: BTreeMap::new(),
            recordings: BTreeMap::new(),
            lines: BTreeMap::new(),
            rooms: BTreeMap::new(),
            room_names: BTreeMap::new(),
            by_mixer: BTreeMap::new(),
            random: Random::from_seed_bytes(seed),
            tones: tones::Tones::default(),
            wakes: Wakes::default(),
            perhaps_over: Vec::new(),
            outputs: VecDeque::new(),
            now: Instant::default(),
            next: first.max(1),
            stopping: false,
        }
    }

    /// Calls that live.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// Whether nothing at all is left of any call: no leg of either kind, no recording that is not
    /// on disk, nobody in a queue or conference.
    pub fn is_idle(&self) -> bool {
        let waits = |line: &queue::Line| !line.is_empty();
        self.calls.is_empty()
            && self.screening.is_empty()
            && self.by_leg.is_empty()
            && self.by_media.is_empty()
            && self.recordings.is_empty()
            && self.rooms.is_empty()
            && self.room_names.is_empty()
            && self.by_mixer.is_empty()
            && !self.lines.values().any(waits)
            && self.wakes.next().is_none()
    }

    /// Whether a call lives and has media.
    pub fn can_record(&self, call: CallSid) -> bool {
        self.calls.get(&call).is_some_and(|live| live.media.is_some())
    }

    /// A number that was not used before.
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn put(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// The call of a leg.
    fn of_leg(&self, leg: sip::LegId) -> Option<CallSid> {
        self.by_leg.get(&leg).copied()
    }

    /// Notes when a call wants to be looked at again.
    fn rewake(&mut self, call: CallSid) {
        let at = self.calls.get(&call).and_then(Live::wake_at);
        self.wakes.set(call, at);
    }

    fn sip(&mut self, event: sip::Event) {
        use sip::Event as E;
        match event {
            E::Incoming(incoming) => self.incoming(incoming),
            E::Progress { leg, status, sdp, .. } => self.progress(leg, status, sdp),
            E::Answered { leg, sdp, .. } => self.answered(leg, sdp),
            E::Reoffered { leg, sdp } => self.reoffered(leg, sdp),
            E::Reanswered { leg, sdp } | E::Confirmed { leg, sdp } => {
                self.reanswered(leg, sdp.as_ref());
            }
            E::Dtmf { leg, digit, .. } => {
                if let Some(call) = self.of_leg(leg) {
                    self.digit(call, digit);
                }
            }
            E::Referred { leg, refer, target, .. } => self.referred(leg, refer, &target),
            E::ReferAnswered { leg, status } => self.refer_answered(leg, status),
            E::ReferProgress { leg, status, last } => self.refer_progress(leg, status, last),
            E::Refused { leg, status, .. } => self.leg_over(leg, ending::How::Refused(status)),
            E::Ended { leg, by, status, .. } => {
                self.leg_over(leg, ending::How::Ended { by, status });
            }
            // Gateways, bindings and questions are the edge's business.
            _ => {}
        }
    }

    fn media(&mut self, owner: media::Owner, event: media::Event) {
        let leg = match owner {
            media::Owner::Leg(leg) => leg,
            media::Owner::Mixer(mixer) => return self.mixer_event(mixer, event),
        };
        let Some(key) = self.by_media.get(&leg).copied() else { return };
        let call = key.sid;
        match event {
            media::Event::Finished { item, .. } => self.item_finished(call, item),
            media::Event::Digit { digit } => self.digit(call, digit),
            media::Event::TimedOut { .. } => self.silent(call),
            media::Event::Silence { .. } => self.nobody_speaks(call),
            media::Event::Recorded { recording, octets } => {
                self.put(Output::Chunk { recording, octets });
            }
            media::Event::RecordingEnded { recording, duration_ms } => {
                self.recording_ended(recording, duration_ms);
            }
            media::Event::Tapped { tap, samples } => {
                self.put(Output::Tapped { call, tap, samples });
            }
            media::Event::Speaking { speaking } => self.speaks(call, speaking),
            media::Event::Closed(statistics) => {
                self.by_media.remove(&leg);
                self.put(Output::Quality { call: key, statistics });
            }
            _ => {}
        }
        self.rewake(call);
    }
}

impl Machine for Engine {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Instant, input: Input) {
        self.now = now;
        match input {
            Input::Sip(event) => self.sip(event),
            Input::Media(owner, event) => self.media(owner, event),
            Input::Admitted(admission) => self.admitted(*admission),
            Input::Refused { leg, status } => self.refuse(leg, status),
            Input::Challenged { leg, realm } => {
                self.screening.remove(&leg);
                self.put(Output::Sip(sip::Command::Challenge { leg, realm }));
            }
            Input::Place(placing) => self.place(*placing),
            Input::ChildPlaced { parent, ticket, result } => {
                self.child_placed(parent, ticket, result.map(|placing| *placing));
            }
            Input::Document { call, fetching, result } => self.document(call, fetching, result),
            Input::Prompt { call, ticket, result } => self.prompt(call, ticket, result),
            Input::Heard { call, id, heard } => self.heard(call, id, heard),
            Input::Saved { recording, saved } => self.saved(recording, saved),
            Input::Sent { call, id, result } => self.sent(call, id, result),
            Input::Order(call, order) => self.order(call, order),
            Input::Queue { call, ticket, result } => self.queue_named(call, ticket, result),
            Input::Conference(conference, order) => self.room_order(conference, order),
            Input::Stop => self.stop_all(),
        }
        self.forget_those_over();
    }

    fn tick(&mut self, now: Instant) {
        self.now = now;
        while let Some(call) = self.wakes.due(now) {
            self.due(call);
            self.rewake(call);
        }
        self.forget_those_over();
    }

    fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn wake_at(&self) -> Option<Instant> {
        self.wakes.next()
    }
}

#[cfg(test)]
mod tests;
