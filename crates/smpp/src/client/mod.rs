//! The client: all binds to one carrier. It connects, binds, keeps the windows full at the pace
//! that the carrier takes, retries what a busy carrier refused, reconnects, and tells of every
//! segment what became of it. A machine: the driver owns the sockets.

mod link;
mod outbind;
mod pace;
mod queue;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use base::Instant;
use machine::{Machine, Random};

use crate::client::link::{Link, State};
use crate::client::queue::{Group, InFlight, Queued};
use crate::pdu::{Bind, Body, Mode, ShortMessage, status};
use crate::session::{Ending, Heard, Timing};

pub use outbind::Outbind;
pub use pace::Pace;

/// How a client is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// One connection for each.
    pub binds: Vec<Bind>,
    /// Submissions without a response, at most, for each bind.
    pub window: usize,
    /// Submissions a second for each bind; 0 means no limit.
    pub throughput: u32,
    /// How patient sessions are.
    pub timing: Timing,
    /// Messages are given back as unreachable when no bind was up for this long.
    pub patience: Duration,
    /// What a carrier must say that calls us; then the binds wait for its calls, and none
    /// connects by itself.
    pub outbind: Option<Outbind>,
    /// Seed of the reconnects' jitter.
    pub seed: u64,
}

/// One connection of one bind. A bind's connections are counted, so that what belongs to an old
/// one is told from what belongs to the running one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkId {
    /// Which bind of the configuration.
    pub index: usize,
    /// Which connection of it.
    pub connection: u32,
}

/// The owner's name of a message.
pub type Key = [u8; 32];

/// A request of the carrier that waits for `Input::Respond`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle {
    /// Where it came in.
    pub link: LinkId,
    /// Its number there.
    pub sequence: u32,
    data: bool,
}

/// What the client is told.
#[derive(Debug)]
pub enum Input {
    /// The connection stands.
    Connected(LinkId),
    /// The connection could not be made, or is cut.
    Lost(LinkId),
    /// Octets came in.
    Received(LinkId, Vec<u8>),
    /// Submit segments of a message.
    Submit {
        /// The owner's name of it.
        key: Key,
        /// How many segments it has altogether.
        parts: u8,
        /// Not worth submitting after.
        expires_at: Option<Instant>,
        /// Index and PDU of each segment to be submitted.
        segments: Vec<(u8, ShortMessage)>,
    },
    /// Answer a request of the carrier, by `pdu::status`.
    Respond(Handle, u32),
    /// Unbind and close.
    Stop,
}

/// What became of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The carrier has it under this id.
    Taken(String),
    /// The carrier refused it with this status.
    Refused(u32),
    /// The connection was cut between the submit and its response.
    Uncertain,
    /// No bind was up: nothing of the message was submitted.
    Unreachable,
    /// It was not worth submitting any more.
    Expired,
}

/// What the client wants, and tells.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Make this connection.
    Connect(LinkId),
    /// Write these octets.
    Write(LinkId, Vec<u8>),
    /// Close this connection.
    Close(LinkId),
    /// What became of a segment.
    Answered {
        /// Of which message.
        key: Key,
        /// Which one, from 0.
        part: u8,
        /// How many it has altogether.
        parts: u8,
        /// What.
        outcome: Outcome,
        /// Nothing more will be told of this message.
        last: bool,
    },
    /// A receipt or a text; to be answered by `Respond`.
    Delivered(Handle, Box<ShortMessage>),
    /// A bind that brings receipts is up: from now on what is uncertain can be explained.
    Receiving,
    /// A bind is up.
    Bound(LinkId),
    /// A bind was refused with this status.
    BindRefused(LinkId, u32),
    /// A caller was not the carrier that is expected.
    InvitationRefused(LinkId),
    /// A session ended, or could not begin; the last says whether it was bound.
    Ended(LinkId, Option<Ending>, bool),
}

/// The client of one carrier.
#[derive(Debug)]
pub struct Client {
    config: Config,
    random: Random,
    links: Vec<Link>,
    queue: VecDeque<Queued>,
    groups: HashMap<u64, Group>,
    in_flight: HashMap<u64, InFlight>,
    next_id: u64,
    turn: usize,
    /// Since when no bind could submit.
    down_since: Option<Instant>,
    stopping: bool,
    now: Instant,
    outputs: VecDeque<Output>,
}

