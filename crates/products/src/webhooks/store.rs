//! The SQL of deliveries and their attempts.

mod list;

pub use list::newest;

use ::store::{Migration, Query, Row, StoreError, Tx, Value, job};
use base::{AccountSid, AnySid, Instant, MasterKey, ObjectKey, Params, Sid, signature};

use crate::webhooks::alerts::{self, NewAlert};

/// Fields of a webhook's form at most.
pub const FIELDS_MAX: usize = 1_000;

/// The tables of this product.
pub const MIGRATIONS: &[Migration] = &[
    Migration { name: "webhooks/1", sql: DELIVERIES },
    Migration { name: "webhooks/2", sql: list::FAILED },
    Migration { name: "webhooks/3", sql: BY_GET },
];

const DELIVERIES: &str = "
    CREATE TABLE deliveries (
        object {blob} NOT NULL,
        object_seq {int} NOT NULL,
        account {blob} NOT NULL,
        url {text} NOT NULL,
        salt {blob},
        request {blob} NOT NULL,
        state {int} NOT NULL,
        due_at {int},
        attempts {int} NOT NULL,
        started_at {int},
        duration_us {int} NOT NULL,
        status {int} NOT NULL,
        error {int} NOT NULL,
        answer {blob},
        PRIMARY KEY (object, object_seq)
    ) {clustered};
    CREATE INDEX deliveries_due ON deliveries (due_at, object, object_seq)
        WHERE due_at IS NOT NULL;
    CREATE TABLE delivery_attempts (
        object {blob} NOT NULL,
        object_seq {int} NOT NULL,
        attempt {int} NOT NULL,
        started_at {int} NOT NULL,
        duration_us {int} NOT NULL,
        status {int} NOT NULL,
        error {int} NOT NULL,
        answer {blob},
        PRIMARY KEY (object, object_seq, attempt)
    ) {clustered};
    ";

const BY_GET: &str = "ALTER TABLE deliveries ADD COLUMN by_get {int} NOT NULL DEFAULT 0;";

/// A delivery that has to be made.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Whose it is.
    pub account: AccountSid,
    /// What it is about.
    pub object: AnySid,
    /// Its place among the object's events.
    pub object_seq: i64,
    /// Where to, with its overrides in the fragment.
    pub url: String,
    /// By GET instead of POST: the form is the query, and the address is signed with it.
    pub get: bool,
    /// The form, encoded; empty after redaction.
    pub request: String,
    /// The same as it is signed.
    pub sorted: String,
    /// The same, sealed under the object's key.
    pub sealed: Vec<u8>,
    /// Salt of the object's key; `None` after redaction.
    pub salt: Option<[u8; 16]>,
    /// Not before.
    pub due_at: Instant,
    /// How often it was tried.
    pub attempts: u32,
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It will be tried (again).
    Waiting = 0,
    /// The application answered with success.
    Delivered = 1,
    /// Its policy gave up.
    Exhausted = 2,
}

/// One try, as it is recorded.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Whose delivery it is.
    pub account: AccountSid,
    /// What the delivery is about.
    pub object: AnySid,
    /// The delivery's place.
    pub object_seq: i64,
    /// Which try, from 1.
    pub number: u32,
    /// When it began.
    pub started_at: Instant,
    /// How long it took, in microseconds.
    pub duration_us: i64,
    /// The HTTP status, or 0 when there was no answer.
    pub status: u16,
    /// Twilio's code for the failure, or 0.
    pub error: u32,
    /// The answer's beginning, sealed.
    pub answer: Option<Vec<u8>>,
    /// What follows from it.
    pub state: State,
    /// When it will be tried again.
    pub due_at: Option<Instant>,
    /// What is told to the account when it was the last one, and failed.
    pub alert: Option<NewAlert>,
}

const INSERT: &str = "INSERT INTO deliveries (object, object_seq, account, url, salt, request, \
                      by_get, state, due_at, attempts, duration_us, status, error) \
                      VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, 0, 0, 0, 0)";

