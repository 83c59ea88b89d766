//! PostgreSQL: one connection driven from the thread that owns it. The driver's own runtime turns
//! only while a call is under way, so the units above stay synchronous.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use futures_util::future::{join, try_join_all};
use tokio::runtime::Runtime;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Error, NoTls, Statement};

use crate::engine::set::{Column, SetForm, has_repeated_key, over_arrays};
use crate::engine::{Dialect, Frame};
use crate::value::RowSource;
use crate::{Row, StoreError, Value};

/// Statements sent ahead of their answers.
const PIPELINE_MAX: usize = 512;

/// Rows in one statement over arrays.
const SET_MAX: usize = 4096;

/// From how many rows on a statement over arrays is the cheaper one.
const SET_MIN: usize = 4;

/// How many prepared statements a connection keeps; the product has fewer distinct ones.
const STATEMENTS_MAX: usize = 512;

/// How long a connection attempt may take, and how long sent data may stay unacknowledged.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The one that writes. An open transaction of a node that stands still is ended by the
    /// server, so that it does not keep its leases locked.
    Writer,
    /// One that only reads, a transaction a statement.
    Reader,
}

impl Role {
    /// Generic plans: a custom plan for every execution costs more than it saves on statements
    /// that all go by key, and tables that look empty invite hash and merge joins.
    fn settings(self) -> &'static str {
        match self {
            Self::Writer => {
                "SET plan_cache_mode = force_generic_plan; SET enable_hashjoin = off; \
                 SET enable_mergejoin = off; SET enable_seqscan = off; \
                 SET synchronous_commit = on; \
                 SET idle_in_transaction_session_timeout = '5s'"
            }
            Self::Reader => {
                "SET plan_cache_mode = force_generic_plan; SET enable_hashjoin = off; \
                 SET enable_mergejoin = off; SET default_transaction_read_only = on; \
                 SET statement_timeout = '30s'"
            }
        }
    }
}

/// A PostgreSQL connection with its prepared statements.
pub(crate) struct Postgres {
    config: Config,
    role: Role,
    client: Client,
    statements: HashMap<String, Statement>,
    sets: HashMap<&'static str, Option<Set>>,
    /// Frames that travel with the next statement.
    deferred: String,
    lost: bool,
    runtime: Runtime,
}

/// A prepared statement over arrays.
struct Set {
    statement: Statement,
    key: Option<std::ops::Range<usize>>,
}

impl Postgres {
    /// Connects to `postgres://user:password@host:port/database`.
    pub(crate) fn connect(url: &str, role: Role) -> Result<Self, StoreError> {
        let mut config: Config = url.parse()?;
        config.connect_timeout(CONNECT_TIMEOUT).tcp_user_timeout(CONNECT_TIMEOUT * 3);
        config.keepalives_idle(CONNECT_TIMEOUT).keepalives_interval(CONNECT_TIMEOUT);
        config.application_name("trunkline");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = runtime.block_on(open(&config, role))?;
        Ok(Self {
            config,
            role,
            client,
            statements: HashMap::new(),
            sets: HashMap::new(),
            deferred: String::new(),
            lost: false,
            runtime,
        })
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.lost || self.client.is_closed()
    }

    pub(crate) fn reconnect(&mut self) -> Result<(), StoreError> {
        self.client = self.runtime.block_on(open(&self.config, self.role))?;
        self.statements.clear();
        self.sets.clear();
        self.deferred.clear();
        self.lost = false;
        tracing::info!(role = ?self.role, "connected to the database again");
        Ok(())
    }

    /// Runs statements without parameters, after whatever was put off.
    pub(crate) fn script(&mut self, sql: &str) -> Result<(), StoreError> {
        let mut all = std::mem::take(&mut self.deferred);
        all.push_str(sql);
        let outcome = self.runtime.block_on(self.client.batch_execute(&all));
        self.note(outcome)
    }

    pub(crate) fn frame(&mut self, frame: Frame) -> Result<(), StoreError> {
        match frame {
            Frame::Begin => self.deferred.push_str("BEGIN;"),
            Frame::Savepoint => self.deferred.push_str("SAVEPOINT unit;"),
            Frame::Release => self.deferred.push_str("RELEASE unit;"),
            Frame::TakeBack => self.deferred.push_str("ROLLBACK TO unit;RELEASE unit;"),
            Frame::Commit => self.script("COMMIT")?,
            Frame::Rollback => self.script("ROLLBACK")?,
        }
        Ok(())
    }

