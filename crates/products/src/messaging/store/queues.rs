//! Messages that wait: the queues of carriers, windows of submissions, receipts that came early.

use std::collections::BTreeMap;

use ::store::{Query, StoreError, Tx, Value, job};
use base::{Instant, Sid};

use super::{COLUMNS, from_row};
use crate::messaging::model::{Flags, Message, MessageKey, Status};

/// Messages that wait in the queues `from..to` and are due, the longest waiting first.
pub fn waiting(
    query: &mut impl Query,
    queues: std::ops::Range<i64>,
    due_at: Instant,
    limit: u32,
) -> Result<Vec<Message>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM messages WHERE queue >= ? AND queue < ? AND due_at <= ? \
         ORDER BY queue, due_at, sid LIMIT {limit}"
    );
    query.rows(&sql, &[queues.start.into(), queues.end.into(), due_at.into()], from_row)
}

/// Puts a queued message that waits nowhere yet into a queue. `false` when it is none.
pub fn enqueue(tx: &mut Tx<'_>, key: MessageKey, queue: i64) -> Result<bool, StoreError> {
    let now = tx.now();
    let sql = "UPDATE messages SET queue = ?, due_at = ? \
               WHERE account = ? AND sid = ? AND status = ? AND queue IS NULL";
    let (account, sid) = (key.account.bytes(), key.sid.bytes());
    let status = Status::Queued.number().into();
    let params = [queue.into(), now.into(), (&account).into(), (&sid).into(), status];
    Ok(tx.execute(sql, &params)? == 1)
}

/// Which messages wait and are due at `until` or before, whatever their queue.
pub fn due_until(query: &mut impl Query, until: Instant) -> Result<Vec<job::Due>, StoreError> {
    let sql = "SELECT sid, due_at FROM messages WHERE queue IS NOT NULL AND due_at <= ? \
               ORDER BY due_at, sid";
    query.rows(sql, &[until.into()], |row| Ok((row.blob(0)?, 0, row.instant(1)?)))
}

/// When the next message of these queues that is not due at `after` will be.
pub fn next_waiting(
    query: &mut impl Query,
    queues: std::ops::Range<i64>,
    after: Instant,
) -> Result<Option<Instant>, StoreError> {
    let sql = "SELECT min(due_at) FROM messages WHERE queue >= ? AND queue < ? AND due_at > ?";
    let params = [queues.start.into(), queues.end.into(), after.into()];
    Ok(query.row(sql, &params, |row| row.instant_or_null(0))?.flatten())
}

/// Takes the parked receipts of these references: status and error of each that came early.
pub fn take_parked(
    tx: &mut Tx<'_>,
    references: &[&str],
) -> Result<BTreeMap<String, (Status, u32)>, StoreError> {
    let mut taken = BTreeMap::new();
    let any = "SELECT 1 FROM parked_receipts LIMIT 1";
    if references.is_empty() || tx.row(any, &[], |row| row.int(0))?.is_none() {
        return Ok(taken);
    }
    let values: Vec<Value<'_>> = references.iter().map(|text| (*text).into()).collect();
    let sql = "SELECT carrier_ref, status, error FROM parked_receipts WHERE carrier_ref = ?";
    let found = tx.row_each(sql, 1, &values, |row| Ok((row.text(0)?, row.int(1)?, row.int(2)?)))?;
    for (reference, status, error) in found.into_iter().flatten() {
        let status = Status::from_number(status).ok_or(StoreError::Corrupt("a parked status"))?;
        taken.insert(reference, (status, u32::try_from(error).unwrap_or_default()));
    }
    let values: Vec<Value<'_>> = taken.keys().map(Value::from).collect();
    tx.execute_many("DELETE FROM parked_receipts WHERE carrier_ref = ?", 1, &values)?;
    Ok(taken)
}

