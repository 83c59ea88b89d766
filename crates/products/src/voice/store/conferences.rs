//! The SQL of conferences and their participants.

use ::store::{Query, Row, StoreError, Tx, Value};
use base::{AccountSid, CallSid, ConferenceSid, Instant, Sid};

use crate::voice::conferences::{Conference, Seated, Status};
use crate::voice::engine::Participant;

pub(super) const TABLES: &str = "
    CREATE TABLE conferences (
        account {blob} NOT NULL,
        sid {blob} NOT NULL,
        name {text} NOT NULL,
        status {int} NOT NULL,
        region {text},
        created_at {int} NOT NULL,
        updated_at {int} NOT NULL,
        reason {text},
        ended_by {blob},
        callback {text},
        callbacks {int} NOT NULL,
        event {int} NOT NULL,
        event_seq {int} NOT NULL,
        salt {blob} NOT NULL,
        node {text} NOT NULL,
        PRIMARY KEY (account, sid)
    ) {clustered};
    CREATE INDEX conferences_open ON conferences (account, name) WHERE status < 2;
    CREATE TABLE participants (
        conference {blob} NOT NULL,
        call {blob} NOT NULL,
        label {text},
        muted {int} NOT NULL,
        hold {int} NOT NULL,
        coaches {blob},
        start_on_enter {int} NOT NULL,
        end_on_exit {int} NOT NULL,
        created_at {int} NOT NULL,
        updated_at {int} NOT NULL,
        left_at {int},
        PRIMARY KEY (conference, call)
    ) {clustered};
    ";

const COLUMNS: &str = "account, sid, name, status, region, created_at, updated_at, reason, \
                       ended_by, callback, callbacks, event, event_seq, salt";

/// Writes a new conference.
pub fn insert(tx: &mut Tx<'_>, conference: &Conference, node: &str) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO conferences (account, sid, name, status, created_at, updated_at, callbacks, \
         event, event_seq, salt, node) VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?)",
        &[
            (&conference.account.bytes()).into(),
            (&conference.sid.bytes()).into(),
            (&conference.name).into(),
            Value::Int(conference.status as i64),
            conference.created_at.into(),
            conference.updated_at.into(),
            conference.event.0.into(),
            conference.event.1.into(),
            (&conference.salt).into(),
            node.into(),
        ],
    )?;
    Ok(())
}

/// Writes what may change of a conference.
pub fn update(tx: &mut Tx<'_>, conference: &mut Conference) -> Result<(), StoreError> {
    conference.updated_at = tx.now();
    let callback = conference.callback.as_ref().and_then(|one| serde_json::to_string(one).ok());
    let ended_by = conference.ended_by.map(Sid::bytes);
    tx.execute(
        "UPDATE conferences SET status = ?, region = ?, updated_at = ?, reason = ?, ended_by = ?, \
         callback = ?, callbacks = ?, event = ?, event_seq = ? WHERE account = ? AND sid = ?",
        &[
            Value::Int(conference.status as i64),
            conference.region.as_ref().into(),
            conference.updated_at.into(),
            conference.reason.as_ref().into(),
            ended_by.as_ref().into(),
            callback.as_ref().into(),
            conference.callbacks.into(),
            conference.event.0.into(),
            conference.event.1.into(),
            (&conference.account.bytes()).into(),
            (&conference.sid.bytes()).into(),
        ],
    )?;
    Ok(())
}

/// The conference with this SID.
pub fn find(
    query: &mut impl Query,
    account: AccountSid,
    sid: ConferenceSid,
) -> Result<Option<Conference>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM conferences WHERE account = ? AND sid = ?");
    query.row(&sql, &[(&account.bytes()).into(), (&sid.bytes()).into()], from_row)
}

/// The conference of this name that is not over.
pub fn find_named(
    query: &mut impl Query,
    account: AccountSid,
    name: &str,
) -> Result<Option<Conference>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM conferences WHERE account = ? AND name = ? AND status < 2 \
         ORDER BY sid DESC LIMIT 1"
    );
    query.row(&sql, &[(&account.bytes()).into(), name.into()], from_row)
}

/// The conferences of a node that are not over.
pub fn open_on(
    query: &mut impl Query,
    node: &str,
) -> Result<Vec<(AccountSid, ConferenceSid)>, StoreError> {
    let sql = "SELECT account, sid FROM conferences WHERE node = ? AND status < 2 ORDER BY sid";
    query.rows(sql, &[node.into()], |row| Ok((row.sid(0)?, row.sid(1)?)))
}

/// Which conferences a list shows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only of this name.
    pub name: Option<String>,
    /// Only in this state.
    pub status: Option<Status>,
    /// Made at or after, and before.
    pub created: (Option<Instant>, Option<Instant>),
    /// Changed at or after, and before.
    pub updated: (Option<Instant>, Option<Instant>),
}

