//! The SQL of lookup: what was learnt of numbers, how far the ledger was followed for that,
//! overrides and buckets.

use std::collections::BTreeMap;

use ::store::{Lane, Migration, Query, Row, StoreError, Tx, Value};
use base::{AccountSid, Instant, Sid};

use crate::lookup::model::{LineType, Package};
use crate::lookup::rules::{Bucket, Learnt};

/// The tables of this product.
pub const MIGRATIONS: &[Migration] = &[Migration {
    name: "lookup/1",
    sql: "
    CREATE TABLE lookup_learnt (
        account {blob} NOT NULL,
        number {text} NOT NULL,
        sent {int} NOT NULL,
        delivered {int} NOT NULL,
        failed {int} NOT NULL,
        received {int} NOT NULL,
        reached_at {int},
        failed_at {int},
        error {int} NOT NULL,
        first_at {int} NOT NULL,
        last_at {int} NOT NULL,
        PRIMARY KEY (account, number)
    ) {clustered};
    CREATE TABLE lookup_cursors (
        lane {int} NOT NULL,
        cursor {int} NOT NULL,
        PRIMARY KEY (lane)
    ) {clustered};
    CREATE TABLE lookup_overrides (
        account {blob} NOT NULL,
        number {text} NOT NULL,
        line_type {text} NOT NULL,
        original {text} NOT NULL,
        reason {text},
        changed_at {int} NOT NULL,
        PRIMARY KEY (account, number)
    ) {clustered};
    CREATE TABLE lookup_buckets (
        account {blob} NOT NULL,
        package {text} NOT NULL,
        name {text} NOT NULL,
        max {int} NOT NULL,
        ttl {int} NOT NULL,
        PRIMARY KEY (account, package, name)
    ) {clustered};
    ",
}];

/// Whose number.
pub(super) type Key = (AccountSid, String);

/// A lane's number, to the last event of it that was followed.
pub(super) type Cursors = BTreeMap<u32, i64>;

/// How far the ledger is followed.
pub(super) fn cursors(query: &mut impl Query) -> Result<Cursors, StoreError> {
    let sql = "SELECT lane, cursor FROM lookup_cursors ORDER BY lane";
    let rows = query.rows(sql, &[], |row| row.int(1))?;
    Ok(rows.into_iter().map(|cursor| (Lane::of_event(cursor).0, cursor)).collect())
}

/// Adds what was learnt, and notes how far the ledger was followed for that.
pub(super) fn learn(
    tx: &mut Tx<'_>,
    learnt: &BTreeMap<Key, Learnt>,
    moved: &Cursors,
) -> Result<(), StoreError> {
    let accounts: Vec<[u8; 16]> = learnt.keys().map(|(account, _)| account.bytes()).collect();
    let mut values: Vec<Value<'_>> = Vec::with_capacity(learnt.len() * 11);
    for (((_, number), one), account) in learnt.iter().zip(&accounts) {
        values.extend([
            Value::Blob(account),
            number.into(),
            one.sent.into(),
            one.delivered.into(),
            one.failed.into(),
            one.received.into(),
            one.reached_at.into(),
            one.failed_at.into(),
            one.error.into(),
            one.first_at.into(),
            one.last_at.into(),
        ]);
    }
    tx.execute_many(
        "INSERT INTO lookup_learnt (account, number, sent, delivered, failed, received, \
         reached_at, failed_at, error, first_at, last_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (account, number) DO UPDATE SET \
         sent = lookup_learnt.sent + excluded.sent, \
         delivered = lookup_learnt.delivered + excluded.delivered, \
         failed = lookup_learnt.failed + excluded.failed, \
         received = lookup_learnt.received + excluded.received, \
         reached_at = coalesce(excluded.reached_at, lookup_learnt.reached_at), \
         error = CASE WHEN excluded.failed_at IS NULL THEN lookup_learnt.error \
         ELSE excluded.error END, \
         failed_at = coalesce(excluded.failed_at, lookup_learnt.failed_at), \
         last_at = excluded.last_at",
        11,
        &values,
    )?;
    for (lane, cursor) in moved {
        tx.execute(
            "INSERT INTO lookup_cursors (lane, cursor) VALUES (?, ?) \
             ON CONFLICT (lane) DO UPDATE SET cursor = excluded.cursor",
            &[(*lane).into(), (*cursor).into()],
        )?;
    }
    Ok(())
}

const LEARNT: &str =
    "sent, delivered, failed, received, reached_at, failed_at, error, first_at, last_at";

fn learnt_from(row: &Row<'_>) -> Result<Learnt, StoreError> {
    Ok(Learnt {
        sent: row.int(0)?,
        delivered: row.int(1)?,
        failed: row.int(2)?,
        received: row.int(3)?,
        reached_at: row.instant_or_null(4)?,
        failed_at: row.instant_or_null(5)?,
        error: u32::try_from(row.int(6)?).unwrap_or_default(),
        first_at: row.instant(7)?,
        last_at: row.instant(8)?,
    })
}

/// What an account's messages have told of a number.
pub(super) fn learnt(
    query: &mut impl Query,
    account: AccountSid,
    number: &str,
) -> Result<Option<Learnt>, StoreError> {
    let sql = format!("SELECT {LEARNT} FROM lookup_learnt WHERE account = ? AND number = ?");
    query.row(&sql, &[(&account.bytes()).into(), number.into()], learnt_from)
}