impl Client {
    /// A client that connects at once.
    pub fn new(config: Config, now: Instant) -> Self {
        let links = config.binds.iter().map(|bind| Link::new(bind.mode, config.throughput, now));
        let mut client = Self {
            random: Random::from_seed(config.seed),
            links: links.collect(),
            queue: VecDeque::new(),
            groups: HashMap::new(),
            in_flight: HashMap::new(),
            next_id: 1,
            turn: 0,
            down_since: Some(now),
            stopping: false,
            now,
            outputs: VecDeque::new(),
            config,
        };
        client.advance();
        client
    }

    /// Whether a bind is up that can submit.
    pub fn is_up(&self) -> bool {
        self.links.iter().any(|link| link.is_bound() && link.mode.transmits())
    }

    fn link(&mut self, id: LinkId) -> Option<&mut Link> {
        self.links.get_mut(id.index).filter(|link| link.connection == id.connection)
    }

    fn connected(&mut self, id: LinkId) {
        let (now, timing) = (self.now, self.config.timing);
        let Some(bind) = self.config.binds.get(id.index).cloned() else { return };
        if let Some(link) = self.link(id).filter(|link| matches!(link.state, State::Connecting)) {
            link.bind(now, timing, bind);
        }
    }

    /// The connection is gone: what was in flight on it is uncertain.
    fn lost(&mut self, id: LinkId, why: Option<Ending>) {
        let (now, jitter) = (self.now, self.random.below(500));
        let Some(link) = self.link(id).filter(|link| !matches!(link.state, State::Down { .. }))
        else {
            return;
        };
        let was_bound = link.is_bound();
        link.down(now, jitter);
        self.outputs.push_back(Output::Ended(id, why, was_bound));
        let mut cut: Vec<u64> =
            self.in_flight.iter().filter(|(_, f)| f.link == id).map(|(id, _)| *id).collect();
        cut.sort_unstable();
        let uncertain = !cut.is_empty();
        for segment in cut {
            if let Some(flight) = self.in_flight.remove(&segment) {
                self.answer(flight.group, flight.part, Outcome::Uncertain);
            }
        }
        if uncertain && self.links.iter().any(|link| link.is_bound() && link.mode.receives()) {
            self.outputs.push_back(Output::Receiving);
        }
    }

    fn received(&mut self, id: LinkId, octets: &[u8]) {
        let now = self.now;
        let mut heard = Vec::new();
        let Some(link) = self.link(id) else { return };
        let Some(session) = link.session.as_mut() else { return };
        session.receive(now, octets, &mut heard);
        heard.into_iter().for_each(|heard| self.hear(id, heard));
    }

    fn hear(&mut self, id: LinkId, heard: Heard) {
        match heard {
            Heard::Response { body: Body::BindResp { .. } | Body::GenericNack, status, .. }
                if self.link(id).is_some_and(|link| matches!(link.state, State::Binding)) =>
            {
                self.bind_answered(id, status);
            }
            Heard::Response { token, status, body } => {
                self.submit_answered(id, token, status, body)
            }
            Heard::Request(sequence, body) => self.requested(id, sequence, body),
            Heard::Ended(why) => self.ended(id, why),
        }
    }

    fn bind_answered(&mut self, id: LinkId, status: u32) {
        if status != status::OK {
            self.outputs.push_back(Output::BindRefused(id, status));
            self.close(id, None);
            return;
        }
        let Some(link) = self.link(id) else { return };
        link.state = State::Bound;
        link.failures = 0;
        let receives = link.mode.receives();
        self.outputs.push_back(Output::Bound(id));
        if receives {
            self.outputs.push_back(Output::Receiving);
        }
    }

    fn submit_answered(&mut self, id: LinkId, token: u64, status: u32, body: Body) {
        let now = self.now;
        let Some(flight) = self.in_flight.remove(&token) else { return };
        let Some(link) = self.link(id) else { return };
        link.in_flight -= 1;
        if status::is_busy(status) {
            link.pace.throttled(now);
            let InFlight { group, part, message, .. } = flight;
            self.queue.push_front(Queued { group, part, message });
            return;
        }
        let outcome = match (status, body) {
            (status::OK, Body::SubmitSmResp { message_id }) => {
                link.pace.taken(now);
                Outcome::Taken(message_id)
            }
            (status::OK, _) => Outcome::Refused(status::SYSTEM_ERROR),
            (status, _) => Outcome::Refused(status),
        };
        self.answer(flight.group, flight.part, outcome);
    }

    fn requested(&mut self, id: LinkId, sequence: u32, body: Body) {
        let data = matches!(body, Body::DataSm(_));
        let handle = Handle { link: id, sequence, data };
        match body {
            Body::DeliverSm(message) | Body::DataSm(message) => {
                self.outputs.push_back(Output::Delivered(handle, message));
            }
            Body::Outbind { system_id, password } => {
                self.invited(id, &Outbind { system_id, password });
            }
            _ => {
                let Some(session) = self.link(id).and_then(|link| link.session.as_mut()) else {
                    return;
                };
                session.respond(sequence, status::BAD_STATE, Body::GenericNack);
            }
        }
    }