/// A page of an account's conferences, newest first, or the other way round.
pub fn list(
    query: &mut impl Query,
    account: AccountSid,
    filter: &Filter,
    cursor: Option<(bool, ConferenceSid)>,
    limit: u32,
) -> Result<Vec<Conference>, StoreError> {
    let (account, after) = (account.bytes(), cursor.map(|(_, sid)| sid.bytes()));
    let forward = cursor.is_none_or(|(forward, _)| forward);
    let mut sql = format!("SELECT {COLUMNS} FROM conferences WHERE account = ?");
    let mut params: Vec<Value<'_>> = vec![(&account).into()];
    let after_sid = if forward { " AND sid < ?" } else { " AND sid > ?" };
    for (condition, value) in [
        (" AND name = ?", filter.name.as_ref().map(Value::from)),
        (" AND status = ?", filter.status.map(|status| Value::Int(status as i64))),
        (" AND created_at >= ?", filter.created.0.map(Value::from)),
        (" AND created_at < ?", filter.created.1.map(Value::from)),
        (" AND updated_at >= ?", filter.updated.0.map(Value::from)),
        (" AND updated_at < ?", filter.updated.1.map(Value::from)),
        (after_sid, after.as_ref().map(Value::from)),
    ] {
        if let Some(value) = value {
            sql.push_str(condition);
            params.push(value);
        }
    }
    sql.push_str(if forward { " ORDER BY sid DESC" } else { " ORDER BY sid" });
    sql.push_str(&format!(" LIMIT {limit}"));
    query.rows(&sql, &params, from_row)
}

/// Somebody comes, or changes.
pub fn seat(
    tx: &mut Tx<'_>,
    conference: &Conference,
    of: &Participant,
    at: Instant,
) -> Result<(), StoreError> {
    let coaches = of.coaches.map(Sid::bytes);
    tx.execute(
        "INSERT INTO participants (conference, call, label, muted, hold, coaches, start_on_enter, \
         end_on_exit, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (conference, call) DO UPDATE SET label = excluded.label, \
         muted = excluded.muted, hold = excluded.hold, coaches = excluded.coaches, \
         start_on_enter = excluded.start_on_enter, end_on_exit = excluded.end_on_exit, \
         updated_at = excluded.updated_at, left_at = NULL",
        &[
            (&conference.sid.bytes()).into(),
            (&of.call.bytes()).into(),
            of.label.as_ref().into(),
            of.muted.into(),
            of.hold.into(),
            coaches.as_ref().into(),
            of.start_on_enter.into(),
            of.end_on_exit.into(),
            at.into(),
            at.into(),
        ],
    )?;
    Ok(())
}

/// Somebody goes.
pub fn left(
    tx: &mut Tx<'_>,
    conference: ConferenceSid,
    call: CallSid,
    at: Instant,
) -> Result<(), StoreError> {
    let sql = "UPDATE participants SET left_at = ?, updated_at = ? \
               WHERE conference = ? AND call = ?";
    let (conference, call) = (conference.bytes(), call.bytes());
    tx.execute(sql, &[at.into(), at.into(), (&conference).into(), (&call).into()])?;
    Ok(())
}

/// A conference is over.
pub fn everybody_left(
    tx: &mut Tx<'_>,
    conference: ConferenceSid,
    at: Instant,
) -> Result<(), StoreError> {
    let sql = "UPDATE participants SET left_at = ? WHERE conference = ? AND left_at IS NULL";
    tx.execute(sql, &[at.into(), (&conference.bytes()).into()])?;
    Ok(())
}

/// Whether anybody ever came into a conference.
pub fn was_entered(query: &mut impl Query, conference: ConferenceSid) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM participants WHERE conference = ? LIMIT 1";
    let found = query.row(sql, &[(&conference.bytes()).into()], |row| row.int(0))?;
    Ok(found.is_some())
}

/// Who is in a conference, in the order in which they came.
pub fn seats(query: &mut impl Query, conference: ConferenceSid) -> Result<Vec<Seated>, StoreError> {
    let sql = "SELECT call, label, muted, hold, coaches, start_on_enter, end_on_exit, created_at, \
               updated_at FROM participants WHERE conference = ? AND left_at IS NULL \
               ORDER BY created_at, call";
    query.rows(sql, &[(&conference.bytes()).into()], |row| {
        Ok(Seated {
            participant: Participant {
                call: row.sid(0)?,
                label: row.text_or_null(1)?,
                muted: row.bool(2)?,
                hold: row.bool(3)?,
                coaches: call_or_null(row, 4)?,
                start_on_enter: row.bool(5)?,
                end_on_exit: row.bool(6)?,
            },
            created_at: row.instant(7)?,
            updated_at: row.instant(8)?,
        })
    })
}

fn call_or_null(row: &Row<'_>, column: usize) -> Result<Option<CallSid>, StoreError> {
    let blob = row.blob_or_null(column)?;
    let bytes: Option<[u8; 16]> =
        blob.map(|blob| blob.try_into().map_err(|_| StoreError::Corrupt("a SID"))).transpose()?;
    Ok(bytes.map(CallSid::from_bytes))
}

fn from_row(row: &Row<'_>) -> Result<Conference, StoreError> {
    let corrupt = StoreError::Corrupt("a conference's status");
    let callback = row.text_or_null(9)?.and_then(|text| serde_json::from_str(&text).ok());
    Ok(Conference {
        account: row.sid(0)?,
        sid: row.sid(1)?,
        name: row.text(2)?,
        status: Status::from_number(row.int(3)?).ok_or(corrupt)?,
        region: row.text_or_null(4)?,
        created_at: row.instant(5)?,
        updated_at: row.instant(6)?,
        reason: row.text_or_null(7)?,
        ended_by: call_or_null(row, 8)?,
        callback,
        callbacks: u32::try_from(row.int(10)?).unwrap_or_default(),
        event: (row.int(11)?, row.int(12)?),
        salt: row.bytes16(13)?,
    })
}
