//! The SQL of the audit trail.

use ::store::{Migration, Query, Row, StoreError, Tx, Value};
use base::{AccountSid, AnySid, EventSid, Instant, Sid};

use crate::accounts::audit::Actor;

/// The table.
pub const MIGRATIONS: &[Migration] = &[Migration {
    name: "accounts.audit/1",
    sql: "
    CREATE TABLE audit (
        account {blob} NOT NULL,
        sid {blob} NOT NULL,
        actor {text} NOT NULL,
        actor_kind {text} NOT NULL,
        source {text} NOT NULL,
        address {text} NOT NULL,
        event_type {text} NOT NULL,
        resource {text} NOT NULL,
        kind {text} NOT NULL,
        data {text} NOT NULL,
        at {int} NOT NULL,
        PRIMARY KEY (account, sid)
    ) {clustered};
    ",
}];

/// One change.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) account: AccountSid,
    pub(super) sid: EventSid,
    pub(super) actor: Actor,
    pub(super) event_type: String,
    pub(super) resource: AnySid,
    pub(super) kind: String,
    pub(super) data: String,
    pub(super) at: Instant,
}

const COLUMNS: &str = "account, sid, actor, actor_kind, source, address, event_type, resource, \
                       kind, data, at";

pub(super) fn insert(tx: &mut Tx<'_>, entry: &Entry) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT INTO audit (account, sid, actor, actor_kind, source, address, \
                          event_type, resource, kind, data, at) \
                          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let (actor, resource) = (entry.actor.sid.to_string(), entry.resource.to_string());
    tx.execute(
        INSERT,
        &[
            (&entry.account.bytes()).into(),
            (&entry.sid.bytes()).into(),
            (&actor).into(),
            entry.actor.kind.into(),
            entry.actor.source.into(),
            (&entry.actor.address).into(),
            (&entry.event_type).into(),
            (&resource).into(),
            (&entry.kind).into(),
            (&entry.data).into(),
            entry.at.into(),
        ],
    )?;
    Ok(())
}

/// Which entries are wanted.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    pub(super) actor: Option<String>,
    pub(super) event_type: Option<String>,
    pub(super) resource: Option<String>,
    pub(super) address: Option<String>,
    pub(super) from: Option<Instant>,
    pub(super) before: Option<Instant>,
}

/// A page of an account's entries, newest first, or the other way round.
pub(super) fn list(
    query: &mut impl Query,
    account: AccountSid,
    filter: &Filter,
    cursor: Option<(bool, EventSid)>,
    limit: u32,
) -> Result<Vec<Entry>, StoreError> {
    let account = account.bytes();
    let mut sql = format!("SELECT {COLUMNS} FROM audit WHERE account = ?");
    let mut params: Vec<Value<'_>> = vec![(&account).into()];
    let texts = [
        (" AND actor = ?", &filter.actor),
        (" AND event_type = ?", &filter.event_type),
        (" AND resource = ?", &filter.resource),
        (" AND address = ?", &filter.address),
    ];
    for (clause, text) in texts {
        if let Some(text) = text {
            sql.push_str(clause);
            params.push(text.into());
        }
    }
    for (clause, at) in [(" AND at >= ?", filter.from), (" AND at < ?", filter.before)] {
        if let Some(at) = at {
            sql.push_str(clause);
            params.push(at.into());
        }
    }
    let (forward, after) = cursor.map_or((true, None), |(way, sid)| (way, Some(sid.bytes())));
    if let Some(after) = &after {
        sql.push_str(if forward { " AND sid < ?" } else { " AND sid > ?" });
        params.push(after.into());
    }
    sql.push_str(if forward { " ORDER BY sid DESC" } else { " ORDER BY sid" });
    sql.push_str(&format!(" LIMIT {limit}"));
    query.rows(&sql, &params, from_row)
}

/// One of an account's entries.
pub(super) fn find(
    query: &mut impl Query,
    account: AccountSid,
    sid: EventSid,
) -> Result<Option<Entry>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM audit WHERE account = ? AND sid = ?");
    query.row(&sql, &[(&account.bytes()).into(), (&sid.bytes()).into()], from_row)
}

fn from_row(row: &Row<'_>) -> Result<Entry, StoreError> {
    let sid = |text: String| text.parse().map_err(|_| StoreError::Corrupt("a SID of the audit"));
    let actor = Actor {
        sid: sid(row.text(2)?)?,
        kind: match row.text(3)?.as_str() {
            "key" => "key",
            "user" => "user",
            _ => "account",
        },
        source: if row.text(4)? == "web" { "web" } else { "api" },
        address: row.text(5)?,
    };
    Ok(Entry {
        account: row.sid(0)?,
        sid: row.sid(1)?,
        actor,
        event_type: row.text(6)?,
        resource: sid(row.text(7)?)?,
        kind: row.text(8)?,
        data: row.text(9)?,
        at: row.instant(10)?,
    })
}
