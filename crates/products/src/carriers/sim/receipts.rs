//! Receipts of the simulated carrier: those that became known together are one row until all of
//! them are acknowledged. What was brought and not acknowledged is brought again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::store::{Batch, Store, StoreError, Tx};
use base::{EventSid, HandsetMessageSid, Instant, Sid};
use tokio::sync::mpsc;

use crate::carriers::sim::store;
use crate::carriers::{Acknowledge, CarrierEvent, Receipt, ReceiptStatus};

/// The pause before receipts that were not acknowledged are brought again.
const AGAIN: Duration = Duration::from_secs(1);

/// Octets of one receipt in a row: SID, our key, error, copies.
const PACKED: usize = 16 + 32 + 4 + 1;

/// A receipt that will be brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pending {
    pub(super) sid: HandsetMessageSid,
    pub(super) key: [u8; 32],
    /// Twilio's code; 0 when the message was delivered.
    pub(super) error: u32,
    pub(super) copies: u8,
}

/// Receipts of one row.
#[derive(Clone, Debug)]
pub(super) struct Group {
    id: [u8; 16],
    due_at: Instant,
    receipts: Vec<Pending>,
}

/// Writes receipts that will be due, a row for each instant.
pub(super) fn write(
    tx: &mut Tx<'_>,
    by_due: BTreeMap<Instant, Vec<Pending>>,
) -> Result<Vec<Group>, StoreError> {
    let mut groups = Vec::with_capacity(by_due.len());
    for (due_at, receipts) in by_due {
        let id = tx.new_sid::<EventSid>().bytes();
        store::insert_receipts(tx, id, due_at, &pack(&receipts))?;
        groups.push(Group { id, due_at, receipts });
    }
    Ok(groups)
}

fn pack(receipts: &[Pending]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(receipts.len() * PACKED);
    for receipt in receipts {
        packed.extend(receipt.sid.bytes());
        packed.extend(receipt.key);
        packed.extend(receipt.error.to_be_bytes());
        packed.push(receipt.copies);
    }
    packed
}

fn unpack(packed: &[u8]) -> Option<Vec<Pending>> {
    let one = |bytes: &[u8]| {
        let (sid, rest) = bytes.split_first_chunk::<16>()?;
        let (key, rest) = rest.split_first_chunk::<32>()?;
        let (error, rest) = rest.split_first_chunk::<4>()?;
        Some(Pending {
            sid: HandsetMessageSid::from_bytes(*sid),
            key: *key,
            error: u32::from_be_bytes(*error),
            copies: *rest.first()?,
        })
    };
    packed.chunks(PACKED).map(one).collect()
}

fn opened((id, due_at, packed): store::OpenReceipts) -> Result<Group, StoreError> {
    let receipts = unpack(&packed).ok_or(StoreError::Corrupt("receipts of handsets"))?;
    Ok(Group { id, due_at, receipts })
}

/// All receipts that are open.
pub(super) struct Receipts {
    store: Store,
    settled: Batch<[u8; 16], ()>,
    coming: mpsc::UnboundedSender<Vec<Group>>,
    mailbox: Mutex<Option<mpsc::UnboundedReceiver<Vec<Group>>>>,
}

impl Receipts {
    pub(super) fn new(store: Store) -> Arc<Self> {
        let settled = Batch::new(store.clone(), |tx, ids: Vec<[u8; 16]>| {
            store::delete_receipts(tx, &ids)?;
            Ok(vec![(); ids.len()])
        });
        let (coming, mailbox) = mpsc::unbounded_channel();
        Arc::new(Self { store, settled, coming, mailbox: Mutex::new(Some(mailbox)) })
    }

    /// Takes receipts that are on disk. Without a runner they wait there.
    pub(super) fn add(&self, groups: Vec<Group>) {
        if !groups.is_empty() {
            let _ = self.coming.send(groups);
        }
    }

