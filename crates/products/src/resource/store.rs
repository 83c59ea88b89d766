//! The SQL of declared resources: one table of documents, one of keys to find them by.

use ::store::{NewEvent, Query, Row, StoreError, Tx, Value};
use base::{AccountSid, AnySid, ApiError, Sid};

use crate::resource::{Document, Draft, Refusal, Resource, member};

const COLUMNS: &str = "sid, account, created_at, updated_at, event, event_seq, document, parent";

/// The document with this SID, if the account holds it.
pub fn find(
    query: &mut impl Query,
    resource: &Resource,
    account: AccountSid,
    sid: AnySid,
) -> Result<Option<Document>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM resources WHERE sid = ? AND account = ? AND kind = ?");
    let account = account.bytes();
    let params = [(&sid.bytes).into(), (&account).into(), resource.kind.into()];
    query.row(&sql, &params, |row| from_row(row, resource))
}

/// The document with this SID, whoever holds it: for credentials, which name no account.
pub fn find_anywhere(
    query: &mut impl Query,
    resource: &Resource,
    sid: AnySid,
) -> Result<Option<Document>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM resources WHERE sid = ? AND kind = ?");
    query.row(&sql, &[(&sid.bytes).into(), resource.kind.into()], |row| from_row(row, resource))
}

/// Whether the account itself holds a document whose unique or filtered field has this value.
pub fn has(
    query: &mut impl Query,
    resource: &Resource,
    account: AccountSid,
    field: &str,
    value: &str,
) -> Result<bool, StoreError> {
    let sql =
        "SELECT 1 FROM resource_keys WHERE account = ? AND kind = ? AND field = ? AND value = ?";
    let account = account.bytes();
    let params = [(&account).into(), resource.kind.into(), field.into(), value.into()];
    Ok(query.row(sql, &params, |row| row.int(0))?.is_some())
}

/// A page of the documents that an account holds itself, newest first, or the other way round.
pub fn list(
    query: &mut impl Query,
    resource: &Resource,
    account: AccountSid,
    filters: &[(String, String)],
    cursor: Option<(bool, AnySid)>,
    limit: u32,
) -> Result<Vec<Document>, StoreError> {
    list_of(query, resource, (account, account.bytes()), filters, cursor, limit)
}

