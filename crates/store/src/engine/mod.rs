//! The two database engines behind one small contract. Everything above speaks the shared subset
//! of SQL; what differs between SQLite and PostgreSQL ends in this folder.

mod dialect;
mod postgres;
mod sqlite;

use base::Instant;

pub(crate) use postgres::Postgres;
pub(crate) use sqlite::Sqlite;

use crate::{Row, StoreError, Value};

pub(crate) use dialect::Dialect;

/// One connection of either engine.
pub(crate) enum Engine {
    Sqlite(Sqlite),
    Postgres(Box<Postgres>),
}

/// Calls the same method on whichever engine is there.
macro_rules! either {
    ($engine:expr, $name:ident => $call:expr) => {
        match $engine {
            Engine::Sqlite($name) => $call,
            Engine::Postgres($name) => $call,
        }
    };
}

impl Engine {
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs statements that take no parameters and answer nothing: transactions, migrations.
    pub(crate) fn script(&mut self, sql: &str) -> Result<(), StoreError> {
        either!(self, e => e.script(sql))
    }

    /// Runs one statement now and answers how many rows it changed.
    pub(crate) fn execute(
        &mut self,
        sql: &'static str,
        row: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        either!(self, e => e.execute(sql, row))
    }

    /// Runs one statement for each of `rows` (`width` values a row, one after the other). On
    /// PostgreSQL they travel together, so a batch costs one round trip.
    pub(crate) fn execute_many(
        &mut self,
        sql: &'static str,
        width: usize,
        values: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        either!(self, e => e.execute_many(sql, width, values))
    }

    /// Runs a query and hands each row to `each`.
    pub(crate) fn query(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        each: &mut dyn FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        either!(self, e => e.query(sql, params, each))
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
}
