//! Parts of inbound texts that wait for the others.

use ::store::{Query, StoreError, Tx, Value};
use base::Instant;
use smpp::udh::Part;

/// A part, its text sealed.
#[derive(Clone, Debug)]
pub struct InboundPart {
    /// The handset's number.
    pub from: String,
    /// One of our numbers.
    pub to: String,
    /// Which part of which whole.
    pub part: Part,
    /// When it came; set by `insert_part`.
    pub received_at: Instant,
    /// Salt of the key under which the text is sealed.
    pub salt: [u8; 16],
    /// The sealed text.
    pub body: Vec<u8>,
}

/// Keeps a part. The same part again changes nothing.
pub fn insert_part(tx: &mut Tx<'_>, part: &InboundPart) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO inbound_parts (sender, recipient, reference, parts, part, received_at, salt, \
         body) VALUES (?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (sender, recipient, reference, parts, part) DO NOTHING",
        &[
            (&part.from).into(),
            (&part.to).into(),
            Value::Int(part.part.reference.into()),
            Value::Int(part.part.total.into()),
            Value::Int(part.part.index.into()),
            now.into(),
            (&part.salt).into(),
            (&part.body).into(),
        ],
    )?;
    Ok(())
}

/// The parts of one whole that are here, in order.
pub fn parts_from(
    query: &mut impl Query,
    from: &str,
    to: &str,
    whole: Part,
) -> Result<Vec<InboundPart>, StoreError> {
    let sql = "SELECT part, received_at, salt, body FROM inbound_parts WHERE sender = ? \
               AND recipient = ? AND reference = ? AND parts = ? ORDER BY part";
    let row = [
        from.into(),
        to.into(),
        Value::Int(whole.reference.into()),
        Value::Int(whole.total.into()),
    ];
    query.rows(sql, &row, |row| {
        let index =
            u8::try_from(row.int(0)?).map_err(|_| StoreError::Corrupt("a part's number"))?;
        Ok(InboundPart {
            from: from.to_owned(),
            to: to.to_owned(),
            part: Part { index, ..whole },
            received_at: row.instant(1)?,
            salt: row.bytes16(2)?,
            body: row.blob(3)?,
        })
    })
}

/// Removes the parts of one whole.
pub fn remove_parts(tx: &mut Tx<'_>, from: &str, to: &str, whole: Part) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM inbound_parts WHERE sender = ? AND recipient = ? AND reference = ? \
         AND parts = ?",
        &[
            from.into(),
            to.into(),
            Value::Int(whole.reference.into()),
            Value::Int(whole.total.into()),
        ],
    )?;
    Ok(())
}
