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
    settled: Batch<[u8; 16], ()>,
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
            let settled = Batch::new(store.clone(), |tx, sids: Vec<[u8; 16]>| {
                let values: Vec<Value<'_>> = sids.iter().map(Value::from).collect();
                let sql = "UPDATE handset_messages SET receipt_due_at = NULL WHERE sid = ?";
                tx.execute_many(sql, 1, &values)?;
                Ok(vec![(); sids.len()])
            });
            Self { store, faults: Mutex::default(), sink: OnceLock::new(), inbox, settled }
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

/// Puts messages into their handsets' inboxes; answers what the carrier then tells.
fn receive(tx: &mut Tx<'_>, arriving: &[Arriving]) -> Result<Vec<CarrierEvent>, StoreError> {
    let now = tx.now();
    let sids: Vec<[u8; 16]> =
        arriving.iter().map(|_| tx.new_sid::<HandsetMessageSid>().bytes()).collect();
    let media: Vec<String> = arriving.iter().map(|a| a.submission.media.join("\n")).collect();
    let mut values = Vec::with_capacity(arriving.len() * 10);
    for ((arriving, sid), media) in arriving.iter().zip(&sids).zip(&media) {
        let submission = &arriving.submission;
        values.extend([
            Value::Blob(sid),
            (&submission.to).into(),
            (&submission.from).into(),
            Value::Int(0),
            (&submission.key).into(),
            (&submission.body).into(),
            media.into(),
            now.into(),
            arriving.receipt.map(|(after, _)| now + after).into(),
            Value::Int(receipt_mark(arriving)),
        ]);
    }
    tx.execute_many(INSERT, 10, &values)?;
    let answered = arriving.iter().zip(&sids).map(|(arriving, sid)| CarrierEvent::Answered {
        key: arriving.submission.key,
        outcome: SubmitOutcome::Taken { reference: reference_of(sid) },
    });
    Ok(answered.collect())
}

const INSERT: &str = "INSERT INTO handset_messages (sid, handset, peer, outgoing, our_key, body, \
                      media, received_at, receipt_due_at, receipt_error) \
                      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// The receipt's code, and in the millions' place how often it comes.
fn receipt_mark(arriving: &Arriving) -> i64 {
    let error = arriving.receipt.map_or(0, |(_, error)| error);
    i64::from(arriving.copies) * 1_000_000 + i64::from(error)
}

fn reference_of(sid: &[u8; 16]) -> String {
    HandsetMessageSid::from_bytes(*sid).to_string()
}

/// Receipts that are due: handset message, our key, mark.
type DueReceipt = ([u8; 16], [u8; 32], i64);

impl SimCarrier {
    /// Brings receipts as they become due, and those of texts that handsets sent, until the
    /// program ends. Runs beside the store.
    pub async fn run(self: Arc<Self>, clock: Arc<dyn net::Clock>) {
        let mut brought: std::collections::HashSet<[u8; 16]> = std::collections::HashSet::new();
        loop {
            let now = clock.now();
            let due = self.due_receipts(now).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "receipts could not be loaded");
                (Vec::new(), None)
            });
            let (rows, next) = due;
            let waiting: std::collections::HashSet<[u8; 16]> =
                rows.iter().map(|row| row.0).collect();
            brought.retain(|sid| waiting.contains(sid));
            let fresh: Vec<DueReceipt> =
                rows.into_iter().filter(|row| brought.insert(row.0)).collect();
            let count = fresh.len();
            self.bring(fresh, now);
            // Soon again while receipts flow; a receipt that was not acknowledged is brought
            // again after a while by a carrier that forgot that it brought it.
            let pause =
                if count > 0 { Duration::from_millis(5) } else { Duration::from_millis(50) };
            let until = next
                .map_or(now + pause, |at| at.clamp(now + Duration::from_millis(2), now + pause));
            clock.sleep_until(until).await;
        }
    }

    async fn due_receipts(
        &self,
        now: Instant,
    ) -> Result<(Vec<DueReceipt>, Option<Instant>), StoreError> {
        self.store
            .read(move |reader| {
                let rows = reader.rows(
                    "SELECT sid, our_key, receipt_error FROM handset_messages \
                     WHERE receipt_due_at <= ? ORDER BY receipt_due_at, sid LIMIT 2000",
                    &[now.into()],
                    |row| {
                        let key = row.blob(1)?.try_into();
                        let key = key.map_err(|_| StoreError::Corrupt("a submission's key"))?;
                        Ok((row.bytes16(0)?, key, row.int(2)?))
                    },
                )?;
                let sql = "SELECT min(receipt_due_at) FROM handset_messages \
                           WHERE receipt_due_at > ?";
                let next = reader.row(sql, &[now.into()], |row| row.instant_or_null(0))?;
                Ok((rows, next.flatten()))
            })
            .await
    }

    fn bring(&self, receipts: Vec<DueReceipt>, now: Instant) {
        let mut events = Vec::with_capacity(receipts.len());
        for (sid, key, mark) in receipts {
            let error = u32::try_from(mark % 1_000_000).unwrap_or_default();
            let status = match error {
                0 => ReceiptStatus::Delivered,
                error => ReceiptStatus::Undelivered(error),
            };
            let receipt =
                Receipt { reference: reference_of(&sid), key: Some(key), status, done_at: now };
            for _ in 1..mark / 1_000_000 {
                events.push(CarrierEvent::Receipt(receipt.clone(), Acknowledge::unneeded()));
            }
            let settled = self.settled.clone();
            let acknowledge = Acknowledge::new(move || {
                if let Err(error) = settled.send([sid]) {
                    tracing::warn!(%error, "an acknowledged receipt will come again");
                }
            });
            events.push(CarrierEvent::Receipt(receipt, acknowledge));
        }
        self.tell(events);
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
                        (&[0_u8; 32]).into(),
                        (&body).into(),
                        (&media.join("\n")).into(),
                        now.into(),
                        Value::Null,
                        Value::Int(0),
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