/// A page of the documents that another document of the account holds.
pub fn list_of(
    query: &mut impl Query,
    resource: &Resource,
    (account, parent): (AccountSid, [u8; 16]),
    filters: &[(String, String)],
    cursor: Option<(bool, AnySid)>,
    limit: u32,
) -> Result<Vec<Document>, StoreError> {
    let account = account.bytes();
    let filters: Vec<(&str, String)> =
        filters.iter().map(|(field, value)| (&**field, scoped(resource, &parent, value))).collect();
    let forward = cursor.is_none_or(|(forward, _)| forward);
    let after = cursor.map(|(_, sid)| sid.bytes);
    let mut sql =
        format!("SELECT {COLUMNS} FROM resources WHERE account = ? AND kind = ? AND parent = ?");
    let mut params: Vec<Value<'_>> =
        vec![(&account).into(), resource.kind.into(), (&parent).into()];
    if let Some(after) = &after {
        sql.push_str(if forward { " AND sid < ?" } else { " AND sid > ?" });
        params.push(after.into());
    }
    for (field, value) in &filters {
        sql.push_str(
            " AND sid IN (SELECT sid FROM resource_keys \
             WHERE account = ? AND kind = ? AND field = ? AND value = ?)",
        );
        let more: [Value<'_>; 4] =
            [(&account).into(), resource.kind.into(), (*field).into(), value.into()];
        params.extend(more);
    }
    sql.push_str(if forward { " ORDER BY sid DESC" } else { " ORDER BY sid" });
    sql.push_str(&format!(" LIMIT {limit}"));
    query.rows(&sql, &params, |row| from_row(row, resource))
}

/// Writes a new document.
pub fn insert(tx: &mut Tx<'_>, resource: &Resource, draft: &Draft) -> Result<Document, Refusal> {
    claim(tx, resource, draft)?;
    let event = emit(tx, resource, draft, (0, 0), "created")?;
    let now = tx.now();
    let (account, parent) = (draft.account.bytes(), draft.parent(resource));
    tx.execute(
        "INSERT INTO resources (account, kind, sid, parent, version, event_seq, event, created_at, \
         updated_at, document) VALUES (?, ?, ?, ?, 1, 1, ?, ?, ?, ?)",
        &[
            (&account).into(),
            resource.kind.into(),
            (&draft.sid.bytes).into(),
            (&parent).into(),
            event.0.into(),
            now.into(),
            now.into(),
            (&text_of(draft)).into(),
        ],
    )?;
    Ok(Document {
        sid: draft.sid,
        account: draft.account,
        parent,
        created_at: now,
        updated_at: now,
        event,
        data: draft.data.clone(),
    })
}

/// Writes a change; the draft may have moved to another account.
pub fn update(
    tx: &mut Tx<'_>,
    resource: &Resource,
    before: &Document,
    draft: &Draft,
) -> Result<Document, Refusal> {
    forget_keys(tx, resource, before)?;
    claim(tx, resource, draft)?;
    let event = emit(tx, resource, draft, before.event, "updated")?;
    let now = tx.now();
    let (old, new) = (before.account.bytes(), draft.account.bytes());
    let parent = draft.parent(resource);
    tx.execute(
        "UPDATE resources SET account = ?, parent = ?, version = version + 1, event_seq = ?, \
         event = ?, updated_at = ?, document = ? \
         WHERE account = ? AND kind = ? AND parent = ? AND sid = ?",
        &[
            (&new).into(),
            (&parent).into(),
            event.1.into(),
            event.0.into(),
            now.into(),
            (&text_of(draft)).into(),
            (&old).into(),
            resource.kind.into(),
            (&before.parent).into(),
            (&before.sid.bytes).into(),
        ],
    )?;
    Ok(Document {
        account: draft.account,
        parent,
        updated_at: now,
        event,
        data: draft.data.clone(),
        ..before.clone()
    })
}

/// Removes a document and, first, all that it holds.
pub fn delete(tx: &mut Tx<'_>, resource: &Resource, document: &Document) -> Result<(), StoreError> {
    for child in crate::declared()
        .filter(|child| child.parent.is_some_and(|parent| std::ptr::eq(parent, resource)))
    {
        let of = (document.account, document.sid.bytes);
        while let Some(held) = list_of(tx, child, of, &[], None, 1)?.pop() {
            delete(tx, child, &held)?;
        }
    }
    forget_keys(tx, resource, document)?;
    let (previous, seq) = document.event;
    let kind = event_kind(resource, "deleted");
    let new = NewEvent {
        account: document.account,
        object: document.sid,
        object_seq: seq + 1,
        previous,
        kind,
        facts: "{}",
    };
    tx.emit(new)?;
    let account = document.account.bytes();
    tx.execute(
        "DELETE FROM resources WHERE account = ? AND kind = ? AND parent = ? AND sid = ?",
        &[
            (&account).into(),
            resource.kind.into(),
            (&document.parent).into(),
            (&document.sid.bytes).into(),
        ],
    )?;
    Ok(())
}

fn emit(
    tx: &mut Tx<'_>,
    resource: &Resource,
    draft: &Draft,
    (previous, seq): (i64, i64),
    what: &str,
) -> Result<(i64, i64), StoreError> {
    let id = tx.emit(NewEvent {
        account: draft.account,
        object: draft.sid,
        object_seq: seq + 1,
        previous,
        kind: event_kind(resource, what),
        facts: "{}",
    })?;
    Ok((id, seq + 1))
}

/// Event kinds are static texts: each resource has three.
fn event_kind(resource: &Resource, what: &str) -> &'static str {
    match what {
        "created" => resource.events[0],
        "updated" => resource.events[1],
        _ => resource.events[2],
    }
}

