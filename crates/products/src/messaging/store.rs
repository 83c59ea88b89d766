//! The SQL of messages. Hot functions take slices: one statement a table and batch.

mod consent;
mod idempotency;
mod inbound_parts;
mod list;
mod media;
mod queues;
mod segments;
mod uncertain;

pub use consent::{has_opt_outs, opt_in, opt_out, opt_outs_of, opted_out};
pub use idempotency::{forget_idempotent, idempotent, remember_idempotent};
pub use inbound_parts::{InboundPart, insert_part, parts_from, remove_parts};
pub use list::{Filter, ended_before, list};
pub use media::{Media, delete_media, insert_media, media_kept, media_of};
pub use queues::*;
pub use segments::*;
pub use uncertain::*;

use ::store::{Migration, Query, Row, StoreError, Tx, Value};
use base::{Currency, Instant, Money, Sid};

use crate::messaging::model::{Direction, Flags, Message, MessageKey, Status};

/// The tables of this product.
pub const MIGRATIONS: &[Migration] = &[
    Migration { name: "messaging/1", sql: MESSAGES },
    Migration { name: "messaging/2", sql: SEGMENTS },
    Migration { name: "messaging/3", sql: consent::BY_RECIPIENT },
];

const MESSAGES: &str = "
    CREATE TABLE messages (
        account {blob} NOT NULL,
        sid {blob} NOT NULL,
        direction {int} NOT NULL,
        status {int} NOT NULL,
        sender {text} NOT NULL,
        recipient {text} NOT NULL,
        segments {int} NOT NULL,
        media {int} NOT NULL,
        error {int} NOT NULL,
        price {int},
        currency {text} NOT NULL,
        created_at {int} NOT NULL,
        updated_at {int} NOT NULL,
        sent_at {int},
        expires_at {int},
        queue {int},
        due_at {int} NOT NULL,
        carrier_ref {text},
        callback {text},
        flags {int} NOT NULL,
        event {int} NOT NULL,
        event_seq {int} NOT NULL,
        salt {blob},
        body {blob},
        PRIMARY KEY (account, sid)
    ) {clustered};
    CREATE INDEX messages_waiting ON messages (queue, due_at, sid) WHERE queue IS NOT NULL;
    CREATE INDEX messages_open ON messages (carrier_ref) WHERE carrier_ref IS NOT NULL;
    CREATE TABLE submit_windows (
        id {blob} NOT NULL PRIMARY KEY,
        messages {blob} NOT NULL
    ) {clustered};
    CREATE TABLE parked_receipts (
        carrier_ref {text} NOT NULL PRIMARY KEY,
        status {int} NOT NULL,
        error {int} NOT NULL,
        done_at {int} NOT NULL,
        received_at {int} NOT NULL
    ) {clustered};
    CREATE TABLE opt_outs (
        account {blob} NOT NULL,
        sender {text} NOT NULL,
        recipient {text} NOT NULL,
        at {int} NOT NULL,
        PRIMARY KEY (account, sender, recipient)
    ) {clustered};
    CREATE TABLE idempotency_keys (
        account {blob} NOT NULL,
        key {text} NOT NULL,
        fingerprint {blob} NOT NULL,
        message {blob} NOT NULL,
        created_at {int} NOT NULL,
        PRIMARY KEY (account, key)
    ) {clustered};
    CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
    CREATE TABLE message_media (
        account {blob} NOT NULL,
        message {blob} NOT NULL,
        sid {blob} NOT NULL,
        content_type {text} NOT NULL,
        source {text} NOT NULL,
        size {int} NOT NULL,
        created_at {int} NOT NULL,
        PRIMARY KEY (account, message, sid)
    ) {clustered};
    CREATE INDEX message_media_by_sid ON message_media (sid);
    ";

