//! Between the client's words and the product's. No IO: the simulation drives it as the product
//! does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ::smpp::client::{Handle, Input, Key, LinkId, Outcome, Output};
use ::smpp::pdu::ShortMessage;
use base::{Instant, code};

use super::binds::{Binds, Standing};
use super::incoming::{self, Incoming};
use super::{Settings, codes, outgoing, readable};
use crate::carriers::trace::Trace;
use crate::carriers::{
    Acknowledge, CarrierEvent, CarrierId, Part, Receipt, Submission, SubmitOutcome,
};

/// Answers a request of the carrier.
pub type Respond = Arc<dyn Fn(Handle) + Send + Sync>;

/// Makes the client's inputs of the product's submissions, and the product's events of what the
/// client tells.
pub struct Translator {
    settings: Arc<Settings>,
    id: CarrierId,
    up: Arc<AtomicBool>,
    respond: Respond,
    transmitting: AtomicUsize,
    binds: Arc<Binds>,
    trace: Trace,
}

/// A submission as the client takes it.
pub fn input_of(settings: &Settings, submission: Submission, now: Instant) -> Input {
    let (parts, segments) = outgoing::segments(settings, &submission, now);
    let Submission { key, expires_at, .. } = submission;
    Input::Submit { key, parts, expires_at, segments }
}

impl Translator {
    /// For the carrier `id`. What is delivered is answered by `respond` once it is on disk; `up`
    /// says whether a bind is up that can submit.
    pub fn new(
        settings: Arc<Settings>,
        id: CarrierId,
        up: Arc<AtomicBool>,
        respond: Respond,
    ) -> Self {
        let binds = Arc::new(Binds::new(settings.binds.iter().map(|bind| bind.mode)));
        Self {
            settings,
            id,
            up,
            respond,
            transmitting: AtomicUsize::new(0),
            binds,
            trace: Trace::default(),
        }
    }

    /// That keeps the carrier's PDUs.
    #[must_use]
    pub fn traced(self, trace: Trace) -> Self {
        Self { trace, ..self }
    }

    /// How the binds stand.
    pub fn binds(&self) -> Arc<Binds> {
        Arc::clone(&self.binds)
    }

    /// What the product is told, if anything.
    pub fn event(&self, output: Output, now: Instant) -> Option<CarrierEvent> {
        let host = &self.settings.endpoint.host;
        match output {
            Output::Answered { key, part: index, parts, outcome, last } => {
                if self.trace.is_on() {
                    self.keep_answer(key, &outcome, now);
                }
                let (part, outcome) = (Part { index, of: parts }, self.outcome(outcome));
                return Some(CarrierEvent::Answered { key, part, outcome, last });
            }
            Output::Delivered(handle, message) => return self.delivered(handle, &message, now),
            Output::Receiving => return Some(CarrierEvent::Receiving),
            Output::Bound(link) => {
                tracing::info!(host, bind = link.index, "a carrier's bind is up");
                self.binds.note(link.index, Standing::Up, now);
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
                self.binds.note(link.index, Standing::Refused(status), now);
            }
            Output::Ended(link, why, was_bound) => {
                tracing::warn!(host, bind = link.index, ?why, "a carrier's bind is down");
                self.binds.note(link.index, Standing::Down, now);
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

    fn keep_answer(&self, key: Key, outcome: &Outcome, now: Instant) {
        if let Some(pdu) = readable::answer(now, outcome) {
            self.trace.keep(key, || pdu);
        }
        if let Outcome::Taken(id) = outcome {
            let reference = incoming::reference(id, self.settings.response_ids);
            self.trace.name(key, &self.own(&reference));
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
        let respond = Arc::clone(&self.respond);
        let acknowledge = Acknowledge::new(move || respond(handle));
        match incoming::read(&self.settings, message, now) {
            Incoming::Receipt(receipt) => {
                let pdu = || readable::receipt(now, message, &receipt.reference);
                let reference = self.own(&receipt.reference);
                self.trace.keep_named(&reference, pdu);
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
