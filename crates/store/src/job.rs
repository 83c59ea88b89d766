//! Jobs: work that must follow a change, written in its transaction and done later.

use base::{AccountSid, Instant, Sid};

use crate::{Query, Row, StoreError, Tx, Value};

/// A key of a job: time-ordered, so that insertion stays local.
pub type JobId = [u8; 16];

/// A job as it stands in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its key.
    pub id: JobId,
    /// Whose it is.
    pub account: AccountSid,
    /// `product.job`: decides who runs it.
    pub kind: String,
    /// Not to be run before this instant.
    pub due_at: Instant,
    /// How often it was tried.
    pub attempts: i64,
    /// What its kind needs to know; sids and facts, never bodies.
    pub payload: String,
}

const INSERT: &str = "INSERT INTO jobs (id, account, kind, due_at, attempts, payload) \
                      VALUES (?, ?, ?, ?, 0, ?)";

/// Writes a job that is due at `due_at`, and answers its key.
pub fn add(
    tx: &mut Tx<'_>,
    account: AccountSid,
    kind: &str,
    due_at: Instant,
    payload: &str,
) -> Result<JobId, StoreError> {
    let id = tx.new_sid::<base::EventSid>().bytes();
    let owner = account.bytes();
    let row: [Value<'_>; 5] =
        [(&id).into(), (&owner).into(), kind.into(), due_at.into(), payload.into()];
    tx.execute(INSERT, &row)?;
    Ok(id)
}

/// Something in a table that is to be tried at an instant: its key, its tries so far, and when.
pub type Due = (Vec<u8>, i64, Instant);

/// Which jobs are due at `until` or before: what `dev` waits for when it advances the clock.
pub fn due_until(query: &mut impl Query, until: Instant) -> Result<Vec<Due>, StoreError> {
    let sql = "SELECT id, attempts, due_at FROM jobs WHERE due_at <= ? ORDER BY due_at, id";
    query.rows(sql, &[until.into()], |row| Ok((row.blob(0)?, row.int(1)?, row.instant(2)?)))
}

/// The jobs that are due at `now`, the longest waiting first.
pub fn due(query: &mut impl Query, now: Instant, limit: u32) -> Result<Vec<Job>, StoreError> {
    let sql = format!(
        "SELECT id, account, kind, due_at, attempts, payload FROM jobs WHERE due_at <= ? \
         ORDER BY due_at, id LIMIT {limit}"
    );
    query.rows(&sql, &[now.into()], from_row)
}

/// When the next job is due.
pub fn next_due(query: &mut impl Query) -> Result<Option<Instant>, StoreError> {
    Ok(query.row("SELECT min(due_at) FROM jobs", &[], |row| row.instant_or_null(0))?.flatten())
}

/// Removes a job that is done.
pub fn done(tx: &mut Tx<'_>, id: &JobId) -> Result<(), StoreError> {
    tx.execute("DELETE FROM jobs WHERE id = ?", &[id.into()])?;
    Ok(())
}

/// Puts a job off to `due_at` after a try that failed.
pub fn put_off(tx: &mut Tx<'_>, id: &JobId, due_at: Instant) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE jobs SET due_at = ?, attempts = attempts + 1 WHERE id = ?",
        &[due_at.into(), id.into()],
    )?;
    Ok(())
}

fn from_row(row: &Row<'_>) -> Result<Job, StoreError> {
    Ok(Job {
        id: row.bytes16(0)?,
        account: row.sid(1)?,
        kind: row.text(2)?,
        due_at: row.instant(3)?,
        attempts: row.int(4)?,
        payload: row.text(5)?,
    })
}

/// When the next job that is not due at `after` will be.
pub fn next_due_after(
    query: &mut impl Query,
    after: Instant,
) -> Result<Option<Instant>, StoreError> {
    let sql = "SELECT min(due_at) FROM jobs WHERE due_at > ?";
    Ok(query.row(sql, &[after.into()], |row| row.instant_or_null(0))?.flatten())
}
