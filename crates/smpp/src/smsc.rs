//! A test carrier: takes binds, gives ids, sends receipts until they are acknowledged, and does
//! on demand what carriers do wrong. A machine: `trunkline smsc`, the benchmark and the simulation
//! drive it.

mod peer;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use base::Instant;
use machine::{Machine, Random};

use crate::pdu::{Address, Body, ESM_RECEIPT, Mode, ShortMessage, status};
use crate::receipt::{self, Receipt, State};
use crate::session::{Heard, Session, Timing};
use crate::smsc::peer::Peer;
use crate::text::octets::{self, Alphabet};
use crate::udh;

/// How the carrier behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// The password that binds need; `None` takes any.
    pub password: Option<String>,
    /// Submissions a second that it takes from each system id; 0 means no limit.
    pub throughput: u32,
    /// After how long a receipt comes.
    pub receipt_after: Duration,
    /// Whether handsets answer every text with itself.
    pub echo: bool,
    /// What it does wrong.
    pub faults: Faults,
    /// Seed of the faults.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        let (receipt_after, faults) = (Duration::ZERO, Faults::default());
        Self { password: None, throughput: 0, receipt_after, echo: false, faults, seed: 0 }
    }
}

/// What a carrier does wrong, in so many of a thousand cases.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// The submission is refused with ESME_RSUBMITFAIL.
    pub refused: u64,
    /// The receipt says undelivered.
    pub undelivered: u64,
    /// The receipt comes twice.
    pub receipt_twice: u64,
    /// The receipt comes before the response.
    pub receipt_first: u64,
    /// The response comes this much later, out of order.
    pub response_late: u64,
    /// Ids are hexadecimal in responses and decimal in receipts.
    pub hex_ids: bool,
}

/// One connection.
pub type Connection = u64;

/// What the carrier is told.
#[derive(Debug)]
pub enum Input {
    /// Somebody connected.
    Connected(Connection),
    /// A connection to a client that waits for our call stands.
    Called {
        /// The connection.
        connection: Connection,
        /// Who we are.
        system_id: String,
        /// How we prove it.
        password: String,
    },
    /// A connection is gone.
    Lost(Connection),
    /// Octets came in.
    Received(Connection, Vec<u8>),
    /// A text from a handset to a number of the client `system_id`, or of any when it is empty.
    Say {
        /// Whose number it is.
        system_id: String,
        /// The text as a PDU.
        message: Box<ShortMessage>,
    },
}

/// What the carrier wants, and tells.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Write these octets.
    Write(Connection, Vec<u8>),
    /// Close the connection.
    Close(Connection),
    /// A message was taken.
    Taken {
        /// From whom.
        system_id: String,
        /// Under which id.
        id: u64,
        /// What.
        message: Box<ShortMessage>,
    },
}

/// A receipt or text on its way to a client.
#[derive(Clone, Debug)]
struct Due {
    system_id: String,
    message: Box<ShortMessage>,
}

/// Deliveries without their response at most, for each connection.
const WINDOW: usize = 1_000;

/// The carrier.
#[derive(Debug)]
pub struct Smsc {
    config: Config,
    random: Random,
    peers: BTreeMap<Connection, Peer>,
    /// By when they are due; the second number keeps the order.
    later: BTreeMap<(Instant, u64), Due>,
    /// Due, waiting for a receiver.
    waiting: HashMap<String, VecDeque<(u64, Due)>>,
    /// Systems with something waiting.
    busy: BTreeSet<String>,
    responses: BTreeMap<(Instant, u64), (Connection, u32, u64)>,
    next_id: u64,
    next_due: u64,
    now: Instant,
    outputs: VecDeque<Output>,
}

impl Smsc {
    /// A carrier without clients.
    pub fn new(config: Config, now: Instant) -> Self {
        Self {
            random: Random::from_seed(config.seed),
            config,
            peers: BTreeMap::new(),
            later: BTreeMap::new(),
            waiting: HashMap::new(),
            busy: BTreeSet::new(),
            responses: BTreeMap::new(),
            next_id: 0x1000_0000,
            next_due: 0,
            now,
            outputs: VecDeque::new(),
        }
    }

    /// What it does wrong from now on.
    pub fn behave(&mut self, faults: Faults) {
        self.config.faults = faults;
    }

    /// Receipts and texts that nobody acknowledged yet.
    pub fn owed(&self) -> usize {
        let open: usize = self.peers.values().map(|peer| peer.open.len()).sum();
        self.later.len() + self.waiting.values().map(VecDeque::len).sum::<usize>() + open
    }

    /// Connections that are bound.
    pub fn bound(&self) -> Vec<Connection> {
        self.peers.iter().filter(|(_, peer)| peer.bound.is_some()).map(|(id, _)| *id).collect()
    }

