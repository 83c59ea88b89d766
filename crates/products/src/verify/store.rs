//! The SQL of verifications and their attempts.

mod attempts;

use ::store::{Migration, Query, Row, StoreError, Tx, Value};
use base::{AccountSid, Instant, Sid};

use crate::verify::model::{Kept, Kind, Status, Verification};

pub use attempts::{
    Column, Filter, Step, attempt_carried, attempts_of, convert, count_attempts, find_attempt,
    funnel, insert_attempt, list_attempts, update_attempt,
};

/// The tables of this product.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "verify/1",
        sql: "
    CREATE TABLE verify_verifications (
        sid {blob} NOT NULL PRIMARY KEY,
        account {blob} NOT NULL,
        service {blob} NOT NULL,
        target {text} NOT NULL,
        country {text} NOT NULL,
        channel {text} NOT NULL,
        status {int} NOT NULL,
        sends {int} NOT NULL,
        checks {int} NOT NULL,
        created_at {int} NOT NULL,
        updated_at {int} NOT NULL,
        expires_at {int} NOT NULL,
        event {int} NOT NULL,
        event_seq {int} NOT NULL,
        salt {blob},
        code {blob},
        digest {blob},
        length {int} NOT NULL,
        amount {text},
        payee {text},
        locale {text} NOT NULL,
        tags {text}
    ) {clustered};
    CREATE TABLE verify_open (
        service {blob} NOT NULL,
        target {text} NOT NULL,
        verification {blob},
        PRIMARY KEY (service, target)
    ) {clustered};
    CREATE TABLE verify_attempts (
        account {blob} NOT NULL,
        sid {blob} NOT NULL,
        service {blob} NOT NULL,
        verification {blob} NOT NULL,
        channel {text} NOT NULL,
        target {text} NOT NULL,
        country {text} NOT NULL,
        created_at {int} NOT NULL,
        updated_at {int} NOT NULL,
        status {text} NOT NULL,
        error {int} NOT NULL,
        carried {blob} NOT NULL,
        converted {int} NOT NULL,
        price {int} NOT NULL,
        locale {text} NOT NULL,
        length {int} NOT NULL,
        PRIMARY KEY (account, sid)
    ) {clustered};
    CREATE INDEX verify_attempts_of ON verify_attempts (verification, sid);
    CREATE INDEX verify_attempts_carried ON verify_attempts (carried);
    CREATE TABLE verify_limits (
        bucket {blob} NOT NULL,
        counted {blob} NOT NULL,
        ends_at {int} NOT NULL,
        count {int} NOT NULL,
        PRIMARY KEY (bucket, counted)
    ) {clustered};
    CREATE INDEX verify_limits_ended ON verify_limits (ends_at);
    ",
    },
    Migration {
        name: "verify/2",
        sql: "ALTER TABLE verify_verifications ADD COLUMN lookup {text};",
    },
];

const COLUMNS: &str = "sid, account, service, target, country, channel, status, sends, checks, \
                       created_at, updated_at, expires_at, event, event_seq, salt, code, digest, \
                       length, amount, payee, locale, tags, lookup";

/// A verification of an account's service.
pub fn find(
    query: &mut impl Query,
    account: AccountSid,
    sid: [u8; 16],
) -> Result<Option<Verification>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM verify_verifications WHERE sid = ? AND account = ?");
    query.row(&sql, &[(&sid).into(), (&account.bytes()).into()], from_row)
}

/// The verification that runs for a recipient, if there is one.
pub fn running(
    query: &mut impl Query,
    service: [u8; 16],
    target: &str,
) -> Result<Option<[u8; 16]>, StoreError> {
    let sql = "SELECT verification FROM verify_open WHERE service = ? AND target = ?";
    let found = query.row(sql, &[(&service).into(), target.into()], |row| row.blob_or_null(0))?;
    Ok(found.flatten().and_then(|sid| sid.try_into().ok()))
}

