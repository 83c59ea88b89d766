//! The follower of the ledger: what sinks want of it waits for them, and is delivered.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant as Monotonic};

use ::store::lease::{self, Hold, Lease};
use ::store::{Reader, Store, StoreError, events_after, lanes};
use net::{Client, Clock};
use tokio::task::JoinSet;

use crate::accounts::Accounts;
use crate::events::deliver::deliver;
use crate::events::rules::{self, Waiting};
use crate::events::store::{self, Cursors, Queue};
use crate::events::types;
use crate::webhooks::relay::Relay;

/// How often the ledger is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// Events of one lane in one look.
const LOOK_MAX: u32 = 500;

/// Events that nobody wants are passed without a write, so many at most: a successor reads them
/// again.
const PASSED_MAX: usize = 20_000;

/// Sinks that are posted to at once.
const SENDING_MAX: usize = 32;

/// One node follows and delivers at a time.
const LEASE: &str = "events";

/// What the worker is made of.
pub struct WorkerConfig {
    /// The ledger.
    pub store: Store,
    /// Whose tokens sign.
    pub accounts: Arc<Accounts>,
    /// Sends.
    pub client: Arc<Client>,
    /// Knows who listens in the applications' place.
    pub relay: Arc<Relay>,
    /// The product's time.
    pub clock: Arc<dyn Clock>,
    /// This node's name, which no other has.
    pub node: String,
    /// Where the schemas of events are read: the root of the host `events`.
    pub root: String,
}

/// Follows and delivers until the program ends.
pub async fn run(config: WorkerConfig) {
    let config = Arc::new(config);
    let clock = Arc::clone(&config.clock);
    let mut worker = Worker {
        config,
        held: None,
        tried: None,
        cursors: None,
        passed: 0,
        sending: JoinSet::new(),
        busy: HashSet::new(),
    };
    loop {
        match worker.round().await {
            Ok(()) => {}
            Err(StoreError::Closed) => return,
            Err(error) => {
                tracing::debug!(%error, "event streams lost their place; taking it again");
                worker.let_go();
            }
        }
        let wake_at = clock.now() + LOOK_EVERY;
        tokio::select! {
            () = clock.sleep_until(wake_at) => {}
            Some(ended) = worker.sending.join_next() => worker.ended(ended),
        }
    }
}

struct Worker {
    config: Arc<WorkerConfig>,
    /// The lease, and when its renewal began.
    held: Option<(Lease, Monotonic)>,
    /// When the lease was asked for in vain.
    tried: Option<Monotonic>,
    /// How far the ledger is followed; nothing is known before it was read under the lease.
    cursors: Option<Cursors>,
    passed: usize,
    sending: JoinSet<[u8; 16]>,
    busy: HashSet<[u8; 16]>,
}

/// What one look found.
struct Gained {
    waiting: Vec<Waiting>,
    moved: Cursors,
    events: usize,
    more: bool,
}

impl Worker {
    async fn round(&mut self) -> Result<(), StoreError> {
        let read = self
            .config
            .store
            .read(|reader| Ok::<_, StoreError>((store::anybody(reader)?, store::queues(reader)?)));
        let (anybody, queues) = read.await?;
        if !anybody && queues.is_empty() {
            return self.give_back().await;
        }
        let Some(lease) = self.hold().await? else { return Ok(()) };
        if anybody {
            self.follow(&lease).await?;
        } else {
            self.cursors = None;
        }
        let now = self.config.clock.now();
        for queue in queues.into_iter().filter(|queue| queue.due_at <= now) {
            self.start(&lease, queue);
        }
        Ok(())
    }

    fn let_go(&mut self) {
        (self.held, self.cursors, self.passed) = (None, None, 0);
    }

    /// Nothing to do: other nodes need not wait, and the ledger need not be written to.
    async fn give_back(&mut self) -> Result<(), StoreError> {
        let held = self.held.take().filter(|_| self.busy.is_empty());
        self.let_go();
        let Some((lease, _)) = held else { return Ok(()) };
        self.config.store.write(move |tx| lease::release(tx, &lease)).await
    }