/// Writes new deliveries.
pub fn insert(tx: &mut Tx<'_>, deliveries: &[Delivery]) -> Result<(), StoreError> {
    let keys: Vec<([u8; 18], [u8; 16])> = deliveries
        .iter()
        .map(|delivery| (delivery.object.to_bytes18(), delivery.account.bytes()))
        .collect();
    let mut values = Vec::with_capacity(deliveries.len() * 8);
    for (delivery, (object, account)) in deliveries.iter().zip(&keys) {
        values.extend([
            Value::Blob(object),
            delivery.object_seq.into(),
            Value::Blob(account),
            (&delivery.url).into(),
            delivery.salt.as_ref().into(),
            (&delivery.sealed).into(),
            delivery.get.into(),
            delivery.due_at.into(),
        ]);
    }
    tx.execute_many(INSERT, 8, &values)?;
    Ok(())
}

/// The next free place among what is told, and asked, of an object.
pub fn next_place(tx: &mut Tx<'_>, object: AnySid) -> Result<i64, StoreError> {
    let sql = "SELECT COALESCE(MAX(object_seq), 0) FROM deliveries WHERE object = ?";
    let last = tx.row(sql, &[(&object.to_bytes18()).into()], |row| row.int(0))?;
    Ok(last.unwrap_or_default() + 1)
}

/// Records tries. A success at once stays one row; a try that failed is kept in a row of its own
/// beside the delivery.
pub fn record(tx: &mut Tx<'_>, attempts: &[Attempt]) -> Result<(), StoreError> {
    let objects: Vec<[u8; 18]> = attempts.iter().map(|a| a.object.to_bytes18()).collect();
    let mut updates = Vec::with_capacity(attempts.len() * 10);
    let mut failures = Vec::new();
    for (attempt, object) in attempts.iter().zip(&objects) {
        updates.extend([
            Value::Int(attempt.state as i64),
            attempt.due_at.into(),
            attempt.number.into(),
            attempt.started_at.into(),
            attempt.duration_us.into(),
            u32::from(attempt.status).into(),
            attempt.error.into(),
            attempt.answer.as_ref().into(),
            Value::Blob(object),
            attempt.object_seq.into(),
        ]);
        if attempt.state != State::Delivered || attempt.number > 1 {
            failures.extend([
                Value::Blob(object),
                attempt.object_seq.into(),
                attempt.number.into(),
                attempt.started_at.into(),
                attempt.duration_us.into(),
                u32::from(attempt.status).into(),
                attempt.error.into(),
                attempt.answer.as_ref().into(),
            ]);
        }
    }
    tx.execute_many(
        "UPDATE deliveries SET state = ?, due_at = ?, attempts = ?, started_at = ?, \
         duration_us = ?, status = ?, error = ?, answer = ? WHERE object = ? AND object_seq = ?",
        10,
        &updates,
    )?;
    tx.execute_many(
        "INSERT INTO delivery_attempts (object, object_seq, attempt, started_at, duration_us, \
         status, error, answer) VALUES (?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (object, object_seq, attempt) DO NOTHING",
        8,
        &failures,
    )?;
    let alerts: Vec<NewAlert> = attempts.iter().filter_map(|a| a.alert.clone()).collect();
    alerts::raise(tx, &alerts)
}

const COLUMNS: &str = "account, object, object_seq, url, request, salt, due_at, attempts, by_get";

/// At least the `rows` waiting deliveries whose turn is next (all of them, when there are fewer),
/// and with each every other one of its object; each object's in order.
pub fn waiting(
    query: &mut impl Query,
    master: &MasterKey,
    rows: u32,
) -> Result<Vec<Delivery>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM deliveries WHERE due_at IS NOT NULL AND object IN \
         (SELECT object FROM deliveries WHERE due_at IS NOT NULL ORDER BY due_at, object \
         LIMIT {rows}) ORDER BY object, object_seq"
    );
    query.rows(&sql, &[], |row| from_row(row, master))
}