    fn received(&mut self, id: Connection, octets: &[u8]) {
        let mut heard = Vec::new();
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.session.receive(self.now, octets, &mut heard);
        heard.into_iter().for_each(|heard| self.hear(id, heard));
    }

    fn hear(&mut self, id: Connection, heard: Heard) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        match heard {
            Heard::Request(sequence, Body::Bind(bind)) => {
                let wanted = self.config.password.as_ref();
                let status = match &peer.bound {
                    Some(_) => status::ALREADY_BOUND,
                    None if wanted.is_some_and(|wanted| *wanted != bind.password) => {
                        status::BAD_PASSWORD
                    }
                    None => status::OK,
                };
                let body = Body::BindResp { mode: bind.mode, system_id: "trunkline".to_owned() };
                peer.session.respond(sequence, status, body);
                if status == status::OK {
                    peer.bound = Some((bind.system_id, bind.mode));
                }
            }
            Heard::Request(sequence, Body::SubmitSm(message)) => {
                self.submitted(id, sequence, message)
            }
            Heard::Request(sequence, _) => {
                peer.session.respond(sequence, status::BAD_STATE, Body::GenericNack);
            }
            Heard::Response { token, status, .. } => {
                let due = peer.open.remove(&token);
                // A temporary refusal brings it again.
                if let Some(due) = due.filter(|_| status::is_busy(status)) {
                    let at = self.now + Duration::from_millis(500);
                    self.later.insert((at, token), due);
                }
            }
            Heard::Ended(_) => {
                self.flush(id);
                self.outputs.push_back(Output::Close(id));
                self.lost(id);
            }
        }
    }

    fn submitted(&mut self, id: Connection, sequence: u32, message: Box<ShortMessage>) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let system_id = match &peer.bound {
            Some((system_id, mode)) if mode.transmits() => system_id.clone(),
            _ => {
                let body = Body::SubmitSmResp { message_id: String::new() };
                return peer.session.respond(sequence, status::BAD_STATE, body);
            }
        };
        let (second, throughput) = (self.now.micros() / 1_000_000, self.config.throughput);
        if throughput > 0 && !peer.count(second, throughput) {
            let body = Body::SubmitSmResp { message_id: String::new() };
            return peer.session.respond(sequence, status::THROTTLED, body);
        }
        let faults = self.config.faults;
        if self.random.chance(faults.refused) {
            let body = Body::SubmitSmResp { message_id: String::new() };
            return peer.session.respond(sequence, status::SUBMIT_FAILED, body);
        }
        let number = self.next_id;
        self.next_id += 1;
        self.owe_receipt(&system_id, number, &message);
        if self.config.echo {
            let (source, destination) = (message.destination.clone(), message.source.clone());
            let mut answer = ShortMessage { source, destination, ..(*message).clone() };
            answer.registered_delivery = 0;
            answer.validity.clear();
            self.owe(self.now, Due { system_id: system_id.clone(), message: Box::new(answer) });
        }
        if self.random.chance(faults.receipt_first) {
            self.deliver();
        }
        if self.random.chance(faults.response_late) {
            let at = self.now + Duration::from_millis(self.random.below(3_000));
            self.responses.insert((at, number), (id, sequence, number));
        } else {
            self.answer(id, sequence, number);
        }
        self.outputs.push_back(Output::Taken { system_id, id: number, message });
    }

    fn answer(&mut self, id: Connection, sequence: u32, number: u64) {
        let message_id =
            if self.config.faults.hex_ids { format!("{number:x}") } else { number.to_string() };
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.session.respond(sequence, status::OK, Body::SubmitSmResp { message_id });
        }
    }

    fn owe_receipt(&mut self, system_id: &str, number: u64, message: &ShortMessage) {
        if message.registered_delivery & 1 == 0 {
            return;
        }
        let faults = self.config.faults;
        let failed = self.random.chance(faults.undelivered);
        let state = if failed { State::Undeliverable } else { State::Delivered };
        let (part, text) = udh::of(message);
        let header = if part.is_some() { message.payload().len() - text.len() } else { 0 };
        let text = octets::decode(text, message.data_coding, Alphabet::Gsm, header);
        let error = if failed { "005" } else { "000" }.to_owned();
        let receipt = Receipt { id: number.to_string(), state, error, excerpt: text };
        let minute = self.now.to_iso8601();
        let date: String = minute.chars().filter(char::is_ascii_digit).skip(2).take(10).collect();
        let text = receipt::write(&receipt, &date, &date);
        let (octets, data_coding) = octets::encode(&text, Alphabet::Gsm, 0);
        let receipt = ShortMessage {
            source: message.destination.clone(),
            destination: message.source.clone(),
            esm_class: ESM_RECEIPT,
            data_coding,
            octets,
            ..ShortMessage::default()
        };
        let due = Due { system_id: system_id.to_owned(), message: Box::new(receipt) };
        let copies = if self.random.chance(faults.receipt_twice) { 2 } else { 1 };
        for _ in 0..copies {
            self.owe(self.now + self.config.receipt_after, due.clone());
        }
    }

    fn owe(&mut self, at: Instant, due: Due) {
        self.next_due += 1;
        self.later.insert((at, self.next_due), due);
    }

    /// What was not acknowledged over it goes over another connection.
    fn lost(&mut self, id: Connection) {
        let Some(peer) = self.peers.remove(&id) else { return };
        for (token, due) in peer.open {
            self.later.insert((self.now, token), due);
        }
        self.responses.retain(|_, (connection, ..)| *connection != id);
    }

    /// Sends what is due to whoever is bound to receive it.
    fn deliver(&mut self) {
        while let Some(entry) = self.later.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let ((_, number), due) = entry.remove_entry();
            self.busy.insert(due.system_id.clone());
            self.waiting.entry(due.system_id.clone()).or_default().push_back((number, due));
        }
        for system_id in std::mem::take(&mut self.busy) {
            let Some(waiting) = self.waiting.get_mut(&system_id) else { continue };
            let mut receivers: Vec<&mut Peer> =
                self.peers.values_mut().filter(|peer| peer.receives_for(&system_id)).collect();
            while let Some((number, due)) = waiting.pop_front() {
                let peer = receivers.iter_mut().min_by_key(|peer| peer.open.len());
                let Some(peer) = peer.filter(|peer| peer.open.len() < WINDOW) else {
                    waiting.push_front((number, due));
                    break;
                };
                peer.session.request(self.now, number, Body::DeliverSm(due.message.clone()));
                peer.open.insert(number, due);
            }
            if !waiting.is_empty() {
                self.busy.insert(system_id);
            }
        }
    }

    fn flush(&mut self, id: Connection) {
        let Some(peer) = self.peers.get_mut(&id).filter(|peer| peer.session.has_output()) else {
            return;
        };
        self.outputs.push_back(Output::Write(id, peer.session.take_output()));
    }

    fn advance(&mut self) {
        while let Some(entry) = self.responses.first_entry().filter(|e| e.key().0 <= self.now) {
            let (connection, sequence, number) = entry.remove();
            self.answer(connection, sequence, number);
        }
        self.deliver();
        let ids: Vec<Connection> = self.peers.keys().copied().collect();
        for id in ids {
            let mut heard = Vec::new();
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.session.tick(self.now, &mut heard);
            }
            heard.into_iter().for_each(|heard| self.hear(id, heard));
            self.flush(id);
        }
    }

    /// A text from a handset as a PDU.
    pub fn text(from: &str, to: &str, text: &str) -> Box<ShortMessage> {
        let address = |digits: &str| {
            let digits = digits.trim_start_matches('+').to_owned();
            Address { ton: 1, npi: 1, digits }
        };
        let (octets, data_coding) = octets::encode(text, Alphabet::Gsm, 0);
        let (source, destination) = (address(from), address(to));
        let message =
            ShortMessage { source, destination, data_coding, octets, ..Default::default() };
        Box::new(message)
    }
}

