//! The agent: one node's SIP, whole. The user gives commands and hears events; the edge gives
//! what arrives and sends what is to be sent.

mod admit;
mod commands;
mod dispatch;
mod register;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use base::Instant;
use machine::Machine;

use crate::config::Config;
use crate::digest::{Authorization, Nonces};
use crate::event::{Event, LegId, QuestionId};
use crate::fork::Forks;
use crate::gateway::Gateways;
use crate::guard::Guard;
use crate::io::{FlowId, Hop, Input, Output};
use crate::leg::Leg;
use crate::message::Request;
use crate::registrar::Registrar;
use crate::registration;
use crate::timers::Timers;
use crate::wire::{TxId, Wire};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Wake {
    Leg(u64),
    Question(QuestionId),
    Registration(u64),
}

/// A request that waits for a user's proof.
struct Question {
    tx: TxId,
    request: Request,
    from: Hop,
    answer: Authorization,
}

/// How long a question waits.
const QUESTION_MAX: Duration = Duration::from_secs(20);

/// One node's SIP.
pub struct Agent {
    wire: Wire,
    legs: BTreeMap<u64, Leg>,
    /// Legs by our tag in their dialog.
    tags: HashMap<String, u64>,
    timers: Timers<Wake>,
    guard: Guard,
    nonces: Nonces,
    questions: BTreeMap<QuestionId, Question>,
    /// REGISTERs whose changes are being kept.
    keeping: BTreeMap<QuestionId, (TxId, Request)>,
    registrar: Registrar,
    registrations: BTreeMap<u64, registration::Client>,
    gateways: Gateways,
    forks: Forks,
    stopping: bool,
    stopped: bool,
}

impl Agent {
    /// An agent that waits.
    pub fn new(config: Config, now: Instant) -> Self {
        let (limits, life) = (config.limits.clone(), config.nonce_life);
        let algorithms = config.algorithms.clone();
        let mut wire = Wire::new(config, now);
        let key = wire.random.bytes();
        Self {
            wire,
            legs: BTreeMap::new(),
            tags: HashMap::new(),
            timers: Timers::default(),
            guard: Guard::new(limits),
            nonces: Nonces::new(key, life, algorithms),
            questions: BTreeMap::new(),
            keeping: BTreeMap::new(),
            registrar: Registrar::default(),
            registrations: BTreeMap::new(),
            gateways: Gateways::default(),
            forks: Forks::default(),
            stopping: false,
            stopped: false,
        }
    }

    /// Legs that are not over.
    pub fn legs(&self) -> usize {
        self.legs.values().filter(|leg| leg.is_live()).count()
    }

    /// Transactions of either side that are not forgotten yet.
    pub fn transactions(&self) -> usize {
        self.wire.transactions()
    }

    fn tell(&mut self, event: Event) {
        self.wire.outputs.push_back(Output::Event(Box::new(event)));
    }

    /// Does something with a leg, and what follows from it.
    fn with_leg(&mut self, id: LegId, act: impl FnOnce(&mut Leg, &mut Wire)) {
        if let Some(leg) = self.legs.get_mut(&id.0) {
            act(leg, &mut self.wire);
            self.settle(id);
        }
    }

    /// What follows from a change of a leg: another gateway, its timers, its end.
    fn settle(&mut self, id: LegId) {
        self.reroute(id);
        let Some(leg) = self.legs.get_mut(&id.0) else { return };
        if !leg.is_live()
            && let Some(gateway) = leg.gateway.take()
        {
            self.gateways.release(gateway);
        }
        if leg.is_over() {
            self.timers.set(Wake::Leg(id.0), None);
            if self.tags.get(&leg.local_tag) == Some(&id.0) {
                self.tags.remove(&leg.local_tag);
            }
            self.legs.remove(&id.0);
        } else {
            self.timers.set(Wake::Leg(id.0), leg.wake_at());
        }
    }

    fn keep(&mut self, leg: Leg) {
        let id = leg.id;
        self.tags.insert(leg.local_tag.clone(), id.0);
        self.legs.insert(id.0, leg);
        self.settle(id);
    }

    fn advance(&mut self) {
        let now = self.wire.now;
        self.wire.tick();
        self.drain();
        while let Some(wake) = self.timers.pop_due(now) {
            match wake {
                Wake::Leg(id) => self.with_leg(LegId(id), Leg::tick),
                Wake::Question(id) => self.give_up_question(id),
                Wake::Registration(id) => self.with_registration(id, registration::Client::tick),
            }
            self.drain();
        }
        while let Some(gateway) = self.gateways.pop_due(now) {
            self.probe(gateway);
            self.drain();
        }
        for event in self.registrar.expire(now) {
            self.tell(event);
        }
        for hop in self.registrar.pings(now, self.wire.config.keep_alive) {
            self.wire.send(&hop, b"\r\n\r\n".to_vec());
        }
        self.notice_stop();
    }

    /// A connection is gone, and with it what leads over it.
    fn flow_closed(&mut self, flow: FlowId) {
        self.wire.flow_closed(flow);
        for event in self.registrar.flow_closed(flow) {
            self.tell(event);
        }
        let ids: Vec<u64> = self.registrations.keys().copied().collect();
        for id in ids {
            self.with_registration(id, |client, wire| client.flow_closed(wire, flow));
        }
    }

    fn notice_stop(&mut self) {
        let rest = self.legs.is_empty() && self.registrations.is_empty();
        if self.stopping && !self.stopped && rest && self.wire.is_idle() {
            self.stopped = true;
            self.tell(Event::Stopped);
        }
    }
}

impl Machine for Agent {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Instant, input: Input) {
        self.wire.now = now;
        match input {
            Input::Received { flow, transport, remote, octets } => {
                self.received(flow, transport, remote, &octets);
            }
            Input::FlowClosed(flow) => self.flow_closed(flow),
            Input::SendFailed(hop) => self.wire.send_failed(&hop),
            Input::Resolved(query, found) => self.wire.resolved(query, &found),
            Input::Command(command) => {
                for command in self.forks.command(*command) {
                    self.command(command);
                }
            }
        }
        self.drain();
        self.advance();
    }

    fn tick(&mut self, now: Instant) {
        self.wire.now = now;
        self.advance();
    }

    fn poll(&mut self) -> Option<Output> {
        loop {
            match self.wire.outputs.pop_front()? {
                Output::Event(event) => {
                    let (told, commands) = self.forks.hear(*event);
                    for command in commands {
                        self.command(command);
                        self.drain();
                    }
                    if let Some(told) = told {
                        return Some(Output::Event(Box::new(told)));
                    }
                }
                other => return Some(other),
            }
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        let registrar = self.registrar.wake_at();
        let times = [
            self.wire.wake_at(),
            self.timers.wake_at(),
            self.gateways.wake_at(),
            registrar.filter(|_| !self.stopped),
        ];
        times.into_iter().flatten().min()
    }

    fn is_closed(&self) -> bool {
        self.stopped
    }
}