/// One delivery of an account.
pub fn find(
    query: &mut impl Query,
    master: &MasterKey,
    account: AccountSid,
    object: AnySid,
    object_seq: i64,
) -> Result<Option<Delivery>, StoreError> {
    // A delivery that ended has no due instant: it is due when it is sent again.
    let columns = COLUMNS.replace("due_at", "coalesce(due_at, 0)");
    let sql = format!(
        "SELECT {columns} FROM deliveries WHERE object = ? AND object_seq = ? AND account = ?"
    );
    let (object, account) = (object.to_bytes18(), account.bytes());
    let params = [(&object).into(), object_seq.into(), (&account).into()];
    query.row(&sql, &params, |row| from_row(row, master))
}

/// Makes a delivery due now, whatever became of it; its last try is kept.
pub fn again(tx: &mut Tx<'_>, delivery: Delivery) -> Result<Delivery, StoreError> {
    let (now, object) = (tx.now(), delivery.object.to_bytes18());
    let key: [Value<'_>; 2] = [(&object).into(), delivery.object_seq.into()];
    tx.execute(
        "INSERT INTO delivery_attempts (object, object_seq, attempt, started_at, duration_us, \
         status, error, answer) SELECT object, object_seq, attempts, started_at, duration_us, \
         status, error, answer FROM deliveries \
         WHERE object = ? AND object_seq = ? AND started_at IS NOT NULL \
         ON CONFLICT (object, object_seq, attempt) DO NOTHING",
        &key,
    )?;
    let sql = "UPDATE deliveries SET state = 0, due_at = ? WHERE object = ? AND object_seq = ?";
    tx.execute(sql, &[now.into(), (&object).into(), delivery.object_seq.into()])?;
    Ok(Delivery { due_at: now, ..delivery })
}

/// A delivery as it is recorded.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// What it is about.
    pub object: AnySid,
    /// Its place among the object's events.
    pub object_seq: i64,
    /// Where to.
    pub url: String,
    /// By GET instead of POST.
    pub get: bool,
    /// Salt of the object's key; `None` after redaction.
    pub salt: Option<[u8; 16]>,
    /// The form, sealed.
    pub request: Vec<u8>,
    /// How it stands.
    pub state: State,
    /// When it will be tried (again).
    pub due_at: Option<Instant>,
    /// Its last try.
    pub last: Option<Tried>,
}

/// A try that was made.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The delivery's place.
    pub object_seq: i64,
    /// Which try, from 1.
    pub number: i64,
    /// When it began.
    pub started_at: Instant,
    /// How long it took, in microseconds.
    pub duration_us: i64,
    /// The HTTP status; 0 when there was no answer.
    pub status: i64,
    /// Twilio's code for the failure; 0 when there was an answer.
    pub error: i64,
    /// The answer's beginning, sealed.
    pub answer: Option<Vec<u8>>,
}

/// An account's deliveries about one object, in order.
pub fn recorded(
    query: &mut impl Query,
    account: AccountSid,
    object: AnySid,
) -> Result<Vec<Recorded>, StoreError> {
    let sql = format!(
        "SELECT {RECORDED} FROM deliveries WHERE object = ? AND account = ? ORDER BY object_seq"
    );
    let (object, account) = (object.to_bytes18(), account.bytes());
    query.rows(&sql, &[(&object).into(), (&account).into()], recorded_from)
}

const RECORDED: &str = "object, object_seq, url, salt, request, state, due_at, attempts, \
                        started_at, duration_us, status, error, answer, by_get";

fn recorded_from(row: &Row<'_>) -> Result<Recorded, StoreError> {
    let tried = row.instant_or_null(8)?.is_some();
    Ok(Recorded {
        object: row.any_sid(0)?,
        object_seq: row.int(1)?,
        url: row.text(2)?,
        get: row.bool(13)?,
        salt: row.blob_or_null(3)?.and_then(|salt| salt.try_into().ok()),
        request: row.blob(4)?,
        state: match row.int(5)? {
            0 => State::Waiting,
            1 => State::Delivered,
            _ => State::Exhausted,
        },
        due_at: row.instant_or_null(6)?,
        last: tried.then(|| tried_from(row, 1, 7)).transpose()?,
    })
}