    /// The lease, renewed when it is time to; `None` while another node has it.
    async fn hold(&mut self) -> Result<Option<Lease>, StoreError> {
        let began = Monotonic::now();
        if let Some((lease, renewed)) = &self.held {
            if lease::hold(renewed.elapsed()) != Hold::Use {
                let renewal = lease.clone();
                let renew = self.config.store.write(move |tx| {
                    let now = lease::database_now(tx)?;
                    lease::renew(tx, &renewal, now)
                });
                renew.await?;
                self.held = Some((lease.clone(), began));
            }
            return Ok(self.held.as_ref().map(|(lease, _)| lease.clone()));
        }
        if self.tried.is_some_and(|at| at.elapsed() < lease::LOOK_EVERY) {
            return Ok(None);
        }
        self.tried = Some(began);
        let node = self.config.node.clone();
        let taken = self.config.store.write(move |tx| {
            let now = lease::database_now(tx)?;
            lease::acquire(tx, LEASE, &node, now)
        });
        self.held = taken.await?.map(|lease| (lease, began));
        self.cursors = None;
        Ok(self.held.as_ref().map(|(lease, _)| lease.clone()))
    }

    /// Follows the ledger to its end.
    async fn follow(&mut self, lease: &Lease) -> Result<(), StoreError> {
        let config = Arc::clone(&self.config);
        let mut cursors = match self.cursors.take() {
            Some(cursors) => cursors,
            None => config.store.read(|reader| store::cursors(reader)).await?,
        };
        loop {
            let from = cursors.clone();
            let gained = config.store.read(move |reader| gained(reader, &from)).await?;
            cursors.extend(&gained.moved);
            self.passed += gained.events;
            if !gained.waiting.is_empty() || self.passed > PASSED_MAX {
                let (lease, moved) = (lease.clone(), cursors.clone());
                let unit = config.store.write(move |tx| {
                    lease::assert_held(tx, &lease)?;
                    store::advance(tx, &gained.waiting, &moved)
                });
                unit.await?;
                self.passed = 0;
            }
            if !gained.more {
                break;
            }
            // A long way to go must not cost the lease.
            if self.hold().await?.as_ref() != Some(lease) {
                return Err(StoreError::LeaseLost);
            }
        }
        self.cursors = Some(cursors);
        Ok(())
    }

    fn start(&mut self, lease: &Lease, queue: Queue) {
        if self.busy.len() >= SENDING_MAX || !self.busy.insert(queue.sink) {
            return;
        }
        let (config, lease) = (Arc::clone(&self.config), lease.clone());
        self.sending.spawn(async move {
            if let Err(error) = deliver(&config, lease, queue).await {
                tracing::debug!(%error, "a delivery of events was not recorded; it comes again");
            }
            queue.sink
        });
    }

    fn ended(&mut self, ended: Result<[u8; 16], tokio::task::JoinError>) {
        match ended {
            Ok(sink) => {
                self.busy.remove(&sink);
            }
            Err(error) => {
                // Whose it was is not known: none may stay busy for ever.
                tracing::error!(%error, "a delivery of events broke off");
                self.sending.abort_all();
                self.busy.clear();
            }
        }
    }
}

/// The events after the cursors, and who waits for them. Events are read before subscriptions:
/// whatever was subscribed to before an event is seen with it.
fn gained(reader: &mut Reader<'_>, cursors: &Cursors) -> Result<Gained, StoreError> {
    let (mut events, mut moved, mut more) = (Vec::new(), Cursors::new(), false);
    for lane in lanes(reader)? {
        let cursor = cursors.get(&lane.0).copied().unwrap_or_default();
        let found = events_after(reader, lane, cursor, LOOK_MAX)?;
        more |= found.len() == LOOK_MAX as usize;
        moved.extend(found.last().map(|last| (lane.0, last.id)));
        events.extend(found);
    }
    let count = events.len();
    events.retain(|event| types::of_kind(&event.kind).is_some());
    let accounts: BTreeSet<_> = events.iter().map(|event| event.account).collect();
    let mut subscribed = Vec::new();
    for account in accounts {
        subscribed.extend(store::subscribed(reader, account)?);
    }
    let waiting = rules::wanted(&events, &subscribed);
    Ok(Gained { waiting, moved, events: count, more })
}
