//! Carriers behind SMPP: submissions become segments, deliveries become receipts and texts. The
//! sessions are `smpp`'s, the sockets `net`'s.

mod codes;
mod incoming;
mod outgoing;
pub mod settings;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::smpp::client::{Config, Handle, Input, LinkId, Outcome, Output};
use ::smpp::pdu::{ShortMessage, status};
use ::smpp::session::Timing;
use base::{Instant, code};
use net::Clock;
use net::smpp::SmppClient;

use crate::carriers::smpp::incoming::Incoming;
use crate::carriers::{
    Acknowledge, CarrierEvent, CarrierId, EventSink, Part, Receipt, Split, Submission,
    SubmitOutcome,
};

pub use settings::Settings;

/// Messages are given back when no bind was up for this long.
const PATIENCE: Duration = Duration::from_secs(5);

/// A carrier's SMSC.
pub struct SmppCarrier {
    settings: Arc<Settings>,
    clock: Arc<dyn Clock>,
    seed: u64,
    id: CarrierId,
    up: Arc<AtomicBool>,
    client: OnceLock<SmppClient>,
}

impl SmppCarrier {
    /// A carrier that connects when it is told where its events go.
    pub fn new(id: CarrierId, settings: Settings, clock: Arc<dyn Clock>, seed: u64) -> Arc<Self> {
        let (settings, client) = (Arc::new(settings), OnceLock::new());
        Arc::new(Self { settings, clock, seed, id, up: Arc::default(), client })
    }

    /// Whether a bind is up that can submit.
    pub fn up(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.up)
    }

    /// Connects. Must be called within the runtime.
    pub fn connect(&self, sink: EventSink) {
        let settings = &self.settings;
        let config = Config {
            binds: settings.binds.clone(),
            window: settings.window,
            throughput: settings.throughput,
            timing: Timing {
                enquire_every: Duration::from_secs(settings.enquire_s),
                ..Timing::default()
            },
            patience: PATIENCE,
            outbind: settings.outbind.clone(),
            seed: self.seed,
        };
        let clock = Arc::clone(&self.clock);
        let way: Arc<OnceLock<SmppClient>> = Arc::default();
        let ear = Ear {
            settings: Arc::clone(settings),
            id: self.id,
            back: Arc::clone(&way),
            up: Arc::clone(&self.up),
            transmitting: AtomicUsize::new(0),
        };
        let tell = Box::new(move |outputs: Vec<Output>| {
            let now = clock.now();
            let events = outputs.into_iter().filter_map(|output| ear.event(output, now));
            let events: Vec<CarrierEvent> = events.collect();
            if !events.is_empty() {
                sink(events);
            }
        });
        match SmppClient::start(config, self.settings.endpoint.clone(), tell) {
            Ok(client) => {
                // A second connection would be a mistake of the wiring; the first one stays.
                let _ = way.set(client.clone());
                let _ = self.client.set(client);
            }
            Err(error) => {
                tracing::error!(%error, "a carrier's authorities, or the address for its calls, can't be used")
            }
        }
    }

    /// Hands over submissions; the answers come as events.
    pub fn submit(&self, submissions: Vec<Submission>) {
        let Some(client) = self.client.get() else { return };
        let now = self.clock.now();
        for submission in submissions {
            let (parts, segments) = outgoing::segments(&self.settings, &submission, now);
            let Submission { key, expires_at, .. } = submission;
            client.send(Input::Submit { key, parts, expires_at, segments });
        }
    }

    /// How many submissions may be without an answer: enough to keep every window full.
    pub fn window_max(&self) -> usize {
        let transmitters = self.settings.binds.iter().filter(|bind| bind.mode.transmits()).count();
        (transmitters * self.settings.window * 2).max(100)
    }

    /// How it splits texts.
    pub fn split(&self) -> Split {
        let settings = Arc::clone(&self.settings);
        Arc::new(move |submission| outgoing::split(&settings, submission))
    }

    /// Unbinds.
    pub async fn stop(&self) {
        if let Some(client) = self.client.get() {
            client.stop().await;
        }
    }
}

/// Makes the product's events of what the client tells.
struct Ear {
    settings: Arc<Settings>,
    id: CarrierId,
    back: Arc<OnceLock<SmppClient>>,
    up: Arc<AtomicBool>,
    transmitting: AtomicUsize,
}

impl Ear {
    fn event(&self, output: Output, now: Instant) -> Option<CarrierEvent> {
        let host = &self.settings.endpoint.host;
        match output {
            Output::Answered { key, part: index, parts, outcome, last } => {
                let (part, outcome) = (Part { index, of: parts }, self.outcome(outcome));
                return Some(CarrierEvent::Answered { key, part, outcome, last });
            }
            Output::Delivered(handle, message) => return self.delivered(handle, &message, now),
            Output::Receiving => return Some(CarrierEvent::Receiving),
            Output::Bound(link) => {
                tracing::info!(host, bind = link.index, "a carrier's bind is up");
                self.count(link, true);
            }
            Output::InvitationRefused(_) => {
                tracing::error!(
                    host,
                    "a caller did not give the carrier's outbind_id and password"
                );
            }
            Output::BindRefused(link, status) => {
                tracing::error!(host, bind = link.index, status, "a carrier refused a bind");
            }
            Output::Ended(link, why, was_bound) => {
                tracing::warn!(host, bind = link.index, ?why, "a carrier's bind is down");
                if was_bound {
                    self.count(link, false);
                }
            }
            Output::Connect(_) | Output::Write(..) | Output::Close(_) => {}
        }
        None
    }

    fn count(&self, link: LinkId, bound: bool) {
        let bind = self.settings.binds.get(link.index);
        if bind.is_none_or(|bind| !bind.mode.transmits()) {
            return;
        }
        let left = if bound {
            self.transmitting.fetch_add(1, Ordering::Relaxed) + 1
        } else {
            self.transmitting.fetch_sub(1, Ordering::Relaxed) - 1
        };
        self.up.store(left > 0, Ordering::Relaxed);
    }

    fn outcome(&self, outcome: Outcome) -> SubmitOutcome {
        match outcome {
            Outcome::Taken(id) => {
                let reference = incoming::reference(&id, self.settings.response_ids);
                SubmitOutcome::Taken { reference: self.own(&reference) }
            }
            Outcome::Refused(status) => {
                SubmitOutcome::Refused { code: codes::refused(&self.settings, status) }
            }
            Outcome::Uncertain => SubmitOutcome::Uncertain,
            Outcome::Unreachable => SubmitOutcome::Unreachable,
            Outcome::Expired => SubmitOutcome::Refused { code: code::VALIDITY_EXPIRED },
        }
    }

    /// Two carriers may give the same id.
    fn own(&self, reference: &str) -> String {
        format!("{}:{reference}", self.id.0)
    }

    fn delivered(
        &self,
        handle: Handle,
        message: &ShortMessage,
        now: Instant,
    ) -> Option<CarrierEvent> {
        let way = Arc::clone(&self.back);
        let acknowledge = Acknowledge::new(move || {
            if let Some(client) = way.get() {
                client.send(Input::Respond(handle, status::OK));
            }
        });
        match incoming::read(&self.settings, message, now) {
            Incoming::Receipt(receipt) => {
                let reference = self.own(&receipt.reference);
                Some(CarrierEvent::Receipt(Receipt { reference, ..receipt }, acknowledge))
            }
            Incoming::Text(text) => Some(CarrierEvent::Inbound(text, acknowledge)),
            Incoming::Progress => {
                acknowledge.done();
                None
            }
        }
    }
}
