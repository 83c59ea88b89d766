//! The simulated carrier: handsets whose inboxes are rows, receipts that come later, and faults
//! on demand. It behaves as a distant carrier would: it knows nothing of the ledger's tables, is
//! not idempotent, and repeats receipts until they are acknowledged.

mod receipts;
pub(crate) mod store;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use ::store::{Batch, Store, StoreError, Tx};
use base::{HandsetMessageSid, Instant};

use crate::carriers::faults::{Decision, FaultPlan};
use crate::carriers::sim::receipts::{Group, Pending, Receipts};
use crate::carriers::{Acknowledge, CarrierEvent, EventSink, Inbound, Submission, SubmitOutcome};
use crate::live::{Live, Told};

pub use store::{HandsetMessage, MIGRATIONS};

/// Submissions without an answer at most.
const WINDOW_MAX: usize = 2_000;

/// Messages of a handset that are shown at most.
const HISTORY_MAX: u32 = 200;

/// The carrier of `dev`.
pub struct SimCarrier {
    store: Store,
    faults: Mutex<FaultPlan>,
    sink: OnceLock<EventSink>,
    inbox: Batch<Arriving, ()>,
    receipts: Arc<Receipts>,
    live: OnceLock<Live>,
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
                let (events, groups, arrived) = receive(tx, arriving)?;
                let carrier = carrier.clone();
                tx.after_commit(move || {
                    if let Some(carrier) = carrier.upgrade() {
                        arrived.iter().for_each(|message| carrier.show(message));
                        carrier.tell(events);
                        carrier.receipts.add(groups);
                    }
                });
                Ok(vec![(); count])
            });
            let receipts = Receipts::new(store.clone());
            Self {
                store,
                faults: Mutex::default(),
                sink: OnceLock::new(),
                inbox,
                receipts,
                live: OnceLock::new(),
            }
        })
    }

    /// Where events go; set once, before the first submission.
    pub fn connect(&self, sink: EventSink) {
        // A second connection would be a mistake of the wiring; the first one stays.
        let _ = self.sink.set(sink);
        self.tell(vec![CarrierEvent::Receiving]);
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
                    refused.push(CarrierEvent::answered(submission.key, outcome));
                }
            }
        }
        drop(faults);
        let keys: Vec<[u8; 32]> = arriving.iter().map(|a| a.submission.key).collect();
        if self.inbox.send(arriving).is_err() {
            refused.extend(
                keys.into_iter().map(|key| CarrierEvent::answered(key, SubmitOutcome::Throttled)),
            );
        }
        self.tell(refused);
    }

    fn tell(&self, events: Vec<CarrierEvent>) {
        if let Some(sink) = self.sink.get().filter(|_| !events.is_empty()) {
            sink(events);
        }
    }
}

/// What the carrier tells of messages that arrived, the receipts that will follow, and the
/// messages as the handsets show them.
type Received = (Vec<CarrierEvent>, Vec<Group>, Vec<HandsetMessage>);

/// Puts messages into their handsets' inboxes; answers what the carrier then tells, and the
/// receipts that will follow.
fn receive(tx: &mut Tx<'_>, arriving: Vec<Arriving>) -> Result<Received, StoreError> {
    let now = tx.now();
    let mut messages = Vec::with_capacity(arriving.len());
    let mut answered = Vec::with_capacity(arriving.len());
    let mut by_due: BTreeMap<Instant, Vec<Pending>> = BTreeMap::new();
    for Arriving { submission, receipt, copies } in arriving {
        let (key, sid) = (submission.key, tx.new_sid::<HandsetMessageSid>());
        if let Some((after, error)) = receipt {
            by_due.entry(now + after).or_default().push(Pending { sid, key, error, copies });
        }
        let outcome = SubmitOutcome::Taken { reference: sid.to_string() };
        answered.push(CarrierEvent::answered(key, outcome));
        messages.push(HandsetMessage {
            sid,
            handset: submission.to,
            peer: submission.from,
            outgoing: false,
            body: submission.body,
            media: submission.media,
            received_at: now,
        });
    }
    store::insert(tx, &messages)?;
    let groups = receipts::write(tx, by_due)?;
    Ok((answered, groups, messages))
}

impl SimCarrier {
    /// Brings receipts as they become due until the program ends. Runs beside the store.
    pub async fn run(self: Arc<Self>, clock: Arc<dyn net::Clock>) {
        let receipts = Arc::clone(&self.receipts);
        receipts.run(&*clock, |events| self.tell(events)).await;
    }

    /// A text from a handset to one of our numbers. Answers its id.
    pub async fn send_from_handset(
        &self,
        from: String,
        to: String,
        body: String,
        media: Vec<String>,
    ) -> Result<HandsetMessageSid, StoreError> {
        let message = Inbound { from, to, body, media, id: String::new(), part: None };
        let (inbound, kept) = self
            .store
            .write(move |tx| {
                let (sid, received_at) = (tx.new_sid(), tx.now());
                let Inbound { from, to, body, media, .. } = message.clone();
                let (handset, peer, outgoing) = (from, to, true);
                let kept =
                    HandsetMessage { sid, handset, peer, outgoing, body, media, received_at };
                store::insert(tx, std::slice::from_ref(&kept))?;
                Ok::<_, StoreError>((Inbound { id: sid.to_string(), ..message }, kept))
            })
            .await?;
        self.show(&kept);
        self.tell(vec![CarrierEvent::Inbound(inbound, Acknowledge::unneeded())]);
        Ok(kept.sid)
    }

    /// Where news of handsets goes; set once.
    pub fn announce(&self, live: Live) {
        // A second one would be a mistake of the wiring; the first one stays.
        let _ = self.live.set(live);
    }

    fn show(&self, message: &HandsetMessage) {
        let Some(live) = self.live.get() else { return };
        live.tell(|| Told {
            account: None,
            kind: if message.outgoing {
                "handsets.message.left"
            } else {
                "handsets.message.arrived"
            },
            object: message.sid.to_string(),
            at: message.received_at,
            facts: serde_json::json!({ "handset": message.handset }).to_string(),
        });
    }

    /// The handsets that received or sent something: number, how many messages, when the last.
    pub async fn handsets(&self) -> Result<Vec<(String, i64, Instant)>, StoreError> {
        self.store.read(|reader| store::handsets(reader)).await
    }

    /// The newest messages that a handset received or sent, oldest first.
    pub async fn history(&self, handset: String) -> Result<Vec<HandsetMessage>, StoreError> {
        self.store.read(move |reader| store::history(reader, &handset, HISTORY_MAX)).await
    }

    /// What a handset received, oldest first.
    pub async fn inbox(&self, handset: String) -> Result<Vec<HandsetMessage>, StoreError> {
        self.store.read(move |reader| store::inbox(reader, &handset)).await
    }
}