/// Writes down which messages are about to be handed to the carrier.
pub fn open_window(tx: &mut Tx<'_>, keys: &[MessageKey]) -> Result<[u8; 16], StoreError> {
    let id = tx.new_sid::<base::EventSid>().bytes();
    let packed: Vec<u8> = keys.iter().flat_map(|key| key.to_bytes()).collect();
    tx.execute(
        "INSERT INTO submit_windows (id, messages) VALUES (?, ?)",
        &[(&id).into(), (&packed).into()],
    )?;
    Ok(id)
}

/// Forgets windows whose messages were all answered.
pub fn close_windows(tx: &mut Tx<'_>, ids: &[[u8; 16]]) -> Result<(), StoreError> {
    let values: Vec<Value<'_>> = ids.iter().map(Value::from).collect();
    tx.execute_many("DELETE FROM submit_windows WHERE id = ?", 1, &values)?;
    Ok(())
}

/// The messages of windows that are still written down.
pub fn open_windows(query: &mut impl Query) -> Result<Vec<MessageKey>, StoreError> {
    let packed =
        query.rows("SELECT messages FROM submit_windows ORDER BY id", &[], |row| row.blob(0))?;
    let keys = packed.iter().flat_map(|blob| blob.chunks_exact(32));
    Ok(keys.filter_map(|bytes| MessageKey::from_bytes(bytes.try_into().ok()?)).collect())
}

/// Sets the marks and the due instant of messages that wait.
pub fn mark_waiting(
    tx: &mut Tx<'_>,
    marks: &[(MessageKey, Flags, Instant)],
) -> Result<(), StoreError> {
    let keys: Vec<_> = marks.iter().map(|(k, ..)| (k.account.bytes(), k.sid.bytes())).collect();
    let mut values = Vec::with_capacity(marks.len() * 4);
    for ((_, flags, due_at), (account, sid)) in marks.iter().zip(&keys) {
        values.extend([
            Value::Int(flags.0),
            (*due_at).into(),
            Value::Blob(account),
            Value::Blob(sid),
        ]);
    }
    tx.execute_many(
        "UPDATE messages SET flags = ?, due_at = ? \
         WHERE account = ? AND sid = ? AND queue IS NOT NULL",
        4,
        &values,
    )?;
    Ok(())
}

/// Puts messages that wait off to a later instant.
pub fn put_off(tx: &mut Tx<'_>, keys: &[(MessageKey, Instant)]) -> Result<(), StoreError> {
    let bytes: Vec<_> = keys.iter().map(|(k, _)| (k.account.bytes(), k.sid.bytes())).collect();
    let mut values = Vec::with_capacity(keys.len() * 3);
    for ((_, due_at), (account, sid)) in keys.iter().zip(&bytes) {
        values.extend([(*due_at).into(), Value::Blob(account), Value::Blob(sid)]);
    }
    tx.execute_many(
        "UPDATE messages SET due_at = ? WHERE account = ? AND sid = ? AND queue IS NOT NULL",
        3,
        &values,
    )?;
    Ok(())
}

/// Forgets every window: what was in them is marked.
pub fn forget_windows(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    tx.execute("DELETE FROM submit_windows", &[])?;
    Ok(())
}

/// Moves a message that waits to another queue. `false` when it does not wait any more.
pub fn requeue(tx: &mut Tx<'_>, key: MessageKey, queue: i64) -> Result<bool, StoreError> {
    let sql = "UPDATE messages SET queue = ? WHERE account = ? AND sid = ? AND queue IS NOT NULL";
    let (account, sid) = (key.account.bytes(), key.sid.bytes());
    Ok(tx.execute(sql, &[queue.into(), (&account).into(), (&sid).into()])? == 1)
}

/// The queue that a message waits in.
pub fn queue_of(query: &mut impl Query, key: MessageKey) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT queue FROM messages WHERE account = ? AND sid = ?";
    let (account, sid) = (key.account.bytes(), key.sid.bytes());
    Ok(query.row(sql, &[(&account).into(), (&sid).into()], |row| row.int_or_null(0))?.flatten())
}
