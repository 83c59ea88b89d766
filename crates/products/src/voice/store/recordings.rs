//! The SQL of recordings.

use ::store::{NewEvent, Query, Row, StoreError, Tx, Value};
use base::{AccountSid, CallSid, ConferenceSid, Currency, Instant, RecordingSid, Sid};

use crate::usage::{self, Leaf, Used};
use crate::voice::recordings::{New, Recording, Status, Told};

pub(super) const TABLES: &str = "
    CREATE TABLE recordings (
        account {blob} NOT NULL,
        sid {blob} NOT NULL,
        call {blob},
        name {int} NOT NULL,
        status {int} NOT NULL,
        channels {int} NOT NULL,
        track {text} NOT NULL,
        source {text} NOT NULL,
        started_at {int} NOT NULL,
        updated_at {int} NOT NULL,
        duration_ms {int} NOT NULL,
        size {int} NOT NULL,
        price {int},
        currency {text} NOT NULL,
        salt {blob} NOT NULL,
        event {int} NOT NULL,
        event_seq {int} NOT NULL,
        node {text} NOT NULL,
        PRIMARY KEY (account, sid)
    ) {clustered};
    CREATE INDEX recordings_by_call ON recordings (call, sid) WHERE call IS NOT NULL;
    CREATE INDEX recordings_open ON recordings (node, sid) WHERE status < 2;
    ";

const COLUMNS: &str = "account, sid, call, name, status, channels, track, source, started_at, \
                       updated_at, duration_ms, size, price, currency, salt, event, event_seq, \
                       conference, callback, trim";

/// What came with conferences.
pub(super) const CONFERENCES: &str = "
    ALTER TABLE recordings ADD COLUMN conference {blob};
    CREATE INDEX recordings_by_conference ON recordings (conference, sid)
        WHERE conference IS NOT NULL;
    ";

/// What came with callbacks that outlive a crash.
pub(super) const CALLBACKS: &str = "
    ALTER TABLE recordings ADD COLUMN callback {text};
    ALTER TABLE recordings ADD COLUMN trim {int} NOT NULL DEFAULT 0;
    ";

/// Names that follow from SIDs have this bit; those that the engine counts never do.
const NAMED_BY_SID: u64 = 1 << 63;

fn name_of(sid: RecordingSid) -> u64 {
    let bytes = sid.bytes();
    let mut last = [0; 8];
    last.copy_from_slice(&bytes[8..]);
    u64::from_be_bytes(last) | NAMED_BY_SID
}

/// A recording begins: its row and its event. One whose row was written before it began, with
/// the name that the row gave it, is that one.
pub fn begin(tx: &mut Tx<'_>, new: &New, node: &str) -> Result<Recording, StoreError> {
    if let Some(name) = new.name.filter(|name| name & NAMED_BY_SID != 0)
        && let Some(known) = open_on(tx, node)?.into_iter().find(|one| one.name == name)
    {
        return Ok(known);
    }
    let (now, sid) = (tx.now(), tx.new_sid());
    let mut recording = Recording {
        account: new.account,
        sid,
        call: new.call,
        conference: new.conference,
        name: new.name.unwrap_or_else(|| name_of(sid)),
        status: Status::InProgress,
        channels: if new.plan.dual { 2 } else { 1 },
        track: new.plan.track.clone(),
        source: new.source.to_owned(),
        trim: new.plan.trim,
        callback: Told::of(&new.plan),
        started_at: now,
        updated_at: now,
        duration_ms: 0,
        size: 0,
        price: None,
        salt: tx.random().salt(),
        event: (0, 0),
    };
    recording.event = emit(tx, &recording, "voice.recording.started")?;
    insert(tx, &recording, node)?;
    Ok(recording)
}

