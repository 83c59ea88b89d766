//! The process under test: the machines and memory that a kill wipes out.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base::{CallSid, Instant, MasterKey};
use machine::{Machine, Random};
use media::RecordingId;
use products::voice::edge::pace::Pace;
use products::voice::edge::rooms::Write;
use products::voice::engine::{Config, Engine, Input, Placing, Ticket};
use products::voice::model::{CallKey, CallRecord, Plan};
use products::voice::recordings::{New, Recording};
use products::voice::rules::Prices;
use products::voice::store::Change;
use products::voice::work::{Context, Draft};
use products::webhooks::Outbox;
use sip::gateway::Gateway;
use sip::io::{Listener, Transport};
use sip::message::Address;
use sip::{Agent, Command, GatewayId, Invite, LegId, Uri};

use crate::calls::far;
use crate::calls::media::{Media, Names, Opener};
use crate::calls::watch::Watch;

/// Something slow that is done.
pub(super) enum Later {
    Screened(Box<sip::Incoming>),
    Told(Box<Input>),
    Named { call: CallKey, ticket: Ticket, name: String, make: Option<u32> },
    Dialled { parent: CallSid, ticket: Ticket, draft: Box<Draft>, headers: Vec<(String, String)> },
    TakeBegins(RecordingId),
    TakeEnds(RecordingId),
    Abandoned(RecordingId),
    Steps,
    Writes,
}

/// A recording under way.
pub(super) struct Take {
    pub(super) new: New,
    pub(super) recording: Option<Recording>,
    /// Parts that came before the row.
    pub(super) early: u32,
    pub(super) over: Option<u64>,
}

/// One life of the process.
pub(super) struct Node {
    pub(super) agent: Agent,
    pub(super) engine: Engine,
    pub(super) pace: Pace,
    pub(super) media: Media,
    /// What the engine is to be told, in order.
    pub(super) heard: VecDeque<Input>,
    /// What the agent is.
    pub(super) commands: VecDeque<Command>,
    /// What media is.
    pub(super) orders: VecDeque<media::Command>,
    pub(super) takes: BTreeMap<RecordingId, Take>,
    pub(super) steps: Vec<Change>,
    pub(super) writes: Vec<Write>,
    pub(super) seen_at: Instant,
    /// It was asked to end, by then at the latest.
    pub(super) stop_by: Option<Instant>,
    pub(super) watch: Watch,
}

impl Node {
    /// A process that has just started.
    pub(super) fn start(now: Instant, life: u64, random: &mut Random) -> Self {
        let transport = Transport::Udp;
        let listener = Listener { transport, bound: far::NODE, advertised: None };
        let mut config = sip::config::Config::new(vec![listener], random.bytes());
        config.limits.per_second = 0;
        let mut agent = Agent::new(config, now);
        let gateways = (0..2).map(|site| {
            let at = far::outside(site);
            let uri = Uri::sip(None, &at.ip().to_string(), Some(at.port()));
            let mut gateway = Gateway::new(GatewayId(site as u64 + 1), uri);
            gateway.ping_every = Duration::ZERO;
            gateway.priority = site as u16;
            gateway
        });
        let command = Command::Gateways(gateways.collect());
        agent.handle(now, sip::io::Input::Command(Box::new(command)));
        let draws = Random::from_seed_bytes(random.bytes());
        let names = Arc::new(Mutex::new(Names::new(life << 32, draws)));
        let config = Config { media_address: far::NODE.ip(), calls_max: 20 };
        let ports = Box::new(Opener(Arc::clone(&names)));
        Self {
            agent,
            engine: Engine::new(config, ports, random.bytes()),
            pace: Pace::new(2, 8),
            media: Media::new(names),
            heard: VecDeque::new(),
            commands: VecDeque::new(),
            orders: VecDeque::new(),
            takes: BTreeMap::new(),
            steps: Vec::new(),
            writes: Vec::new(),
            seen_at: now,
            stop_by: None,
            watch: Watch::default(),
        }
    }

    /// When something is due.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let live = (self.engine.calls() > 0).then(|| self.seen_at + Duration::from_secs(1));
        let media = self.media.wake_at();
        let pace = self.pace.wake_at().filter(|_| self.stop_by.is_none());
        let machines = [self.agent.wake_at(), self.engine.wake_at(), pace];
        let times = [media, live, self.stop_by].into_iter().chain(machines);
        times.flatten().min()
    }

    /// Whether nothing waits between its machines.
    pub(super) fn is_drained(&self) -> bool {
        self.heard.len() + self.commands.len() + self.orders.len() + self.media.events.len() == 0
    }

    /// What is left of any call.
    pub(super) fn left(&self) -> Option<String> {
        let (legs, transactions) = (self.agent.legs(), self.agent.transactions());
        let queued = self.heard.len() + self.commands.len() + self.orders.len();
        let unwritten = self.steps.len() + self.writes.len() + self.takes.len();
        let calls = self.engine.calls();
        let clean = legs + transactions + calls + queued + unwritten == 0
            && self.engine.is_idle()
            && self.media.is_empty();
        (!clean).then(|| {
            format!(
                "{legs} legs and {transactions} transactions of SIP, {calls} calls, idle \
                 {}, media empty {}, {queued} in queues, {unwritten} not written",
                self.engine.is_idle(),
                self.media.is_empty()
            )
        })
    }
}

/// What the units of work need.
pub(super) fn context(master: &Arc<MasterKey>) -> Context {
    Context {
        master: Arc::clone(master),
        prices: Prices::default(),
        outbox: Outbox::new(Arc::clone(master), Arc::new(|_| {}), Arc::new(|_| {})),
        home: products::accounts::geo::Home::everywhere(),
        node: "sim".into(),
        spend_max: None,
        public_url: "http://sim".into(),
    }
}

/// How a call reaches its far end: numbers by the gateways, addresses as they are.
pub(super) fn placing(record: CallRecord, plan: Plan, headers: Vec<(String, String)>) -> Placing {
    let from = Address::new(Uri::sip(Some(&record.from), &far::NODE.ip().to_string(), None));
    let by_gateway = record.to.starts_with('+');
    let target = match Uri::parse(&record.to) {
        Ok(uri) if !by_gateway => uri,
        _ => Uri::sip(Some(&record.to), "gateway", None),
    };
    let mut invite = Invite::new(LegId(0), target, from, None);
    if by_gateway {
        invite.gateways = vec![GatewayId(1), GatewayId(2)];
    }
    invite.headers = headers;
    Placing { record, plan, invite }
}