impl Machine for Smsc {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Instant, input: Input) {
        self.now = now;
        match input {
            Input::Connected(id) => {
                self.peers.insert(id, Peer::new(Session::new(Timing::default(), now)));
            }
            Input::Called { connection, system_id, password } => {
                let mut session = Session::new(Timing::default(), now);
                session.invite(Body::Outbind { system_id, password });
                self.peers.insert(connection, Peer::new(session));
            }
            Input::Lost(id) => self.lost(id),
            Input::Received(id, octets) => self.received(id, &octets),
            Input::Say { system_id, message } => {
                let receiver = self.peers.values().filter_map(|peer| peer.bound.as_ref());
                let receiver = receiver
                    .filter(|(id, mode)| {
                        *mode != Mode::Transmitter && (system_id.is_empty() || *id == system_id)
                    })
                    .map(|(id, _)| id.clone())
                    .next();
                let system_id = receiver.unwrap_or(system_id);
                self.owe(now, Due { system_id, message });
            }
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
        let later = self.later.first_key_value().map(|((at, _), _)| *at);
        let responses = self.responses.first_key_value().map(|((at, _), _)| *at);
        let sessions = self.peers.values().filter_map(|peer| peer.session.wake_at());
        sessions.chain(later).chain(responses).min()
    }
}
