//! The carrier over SMPP: the product's own client and translator at one end, the test carrier at
//! the other, and between them a TCP that splits anywhere, delays, and is cut. A kill of the
//! process is a cut of every connection after any octet.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::Instant;
use machine::{Machine, Random};
use products::carriers::smpp::{Settings, Translator, config_of, input_of, settings};
use products::carriers::{CarrierEvent, Submission};
use smpp::client::{Client, Handle, Input, LinkId, Output};
use smpp::pdu::status;
use smpp::smsc::{self, Connection, Faults, Smsc};
use smpp::text::octets::{self, Alphabet};
use smpp::udh;

use crate::node::CARRIER;

/// How the carrier may be bound to.
const BINDS: [&str; 3] = ["bind=transceiver", "bind=transceiver&sessions=3", "bind=separate"];

/// One direction of one connection; `true` is towards the carrier.
type Way = (Connection, bool);

/// Both ends and what is between them.
pub(crate) struct Line {
    settings: Arc<Settings>,
    smsc: Smsc,
    ours: Option<Ours>,
    wires: BTreeMap<Way, Vec<u8>>,
    next_connection: Connection,
    cuts_per_mille: u64,
    reachable: bool,
    hex_ids: bool,
    /// How often the carrier took each segment: its text and its place, from 0.
    pub(crate) taken: BTreeMap<(String, u8), u32>,
}

/// Our end, for one life of the process.
struct Ours {
    client: Client,
    translator: Translator,
    connections: BTreeMap<LinkId, Connection>,
    /// Requests of the carrier whose effects are on disk.
    settled: Arc<Mutex<Vec<Handle>>>,
}

impl Line {
    /// A line, and a carrier, of a temper drawn from the seed.
    pub(crate) fn new(now: Instant, random: &mut Random) -> Self {
        let hex_ids = random.chance(500);
        let ids = if hex_ids { "response_ids=hex&receipt_ids=dec" } else { "plus=true" };
        let bind = BINDS[random.below(BINDS.len() as u64) as usize];
        let url = format!("smpp://trunk:secret@carrier?{bind}&window=8&{ids}");
        let settings = settings::parse(&url).expect("a good URL");
        let mut per_mille = |most| if random.chance(500) { random.below(most) } else { 0 };
        let faults = Faults {
            refused: per_mille(100),
            undelivered: per_mille(200),
            receipt_twice: per_mille(300),
            receipt_first: per_mille(300),
            response_late: per_mille(300),
            hex_ids,
        };
        let cuts_per_mille = per_mille(6);
        let config = smsc::Config {
            password: Some("secret".to_owned()),
            throughput: if random.chance(300) { 2 } else { 0 },
            receipt_after: Duration::from_millis(random.below(20_000)),
            echo: false,
            faults,
            seed: random.u64(),
        };
        Self {
            settings: Arc::new(settings),
            smsc: Smsc::new(config, now),
            ours: None,
            wires: BTreeMap::new(),
            next_connection: 1,
            cuts_per_mille,
            reachable: true,
            hex_ids,
            taken: BTreeMap::new(),
        }
    }

    /// The process begins to live.
    pub(crate) fn start(&mut self, now: Instant, random: &mut Random) {
        let settled: Arc<Mutex<Vec<Handle>>> = Arc::default();
        let to = Arc::clone(&settled);
        let respond = Arc::new(move |handle| {
            to.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
        });
        let settings = Arc::clone(&self.settings);
        self.ours = Some(Ours {
            client: Client::new(config_of(&settings, random.u64()), now),
            translator: Translator::new(settings, CARRIER, Arc::default(), respond),
            connections: BTreeMap::new(),
            settled,
        });
    }

    /// The process is killed: of what it had written, any beginning arrives.
    pub(crate) fn die(&mut self, now: Instant, random: &mut Random) {
        self.ours = None;
        for ((connection, outward), octets) in std::mem::take(&mut self.wires) {
            if outward {
                let arrives = random.below(octets.len() as u64 + 1) as usize;
                let arrived = octets[..arrives].to_vec();
                self.smsc.handle(now, smsc::Input::Received(connection, arrived));
                self.smsc.handle(now, smsc::Input::Lost(connection));
            }
        }
        self.settle(now);
    }

    /// From now on carrier and line behave.
    pub(crate) fn heal(&mut self) {
        (self.cuts_per_mille, self.reachable) = (0, true);
        self.smsc.behave(Faults { hex_ids: self.hex_ids, ..Faults::default() });
    }

    /// The carrier goes away for a while, or comes back.
    pub(crate) fn turn(&mut self, random: &mut Random) {
        self.reachable = self.cuts_per_mille == 0 || random.chance(700);
    }

    /// Hands a submission to the client.
    pub(crate) fn submit(&mut self, submission: Submission, now: Instant) {
        let input = input_of(&self.settings, submission, now);
        if let Some(ours) = &mut self.ours {
            ours.client.handle(now, input);
        }
    }