    pub(crate) fn execute(&mut self, sql: &str, row: &[Value<'_>]) -> Result<u64, StoreError> {
        let statement = self.statement(sql)?;
        let params = as_params(row);
        let outcome = self.runtime.block_on(after(
            &self.client,
            &std::mem::take(&mut self.deferred),
            self.client.execute(&statement, &params),
        ));
        self.note(outcome)
    }

    pub(crate) fn execute_many(
        &mut self,
        sql: &'static str,
        width: usize,
        values: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        if values.len() < width * SET_MIN || !self.has_set_form(sql)? {
            return self.execute_each(sql, width, values);
        }
        let mut changed = 0;
        for chunk in values.chunks(width * SET_MAX) {
            changed += self.execute_set(sql, width, chunk)?;
        }
        Ok(changed)
    }

    /// One statement over arrays; single ones when a row of the table would be changed twice.
    fn execute_set(
        &mut self,
        sql: &'static str,
        width: usize,
        values: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        let Some(Some(set)) = self.sets.get(sql) else {
            return self.execute_each(sql, width, values);
        };
        if set.key.as_ref().is_some_and(|key| has_repeated_key(values, width, key)) {
            return self.execute_each(sql, width, values);
        }
        let columns: Vec<Column<'_>> =
            (0..width).map(|index| Column { values, width, index }).collect();
        let params: Vec<_> = columns.iter().map(|column| column as &(dyn ToSql + Sync)).collect();
        let outcome = self.runtime.block_on(after(
            &self.client,
            &std::mem::take(&mut self.deferred),
            self.client.execute(&set.statement, &params),
        ));
        self.note(outcome)
    }

    /// Single statements, sent without waiting for each other's answers.
    fn execute_each(
        &mut self,
        sql: &str,
        width: usize,
        values: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        let statement = self.statement(sql)?;
        let mut changed = 0;
        for chunk in values.chunks(width * PIPELINE_MAX) {
            let rows: Vec<Vec<&(dyn ToSql + Sync)>> =
                chunk.chunks_exact(width).map(as_params).collect();
            let calls = rows.iter().map(|row| self.client.execute(&statement, row));
            let deferred = std::mem::take(&mut self.deferred);
            let outcome =
                self.runtime.block_on(after(&self.client, &deferred, try_join_all(calls)));
            changed += self.note(outcome)?.iter().sum::<u64>();
        }
        Ok(changed)
    }

    pub(crate) fn query(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        each: &mut dyn FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut rows = self.fetch(sql, params);
        if rows.is_err() && self.role == Role::Reader && self.is_lost() {
            // Nothing was handed on yet, and reading twice changes nothing.
            self.reconnect()?;
            rows = self.fetch(sql, params);
        }
        rows?.iter().try_for_each(|row| each(&Row(RowSource::Postgres(row))))
    }

    /// The same query for each row of `values`, sent without waiting for each other's answers.
    pub(crate) fn query_each(
        &mut self,
        sql: &str,
        width: usize,
        values: &[Value<'_>],
        each: &mut dyn FnMut(usize, &Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let statement = self.statement(sql)?;
        for (number, chunk) in values.chunks(width * PIPELINE_MAX).enumerate() {
            let asked: Vec<_> = chunk.chunks_exact(width).map(as_params).collect();
            let calls = asked.iter().map(|params| self.client.query(&statement, params));
            let deferred = std::mem::take(&mut self.deferred);
            let outcome =
                self.runtime.block_on(after(&self.client, &deferred, try_join_all(calls)));
            for (index, rows) in self.note(outcome)?.iter().enumerate() {
                let index = number * PIPELINE_MAX + index;
                rows.iter().try_for_each(|row| each(index, &Row(RowSource::Postgres(row))))?;
            }
        }
        Ok(())
    }

    fn fetch(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
    ) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        let statement = self.statement(sql)?;
        let params = as_params(params);
        let outcome = self.runtime.block_on(after(
            &self.client,
            &std::mem::take(&mut self.deferred),
            self.client.query(&statement, &params),
        ));
        self.note(outcome)
    }

    fn statement(&mut self, sql: &str) -> Result<Statement, StoreError> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.prepare(&Dialect::Postgres.parameters(sql))?;
        if self.statements.len() >= STATEMENTS_MAX {
            self.statements.clear();
        }
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Whether `sql` can run over arrays; prepares that form when it is first asked for.
    fn has_set_form(&mut self, sql: &'static str) -> Result<bool, StoreError> {
        if let Some(set) = self.sets.get(sql) {
            return Ok(set.is_some());
        }
        let types = self.statement(sql)?.params().to_vec();
        let set = match over_arrays(sql, &types) {
            Some(SetForm { sql, key }) => Some(Set { statement: self.prepare(&sql)?, key }),
            None => None,
        };
        Ok(self.sets.entry(sql).or_insert(set).is_some())
    }

    fn prepare(&mut self, sql: &str) -> Result<Statement, StoreError> {
        let deferred = std::mem::take(&mut self.deferred);
        let outcome =
            self.runtime.block_on(after(&self.client, &deferred, self.client.prepare(sql)));
        self.note(outcome)
    }

    /// Remembers when the connection is gone or the server is leaving.
    fn note<T>(&mut self, outcome: Result<T, Error>) -> Result<T, StoreError> {
        if let Err(error) = &outcome {
            let leaving = [
                SqlState::ADMIN_SHUTDOWN,
                SqlState::CRASH_SHUTDOWN,
                SqlState::CANNOT_CONNECT_NOW,
                SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
            ];
            self.lost |=
                error.is_closed() || error.code().is_some_and(|code| leaving.contains(code));
        }
        Ok(outcome?)
    }
}

async fn open(config: &Config, role: Role) -> Result<Client, Error> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::warn!(%error, "the database connection ended");
        }
    });
    client.batch_execute(role.settings()).await?;
    Ok(client)
}

/// Sends what was put off and then `call`, without waiting in between.
async fn after<T>(
    client: &Client,
    deferred: &str,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    if deferred.is_empty() {
        return call.await;
    }
    let (framed, outcome) = join(client.batch_execute(deferred), call).await;
    framed?;
    outcome
}

fn as_params<'a>(row: &'a [Value<'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
    row.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}
