//! Accounts: who may do what. Every request passes here first.

pub mod api;
pub mod audit;
pub(crate) mod authenticate;
mod change;
pub mod consents;
pub mod geo;
pub mod ice;
mod model;
pub mod people;
mod permission;
pub mod resources;
pub mod safe_list;
pub mod sessions;
pub mod store;
mod tokens_api;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ::store::{Store, StoreError, Tx};
use base::{AccountSid, ApiError, Instant, KeySid, MasterKey, RequestSid, Secret};
use machine::Random;

use crate::registry::Product;

pub use change::Closing;
pub use model::{Account, Caller, Key, KeyKind, Kind, Principal, Retention, Status};
pub use permission::{Permission, Verb};
pub use sessions::Session;

/// What this product is.
pub static PRODUCT: Product = Product {
    name: "accounts",
    migrations: &[store::MIGRATIONS, audit::MIGRATIONS, safe_list::MIGRATIONS],
    resources: &resources::RESOURCES,
    install: |kit, installed| {
        let store = Arc::new(kit.store.clone());
        api::routes(&mut installed.routes, &kit.accounts);
        audit::routes(&mut installed.routes, &store);
        safe_list::routes(&mut installed.routes, &store);
        Ok(())
    },
    ..Product::BASE
};

/// How long a node trusts what it remembers of an account that another node may have changed.
const REMEMBER: std::time::Duration = std::time::Duration::from_secs(5);

/// The façade: finds accounts and keys, quickly and again.
pub struct Accounts {
    store: Store,
    master: Arc<MasterKey>,
    remembered: Remembered<AccountSid, Account>,
    keys: Remembered<KeySid, Key>,
    sessions: Remembered<[u8; 32], Session>,
    wrong: sessions::Wrong,
    random: Mutex<Random>,
    closing: Arc<[Closing]>,
    home: geo::Home,
    token_changed: Box<dyn Fn(&Credentials) + Send + Sync>,
}

/// What accounts are made of.
pub struct Parts {
    /// Where they are.
    pub store: Store,
    /// Seals tokens and key secrets.
    pub master: Arc<MasterKey>,
    /// Feeds request ids.
    pub seed: u64,
    /// What else ends with a closed account.
    pub closing: Vec<Closing>,
    /// Where texts may go until an account says otherwise.
    pub home: geo::Home,
    /// Told of a token that took another's place.
    pub token_changed: Box<dyn Fn(&Credentials) + Send + Sync>,
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
    /// The accounts of one installation.
    pub fn new(parts: Parts) -> Self {
        Self {
            store: parts.store,
            master: parts.master,
            remembered: RwLock::default(),
            keys: RwLock::default(),
            sessions: RwLock::default(),
            wrong: sessions::Wrong::default(),
            random: Mutex::new(Random::from_seed(parts.seed)),
            closing: parts.closing.into(),
            home: parts.home,
            token_changed: parts.token_changed,
        }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Where texts may go until an account says otherwise.
    pub fn home(&self) -> &geo::Home {
        &self.home
    }

    /// A fresh id for a request.
    pub fn request_sid(&self, now: Instant) -> RequestSid {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).sid(now)
    }

    /// The key under which secrets are sealed.
    pub fn master(&self) -> &Arc<MasterKey> {
        &self.master
    }

    /// Makes the account with these credentials if there is none. An existing one keeps its token
    /// unless `overrule`, when it gets this one. Answers what opens the account now.
    pub async fn ensure(
        &self,
        credentials: Credentials,
        overrule: bool,
        kind: Kind,
        name: &'static str,
    ) -> Result<Credentials, StoreError> {
        let master = Arc::clone(&self.master);
        let sid = credentials.sid;
        let unit =
            move |tx: &mut Tx<'_>| store::ensure(tx, &master, &credentials, overrule, kind, name);
        let token = self.store.write(unit).await?;
        self.forget(sid);
        Ok(Credentials { sid, token })
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
