//! Batches: many small requests of one kind become one unit of work, so that a hot path runs one
//! statement per table and commit.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::ledger::Unit;
use crate::{Store, StoreError, Tx};

/// Items that may wait before new ones are refused.
const WAITING_MAX: usize = 50_000;

/// Items in one unit at most: bounds the time that the first of them waits.
const SLICE_MAX: usize = 4_096;

type Work<T, R> = dyn Fn(&mut Tx<'_>, Vec<T>) -> Result<Vec<R>, StoreError> + Send + Sync;

/// Collects items until the writer comes for them.
///
/// The work decides about every item before it writes anything, and answers one result for each:
/// a refused item is an answer, never an error. An error is a failure of the database and fails
/// every item that the work was given with it, but not its neighbours in the commit.
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
    waiting: Mutex<VecDeque<Waiting<T, R>>>,
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
        let waiting = Mutex::new(VecDeque::new());
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

    /// How many items wait.
    pub fn waiting(&self) -> usize {
        self.shared.lock().len()
    }

    fn push(&self, items: Vec<Waiting<T, R>>) -> Result<(), StoreError> {
        let mut waiting = self.shared.lock();
        if waiting.len() >= WAITING_MAX {
            return Err(StoreError::Overloaded);
        }
        let first = waiting.is_empty();
        waiting.extend(items);
        drop(waiting);
        if !first {
            return Ok(());
        }
        let unit = Slice::of(&self.shared);
        // Others may have joined in the meantime and rely on this unit.
        self.shared.store.enqueue(Box::new(unit)).inspect_err(|error| self.shared.refuse(error))
    }
}

impl<T, R> Shared<T, R> {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Waiting<T, R>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers everybody who waits that nothing will come of it.
    fn refuse(&self, error: &StoreError) {
        let waiting = std::mem::take(&mut *self.lock());
        for reply in waiting.into_iter().filter_map(|waiting| waiting.reply) {
            // The asker may have gone.
            let _ = reply.send(Err(error.of_commit()));
        }
    }
}

type Reply<R> = Option<oneshot::Sender<Result<R, StoreError>>>;

/// The unit that carries whatever has gathered when its turn comes.
struct Slice<T, R> {
    shared: Arc<Shared<T, R>>,
    /// Whether it ran, and so has taken its items.
    taken: bool,
    replies: Vec<Reply<R>>,
    outcome: Result<Vec<R>, StoreError>,
}

impl<T, R> Slice<T, R> {
    fn of(shared: &Arc<Shared<T, R>>) -> Self {
        let shared = Arc::clone(shared);
        Self { shared, taken: false, replies: Vec::new(), outcome: Ok(Vec::new()) }
    }
}

impl<T: Send + 'static, R: Send + 'static> Unit for Slice<T, R> {
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        let mut waiting = self.shared.lock();
        let count = waiting.len().min(SLICE_MAX);
        let (items, replies): (Vec<_>, Vec<_>) =
            waiting.drain(..count).map(|waiting| (waiting.item, waiting.reply)).unzip();
        let more = !waiting.is_empty();
        drop(waiting);
        (self.taken, self.replies) = (true, replies);
        if more {
            self.shared.store.enqueue_rest(Box::new(Self::of(&self.shared)));
        }
        // Stands while the work runs, and stays when it panics.
        self.outcome = Err(StoreError::Panicked);
        self.outcome = (self.shared.work)(tx, items);
        if let Ok(results) = &self.outcome
            && results.len() != self.replies.len()
        {
            self.outcome = Err(StoreError::Corrupt("a batch answered another number of results"));
        }
        if let Err(error) = &self.outcome {
            tracing::error!(%error, "a batch failed");
        }
        self.outcome.is_ok()
    }

    fn settle(mut self: Box<Self>, commit: Result<(), StoreError>) {
        if !std::mem::replace(&mut self.taken, true) {
            // It never ran: those who rely on it still wait.
            let error = commit.err().unwrap_or(StoreError::Closed);
            return self.shared.refuse(&error);
        }
        let replies = std::mem::take(&mut self.replies).into_iter();
        match commit.and(std::mem::replace(&mut self.outcome, Ok(Vec::new()))) {
            Ok(results) => {
                for (reply, result) in replies.zip(results) {
                    // The asker may have gone; what was committed stays committed.
                    let _ = reply.map(|reply| reply.send(Ok(result)));
                }
            }
            Err(error) => {
                for reply in replies.flatten() {
                    let _ = reply.send(Err(error.of_commit()));
                }
            }
        }
    }
}

impl<T, R> Drop for Slice<T, R> {
    /// Nobody waits in vain for a unit that was dropped before it ran.
    fn drop(&mut self) {
        if !self.taken {
            self.shared.refuse(&StoreError::Closed);
        }
    }
}
