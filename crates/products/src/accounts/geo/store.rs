//! The SQL of geo permissions.

use ::store::{Migration, Query, StoreError, Tx};
use base::{AccountSid, Sid};

/// The table.
pub(in crate::accounts) const MIGRATION: Migration = Migration {
    name: "accounts.geo/1",
    sql: "
    CREATE TABLE geo_permissions (
        account {blob} NOT NULL,
        country {text} NOT NULL,
        enabled {int} NOT NULL,
        PRIMARY KEY (account, country)
    ) {clustered};
    ",
};

/// What was said of a country.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) country: String,
    pub(super) enabled: bool,
}

/// What an account said of countries, and its parent where it said nothing: its own rows are last.
pub(super) fn said(query: &mut impl Query, account: AccountSid) -> Result<Vec<Row>, StoreError> {
    let sql = "SELECT country, enabled, CASE WHEN account = ? THEN 1 ELSE 0 END AS own \
               FROM geo_permissions WHERE account = ? \
               OR account = (SELECT parent FROM accounts WHERE sid = ?) ORDER BY own, country";
    let account = account.bytes();
    let params = [(&account).into(), (&account).into(), (&account).into()];
    query.rows(sql, &params, |row| Ok(Row { country: row.text(0)?, enabled: row.bool(1)? }))
}

/// Switches countries on or off.
pub(super) fn set(tx: &mut Tx<'_>, account: AccountSid, rows: &[Row]) -> Result<(), StoreError> {
    for row in rows {
        tx.execute(
            "INSERT INTO geo_permissions (account, country, enabled) VALUES (?, ?, ?) \
             ON CONFLICT (account, country) DO UPDATE SET enabled = excluded.enabled",
            &[(&account.bytes()).into(), (&row.country).into(), row.enabled.into()],
        )?;
    }
    Ok(())
}