fn insert(tx: &mut Tx<'_>, recording: &Recording, node: &str) -> Result<(), StoreError> {
    let name = i64::from_ne_bytes(recording.name.to_ne_bytes());
    let (call, conference) = (recording.call.map(Sid::bytes), recording.conference.map(Sid::bytes));
    let callback = recording.callback.as_ref().and_then(|one| serde_json::to_string(one).ok());
    tx.execute(
        "INSERT INTO recordings (account, sid, call, conference, name, status, channels, track, \
         source, started_at, updated_at, duration_ms, size, price, currency, salt, event, \
         event_seq, node, callback, trim) \
         VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, 0, 0, NULL, ?, ?, ?, ?, ?, ?, ?)",
        &[
            (&recording.account.bytes()).into(),
            (&recording.sid.bytes()).into(),
            call.as_ref().into(),
            conference.as_ref().into(),
            name.into(),
            i64::from(recording.channels).into(),
            (&recording.track).into(),
            (&recording.source).into(),
            recording.started_at.into(),
            recording.updated_at.into(),
            (&Currency::USD.to_string()).into(),
            (&recording.salt).into(),
            recording.event.0.into(),
            recording.event.1.into(),
            node.into(),
            callback.as_ref().into(),
            recording.trim.into(),
        ],
    )?;
    Ok(())
}

fn emit(
    tx: &mut Tx<'_>,
    recording: &Recording,
    kind: &'static str,
) -> Result<(i64, i64), StoreError> {
    let seq = recording.event.1 + 1;
    let id = tx.emit(NewEvent {
        account: recording.account,
        object: recording.sid.into(),
        object_seq: seq,
        previous: recording.event.0,
        kind,
        facts: "{}",
    })?;
    Ok((id, seq))
}

/// A recording is over, with what it came to.
pub fn end(tx: &mut Tx<'_>, recording: &Recording) -> Result<(), StoreError> {
    let kind = match recording.status {
        Status::Completed => "voice.recording.completed",
        Status::Deleted => "voice.recording.deleted",
        _ => "voice.recording.absent",
    };
    let event = emit(tx, recording, kind)?;
    let now = tx.now();
    tx.execute(
        "UPDATE recordings SET status = ?, duration_ms = ?, size = ?, updated_at = ?, event = ?, \
         event_seq = ? WHERE account = ? AND sid = ?",
        &[
            Value::Int(recording.status as i64),
            i64::try_from(recording.duration_ms).unwrap_or(i64::MAX).into(),
            i64::try_from(recording.size).unwrap_or(i64::MAX).into(),
            now.into(),
            event.0.into(),
            event.1.into(),
            (&recording.account.bytes()).into(),
            (&recording.sid.bytes()).into(),
        ],
    )?;
    if recording.status == Status::Completed {
        let minutes = u32::try_from(recording.duration_s().div_ceil(60)).unwrap_or(u32::MAX);
        const RECORDED: Leaf = Leaf::named("calls-recordings");
        let leaf = RECORDED;
        let used = Used { account: recording.account, leaf, usage: minutes, price: 0 };
        usage::count(tx, std::iter::once(used))?;
    }
    Ok(())
}

/// The recording with this SID.
pub fn find(
    query: &mut impl Query,
    account: AccountSid,
    sid: RecordingSid,
) -> Result<Option<Recording>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM recordings WHERE account = ? AND sid = ?");
    query.row(&sql, &[(&account.bytes()).into(), (&sid.bytes()).into()], from_row)
}

/// The recordings of a node that have not ended.
pub fn open_on(query: &mut impl Query, node: &str) -> Result<Vec<Recording>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} FROM recordings WHERE node = ? AND status < 2 ORDER BY sid");
    query.rows(&sql, &[node.into()], from_row)
}

/// Which recordings a list shows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only of this call.
    pub call: Option<CallSid>,
    /// Only of this conference.
    pub conference: Option<ConferenceSid>,
    /// Begun at or after, and before.
    pub created: (Option<Instant>, Option<Instant>),
    /// Those too whose media was deleted.
    pub deleted: bool,
}

