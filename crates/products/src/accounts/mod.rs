//! Accounts: who may do what. Every request passes here first.

mod authenticate;
mod model;
mod permission;
pub mod resources;
pub mod store;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ::store::{Migration, Store, StoreError};
use base::{AccountSid, ApiError, Instant, KeySid, MasterKey, RequestSid, Secret};
use machine::Random;

pub use model::{Account, Caller, Key, KeyKind, Kind, Principal, Status};
pub use permission::{Permission, Verb};

/// The tables of this product.
pub const MIGRATIONS: &[Migration] = store::MIGRATIONS;

/// How long a node trusts what it remembers of an account that another node may have changed.
const REMEMBER: std::time::Duration = std::time::Duration::from_secs(5);

/// The façade: finds accounts and keys, quickly and again.
pub struct Accounts {
    store: Store,
    master: Arc<MasterKey>,
    remembered: Remembered<AccountSid, Account>,
    keys: Remembered<KeySid, Key>,
    random: Mutex<Random>,
}

/// An account that the configuration names.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Its SID.
    pub sid: AccountSid,
    /// Its primary Auth Token.
    pub token: Secret,
}

impl Accounts {
    /// Accounts over `store`, secrets sealed under `master`. `seed` feeds request ids.
    pub fn new(store: Store, master: Arc<MasterKey>, seed: u64) -> Self {
        Self {
            store,
            master,
            remembered: RwLock::default(),
            keys: RwLock::default(),
            random: Mutex::new(Random::from_seed(seed)),
        }
    }

    /// A fresh id for a request.
    pub fn request_sid(&self, now: Instant) -> RequestSid {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).sid(now)
    }

    /// The key under which secrets are sealed.
    pub fn master(&self) -> &Arc<MasterKey> {
        &self.master
    }

    /// Makes the account with these credentials if there is none, or gives it this token.
    pub async fn ensure(
        &self,
        credentials: Credentials,
        kind: Kind,
        name: &'static str,
    ) -> Result<(), StoreError> {
        let master = Arc::clone(&self.master);
        let sid = credentials.sid;
        self.store.write(move |tx| store::ensure(tx, &master, &credentials, kind, name)).await?;
        self.forget(sid);
        Ok(())
    }

    /// The account with this SID.
    pub async fn find(&self, sid: AccountSid) -> Result<Option<Arc<Account>>, StoreError> {
        let now = self.store.now();
        if let Some(account) = recall(&self.remembered, sid, now) {
            return Ok(Some(account));
        }
        let master = Arc::clone(&self.master);
        let found =
            self.store.read(move |reader| store::find(reader, &master, sid)).await?.map(Arc::new);
        if let Some(account) = &found {
            let mut remembered = self.remembered.write().unwrap_or_else(PoisonError::into_inner);
            remembered.insert(sid, (now, Arc::clone(account)));
        }
        Ok(found)
    }

    /// Drops what is remembered of an account after a change.
    pub fn forget(&self, sid: AccountSid) {
        self.remembered.write().unwrap_or_else(PoisonError::into_inner).remove(&sid);
    }

    /// Drops what is remembered of a key after a change.
    pub fn forget_key(&self, sid: KeySid) {
        self.keys.write().unwrap_or_else(PoisonError::into_inner).remove(&sid);
    }

    /// The API key with this SID.
    pub async fn find_key(&self, sid: KeySid) -> Result<Option<Arc<Key>>, StoreError> {
        let now = self.store.now();
        if let Some(key) = recall(&self.keys, sid, now) {
            return Ok(Some(key));
        }
        let master = Arc::clone(&self.master);
        let found = self.store.read(move |reader| store::find_key(reader, &master, sid)).await?;
        let found = found.map(Arc::new);
        if let Some(key) = &found {
            let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
            keys.insert(sid, (now, Arc::clone(key)));
        }
        Ok(found)
    }
}

type Remembered<K, V> = RwLock<HashMap<K, (Instant, Arc<V>)>>;

/// What is remembered and still fresh.
fn recall<K: Eq + std::hash::Hash, V>(
    remembered: &Remembered<K, V>,
    key: K,
    now: Instant,
) -> Option<Arc<V>> {
    let remembered = remembered.read().unwrap_or_else(PoisonError::into_inner);
    let (at, value) = remembered.get(&key)?;
    (now.since(*at) < REMEMBER).then(|| Arc::clone(value))
}

/// A failure of the database is the caller's 500; what it may repeat is a 503.
pub(crate) fn store_error(error: StoreError) -> ApiError {
    match error {
        StoreError::Overloaded | StoreError::Closed | StoreError::LeaseLost => {
            ApiError::unavailable()
        }
        other => {
            tracing::error!(error = %other, "the database failed");
            ApiError::internal()
        }
    }
}
