//! Webhooks: what happened is told to the application, signed, in order, and again until it
//! listens or its policy gives up.

pub mod alerts;
pub mod api;
pub mod overrides;
pub mod params;
pub mod policy;
pub mod queue;
pub mod relay;
pub mod store;

mod worker;

use std::sync::Arc;

use ::store::{StoreError, Tx};
use base::{AccountSid, AnySid, MasterKey, ObjectKey, signature};

pub use store::Delivery;
pub(crate) use worker::{ANSWER_KEPT, limits_of as worker_limits, signed_headers};
pub use worker::{Webhooks, WorkerConfig};

/// A callback to be delivered, about one event of one object.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// Whose it is; its Auth Token signs.
    pub account: AccountSid,
    /// What it is about: deliveries of one object go out in order.
    pub object: AnySid,
    /// The event's number on the object: the order.
    pub object_seq: i64,
    /// Where to, with its overrides in the fragment.
    pub url: String,
    /// The form.
    pub params: Vec<(&'static str, String)>,
    /// Salt of the object's key, which seals the recorded request.
    pub salt: Option<[u8; 16]>,
}

/// Writes deliveries beside the change that they tell of, and hands them to the running worker
/// once the change is on disk.
pub struct Outbox {
    master: Arc<MasterKey>,
    handover: Handover,
}

/// Takes committed deliveries. What it drops is found again in the table.
pub type Handover = Arc<dyn Fn(Vec<Delivery>) + Send + Sync>;

impl Outbox {
    /// An outbox whose deliveries go to `handover`.
    pub fn new(master: Arc<MasterKey>, handover: Handover) -> Self {
        Self { master, handover }
    }

    /// Writes deliveries, due at once.
    pub fn enqueue(&self, tx: &mut Tx<'_>, new: Vec<NewDelivery>) -> Result<(), StoreError> {
        if new.is_empty() {
            return Ok(());
        }
        let now = tx.now();
        let deliveries: Vec<Delivery> = new
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