/// A page of an account's recordings, newest first, or the other way round.
pub fn list(
    query: &mut impl Query,
    account: AccountSid,
    filter: &Filter,
    cursor: Option<(bool, RecordingSid)>,
    limit: u32,
) -> Result<Vec<Recording>, StoreError> {
    let account = account.bytes();
    let (call, after) = (filter.call.map(Sid::bytes), cursor.map(|(_, sid)| sid.bytes()));
    let conference = filter.conference.map(Sid::bytes);
    let forward = cursor.is_none_or(|(forward, _)| forward);
    let mut sql = format!("SELECT {COLUMNS} FROM recordings WHERE account = ?");
    let mut params: Vec<Value<'_>> = vec![(&account).into()];
    let after_sid = if forward { " AND sid < ?" } else { " AND sid > ?" };
    for (condition, value) in [
        (" AND call = ?", call.as_ref().map(Value::from)),
        (" AND conference = ?", conference.as_ref().map(Value::from)),
        (" AND started_at >= ?", filter.created.0.map(Value::from)),
        (" AND started_at < ?", filter.created.1.map(Value::from)),
        (after_sid, after.as_ref().map(Value::from)),
    ] {
        if let Some(value) = value {
            sql.push_str(condition);
            params.push(value);
        }
    }
    if !filter.deleted {
        sql.push_str(&format!(" AND status <> {}", Status::Deleted as i64));
    }
    sql.push_str(if forward { " ORDER BY sid DESC" } else { " ORDER BY sid" });
    sql.push_str(&format!(" LIMIT {limit}"));
    query.rows(&sql, &params, from_row)
}

/// A recording that runs is halted, or goes on; `false` when it does not run any more.
pub fn set_status(
    tx: &mut Tx<'_>,
    account: AccountSid,
    sid: RecordingSid,
    status: Status,
) -> Result<bool, StoreError> {
    let now = tx.now();
    let sql = "UPDATE recordings SET status = ?, updated_at = ? \
               WHERE account = ? AND sid = ? AND status < 2";
    let (account, sid) = (account.bytes(), sid.bytes());
    let changed = tx
        .execute(sql, &[Value::Int(status as i64), now.into(), (&account).into(), (&sid).into()])?;
    Ok(changed > 0)
}

fn from_row(row: &Row<'_>) -> Result<Recording, StoreError> {
    let corrupt = StoreError::Corrupt;
    let status = Status::from_number(row.int(4)?).ok_or(corrupt("a recording's status"))?;
    let currency = row.text(13)?.parse().map_err(|_| corrupt("a currency"))?;
    let call = row.blob_or_null(2)?;
    let call: Option<[u8; 16]> =
        call.map(|blob| blob.try_into().map_err(|_| corrupt("a SID"))).transpose()?;
    let conference = row.blob_or_null(17)?;
    let conference: Option<[u8; 16]> =
        conference.map(|blob| blob.try_into().map_err(|_| corrupt("a SID"))).transpose()?;
    Ok(Recording {
        account: row.sid(0)?,
        sid: row.sid(1)?,
        call: call.map(CallSid::from_bytes),
        conference: conference.map(ConferenceSid::from_bytes),
        name: u64::from_ne_bytes(row.int(3)?.to_ne_bytes()),
        status,
        channels: u16::try_from(row.int(5)?).unwrap_or(1),
        track: row.text(6)?,
        source: row.text(7)?,
        started_at: row.instant(8)?,
        updated_at: row.instant(9)?,
        duration_ms: u64::try_from(row.int(10)?).unwrap_or_default(),
        size: u64::try_from(row.int(11)?).unwrap_or_default(),
        price: row.int_or_null(12)?.map(|micros| base::Money { micros, currency }),
        salt: row.bytes16(14)?,
        event: (row.int(15)?, row.int(16)?),
        callback: row.text_or_null(18)?.and_then(|text| serde_json::from_str(&text).ok()),
        trim: row.bool(19)?,
    })
}
