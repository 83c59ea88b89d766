//! The store as the product uses it: one writer thread that puts many units of work into each
//! commit, and a few readers beside it.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use base::Instant;
use machine::Random;
use tokio::sync::oneshot;

use crate::engine::{Engine, Postgres, Role, Sqlite};
use crate::event::{Event, Lane};
use crate::lane::LaneLease;
use crate::ledger::{Counters, Ledger, Unit};
use crate::migrate::{self, Migration};
use crate::queue::Queue;
use crate::threads::{self, Checkpoints};
use crate::{Reader, StoreError, Tx};

/// Units that may wait for the writer, and reads for a reader, before new ones are refused.
const UNITS_WAITING_MAX: usize = 100_000;

/// Where the data is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A folder with an embedded SQLite database.
    Folder(PathBuf),
    /// `postgres://…`
    Postgres(String),
}

/// Called with the events of a commit, after it reached the disk.
pub type Listener = Box<dyn Fn(&[Event]) + Send>;

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
    pub listeners: Vec<Listener>,
}

/// A handle to the running store; cheap to clone. The store closes with its last handle.
#[derive(Clone)]
pub struct Store {
    handle: Arc<Handle>,
}

/// Work for a reading connection.
pub(crate) type Read = Box<dyn FnOnce(&mut Engine) + Send>;

/// What the threads and the handles share.
pub(crate) struct Shared {
    pub(crate) writing: Queue<Box<dyn Unit>>,
    pub(crate) reading: Queue<Read>,
    pub(crate) clock: Arc<dyn Fn() -> Instant + Send + Sync>,
    pub(crate) checkpoints: Checkpoints,
}

struct Handle {
    shared: Arc<Shared>,
    counters: Arc<Counters>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Store {
    /// Opens the database, runs the migrations that it lacks, and starts the threads. Blocks, on
    /// a thread of its own, as the driver of PostgreSQL can't be driven from within a runtime.
    pub fn open(options: Options, migrations: &[Migration]) -> Result<Self, StoreError> {
        std::thread::scope(|scope| {
            let opening = scope.spawn(|| Self::open_here(options, migrations));
            opening.join().unwrap_or(Err(StoreError::Panicked))
        })
    }

    fn open_here(options: Options, migrations: &[Migration]) -> Result<Self, StoreError> {
        let folder = match &options.location {
            Location::Folder(folder) => Some(lock(folder)?),
            Location::Postgres(_) => None,
        };
        let mut engine = options.location.connect(Role::Writer)?;
        migrate::run(&mut engine, migrations)?;
        let readers = (0..options.readers.max(1))
            .map(|_| options.location.connect(Role::Reader))
            .collect::<Result<Vec<_>, _>>()?;
        let (lane, lease) = match &options.location {
            Location::Folder(_) => (Lane(1), LaneLease::exclusive()),
            Location::Postgres(_) => LaneLease::take(&mut engine, &options.node)?,
        };
        let random = Random::from_seed_bytes(options.seed);
        let mut ledger = Ledger::new(engine, lane, lease, random)?;
        for listener in options.listeners {
            ledger.listen(listener);
        }
        let counters = ledger.counters();
        let shared = Arc::new(Shared {
            writing: Queue::new(UNITS_WAITING_MAX),
            reading: Queue::new(UNITS_WAITING_MAX),
            clock: options.clock,
            checkpoints: Checkpoints::default(),
        });
        let mut threads = vec![threads::writer(&shared, ledger, options.commit_tick, folder)?];
        for reader in readers {
            threads.push(threads::reader(&shared, reader)?);
        }
        if let Location::Folder(folder) = &options.location {
            threads.push(threads::checkpoint(&shared, database_file(folder))?);
        }
        let threads = Mutex::new(threads);
        Ok(Self { handle: Arc::new(Handle { shared, counters, threads }) })
    }

    /// Asks the database for an answer, on a reader.
    pub async fn answers(&self) -> Result<(), StoreError> {
        let read = self.read(|reader| crate::Query::row(reader, "SELECT 1", &[], |row| row.int(0)));
        read.await.map(|_| ())
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
        self.handle.shared.reading.push(Box::new(move |engine| {
            let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut Reader(engine))));
            // The asker may have gone; its answer is nobody's then.
            let _ = reply.send(outcome.unwrap_or_else(|_| Err(StoreError::Panicked.into())));
        }))?;
        answer.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// The product's time.
    pub fn now(&self) -> Instant {
        (self.handle.shared.clock)()
    }

    /// What was done so far.
    pub fn counters(&self) -> &Counters {
        &self.handle.counters
    }

    /// How many units wait for the writer.
    pub fn waiting(&self) -> usize {
        self.handle.shared.writing.len()
    }

    /// Commits what waits and ends the threads. What comes later is refused.
    pub fn close(&self) {
        self.handle.close();
    }

    pub(crate) fn enqueue(&self, unit: Box<dyn Unit>) -> Result<(), StoreError> {
        self.handle.shared.writing.push(unit)
    }

    pub(crate) fn enqueue_rest(&self, unit: Box<dyn Unit>) {
        self.handle.shared.writing.push_rest(unit);
    }
}

impl Handle {
    fn close(&self) {
        self.shared.writing.close();
        self.shared.reading.close();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        // The last handle may be dropped by work on one of the threads themselves. It can't wait
        // for its own end, nor for threads that wait for it: they end by themselves.
        let current = std::thread::current().id();
        if threads.iter().any(|thread| thread.thread().id() == current) {
            threads.clear();
        }
        for thread in threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the store had panicked");
            }
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close();
    }
}

impl Location {
    fn connect(&self, role: Role) -> Result<Engine, StoreError> {
        Ok(match (self, role) {
            (Self::Folder(folder), Role::Writer) => {
                Engine::sqlite(Sqlite::writer(&database_file(folder))?)
            }
            (Self::Folder(folder), Role::Reader) => {
                Engine::sqlite(Sqlite::reader(&database_file(folder))?)
            }
            (Self::Postgres(url), role) => Engine::postgres(Postgres::connect(url, role)?),
        })
    }
}

fn database_file(folder: &Path) -> PathBuf {
    folder.join("trunkline.db")
}

/// One process a data folder: the lane of an embedded database has no other fence.
fn lock(folder: &Path) -> Result<File, StoreError> {
    std::fs::create_dir_all(folder)?;
    let file = File::create(folder.join("lock"))?;
    if file.try_lock().is_err() {
        let text = format!("{} is in use by another process", folder.display());
        return Err(StoreError::Address(text));
    }
    Ok(file)
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
