//! The SQL of calls: a row each.

use ::store::{NewEvent, Query, Row, StoreError, Tx, Value};
use base::{AccountSid, CallSid, Currency, Instant, Money, Sid};

use crate::voice::model::{CallKey, CallRecord, Direction, Quality, Status, StatusCallback};

pub(super) const TABLES: &str = "
    CREATE TABLE calls (
        account {blob} NOT NULL,
        sid {blob} NOT NULL,
        parent {blob},
        direction {int} NOT NULL,
        status {int} NOT NULL,
        caller {text} NOT NULL,
        called {text} NOT NULL,
        caller_name {text},
        forwarded_from {text},
        number {blob},
        price {int},
        currency {text} NOT NULL,
        created_at {int} NOT NULL,
        updated_at {int} NOT NULL,
        started_at {int},
        answered_at {int},
        ended_at {int},
        seen_at {int} NOT NULL,
        callback {text},
        callbacks {int} NOT NULL,
        sip_code {int} NOT NULL,
        event {int} NOT NULL,
        event_seq {int} NOT NULL,
        salt {blob} NOT NULL,
        plan {blob},
        node {text} NOT NULL,
        PRIMARY KEY (account, sid)
    ) {clustered};
    CREATE INDEX calls_live ON calls (node, sid) WHERE ended_at IS NULL;
    CREATE INDEX calls_by_parent ON calls (parent, sid) WHERE parent IS NOT NULL;
    ";

/// What came with the numbers of media.
pub(super) const QUALITY: &str = "
    ALTER TABLE calls ADD COLUMN quality {text};
    ";

const COLUMNS: &str = "account, sid, parent, direction, status, caller, called, caller_name, \
                       forwarded_from, number, price, currency, created_at, updated_at, \
                       started_at, answered_at, ended_at, callback, callbacks, sip_code, event, \
                       event_seq, salt, node";

/// Writes a new call with its first event, and its sealed plan.
pub fn insert(
    tx: &mut Tx<'_>,
    call: &mut CallRecord,
    plan: Option<&[u8]>,
) -> Result<(), StoreError> {
    let event = tx.emit(NewEvent {
        account: call.key.account,
        object: call.key.sid.into(),
        object_seq: 1,
        previous: 0,
        kind: call.status.event(),
        facts: "{}",
    })?;
    call.event = (event, 1);
    let parent = call.parent.map(Sid::bytes);
    let number = call.number.map(Sid::bytes);
    let callback = call.callback.as_ref().and_then(|one| serde_json::to_string(one).ok());
    tx.execute(
        "INSERT INTO calls (account, sid, parent, direction, status, caller, called, caller_name, \
         forwarded_from, number, price, currency, created_at, updated_at, started_at, answered_at, \
         ended_at, callback, callbacks, sip_code, event, event_seq, salt, node, seen_at, plan) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, ?, ?, ?, NULL, ?, 0, 0, ?, 1, ?, ?, ?, ?)",
        &[
            (&call.key.account.bytes()).into(),
            (&call.key.sid.bytes()).into(),
            parent.as_ref().into(),
            Value::Int(call.direction as i64),
            call.status.number().into(),
            (&call.from).into(),
            (&call.to).into(),
            call.caller_name.as_ref().into(),
            call.forwarded_from.as_ref().into(),
            number.as_ref().into(),
            (&Currency::USD.to_string()).into(),
            call.created_at.into(),
            call.updated_at.into(),
            call.started_at.into(),
            call.answered_at.into(),
            callback.as_ref().into(),
            event.into(),
            (&call.salt).into(),
            (&call.node).into(),
            call.created_at.into(),
            plan.into(),
        ],
    )?;
    Ok(())
}

/// The call with this key.
pub fn find(query: &mut impl Query, key: CallKey) -> Result<Option<CallRecord>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM calls WHERE account = ? AND sid = ?");
    query.row(&sql, &[(&key.account.bytes()).into(), (&key.sid.bytes()).into()], from_row)
}

/// A call that has not ended, its sealed plan, and when it was last seen alive.
pub type Left = (CallRecord, Option<Vec<u8>>, Instant);

/// The calls of a node that have not ended, oldest first, with their sealed plans and when they
/// were last seen alive.
pub fn live_on(query: &mut impl Query, node: &str) -> Result<Vec<Left>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, plan, seen_at FROM calls WHERE node = ? AND ended_at IS NULL \
         ORDER BY sid"
    );
    query.rows(&sql, &[node.into()], |row| {
        Ok((from_row(row)?, row.blob_or_null(24)?, row.instant(25)?))
    })
}

