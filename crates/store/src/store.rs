//! The store as the product uses it: one writer thread that puts many units of work into each
//! commit, and a few readers beside it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant as Monotonic};

use base::Instant;
use machine::Random;
use tokio::sync::oneshot;

use crate::engine::{Engine, Postgres, Sqlite};
use crate::event::{Event, Lane};
use crate::lease::LaneLease;
use crate::ledger::{Counters, Ledger, Unit};
use crate::migrate::{self, Migration};
use crate::tx::Guard;
use crate::{Reader, StoreError, Tx};

/// Units in one commit at most: bounds the time that the first of them waits.
const UNITS_PER_COMMIT: usize = 1024;

/// Units that may wait for the writer before new ones are refused.
const UNITS_WAITING_MAX: usize = 100_000;

/// How often the log of SQLite is moved into the database file.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(500);

/// Where the data is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A folder with an embedded SQLite database.
    Folder(PathBuf),
    /// `postgres://…`
    Postgres(String),
}

/// How a store is opened.
pub struct Options {
    /// Where the data is.
    pub location: Location,
    /// This node's lasting name, by which it takes its own lane back after a restart.
    pub node: String,
    /// The product's clock.
    pub clock: Arc<dyn Fn() -> Instant + Send + Sync>,
    /// Seed of SIDs, salts and nonces: from the operating system in the product.
    pub seed: [u8; 32],
    /// Threads (and connections) for reading.
    pub readers: usize,
    /// Below saturation a commit waits this long for company.
    pub commit_tick: Duration,
    /// Called with the events of each commit.
    pub listeners: Vec<Box<dyn Fn(&[Event]) + Send>>,
}

/// A handle to the running store; cheap to clone.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    writing: Queue<Box<dyn Unit>>,
    reading: Queue<Box<dyn FnOnce(&mut Engine) + Send>>,
    counters: Arc<Counters>,
    clock: Arc<dyn Fn() -> Instant + Send + Sync>,
    threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
}

/// Work waiting for a thread.
struct Queue<T> {
    state: Mutex<(Vec<T>, bool)>,
    changed: Condvar,
}

impl<T> Queue<T> {
    fn new() -> Self {
        Self { state: Mutex::new((Vec::new(), false)), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, (Vec<T>, bool)> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn push(&self, item: T) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.1 {
            return Err(StoreError::Closed);
        }
        if state.0.len() >= UNITS_WAITING_MAX {
            return Err(StoreError::Overloaded);
        }
        state.0.push(item);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    fn close(&self) {
        self.lock().1 = true;
        self.changed.notify_all();
    }

    /// Waits for work, then until `not_before` for more of it, and takes at most `limit`.
    /// Empty only when the queue is closed and drained.
    fn take(&self, limit: usize, not_before: Option<Monotonic>) -> Vec<T> {
        let mut state = self.lock();
        while state.0.is_empty() && !state.1 {
            state = self.changed.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        while let Some(left) = not_before.and_then(|at| at.checked_duration_since(Monotonic::now()))
        {
            if left.is_zero() || state.0.len() >= limit || state.1 {
                break;
            }
            state = match self.changed.wait_timeout(state, left) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        if state.0.len() <= limit {
            return std::mem::take(&mut state.0);
        }
        let rest = state.0.split_off(limit);
        std::mem::replace(&mut state.0, rest)
    }
}

impl Store {
    /// Opens the database, runs the migrations that it lacks, and starts the threads.
    pub fn open(options: Options, migrations: &[Migration]) -> Result<Self, StoreError> {
        let (mut engine, readers) = connect(&options)?;
        migrate::run(&mut engine, migrations)?;
        let (lane, lease) = match &options.location {
            Location::Folder(_) => (Lane(1), LaneLease::exclusive()),
            Location::Postgres(_) => LaneLease::take(&mut engine, &options.node)?,
        };
        let random = Random::from_seed_bytes(options.seed);
        let mut ledger = Ledger::new(engine, lane, lease, random)?;
        for listener in options.listeners {
            ledger.listen(listener);
        }
        let shared = Arc::new(Shared {
            writing: Queue::new(),
            reading: Queue::new(),
            counters: ledger.counters(),
            clock: options.clock,
            threads: Mutex::new(Vec::new()),
        });
        let mut threads = Vec::new();
        let writer = Arc::clone(&shared);
        threads
            .push(spawn("store-writer", move || write_loop(&writer, ledger, options.commit_tick))?);
        for mut engine in readers {
            let shared = Arc::clone(&shared);
            threads.push(spawn("store-reader", move || read_loop(&shared, &mut engine))?);
        }
        if let Location::Folder(folder) = &options.location {
            let (shared, path) = (Arc::clone(&shared), database_file(folder));
            threads.push(spawn("store-checkpoint", move || checkpoint_loop(&shared, &path))?);
        }
        *shared.threads.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = threads;
        Ok(Self { shared })
    }

    /// Runs `work` in the next commit; answers when it is on disk. When `work` fails, nothing of
    /// it is written.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let unit = OneUnit { work: Some(work), outcome: None, reply };
        self.enqueue(Box::new(unit))?;
        answer.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// Runs `work` on a reading connection.
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&mut Reader<'_>) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.shared.reading.push(Box::new(move |engine| {
            // The asker may have gone; its answer is nobody's then.
            let _ = reply.send(work(&mut Reader(engine)));
        }))?;
        answer.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// The product's time.
    pub fn now(&self) -> Instant {
        (self.shared.clock)()
    }

    /// What was done so far.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Commits what waits and ends the threads.
    pub fn close(&self) {
        self.shared.writing.close();
        self.shared.reading.close();
        let mut threads =
            self.shared.threads.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for thread in threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the store had panicked");
            }
        }
    }

    pub(crate) fn enqueue(&self, unit: Box<dyn Unit>) -> Result<(), StoreError> {
        self.shared.writing.push(unit)
    }
}

