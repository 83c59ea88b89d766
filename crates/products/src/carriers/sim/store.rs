//! The SQL of handsets: their inboxes, and the receipts that the carrier owes.

use ::store::{Migration, Query, Row, StoreError, Tx, Value, job};
use base::{HandsetMessageSid, Instant, Sid};

/// The carrier's own tables.
pub const MIGRATIONS: &[Migration] = &[Migration {
    name: "carriers.sim/1",
    sql: "
    CREATE TABLE handset_messages (
        sid {blob} NOT NULL PRIMARY KEY,
        handset {text} NOT NULL,
        peer {text} NOT NULL,
        outgoing {int} NOT NULL,
        body {text} NOT NULL,
        media {text} NOT NULL,
        received_at {int} NOT NULL
    ) {clustered};
    CREATE INDEX handset_messages_by_handset ON handset_messages (handset, sid);
    CREATE TABLE handset_receipts (
        id {blob} NOT NULL PRIMARY KEY,
        due_at {int} NOT NULL,
        receipts {blob} NOT NULL
    ) {clustered};
    ",
}];

/// A message on a handset.
#[derive(Clone, Debug)]
pub struct HandsetMessage {
    /// The carrier's id of it.
    pub sid: HandsetMessageSid,
    /// The handset's number.
    pub handset: String,
    /// The other side.
    pub peer: String,
    /// Whether the handset sent it.
    pub outgoing: bool,
    /// The text.
    pub body: String,
    /// Addresses of media.
    pub media: Vec<String>,
    /// When it arrived.
    pub received_at: Instant,
}

const INSERT: &str = "INSERT INTO handset_messages (sid, handset, peer, outgoing, body, media, \
                      received_at) VALUES (?, ?, ?, ?, ?, ?, ?)";
const INSERT_WIDTH: usize = 7;

/// Puts messages into inboxes.
pub(super) fn insert(tx: &mut Tx<'_>, messages: &[HandsetMessage]) -> Result<(), StoreError> {
    let keys: Vec<[u8; 16]> = messages.iter().map(|message| message.sid.bytes()).collect();
    let media: Vec<String> = messages.iter().map(|message| message.media.join("\n")).collect();
    let mut values = Vec::with_capacity(messages.len() * INSERT_WIDTH);
    for ((message, key), media) in messages.iter().zip(&keys).zip(&media) {
        values.extend([
            Value::Blob(key),
            (&message.handset).into(),
            (&message.peer).into(),
            message.outgoing.into(),
            (&message.body).into(),
            media.into(),
            message.received_at.into(),
        ]);
    }
    tx.execute_many(INSERT, INSERT_WIDTH, &values)?;
    Ok(())
}

/// What a handset received, oldest first.
pub(super) fn inbox(
    query: &mut impl Query,
    handset: &str,
) -> Result<Vec<HandsetMessage>, StoreError> {
    let sql = "SELECT sid, handset, peer, outgoing, body, media, received_at \
               FROM handset_messages WHERE handset = ? AND outgoing = 0 ORDER BY sid";
    query.rows(sql, &[handset.into()], handset_message)
}

/// The newest `limit` messages that a handset received or sent, oldest first.
pub(super) fn history(
    query: &mut impl Query,
    handset: &str,
    limit: u32,
) -> Result<Vec<HandsetMessage>, StoreError> {
    let sql = format!(
        "SELECT sid, handset, peer, outgoing, body, media, received_at \
         FROM handset_messages WHERE handset = ? ORDER BY sid DESC LIMIT {limit}"
    );
    let mut messages = query.rows(&sql, &[handset.into()], handset_message)?;
    messages.reverse();
    Ok(messages)
}

/// Handsets in use: number, how many messages, when the last one was. The busiest hundred.
pub(super) fn handsets(query: &mut impl Query) -> Result<Vec<(String, i64, Instant)>, StoreError> {
    let sql = "SELECT handset, count(*) AS messages, max(received_at) FROM handset_messages \
               GROUP BY handset ORDER BY messages DESC, handset LIMIT 100";
    query.rows(sql, &[], |row| Ok((row.text(0)?, row.int(1)?, row.instant(2)?)))
}

fn handset_message(row: &Row<'_>) -> Result<HandsetMessage, StoreError> {
    let media = row.text(5)?;
    Ok(HandsetMessage {
        sid: row.sid(0)?,
        handset: row.text(1)?,
        peer: row.text(2)?,
        outgoing: row.bool(3)?,
        body: row.text(4)?,
        media: media.lines().map(str::to_owned).collect(),
        received_at: row.instant(6)?,
    })
}

/// Writes receipts that fall due together, packed.
pub(super) fn insert_receipts(
    tx: &mut Tx<'_>,
    id: [u8; 16],
    due_at: Instant,
    packed: &[u8],
) -> Result<(), StoreError> {
    let sql = "INSERT INTO handset_receipts (id, due_at, receipts) VALUES (?, ?, ?)";
    tx.execute(sql, &[(&id).into(), due_at.into(), Value::Blob(packed)])?;
    Ok(())
}

/// Forgets receipts that were all acknowledged.
pub(super) fn delete_receipts(tx: &mut Tx<'_>, ids: &[[u8; 16]]) -> Result<(), StoreError> {
    let values: Vec<Value<'_>> = ids.iter().map(Value::from).collect();
    tx.execute_many("DELETE FROM handset_receipts WHERE id = ?", 1, &values)?;
    Ok(())
}

/// Receipts of one row: its id, when they are due, and they themselves, packed.
pub(super) type OpenReceipts = ([u8; 16], Instant, Vec<u8>);

/// All receipts that are open.
pub(super) fn open_receipts(query: &mut impl Query) -> Result<Vec<OpenReceipts>, StoreError> {
    let sql = "SELECT id, due_at, receipts FROM handset_receipts ORDER BY id";
    query.rows(sql, &[], |row| Ok((row.bytes16(0)?, row.instant(1)?, row.blob(2)?)))
}

/// Which receipts are due at `until` or before.
pub(crate) fn due_until(
    query: &mut impl Query,
    until: Instant,
) -> Result<Vec<job::Due>, StoreError> {
    let sql = "SELECT id, due_at FROM handset_receipts WHERE due_at <= ? ORDER BY due_at, id";
    query.rows(sql, &[until.into()], |row| Ok((row.blob(0)?, 0, row.instant(1)?)))
}
