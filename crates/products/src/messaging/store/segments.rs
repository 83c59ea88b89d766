//! Segments of messages that a carrier takes in several parts. A message of one part has none of
//! these rows: what is true of it stands in its own.

use ::store::{Query, Row, StoreError, Tx, Value};
use base::Sid;

use crate::carriers::Part;
use crate::messaging::model::{MessageKey, Status};

/// A segment that its carrier answered.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Of which message.
    pub key: MessageKey,
    /// Which one.
    pub part: Part,
    /// `Sent` until its receipt comes.
    pub status: Status,
    /// Why it failed; 0 when it did not.
    pub error: u32,
    /// The carrier's reference while its receipt is open.
    pub carrier_ref: Option<String>,
}

const COLUMNS: &str = "account, sid, part, parts, status, error, carrier_ref";

/// Writes segments that were just answered.
pub fn insert_segments(tx: &mut Tx<'_>, segments: &[Segment]) -> Result<(), StoreError> {
    let keys: Vec<_> =
        segments.iter().map(|s| (s.key.account.bytes(), s.key.sid.bytes())).collect();
    let mut values = Vec::with_capacity(segments.len() * 7);
    for (segment, (account, sid)) in segments.iter().zip(&keys) {
        values.extend([
            Value::Blob(account),
            Value::Blob(sid),
            Value::Int(segment.part.index.into()),
            Value::Int(segment.part.of.into()),
            Value::Int(segment.status.number()),
            segment.error.into(),
            segment.carrier_ref.as_ref().into(),
        ]);
    }
    tx.execute_many(
        "INSERT INTO segments (account, sid, part, parts, status, error, carrier_ref) \
         VALUES (?, ?, ?, ?, ?, ?, ?)",
        7,
        &values,
    )?;
    Ok(())
}

/// The segments of a message that were answered, in order.
pub fn segments_of(query: &mut impl Query, key: MessageKey) -> Result<Vec<Segment>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM segments WHERE account = ? AND sid = ? ORDER BY part");
    query.rows(&sql, &[(&key.account.bytes()).into(), (&key.sid.bytes()).into()], from_row)
}

/// The open segments to which a carrier gave these references.
pub fn find_segments(
    query: &mut impl Query,
    references: &[&str],
) -> Result<Vec<Option<Segment>>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM segments WHERE carrier_ref = ?");
    let values: Vec<Value<'_>> = references.iter().map(|text| (*text).into()).collect();
    query.row_each(&sql, 1, &values, from_row)
}

/// Writes the last word on segments.
pub fn settle_segments(tx: &mut Tx<'_>, segments: &[Segment]) -> Result<(), StoreError> {
    let keys: Vec<_> =
        segments.iter().map(|s| (s.key.account.bytes(), s.key.sid.bytes())).collect();
    let mut values = Vec::with_capacity(segments.len() * 6);
    for (segment, (account, sid)) in segments.iter().zip(&keys) {
        values.extend([
            Value::Int(segment.status.number()),
            segment.error.into(),
            segment.carrier_ref.as_ref().into(),
            Value::Blob(account),
            Value::Blob(sid),
            Value::Int(segment.part.index.into()),
        ]);
    }
    tx.execute_many(
        "UPDATE segments SET status = ?, error = ?, carrier_ref = ? \
         WHERE account = ? AND sid = ? AND part = ?",
        6,
        &values,
    )?;
    Ok(())
}

fn from_row(row: &Row<'_>) -> Result<Segment, StoreError> {
    let small = |column: usize| {
        u8::try_from(row.int(column)?).map_err(|_| StoreError::Corrupt("a segment's number"))
    };
    let status =
        Status::from_number(row.int(4)?).ok_or(StoreError::Corrupt("a segment's status"))?;
    Ok(Segment {
        key: MessageKey { account: row.sid(0)?, sid: row.sid(1)? },
        part: Part { index: small(2)?, of: small(3)? },
        status,
        error: u32::try_from(row.int(5)?).unwrap_or_default(),
        carrier_ref: row.text_or_null(6)?,
    })
}