/// Takes the one place that a recipient has at a service, until the commit: of two that begin at
/// once, one waits for the other. Answers who is there.
pub fn claim(
    tx: &mut Tx<'_>,
    service: [u8; 16],
    target: &str,
) -> Result<Option<[u8; 16]>, StoreError> {
    tx.execute(
        "INSERT INTO verify_open (service, target) VALUES (?, ?) \
         ON CONFLICT (service, target) DO UPDATE SET target = excluded.target",
        &[(&service).into(), target.into()],
    )?;
    running(tx, service, target)
}

/// Gives a place back that nobody took after all.
pub fn give_back(tx: &mut Tx<'_>, service: [u8; 16], target: &str) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM verify_open WHERE service = ? AND target = ? AND verification IS NULL",
        &[(&service).into(), target.into()],
    )?;
    Ok(())
}

/// Puts a verification into its recipient's place.
pub fn occupy(tx: &mut Tx<'_>, verification: &Verification) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE verify_open SET verification = ? WHERE service = ? AND target = ?",
        &[
            (&verification.sid).into(),
            (&verification.service).into(),
            (&verification.target).into(),
        ],
    )?;
    Ok(())
}

/// Frees the place of a verification, if it is (still) there.
pub fn vacate(tx: &mut Tx<'_>, verification: &Verification) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM verify_open WHERE service = ? AND target = ? AND verification = ?",
        &[
            (&verification.service).into(),
            (&verification.target).into(),
            (&verification.sid).into(),
        ],
    )?;
    Ok(())
}

/// Writes a new verification.
pub fn insert(tx: &mut Tx<'_>, new: &Verification) -> Result<(), StoreError> {
    let account = new.account.bytes();
    let kept = new.kept.as_ref();
    tx.execute(
        "INSERT INTO verify_verifications (sid, account, service, target, country, channel, \
         status, sends, checks, created_at, updated_at, expires_at, event, event_seq, salt, code, \
         digest, length, amount, payee, locale, tags, lookup) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        &[
            (&new.sid).into(),
            (&account).into(),
            (&new.service).into(),
            (&new.target).into(),
            (&new.country).into(),
            new.channel.name().into(),
            Value::Int(new.status as i64),
            new.sends.into(),
            new.checks.into(),
            new.created_at.into(),
            new.updated_at.into(),
            new.expires_at.into(),
            new.event.0.into(),
            new.event.1.into(),
            kept.map(|kept| &kept.salt).into(),
            kept.map(|kept| &kept.sealed).into(),
            kept.map(|kept| &kept.digest).into(),
            new.length.into(),
            new.payment.as_ref().map(|(amount, _)| amount).into(),
            new.payment.as_ref().map(|(_, payee)| payee).into(),
            (&new.locale).into(),
            new.tags.as_ref().into(),
            new.lookup.as_ref().into(),
        ],
    )?;
    Ok(())
}

/// Takes a verification's row until the commit, so that what follows sees whatever ended it.
pub fn hold(tx: &mut Tx<'_>, sid: [u8; 16]) -> Result<(), StoreError> {
    let sql = "UPDATE verify_verifications SET checks = checks WHERE sid = ?";
    tx.execute(sql, &[(&sid).into()])?;
    Ok(())
}

/// Counts one try of a code, if it has one left. One statement, so that however many come at
/// once, no more are counted than there are.
pub fn count_check(tx: &mut Tx<'_>, sid: [u8; 16], most: i64) -> Result<bool, StoreError> {
    let now = tx.now();
    let sql = "UPDATE verify_verifications SET checks = checks + 1, updated_at = ? \
               WHERE sid = ? AND status = 0 AND checks < ? AND expires_at > ?";
    Ok(tx.execute(sql, &[now.into(), (&sid).into(), most.into(), now.into()])? == 1)
}

/// Writes that the code was sent again.
pub fn sent_again(tx: &mut Tx<'_>, verification: &Verification) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE verify_verifications SET sends = ?, channel = ?, updated_at = ?, locale = ? \
         WHERE sid = ?",
        &[
            verification.sends.into(),
            verification.channel.name().into(),
            verification.updated_at.into(),
            (&verification.locale).into(),
            (&verification.sid).into(),
        ],
    )?;
    Ok(())
}

