//! The ledger on one thread: units of work, many to a commit. The product runs it on the store's
//! writer thread, the simulation inline.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant as Monotonic};

use base::Instant;
use machine::Random;

use crate::engine::{Engine, Frame, Outcome};
use crate::event::{Event, EventLog, Lane};
use crate::lane::LaneLease;
use crate::store::Listener;
use crate::tx::Guard;
use crate::{StoreError, Tx};

/// How long units wait for a lost connection to come back before they are refused.
const RECONNECT_PATIENCE: Duration = Duration::from_secs(3);

/// The pause between attempts to connect.
const RECONNECT_EVERY: Duration = Duration::from_millis(100);

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
    /// Tells whoever waits how it ended. `Err` when nothing of it was written although it may
    /// have thought so, or when it did not run at all.
    fn settle(self: Box<Self>, commit: Result<(), StoreError>);
}

type AfterCommit = Vec<Box<dyn FnOnce() + Send>>;

/// One connection, one lane, one thread.
pub struct Ledger {
    engine: Engine,
    random: Random,
    log: EventLog,
    lease: LaneLease,
    listeners: Vec<Listener>,
    counters: Arc<Counters>,
}

/// A transaction that was framed and is about to end.
#[derive(Default)]
struct Written {
    after: AfterCommit,
    rows: u64,
    /// Of each unit, whether its own answer holds.
    verdicts: Vec<Result<(), StoreError>>,
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
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut tx)));
        let rows = tx.rows_written;
        let failed = self.engine.has_failed();
        match outcome {
            Ok(Ok(value)) if !failed => {
                self.end().inspect_err(|_| self.log.rewind(mark))?;
                self.committed(1, rows, after);
                Ok(value)
            }
            refused => {
                self.log.rewind(mark);
                self.take_back();
                match refused {
                    Ok(Ok(_)) => Err(StoreError::StatementFailed.into()),
                    Ok(Err(error)) => Err(error),
                    Err(panic) => resume_unwind(panic),
                }
            }
        }
    }

    /// Runs `units` in one commit and settles each.
    pub(crate) fn commit(&mut self, now: Instant, mut units: Vec<Box<dyn Unit>>) {
        let mark = self.log.mark();
        match self.try_commit(now, &mut units) {
            Ok(written) => {
                self.committed(units.len() as u64, written.rows, written.after);
                for (unit, verdict) in units.into_iter().zip(written.verdicts) {
                    settle(unit, verdict);
                }
            }
            Err(error) => {
                self.log.rewind(mark);
                self.take_back();
                tracing::error!(%error, units = units.len(), "a commit failed");
                for unit in units {
                    settle(unit, Err(error.of_commit()));
                }
            }
        }
    }

    fn try_commit(
        &mut self,
        now: Instant,
        units: &mut [Box<dyn Unit>],
    ) -> Result<Written, StoreError> {
        self.begin()?;
        let mut written = Written::default();
        for unit in units {
            self.run_unit(now, unit.as_mut(), &mut written)?;
        }
        self.end()?;
        Ok(written)
    }

    /// Runs one unit between savepoints. An error ends the whole transaction.
    fn run_unit(
        &mut self,
        now: Instant,
        unit: &mut dyn Unit,
        written: &mut Written,
    ) -> Result<(), StoreError> {
        let (mark, kept) = (self.log.mark(), written.after.len());
        self.engine.clear_failed();
        let mut tx = self.tx(now, Guard::Armed, &mut written.after);
        let outcome = catch_unwind(AssertUnwindSafe(|| unit.run(&mut tx)));
        let (guard, rows) = (tx.guard, tx.rows_written);
        if !self.engine.transaction_lives() {
            let why = "the database ended the transaction under way";
            return Err(StoreError::CommitFailed(why.into()));
        }
        let verdict = match outcome {
            Ok(true) if self.engine.has_failed() => Err(StoreError::StatementFailed),
            Ok(true) => {
                written.rows += rows;
                written.verdicts.push(Ok(()));
                return if guard == Guard::Set {
                    self.engine.frame(Frame::Release)
                } else {
                    Ok(())
                };
            }
            Ok(false) => Ok(()),
            Err(_) => Err(StoreError::Panicked),
        };
        self.engine.clear_failed();
        if guard == Guard::Set {
            self.engine.frame(Frame::TakeBack)?;
        }
        self.log.rewind(mark);
        written.after.truncate(kept);
        written.verdicts.push(verdict);
        Ok(())
    }

    /// Opens a transaction under the lane's lease, on a connection that is alive.
    fn begin(&mut self) -> Result<(), StoreError> {
        if self.engine.is_lost() {
            self.recover_patiently()?;
        }
        match self.try_begin() {
            Err(_) if self.engine.is_lost() => {
                self.recover_patiently()?;
                self.try_begin()
            }
            outcome => outcome,
        }
    }

    fn try_begin(&mut self) -> Result<(), StoreError> {
        self.engine.clear_failed();
        self.find_lane()?;
        self.lease.keep(&mut self.engine)?;
        self.engine.frame(Frame::Begin)?;
        self.lease.fence(&mut self.engine)
    }

    /// A node that lost its lane writes on another one.
    fn find_lane(&mut self) -> Result<(), StoreError> {
        if let Some(lane) = self.lease.take_anew(&mut self.engine)? {
            self.log.move_to(&mut self.engine, lane)?;
        }
        Ok(())
    }

    /// Commits. When the connection breaks in that moment, asks the server how it ended.
    fn end(&mut self) -> Result<(), StoreError> {
        let Err(error) = self.engine.frame(Frame::Commit) else { return Ok(()) };
        if !self.engine.is_lost() {
            return Err(error);
        }
        let uncertain = StoreError::CommitUncertain(error.to_string());
        let Some(transaction) = self.lease.transaction() else { return Err(uncertain) };
        let outcome = self.recover_patiently().and_then(|()| self.engine.outcome_of(transaction));
        match outcome {
            Ok(Outcome::Committed) => Ok(()),
            Ok(Outcome::Aborted) => Err(StoreError::CommitFailed(error.to_string())),
            Ok(Outcome::Unknown) | Err(_) => Err(uncertain),
        }
    }

    /// Connects again. Taking the lane anew waits for the end of a transaction that the server
    /// may still have open for the lost connection, so the log's end is final when it is read.
    fn recover(&mut self) -> Result<(), StoreError> {
        self.engine.reconnect()?;
        self.lease.let_go();
        self.find_lane()
    }

    fn recover_patiently(&mut self) -> Result<(), StoreError> {
        let until = Monotonic::now() + RECONNECT_PATIENCE;
        loop {
            match self.recover() {
                Err(error) if Monotonic::now() < until => {
                    tracing::warn!(%error, "the database can't be reached");
                    std::thread::sleep(RECONNECT_EVERY);
                }
                outcome => return outcome,
            }
        }
    }

    /// Takes a transaction back that did not end well.
    fn take_back(&mut self) {
        if !self.engine.transaction_lives() {
            return;
        }
        if let Err(rollback) = self.engine.frame(Frame::Rollback) {
            tracing::error!(%rollback, "a failed commit could not be rolled back");
        }
    }

    /// What has to be done while no work comes: the lease renewed, a lost connection restored.
    pub(crate) fn idle(&mut self) {
        let outcome =
            if self.engine.is_lost() { self.recover() } else { self.lease.keep(&mut self.engine) };
        if let Err(error) = outcome {
            tracing::warn!(%error, "the lease on the lane could not be renewed");
        }
    }

    /// Gives the lane back.
    pub(crate) fn finish(mut self) {
        if let Err(error) = self.lease.give_back(&mut self.engine) {
            tracing::warn!(%error, "the lane was not given back and will expire");
        }
    }

    /// Moves the rest of SQLite's log while no commit adds to it.
    pub(crate) fn checkpoint(&mut self) -> Result<(), StoreError> {
        self.engine.checkpoint()
    }

    fn tx<'a>(
        &'a mut self,
        now: Instant,
        guard: Guard,
        after_commit: &'a mut AfterCommit,
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

    fn committed(&mut self, units: u64, rows: u64, after: AfterCommit) {
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        self.counters.units.fetch_add(units, Ordering::Relaxed);
        self.counters.rows.fetch_add(rows, Ordering::Relaxed);
        let events = self.log.take_noted();
        if !events.is_empty() {
            self.listeners.iter().for_each(|listener| survive("listener", || listener(&events)));
        }
        after.into_iter().for_each(|action| survive("after-commit action", action));
    }
}

fn settle(unit: Box<dyn Unit>, verdict: Result<(), StoreError>) {
    survive("answer", || unit.settle(verdict));
}

/// What is committed is committed: a panic afterwards is told, and goes no further. Its words may
/// hold what must not be logged.
fn survive(what: &str, action: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(action)).is_err() {
        tracing::error!("a panic in a {what} after a commit");
    }
}
