//! What a unit of work may do: read, write, note events, and leave word for after the commit.

use base::{Instant, Sid};
use machine::Random;

use crate::engine::{Dialect, Engine, Frame};
use crate::event::{Event, EventLog, NewEvent};
use crate::{Row, StoreError, Value};

/// Anything that can answer queries: a unit of work, or a reader beside it.
pub trait Query {
    #[doc(hidden)]
    fn engine(&mut self) -> crate::Connection<'_>;

    /// Every row of a query, each turned into a `T`.
    fn rows<T>(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        mut map: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError>
    where
        Self: Sized,
    {
        let mut found = Vec::new();
        self.engine().0.query(sql, params, &mut |row| {
            found.push(map(row)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// The first row of the same query for each row of `values`, `width` values a row. On
    /// PostgreSQL they travel together.
    fn row_each<T>(
        &mut self,
        sql: &str,
        width: usize,
        values: &[Value<'_>],
        mut map: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<Option<T>>, StoreError>
    where
        Self: Sized,
    {
        let mut found: Vec<Option<T>> = Vec::new();
        found.resize_with(values.len() / width, || None);
        if found.is_empty() {
            return Ok(found);
        }
        self.engine().0.query_each(sql, width, values, &mut |index, row| {
            if found[index].is_none() {
                found[index] = Some(map(row)?);
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// The first row of a query, if there is one.
    fn row<T>(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        mut map: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError>
    where
        Self: Sized,
    {
        let mut found = None;
        self.engine().0.query(sql, params, &mut |row| {
            if found.is_none() {
                found = Some(map(row)?);
            }
            Ok(())
        })?;
        Ok(found)
    }
}

/// A read-only view of the committed state.
pub struct Reader<'a>(pub(crate) &'a mut Engine);

impl Query for Reader<'_> {
    fn engine(&mut self) -> crate::Connection<'_> {
        crate::Connection(self.0)
    }
}

/// One unit of work inside a commit. It sees the units before it; when it fails, nothing of it
/// stays and its neighbours are untouched.
pub struct Tx<'a> {
    pub(crate) engine: &'a mut Engine,
    pub(crate) now: Instant,
    pub(crate) random: &'a mut Random,
    pub(crate) log: &'a mut EventLog,
    pub(crate) after_commit: &'a mut Vec<Box<dyn FnOnce() + Send>>,
    pub(crate) guard: Guard,
    pub(crate) rows_written: u64,
}

/// How a unit is kept apart from its neighbours in the same commit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// A savepoint will be set before the first write.
    Armed,
    /// The savepoint is set.
    Set,
    /// The unit is alone in its transaction.
    Unneeded,
}

impl Query for Tx<'_> {
    fn engine(&mut self) -> crate::Connection<'_> {
        // PostgreSQL refuses everything after a failed read too, so it is told of the unit first;
        // that travels with the statement. A failure to do so makes the statement fail.
        if self.engine.dialect() == Dialect::Postgres {
            let _ = self.arm();
        }
        crate::Connection(self.engine)
    }
}

impl Tx<'_> {
    /// The product's time of this commit. The same for every unit in it.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// A fresh SID of the commit's instant.
    pub fn new_sid<T: Sid>(&mut self) -> T {
        self.random.sid(self.now)
    }

    /// The unit's randomness, seeded in the simulation.
    pub fn random(&mut self) -> &mut Random {
        self.random
    }

    /// Runs one statement and answers how many rows it changed.
    pub fn execute(&mut self, sql: &'static str, row: &[Value<'_>]) -> Result<u64, StoreError> {
        self.arm()?;
        let changed = self.engine.execute(sql, row)?;
        self.rows_written += changed;
        Ok(changed)
    }

    /// Runs one statement for each row of `values`, `width` values a row: the form for hot paths,
    /// one round trip a batch.
    pub fn execute_many(
        &mut self,
        sql: &'static str,
        width: usize,
        values: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        debug_assert_eq!(values.len() % width, 0, "each row has the statement's width");
        if values.is_empty() {
            return Ok(0);
        }
        self.arm()?;
        let changed = self.engine.execute_many(sql, width, values)?;
        self.rows_written += changed;
        Ok(changed)
    }

    /// Writes an event beside the change that it tells of, and answers its id.
    pub fn emit(&mut self, event: NewEvent<'_>) -> Result<i64, StoreError> {
        self.emit_many(std::slice::from_ref(&event))
    }

    /// Writes several events; their ids follow each other from the one answered.
    pub fn emit_many(&mut self, events: &[NewEvent<'_>]) -> Result<i64, StoreError> {
        self.arm()?;
        let first = self.log.append(self.engine, self.now, events)?;
        self.rows_written += events.len() as u64;
        Ok(first)
    }

    /// Events noted so far in this commit, for followers inside the transaction.
    pub fn noted(&self) -> &[Event] {
        self.log.noted()
    }

    /// Runs `action` once the commit is on disk: nudges, answers, work handed over in memory. It
    /// is not run when the unit or the commit fails, and may be lost in a crash, so whatever it
    /// starts must also be found from the tables.
    pub fn after_commit(&mut self, action: impl FnOnce() + Send + 'static) {
        self.after_commit.push(Box::new(action));
    }

    /// Sets the unit's savepoint before its first write.
    pub(crate) fn arm(&mut self) -> Result<(), StoreError> {
        if self.guard == Guard::Armed {
            self.engine.frame(Frame::Savepoint)?;
            self.guard = Guard::Set;
        }
        Ok(())
    }
}