    /// Brings receipts as they become due: those that were on disk before, then what comes.
    pub(super) async fn run(
        self: Arc<Self>,
        clock: &dyn net::Clock,
        tell: impl Fn(Vec<CarrierEvent>),
    ) {
        let mailbox = self.mailbox.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut mailbox) = mailbox else { return };
        let mut waiting: BTreeMap<(Instant, [u8; 16]), Group> = BTreeMap::new();
        let keep = |groups: Vec<Group>, waiting: &mut BTreeMap<_, _>| {
            waiting.extend(groups.into_iter().map(|group| ((group.due_at, group.id), group)));
        };
        keep(self.load().await, &mut waiting);
        loop {
            let now = clock.now();
            while let Some(first) = waiting.first_entry().filter(|first| first.key().0 <= now) {
                tell(self.events_of(first.remove(), now));
            }
            let next = waiting.first_key_value().map(|(key, _)| key.0);
            let sleep = async {
                match next {
                    Some(at) => clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                groups = mailbox.recv() => match groups {
                    Some(groups) => keep(groups, &mut waiting),
                    None => return,
                },
                () = sleep => {}
            }
        }
    }

    async fn load(&self) -> Vec<Group> {
        let read = self
            .store
            .read(|reader| store::open_receipts(reader)?.into_iter().map(opened).collect())
            .await;
        read.unwrap_or_else(|error| {
            tracing::error!(%error, "open receipts could not be loaded");
            Vec::new()
        })
    }

    fn events_of(self: &Arc<Self>, group: Group, now: Instant) -> Vec<CarrierEvent> {
        let brought = Arc::new(Brought {
            acknowledged: AtomicUsize::new(0),
            receipts: Arc::clone(self),
            group,
            now,
        });
        let mut events = Vec::with_capacity(brought.group.receipts.len());
        for pending in &brought.group.receipts {
            let receipt = pending.receipt(now);
            for _ in 1..pending.copies {
                events.push(CarrierEvent::Receipt(receipt.clone(), Acknowledge::unneeded()));
            }
            let brought = Arc::clone(&brought);
            let acknowledge = Acknowledge::new(move || {
                brought.acknowledged.fetch_add(1, Ordering::Relaxed);
            });
            events.push(CarrierEvent::Receipt(receipt, acknowledge));
        }
        events
    }
}

impl Pending {
    fn receipt(&self, now: Instant) -> Receipt {
        let status = match self.error {
            0 => ReceiptStatus::Delivered,
            error => ReceiptStatus::Undelivered(error),
        };
        Receipt {
            reference: self.sid.to_string(),
            key: Some(self.key),
            sender: String::new(),
            recipient: String::new(),
            excerpt: String::new(),
            status,
            done_at: now,
        }
    }
}

/// Receipts on their way. When the last of them was acknowledged or dropped, it shows whether
/// their row may go.
struct Brought {
    acknowledged: AtomicUsize,
    receipts: Arc<Receipts>,
    group: Group,
    now: Instant,
}

impl Drop for Brought {
    fn drop(&mut self) {
        if self.acknowledged.load(Ordering::Relaxed) < self.group.receipts.len() {
            let again = Group { due_at: self.now + AGAIN, ..self.group.clone() };
            self.receipts.add(vec![again]);
        } else if let Err(error) = self.receipts.settled.send([self.group.id]) {
            tracing::debug!(%error, "acknowledged receipts will come again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_hold_what_was_packed() {
        let receipts: Vec<Pending> = (0..3_u8)
            .map(|number| Pending {
                sid: HandsetMessageSid::from_bytes([number; 16]),
                key: [number + 7; 32],
                error: 30_000 + u32::from(number),
                copies: 1 + number,
            })
            .collect();
        let packed = pack(&receipts);
        assert_eq!(unpack(&packed).as_deref(), Some(&receipts[..]));
        assert_eq!(unpack(&packed[1..]), None, "a row that was cut is noticed");
    }
}
