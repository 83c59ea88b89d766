//! SQLite: one file, WAL, every commit synced.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::engine::Frame;
use crate::value::RowSource;
use crate::{Row, StoreError, Value};

/// How many prepared statements a connection keeps; the product has fewer distinct ones.
const STATEMENTS_MAX: usize = 512;

/// The state of the log after a checkpoint, in pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log {
    /// Pages in it.
    pub(crate) pages: i64,
    /// Those that are not in the database file yet.
    pub(crate) left: i64,
}

/// A SQLite connection.
pub(crate) struct Sqlite {
    connection: Connection,
}

impl Sqlite {
    /// The connection that writes. The checkpoint is not run by commits (it would stall the
    /// requests that wait for them) but by a thread of its own.
    pub(crate) fn writer(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;
             PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = ON;
             PRAGMA busy_timeout = 10000; PRAGMA journal_size_limit = 268435456;",
        )?;
        Ok(Self::of(connection))
    }

    /// A connection that only reads.
    pub(crate) fn reader(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.execute_batch(
            "PRAGMA cache_size = -32768; PRAGMA mmap_size = 1073741824; PRAGMA busy_timeout = 10000;",
        )?;
        Ok(Self::of(connection))
    }

    /// A database in memory, for the simulation.
    pub(crate) fn memory() -> Result<Self, StoreError> {
        Ok(Self::of(Connection::open_in_memory()?))
    }

    fn of(connection: Connection) -> Self {
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        Self { connection }
    }

    /// Moves committed pages from the log into the database file, as far as readers allow.
    pub(crate) fn checkpoint(&self) -> Result<Log, StoreError> {
        Ok(self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
            let (pages, moved) = (row.get(1)?, row.get::<_, i64>(2)?);
            Ok(Log { pages, left: pages - moved })
        })?)
    }

    pub(crate) fn in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }

    pub(crate) fn frame(&mut self, frame: Frame) -> Result<(), StoreError> {
        let statements: &[&str] = match frame {
            Frame::Begin => &["BEGIN IMMEDIATE"],
            Frame::Commit => &["COMMIT"],
            Frame::Rollback => &["ROLLBACK"],
            Frame::Savepoint => &["SAVEPOINT unit"],
            Frame::Release => &["RELEASE unit"],
            Frame::TakeBack => &["ROLLBACK TO unit", "RELEASE unit"],
        };
        for sql in statements {
            self.connection.prepare_cached(sql)?.execute([])?;
        }
        Ok(())
    }

    pub(crate) fn script(&mut self, sql: &str) -> Result<(), StoreError> {
        Ok(self.connection.execute_batch(sql)?)
    }

    pub(crate) fn execute(&mut self, sql: &str, row: &[Value<'_>]) -> Result<u64, StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.execute(rusqlite::params_from_iter(row))? as u64)
    }

    pub(crate) fn execute_many(
        &mut self,
        sql: &str,
        width: usize,
        values: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut changed = 0;
        for row in values.chunks_exact(width) {
            changed += statement.execute(rusqlite::params_from_iter(row))? as u64;
        }
        Ok(changed)
    }

    pub(crate) fn query(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        each: &mut dyn FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(params))?;
        while let Some(row) = rows.next()? {
            each(&Row(RowSource::Sqlite(row)))?;
        }
        Ok(())
    }

    pub(crate) fn query_each(
        &mut self,
        sql: &str,
        width: usize,
        values: &[Value<'_>],
        each: &mut dyn FnMut(usize, &Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        for (index, params) in values.chunks_exact(width).enumerate() {
            let mut rows = statement.query(rusqlite::params_from_iter(params))?;
            while let Some(row) = rows.next()? {
                each(index, &Row(RowSource::Sqlite(row)))?;
            }
        }
        Ok(())
    }
}
