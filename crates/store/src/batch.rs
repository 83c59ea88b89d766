//! Batches: many small requests of one kind become one unit of work, so that a hot path runs one
//! statement per table and commit.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::ledger::Unit;
use crate::tx::Guard;
use crate::{Store, StoreError, Tx};

/// Items that may wait before new ones are refused.
const WAITING_MAX: usize = 50_000;

type Work<T, R> = dyn Fn(&mut Tx<'_>, Vec<T>) -> Result<Vec<R>, StoreError> + Send + Sync;

/// Collects items until the writer comes for them.
///
/// The work decides about every item before it writes anything, and answers one result for each:
/// a refused item is an answer, never an error. An error is a failure of the database and fails
/// the whole commit.
pub struct Batch<T, R> {
    shared: Arc<Shared<T, R>>,
}

impl<T, R> Clone for Batch<T, R> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

struct Shared<T, R> {
    store: Store,
    work: Box<Work<T, R>>,
    waiting: Mutex<Vec<Waiting<T, R>>>,
}

struct Waiting<T, R> {
    item: T,
    reply: Option<oneshot::Sender<Result<R, StoreError>>>,
}

impl<T: Send + 'static, R: Send + 'static> Batch<T, R> {
    /// A batch whose items are handled by `work`, in the order in which they came.
    pub fn new(
        store: Store,
        work: impl Fn(&mut Tx<'_>, Vec<T>) -> Result<Vec<R>, StoreError> + Send + Sync + 'static,
    ) -> Self {
        let waiting = Mutex::new(Vec::new());
        Self { shared: Arc::new(Shared { store, work: Box::new(work), waiting }) }
    }

    /// Hands in one item and answers its result once it is on disk.
    pub async fn submit(&self, item: T) -> Result<R, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.push(vec![Waiting { item, reply: Some(reply) }])?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Hands in items whose results nobody waits for.
    pub fn send(&self, items: impl IntoIterator<Item = T>) -> Result<(), StoreError> {
        let items: Vec<_> = items.into_iter().map(|item| Waiting { item, reply: None }).collect();
        if items.is_empty() { Ok(()) } else { self.push(items) }
    }

    fn push(&self, items: Vec<Waiting<T, R>>) -> Result<(), StoreError> {
        let mut waiting = self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= WAITING_MAX {
            return Err(StoreError::Overloaded);
        }
        let first = waiting.is_empty();
        waiting.extend(items);
        drop(waiting);
        if !first {
            return Ok(());
        }
        let unit = Slice { shared: Arc::clone(&self.shared), replies: Vec::new(), failed: None };
        self.shared.store.enqueue(Box::new(unit))
    }
}

type Reply<R> = (Option<oneshot::Sender<Result<R, StoreError>>>, R);

/// The unit that carries whatever has gathered when its turn comes.
struct Slice<T, R> {
    shared: Arc<Shared<T, R>>,
    replies: Vec<Reply<R>>,
    failed: Option<StoreError>,
}

impl<T: Send, R: Send> Unit for Slice<T, R> {
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        let waiting = std::mem::take(
            &mut *self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner),
        );
        let (items, replies): (Vec<_>, Vec<_>) =
            waiting.into_iter().map(|waiting| (waiting.item, waiting.reply)).unzip();
        match (self.shared.work)(tx, items) {
            Ok(results) => {
                debug_assert_eq!(results.len(), replies.len(), "one result for each item");
                self.replies = replies.into_iter().zip(results).collect();
                true
            }
            Err(error) => {
                tracing::error!(%error, "a batch failed");
                self.failed = Some(error);
                false
            }
        }
    }

    fn guard(&self) -> Guard {
        Guard::Unneeded
    }

    fn settle(self: Box<Self>, commit: Result<(), StoreError>) {
        if commit.is_err() || self.failed.is_some() {
            // Dropping the replies tells each waiter that its item was not written.
            return;
        }
        for (reply, result) in self.replies {
            if let Some(reply) = reply {
                // The asker may have gone; what was committed stays committed.
                let _ = reply.send(Ok(result));
            }
        }
    }
}
