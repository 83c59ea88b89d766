//! Messaging: texts and media messages, out and in.

pub mod api;
mod change;
pub mod dispatch;
mod inbound;
mod magic;
pub mod model;
mod opt_words;
pub mod rules;
pub mod store;
mod view;
pub mod work;
mod worker;

use std::sync::Arc;

use ::store::{Batch, Migration, Store, StoreError};
use base::MasterKey;
use net::Clock;
use tokio::sync::mpsc;

use crate::accounts::Accounts;
use crate::carriers::{Carrier, CarrierEvent};
use crate::messaging::work::{Context, Outcome};

pub use model::{Draft, Message, MessageKey};
pub use rules::Prices;
pub use worker::Mailbox;

/// The tables of this product.
pub const MIGRATIONS: &[Migration] = store::MIGRATIONS;

/// The façade: accepts drafts, and takes what carriers tell.
pub struct Messaging {
    store: Store,
    master: Arc<MasterKey>,
    accounts: Arc<Accounts>,
    clock: Arc<dyn Clock>,
    context: Arc<Context>,
    accepting: Batch<Draft, Outcome>,
    telling: Batch<CarrierEvent, ()>,
    dispatcher: mpsc::UnboundedSender<worker::Event>,
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
    /// What the units of work need.
    pub context: Arc<Context>,
}

impl Messaging {
    /// Messaging, and the mailbox that its dispatcher reads.
    pub fn new(parts: Parts) -> (Arc<Self>, Mailbox) {
        let (dispatcher, mailbox) = mpsc::unbounded_channel();
        let (context, offers) = (Arc::clone(&parts.context), dispatcher.clone());
        let accepting = Batch::new(parts.store.clone(), move |tx, drafts| {
            let (outcomes, waiting) = work::accept(tx, &context, drafts)?;
            let offers = offers.clone();
            tx.after_commit(move || {
                // Without a dispatcher they wait in the table.
                let _ = offers.send(worker::Event::Offer(waiting));
            });
            Ok(outcomes)
        });
        let (context, answers) = (Arc::clone(&parts.context), dispatcher.clone());
        let telling = Batch::new(parts.store.clone(), move |tx, events| {
            worker::take_events(tx, &context, events, &answers)
        });
        let messaging = Self {
            store: parts.store,
            master: parts.master,
            accounts: parts.accounts,
            clock: parts.clock,
            context: parts.context,
            accepting,
            telling,
            dispatcher,
        };
        (Arc::new(messaging), Mailbox(mailbox))
    }

    /// Makes a message of a draft; answers when it is on disk.
    pub async fn accept(&self, draft: Draft) -> Result<Outcome, StoreError> {
        self.accepting.submit(draft).await
    }

    /// Takes what a carrier tells. An event that can't be taken now is dropped unacknowledged,
    /// and the carrier brings it again.
    pub fn tell(&self, events: Vec<CarrierEvent>) {
        if let Err(error) = self.telling.send(events) {
            tracing::warn!(%error, "a carrier's events could not be taken");
        }
    }

    /// Runs the dispatcher for `carrier` until the program ends.
    pub async fn run(
        self: Arc<Self>,
        carrier: Carrier,
        config: worker::RunConfig,
        mailbox: Mailbox,
    ) {
        worker::run(self, carrier, config, mailbox).await;
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
