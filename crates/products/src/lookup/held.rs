//! What each account has said, remembered: overrides, buckets and what is in them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant as Monotonic};

use ::store::{Store, StoreError};
use base::{AccountSid, ApiError, Instant};

use crate::lookup::model::{LineType, Package, TOO_MANY};
use crate::lookup::rules::{Bucket, Level};
use crate::lookup::store;

/// How long a node trusts what it remembers of an account that another node may have changed.
const REMEMBER: Duration = Duration::from_secs(5);

/// Accounts that are remembered at most.
const ACCOUNTS_MAX: usize = 10_000;

/// What an account has said.
#[derive(Debug, Default)]
pub struct Said {
    /// Kinds of lines, by number.
    pub overrides: HashMap<String, LineType>,
    /// Its buckets.
    pub buckets: Vec<(Package, Bucket)>,
}

type Levels = HashMap<(AccountSid, Package, String), Level>;

/// Remembers what accounts have said.
pub struct Held {
    store: Store,
    /// Buckets of every account, by the configuration.
    ours: Vec<(Package, Bucket)>,
    said: Mutex<HashMap<AccountSid, (Monotonic, Arc<Said>)>>,
    levels: Mutex<Levels>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Held {
    /// Nothing is remembered yet.
    pub fn new(store: Store, ours: Vec<(Package, Bucket)>) -> Self {
        Self { store, ours, said: Mutex::default(), levels: Mutex::default() }
    }

    /// The installation's own buckets.
    pub fn ours(&self) -> &[(Package, Bucket)] {
        &self.ours
    }

    /// What an account has said.
    pub async fn said(&self, account: AccountSid) -> Result<Arc<Said>, StoreError> {
        let known = lock(&self.said).get(&account).cloned();
        if let Some((_, said)) = known.filter(|(at, _)| at.elapsed() < REMEMBER) {
            return Ok(said);
        }
        let at = Monotonic::now();
        let read = self.store.read(move |reader| {
            let overrides = store::overrides(reader, account)?;
            Ok::<_, StoreError>((overrides, store::buckets(reader, account)?))
        });
        let (overrides, buckets) = read.await?;
        let overrides = overrides.into_iter().map(|one| (one.number, one.line)).collect();
        let said = Arc::new(Said { overrides, buckets });
        let mut all = lock(&self.said);
        if all.len() >= ACCOUNTS_MAX {
            all.clear();
        }
        all.insert(account, (at, Arc::clone(&said)));
        Ok(said)
    }

    /// Forgets what an account has said: it says something else now.
    pub fn forget(&self, account: AccountSid) {
        lock(&self.said).remove(&account);
    }

    /// Puts one look-up of a package into each of its buckets; 60616 when one is full.
    pub fn take(
        &self,
        account: AccountSid,
        said: &Said,
        package: Package,
        now: Instant,
    ) -> Result<(), ApiError> {
        let own = said.buckets.iter().chain(&self.ours).filter(|(of, _)| *of == package);
        let mut levels = None;
        for (_, bucket) in own {
            let levels: &mut MutexGuard<'_, Levels> =
                levels.get_or_insert_with(|| lock(&self.levels));
            if levels.len() >= ACCOUNTS_MAX {
                levels.clear();
            }
            let level = levels.entry((account, package, bucket.name.clone())).or_default();
            level.take(bucket, now).map_err(|wait_s| {
                let text = format!(
                    "Bucket '{}' of {} is full: {} look-ups in {} s",
                    bucket.name,
                    package.name(),
                    bucket.limit,
                    bucket.ttl_s
                );
                ApiError { retry_after_s: Some(wait_s), ..ApiError::new(TOO_MANY, text) }
            })?;
        }
        Ok(())
    }
}