/// The tries about one object that have rows of their own, in order.
pub fn tries(query: &mut impl Query, object: AnySid) -> Result<Vec<Tried>, StoreError> {
    let sql = "SELECT object_seq, attempt, started_at, duration_us, status, error, answer \
               FROM delivery_attempts WHERE object = ? ORDER BY object_seq, attempt";
    query.rows(sql, &[(&object.to_bytes18()).into()], |row| tried_from(row, 0, 1))
}

/// The tries of one delivery, in order: those with rows of their own, and a success at once, which
/// stands in the delivery itself.
pub fn tries_of<'a>(delivery: &'a Recorded, tries: &'a [Tried]) -> Vec<&'a Tried> {
    let own = tries.iter().filter(|tried| tried.object_seq == delivery.object_seq);
    let last = delivery.last.iter().filter(|last| own.clone().all(|t| t.number != last.number));
    let mut all: Vec<&Tried> = own.clone().chain(last).collect();
    all.sort_by_key(|tried| tried.number);
    all
}

/// A try whose number is in `column`, and the rest after it.
fn tried_from(row: &Row<'_>, seq: usize, column: usize) -> Result<Tried, StoreError> {
    Ok(Tried {
        object_seq: row.int(seq)?,
        number: row.int(column)?,
        started_at: row.instant(column + 1)?,
        duration_us: row.int(column + 2)?,
        status: row.int(column + 3)?,
        error: row.int(column + 4)?,
        answer: row.blob_or_null(column + 5)?,
    })
}

/// Which deliveries are due at `until` or before.
pub fn due_until(query: &mut impl Query, until: Instant) -> Result<Vec<job::Due>, StoreError> {
    let sql = "SELECT object, object_seq, attempts, due_at FROM deliveries WHERE due_at <= ? \
               ORDER BY due_at, object, object_seq";
    query.rows(sql, &[until.into()], |row| {
        let key = [row.blob(0)?, row.int(1)?.to_be_bytes().to_vec()].concat();
        Ok((key, row.int(2)?, row.instant(3)?))
    })
}

/// Destroys the key of an object's recorded requests: what was sealed stays unreadable.
pub fn redact(tx: &mut Tx<'_>, object: AnySid) -> Result<(), StoreError> {
    let object = object.to_bytes18();
    tx.execute("UPDATE deliveries SET salt = NULL WHERE object = ?", &[(&object).into()])?;
    Ok(())
}

/// Forgets an object's deliveries and their tries.
pub fn forget(tx: &mut Tx<'_>, object: AnySid) -> Result<(), StoreError> {
    let object = object.to_bytes18();
    tx.execute("DELETE FROM delivery_attempts WHERE object = ?", &[(&object).into()])?;
    tx.execute("DELETE FROM deliveries WHERE object = ?", &[(&object).into()])?;
    Ok(())
}

fn from_row(row: &Row<'_>, master: &MasterKey) -> Result<Delivery, StoreError> {
    let sealed = row.blob(4)?;
    let salt: Option<[u8; 16]> = row.blob_or_null(5)?.and_then(|salt| salt.try_into().ok());
    let opened = salt.and_then(|salt| ObjectKey::derive(master, &salt).open(&sealed).ok());
    let request = opened.and_then(|plain| String::from_utf8(plain).ok()).unwrap_or_default();
    let form = Params::parse_form(request.as_bytes(), FIELDS_MAX).unwrap_or_default();
    Ok(Delivery {
        account: row.sid(0)?,
        object: row.any_sid(1)?,
        object_seq: row.int(2)?,
        url: row.text(3)?,
        get: row.bool(8)?,
        request,
        sorted: signature::sorted(form.iter()),
        sealed,
        salt,
        due_at: row.instant(6)?,
        attempts: u32::try_from(row.int(7)?).unwrap_or_default(),
    })
}