/// Writes the keys by which a document is found, and refuses a value that must be unique.
fn claim(tx: &mut Tx<'_>, resource: &Resource, draft: &Draft) -> Result<(), Refusal> {
    let account = draft.account.bytes();
    let parent = draft.parent(resource);
    for (field, shown) in keys(resource, &draft.data) {
        let value = scoped(resource, &parent, &shown);
        if let Some((_, code)) = resource.unique.iter().find(|(name, _)| *name == field) {
            let sql = "SELECT 1 FROM resource_keys \
                       WHERE account = ? AND kind = ? AND field = ? AND value = ?";
            let params =
                [(&account).into(), resource.kind.into(), field.into(), value.as_str().into()];
            if tx.row(sql, &params, |row| row.int(0))?.is_some() {
                let text = format!("{} '{shown}' is taken by another {}", field, resource.title);
                return Err(ApiError::new(*code, text).into());
            }
        }
        tx.execute(
            "INSERT INTO resource_keys (account, kind, field, value, sid) VALUES (?, ?, ?, ?, ?)",
            &[
                (&account).into(),
                resource.kind.into(),
                field.into(),
                value.as_str().into(),
                (&draft.sid.bytes).into(),
            ],
        )?;
    }
    Ok(())
}

fn forget_keys(
    tx: &mut Tx<'_>,
    resource: &Resource,
    document: &Document,
) -> Result<(), StoreError> {
    let account = document.account.bytes();
    for (field, value) in keys(resource, &document.data) {
        let value = scoped(resource, &document.parent, &value);
        tx.execute(
            "DELETE FROM resource_keys \
             WHERE account = ? AND kind = ? AND field = ? AND value = ? AND sid = ?",
            &[
                (&account).into(),
                resource.kind.into(),
                field.into(),
                value.as_str().into(),
                (&document.sid.bytes).into(),
            ],
        )?;
    }
    Ok(())
}

/// A value as it is kept: what is unique or filtered is so among the documents of one parent.
fn scoped(resource: &Resource, parent: &[u8; 16], value: &str) -> String {
    match resource.parent {
        None => value.to_owned(),
        Some(parent_kind) => format!("{}:{value}", parent_kind.sid(*parent)),
    }
}

/// The values by which a document can be found: those of its filters and unique fields.
fn keys<'a>(
    resource: &'a Resource,
    data: &'a serde_json::Map<String, serde_json::Value>,
) -> impl Iterator<Item = (&'static str, String)> + 'a {
    let unique = resource.unique.iter().map(|(name, _)| *name);
    let unique = unique.filter(|name| !resource.filters.contains(name));
    resource.filters.iter().copied().chain(unique).filter_map(|name| {
        match data.get(&member(name)) {
            Some(serde_json::Value::String(text)) => Some((name, text.clone())),
            Some(serde_json::Value::Bool(flag)) => Some((name, flag.to_string())),
            Some(serde_json::Value::Number(number)) => Some((name, number.to_string())),
            _ => None,
        }
    })
}

fn text_of(draft: &Draft) -> String {
    serde_json::Value::Object(draft.data.clone()).to_string()
}

fn from_row(row: &Row<'_>, resource: &Resource) -> Result<Document, StoreError> {
    let prefix = resource.prefix.as_bytes();
    let sid = AnySid { prefix: [prefix[0], prefix[1]], bytes: row.bytes16(0)? };
    let data = serde_json::from_str(&row.text(6)?)
        .map_err(|_| StoreError::Corrupt("a document is no JSON object"))?;
    Ok(Document {
        sid,
        account: row.sid(1)?,
        created_at: row.instant(2)?,
        updated_at: row.instant(3)?,
        event: (row.int(4)?, row.int(5)?),
        parent: row.bytes16(7)?,
        data,
    })
}
