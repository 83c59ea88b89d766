//! PostgreSQL: one connection driven from the thread that owns it. The driver's own runtime turns
//! only while a call is under way, so the units above stay synchronous.

use std::collections::HashMap;

use futures_util::future::try_join_all;
use tokio::runtime::Runtime;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Statement};

use crate::engine::Dialect;
use crate::value::RowSource;
use crate::{Row, StoreError, Value};

/// Statements sent ahead of their answers in one batch.
const PIPELINE_MAX: usize = 512;

/// A PostgreSQL connection with its prepared statements.
pub(crate) struct Postgres {
    client: Client,
    statements: HashMap<String, Statement>,
    runtime: Runtime,
}

impl Postgres {
    /// Connects to `postgres://user:password@host:port/database`.
    pub(crate) fn connect(url: &str) -> Result<Self, StoreError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::warn!(%error, "the database connection ended");
                }
            });
            // Generic plans: a custom plan for every execution costs more than it saves on
            // statements that all go by key, and tables that look empty invite hash joins.
            let setup = "SET plan_cache_mode = force_generic_plan; SET enable_hashjoin = off; \
                         SET enable_mergejoin = off; SET synchronous_commit = on";
            client.batch_execute(setup).await?;
            Ok::<_, StoreError>(client)
        })?;
        Ok(Self { client, statements: HashMap::new(), runtime })
    }

    pub(crate) fn script(&mut self, sql: &str) -> Result<(), StoreError> {
        Ok(self.runtime.block_on(self.client.batch_execute(sql))?)
    }

    fn statement(&mut self, sql: &str) -> Result<Statement, StoreError> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let text = Dialect::Postgres.parameters(sql);
        let statement = self.runtime.block_on(self.client.prepare(&text))?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    pub(crate) fn execute(&mut self, sql: &str, row: &[Value<'_>]) -> Result<u64, StoreError> {
        let statement = self.statement(sql)?;
        let params = as_params(row);
        Ok(self.runtime.block_on(self.client.execute(&statement, &params))?)
    }

    pub(crate) fn execute_many(
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
            changed += self.runtime.block_on(try_join_all(calls))?.iter().sum::<u64>();
        }
        Ok(changed)
    }

    pub(crate) fn query(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        each: &mut dyn FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let statement = self.statement(sql)?;
        let params = as_params(params);
        let rows = self.runtime.block_on(self.client.query(&statement, &params))?;
        rows.iter().try_for_each(|row| each(&Row(RowSource::Postgres(row))))
    }
}

fn as_params<'a>(row: &'a [Value<'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
    row.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}
