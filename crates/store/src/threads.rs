//! The threads of a running store: one that writes, some that read, and for SQLite one that moves
//! the log into the database file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant as Monotonic};

use crate::StoreError;
use crate::engine::{Engine, Sqlite};
use crate::lease::RENEW_EVERY;
use crate::ledger::Ledger;
use crate::queue::{Patience, Queue, Taken};
use crate::store::Shared;

/// Units in one commit at most: bounds the time that the first of them waits.
const UNITS_PER_COMMIT: usize = 1024;

/// How often the log of SQLite is moved into the database file.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(500);

/// Pages of the log from which on the writer stands still for the rest of a checkpoint: only a
/// log that was moved as a whole begins anew, and under load that never happens by itself.
const LOG_PAGES_MAX: i64 = 65_536;

/// The thread that writes. It holds the lock on the data folder to its end.
pub(crate) fn writer(
    shared: &Arc<Shared>,
    mut ledger: Ledger,
    commit_tick: Duration,
    folder: Option<File>,
) -> Result<JoinHandle<()>, StoreError> {
    let shared = Arc::clone(shared);
    spawn("store-writer", move || {
        let _end = Abandon(&shared.writing);
        let _done = Finish(&shared.checkpoints);
        let mut last_commit = Monotonic::now();
        loop {
            let patience = Patience {
                limit: UNITS_PER_COMMIT,
                not_before: last_commit.checked_add(commit_tick),
                idle: Some(RENEW_EVERY),
            };
            match shared.writing.take(patience) {
                Taken::Work(units) => {
                    last_commit = Monotonic::now();
                    ledger.commit((shared.clock)(), units);
                    shared.checkpoints.help(&mut ledger);
                }
                Taken::Idle => ledger.idle(),
                Taken::Closed => break,
            }
        }
        ledger.finish();
        drop(folder);
    })
}

pub(crate) fn reader(
    shared: &Arc<Shared>,
    mut engine: Engine,
) -> Result<JoinHandle<()>, StoreError> {
    let shared = Arc::clone(shared);
    spawn("store-reader", move || {
        let one = Patience { limit: 1, not_before: None, idle: None };
        while let Taken::Work(work) = shared.reading.take(one) {
            work.into_iter().for_each(|work| work(&mut engine));
        }
    })
}

pub(crate) fn checkpoint(
    shared: &Arc<Shared>,
    path: PathBuf,
) -> Result<JoinHandle<()>, StoreError> {
    let shared = Arc::clone(shared);
    spawn("store-checkpoint", move || {
        if let Err(error) = shared.checkpoints.run(&path) {
            tracing::error!(%error, "checkpoints ended; the log will grow");
        }
    })
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    Ok(std::thread::Builder::new().name(name.to_owned()).spawn(body)?)
}

/// Whatever ends the writer, nobody waits for it in vain.
struct Abandon<'a, T>(&'a Queue<T>);

impl<T> Drop for Abandon<'_, T> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// Ends the checkpoints with the writer.
struct Finish<'a>(&'a Checkpoints);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        *self.0.done.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.changed.notify_all();
    }
}

/// Moves SQLite's log into the database file beside the writer.
#[derive(Default)]
pub(crate) struct Checkpoints {
    done: Mutex<bool>,
    changed: Condvar,
    /// The log is long, and the writer is asked to wait for the rest of it.
    help: AtomicBool,
}

impl Checkpoints {
    fn run(&self, path: &Path) -> Result<(), StoreError> {
        let connection = Sqlite::writer(path)?;
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        while !*done {
            drop(done);
            match connection.checkpoint() {
                Ok(log) => {
                    let wanted = log.pages > LOG_PAGES_MAX && log.left > 0;
                    self.help.store(wanted, Ordering::Relaxed);
                }
                Err(error) => tracing::warn!(%error, "a checkpoint failed"),
            }
            done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
            if !*done {
                let waited = self.changed.wait_timeout(done, CHECKPOINT_EVERY);
                done = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        Ok(())
    }

    /// Between two commits: moves the rest of a long log.
    fn help(&self, ledger: &mut Ledger) {
        if self.help.swap(false, Ordering::Relaxed)
            && let Err(error) = ledger.checkpoint()
        {
            tracing::warn!(%error, "a checkpoint failed");
        }
    }
}
