//! The SQL of alerts.

use ::store::{Migration, NewEvent, Query, Row, StoreError, Tx, Value};
use base::{AccountSid, AnySid, Instant, NotificationSid, Sid};

/// The table.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "webhooks.alerts/1",
        sql: "
    CREATE TABLE alerts (
        account {blob} NOT NULL,
        sid {blob} NOT NULL,
        resource {blob} NOT NULL,
        code {int} NOT NULL,
        warning {int} NOT NULL,
        method {text} NOT NULL,
        url {text} NOT NULL,
        message {text} NOT NULL,
        created_at {int} NOT NULL,
        PRIMARY KEY (account, sid)
    ) {clustered};
    ",
    },
    Migration {
        name: "webhooks.alerts/2",
        sql: "CREATE INDEX alerts_by_resource ON alerts (resource, sid);",
    },
];

/// An alert about to be raised.
#[derive(Clone, Debug)]
pub struct NewAlert {
    /// Whose application it is about.
    pub account: AccountSid,
    /// The message or call that was being handled.
    pub resource: AnySid,
    /// Twilio's code.
    pub code: u32,
    /// Whether it was carried on in spite of it.
    pub warning: bool,
    /// How the application was asked.
    pub method: &'static str,
    /// Where.
    pub url: String,
    /// What was wrong.
    pub message: String,
}

/// Raises alerts.
pub fn raise(tx: &mut Tx<'_>, alerts: &[NewAlert]) -> Result<(), StoreError> {
    let now = tx.now();
    for alert in alerts {
        let sid: NotificationSid = tx.new_sid();
        tx.execute(
            "INSERT INTO alerts (account, sid, resource, code, warning, method, url, message, \
             created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            &[
                (&alert.account.bytes()).into(),
                (&sid.bytes()).into(),
                (&alert.resource.to_bytes18()).into(),
                alert.code.into(),
                alert.warning.into(),
                alert.method.into(),
                (&alert.url).into(),
                (&alert.message).into(),
                now.into(),
            ],
        )?;
        let facts = format!("{{\"resource\":\"{}\",\"code\":{}}}", alert.resource, alert.code);
        tx.emit(NewEvent {
            account: alert.account,
            object: sid.into(),
            object_seq: 1,
            previous: 0,
            kind: "webhooks.alert.raised",
            facts: &facts,
        })?;
    }
    Ok(())
}

/// An alert as it was raised.
pub(super) struct Alert {
    pub(super) account: AccountSid,
    pub(super) sid: NotificationSid,
    pub(super) resource: AnySid,
    pub(super) code: i64,
    pub(super) warning: bool,
    pub(super) method: String,
    pub(super) url: String,
    pub(super) message: String,
    pub(super) created_at: Instant,
}

const COLUMNS: &str = "account, sid, resource, code, warning, method, url, message, created_at";

fn from_row(row: &Row<'_>) -> Result<Alert, StoreError> {
    Ok(Alert {
        account: row.sid(0)?,
        sid: row.sid(1)?,
        resource: row.any_sid(2)?,
        code: row.int(3)?,
        warning: row.bool(4)?,
        method: row.text(5)?,
        url: row.text(6)?,
        message: row.text(7)?,
        created_at: row.instant(8)?,
    })
}

/// Which alerts are wanted.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    /// Warnings, or errors.
    pub(super) warning: Option<bool>,
    /// Raised then or later.
    pub(super) from: Option<Instant>,
    /// Raised before.
    pub(super) before: Option<Instant>,
    /// About this alone.
    pub(super) resource: Option<AnySid>,
}

/// A page of an account's alerts, newest first, or the other way round.
pub(super) fn list(
    query: &mut impl Query,
    account: AccountSid,
    filter: &Filter,
    cursor: Option<(bool, NotificationSid)>,
    limit: u32,
) -> Result<Vec<Alert>, StoreError> {
    let Filter { warning, from, before, resource } = filter;
    let resource = resource.map(|sid| sid.to_bytes18());
    let mut wanted = String::new();
    for (clause, asked) in [
        (" AND warning = ?", warning.is_some()),
        (" AND created_at >= ?", from.is_some()),
        (" AND created_at < ?", before.is_some()),
        (" AND resource = ?", resource.is_some()),
    ] {
        wanted.push_str(if asked { clause } else { "" });
    }
    let (condition, order) = match cursor {
        None => ("", "DESC"),
        Some((true, _)) => (" AND sid < ?", "DESC"),
        Some((false, _)) => (" AND sid > ?", "ASC"),
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM alerts WHERE account = ?{wanted}{condition} ORDER BY sid {order} \
         LIMIT {limit}"
    );
    let (account, after) = (account.bytes(), cursor.map(|(_, sid)| sid.bytes()));
    let mut params: Vec<Value<'_>> = vec![(&account).into()];
    params.extend(warning.map(Value::from));
    params.extend(from.map(Value::from));
    params.extend(before.map(Value::from));
    params.extend(resource.as_ref().map(Value::from));
    params.extend(after.as_ref().map(Value::from));
    query.rows(&sql, &params, from_row)
}

/// Forgets an account's alerts from before an instant.
pub fn forget(tx: &mut Tx<'_>, account: AccountSid, before: Instant) -> Result<(), StoreError> {
    let sql = "DELETE FROM alerts WHERE account = ? AND created_at < ?";
    tx.execute(sql, &[(&account.bytes()).into(), before.into()])?;
    Ok(())
}

/// One of an account's alerts.
pub(super) fn find(
    query: &mut impl Query,
    account: AccountSid,
    sid: NotificationSid,
) -> Result<Option<Alert>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM alerts WHERE account = ? AND sid = ?");
    query.row(&sql, &[(&account.bytes()).into(), (&sid.bytes()).into()], from_row)
}
