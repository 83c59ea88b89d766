//! The SQL of usage: a row for each account, leaf and day.

use std::collections::BTreeMap;

use ::store::{Migration, Query, StoreError, Tx, Value};
use base::{AccountSid, AnySid, Sid};

use crate::usage::Leaf;
use crate::usage::period::day_of;

/// The tables of this product.
pub const MIGRATIONS: &[Migration] = &[Migration {
    name: "usage/1",
    sql: "
    CREATE TABLE usage_days (
        account {blob} NOT NULL,
        day {text} NOT NULL,
        category {text} NOT NULL,
        count {int} NOT NULL,
        usage {int} NOT NULL,
        price {int} NOT NULL,
        PRIMARY KEY (account, day, category)
    ) {clustered};
    CREATE TABLE usage_watched (
        account {blob} NOT NULL,
        trigger_sid {blob} NOT NULL,
        PRIMARY KEY (account, trigger_sid)
    ) {clustered};
    ",
}];

/// Something that was used.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    /// By whom.
    pub account: AccountSid,
    /// What.
    pub leaf: Leaf,
    /// Segments of a text; one for anything else.
    pub usage: u32,
    /// What it costs, in millionths of the currency; not negative.
    pub price: i64,
}

/// Counts what was used, today. One row for each account and leaf of a batch, whatever its size.
pub fn count(tx: &mut Tx<'_>, used: impl Iterator<Item = Used>) -> Result<(), StoreError> {
    let mut sums: BTreeMap<(AccountSid, Leaf), (i64, i64, i64)> = BTreeMap::new();
    for one in used {
        let sum = sums.entry((one.account, one.leaf)).or_default();
        *sum = (sum.0 + 1, sum.1 + i64::from(one.usage), sum.2 + one.price);
    }
    let day = day_of(tx.now());
    for ((account, leaf), (count, usage, price)) in sums {
        let account = account.bytes();
        tx.execute(
            "INSERT INTO usage_days (account, day, category, count, usage, price) \
             VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (account, day, category) DO UPDATE SET \
             count = usage_days.count + excluded.count, \
             usage = usage_days.usage + excluded.usage, \
             price = usage_days.price + excluded.price",
            &[
                (&account).into(),
                (&day).into(),
                leaf.name().into(),
                count.into(),
                usage.into(),
                price.into(),
            ],
        )?;
    }
    Ok(())
}

/// What an account's use of today cost, in millionths, in all leaves whose names begin so.
pub fn spent_today(
    tx: &mut Tx<'_>,
    account: AccountSid,
    beginning: &str,
) -> Result<i64, StoreError> {
    let day = day_of(tx.now());
    let rows = days(tx, account, &(day.clone(), day))?;
    let ours = rows.iter().filter(|row| row.category.starts_with(beginning));
    Ok(ours.map(|row| row.price).sum())
}

/// What was used on one day.
#[derive(Clone, Debug)]
pub(super) struct DayRow {
    pub(super) day: String,
    pub(super) category: String,
    pub(super) count: i64,
    pub(super) usage: i64,
    pub(super) price: i64,
}

/// An account's rows of a span of days, in order.
pub(super) fn days(
    query: &mut impl Query,
    account: AccountSid,
    (start, end): &(String, String),
) -> Result<Vec<DayRow>, StoreError> {
    let sql = "SELECT day, category, count, usage, price FROM usage_days \
               WHERE account = ? AND day >= ? AND day <= ? ORDER BY day, category";
    let account = account.bytes();
    query.rows(sql, &[(&account).into(), start.into(), end.into()], |row| {
        Ok(DayRow {
            day: row.text(0)?,
            category: row.text(1)?,
            count: row.int(2)?,
            usage: row.int(3)?,
            price: row.int(4)?,
        })
    })
}

/// Has a trigger looked at, or not any more.
pub(super) fn watch(
    tx: &mut Tx<'_>,
    account: AccountSid,
    sid: AnySid,
    watched: bool,
) -> Result<(), StoreError> {
    let sql = match watched {
        true => {
            "INSERT INTO usage_watched (account, trigger_sid) VALUES (?, ?) \
             ON CONFLICT (account, trigger_sid) DO NOTHING"
        }
        false => "DELETE FROM usage_watched WHERE account = ? AND trigger_sid = ?",
    };
    let account = account.bytes();
    tx.execute(sql, &[(&account).into(), Value::from(&sid.bytes)])?;
    Ok(())
}

/// The triggers that are looked at.
pub(super) fn watched(query: &mut impl Query) -> Result<Vec<(AccountSid, [u8; 16])>, StoreError> {
    let sql = "SELECT account, trigger_sid FROM usage_watched ORDER BY account, trigger_sid";
    query.rows(sql, &[], |row| Ok((row.sid(0)?, row.bytes16(1)?)))
}
