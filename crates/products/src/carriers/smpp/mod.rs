//! Carriers behind SMPP: submissions become segments, deliveries become receipts and texts. The
//! sessions are `smpp`'s, the sockets `net`'s.

mod codes;
mod incoming;
mod outgoing;
pub mod settings;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::smpp::client::{Config, Handle, Input, Outcome, Output};
use ::smpp::pdu::{ShortMessage, status};
use ::smpp::session::Timing;
use base::{Instant, code};
use net::Clock;
use net::smpp::SmppClient;

use crate::carriers::smpp::incoming::Incoming;
use crate::carriers::{
    Acknowledge, CarrierEvent, EventSink, Part, Split, Submission, SubmitOutcome,
};

pub use settings::Settings;

/// Messages are given back when no bind was up for this long.
const PATIENCE: Duration = Duration::from_secs(5);

/// A carrier's SMSC.
pub struct SmppCarrier {
    settings: Arc<Settings>,
    clock: Arc<dyn Clock>,
    seed: u64,
    client: OnceLock<SmppClient>,
}

impl SmppCarrier {
    /// A carrier that connects when it is told where its events go.
    pub fn new(settings: Settings, clock: Arc<dyn Clock>, seed: u64) -> Arc<Self> {
        Arc::new(Self { settings: Arc::new(settings), clock, seed, client: OnceLock::new() })
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
            seed: self.seed,
        };
        let (settings, clock) = (Arc::clone(settings), Arc::clone(&self.clock));
        let way: Arc<OnceLock<SmppClient>> = Arc::default();
        let back = Arc::clone(&way);
        let tell = Box::new(move |outputs: Vec<Output>| {
            let now = clock.now();
            let events =
                outputs.into_iter().filter_map(|output| event(&settings, &back, output, now));
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
            Err(error) => tracing::error!(%error, "a carrier's authorities can't be read"),
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
    pub fn stop(&self) {
        if let Some(client) = self.client.get() {
            client.send(Input::Stop);
        }
    }
}

/// What the client tells, as the product's own event.
fn event(
    settings: &Settings,
    back: &Arc<OnceLock<SmppClient>>,
    output: Output,
    now: Instant,
) -> Option<CarrierEvent> {
    match output {
        Output::Answered { key, part, parts, outcome, last } => {
            let outcome = outcome_of(settings, outcome);
            Some(CarrierEvent::Answered {
                key,
                part: Part { index: part, of: parts },
                outcome,
                last,
            })
        }
        Output::Delivered(handle, message) => delivered(settings, back, handle, &message, now),
        Output::Receiving => Some(CarrierEvent::Receiving),
        Output::Bound(link) => {
            let host = &settings.endpoint.host;
            tracing::info!(host, bind = link.index, "a carrier's bind is up");
            None
        }
        Output::BindRefused(link, status) => {
            let host = &settings.endpoint.host;
            tracing::error!(host, bind = link.index, status, "a carrier refused a bind");
            None
        }
        Output::Ended(link, why) => {
            let host = &settings.endpoint.host;
            tracing::warn!(host, bind = link.index, ?why, "a carrier's bind is down");
            None
        }
        Output::Connect(_) | Output::Write(..) | Output::Close(_) => None,
    }
}

fn outcome_of(settings: &Settings, outcome: Outcome) -> SubmitOutcome {
    match outcome {
        Outcome::Taken(id) => {
            SubmitOutcome::Taken { reference: incoming::reference(&id, settings.response_ids) }
        }
        Outcome::Refused(status) => {
            SubmitOutcome::Refused { code: codes::refused(settings, status) }
        }
        Outcome::Uncertain => SubmitOutcome::Uncertain,
        Outcome::Unreachable => SubmitOutcome::Unreachable,
        Outcome::Expired => SubmitOutcome::Refused { code: code::VALIDITY_EXPIRED },
    }
}

fn delivered(
    settings: &Settings,
    back: &Arc<OnceLock<SmppClient>>,
    handle: Handle,
    message: &ShortMessage,
    now: Instant,
) -> Option<CarrierEvent> {
    let way = Arc::clone(back);
    let acknowledge = Acknowledge::new(move || {
        if let Some(client) = way.get() {
            client.send(Input::Respond(handle, status::OK));
        }
    });
    match incoming::read(settings, message, now) {
        Incoming::Receipt(receipt) => Some(CarrierEvent::Receipt(receipt, acknowledge)),
        Incoming::Text(text) => Some(CarrierEvent::Inbound(text, acknowledge)),
        Incoming::Progress => {
            acknowledge.done();
            None
        }
    }
}
