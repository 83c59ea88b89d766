//! Messaging: texts and media messages, out and in.

pub mod api;
mod change;
pub mod dispatch;
mod inbound;
mod lanes;
mod magic;
pub(crate) mod media;
pub mod model;
pub(crate) mod opt_words;
mod retention;
pub mod rules;
pub mod store;
mod timeline;
pub mod turns;
mod view;
pub mod work;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use ::store::{Batch, Blobs, Store, StoreError, Tx, job::Job};
use base::MasterKey;
use net::{Client, Clock};

use crate::accounts::{Accounts, Permission, Verb};
use crate::carriers::{Carrier, CarrierEvent, CarrierId};
use crate::jobs::{Handler, Running};
use crate::messaging::work::{Context, Outcome};
use crate::registry::Product;
use crate::webhooks::relay::Relay;

pub use model::{Draft, Message, MessageKey};
pub use rules::Prices;
pub use worker::Mailbox;

/// What this product is; its dispatchers are run beside the carriers.
pub static PRODUCT: Product = Product {
    name: "messaging",
    migrations: &[store::MIGRATIONS],
    open_to_test: &[Permission::new(api::MESSAGES, Verb::Create)],
    install: |kit, installed| {
        api::routes(&mut installed.routes, &kit.messaging);
        installed.jobs.extend(kit.messaging.handlers());
        installed.tasks.push(Box::pin(Arc::clone(&kit.messaging).sweep()));
        Ok(())
    },
    ..Product::BASE
};

/// How long a create may be repeated under its idempotency key.
const IDEMPOTENCY_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// How long it is known which receipts were placed.
const RECEIPTS_LOGGED: Duration = Duration::from_secs(10 * 60);

/// How long a receipt that nobody can place is kept.
const RECEIPTS_PARKED: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// The pause between sweeps.
const SWEEP_EVERY: Duration = Duration::from_secs(5 * 60);

/// The façade: accepts drafts, and takes what carriers tell.
pub struct Messaging {
    store: Store,
    master: Arc<MasterKey>,
    accounts: Arc<Accounts>,
    clock: Arc<dyn Clock>,
    client: Arc<Client>,
    relay: Arc<Relay>,
    blobs: Blobs,
    context: Arc<Context>,
    accepting: Batch<Draft, Outcome>,
    telling: Batch<(CarrierId, CarrierEvent), ()>,
    dispatchers: worker::Dispatchers,
}

/// What messaging is made of.
pub struct Parts {
    /// Where messages are.
    pub store: Store,
    /// Seals their content.
    pub master: Arc<MasterKey>,
    /// Whose they are.
    pub accounts: Arc<Accounts>,
    /// The product's time.
    pub clock: Arc<dyn Clock>,
    /// Asks applications, and fetches media.
    pub client: Arc<Client>,
    /// Knows who listens in the applications' place.
    pub relay: Arc<Relay>,
    /// Where media is kept.
    pub blobs: Blobs,
    /// What the units of work need.
    pub context: Arc<Context>,
}

impl Messaging {
    /// Messaging, and the mailboxes that its dispatchers read, one for each carrier.
    pub fn new(parts: Parts) -> (Arc<Self>, Vec<Mailbox>) {
        let (dispatchers, mailboxes) = worker::Dispatchers::of(&parts.context.network);
        let (context, offers) = (Arc::clone(&parts.context), dispatchers.clone());
        let accepting = Batch::new(parts.store.clone(), move |tx, drafts| {
            let (outcomes, waiting) = work::accept(tx, &context, drafts)?;
            let offers = offers.clone();
            tx.after_commit(move || {
                offers.offer(waiting);
            });
            Ok(outcomes)
        });
        let (context, answers) = (Arc::clone(&parts.context), dispatchers.clone());
        let telling = Batch::new(parts.store.clone(), move |tx, events| {
            worker::take_events(tx, &context, events, &answers)
        });
        let messaging = Self {
            store: parts.store,
            master: parts.master,
            accounts: parts.accounts,
            clock: parts.clock,
            client: parts.client,
            relay: parts.relay,
            blobs: parts.blobs,
            context: parts.context,
            accepting,
            telling,
            dispatchers,
        };
        (Arc::new(messaging), mailboxes)
    }

