//! Follows the ledger, and learns of each number what receipts and texts tell. Off the hot path,
//! at a pace of its own: under load it falls behind, and comes up when it is quiet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};

use ::store::lease::{self, Hold, Lease};
use ::store::{Event, Reader, Store, StoreError, ends, events_after, lanes};
use base::Sid as _;
use net::Clock;

use crate::lookup::rules::Learnt;
use crate::lookup::store::{self, Cursors, Key};
use crate::messaging::store::find_each;
use crate::messaging::{Message, MessageKey};

/// The pause between looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Looks a second.
const LOOKS_A_SECOND: u32 = 2;

/// Events that told nothing are passed without a write, so many at most.
const PASSED_MAX: usize = 20_000;

/// One node follows at a time.
const LEASE: &str = "lookup";

/// What the follower is made of.
pub struct Follower {
    store: Store,
    clock: Arc<dyn Clock>,
    node: String,
    /// Events of one look.
    look_max: u32,
    held: Option<(Lease, Monotonic)>,
    tried: Option<Monotonic>,
    cursors: Option<Cursors>,
    passed: usize,
}

impl Follower {
    /// Follows at `rate` events a second.
    pub fn new(store: Store, clock: Arc<dyn Clock>, node: String, rate: u32) -> Self {
        let look_max = (rate / LOOKS_A_SECOND).max(1);
        Self { store, clock, node, look_max, held: None, tried: None, cursors: None, passed: 0 }
    }

    /// Follows until the program ends.
    pub async fn run(mut self) {
        loop {
            match self.round().await {
                Ok(()) => {}
                Err(StoreError::Closed) => return,
                Err(error) => {
                    tracing::debug!(%error, "what numbers tell lost its place; taking it again");
                    (self.held, self.cursors, self.passed) = (None, None, 0);
                }
            }
            let wake_at = self.clock.now() + LOOK_EVERY;
            self.clock.sleep_until(wake_at).await;
        }
    }

    /// One look. The lease is held while there is something to write, and no longer: an idle
    /// installation writes nothing.
    async fn round(&mut self) -> Result<(), StoreError> {
        let mut cursors = match self.cursors.take() {
            Some(cursors) => cursors,
            None => self.store.read(|reader| store::cursors(reader)).await?,
        };
        if cursors.is_empty() {
            return self.begin().await;
        }
        let mut gained = self.gain(&cursors).await?;
        if !self.is_worth_writing(&gained) {
            cursors.extend(&gained.moved);
            self.passed += gained.events;
            self.cursors = Some(cursors);
            return if gained.events == 0 { self.give_back().await } else { Ok(()) };
        }
        let fresh = self.held.is_none();
        let Some(lease) = self.hold().await? else { return Ok(()) };
        if fresh {
            // Another node may have been here since.
            cursors = self.store.read(|reader| store::cursors(reader)).await?;
            gained = self.gain(&cursors).await?;
        }
        cursors.extend(&gained.moved);
        let all = cursors.clone();
        let unit = self.store.write(move |tx| {
            lease::assert_held(tx, &lease)?;
            store::learn(tx, &gained.learnt, &all)
        });
        unit.await?;
        (self.cursors, self.passed) = (Some(cursors), 0);
        Ok(())
    }

    fn is_worth_writing(&self, gained: &Gained) -> bool {
        !gained.learnt.is_empty() || self.passed + gained.events > PASSED_MAX
    }

    async fn gain(&self, cursors: &Cursors) -> Result<Gained, StoreError> {
        let (from, look_max) = (cursors.clone(), self.look_max);
        self.store.read(move |reader| gained(reader, &from, look_max)).await
    }

    /// The first follower begins at the ledger's end: what is old tells little, and much is old.
    async fn begin(&mut self) -> Result<(), StoreError> {
        let Some(lease) = self.hold().await? else { return Ok(()) };
        let unit = self.store.write(move |tx| {
            lease::assert_held(tx, &lease)?;
            if !store::cursors(tx)?.is_empty() {
                return Ok(());
            }
            // There is no lane 0: its cursor says that the ledger is followed.
            let ends = ends(tx)?.into_iter().map(|(lane, id)| (lane.0, id));
            store::learn(tx, &BTreeMap::new(), &ends.chain([(0, 0)]).collect())
        });
        unit.await
    }

