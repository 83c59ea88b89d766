//! The simulated carrier: handsets whose inboxes are rows, receipts that come later, and faults
//! on demand. It behaves as a distant carrier would: it knows nothing of the ledger's tables, is
//! not idempotent, and repeats receipts until they are acknowledged.

mod receipts;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use ::store::{Batch, Migration, Query, Row, Store, StoreError, Tx, Value};
use base::{HandsetMessageSid, Instant, Sid};

use crate::carriers::faults::{Decision, FaultPlan};
use crate::carriers::sim::receipts::{Group, Pending, Receipts};
use crate::carriers::{Acknowledge, CarrierEvent, EventSink, Inbound, Submission, SubmitOutcome};

/// The carrier's own tables.
pub const MIGRATIONS: &[Migration] = &[Migration {
    name: "carriers.sim/1",
    sql: "
    CREATE TABLE handset_messages (
        sid {blob} NOT NULL PRIMARY KEY,
        handset {text} NOT NULL,
        peer {text} NOT NULL,
        outgoing {int} NOT NULL,
        body {text} NOT NULL,
        media {text} NOT NULL,
        received_at {int} NOT NULL
    ) {clustered};
    CREATE INDEX handset_messages_by_handset ON handset_messages (handset, sid);
    CREATE TABLE handset_receipts (
        id {blob} NOT NULL PRIMARY KEY,
        due_at {int} NOT NULL,
        receipts {blob} NOT NULL
    ) {clustered};
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
    receipts: Arc<Receipts>,
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
                let (events, groups) = receive(tx, &arriving)?;
                let carrier = carrier.clone();
                tx.after_commit(move || {
                    if let Some(carrier) = carrier.upgrade() {
                        carrier.tell(events);
                        carrier.receipts.add(groups);
                    }
                });
                Ok(vec![(); count])
            });
            let receipts = Receipts::new(store.clone());
            Self { store, faults: Mutex::default(), sink: OnceLock::new(), inbox, receipts }
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
            refused.extend(
                keys.into_iter()
                    .map(|key| CarrierEvent::Answered { key, outcome: SubmitOutcome::Throttled }),
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

/// Puts messages into their handsets' inboxes; answers what the carrier then tells, and the
/// receipts that will follow.
fn receive(
    tx: &mut Tx<'_>,
    arriving: &[Arriving],
) -> Result<(Vec<CarrierEvent>, Vec<Group>), StoreError> {
    let now = tx.now();
    let sids: Vec<HandsetMessageSid> = arriving.iter().map(|_| tx.new_sid()).collect();
    let keys: Vec<[u8; 16]> = sids.iter().map(|sid| sid.bytes()).collect();
    let media: Vec<String> = arriving.iter().map(|a| a.submission.media.join("\n")).collect();
    let mut values = Vec::with_capacity(arriving.len() * INSERT_WIDTH);
    let mut by_due: BTreeMap<Instant, Vec<Pending>> = BTreeMap::new();
    for (index, (arriving, sid)) in arriving.iter().zip(&sids).enumerate() {
        let submission = &arriving.submission;
        values.extend([
            Value::Blob(&keys[index]),
            (&submission.to).into(),
            (&submission.from).into(),
            Value::Int(0),
            (&submission.body).into(),
            (&media[index]).into(),
            now.into(),
        ]);
        if let Some((after, error)) = arriving.receipt {
            let pending =
                Pending { sid: *sid, key: submission.key, error, copies: arriving.copies };
            by_due.entry(now + after).or_default().push(pending);
        }
    }
    tx.execute_many(INSERT, INSERT_WIDTH, &values)?;
    let groups = receipts::write(tx, by_due)?;
    let answered = arriving.iter().zip(&sids).map(|(arriving, sid)| CarrierEvent::Answered {
        key: arriving.submission.key,
        outcome: SubmitOutcome::Taken { reference: sid.to_string() },
    });
    Ok((answered.collect(), groups))
}

const INSERT: &str = "INSERT INTO handset_messages (sid, handset, peer, outgoing, body, media, \
                      received_at) VALUES (?, ?, ?, ?, ?, ?, ?)";
const INSERT_WIDTH: usize = 7;

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
        let inbound = (from.clone(), to.clone(), body.clone(), media.clone());
        let sid = self
            .store
            .write(move |tx| {
                let (from, to, body, media) = inbound;
                let (sid, now) = (tx.new_sid::<HandsetMessageSid>(), tx.now());
                tx.execute(
                    INSERT,
                    &[
                        (&sid.bytes()).into(),
                        (&from).into(),
                        (&to).into(),
                        Value::Int(1),
                        (&body).into(),
                        (&media.join("\n")).into(),
                        now.into(),
                    ],
                )?;
                Ok::<_, StoreError>(sid)
            })
            .await?;
        let inbound = Inbound { from, to, body, media, id: sid.to_string() };
        self.tell(vec![CarrierEvent::Inbound(inbound, Acknowledge::unneeded())]);
        Ok(sid)
    }

    /// What a handset received (and sent), oldest first.
    pub async fn inbox(&self, handset: String) -> Result<Vec<HandsetMessage>, StoreError> {
        self.store
            .read(move |reader| {
                let sql = "SELECT sid, handset, peer, outgoing, body, media, received_at \
                           FROM handset_messages WHERE handset = ? AND outgoing = 0 ORDER BY sid";
                reader.rows(sql, &[(&handset).into()], handset_message)
            })
            .await
    }
}

fn handset_message(row: &Row<'_>) -> Result<HandsetMessage, StoreError> {
    let media = row.text(5)?;
    Ok(HandsetMessage {
        sid: row.sid(0)?,
        handset: row.text(1)?,
        peer: row.text(2)?,
        outgoing: row.bool(3)?,
        body: row.text(4)?,
        media: media.lines().map(str::to_owned).collect(),
        received_at: row.instant(6)?,
    })
}
