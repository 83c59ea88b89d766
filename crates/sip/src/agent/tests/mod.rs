//! Agents in a world of virtual time and a bad network.

mod calls;
mod phones;
mod raw;
mod services;
mod storm;
mod within;

use core::net::SocketAddr;
use std::collections::BTreeMap;
use std::time::Duration;

use base::{Instant, Secret};
use machine::{Machine, Random};
use sha2::{Digest, Sha256};

use super::Agent;
use crate::command::{Command, Fields, Invite};
use crate::config::Config;
use crate::digest::Proof;
use crate::event::{Event, LegId};
use crate::io::{FlowId, Hop, Input, Listener, Output, Transport};
use crate::message::{Address, Uri};
use crate::sdp::{self, Codec, Direction, Local, Session};

pub(super) const START: Instant = Instant::from_secs(1_700_000_000);

/// What the network does to datagrams.
#[derive(Clone, Copy)]
pub(super) struct Network {
    pub(super) loss_per_mille: u64,
    pub(super) twice_per_mille: u64,
    /// Longest time under way, in milliseconds; the shortest is 1. A wide range reorders.
    pub(super) latency_ms: u64,
    pub(super) transport: Transport,
}

pub(super) const GOOD: Network =
    Network { loss_per_mille: 0, twice_per_mille: 0, latency_ms: 1, transport: Transport::Udp };

enum Due {
    Octets { to: usize, from: SocketAddr, octets: Vec<u8> },
    Command(usize, Box<Command>),
}

/// What a user does when it hears something.
pub(super) type User = Box<dyn FnMut(&mut World, usize, &Event)>;

pub(super) struct World {
    pub(super) agents: Vec<Agent>,
    pub(super) now: Instant,
    pub(super) random: Random,
    pub(super) events: Vec<(usize, Event)>,
    /// What was sent to places where no agent is.
    pub(super) outside: Vec<(SocketAddr, Vec<u8>)>,
    network: Network,
    queue: BTreeMap<(Instant, u64), Due>,
    count: u64,
    trace: Sha256,
}

pub(super) fn place(agent: usize) -> SocketAddr {
    let last = u8::try_from(agent + 1).expect("few agents");
    SocketAddr::from(([192, 0, 2, last], 5060))
}

pub(super) fn uri(agent: usize, user: &str) -> Uri {
    Uri::sip(Some(user), &place(agent).ip().to_string(), Some(5060))
}

pub(super) fn local(agent: usize) -> Local {
    Local {
        address: place(agent).ip(),
        port: 20_000,
        codecs: vec![Codec::pcmu(), Codec::pcma(), Codec::events(101, 8_000)],
        ptime_ms: 20,
        direction: Direction::SendRecv,
        rtcp_mux: false,
    }
}

pub(super) fn offer(agent: usize) -> Session {
    sdp::offer(&local(agent), None)
}

pub(super) fn answer_to(agent: usize, offer: &Session) -> Session {
    sdp::answer(offer, &local(agent)).expect("common").0
}

pub(super) fn invite(from: usize, leg: u64, to: usize) -> Box<Invite> {
    let caller = Address::new(uri(from, "alice"));
    Box::new(Invite::new(LegId(leg), uri(to, "bob"), caller, Some(offer(from))))
}

pub(super) fn hangup(leg: LegId) -> Command {
    Command::Hangup { leg, headers: Fields::new() }
}

pub(super) fn password() -> Proof {
    Proof::Password(Secret::new("open sesame"))
}

impl World {
    pub(super) fn new(seed: u64, agents: usize, network: Network) -> Self {
        Self::adjusted(seed, agents, network, |_, _| {})
    }

    pub(super) fn adjusted(
        seed: u64,
        agents: usize,
        network: Network,
        adjust: impl Fn(usize, &mut Config),
    ) -> Self {
        let agent = |index: usize| {
            let (transport, bound) = (network.transport, place(index));
            let listener = Listener { transport, bound, advertised: None };
            let mut config = Config::new(vec![listener], [index as u8 + 1; 32]);
            config.limits.per_second = 0;
            adjust(index, &mut config);
            Agent::new(config, START)
        };
        Self {
            agents: (0..agents).map(agent).collect(),
            now: START,
            random: Random::from_seed(seed),
            events: Vec::new(),
            outside: Vec::new(),
            network,
            queue: BTreeMap::new(),
            count: 0,
            trace: Sha256::new(),
        }
    }

    pub(super) fn set_loss(&mut self, per_mille: u64) {
        self.network.loss_per_mille = per_mille;
    }

    fn push(&mut self, at: Instant, due: Due) {
        self.count += 1;
        self.queue.insert((at, self.count), due);
    }

    pub(super) fn command(&mut self, agent: usize, command: Command) {
        self.command_in(Duration::ZERO, agent, command);
    }

    pub(super) fn command_in(&mut self, wait: Duration, agent: usize, command: Command) {
        self.push(self.now + wait, Due::Command(agent, Box::new(command)));
    }

    /// A datagram from a place where no agent is.
    pub(super) fn arrive(&mut self, to: usize, from: SocketAddr, octets: &[u8]) {
        self.push(self.now, Due::Octets { to, from, octets: octets.to_vec() });
    }