    /// Makes a message of a draft; answers when it is on disk.
    pub async fn accept(&self, draft: Draft) -> Result<Outcome, StoreError> {
        self.accepting.submit(draft).await
    }

    /// Makes a message inside another product's unit of work, so that both are there or neither.
    pub fn accept_in(&self, tx: &mut Tx<'_>, draft: Draft) -> Result<Outcome, StoreError> {
        let (mut outcomes, waiting) = work::accept(tx, &self.context, vec![draft])?;
        let offers = self.dispatchers.clone();
        tx.after_commit(move || {
            offers.offer(waiting);
        });
        outcomes.pop().ok_or(StoreError::Corrupt("a draft without an outcome"))
    }

    /// Takes what a carrier tells. An event that can't be taken now is dropped unacknowledged,
    /// and the carrier brings it again.
    pub fn tell(&self, carrier: CarrierId, events: Vec<CarrierEvent>) {
        self.context.network.count(carrier, &events, self.clock.now());
        let events: Vec<_> = events.into_iter().map(|event| (carrier, event)).collect();
        if let Err(error) = self.telling.send(events) {
            tracing::warn!(%error, "a carrier's events could not be taken");
        }
    }

    /// What the job runner does for messages.
    pub fn handlers(self: &Arc<Self>) -> Vec<Handler> {
        let handler = |kind, work: fn(Arc<Self>, Job) -> Running| {
            let messaging = Arc::clone(self);
            Handler { kind, run: Box::new(move |job| work(Arc::clone(&messaging), job)) }
        };
        vec![
            handler(work::INBOUND_JOB, |messaging, job| Box::pin(messaging.do_inbound(job))),
            handler(work::PARTS_JOB, |messaging, job| Box::pin(messaging.do_parts(job))),
            handler(media::FETCH_JOB, |messaging, job| Box::pin(messaging.do_fetch(job))),
            handler(media::REMOVE_JOB, |messaging, job| Box::pin(messaging.do_remove(job))),
        ]
    }

    /// Forgets what is kept for a day only, every few minutes, until the program ends.
    pub async fn sweep(self: Arc<Self>) {
        loop {
            let before = self.clock.now() - IDEMPOTENCY_KEPT;
            let swept = self.store.write(move |tx| store::forget_idempotent(tx, before)).await;
            if let Err(error) = swept {
                tracing::warn!(%error, "old idempotency keys could not be forgotten");
            }
            let now = self.clock.now();
            let (logged, parked) = (now - RECEIPTS_LOGGED, now - RECEIPTS_PARKED);
            let swept = self.store.write(move |tx| {
                store::forget_logged(tx, logged)?;
                store::forget_parked(tx, parked)
            });
            if let Err(error) = swept.await {
                tracing::warn!(%error, "old receipts could not be forgotten");
            }
            if let Err(error) = self.forget_old(now).await {
                tracing::warn!(%error, "what is kept long enough could not be forgotten");
            }
            self.clock.sleep_until(now + SWEEP_EVERY).await;
        }
    }

    /// Runs the dispatchers of the carriers, in the order of their numbers, until the program ends.
    pub async fn run(
        self: Arc<Self>,
        carriers: Vec<Carrier>,
        config: worker::RunConfig,
        mailboxes: Vec<Mailbox>,
    ) {
        worker::run(self, carriers, config, mailboxes).await;
    }
}

pub use worker::RunConfig;

/// The number that an inbound message came to, and who holds it.
fn numbers_of(
    query: &mut impl ::store::Query,
    message: &Message,
) -> Result<Option<crate::numbers::OwnedNumber>, StoreError> {
    let found = crate::numbers::sender(query, &message.to)?;
    Ok(found.filter(|number| number.account == message.key.account))
}