/// Notes that the node's calls are alive: what a crash leaves open ended no later than this.
pub fn seen(tx: &mut Tx<'_>, node: &str) -> Result<(), StoreError> {
    let now = tx.now();
    let sql = "UPDATE calls SET seen_at = ? WHERE node = ? AND ended_at IS NULL";
    tx.execute(sql, &[now.into(), node.into()])?;
    Ok(())
}

/// A step of a call.
#[derive(Clone, Debug)]
pub struct Change {
    /// Which call.
    pub key: CallKey,
    /// Its new status.
    pub status: Status,
    /// When it took the step.
    pub at: Instant,
    /// The SIP status of its end; 0 for none.
    pub sip_code: u16,
    /// What it costs, at its end.
    pub price: Option<Money>,
}

/// From now on a call's steps are told there.
pub fn set_callback(
    tx: &mut Tx<'_>,
    key: CallKey,
    callback: &StatusCallback,
) -> Result<(), StoreError> {
    let text = serde_json::to_string(callback).unwrap_or_default();
    let sql = "UPDATE calls SET callback = ? WHERE account = ? AND sid = ?";
    let (account, sid) = (key.account.bytes(), key.sid.bytes());
    tx.execute(sql, &[(&text).into(), (&account).into(), (&sid).into()])?;
    Ok(())
}

/// Takes a step, unless the call is past it; answers the call as it stands then.
pub fn change(tx: &mut Tx<'_>, change: &Change) -> Result<Option<CallRecord>, StoreError> {
    let Some(mut call) = find(tx, change.key)? else { return Ok(None) };
    if !call.status.may_become(change.status) {
        return Ok(None);
    }
    call.status = change.status;
    call.updated_at = tx.now();
    match change.status {
        Status::Queued => {}
        Status::Initiated | Status::Ringing => {
            call.started_at = call.started_at.or(Some(change.at));
        }
        Status::InProgress => call.answered_at = Some(change.at),
        _ => {
            call.ended_at = Some(change.at);
            call.price = change.price;
            call.sip_code = change.sip_code;
        }
    }
    if let Some(progress) = change.status.progress()
        && call.callback.as_ref().is_some_and(|callback| callback.events.contains(&progress))
    {
        call.callbacks += 1;
    }
    let facts = match change.sip_code {
        0 => "{}".to_owned(),
        code => format!("{{\"sip\":{code}}}"),
    };
    let event = tx.emit(NewEvent {
        account: call.key.account,
        object: call.key.sid.into(),
        object_seq: call.event.1 + 1,
        previous: call.event.0,
        kind: change.status.event(),
        facts: &facts,
    })?;
    call.event = (event, call.event.1 + 1);
    tx.execute(
        "UPDATE calls SET status = ?, updated_at = ?, started_at = ?, answered_at = ?, \
         ended_at = ?, price = ?, sip_code = ?, callbacks = ?, event = ?, event_seq = ?, \
         plan = NULL WHERE account = ? AND sid = ?",
        &[
            call.status.number().into(),
            call.updated_at.into(),
            call.started_at.into(),
            call.answered_at.into(),
            call.ended_at.into(),
            call.price.map(|price| price.micros).into(),
            i64::from(call.sip_code).into(),
            call.callbacks.into(),
            call.event.0.into(),
            call.event.1.into(),
            (&call.key.account.bytes()).into(),
            (&call.key.sid.bytes()).into(),
        ],
    )?;
    Ok(Some(call))
}

