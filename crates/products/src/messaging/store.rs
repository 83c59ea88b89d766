//! The SQL of messages. Hot functions take slices: one statement a table and batch.

use ::store::{Migration, Query, Row, StoreError, Tx, Value};
use base::{AccountSid, Currency, Instant, MessageSid, Money, Sid};

use crate::carriers::Receipt;
use crate::messaging::model::{Direction, Flags, Idempotency, Message, MessageKey, Status};

/// The tables of this product.
pub const MIGRATIONS: &[Migration] = &[Migration {
    name: "messaging/1",
    sql: "
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
    ",
}];

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

/// The open message to which a carrier gave this reference.
pub fn find_open(query: &mut impl Query, carrier_ref: &str) -> Result<Option<Message>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM messages WHERE carrier_ref = ?");
    query.row(&sql, &[carrier_ref.into()], from_row)
}

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

/// Which messages a list shows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only to this address.
    pub to: Option<String>,
    /// Only from this address.
    pub from: Option<String>,
    /// Sent at or after.
    pub sent_from: Option<Instant>,
    /// Sent before.
    pub sent_before: Option<Instant>,
}

/// A page of an account's messages, newest first (`forward`) or the other way round from `cursor`.
pub fn list(
    query: &mut impl Query,
    account: AccountSid,
    filter: &Filter,
    cursor: Option<(bool, MessageSid)>,
    limit: u32,
) -> Result<Vec<Message>, StoreError> {
    let account = account.bytes();
    let cursor_bytes = cursor.map(|(_, sid)| sid.bytes());
    let forward = cursor.is_none_or(|(forward, _)| forward);
    let mut sql = format!("SELECT {COLUMNS} FROM messages WHERE account = ?");
    let mut params: Vec<Value<'_>> = vec![(&account).into()];
    if let Some(bytes) = &cursor_bytes {
        sql.push_str(if forward { " AND sid < ?" } else { " AND sid > ?" });
        params.push(bytes.into());
    }
    if let Some(to) = &filter.to {
        sql.push_str(" AND recipient = ?");
        params.push(to.into());
    }
    if let Some(from) = &filter.from {
        sql.push_str(" AND sender = ?");
        params.push(from.into());
    }
    if let Some(from) = filter.sent_from {
        sql.push_str(" AND sent_at >= ?");
        params.push(from.into());
    }
    if let Some(before) = filter.sent_before {
        sql.push_str(" AND sent_at < ?");
        params.push(before.into());
    }
    sql.push_str(if forward { " ORDER BY sid DESC" } else { " ORDER BY sid" });
    sql.push_str(&format!(" LIMIT {limit}"));
    query.rows(&sql, &params, from_row)
}

/// Whether anybody said STOP to this sender, and whether this recipient did.
pub fn opted_out(
    query: &mut impl Query,
    account: AccountSid,
    sender: &str,
    recipient: &str,
) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM opt_outs WHERE account = ? AND sender = ? AND recipient = ?";
    let account = account.bytes();
    let params = [(&account).into(), sender.into(), recipient.into()];
    Ok(query.row(sql, &params, |row| row.int(0))?.is_some())
}

/// Whether anybody at all said STOP to this sender.
pub fn has_opt_outs(
    query: &mut impl Query,
    account: AccountSid,
    sender: &str,
) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM opt_outs WHERE account = ? AND sender = ? LIMIT 1";
    let account = account.bytes();
    let params = [(&account).into(), sender.into()];
    Ok(query.row(sql, &params, |row| row.int(0))?.is_some())
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

/// Keeps a receipt whose message is not known (yet).
pub fn park(
    tx: &mut Tx<'_>,
    receipt: &Receipt,
    status: Status,
    error: u32,
) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO parked_receipts (carrier_ref, status, error, done_at, received_at) \
         VALUES (?, ?, ?, ?, ?) ON CONFLICT (carrier_ref) DO NOTHING",
        &[
            (&receipt.reference).into(),
            status.number().into(),
            error.into(),
            receipt.done_at.into(),
            now.into(),
        ],
    )?;
    Ok(())
}

