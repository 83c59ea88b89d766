//! The SQL of dialling permissions.

use ::store::{Query, StoreError, Tx};
use base::{AccountSid, Sid};

use crate::voice::dialing::Permission;

/// The tables.
pub(super) const TABLES: &str = "
    CREATE TABLE dialing_permissions (
        account {blob} NOT NULL,
        country {text} NOT NULL,
        low_risk {int} NOT NULL,
        special {int} NOT NULL,
        toll_fraud {int} NOT NULL,
        PRIMARY KEY (account, country)
    ) {clustered};
    CREATE TABLE dialing_settings (
        account {blob} PRIMARY KEY,
        inherits {int} NOT NULL
    ) {clustered};
    ";

/// What an account said of countries, and its parent where it said nothing and inherits: its own
/// rows are last.
pub fn said(
    query: &mut impl Query,
    account: AccountSid,
) -> Result<Vec<(String, Permission)>, StoreError> {
    let sql = "SELECT country, low_risk, special, toll_fraud, \
               CASE WHEN account = ? THEN 1 ELSE 0 END AS own \
               FROM dialing_permissions WHERE account = ? \
               OR account = (SELECT parent FROM accounts WHERE sid = ? AND NOT EXISTS \
               (SELECT 1 FROM dialing_settings WHERE account = ? AND inherits = 0)) \
               ORDER BY own, country";
    let account = account.bytes();
    let params = [(&account).into(), (&account).into(), (&account).into(), (&account).into()];
    query.rows(sql, &params, |row| {
        let (low_risk, special, toll_fraud) = (row.bool(1)?, row.bool(2)?, row.bool(3)?);
        Ok((row.text(0)?, Permission { low_risk, special, toll_fraud }))
    })
}

/// Says what is permitted in a country.
pub fn set(
    tx: &mut Tx<'_>,
    account: AccountSid,
    country: &str,
    of: Permission,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO dialing_permissions (account, country, low_risk, special, toll_fraud) \
               VALUES (?, ?, ?, ?, ?) ON CONFLICT (account, country) DO UPDATE SET \
               low_risk = excluded.low_risk, special = excluded.special, \
               toll_fraud = excluded.toll_fraud";
    let account = account.bytes();
    let params = [
        (&account).into(),
        country.into(),
        of.low_risk.into(),
        of.special.into(),
        of.toll_fraud.into(),
    ];
    tx.execute(sql, &params)?;
    Ok(())
}

/// Whether a subaccount has what its parent said, where it said nothing: it has, until told not to.
pub fn inherits(query: &mut impl Query, account: AccountSid) -> Result<bool, StoreError> {
    let sql = "SELECT inherits FROM dialing_settings WHERE account = ?";
    let found = query.row(sql, &[(&account.bytes()).into()], |row| row.bool(0))?;
    Ok(found.unwrap_or(true))
}

/// Sets it.
pub fn set_inherits(tx: &mut Tx<'_>, account: AccountSid, yes: bool) -> Result<(), StoreError> {
    let sql = "INSERT INTO dialing_settings (account, inherits) VALUES (?, ?) \
               ON CONFLICT (account) DO UPDATE SET inherits = excluded.inherits";
    tx.execute(sql, &[(&account.bytes()).into(), yes.into()])?;
    Ok(())
}
