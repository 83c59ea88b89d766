//! Migrations: each product brings its own, named, in order, and never changed once released.

use crate::StoreError;
use crate::engine::{Dialect, Engine, Frame};

/// One step of a product's schema, in the words of the shared subset (`{int}`, `{text}`,
/// `{blob}`, `{strict}`, `{clustered}`).
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// `messaging/1`: the product and the step's number.
    pub name: &'static str,
    /// Statements, each ended by a semicolon.
    pub sql: &'static str,
}

/// The tables of the ledger itself.
pub(crate) const LEDGER: &[Migration] = &[Migration {
    name: "store/1",
    sql: "
    CREATE TABLE events (
        id {int} PRIMARY KEY,
        account {blob} NOT NULL,
        object {blob} NOT NULL,
        object_seq {int} NOT NULL,
        previous {int} NOT NULL,
        kind {text} NOT NULL,
        at {int} NOT NULL,
        facts {text} NOT NULL
    ) {strict};
    CREATE TABLE leases (
        name {text} NOT NULL PRIMARY KEY,
        owner {text} NOT NULL,
        epoch {int} NOT NULL,
        expires_at {int} NOT NULL
    ) {clustered};
    CREATE TABLE jobs (
        id {blob} NOT NULL PRIMARY KEY,
        account {blob} NOT NULL,
        kind {text} NOT NULL,
        due_at {int} NOT NULL,
        attempts {int} NOT NULL,
        payload {text} NOT NULL
    ) {clustered};
    CREATE INDEX jobs_due ON jobs (due_at, id);
    CREATE TABLE resources (
        account {blob} NOT NULL,
        kind {text} NOT NULL,
        sid {blob} NOT NULL,
        parent {blob} NOT NULL,
        version {int} NOT NULL,
        event_seq {int} NOT NULL,
        event {int} NOT NULL,
        created_at {int} NOT NULL,
        updated_at {int} NOT NULL,
        document {text} NOT NULL,
        PRIMARY KEY (account, kind, parent, sid)
    ) {clustered};
    CREATE INDEX resources_by_sid ON resources (sid);
    CREATE TABLE resource_keys (
        account {blob} NOT NULL,
        kind {text} NOT NULL,
        field {text} NOT NULL,
        value {text} NOT NULL,
        sid {blob} NOT NULL,
        PRIMARY KEY (account, kind, field, value, sid)
    ) {clustered};
    CREATE TABLE resource_uniques (
        scope {blob} NOT NULL,
        kind {text} NOT NULL,
        field {text} NOT NULL,
        value {text} NOT NULL,
        account {blob} NOT NULL,
        sid {blob} NOT NULL,
        PRIMARY KEY (scope, kind, field, value)
    ) {clustered};
    ",
}];

const OWN: &str = "CREATE TABLE IF NOT EXISTS migrations (
    name {text} NOT NULL PRIMARY KEY, text_hash {text} NOT NULL) {clustered}";

/// Runs what is missing, in one transaction. Refuses a database whose past differs from ours.
pub(crate) fn run(engine: &mut Engine, migrations: &[Migration]) -> Result<(), StoreError> {
    let dialect = engine.dialect();
    engine.frame(Frame::Begin)?;
    let outcome = run_inside(engine, dialect, migrations);
    engine.frame(if outcome.is_ok() { Frame::Commit } else { Frame::Rollback })?;
    outcome
}

fn run_inside(
    engine: &mut Engine,
    dialect: Dialect,
    migrations: &[Migration],
) -> Result<(), StoreError> {
    if dialect == Dialect::Postgres {
        // One node migrates, the others wait for it.
        engine.script("SELECT pg_advisory_xact_lock(7305808869231650926)")?;
    }
    engine.script(&dialect.schema(OWN))?;
    let mut done = std::collections::BTreeMap::new();
    engine.query("SELECT name, text_hash FROM migrations", &[], &mut |row| {
        done.insert(row.text(0)?, row.text(1)?);
        Ok(())
    })?;
    let known = || LEDGER.iter().chain(migrations);
    if let Some(unknown) = done.keys().find(|name| known().all(|known| known.name != **name)) {
        let why = "it ran on this database, but this version does not know it";
        return Err(StoreError::Migration(unknown.clone(), why));
    }
    for migration in known() {
        let hash = fingerprint(migration.sql);
        match done.get(migration.name) {
            Some(found) if *found == hash => {}
            Some(_) => {
                let why = "its text changed since it ran; add a new one instead";
                return Err(StoreError::Migration(migration.name.into(), why));
            }
            None => {
                engine.script(&dialect.schema(migration.sql))?;
                engine.execute(
                    "INSERT INTO migrations (name, text_hash) VALUES (?, ?)",
                    &[migration.name.into(), hash.as_str().into()],
                )?;
            }
        }
    }
    Ok(())
}

/// FNV-1a, 64 bits, over the text without its white space: an accident detector, not a seal.
fn fingerprint(sql: &str) -> String {
    let bytes = sql.bytes().filter(|byte| !byte.is_ascii_whitespace());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