/// Takes a parked receipt: its status and error.
pub fn take_parked(
    tx: &mut Tx<'_>,
    carrier_ref: &str,
) -> Result<Option<(Status, u32)>, StoreError> {
    let sql = "SELECT status, error FROM parked_receipts WHERE carrier_ref = ?";
    let found = tx.row(sql, &[carrier_ref.into()], |row| Ok((row.int(0)?, row.int(1)?)))?;
    let Some((status, error)) = found else { return Ok(None) };
    tx.execute("DELETE FROM parked_receipts WHERE carrier_ref = ?", &[carrier_ref.into()])?;
    let status = Status::from_number(status).ok_or(StoreError::Corrupt("a parked status"))?;
    Ok(Some((status, u32::try_from(error).unwrap_or_default())))
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

/// What was made under an idempotency key: the parameters' fingerprint and the message.
pub fn idempotent(
    query: &mut impl Query,
    account: AccountSid,
    key: &str,
) -> Result<Option<([u8; 32], MessageSid)>, StoreError> {
    let sql = "SELECT fingerprint, message FROM idempotency_keys WHERE account = ? AND key = ?";
    query.row(sql, &[(&account.bytes()).into(), key.into()], |row| {
        let fingerprint = row.blob(0)?.try_into();
        Ok((fingerprint.map_err(|_| StoreError::Corrupt("a fingerprint"))?, row.sid(1)?))
    })
}

/// Keeps what was made under an idempotency key.
pub fn remember_idempotent(
    tx: &mut Tx<'_>,
    account: AccountSid,
    idempotency: &Idempotency,
    sid: MessageSid,
) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO idempotency_keys (account, key, fingerprint, message, created_at) \
         VALUES (?, ?, ?, ?, ?)",
        &[
            (&account.bytes()).into(),
            (&idempotency.key).into(),
            (&idempotency.fingerprint).into(),
            (&sid.bytes()).into(),
            now.into(),
        ],
    )?;
    Ok(())
}

/// Forgets idempotency keys older than a day.
pub fn forget_idempotent(tx: &mut Tx<'_>, before: Instant) -> Result<u64, StoreError> {
    tx.execute("DELETE FROM idempotency_keys WHERE created_at < ?", &[before.into()])
}

/// A media file of a message.
#[derive(Clone, Debug)]
pub struct Media {
    /// Its SID.
    pub sid: base::MediaSid,
    /// Which message it belongs to.
    pub message: MessageKey,
    /// `image/png`, …
    pub content_type: String,
    /// Where it came from.
    pub source: String,
    /// Octets; 0 until it is stored here.
    pub size: i64,
    /// When it was made.
    pub created_at: Instant,
}

/// Writes media of messages.
pub fn insert_media(tx: &mut Tx<'_>, media: &[Media]) -> Result<(), StoreError> {
    for media in media {
        tx.execute(
            "INSERT INTO message_media (account, message, sid, content_type, source, size, \
             created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            &[
                (&media.message.account.bytes()).into(),
                (&media.message.sid.bytes()).into(),
                (&media.sid.bytes()).into(),
                (&media.content_type).into(),
                (&media.source).into(),
                media.size.into(),
                media.created_at.into(),
            ],
        )?;
    }
    Ok(())
}

/// The media of a message, in order.
pub fn media_of(query: &mut impl Query, key: MessageKey) -> Result<Vec<Media>, StoreError> {
    let sql = "SELECT sid, content_type, source, size, created_at FROM message_media \
               WHERE account = ? AND message = ? ORDER BY sid";
    let (account, message) = (key.account.bytes(), key.sid.bytes());
    let params = [(&account).into(), (&message).into()];
    query.rows(sql, &params, |row| {
        Ok(Media {
            sid: row.sid(0)?,
            message: key,
            content_type: row.text(1)?,
            source: row.text(2)?,
            size: row.int(3)?,
            created_at: row.instant(4)?,
        })
    })
}

/// Removes one media file, or all of a message.
pub fn delete_media(
    tx: &mut Tx<'_>,
    key: MessageKey,
    sid: Option<base::MediaSid>,
) -> Result<u64, StoreError> {
    let (account, message) = (key.account.bytes(), key.sid.bytes());
    let mut params: Vec<Value<'_>> = vec![(&account).into(), (&message).into()];
    let sid = sid.map(Sid::bytes);
    match &sid {
        None => tx.execute("DELETE FROM message_media WHERE account = ? AND message = ?", &params),
        Some(sid) => {
            params.push(sid.into());
            let sql = "DELETE FROM message_media WHERE account = ? AND message = ? AND sid = ?";
            tx.execute(sql, &params)
        }
    }
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
    let sql = "DELETE FROM messages WHERE account = ? AND sid = ?";
    tx.execute(sql, &[(&key.account.bytes()).into(), (&key.sid.bytes()).into()])
}

/// Remembers that a recipient said STOP to a sender.
pub fn opt_out(
    tx: &mut Tx<'_>,
    account: AccountSid,
    sender: &str,
    recipient: &str,
) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO opt_outs (account, sender, recipient, at) VALUES (?, ?, ?, ?) \
         ON CONFLICT (account, sender, recipient) DO NOTHING",
        &[(&account.bytes()).into(), sender.into(), recipient.into(), now.into()],
    )?;
    Ok(())
}

/// Forgets that a recipient said STOP.
pub fn opt_in(
    tx: &mut Tx<'_>,
    account: AccountSid,
    sender: &str,
    recipient: &str,
) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM opt_outs WHERE account = ? AND sender = ? AND recipient = ?",
        &[(&account.bytes()).into(), sender.into(), recipient.into()],
    )?;
    Ok(())
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