/// Segments of messages that have several, what is uncertain, and receipts of the last minutes.
const SEGMENTS: &str = "
    CREATE TABLE segments (
        account {blob} NOT NULL,
        sid {blob} NOT NULL,
        part {int} NOT NULL,
        parts {int} NOT NULL,
        status {int} NOT NULL,
        error {int} NOT NULL,
        carrier_ref {text},
        PRIMARY KEY (account, sid, part)
    ) {clustered};
    CREATE INDEX segments_open ON segments (carrier_ref) WHERE carrier_ref IS NOT NULL;
    CREATE TABLE uncertain_segments (
        account {blob} NOT NULL,
        sid {blob} NOT NULL,
        part {int} NOT NULL,
        parts {int} NOT NULL,
        carrier {int} NOT NULL,
        marked_at {int} NOT NULL,
        PRIMARY KEY (account, sid, part)
    ) {clustered};
    ALTER TABLE parked_receipts ADD COLUMN sender {text};
    ALTER TABLE parked_receipts ADD COLUMN recipient {text};
    ALTER TABLE parked_receipts ADD COLUMN salt {blob};
    ALTER TABLE parked_receipts ADD COLUMN excerpt {blob};
    CREATE INDEX parked_receipts_by_address ON parked_receipts (recipient, sender);
    CREATE TABLE inbound_parts (
        sender {text} NOT NULL,
        recipient {text} NOT NULL,
        reference {int} NOT NULL,
        parts {int} NOT NULL,
        part {int} NOT NULL,
        received_at {int} NOT NULL,
        salt {blob} NOT NULL,
        body {blob} NOT NULL,
        PRIMARY KEY (sender, recipient, reference, parts, part)
    ) {clustered};
    CREATE TABLE receipt_log (
        id {blob} NOT NULL PRIMARY KEY,
        hashes {blob} NOT NULL
    ) {clustered};
    ";

const COLUMNS: &str = "account, sid, direction, status, sender, recipient, segments, media, error, \
                       price, currency, created_at, updated_at, sent_at, expires_at, callback, \
                       flags, event, event_seq, salt, body";

const INSERT: &str = "INSERT INTO messages (account, sid, direction, status, sender, recipient, \
                      segments, media, error, price, currency, created_at, updated_at, sent_at, \
                      expires_at, queue, due_at, callback, flags, event, event_seq, salt, body) \
                      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// A new row: the message, and the queue that will send it.
pub struct NewRow<'a> {
    /// The message.
    pub message: &'a Message,
    /// Which queue it waits in; `None` for inbound ones.
    pub queue: Option<i64>,
    /// Not to be sent before.
    pub due_at: Instant,
}

/// Writes new messages.
pub fn insert(tx: &mut Tx<'_>, rows: &[NewRow<'_>]) -> Result<(), StoreError> {
    let keys: Vec<([u8; 16], [u8; 16], String)> = rows
        .iter()
        .map(|row| {
            let key = row.message.key;
            let currency = row.message.price.map_or(Currency::USD, |price| price.currency);
            (key.account.bytes(), key.sid.bytes(), currency.to_string())
        })
        .collect();
    let mut values = Vec::with_capacity(rows.len() * 23);
    for (row, (account, sid, currency)) in rows.iter().zip(&keys) {
        let message = row.message;
        values.extend([
            Value::Blob(account),
            Value::Blob(sid),
            Value::Int(message.direction as i64),
            Value::Int(message.status.number()),
            (&message.from).into(),
            (&message.to).into(),
            message.segments.into(),
            message.media.into(),
            message.error.into(),
            message.price.map(|price| price.micros).into(),
            currency.into(),
            message.created_at.into(),
            message.updated_at.into(),
            message.sent_at.into(),
            message.expires_at.into(),
            row.queue.into(),
            row.due_at.into(),
            message.callback.as_ref().into(),
            Value::Int(message.flags.0),
            message.event.0.into(),
            message.event.1.into(),
            message.salt.as_ref().into(),
            message.body.as_ref().into(),
        ]);
    }
    tx.execute_many(INSERT, 23, &values)?;
    Ok(())
}

/// The message with this key.
pub fn find(query: &mut impl Query, key: MessageKey) -> Result<Option<Message>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM messages WHERE account = ? AND sid = ?");
    query.row(&sql, &[(&key.account.bytes()).into(), (&key.sid.bytes()).into()], from_row)
}

/// The message of each key.
pub fn find_each(
    query: &mut impl Query,
    keys: &[MessageKey],
) -> Result<Vec<Option<Message>>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM messages WHERE account = ? AND sid = ?");
    let bytes: Vec<_> = keys.iter().map(|key| (key.account.bytes(), key.sid.bytes())).collect();
    let values: Vec<Value<'_>> =
        bytes.iter().flat_map(|(account, sid)| [account.into(), sid.into()]).collect();
    query.row_each(&sql, 2, &values, from_row)
}

/// The open messages to which a carrier gave these references.
pub fn find_open_each(
    query: &mut impl Query,
    references: &[&str],
) -> Result<Vec<Option<Message>>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM messages WHERE carrier_ref = ?");
    let values: Vec<Value<'_>> = references.iter().map(|text| (*text).into()).collect();
    query.row_each(&sql, 1, &values, from_row)
}