    /// Nothing to do: other nodes need not wait, and the ledger need not be written to.
    async fn give_back(&mut self) -> Result<(), StoreError> {
        let Some((lease, _)) = self.held.take() else { return Ok(()) };
        self.store.write(move |tx| lease::release(tx, &lease)).await
    }

    /// The lease, renewed when it is time to; `None` while another node has it.
    async fn hold(&mut self) -> Result<Option<Lease>, StoreError> {
        let began = Monotonic::now();
        if let Some((lease, renewed)) = &self.held {
            let lease = lease.clone();
            if lease::hold(renewed.elapsed()) != Hold::Use {
                let renewal = lease.clone();
                let renew = self.store.write(move |tx| {
                    let now = lease::database_now(tx)?;
                    lease::renew(tx, &renewal, now)
                });
                renew.await?;
                self.held = Some((lease.clone(), began));
            }
            return Ok(Some(lease));
        }
        if self.tried.is_some_and(|at| at.elapsed() < lease::LOOK_EVERY) {
            return Ok(None);
        }
        self.tried = Some(began);
        let node = self.node.clone();
        let taken = self.store.write(move |tx| {
            let now = lease::database_now(tx)?;
            lease::acquire(tx, LEASE, &node, now)
        });
        self.held = taken.await?.map(|lease| (lease, began));
        Ok(self.held.as_ref().map(|(lease, _)| lease.clone()))
    }
}

/// What one look found.
struct Gained {
    learnt: BTreeMap<Key, Learnt>,
    moved: Cursors,
    events: usize,
}

/// What the events after the cursors tell, number by number.
fn gained(reader: &mut Reader<'_>, from: &Cursors, max: u32) -> Result<Gained, StoreError> {
    let (mut learnt, mut moved, mut count) = (BTreeMap::new(), Cursors::new(), 0);
    for lane in lanes(reader)? {
        let cursor = from.get(&lane.0).copied().unwrap_or_default();
        let mut events = events_after(reader, lane, cursor, max)?;
        moved.extend(events.last().map(|last| (lane.0, last.id)));
        count += events.len();
        events.retain(|event| Told::of(&event.kind).is_some());
        let keys: Vec<MessageKey> = events
            .iter()
            .map(|event| MessageKey {
                account: event.account,
                sid: base::MessageSid::from_bytes(event.object.bytes),
            })
            .collect();
        let messages = find_each(reader, &keys)?;
        for (event, message) in events.iter().zip(messages) {
            if let Some(message) = message {
                note(&mut learnt, event, &message);
            }
        }
    }
    Ok(Gained { learnt, moved, events: count })
}

/// What an event tells of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Sent,
    Delivered,
    Failed,
    Received,
}

impl Told {
    fn of(kind: &str) -> Option<Self> {
        Some(match kind {
            "messaging.message.queued" => Self::Sent,
            "messaging.message.delivered" => Self::Delivered,
            "messaging.message.undelivered" | "messaging.message.failed" => Self::Failed,
            "messaging.message.received" => Self::Received,
            _ => return None,
        })
    }
}

fn note(learnt: &mut BTreeMap<Key, Learnt>, event: &Event, message: &Message) {
    let Some(told) = Told::of(&event.kind) else { return };
    let number = if told == Told::Received { &message.from } else { &message.to };
    if !number.starts_with('+') {
        return;
    }
    let at = event.at;
    let fresh = || Learnt { first_at: at, ..Learnt::default() };
    let one = learnt.entry((event.account, number.clone())).or_insert_with(fresh);
    one.last_at = at;
    match told {
        Told::Sent => one.sent += 1,
        Told::Delivered => {
            one.delivered += 1;
            one.reached_at = Some(at);
        }
        Told::Failed => {
            one.failed += 1;
            one.failed_at = Some(at);
            one.error = message.error;
        }
        Told::Received => {
            one.received += 1;
            one.reached_at = Some(at);
        }
    }
}
