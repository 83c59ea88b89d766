//! Voice: calls in and out, driven by TwiML.

pub mod api;
pub mod caller_ids;
pub mod conferences;
pub mod dialing;
pub mod domains;
pub mod edge;
pub mod engine;
pub mod model;
pub mod params;
pub mod phones;
pub mod queues;
pub mod recordings;
pub mod rules;
pub mod store;
pub mod work;

use std::sync::Arc;

use ::store::{StoreError, Tx};
use base::{ApiError, CallSid};

use crate::registry::{Kit, Product};
use crate::resource::Resource;
use crate::voice::edge::{Desk, Settings, Shared, Told};
use crate::voice::model::CallRecord;
use crate::voice::rules::Prices;
use crate::voice::work::{Context, Draft};
use crate::webhooks::ask::Asker;

/// Every declared resource of this product.
static RESOURCES: [&Resource; 11] = {
    let [a, b, c, d, e, f, g, h, i, j] = domains::RESOURCES;
    [&queues::QUEUE, a, b, c, d, e, f, g, h, i, j]
};

/// What this product is.
pub static PRODUCT: Product = Product {
    name: "voice",
    migrations: &[store::MIGRATIONS],
    resources: &RESOURCES,
    closing: &[domains::resources::release_all],
    settings: edge::SETTINGS,
    install: |kit, installed| {
        let settings = Settings::of(kit)?;
        let live = settings.is_some();
        let (desk, mailbox) = Desk::new();
        let shared = Arc::new(shared(kit, settings.unwrap_or_default()));
        let voice = Arc::new(Voice { shared: Arc::clone(&shared), desk: desk.clone(), live });
        api::routes(&mut installed.routes, &voice);
        if let Some(phones) = &shared.phones {
            phones::routes(&mut installed.routes, phones, &shared);
        }
        installed.share(&voice);
        if live {
            let seed = (kit.random)();
            let ending = desk.clone();
            installed.endings.push(Box::new(move || Box::pin(stop(ending))));
            installed.tasks.push(Box::pin(edge::run(shared, desk, mailbox, seed)));
        }
        Ok(())
    },
    ..Product::BASE
};

/// Ends every call, and waits until that is done.
async fn stop(desk: Desk) {
    let (stopped, wait) = tokio::sync::oneshot::channel();
    desk.tell(Told::Stop(stopped));
    // Where nobody takes calls, nobody answers.
    let _ = wait.await;
}

fn shared(kit: &Kit, settings: Settings) -> Shared {
    Shared {
        store: kit.store.clone(),
        master: Arc::clone(&kit.master),
        accounts: Arc::clone(&kit.accounts),
        client: Arc::clone(&kit.client),
        blobs: kit.blobs.clone(),
        clock: Arc::clone(&kit.clock),
        asker: Asker {
            store: kit.store.clone(),
            master: Arc::clone(&kit.master),
            client: Arc::clone(&kit.client),
            relay: Arc::clone(&kit.relay),
            clock: Arc::clone(&kit.clock),
        },
        messaging: Arc::clone(&kit.messaging),
        context: Arc::new(Context {
            master: Arc::clone(&kit.master),
            prices: Prices::default(),
            outbox: kit.outbox(),
            home: kit.accounts.home().clone(),
            node: Arc::clone(&kit.node),
            spend_max: settings.spend_max,
            public_url: Arc::clone(&kit.public_url),
        }),
        voices: edge::Voices::new(settings.engines.clone()),
        ladder: Arc::new(edge::Ladder::new(settings.trace)),
        settings,
        public_url: Arc::clone(&kit.public_url),
        dev: kit.dev,
        bindings: edge::Bindings::default(),
        carriers: edge::Lines::default(),
        warned: edge::Warned::default(),
        door: Arc::default(),
        validations: caller_ids::Validations::default(),
        phones: kit.dev.then(|| phones::Phones::new(Arc::clone(&kit.clock), kit.live.clone())),
    }
}

/// The façade: makes calls, and changes those that live.
pub struct Voice {
    shared: Arc<Shared>,
    desk: Desk,
    /// Whether this installation takes and makes calls.
    live: bool,
}

/// There is nothing here that could make calls.
const NO_CALLS: u32 = 10005;

/// A call that was taken, or why it was not.
pub type Accepted = Result<CallRecord, ApiError>;

/// Writes a call, which is placed when its turn comes after the commit.
fn queue(
    tx: &mut Tx<'_>,
    context: &Context,
    desk: Desk,
    draft: &Draft,
) -> Result<Accepted, StoreError> {
    let accepted = work::accept(tx, context, draft)?;
    if let Ok((record, plan)) = &accepted {
        let queued = Told::Queued(Box::new(record.clone()), Box::new(plan.clone()));
        tx.after_commit(move || desk.tell(queued));
    }
    Ok(accepted.map(|(record, _)| record))
}

/// Text, or the value of an attribute, as it stands in a document.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML has no way to write other control characters.
            control if control.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

impl Voice {
    /// Makes a call of a draft; answers when it is on disk. It is placed when its turn comes.
    pub async fn call(&self, draft: Draft) -> Result<CallRecord, ApiError> {
        self.is_live()?;
        let (context, desk) = (Arc::clone(&self.shared.context), self.desk.clone());
        let unit = move |tx: &mut Tx<'_>| queue(tx, &context, desk, &draft);
        self.shared.store.write(unit).await.map_err(crate::accounts::store_error)?
    }

    /// The same in somebody else's unit of work.
    pub fn call_in(&self, tx: &mut Tx<'_>, draft: &Draft) -> Result<Accepted, StoreError> {
        match self.is_live() {
            Ok(()) => queue(tx, &self.shared.context, self.desk.clone(), draft),
            Err(refused) => Ok(Err(refused)),
        }
    }

    /// Calls back a call that was not answered yet, once the unit of work is on disk.
    pub fn call_back_in(&self, tx: &mut Tx<'_>, call: CallSid) {
        let desk = self.desk.clone();
        tx.after_commit(move || desk.tell(Told::CalledBack(call)));
    }

    fn is_live(&self) -> Result<(), ApiError> {
        let text = "Calls are switched off on this installation: set TRUNKLINE_SIP_LISTEN";
        if self.live { Ok(()) } else { Err(ApiError::new(NO_CALLS, text)) }
    }

    /// Waits until everything that was ordered before is done and on disk.
    pub async fn settled(&self) {
        let (settled, wait) = tokio::sync::oneshot::channel();
        self.desk.tell(Told::Settle(settled));
        // Without live calls nobody answers, and there is nothing to wait for.
        let _ = wait.await;
    }

    /// The handsets of `dev` that had calls: number, calls that they know of, the last one's begin.
    pub fn handsets(&self) -> Vec<(String, usize, base::Instant)> {
        self.shared.phones.as_ref().map(|phones| phones.known()).unwrap_or_default()
    }

    /// The way to the live calls.
    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    /// What the product shares.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}