    fn send(&mut self, from: usize, hop: &Hop, octets: Vec<u8>) {
        self.trace.update(self.now.micros().to_be_bytes());
        self.trace.update(&octets);
        let Some(to) = (0..self.agents.len()).find(|agent| place(*agent) == hop.remote) else {
            self.outside.push((hop.remote, octets));
            return;
        };
        let reliable = self.network.transport.is_reliable();
        if !reliable && self.random.chance(self.network.loss_per_mille) {
            return;
        }
        let twice = !reliable && self.random.chance(self.network.twice_per_mille);
        for _ in 0..=u8::from(twice) {
            let range = if reliable { 1 } else { self.network.latency_ms.max(1) };
            let wait = Duration::from_millis(1 + self.random.below(range));
            let due = Due::Octets { to, from: place(from), octets: octets.clone() };
            self.push(self.now + wait, due);
        }
    }

    fn drain(&mut self, user: &mut User) {
        for index in 0..self.agents.len() {
            while let Some(output) = self.agents[index].poll() {
                match output {
                    Output::Send(hop, octets) => self.send(index, &hop, octets),
                    Output::Event(event) => {
                        self.trace.update(format!("{index} {event:?}"));
                        user(self, index, &event);
                        self.events.push((index, *event));
                    }
                    Output::Resolve(query) => {
                        let found = Vec::new();
                        self.agents[index].handle(self.now, Input::Resolved(query.id, found));
                    }
                }
            }
        }
    }

    /// Runs until nothing is to come before `until`.
    pub(super) fn run_to(&mut self, until: Instant, user: &mut User) {
        self.drain(user);
        loop {
            let queued = self.queue.first_key_value().map(|((at, _), _)| *at);
            let woken = self.agents.iter().filter_map(Agent::wake_at).min();
            let Some(next) = [queued, woken].into_iter().flatten().min() else { break };
            if next > until {
                break;
            }
            self.now = next.max(self.now);
            let ready = self.queue.first_entry().filter(|entry| entry.key().0 <= self.now);
            match ready.map(std::collections::btree_map::OccupiedEntry::remove) {
                Some(Due::Command(agent, command)) => {
                    self.agents[agent].handle(self.now, Input::Command(command));
                }
                Some(Due::Octets { to, from, octets }) => {
                    let (flow, transport) = (FlowId(1), self.network.transport);
                    let input = Input::Received { flow, transport, remote: from, octets };
                    self.agents[to].handle(self.now, input);
                }
                None => self.agents.iter_mut().for_each(|agent| agent.tick(self.now)),
            }
            self.drain(user);
        }
        self.now = until;
    }

    pub(super) fn run_s(&mut self, seconds: u64, user: &mut User) {
        self.run_to(self.now + Duration::from_secs(seconds), user);
    }

    pub(super) fn trace(&self) -> String {
        format!("{:x?}", self.trace.clone().finalize())
    }

    /// Final events by agent and leg.
    pub(super) fn finals(&self) -> BTreeMap<(usize, u64), Vec<&Event>> {
        let mut finals: BTreeMap<(usize, u64), Vec<&Event>> = BTreeMap::new();
        for (agent, event) in &self.events {
            if let Event::Refused { leg, .. } | Event::Ended { leg, .. } = event {
                finals.entry((*agent, leg.0)).or_default().push(event);
            }
        }
        finals
    }

    /// The first event that a test looks for.
    pub(super) fn find<T>(&self, pick: impl Fn(usize, &Event) -> Option<T>) -> T {
        let found = self.events.iter().find_map(|(agent, event)| pick(*agent, event));
        found.unwrap_or_else(|| panic!("not among {:#?}", self.events))
    }

    /// Nothing is left of any leg.
    pub(super) fn assert_empty(&self) {
        for agent in &self.agents {
            assert_eq!((agent.legs(), agent.transactions(), agent.keeping.len()), (0, 0, 0));
        }
        for (leg, finals) in self.finals() {
            assert_eq!(finals.len(), 1, "{leg:?} ended more than once: {finals:?}");
        }
    }
}

/// A user that answers every call and agrees to everything.
pub(super) fn agreeable() -> User {
    Box::new(|world, agent, event| match event {
        Event::Incoming(call) => {
            let (leg, headers) = (call.leg, Fields::new());
            let ring = Command::Progress { leg, status: 180, sdp: None, headers: headers.clone() };
            world.command(agent, ring);
            let sdp = match &call.offer {
                Some(offered) => answer_to(agent, offered),
                None => offer(agent),
            };
            let answer = Command::Answer { leg, sdp, headers };
            world.command_in(Duration::from_secs(1), agent, answer);
        }
        Event::Reoffered { leg, sdp } => {
            let sdp = sdp.as_ref().map_or_else(|| offer(agent), |sdp| answer_to(agent, sdp));
            world.command(agent, Command::AnswerReoffer { leg: *leg, sdp });
        }
        Event::ProofWanted { question, .. } => {
            let proof = Some(password());
            world.command(agent, Command::Prove { question: *question, proof });
        }
        Event::KeepWanted { question } => {
            world.command(agent, Command::Kept { question: *question, kept: true });
        }
        _ => {}
    })
}

pub(super) fn quiet() -> User {
    Box::new(|_, _, _| {})
}