    fn respond(&mut self, handle: Handle, status: u32) {
        let body = if handle.data {
            Body::DataSmResp { message_id: String::new() }
        } else {
            Body::DeliverSmResp
        };
        // Over another connection the carrier would not know it; it will bring it again.
        if let Some(session) = self.link(handle.link).and_then(|link| link.session.as_mut()) {
            session.respond(handle.sequence, status, body);
        }
    }

    fn ended(&mut self, id: LinkId, why: Ending) {
        self.flush(id.index);
        self.close(id, Some(why));
    }

    fn close(&mut self, id: LinkId, why: Option<Ending>) {
        self.outputs.push_back(Output::Close(id));
        self.lost(id, why);
    }

    fn stop(&mut self) {
        self.stopping = true;
        let now = self.now;
        for index in 0..self.links.len() {
            let link = &mut self.links[index];
            let id = LinkId { index, connection: link.connection };
            match (&link.state, link.session.as_mut()) {
                (State::Bound, Some(session)) => session.unbind(now),
                (State::Down { .. }, _) => {}
                _ => self.close(id, None),
            }
        }
    }

    fn flush(&mut self, index: usize) {
        let link = &mut self.links[index];
        let id = LinkId { index, connection: link.connection };
        if let Some(session) = link.session.as_mut().filter(|session| session.has_output()) {
            self.outputs.push_back(Output::Write(id, session.take_output()));
        }
    }

    /// What follows from every input and from the passing of time.
    fn advance(&mut self) {
        for index in 0..self.links.len() {
            self.keep_alive(index);
        }
        self.notice_outage();
        self.fill();
        (0..self.links.len()).for_each(|index| self.flush(index));
    }

    fn keep_alive(&mut self, index: usize) {
        let (now, calls) = (self.now, self.config.outbind.is_none());
        let link = &mut self.links[index];
        if let State::Down { retry_at } = link.state
            && retry_at <= now
            && !self.stopping
            && calls
        {
            let connection = link.connect();
            self.outputs.push_back(Output::Connect(LinkId { index, connection }));
            return;
        }
        let id = LinkId { index, connection: link.connection };
        if matches!(link.state, State::Called { since } if since + outbind::CALLED_MAX <= now) {
            return self.close(id, None);
        }
        let mut heard = Vec::new();
        if let Some(session) = link.session.as_mut() {
            session.tick(now, &mut heard);
        }
        heard.into_iter().for_each(|heard| self.hear(id, heard));
    }

    fn notice_outage(&mut self) {
        self.down_since = match self.down_since {
            _ if self.is_up() => None,
            None => Some(self.now),
            since => since,
        };
    }
}

impl Machine for Client {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Instant, input: Input) {
        self.now = now;
        match input {
            Input::Connected(id) => self.connected(id),
            Input::Lost(id) => self.lost(id, None),
            Input::Received(id, octets) => self.received(id, &octets),
            Input::Submit { key, parts, expires_at, segments } => {
                self.submit(key, parts, expires_at, segments);
            }
            Input::Respond(handle, status) => self.respond(handle, status),
            Input::Stop => self.stop(),
        }
        self.advance();
    }

    fn tick(&mut self, now: Instant) {
        self.now = now;
        self.advance();
    }

    fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn wake_at(&self) -> Option<Instant> {
        let resting = self.stopping || self.config.outbind.is_some();
        let links = self.links.iter().filter_map(|link| link.wake_at(resting));
        let waiting = !self.queue.is_empty();
        let paced = self.links.iter().filter(|link| waiting && link.has_room(self.config.window));
        let paced = paced.map(|link| link.pace.next_at(self.now));
        let outage = self.down_since.filter(|_| waiting).map(|since| since + self.config.patience);
        // What is unreachable was given back already when the outage is older than that.
        links.chain(paced).chain(outage.filter(|at| *at > self.now)).min()
    }

    fn is_closed(&self) -> bool {
        self.stopping && self.links.iter().all(|link| matches!(link.state, State::Down { .. }))
    }
}

impl Config {
    /// The binds of a URL's `bind=`: one transceiver, or a transmitter and a receiver.
    pub fn binds(modes: &[Mode], like: &Bind) -> Vec<Bind> {
        modes.iter().map(|mode| Bind { mode: *mode, ..like.clone() }).collect()
    }
}

#[cfg(test)]
mod tests;