/// A change of a message's row.
pub struct Change<'a> {
    /// Which message.
    pub key: MessageKey,
    /// Its new status.
    pub status: Status,
    /// Its error; 0 for none.
    pub error: u32,
    /// What it costs.
    pub price: Option<Money>,
    /// When the carrier took it.
    pub sent_at: Option<Instant>,
    /// The queue it (still) waits in.
    pub queue: Option<i64>,
    /// When it is due there.
    pub due_at: Instant,
    /// The carrier's reference while its receipt is open.
    pub carrier_ref: Option<&'a str>,
    /// Its marks.
    pub flags: Flags,
    /// Its last event and that event's number.
    pub event: (i64, i64),
}

/// Writes changes of messages.
pub fn update(tx: &mut Tx<'_>, changes: &[Change<'_>]) -> Result<(), StoreError> {
    let now = tx.now();
    let keys: Vec<([u8; 16], [u8; 16])> =
        changes.iter().map(|c| (c.key.account.bytes(), c.key.sid.bytes())).collect();
    let mut values = Vec::with_capacity(changes.len() * 13);
    for (change, (account, sid)) in changes.iter().zip(&keys) {
        values.extend([
            Value::Int(change.status.number()),
            change.error.into(),
            change.price.map(|price| price.micros).into(),
            change.sent_at.into(),
            change.queue.into(),
            change.due_at.into(),
            change.carrier_ref.into(),
            Value::Int(change.flags.0),
            change.event.0.into(),
            change.event.1.into(),
            now.into(),
            Value::Blob(account),
            Value::Blob(sid),
        ]);
    }
    tx.execute_many(
        "UPDATE messages SET status = ?, error = ?, price = ?, sent_at = ?, queue = ?, due_at = ?, \
         carrier_ref = ?, flags = ?, event = ?, event_seq = ?, updated_at = ? \
         WHERE account = ? AND sid = ?",
        13,
        &values,
    )?;
    Ok(())
}

fn from_row(row: &Row<'_>) -> Result<Message, StoreError> {
    let status =
        Status::from_number(row.int(3)?).ok_or(StoreError::Corrupt("a message's status"))?;
    let currency = row.text(10)?.parse().map_err(|_| StoreError::Corrupt("a currency"))?;
    let salt = row.blob_or_null(19)?;
    let small = |column: usize| {
        u32::try_from(row.int(column)?).map_err(|_| StoreError::Corrupt("a count of a message"))
    };
    Ok(Message {
        key: MessageKey { account: row.sid(0)?, sid: row.sid(1)? },
        direction: Direction::from_number(row.int(2)?),
        status,
        from: row.text(4)?,
        to: row.text(5)?,
        segments: small(6)?,
        media: small(7)?,
        error: small(8)?,
        price: row.int_or_null(9)?.map(|micros| Money { micros, currency }),
        created_at: row.instant(11)?,
        updated_at: row.instant(12)?,
        sent_at: row.instant_or_null(13)?,
        expires_at: row.instant_or_null(14)?,
        callback: row.text_or_null(15)?,
        flags: Flags(row.int(16)?),
        event: (row.int(17)?, row.int(18)?),
        salt: salt.and_then(|salt| salt.try_into().ok()),
        body: row.blob_or_null(20)?,
    })
}

/// Destroys the key and the text of a message.
pub fn redact(tx: &mut Tx<'_>, key: MessageKey, event: (i64, i64)) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(
        "UPDATE messages SET salt = NULL, body = NULL, updated_at = ?, event = ?, event_seq = ? \
         WHERE account = ? AND sid = ?",
        &[
            now.into(),
            event.0.into(),
            event.1.into(),
            (&key.account.bytes()).into(),
            (&key.sid.bytes()).into(),
        ],
    )?;
    Ok(())
}

/// Removes a message.
pub fn delete(tx: &mut Tx<'_>, key: MessageKey) -> Result<u64, StoreError> {
    let (account, sid) = (key.account.bytes(), key.sid.bytes());
    let row: [Value<'_>; 2] = [(&account).into(), (&sid).into()];
    tx.execute("DELETE FROM segments WHERE account = ? AND sid = ?", &row)?;
    tx.execute("DELETE FROM messages WHERE account = ? AND sid = ?", &row)
}

/// Sets the marks of a message.
pub fn set_marks(
    tx: &mut Tx<'_>,
    key: MessageKey,
    flags: Flags,
    event: (i64, i64),
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE messages SET flags = ?, event = ?, event_seq = ? WHERE account = ? AND sid = ?",
        &[
            Value::Int(flags.0),
            event.0.into(),
            event.1.into(),
            (&key.account.bytes()).into(),
            (&key.sid.bytes()).into(),
        ],
    )?;
    Ok(())
}
