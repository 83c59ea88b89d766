//! The simulated carrier: handsets whose inboxes are rows, receipts that come later, and faults
//! on demand. It behaves as a distant carrier would: it knows nothing of the ledger's tables, is
//! not idempotent, and repeats receipts until they are acknowledged.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use ::store::{Batch, Migration, Query, Row, Store, StoreError, Tx, Value};
use base::{HandsetMessageSid, Instant, Sid};

use crate::carriers::faults::{Decision, FaultPlan};
use crate::carriers::{
    Acknowledge, CarrierEvent, EventSink, Inbound, Receipt, ReceiptStatus, Submission,
    SubmitOutcome,
};

/// The carrier's own tables.
pub const MIGRATIONS: &[Migration] = &[Migration {
    name: "carriers.sim/1",
    sql: "
    CREATE TABLE handset_messages (
        sid {blob} NOT NULL PRIMARY KEY,
        handset {text} NOT NULL,
        peer {text} NOT NULL,
        outgoing {int} NOT NULL,
        our_key {blob} NOT NULL,
        body {text} NOT NULL,
        media {text} NOT NULL,
        received_at {int} NOT NULL,
        receipt_due_at {int},
        receipt_error {int} NOT NULL
    ) {clustered};
    CREATE INDEX handset_messages_by_handset ON handset_messages (handset, sid);
    CREATE INDEX handset_messages_receipts ON handset_messages (receipt_due_at, sid)
        WHERE receipt_due_at IS NOT NULL;
    ",
}];

/// Submissions without an answer at most.
const WINDOW_MAX: usize = 2_000;

/// A message on a handset.
#[derive(Clone, Debug)]
pub struct HandsetMessage {
    /// The carrier's id of it.
    pub sid: HandsetMessageSid,
    /// The handset's number.
    pub handset: String,
    /// The other side.
    pub peer: String,
    /// Whether the handset sent it.
    pub outgoing: bool,
    /// The text.
    pub body: String,
    /// Addresses of media.
    pub media: Vec<String>,
    /// When it arrived.
    pub received_at: Instant,
}

/// The carrier of `dev`.
pub struct SimCarrier {
    store: Store,
    faults: Mutex<FaultPlan>,
    sink: OnceLock<EventSink>,
    inbox: Batch<Arriving, ()>,
}

/// A message on its way to a handset's inbox.
struct Arriving {
    submission: Submission,
    receipt: Option<(Duration, u32)>,
    copies: u8,
}

impl SimCarrier {
    /// A carrier whose handsets' inboxes are in `store`.
    pub fn new(store: Store) -> Arc<Self> {
        Arc::new_cyclic(|carrier: &std::sync::Weak<Self>| {
            let carrier = carrier.clone();
            let inbox = Batch::new(store.clone(), move |tx, arriving: Vec<Arriving>| {
                let count = arriving.len();
                let events = receive(tx, &arriving)?;
                let carrier = carrier.clone();
                tx.after_commit(move || {
                    if let Some(carrier) = carrier.upgrade() {
                        carrier.tell(events);
                    }
                });
                Ok(vec![(); count])
            });
            Self { store, faults: Mutex::default(), sink: OnceLock::new(), inbox }
        })
    }

    /// Where events go; set once, before the first submission.
    pub fn connect(&self, sink: EventSink) {
        // A second connection would be a mistake of the wiring; the first one stays.
        let _ = self.sink.set(sink);
    }

    /// How many submissions may be without an answer.
    pub fn window_max(&self) -> usize {
        WINDOW_MAX
    }

    /// The faults that are set.
    pub fn faults(&self) -> std::sync::MutexGuard<'_, FaultPlan> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes submissions; answers come as events.
    pub fn submit(&self, submissions: Vec<Submission>) {
        let mut refused = Vec::new();
        let mut arriving = Vec::with_capacity(submissions.len());
        let now = self.store.now();
        let mut faults = self.faults();
        for submission in submissions {
            match faults.decide(&submission.to, now) {
                Decision::Deliver { receipt, copies } => {
                    arriving.push(Arriving { submission, receipt, copies });
                }
                Decision::Answer(outcome) => {
                    refused.push(CarrierEvent::Answered { key: submission.key, outcome });
                }
            }
        }
        drop(faults);
        let keys: Vec<[u8; 32]> = arriving.iter().map(|a| a.submission.key).collect();
        if self.inbox.send(arriving).is_err() {
            refused.extend(keys.into_iter().map(|key| CarrierEvent::Answered {
                key,
                outcome: SubmitOutcome::Throttled,
            }));
        }
        self.tell(refused);
    }

    fn tell(&self, events: Vec<CarrierEvent>) {
        if let Some(sink) = self.sink.get().filter(|_| !events.is_empty()) {
            sink(events);
        }
    }
}
