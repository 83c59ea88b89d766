//! Carriers behind SMPP: submissions become segments, deliveries become receipts and texts. The
//! sessions are `smpp`'s, the sockets `net`'s.

mod binds;
mod codes;
mod incoming;
mod outgoing;
mod readable;
pub mod settings;
mod translator;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::smpp::client::{Config, Input, Output};
use ::smpp::pdu::status;
use ::smpp::session::Timing;
use base::Instant;
use net::Clock;
use net::smpp::SmppClient;

use crate::carriers::trace::Trace;
use crate::carriers::{CarrierEvent, CarrierId, EventSink, Split, Submission};

pub use binds::{Binds, Standing};
pub use settings::Settings;
pub use translator::{Respond, Translator, input_of};

/// Messages are given back when no bind was up for this long.
const PATIENCE: Duration = Duration::from_secs(5);

/// The client of a carrier.
pub fn config_of(settings: &Settings, seed: u64) -> Config {
    Config {
        binds: settings.binds.clone(),
        window: settings.window,
        throughput: settings.throughput,
        timing: Timing {
            enquire_every: Duration::from_secs(settings.enquire_s),
            ..Timing::default()
        },
        patience: PATIENCE,
        outbind: settings.outbind.clone(),
        seed,
    }
}

/// A carrier's SMSC.
pub struct SmppCarrier {
    settings: Arc<Settings>,
    clock: Arc<dyn Clock>,
    seed: u64,
    id: CarrierId,
    up: Arc<AtomicBool>,
    client: OnceLock<SmppClient>,
    binds: OnceLock<Arc<Binds>>,
    trace: Trace,
}

impl SmppCarrier {
    /// A carrier that connects when it is told where its events go, and keeps its PDUs in `trace`.
    pub fn new(
        id: CarrierId,
        settings: Settings,
        clock: Arc<dyn Clock>,
        seed: u64,
        trace: Trace,
    ) -> Arc<Self> {
        let (client, binds) = (OnceLock::new(), OnceLock::new());
        let (settings, up) = (Arc::new(settings), Arc::default());
        Arc::new(Self { settings, clock, seed, id, up, client, binds, trace })
    }

    /// Whether a bind is up that can submit.
    pub fn up(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.up)
    }

    /// How its binds stand.
    pub fn binds(&self) -> Arc<Binds> {
        let before = || Arc::new(Binds::new(self.settings.binds.iter().map(|bind| bind.mode)));
        self.binds.get().map_or_else(before, Arc::clone)
    }

    /// Submissions a second for each bind; 0 means no limit.
    pub fn throughput(&self) -> u32 {
        self.settings.throughput
    }

    /// Connects. Must be called within the runtime.
    pub fn connect(&self, sink: EventSink) {
        let settings = &self.settings;
        let config = config_of(settings, self.seed);
        let clock = Arc::clone(&self.clock);
        let way: Arc<OnceLock<SmppClient>> = Arc::default();
        let back = Arc::clone(&way);
        let respond: Respond = Arc::new(move |handle| {
            if let Some(client) = back.get() {
                client.send(Input::Respond(handle, status::OK));
            }
        });
        let up = Arc::clone(&self.up);
        let translator =
            Translator::new(Arc::clone(settings), self.id, up, respond).traced(self.trace.clone());
        // A second connection would be a mistake of the wiring; the first one stays.
        let _ = self.binds.set(translator.binds());
        let tell = Box::new(move |outputs: Vec<Output>| {
            let now = clock.now();
            let events = outputs.into_iter().filter_map(|output| translator.event(output, now));
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
            let input = input_of(&self.settings, submission, now);
            self.keep(&input, now);
            client.send(input);
        }
    }

    /// Keeps what is handed over, where PDUs are traced.
    fn keep(&self, input: &Input, now: Instant) {
        let Input::Submit { key, parts, segments, .. } = input else { return };
        for (part, message) in segments.iter().filter(|_| self.trace.is_on()) {
            self.trace.keep(*key, || readable::submit(now, (*part, *parts), message));
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
