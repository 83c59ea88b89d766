//! The SQL of recordings.

use ::store::{NewEvent, Query, Row, StoreError, Tx, Value};
use base::{AccountSid, CallSid, Currency, RecordingSid, Sid};

use crate::usage::{self, Leaf, Used};
use crate::voice::recordings::{New, Recording, Status};

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
                       updated_at, duration_ms, size, price, currency, salt, event, event_seq";

/// A recording begins: its row and its event.
pub fn begin(tx: &mut Tx<'_>, new: &New, node: &str) -> Result<Recording, StoreError> {
    let now = tx.now();
    let mut recording = Recording {
        account: new.call.account,
        sid: tx.new_sid(),
        call: Some(new.call.sid),
        name: new.name,
        status: Status::InProgress,
        channels: if new.plan.dual { 2 } else { 1 },
        track: new.plan.track.clone(),
        source: new.source.to_owned(),
        started_at: now,
        updated_at: now,
        duration_ms: 0,
        size: 0,
        price: None,
        salt: tx.random().salt(),
        event: (0, 0),
    };
    recording.event = emit(tx, &recording, "voice.recording.started")?;
    let (account, sid) = (recording.account.bytes(), recording.sid.bytes());
    let name = i64::from_ne_bytes(recording.name.to_ne_bytes());
    tx.execute(
        "INSERT INTO recordings (account, sid, call, name, status, channels, track, source, \
         started_at, updated_at, duration_ms, size, price, currency, salt, event, event_seq, node) \
         VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?, ?, 0, 0, NULL, ?, ?, ?, ?, ?)",
        &[
            (&account).into(),
            (&sid).into(),
            (&new.call.sid.bytes()).into(),
            name.into(),
            i64::from(recording.channels).into(),
            (&recording.track).into(),
            (&recording.source).into(),
            now.into(),
            now.into(),
            (&Currency::USD.to_string()).into(),
            (&recording.salt).into(),
            recording.event.0.into(),
            recording.event.1.into(),
            node.into(),
        ],
    )?;
    Ok(recording)
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

/// A call's recordings that run, oldest first.
pub fn named(
    query: &mut impl Query,
    account: AccountSid,
    call: CallSid,
) -> Result<Vec<Recording>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM recordings WHERE call = ? AND account = ? AND status < 2 ORDER BY sid"
    );
    query.rows(&sql, &[(&call.bytes()).into(), (&account.bytes()).into()], from_row)
}

/// A page of an account's recordings, or of one call's, newest first.
pub fn list(
    query: &mut impl Query,
    account: AccountSid,
    call: Option<CallSid>,
    cursor: Option<(bool, RecordingSid)>,
    limit: u32,
) -> Result<Vec<Recording>, StoreError> {
    let account = account.bytes();
    let (call, after) = (call.map(Sid::bytes), cursor.map(|(_, sid)| sid.bytes()));
    let forward = cursor.is_none_or(|(forward, _)| forward);
    let mut sql = format!("SELECT {COLUMNS} FROM recordings WHERE account = ?");
    let mut params: Vec<Value<'_>> = vec![(&account).into()];
    if let Some(call) = &call {
        sql.push_str(" AND call = ?");
        params.push(call.into());
    }
    if let Some(after) = &after {
        sql.push_str(if forward { " AND sid < ?" } else { " AND sid > ?" });
        params.push(after.into());
    }
    sql.push_str(if forward { " ORDER BY sid DESC" } else { " ORDER BY sid" });
    sql.push_str(&format!(" LIMIT {limit}"));
    query.rows(&sql, &params, from_row)
}

/// Removes a recording's row.
pub fn remove(tx: &mut Tx<'_>, account: AccountSid, sid: RecordingSid) -> Result<u64, StoreError> {
    let (account, sid) = (account.bytes(), sid.bytes());
    let sql = "DELETE FROM recordings WHERE account = ? AND sid = ?";
    tx.execute(sql, &[(&account).into(), (&sid).into()])
}

fn from_row(row: &Row<'_>) -> Result<Recording, StoreError> {
    let corrupt = StoreError::Corrupt;
    let status = Status::from_number(row.int(4)?).ok_or(corrupt("a recording's status"))?;
    let currency = row.text(13)?.parse().map_err(|_| corrupt("a currency"))?;
    let call = row.blob_or_null(2)?;
    let call: Option<[u8; 16]> =
        call.map(|blob| blob.try_into().map_err(|_| corrupt("a SID"))).transpose()?;
    Ok(Recording {
        account: row.sid(0)?,
        sid: row.sid(1)?,
        call: call.map(CallSid::from_bytes),
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
    })
}
