//! The SQL of deliveries and their attempts.

use ::store::{Migration, Query, Row, StoreError, Tx, Value};
use base::{AccountSid, AnySid, Instant, MasterKey, ObjectKey, Params, Sid, signature};

/// Fields of a webhook's form at most.
const FIELDS_MAX: usize = 1_000;

/// The tables of this product.
pub const MIGRATIONS: &[Migration] = &[Migration {
    name: "webhooks/1",
    sql: "
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
    ",
}];

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
}

const INSERT: &str = "INSERT INTO deliveries (object, object_seq, account, url, salt, request, \
                      state, due_at, attempts, duration_us, status, error) \
                      VALUES (?, ?, ?, ?, ?, ?, 0, ?, 0, 0, 0, 0)";

/// Writes new deliveries.
pub fn insert(tx: &mut Tx<'_>, deliveries: &[Delivery]) -> Result<(), StoreError> {
    let keys: Vec<([u8; 18], [u8; 16])> = deliveries
        .iter()
        .map(|delivery| (delivery.object.to_bytes18(), delivery.account.bytes()))
        .collect();
    let mut values = Vec::with_capacity(deliveries.len() * 7);
    for (delivery, (object, account)) in deliveries.iter().zip(&keys) {
        values.extend([
            Value::Blob(object),
            delivery.object_seq.into(),
            Value::Blob(account),
            (&delivery.url).into(),
            delivery.salt.as_ref().into(),
            (&delivery.sealed).into(),
            delivery.due_at.into(),
        ]);
    }
    tx.execute_many(INSERT, 7, &values)?;
    Ok(())
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
    Ok(())
}

const COLUMNS: &str = "account, object, object_seq, url, request, salt, due_at, attempts";

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

/// Destroys the key of an object's recorded requests: what was sealed stays unreadable.
pub fn redact(tx: &mut Tx<'_>, object: AnySid) -> Result<(), StoreError> {
    let object = object.to_bytes18();
    tx.execute("UPDATE deliveries SET salt = NULL WHERE object = ?", &[(&object).into()])?;
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
        request,
        sorted: signature::sorted(form.iter()),
        sealed,
        salt,
        due_at: row.instant(6)?,
        attempts: u32::try_from(row.int(7)?).unwrap_or_default(),
    })
}