/// Keeps the numbers of a call's media.
pub fn set_quality(tx: &mut Tx<'_>, key: CallKey, quality: &Quality) -> Result<(), StoreError> {
    let Ok(json) = serde_json::to_string(quality) else { return Ok(()) };
    let (account, sid) = (key.account.bytes(), key.sid.bytes());
    let values: [Value<'_>; 3] = [(&json).into(), (&account).into(), (&sid).into()];
    tx.execute("UPDATE calls SET quality = ? WHERE account = ? AND sid = ?", &values)?;
    Ok(())
}

/// The numbers of a call's media; none while it has any, or when it never had.
pub fn quality(query: &mut impl Query, key: CallKey) -> Result<Option<Quality>, StoreError> {
    let sql = "SELECT quality FROM calls WHERE account = ? AND sid = ?";
    let (account, sid) = (key.account.bytes(), key.sid.bytes());
    let found = query.row(sql, &[(&account).into(), (&sid).into()], |row| row.text_or_null(0))?;
    Ok(found.flatten().and_then(|json| serde_json::from_str(&json).ok()))
}

/// Removes a call.
pub fn delete(tx: &mut Tx<'_>, key: CallKey) -> Result<u64, StoreError> {
    let (account, sid) = (key.account.bytes(), key.sid.bytes());
    let row: [Value<'_>; 2] = [(&account).into(), (&sid).into()];
    tx.execute("DELETE FROM calls WHERE account = ? AND sid = ?", &row)
}

/// Which calls a list shows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only to this address.
    pub to: Option<String>,
    /// Only from this address.
    pub from: Option<String>,
    /// Only with this parent.
    pub parent: Option<CallSid>,
    /// Only in this state.
    pub status: Option<Status>,
    /// Started at or after, and before.
    pub started: (Option<Instant>, Option<Instant>),
    /// Ended at or after, and before.
    pub ended: (Option<Instant>, Option<Instant>),
}

/// A page of an account's calls, newest first (`forward`) or the other way round from `cursor`.
pub fn list(
    query: &mut impl Query,
    account: AccountSid,
    filter: &Filter,
    cursor: Option<(bool, CallSid)>,
    limit: u32,
) -> Result<Vec<CallRecord>, StoreError> {
    let account = account.bytes();
    let after = cursor.map(|(_, sid)| sid.bytes());
    let forward = cursor.is_none_or(|(forward, _)| forward);
    let parent = filter.parent.map(Sid::bytes);
    let mut sql = format!("SELECT {COLUMNS} FROM calls WHERE account = ?");
    let mut params: Vec<Value<'_>> = vec![(&account).into()];
    let mut add = |condition: &str, value: Option<Value<'static>>| {
        if let Some(value) = value {
            sql.push_str(condition);
            params.push(value);
        }
    };
    add(" AND status = ?", filter.status.map(|status| status.number().into()));
    add(" AND started_at >= ?", filter.started.0.map(Into::into));
    add(" AND started_at < ?", filter.started.1.map(Into::into));
    add(" AND ended_at >= ?", filter.ended.0.map(Into::into));
    add(" AND ended_at < ?", filter.ended.1.map(Into::into));
    if let Some(bytes) = &after {
        sql.push_str(if forward { " AND sid < ?" } else { " AND sid > ?" });
        params.push(bytes.into());
    }
    if let Some(to) = &filter.to {
        sql.push_str(" AND called = ?");
        params.push(to.into());
    }
    if let Some(from) = &filter.from {
        sql.push_str(" AND caller = ?");
        params.push(from.into());
    }
    if let Some(parent) = &parent {
        sql.push_str(" AND parent = ?");
        params.push(parent.into());
    }
    sql.push_str(if forward { " ORDER BY sid DESC" } else { " ORDER BY sid" });
    sql.push_str(&format!(" LIMIT {limit}"));
    query.rows(&sql, &params, from_row)
}

fn from_row(row: &Row<'_>) -> Result<CallRecord, StoreError> {
    let status = Status::from_number(row.int(4)?).ok_or(StoreError::Corrupt("a call's status"))?;
    let currency = row.text(11)?.parse().map_err(|_| StoreError::Corrupt("a currency"))?;
    let sid16 = |column: usize| -> Result<Option<[u8; 16]>, StoreError> {
        let blob = row.blob_or_null(column)?;
        blob.map(|blob| blob.try_into().map_err(|_| StoreError::Corrupt("a SID"))).transpose()
    };
    let callback = row.text_or_null(17)?.and_then(|text| serde_json::from_str(&text).ok());
    Ok(CallRecord {
        key: CallKey { account: row.sid(0)?, sid: row.sid(1)? },
        parent: sid16(2)?.map(Sid::from_bytes),
        direction: Direction::from_number(row.int(3)?),
        status,
        from: row.text(5)?,
        to: row.text(6)?,
        caller_name: row.text_or_null(7)?,
        forwarded_from: row.text_or_null(8)?,
        number: sid16(9)?.map(Sid::from_bytes),
        price: row.int_or_null(10)?.map(|micros| Money { micros, currency }),
        created_at: row.instant(12)?,
        updated_at: row.instant(13)?,
        started_at: row.instant_or_null(14)?,
        answered_at: row.instant_or_null(15)?,
        ended_at: row.instant_or_null(16)?,
        callback,
        callbacks: u32::try_from(row.int(18)?).unwrap_or_default(),
        sip_code: u16::try_from(row.int(19)?).unwrap_or_default(),
        event: (row.int(20)?, row.int(21)?),
        salt: row.bytes16(22)?,
        node: row.text(23)?,
    })
}
