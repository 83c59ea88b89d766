//! The SQL of attempts.

use ::store::{Query, Row, StoreError, Tx, Value};
use base::{AccountSid, EventSid, Instant, Sid};

use super::kind;
use crate::verify::model::Attempt;

const ATTEMPT: &str = "sid, account, service, verification, channel, target, country, \
                       created_at, updated_at, status, error, carried, converted, price, locale, \
                       length";

/// Writes a new attempt.
pub fn insert_attempt(tx: &mut Tx<'_>, new: &Attempt) -> Result<(), StoreError> {
    let account = new.account.bytes();
    tx.execute(
        "INSERT INTO verify_attempts (sid, account, service, verification, channel, target, \
         country, created_at, updated_at, status, error, carried, converted, price, locale, \
         length) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        &[
            (&new.sid).into(),
            (&account).into(),
            (&new.service).into(),
            (&new.verification).into(),
            new.channel.name().into(),
            (&new.target).into(),
            (&new.country).into(),
            new.created_at.into(),
            new.updated_at.into(),
            (&new.status).into(),
            new.error.into(),
            (&new.carried).into(),
            new.converted.into(),
            new.price.into(),
            (&new.locale).into(),
            new.length.into(),
        ],
    )?;
    Ok(())
}

/// Writes how a delivery stands.
pub fn update_attempt(tx: &mut Tx<'_>, attempt: &Attempt) -> Result<(), StoreError> {
    let account = attempt.account.bytes();
    tx.execute(
        "UPDATE verify_attempts SET status = ?, error = ?, price = ?, updated_at = ? \
         WHERE account = ? AND sid = ?",
        &[
            (&attempt.status).into(),
            attempt.error.into(),
            attempt.price.into(),
            attempt.updated_at.into(),
            (&account).into(),
            (&attempt.sid).into(),
        ],
    )?;
    Ok(())
}

/// Writes that a verification was approved.
pub fn convert(tx: &mut Tx<'_>, verification: [u8; 16]) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(
        "UPDATE verify_attempts SET converted = 1, updated_at = ? WHERE verification = ?",
        &[now.into(), (&verification).into()],
    )?;
    Ok(())
}

/// An attempt of an account.
pub fn find_attempt(
    query: &mut impl Query,
    account: AccountSid,
    sid: [u8; 16],
) -> Result<Option<Attempt>, StoreError> {
    let sql = format!("SELECT {ATTEMPT} FROM verify_attempts WHERE account = ? AND sid = ?");
    query.row(&sql, &[(&account.bytes()).into(), (&sid).into()], attempt)
}

/// The attempts of a verification, oldest first.
pub fn attempts_of(
    query: &mut impl Query,
    verification: [u8; 16],
) -> Result<Vec<Attempt>, StoreError> {
    let sql = format!("SELECT {ATTEMPT} FROM verify_attempts WHERE verification = ? ORDER BY sid");
    query.rows(&sql, &[(&verification).into()], attempt)
}

/// The attempt whose delivery a channel calls so.
pub fn attempt_carried(
    query: &mut impl Query,
    account: AccountSid,
    key: [u8; 16],
) -> Result<Option<Attempt>, StoreError> {
    let sql = format!("SELECT {ATTEMPT} FROM verify_attempts WHERE carried = ? AND account = ?");
    query.row(&sql, &[(&key).into(), (&account.bytes()).into()], attempt)
}

/// Which attempts a list or a summary is about; empty texts are no filters.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// From this instant on.
    pub from: Option<Instant>,
    /// Before this instant.
    pub before: Option<Instant>,
    /// Columns and the values that they must have.
    pub equal: Vec<(Column, String)>,
    /// What the number begins with.
    pub prefix: Option<String>,
    /// A service.
    pub service: Option<[u8; 16]>,
    /// A verification.
    pub verification: Option<[u8; 16]>,
    /// Whether the verification was approved.
    pub converted: Option<bool>,
}

/// A column that attempts can be filtered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The recipient.
    Target,
    /// The country.
    Country,
    /// The channel.
    Channel,
}

