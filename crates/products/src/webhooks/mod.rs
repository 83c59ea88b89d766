//! Webhooks: what happened is told to the application, signed, in order, and again until it
//! listens or its policy gives up.

pub mod alerts;
pub mod api;
pub mod ask;
pub mod overrides;
pub mod params;
pub mod policy;
pub mod queue;
pub mod relay;
pub mod store;

mod worker;

use std::sync::Arc;

use ::store::{StoreError, Tx, job};
use base::{AccountSid, AnySid, MasterKey, ObjectKey, signature};

use crate::registry::Product;

pub use store::Delivery;
pub(crate) use worker::{ANSWER_KEPT, limits_of as worker_limits, signed_headers};
pub use worker::{Webhooks, WorkerConfig};

/// What this product is.
pub static PRODUCT: Product = Product {
    name: "webhooks",
    migrations: &[store::MIGRATIONS, alerts::MIGRATIONS],
    install: |kit, installed| {
        let deliveries = api::Deliveries {
            store: kit.store.clone(),
            master: Arc::clone(&kit.master),
            hooks: kit.hooks.clone(),
        };
        api::routes(&mut installed.routes, &Arc::new(deliveries));
        relay::routes(&mut installed.routes, &kit.relay);
        let alerts =
            Arc::new(alerts::Alerts { store: kit.store.clone(), master: Arc::clone(&kit.master) });
        alerts::routes(&mut installed.routes, &alerts);
        Ok(())
    },
    ..Product::BASE
};

/// Where a product hears of what it follows, in place of an application's address: `job:` and the
/// kind of the job that it gets in the same transaction, with the callback's parameters.
const JOB: &str = "job:";

/// The address that tells a product's job of what happens to an object.
pub fn job_address(kind: &str) -> String {
    format!("{JOB}{kind}")
}

/// The address of a GET: the encoded form behind it.
pub(crate) fn with_query(plain: &str, form: &str) -> String {
    match (form.is_empty(), plain.contains('?')) {
        (true, _) => plain.to_owned(),
        (false, true) => format!("{plain}&{form}"),
        (false, false) => format!("{plain}?{form}"),
    }
}

/// The name of a method.
pub(crate) fn method_of(get: bool) -> &'static str {
    if get { "GET" } else { "POST" }
}

/// A callback to be delivered, about one event of one object.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// Whose it is; its Auth Token signs.
    pub account: AccountSid,
    /// What it is about: deliveries of one object go out in order.
    pub object: AnySid,
    /// The event's number on the object: the order.
    pub object_seq: i64,
    /// Where to, with its overrides in the fragment; or a product's [`job_address`].
    pub url: String,
    /// The form.
    pub params: Vec<(&'static str, String)>,
    /// By GET instead of POST: the form is the query.
    pub get: bool,
    /// Salt of the object's key, which seals the recorded request.
    pub salt: Option<[u8; 16]>,
}

/// Writes deliveries beside the change that they tell of, and hands them to the running worker
/// once the change is on disk.
pub struct Outbox {
    master: Arc<MasterKey>,
    handover: Handover,
    nudge: Nudge,
}

/// Tells the job runner of a new job.
pub type Nudge = Arc<dyn Fn(job::JobId) + Send + Sync>;

/// Takes committed deliveries. What it drops is found again in the table.
pub type Handover = Arc<dyn Fn(Vec<Delivery>) + Send + Sync>;

impl Outbox {
    /// An outbox whose deliveries go to `handover`, and whose jobs are told to `nudge`.
    pub fn new(master: Arc<MasterKey>, handover: Handover, nudge: Nudge) -> Self {
        Self { master, handover, nudge }
    }

    /// Writes the job of a product that follows an object: what an application would be told.
    fn follow(&self, tx: &mut Tx<'_>, kind: &str, new: &NewDelivery) -> Result<(), StoreError> {
        let told: serde_json::Map<String, serde_json::Value> = new
            .params
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_str().into()))
            .collect();
        let payload = serde_json::Value::from(told).to_string();
        let now = tx.now();
        let id = job::add(tx, new.account, kind, now, &payload)?;
        let nudge = Arc::clone(&self.nudge);
        tx.after_commit(move || nudge(id));
        Ok(())
    }

    /// Writes deliveries, due at once.
    pub fn enqueue(&self, tx: &mut Tx<'_>, new: Vec<NewDelivery>) -> Result<(), StoreError> {
        let mut posted = Vec::with_capacity(new.len());
        for new in new {
            match new.url.strip_prefix(JOB) {
                Some(kind) => self.follow(tx, kind, &new)?,
                None => posted.push(new),
            }
        }
        if posted.is_empty() {
            return Ok(());
        }
        let now = tx.now();
        let deliveries: Vec<Delivery> = posted
            .into_iter()
            .map(|new| {
                let salt = new.salt.unwrap_or_else(|| tx.random().salt());
                let pairs = || new.params.iter().map(|(name, value)| (*name, value.as_str()));
                let request =
                    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs()).finish();
                let sorted = signature::sorted(pairs());
                let nonce = tx.random().nonce();
                let key = ObjectKey::derive(&self.master, &salt);
                let sealed = key.seal(nonce, request.as_bytes());
                Delivery {
                    account: new.account,
                    object: new.object,
                    object_seq: new.object_seq,
                    url: new.url,
                    get: new.get,
                    request,
                    sorted,
                    sealed,
                    salt: Some(salt),
                    due_at: now,
                    attempts: 0,
                }
            })
            .collect();
        store::insert(tx, &deliveries)?;
        let handover = Arc::clone(&self.handover);
        tx.after_commit(move || handover(deliveries));
        Ok(())
    }
}
