//! The far ends: carriers and phones, each a SIP agent of its own, that answer, refuse, ring for
//! ever, hang up at any moment, put on hold, die without a word, forget, and move behind their NAT.

use core::net::SocketAddr;
use std::collections::BTreeMap;
use std::time::Duration;

use base::Instant;
use machine::Random;
use sip::command::Fields;
use sip::config::Config;
use sip::io::{Listener, Transport};
use sip::message::Address;
use sip::sdp::{self, Codec, Direction, Local, Session};
use sip::{Agent, Command, Event, Invite, LegId, Uri};

/// How many there are. The last one is behind a NAT.
pub(super) const SITES: usize = 4;

/// Where the node is.
pub(super) const NODE: SocketAddr =
    SocketAddr::new(core::net::IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 1)), 5060);

/// What a far end does after a while.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Ring(LegId),
    Answer(LegId),
    Refuse(LegId, u16),
    HangUp(LegId),
    Digit(LegId, char),
    Offer(LegId, Direction),
    Transferred(LegId, u64, u16),
}

/// A call at a far end.
struct Call {
    port: u16,
    /// It sends media.
    talks: bool,
    up: bool,
    offer: Option<Session>,
}

/// A far end.
pub(super) struct Site {
    pub(super) agent: Agent,
    /// Acts of an earlier life are void.
    pub(super) life: u32,
    number: usize,
    /// Where it believes to be.
    at: SocketAddr,
    /// Where others see it.
    pub(super) outside: SocketAddr,
    pub(super) dead: bool,
    calls: BTreeMap<LegId, Call>,
    next: u64,
}

/// A number that a far end has.
pub(super) fn number(random: &mut Random) -> String {
    format!("+1555867530{}", random.below(SITES as u64))
}

/// A SIP address of a far end.
pub(super) fn sip_address(random: &mut Random) -> String {
    let site = random.below(SITES as u64) as usize;
    format!("sip:bob@{}", outside(site))
}

/// Where a far end is seen at first.
pub(super) fn outside(site: usize) -> SocketAddr {
    let last = 11 + site as u8;
    match site + 1 == SITES {
        true => SocketAddr::from(([198, 51, 100, 7], 40_000)),
        false => SocketAddr::from(([192, 0, 2, last], 5060)),
    }
}

fn inside(site: usize) -> SocketAddr {
    match site + 1 == SITES {
        true => SocketAddr::from(([10, 0, 0, 2], 5060)),
        false => outside(site),
    }
}

fn agent(number: usize, life: u32, now: Instant) -> Agent {
    let (transport, bound) = (Transport::Udp, inside(number));
    let listener = Listener { transport, bound, advertised: None };
    let mut seed = [number as u8 + 1; 32];
    seed[1..5].copy_from_slice(&life.to_be_bytes());
    let mut config = Config::new(vec![listener], seed);
    config.limits.per_second = 0;
    Agent::new(config, now)
}

fn soon(random: &mut Random, most_ms: u64) -> Duration {
    Duration::from_millis(1 + random.below(most_ms))
}

impl Site {
    pub(super) fn new(number: usize, now: Instant) -> Self {
        Self {
            agent: agent(number, 0, now),
            life: 0,
            number,
            at: inside(number),
            outside: outside(number),
            dead: false,
            calls: BTreeMap::new(),
            next: 0,
        }
    }

    /// It comes back, and remembers nothing.
    pub(super) fn reborn(&mut self, now: Instant) {
        self.life += 1;
        self.agent = agent(self.number, self.life, now);
        self.calls.clear();
        self.dead = false;
    }

    /// Its NAT gives it another port.
    pub(super) fn rebind(&mut self, random: &mut Random) {
        if self.number + 1 == SITES {
            self.outside.set_port(40_000 + random.below(1_000) as u16);
        }
    }

    /// Whether media comes from an address.
    pub(super) fn talks(&self, from: SocketAddr) -> bool {
        let mut calls = self.calls.values();
        !self.dead
            && from.ip() == self.at.ip()
            && calls.any(|call| call.up && call.talks && call.port == from.port())
    }

    fn local(&self, port: u16, direction: Direction) -> Local {
        Local {
            address: self.at.ip(),
            port,
            codecs: vec![Codec::pcmu(), Codec::pcma(), Codec::events(101, 8_000)],
            ptime_ms: 20,
            direction,
            rtcp_mux: false,
        }
    }

    fn open(&mut self, leg: LegId, random: &mut Random, offer: Option<Session>) -> u16 {
        self.next += 1;
        let port = 30_000 + 2 * (self.next % 10_000) as u16;
        let talks = random.chance(900);
        self.calls.insert(leg, Call { port, talks, up: false, offer });
        port
    }

    /// It calls the node.
    pub(super) fn call(&mut self, called: &str, random: &mut Random) -> Command {
        let leg = LegId(1_000 * u64::from(self.life) + self.next + 1);
        let port = self.open(leg, random, None);
        let target = Uri::sip(Some(called), &NODE.ip().to_string(), Some(NODE.port()));
        let user = format!("+1555867530{}", self.number);
        let from = Address::new(Uri::sip(Some(&user), &self.at.ip().to_string(), None));
        let offer = sdp::offer(&self.local(port, Direction::SendRecv), None);
        let offer = (!random.chance(100)).then_some(offer);
        Command::Invite(Box::new(Invite::new(leg, target, from, offer)))
    }

