//! The process under test: the machines that a kill wipes out. What it knows after a kill it has
//! from the ledger alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::{Instant, MasterKey};
use machine::Machine;
use products::carriers::{CarrierId, queues_of, routes::Network};
use products::messaging::dispatch::{Config, Dispatcher};
use products::messaging::work::Context;
use products::messaging::{MessageKey, Prices};
use products::webhooks::queue::{self, DeliveryQueue, Item, Key};
use products::webhooks::{Delivery, Outbox, overrides};

/// How long uncertain messages wait for receipts.
pub const GRACE: Duration = Duration::from_secs(8);

/// The one carrier.
pub const CARRIER: CarrierId = CarrierId(0);

/// What commits hand over in memory; lost in a kill.
#[derive(Default)]
pub struct Handed {
    /// Deliveries for the queue.
    pub deliveries: Vec<Delivery>,
}

/// The machines of one life of the process.
pub struct Node {
    /// Sends messages.
    pub dispatcher: Dispatcher,
    /// Sends callbacks.
    pub queue: DeliveryQueue,
    /// What the queue's keys stand for.
    pub deliveries: BTreeMap<Key, Delivery>,
    /// Rows of windows.
    pub windows: BTreeMap<u64, [u8; 16]>,
    /// Which life this is: answers to an earlier one are lost.
    pub life: u64,
}

impl Node {
    /// A process that has just started.
    pub fn start(now: Instant, life: u64) -> Self {
        let config = Config {
            window_max: 40,
            batch_max: 10,
            memory_max: 120,
            sender_rate: 0,
            queue_max: Duration::ZERO,
        };
        let bounds = queue::Config { memory_max: 60, ..queue::Config::default() };
        Self {
            dispatcher: Dispatcher::new(config, now),
            queue: DeliveryQueue::new(bounds),
            deliveries: BTreeMap::new(),
            windows: BTreeMap::new(),
            life,
        }
    }

    /// Hands a committed delivery to the queue, as the product's worker does.
    pub fn enqueue(&mut self, now: Instant, delivery: Delivery) {
        self.queue.handle(now, queue::Input::Enqueue(item(&delivery)));
        self.keep(delivery);
    }

    /// Hands loaded deliveries to the queue.
    pub fn loaded(&mut self, now: Instant, deliveries: Vec<Delivery>, complete: bool) {
        let items = deliveries.iter().map(item).collect();
        self.queue.handle(now, queue::Input::Loaded { items, complete });
        deliveries.into_iter().for_each(|delivery| self.keep(delivery));
    }

    fn keep(&mut self, delivery: Delivery) {
        let key = (delivery.object, delivery.object_seq);
        if self.queue.knows(key) {
            self.deliveries.entry(key).or_insert(delivery);
        }
    }

    /// When it wants to be woken.
    pub fn wake_at(&self) -> Option<Instant> {
        [self.dispatcher.wake_at(), self.queue.wake_at()].into_iter().flatten().min()
    }
}

fn item(delivery: &Delivery) -> Item {
    let (plain, parsed) = overrides::parse(&delivery.url);
    Item {
        key: (delivery.object, delivery.object_seq),
        endpoint: plain.trim_end_matches("/status").into(),
        due_at: delivery.due_at,
        attempts: delivery.attempts,
        overrides: parsed.unwrap_or_default(),
    }
}

/// What the units of work need, handing over to `handed`.
pub fn context(master: Arc<MasterKey>, handed: &Arc<Mutex<Handed>>) -> Context {
    let to = Arc::clone(handed);
    let handover = move |deliveries: Vec<Delivery>| {
        to.lock().unwrap_or_else(PoisonError::into_inner).deliveries.extend(deliveries);
    };
    Context {
        master: Arc::clone(&master),
        prices: Prices::default(),
        outbox: Outbox::new(master, Arc::new(handover), Arc::new(|_| {})),
        nudge: Arc::new(|_| {}),
        network: Arc::new(Network::single(Arc::new(|submission| {
            crate::carrier::split(&submission.body)
        }))),
        home: products::accounts::geo::Home::everywhere(),
        public_url: "http://sim".into(),
    }
}

/// The carrier's queues.
pub fn queues() -> std::ops::Range<i64> {
    queues_of(CARRIER)
}

/// The key of a submission.
pub fn key_of(bytes: &[u8; 32]) -> MessageKey {
    MessageKey::from_bytes(bytes).expect("our own key comes back")
}