fn spawn(
    name: &str,
    body: impl FnOnce() + Send + 'static,
) -> Result<std::thread::JoinHandle<()>, StoreError> {
    Ok(std::thread::Builder::new().name(name.to_owned()).spawn(body)?)
}

fn database_file(folder: &Path) -> PathBuf {
    folder.join("trunkline.db")
}

fn connect(options: &Options) -> Result<(Engine, Vec<Engine>), StoreError> {
    match &options.location {
        Location::Folder(folder) => {
            std::fs::create_dir_all(folder)?;
            lock(folder)?;
            let path = database_file(folder);
            let writer = Engine::Sqlite(Sqlite::writer(&path)?);
            let readers = (0..options.readers)
                .map(|_| Ok(Engine::Sqlite(Sqlite::reader(&path)?)))
                .collect::<Result<_, StoreError>>()?;
            Ok((writer, readers))
        }
        Location::Postgres(url) => {
            let writer = Engine::Postgres(Box::new(Postgres::connect(url)?));
            let readers = (0..options.readers)
                .map(|_| Ok(Engine::Postgres(Box::new(Postgres::connect(url)?))))
                .collect::<Result<_, StoreError>>()?;
            Ok((writer, readers))
        }
    }
}

/// One process a data folder: the lane of an embedded database has no other fence.
fn lock(folder: &Path) -> Result<(), StoreError> {
    let file = std::fs::File::create(folder.join("lock"))?;
    if file.try_lock().is_err() {
        let text = format!("{} is in use by another process", folder.display());
        return Err(StoreError::Address(text));
    }
    // Held until the process ends, however it ends.
    std::mem::forget(file);
    Ok(())
}

fn write_loop(shared: &Shared, mut ledger: Ledger, commit_tick: Duration) {
    let mut last_commit = Monotonic::now();
    loop {
        let units = shared.writing.take(UNITS_PER_COMMIT, last_commit.checked_add(commit_tick));
        if units.is_empty() {
            return;
        }
        last_commit = Monotonic::now();
        ledger.commit((shared.clock)(), units);
    }
}

fn read_loop(shared: &Shared, engine: &mut Engine) {
    loop {
        let work = shared.reading.take(1, None);
        if work.is_empty() {
            return;
        }
        work.into_iter().for_each(|work| work(engine));
    }
}

fn checkpoint_loop(shared: &Shared, path: &Path) {
    let Ok(connection) = Sqlite::writer(path) else {
        tracing::error!("the checkpoint has no connection; the log will grow");
        return;
    };
    let mut state = shared.writing.lock();
    while !state.1 {
        drop(state);
        if let Err(error) = connection.checkpoint() {
            tracing::warn!(%error, "a checkpoint failed");
        }
        // Sleeps on a condition of its own would need one more flag; closing is noticed in time.
        std::thread::park_timeout(CHECKPOINT_EVERY);
        state = shared.writing.lock();
    }
}

/// A closure as a unit of work.
struct OneUnit<F, T, E> {
    work: Option<F>,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Unit for OneUnit<F, T, E>
where
    T: Send,
    E: From<StoreError> + Send,
    F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        let outcome = self.work.take().map(|work| work(tx));
        let keep = matches!(outcome, Some(Ok(_)));
        self.outcome = outcome;
        keep
    }

    fn guard(&self) -> Guard {
        Guard::Armed
    }

    fn settle(self: Box<Self>, commit: Result<(), StoreError>) {
        let outcome = match (commit, self.outcome) {
            (Err(error), _) => Err(error.into()),
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(StoreError::Closed.into()),
        };
        // The asker may have gone; what was committed stays committed.
        let _ = self.reply.send(outcome);
    }
}
