//! The two database engines behind one small contract. Everything above speaks the shared subset
//! of SQL; what differs between SQLite and PostgreSQL ends in this folder.

mod dialect;
mod numeric;
mod postgres;
mod set;
mod sqlite;

use base::Instant;

pub(crate) use postgres::{Postgres, Role};
pub(crate) use sqlite::Sqlite;

use crate::{Row, StoreError, Value};

pub(crate) use dialect::Dialect;
pub(crate) use numeric::Integer;

/// The statements that frame units of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// Opens a transaction.
    Begin,
    /// Ends it; what it wrote is on disk afterwards.
    Commit,
    /// Takes the whole transaction back.
    Rollback,
    /// Begins one unit inside it.
    Savepoint,
    /// Ends a unit that stays.
    Release,
    /// Takes one unit back.
    TakeBack,
}

/// One connection of either engine.
pub(crate) struct Engine {
    driver: Driver,
    /// A statement failed since `clear_failed`. PostgreSQL refuses everything after that until a
    /// savepoint is restored, SQLite does not; the layers above treat both like PostgreSQL.
    failed: bool,
}

enum Driver {
    Sqlite(Sqlite),
    Postgres(Box<Postgres>),
}

/// Calls the same method on whichever engine is there, and remembers failures.
macro_rules! either {
    ($engine:expr, $name:ident => $call:expr) => {{
        let outcome = match &mut $engine.driver {
            Driver::Sqlite($name) => $call,
            Driver::Postgres($name) => $call,
        };
        $engine.failed |= outcome.is_err();
        outcome
    }};
}

impl Engine {
    pub(crate) fn sqlite(driver: Sqlite) -> Self {
        Self { driver: Driver::Sqlite(driver), failed: false }
    }

    pub(crate) fn postgres(driver: Postgres) -> Self {
        Self { driver: Driver::Postgres(Box::new(driver)), failed: false }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self.driver {
            Driver::Sqlite(_) => Dialect::Sqlite,
            Driver::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Whether a statement failed since [`Engine::clear_failed`].
    pub(crate) fn has_failed(&self) -> bool {
        self.failed
    }

    pub(crate) fn clear_failed(&mut self) {
        self.failed = false;
    }

    /// Whether the transaction can still go on: SQLite ends it by itself when the disk is full
    /// or broken, PostgreSQL's is gone with its connection.
    pub(crate) fn transaction_lives(&self) -> bool {
        match &self.driver {
            Driver::Sqlite(sqlite) => sqlite.in_transaction(),
            Driver::Postgres(postgres) => !postgres.is_lost(),
        }
    }

    /// Whether the connection is gone and has to be made anew.
    pub(crate) fn is_lost(&self) -> bool {
        match &self.driver {
            Driver::Sqlite(_) => false,
            Driver::Postgres(postgres) => postgres.is_lost(),
        }
    }

    /// Makes a lost connection anew; one that is whole stays.
    pub(crate) fn reconnect(&mut self) -> Result<(), StoreError> {
        match &mut self.driver {
            Driver::Postgres(postgres) if postgres.is_lost() => postgres.reconnect(),
            _ => Ok(()),
        }
    }

    /// Moves the rest of SQLite's log into the database file.
    pub(crate) fn checkpoint(&mut self) -> Result<(), StoreError> {
        match &self.driver {
            Driver::Sqlite(sqlite) => sqlite.checkpoint().map(|_| ()),
            Driver::Postgres(_) => Ok(()),
        }
    }

    /// Begins, ends or divides a transaction. PostgreSQL hears of it together with the next
    /// statement where nothing has to be waited for.
    pub(crate) fn frame(&mut self, frame: Frame) -> Result<(), StoreError> {
        either!(self, e => e.frame(frame))
    }

    /// Runs statements that take no parameters and answer nothing: migrations.
    pub(crate) fn script(&mut self, sql: &str) -> Result<(), StoreError> {
        either!(self, e => e.script(sql))
    }

    /// Runs one statement now and answers how many rows it changed.
    pub(crate) fn execute(
        &mut self,
        sql: &'static str,
        row: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        refuse_nul(row)?;
        either!(self, e => e.execute(sql, row))
    }

    /// Runs one statement for each row of `values` (`width` values a row, one after the other).
    /// On PostgreSQL they travel together, so a batch costs one round trip.
    pub(crate) fn execute_many(
        &mut self,
        sql: &'static str,
        width: usize,
        values: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        refuse_nul(values)?;
        either!(self, e => e.execute_many(sql, width, values))
    }

    /// Runs a query and hands each row to `each`.
    pub(crate) fn query(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        each: &mut dyn FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        refuse_nul(params)?;
        either!(self, e => e.query(sql, params, each))
    }

    /// Runs the same query for each row of `values` and hands each row found to `each`, with the
    /// number of the row of `values` that it answers.
    pub(crate) fn query_each(
        &mut self,
        sql: &str,
        width: usize,
        values: &[Value<'_>],
        each: &mut dyn FnMut(usize, &Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        refuse_nul(values)?;
        either!(self, e => e.query_each(sql, width, values, each))
    }

    /// The database's own clock: the only judge of lease expiry.
    pub(crate) fn database_now(&mut self) -> Result<Instant, StoreError> {
        let sql = match self.dialect() {
            Dialect::Sqlite => "SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
            Dialect::Postgres => {
                "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"
            }
        };
        let mut now = Instant::default();
        self.query(sql, &[], &mut |row| {
            now = row.instant(0)?;
            Ok(())
        })?;
        Ok(now)
    }

    /// How a transaction of an earlier connection ended.
    pub(crate) fn outcome_of(&mut self, transaction: i64) -> Result<Outcome, StoreError> {
        let mut outcome = Outcome::Unknown;
        let sql = "SELECT pg_xact_status(CAST(CAST(? AS TEXT) AS xid8))";
        let id = transaction.to_string();
        self.query(sql, &[(&id).into()], &mut |row| {
            outcome = match row.text_or_null(0)?.as_deref() {
                Some("committed") => Outcome::Committed,
                Some("aborted") => Outcome::Aborted,
                _ => Outcome::Unknown,
            };
            Ok(())
        })?;
        Ok(outcome)
    }
}

/// How a transaction ended whose commit was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Committed,
    Aborted,
    Unknown,
}

/// PostgreSQL can't hold NUL in a text; SQLite could, so both refuse it in the same place.
fn refuse_nul(values: &[Value<'_>]) -> Result<(), StoreError> {
    let has_nul =
        |value: &Value<'_>| matches!(value, Value::Text(text) if text.as_bytes().contains(&0));
    if values.iter().any(has_nul) { Err(StoreError::NulInText) } else { Ok(()) }
}