impl Filter {
    /// Conditions after the account's, and their values.
    fn conditions(&self) -> (String, Vec<Value<'_>>) {
        let mut found: Vec<(&str, Value<'_>)> = Vec::new();
        for (column, value) in &self.equal {
            let condition = match column {
                Column::Target => "target = ?",
                Column::Country => "country = ?",
                Column::Channel => "channel = ?",
            };
            found.push((condition, value.into()));
        }
        found.extend(self.from.map(|at| ("created_at >= ?", at.into())));
        found.extend(self.before.map(|at| ("created_at < ?", at.into())));
        found.extend(self.service.as_ref().map(|sid| ("service = ?", sid.into())));
        found.extend(self.verification.as_ref().map(|sid| ("verification = ?", sid.into())));
        found.extend(self.converted.map(|was| ("converted = ?", was.into())));
        if let Some(prefix) = &self.prefix {
            let length = i64::try_from(prefix.len()).unwrap_or(i64::MAX);
            found.push(("substr(target, 1, ?) = ?", length.into()));
            found.push(("", prefix.into()));
        }
        let conditions = found.iter().filter(|(condition, _)| !condition.is_empty());
        let sql = conditions.map(|(condition, _)| format!(" AND {condition}")).collect();
        (sql, found.into_iter().map(|(_, value)| value).collect())
    }
}

/// A page of an account's attempts, newest first, or the other way round.
pub fn list_attempts(
    query: &mut impl Query,
    account: AccountSid,
    filter: &Filter,
    cursor: Option<(bool, [u8; 16])>,
    limit: u32,
) -> Result<Vec<Attempt>, StoreError> {
    let account = account.bytes();
    let (conditions, more) = filter.conditions();
    let mut sql = format!("SELECT {ATTEMPT} FROM verify_attempts WHERE account = ?{conditions}");
    let mut values: Vec<Value<'_>> = vec![(&account).into()];
    values.extend(more);
    let forward = cursor.is_none_or(|(forward, _)| forward);
    let after = cursor.map(|(_, sid)| sid);
    if let Some(after) = &after {
        sql.push_str(if forward { " AND sid < ?" } else { " AND sid > ?" });
        values.push(after.into());
    }
    sql.push_str(if forward { " ORDER BY sid DESC" } else { " ORDER BY sid" });
    sql.push_str(&format!(" LIMIT {limit}"));
    query.rows(&sql, &values, attempt)
}

/// How many of an account's attempts there are, and how many were converted.
pub fn count_attempts(
    query: &mut impl Query,
    account: AccountSid,
    filter: &Filter,
) -> Result<(i64, i64), StoreError> {
    let account = account.bytes();
    let (conditions, more) = filter.conditions();
    let sql = format!(
        "SELECT count(*), count(CASE WHEN converted = 1 THEN 1 END) FROM verify_attempts \
         WHERE account = ?{conditions}"
    );
    let mut values: Vec<Value<'_>> = vec![(&account).into()];
    values.extend(more);
    let found = query.row(&sql, &values, |row| Ok((row.int(0)?, row.int(1)?)))?;
    Ok(found.unwrap_or_default())
}

fn attempt(row: &Row<'_>) -> Result<Attempt, StoreError> {
    Ok(Attempt {
        sid: row.bytes16(0)?,
        account: row.sid(1)?,
        service: row.bytes16(2)?,
        verification: row.bytes16(3)?,
        channel: kind(&row.text(4)?)?,
        target: row.text(5)?,
        country: row.text(6)?,
        created_at: row.instant(7)?,
        updated_at: row.instant(8)?,
        status: row.text(9)?,
        error: row.int(10)?,
        carried: row.bytes16(11)?,
        converted: row.bool(12)?,
        price: row.int(13)?,
        locale: row.text(14)?,
        length: row.int(15)?,
    })
}

/// Codes that were sent to one country in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The country.
    pub country: String,
    /// The way.
    pub channel: String,
    /// All of them.
    pub sent: i64,
    /// Receipts say so, or somebody knew the code.
    pub delivered: i64,
    /// Somebody knew the code.
    pub approved: i64,
}

/// The most used first. A SID begins with its time: the key's own order finds the newest.
pub fn funnel(
    query: &mut impl Query,
    account: AccountSid,
    since: Option<Instant>,
) -> Result<Vec<Step>, StoreError> {
    let sql = "SELECT country, channel, count(*), \
               count(CASE WHEN converted = 1 OR status IN ('delivered', 'read', 'completed') \
                     THEN 1 END), \
               count(CASE WHEN converted = 1 THEN 1 END) \
               FROM verify_attempts WHERE account = ? AND sid >= ? \
               GROUP BY country, channel ORDER BY count(*) DESC, country, channel";
    let from = since.map_or([0; 16], |since| EventSid::new(since, [0; 10]).bytes());
    query.rows(sql, &[(&account.bytes()).into(), (&from).into()], |row| {
        Ok(Step {
            country: row.text(0)?,
            channel: row.text(1)?,
            sent: row.int(2)?,
            delivered: row.int(3)?,
            approved: row.int(4)?,
        })
    })
}