/// How many other numbers with the same beginning were met since an instant, up to `max`.
pub(super) fn neighbours(
    query: &mut impl Query,
    account: AccountSid,
    (number, beginning): (&str, &str),
    since: Instant,
    max: u32,
) -> Result<usize, StoreError> {
    // A colon comes after every digit.
    let end = format!("{beginning}:");
    let sql = "SELECT 1 FROM lookup_learnt WHERE account = ? AND number >= ? AND number < ? \
               AND number <> ? AND last_at >= ? LIMIT ?";
    let account = account.bytes();
    let params = [
        (&account).into(),
        beginning.into(),
        (&end).into(),
        number.into(),
        since.into(),
        max.into(),
    ];
    Ok(query.rows(sql, &params, |row| row.int(0))?.len())
}

/// What an account says against what is known of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The number in E.164 form.
    pub number: String,
    /// What it says.
    pub line: LineType,
    /// What was known.
    pub original: LineType,
    /// Why.
    pub reason: Option<String>,
    /// When it was said.
    pub changed_at: Instant,
}

fn override_from(row: &Row<'_>) -> Result<Override, StoreError> {
    let line = |name: String| {
        LineType::from_name(&name).ok_or(StoreError::Corrupt("an override's line type"))
    };
    Ok(Override {
        number: row.text(0)?,
        line: line(row.text(1)?)?,
        original: line(row.text(2)?)?,
        reason: row.text_or_null(3)?,
        changed_at: row.instant(4)?,
    })
}

/// All overrides of an account.
pub(super) fn overrides(
    query: &mut impl Query,
    account: AccountSid,
) -> Result<Vec<Override>, StoreError> {
    let sql = "SELECT number, line_type, original, reason, changed_at FROM lookup_overrides \
               WHERE account = ? ORDER BY number";
    query.rows(sql, &[(&account.bytes()).into()], override_from)
}

/// The override of one number.
pub(super) fn find_override(
    query: &mut impl Query,
    account: AccountSid,
    number: &str,
) -> Result<Option<Override>, StoreError> {
    let sql = "SELECT number, line_type, original, reason, changed_at FROM lookup_overrides \
               WHERE account = ? AND number = ?";
    query.row(sql, &[(&account.bytes()).into(), number.into()], override_from)
}

/// How many overrides an account has.
pub(super) fn count_overrides(
    query: &mut impl Query,
    account: AccountSid,
) -> Result<i64, StoreError> {
    let sql = "SELECT count(*) FROM lookup_overrides WHERE account = ?";
    let counted = query.row(sql, &[(&account.bytes()).into()], |row| row.int(0))?;
    Ok(counted.unwrap_or_default())
}

/// Writes an override, in the place of one that is there.
pub(super) fn put_override(
    tx: &mut Tx<'_>,
    account: AccountSid,
    one: &Override,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO lookup_overrides (account, number, line_type, original, reason, changed_at) \
         VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (account, number) DO UPDATE SET \
         line_type = excluded.line_type, original = excluded.original, \
         reason = excluded.reason, changed_at = excluded.changed_at",
        &[
            (&account.bytes()).into(),
            (&one.number).into(),
            one.line.name().into(),
            one.original.name().into(),
            one.reason.as_ref().into(),
            one.changed_at.into(),
        ],
    )?;
    Ok(())
}

/// Removes an override; whether there was one.
pub(super) fn remove_override(
    tx: &mut Tx<'_>,
    account: AccountSid,
    number: &str,
) -> Result<bool, StoreError> {
    let sql = "DELETE FROM lookup_overrides WHERE account = ? AND number = ?";
    Ok(tx.execute(sql, &[(&account.bytes()).into(), number.into()])? > 0)
}

/// All buckets of an account, in the order of packages' names and theirs.
pub(super) fn buckets(
    query: &mut impl Query,
    account: AccountSid,
) -> Result<Vec<(Package, Bucket)>, StoreError> {
    let sql = "SELECT package, name, max, ttl FROM lookup_buckets WHERE account = ? \
               ORDER BY package, name";
    query.rows(sql, &[(&account.bytes()).into()], |row| {
        let package = Package::from_name(&row.text(0)?);
        let number = |column| {
            u32::try_from(row.int(column)?).map_err(|_| StoreError::Corrupt("a bucket's number"))
        };
        let bucket = Bucket { name: row.text(1)?, limit: number(2)?, ttl_s: number(3)? };
        Ok((package.ok_or(StoreError::Corrupt("a bucket's package"))?, bucket))
    })
}

/// Writes a bucket, in the place of one that is there.
pub(super) fn put_bucket(
    tx: &mut Tx<'_>,
    account: AccountSid,
    package: Package,
    bucket: &Bucket,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO lookup_buckets (account, package, name, max, ttl) VALUES (?, ?, ?, ?, ?) \
         ON CONFLICT (account, package, name) DO UPDATE SET \
         max = excluded.max, ttl = excluded.ttl",
        &[
            (&account.bytes()).into(),
            package.name().into(),
            (&bucket.name).into(),
            bucket.limit.into(),
            bucket.ttl_s.into(),
        ],
    )?;
    Ok(())
}

/// Removes a bucket; whether there was one.
pub(super) fn remove_bucket(
    tx: &mut Tx<'_>,
    account: AccountSid,
    package: Package,
    name: &str,
) -> Result<bool, StoreError> {
    let sql = "DELETE FROM lookup_buckets WHERE account = ? AND package = ? AND name = ?";
    let account = account.bytes();
    Ok(tx.execute(sql, &[(&account).into(), package.name().into(), name.into()])? > 0)
}

/// Ends what is kept for an account.
pub(super) fn forget_account(tx: &mut Tx<'_>, account: AccountSid) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM lookup_learnt WHERE account = ?",
        "DELETE FROM lookup_overrides WHERE account = ?",
        "DELETE FROM lookup_buckets WHERE account = ?",
    ] {
        tx.execute(sql, &[(&account.bytes()).into()])?;
    }
    Ok(())
}