    /// What it is going to do now that it was told something.
    pub(super) fn event(&mut self, event: &Event, random: &mut Random) -> Vec<(Duration, Act)> {
        match event {
            Event::Incoming(call) => {
                self.open(call.leg, random, call.offer.clone());
                plan(call.leg, random)
            }
            Event::Answered { leg, sdp, .. } => {
                let Some(call) = self.calls.get_mut(leg) else { return Vec::new() };
                (call.up, call.offer) = (true, sdp.clone());
                talk(*leg, random)
            }
            Event::Confirmed { leg, .. } => {
                let Some(call) = self.calls.get_mut(leg) else { return Vec::new() };
                call.up = true;
                talk(*leg, random)
            }
            Event::Referred { leg, refer, .. } => {
                let status = [202, 603][random.below(2) as usize];
                let first = (soon(random, 500), Act::Transferred(*leg, *refer, status));
                let last = [200, 486][random.below(2) as usize];
                let last = (soon(random, 5_000), Act::Transferred(*leg, *refer, last));
                if status == 202 && random.chance(700) { vec![first, last] } else { vec![first] }
            }
            Event::Ended { leg, .. } | Event::Refused { leg, .. } => {
                self.calls.remove(leg);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// What must be answered at once.
    pub(super) fn at_once(&self, event: &Event) -> Option<Command> {
        match event {
            Event::Reoffered { leg, sdp } => {
                let call = self.calls.get(leg)?;
                Some(match self.answer(call, sdp.as_ref()) {
                    Some(sdp) => Command::AnswerReoffer { leg: *leg, sdp },
                    None => Command::RefuseReoffer { leg: *leg, status: 488 },
                })
            }
            Event::Answered { leg, sdp: Some(offer), .. } => {
                // Only asked for where we offered nothing; else it does nothing.
                let call = self.calls.get(leg)?;
                let sdp = self.answer(call, Some(offer))?;
                Some(Command::Acknowledge { leg: *leg, sdp })
            }
            _ => None,
        }
    }

    fn answer(&self, call: &Call, offer: Option<&Session>) -> Option<Session> {
        let local = self.local(call.port, Direction::SendRecv);
        match offer {
            Some(offer) => sdp::answer(offer, &local).ok().map(|(answer, _)| answer),
            None => Some(sdp::offer(&local, None)),
        }
    }

    /// What its agent is told for an act.
    pub(super) fn act(&mut self, act: Act) -> Option<Command> {
        let headers = Fields::new();
        Some(match act {
            Act::Ring(leg) => Command::Progress { leg, status: 180, sdp: None, headers },
            Act::Answer(leg) => {
                let call = self.calls.get(&leg)?;
                let sdp = self.answer(call, call.offer.as_ref())?;
                Command::Answer { leg, sdp, headers }
            }
            Act::Refuse(leg, status) => Command::Reject { leg, status, reason: None, headers },
            Act::HangUp(leg) => Command::Hangup { leg, headers },
            Act::Digit(leg, digit) => Command::Info {
                leg,
                content_type: "application/dtmf-relay".to_owned(),
                body: sip::dtmf_relay(digit, 100),
            },
            Act::Offer(leg, direction) => {
                let port = self.calls.get(&leg).filter(|call| call.up)?.port;
                let sdp = sdp::offer(&self.local(port, direction), None);
                Command::Reoffer { leg, sdp }
            }
            Act::Transferred(leg, refer, 202) => Command::AcceptRefer { leg, refer },
            Act::Transferred(leg, refer, status @ 603) => {
                Command::RefuseRefer { leg, refer, status }
            }
            Act::Transferred(leg, refer, status) => Command::ReferProgress { leg, refer, status },
        })
    }
}

/// What becomes of a call that comes.
fn plan(leg: LegId, random: &mut Random) -> Vec<(Duration, Act)> {
    let mut acts = Vec::new();
    if random.chance(800) {
        acts.push((soon(random, 800), Act::Ring(leg)));
    }
    match random.below(10) {
        0 => acts.push((soon(random, 6_000), Act::Refuse(leg, 486))),
        1 => {
            let statuses = [404, 408, 480, 500, 503, 603];
            let status = statuses[random.below(6) as usize];
            acts.push((soon(random, 3_000), Act::Refuse(leg, status)));
        }
        // It rings for ever, or until it has had enough.
        2 => {}
        3 => acts.push((soon(random, 50_000), Act::HangUp(leg))),
        4 => acts.push((soon(random, 70_000), Act::Answer(leg))),
        _ => acts.push((soon(random, 8_000), Act::Answer(leg))),
    }
    acts
}

/// What is done in a call that stands; it always ends.
fn talk(leg: LegId, random: &mut Random) -> Vec<(Duration, Act)> {
    let most = if random.chance(200) { 200 } else { 90_000 };
    let mut acts = vec![(soon(random, most), Act::HangUp(leg))];
    for _ in 0..random.below(6) {
        let key = ['1', '2', '#', '*'][random.below(4) as usize];
        acts.push((soon(random, 40_000), Act::Digit(leg, key)));
    }
    for direction in [Direction::SendOnly, Direction::SendRecv, Direction::Inactive] {
        if random.chance(150) {
            acts.push((soon(random, 40_000), Act::Offer(leg, direction)));
        }
    }
    acts
}
