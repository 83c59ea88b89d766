//! The ledger on one thread: units of work, many to a commit. The product runs it on the store's
//! writer thread, the simulation inline.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base::Instant;
use machine::Random;

use crate::engine::Engine;
use crate::event::{Event, EventLog, Lane};
use crate::lease::LaneLease;
use crate::tx::Guard;
use crate::{StoreError, Tx};

/// What the ledger has done so far, for benchmarks and the metrics page.
#[derive(Debug, Default)]
pub struct Counters {
    /// Commits that reached the disk.
    pub commits: AtomicU64,
    /// Units of work in them.
    pub units: AtomicU64,
    /// Rows inserted, updated or deleted.
    pub rows: AtomicU64,
}

/// A unit of work, waiting for its commit.
pub(crate) trait Unit: Send {
    /// Does the work. `false` takes everything back that it wrote.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Whether it must be kept apart from its neighbours by a savepoint.
    fn guard(&self) -> Guard;
    /// Tells whoever waits how it ended. `Err` when the commit as a whole failed.
    fn settle(self: Box<Self>, commit: Result<(), StoreError>);
}

type Listener = Box<dyn Fn(&[Event]) + Send>;

/// One connection, one lane, one thread.
pub struct Ledger {
    engine: Engine,
    random: Random,
    log: EventLog,
    lease: LaneLease,
    listeners: Vec<Listener>,
    counters: Arc<Counters>,
}

impl Ledger {
    pub(crate) fn new(
        mut engine: Engine,
        lane: Lane,
        lease: LaneLease,
        random: Random,
    ) -> Result<Self, StoreError> {
        let log = EventLog::resume(&mut engine, lane)?;
        let counters = Arc::new(Counters::default());
        Ok(Self { engine, random, log, lease, listeners: Vec::new(), counters })
    }

    /// What was done so far.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Calls `listener` with the events of each commit, after it reached the disk.
    pub fn listen(&mut self, listener: impl Fn(&[Event]) + Send + 'static) {
        self.listeners.push(Box::new(listener));
        self.log.keep_noted(true);
    }

    /// Reads committed state (and nothing else) on the writing connection.
    pub fn read<T>(&mut self, work: impl FnOnce(&mut crate::Reader<'_>) -> T) -> T {
        work(&mut crate::Reader(&mut self.engine))
    }

    /// Runs one unit in a commit of its own, and its after-commit actions.
    pub fn run<T, E: From<StoreError>>(
        &mut self,
        now: Instant,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.begin()?;
        let mut after = Vec::new();
        let mark = self.log.mark();
        let mut tx = self.tx(now, Guard::Unneeded, &mut after);
        let outcome = work(&mut tx);
        let rows = tx.rows_written;
        match outcome {
            Ok(value) => {
                self.engine.script("COMMIT")?;
                self.committed(1, rows, after);
                Ok(value)
            }
            Err(error) => {
                self.log.rewind(mark);
                self.engine.script("ROLLBACK")?;
                Err(error)
            }
        }
    }

    /// Runs `units` in one commit and settles each.
    pub(crate) fn commit(&mut self, now: Instant, mut units: Vec<Box<dyn Unit>>) {
        let mark = self.log.mark();
        match self.try_commit(now, &mut units) {
            Ok(after) => {
                let rows = after.1;
                self.committed(units.len() as u64, rows, after.0);
                units.into_iter().for_each(|unit| unit.settle(Ok(())));
            }
            Err(error) => {
                self.log.rewind(mark);
                if let Err(rollback) = self.engine.script("ROLLBACK") {
                    tracing::error!(%rollback, "a failed commit could not be rolled back");
                }
                tracing::error!(%error, units = units.len(), "a commit failed");
                for unit in units {
                    unit.settle(Err(match &error {
                        StoreError::LeaseLost => StoreError::LeaseLost,
                        other => StoreError::CommitFailed(other.to_string()),
                    }));
                }
            }
        }
    }

    #[expect(clippy::type_complexity, reason = "after-commit actions and the rows written")]
    fn try_commit(
        &mut self,
        now: Instant,
        units: &mut [Box<dyn Unit>],
    ) -> Result<(Vec<Box<dyn FnOnce() + Send>>, u64), StoreError> {
        self.begin()?;
        let mut after = Vec::new();
        let mut rows = 0;
        for unit in units {
            let (mark, kept) = (self.log.mark(), after.len());
            let mut tx = self.tx(now, unit.guard(), &mut after);
            let keep = unit.run(&mut tx);
            let (guard, written) = (tx.guard, tx.rows_written);
            if keep {
                rows += written;
                if guard == Guard::Set {
                    self.engine.script("RELEASE unit")?;
                }
                continue;
            }
            if guard == Guard::Unneeded && written > 0 {
                return Err(StoreError::Corrupt("a unit without a savepoint wrote and failed"));
            }
            if guard == Guard::Set {
                self.engine.script("ROLLBACK TO unit; RELEASE unit")?;
            }
            self.log.rewind(mark);
            after.truncate(kept);
        }
        self.engine.script("COMMIT")?;
        Ok((after, rows))
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        self.lease.keep(&mut self.engine)?;
        self.engine.script(match self.engine.dialect() {
            crate::engine::Dialect::Sqlite => "BEGIN IMMEDIATE",
            crate::engine::Dialect::Postgres => "BEGIN",
        })?;
        self.lease.assert_held(&mut self.engine)
    }

    fn tx<'a>(
        &'a mut self,
        now: Instant,
        guard: Guard,
        after_commit: &'a mut Vec<Box<dyn FnOnce() + Send>>,
    ) -> Tx<'a> {
        Tx {
            engine: &mut self.engine,
            now,
            random: &mut self.random,
            log: &mut self.log,
            after_commit,
            guard,
            rows_written: 0,
        }
    }

    fn committed(&mut self, units: u64, rows: u64, after: Vec<Box<dyn FnOnce() + Send>>) {
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        self.counters.units.fetch_add(units, Ordering::Relaxed);
        self.counters.rows.fetch_add(rows, Ordering::Relaxed);
        let events = self.log.take_noted();
        if !events.is_empty() {
            self.listeners.iter().for_each(|listener| listener(&events));
        }
        after.into_iter().for_each(|action| action());
    }
}
