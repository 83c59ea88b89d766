//! The SQL of those who wait in queues.

use ::store::{Query, Row, StoreError, Tx, Value};
use base::{AccountSid, AnySid, CallSid, Instant, QueueSid, Sid};

use crate::voice::model::CallKey;

pub(super) const TABLES: &str = "
    CREATE TABLE queue_members (
        queue {blob} NOT NULL,
        call {blob} NOT NULL,
        account {blob} NOT NULL,
        since {int} NOT NULL,
        node {text} NOT NULL,
        PRIMARY KEY (queue, call)
    ) {clustered};
    ";

/// Callers in a queue at most that are read at once.
const MEMBERS_MAX: u32 = 5_000;

/// One who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Who.
    pub call: CallSid,
    /// Since when.
    pub since: Instant,
}

/// Somebody waits from now on, or again.
pub fn join(
    tx: &mut Tx<'_>,
    node: &str,
    call: CallKey,
    queue: QueueSid,
    since: Instant,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO queue_members (queue, call, account, since, node) VALUES (?, ?, ?, ?, ?) \
         ON CONFLICT (queue, call) DO UPDATE SET since = excluded.since",
        &[
            (&queue.bytes()).into(),
            (&call.sid.bytes()).into(),
            (&call.account.bytes()).into(),
            since.into(),
            node.into(),
        ],
    )?;
    Ok(())
}

/// Somebody waits no longer.
pub fn leave(tx: &mut Tx<'_>, call: CallSid, queue: QueueSid) -> Result<(), StoreError> {
    let (queue, call) = (queue.bytes(), call.bytes());
    let row: [Value<'_>; 2] = [(&queue).into(), (&call).into()];
    tx.execute("DELETE FROM queue_members WHERE queue = ? AND call = ?", &row)?;
    Ok(())
}

/// Nobody of a node waits any more: it has just begun.
pub fn forget_node(tx: &mut Tx<'_>, node: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM queue_members WHERE node = ?", &[node.into()])?;
    Ok(())
}

/// Who waits in an account's queue, the first in line first.
pub fn members(
    query: &mut impl Query,
    account: AccountSid,
    queue: QueueSid,
) -> Result<Vec<Waiting>, StoreError> {
    let sql = format!(
        "SELECT call, since FROM queue_members WHERE queue = ? AND account = ? \
         ORDER BY since, call LIMIT {MEMBERS_MAX}"
    );
    let read = |row: &Row<'_>| Ok(Waiting { call: row.sid(0)?, since: row.instant(1)? });
    query.rows(&sql, &[(&queue.bytes()).into(), (&account.bytes()).into()], read)
}

/// How many wait in a queue, and for how many seconds on average.
pub fn size(query: &mut impl Query, queue: AnySid, now: Instant) -> Result<(u64, u64), StoreError> {
    let sql = format!("SELECT since FROM queue_members WHERE queue = ? LIMIT {MEMBERS_MAX}");
    let since = query.rows(&sql, &[(&queue.bytes).into()], |row| row.instant(0))?;
    let count = since.len() as u64;
    let waited: u64 = since.into_iter().map(|at| now.since(at).as_secs()).sum();
    Ok((count, waited.checked_div(count).unwrap_or_default()))
}
