//! The engine without sockets: calls are let in, run documents that are given, and what comes out
//! is looked at.

mod conferences;
mod endings;
mod inside;
mod pages;
mod queues;

use core::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base::{AccountSid, CallSid, Instant, QueueSid, Sid};
use machine::Machine as _;
use twiml::Fetched;
use twiml::voice::Start;

use super::*;
use crate::voice::model::{CallKey, CallRecord, Direction, Hook, Plan, Status};

/// Names of legs and mixers, counted.
struct Counted(Arc<Mutex<u64>>);

impl Counted {
    fn next(&self) -> u64 {
        let mut last = self.0.lock().expect("nobody panics here");
        *last += 1;
        *last
    }
}

impl Ports for Counted {
    fn open(&mut self, _: Option<media::LegId>) -> Option<Opened> {
        let number = self.next();
        Some(Opened { leg: media::LegId(number), port: 10_000 + 2 * number as u16 })
    }

    fn open_mixer(&mut self, _: Option<media::LegId>) -> media::MixerId {
        media::MixerId(self.next())
    }
}

fn account() -> AccountSid {
    AccountSid::from_bytes([1; 16])
}

/// An engine, and what came out of it since it was asked last.
struct World {
    engine: Engine,
    now: Instant,
    outputs: Vec<Output>,
    calls: u8,
}

impl World {
    fn new() -> Self {
        let config = Config { media_address: IpAddr::V4(Ipv4Addr::LOCALHOST), calls_max: 100 };
        let ports = Box::new(Counted(Arc::default()));
        let now = Instant::from_micros(1_000_000_000_000);
        let engine = Engine::new(config, ports, [7; 32]);
        Self { engine, now, outputs: Vec::new(), calls: 0 }
    }

    fn drain(&mut self) {
        while let Some(output) = self.engine.poll() {
            self.outputs.push(output);
        }
    }

    fn tell(&mut self, input: Input) {
        self.engine.handle(self.now, input);
        self.drain();
    }

    /// What came out since this was asked last.
    fn outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// Time passes; whatever is due in it happens when it is.
    fn pass(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        while let Some(at) = self.engine.wake_at().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.engine.tick(self.now);
            self.drain();
        }
        self.now = until;
        self.engine.tick(self.now);
        self.drain();
    }

    /// A call comes, and runs a document.
    fn call(&mut self, document: &str) -> CallSid {
        self.call_of(document, Plan::default())
    }

    /// A call that has a plan.
    fn call_of(&mut self, document: &str, plan: Plan) -> CallSid {
        self.calls += 1;
        let sid = CallSid::from_bytes([self.calls; 16]);
        let admission = Admission {
            leg: leg_of(sid),
            record: record(sid, self.now),
            start: Start::Inline(format!("<Response>{document}</Response>")),
            offer: None,
            extra: Vec::new(),
            path: Vec::new(),
        };
        self.engine.handle(self.now, Input::Admitted(Box::new(admission)));
        if let Some(live) = self.engine.calls.get_mut(&sid) {
            live.plan = plan;
        }
        self.drain();
        sid
    }

    /// The far end hangs up.
    fn hang_up(&mut self, call: CallSid) {
        let leg = leg_of(call);
        let (by, status) = (sip::By::Them, 200);
        let (reason, headers) = (None, Default::default());
        self.tell(Input::Sip(sip::Event::Ended { leg, by, status, reason, headers }));
    }

    /// The application answers what was asked last of a call; the parameters of the question.
    fn answer(&mut self, call: CallSid, document: &str) -> Asked {
        let at = self
            .outputs
            .iter()
            .rposition(|output| matches!(output, Output::Fetch { call: of, .. } if of.sid == call));
        let at = at.expect("a question");
        let Output::Fetch { fetching, hook, more, .. } = self.outputs.remove(at) else {
            unreachable!("it is a question");
        };
        let fetched = Fetched {
            status: 200,
            content_type: Some("text/xml".to_owned()),
            body: format!("<Response>{document}</Response>").into_bytes(),
            url: hook.url.clone(),
        };
        self.tell(Input::Document { call, fetching, result: Ok(fetched) });
        Asked { url: hook.url, more }
    }

    /// Media of a call.
    fn media(&self, call: CallSid) -> media::LegId {
        self.engine.calls[&call].media.expect("it is answered")
    }

    /// The API wants something of a call.
    fn order(&mut self, call: CallSid, order: Order) {
        self.tell(Input::Order(call, order));
    }
}

/// What an application was asked.
struct Asked {
    url: String,
    more: twiml::voice::Params,
}

impl Asked {
    fn get(&self, name: &str) -> Option<&str> {
        self.more.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn leg_of(call: CallSid) -> sip::LegId {
    sip::LegId(u64::from(call.bytes()[0]))
}

fn queue_sid() -> QueueSid {
    QueueSid::from_bytes([9; 16])
}

fn hook(url: &str) -> Hook {
    Hook { url: url.to_owned(), get: false }
}

fn record(sid: CallSid, now: Instant) -> CallRecord {
    CallRecord {
        key: CallKey { account: account(), sid },
        parent: None,
        direction: Direction::Inbound,
        status: Status::Ringing,
        from: "+15550001111".to_owned(),
        to: "+15550002222".to_owned(),
        caller_name: None,
        forwarded_from: None,
        number: None,
        price: None,
        created_at: now,
        updated_at: now,
        started_at: Some(now),
        answered_at: None,
        ended_at: None,
        callback: None,
        callbacks: 0,
        sip_code: 0,
        event: (1, 1),
        salt: [0; 16],
        node: "test".to_owned(),
    }
}