/// Ends a verification, and destroys its code.
pub fn end(
    tx: &mut Tx<'_>,
    sid: [u8; 16],
    status: Status,
    event: (i64, i64),
) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(
        "UPDATE verify_verifications SET status = ?, updated_at = ?, event = ?, event_seq = ?, \
         salt = NULL, code = NULL, digest = NULL WHERE sid = ?",
        &[Value::Int(status as i64), now.into(), event.0.into(), event.1.into(), (&sid).into()],
    )?;
    Ok(())
}

/// The verifications that run at a service.
pub fn running_at(query: &mut impl Query, service: [u8; 16]) -> Result<Vec<[u8; 16]>, StoreError> {
    let sql = "SELECT verification FROM verify_open WHERE service = ? ORDER BY target";
    let found = query.rows(sql, &[(&service).into()], |row| row.blob_or_null(0))?;
    Ok(found.into_iter().flatten().filter_map(|sid| sid.try_into().ok()).collect())
}

fn from_row(row: &Row<'_>) -> Result<Verification, StoreError> {
    let salt = row.blob_or_null(14)?.and_then(|salt| <[u8; 16]>::try_from(salt).ok());
    let kept = match (salt, row.blob_or_null(15)?, row.blob_or_null(16)?) {
        (Some(salt), Some(sealed), Some(digest)) => Some(Kept { salt, sealed, digest }),
        _ => None,
    };
    Ok(Verification {
        sid: row.bytes16(0)?,
        account: row.sid(1)?,
        service: row.bytes16(2)?,
        target: row.text(3)?,
        country: row.text(4)?,
        channel: kind(&row.text(5)?)?,
        status: Status::from_number(row.int(6)?)
            .ok_or(StoreError::Corrupt("an unknown status of a verification"))?,
        sends: row.int(7)?,
        checks: row.int(8)?,
        created_at: row.instant(9)?,
        updated_at: row.instant(10)?,
        expires_at: row.instant(11)?,
        event: (row.int(12)?, row.int(13)?),
        kept,
        length: row.int(17)?,
        payment: row.text_or_null(18)?.zip(row.text_or_null(19)?),
        locale: row.text(20)?,
        tags: row.text_or_null(21)?,
        lookup: row.text_or_null(22)?,
    })
}

fn kind(name: &str) -> Result<Kind, StoreError> {
    Kind::from_name(name).ok_or(StoreError::Corrupt("an unknown channel"))
}

/// Counts one request in a bucket's running interval, or begins the next one. Answers how many
/// that makes.
pub fn count_limit(
    tx: &mut Tx<'_>,
    bucket: [u8; 16],
    counted: [u8; 16],
    ends_at: Instant,
) -> Result<i64, StoreError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO verify_limits (bucket, counted, ends_at, count) VALUES (?, ?, ?, 1) \
         ON CONFLICT (bucket, counted) DO UPDATE SET \
         count = CASE WHEN verify_limits.ends_at <= ? THEN 1 ELSE verify_limits.count + 1 END, \
         ends_at = CASE WHEN verify_limits.ends_at <= ? THEN excluded.ends_at \
         ELSE verify_limits.ends_at END",
        &[(&bucket).into(), (&counted).into(), ends_at.into(), now.into(), now.into()],
    )?;
    let sql = "SELECT count FROM verify_limits WHERE bucket = ? AND counted = ?";
    let found = tx.row(sql, &[(&bucket).into(), (&counted).into()], |row| row.int(0))?;
    Ok(found.unwrap_or_default())
}

/// Forgets what is counted no longer, and what ended before the instant that is kept.
pub fn forget(tx: &mut Tx<'_>, before: Option<Instant>) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute("DELETE FROM verify_limits WHERE ends_at <= ?", &[now.into()])?;
    let Some(before) = before else { return Ok(()) };
    let sid = base::EventSid::new(before, [0; 10]).bytes();
    tx.execute("DELETE FROM verify_attempts WHERE sid < ?", &[(&sid).into()])?;
    let sql = "DELETE FROM verify_verifications WHERE sid < ? AND status <> 0";
    tx.execute(sql, &[(&sid).into()])?;
    Ok(())
}