    /// What the product is told next. Whatever it has settled is acknowledged first.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<CarrierEvent> {
        loop {
            self.settle(now);
            let ours = self.ours.as_mut()?;
            let output = ours.client.poll()?;
            match output {
                Output::Connect(id) => self.connect(id, now),
                Output::Write(id, octets) => {
                    let connection = ours.connections.get(&id).copied();
                    let wire = connection.and_then(|c| self.wires.get_mut(&(c, true)));
                    wire.into_iter().for_each(|wire| wire.extend(&octets));
                }
                Output::Close(id) => {
                    if let Some(connection) = ours.connections.remove(&id) {
                        self.close(connection, now);
                    }
                }
                output => {
                    let event = ours.translator.event(output, now);
                    if event.is_some() {
                        return event;
                    }
                }
            }
        }
    }

    fn connect(&mut self, id: LinkId, now: Instant) {
        let Some(ours) = &mut self.ours else { return };
        if !self.reachable {
            return ours.client.handle(now, Input::Lost(id));
        }
        let connection = self.next_connection;
        self.next_connection += 1;
        ours.connections.insert(id, connection);
        self.wires.insert((connection, true), Vec::new());
        self.wires.insert((connection, false), Vec::new());
        self.smsc.handle(now, smsc::Input::Connected(connection));
        ours.client.handle(now, Input::Connected(id));
    }

    /// What was on its way is gone.
    fn close(&mut self, connection: Connection, now: Instant) {
        self.wires.remove(&(connection, true));
        self.wires.remove(&(connection, false));
        self.smsc.handle(now, smsc::Input::Lost(connection));
    }

    /// Carries out what the carrier wants, and tells it what is on disk.
    fn settle(&mut self, now: Instant) {
        if let Some(ours) = &mut self.ours {
            let mut settled = ours.settled.lock().unwrap_or_else(PoisonError::into_inner);
            let settled = std::mem::take(&mut *settled);
            for handle in settled {
                ours.client.handle(now, Input::Respond(handle, status::OK));
            }
        }
        while let Some(output) = self.smsc.poll() {
            match output {
                smsc::Output::Write(connection, octets) => {
                    let wire = self.wires.get_mut(&(connection, false));
                    wire.into_iter().for_each(|wire| wire.extend(&octets));
                }
                smsc::Output::Taken { message, .. } => {
                    let (part, octets) = udh::of(&message);
                    let header = message.payload().len() - octets.len();
                    let text = octets::decode(octets, message.data_coding, Alphabet::Gsm, header);
                    let index = part.map_or(0, |part| part.index - 1);
                    *self.taken.entry((text, index)).or_default() += 1;
                }
                smsc::Output::Close(connection) => self.cut(connection, now),
            }
        }
    }

    /// Cuts a connection: both ends notice.
    fn cut(&mut self, connection: Connection, now: Instant) {
        self.close(connection, now);
        let Some(ours) = &mut self.ours else { return };
        let id = ours.connections.iter().find(|(_, other)| **other == connection);
        if let Some(id) = id.map(|(id, _)| *id) {
            ours.connections.remove(&id);
            ours.client.handle(now, Input::Lost(id));
        }
    }

    /// Time passes: some octets of one wire arrive, or it is cut.
    pub(crate) fn step(&mut self, now: Instant, random: &mut Random) {
        self.smsc.tick(now);
        if let Some(ours) = &mut self.ours {
            ours.client.tick(now);
        }
        let busy = self.wires.iter().filter(|(_, octets)| !octets.is_empty());
        let busy: Vec<Way> = busy.map(|(way, _)| *way).collect();
        if busy.is_empty() {
            return;
        }
        let way = busy[random.below(busy.len() as u64) as usize];
        if random.chance(self.cuts_per_mille) {
            return self.cut(way.0, now);
        }
        let Some(octets) = self.wires.get_mut(&way) else { return };
        let count = 1 + random.below(octets.len() as u64) as usize;
        let arrived: Vec<u8> = octets.drain(..count).collect();
        match way {
            (connection, true) => {
                self.smsc.handle(now, smsc::Input::Received(connection, arrived));
            }
            (connection, false) => {
                let Some(ours) = &mut self.ours else { return };
                let id = ours.connections.iter().find(|(_, other)| **other == connection);
                if let Some(id) = id.map(|(id, _)| *id) {
                    ours.client.handle(now, Input::Received(id, arrived));
                }
            }
        }
    }

    /// Whether octets are on their way, or receipts are owed.
    pub(crate) fn is_busy(&self) -> bool {
        self.wires.values().any(|octets| !octets.is_empty()) || self.smsc.owed() > 0
    }

    /// When `step` has something to do.
    pub(crate) fn wake_at(&self, now: Instant) -> Option<Instant> {
        if self.wires.values().any(|octets| !octets.is_empty()) {
            return Some(now + Duration::from_millis(1));
        }
        let ours = self.ours.as_ref().and_then(|ours| ours.client.wake_at());
        [ours, self.smsc.wake_at()].into_iter().flatten().min()
    }
}
