//! The SQL of the safe list.

use ::store::{Migration, Query, StoreError, Tx};
use base::{AccountSid, AnySid, EventSid, Sid};

/// The table.
pub const MIGRATIONS: &[Migration] = &[Migration {
    name: "accounts.safe_list/1",
    sql: "
    CREATE TABLE safe_numbers (
        account {blob} NOT NULL,
        number {text} NOT NULL,
        sid {blob} NOT NULL,
        PRIMARY KEY (account, number)
    ) {clustered};
    ",
}];

/// The SID under which an account vouches for a number.
pub(super) fn find(
    query: &mut impl Query,
    account: AccountSid,
    number: &str,
) -> Result<Option<AnySid>, StoreError> {
    let sql = "SELECT sid FROM safe_numbers WHERE account = ? AND number = ?";
    let found =
        query.row(sql, &[(&account.bytes()).into(), number.into()], |row| row.bytes16(0))?;
    Ok(found.map(|bytes| AnySid { prefix: *b"GN", bytes }))
}

/// Vouches for a number.
pub(super) fn insert(
    tx: &mut Tx<'_>,
    account: AccountSid,
    number: &str,
) -> Result<AnySid, StoreError> {
    let sid = AnySid { prefix: *b"GN", bytes: tx.new_sid::<EventSid>().bytes() };
    let sql = "INSERT INTO safe_numbers (account, number, sid) VALUES (?, ?, ?)";
    tx.execute(sql, &[(&account.bytes()).into(), number.into(), (&sid.bytes).into()])?;
    Ok(sid)
}

/// Vouches for it no more. `false` when nobody did.
pub(super) fn delete(
    tx: &mut Tx<'_>,
    account: AccountSid,
    number: &str,
) -> Result<bool, StoreError> {
    let sql = "DELETE FROM safe_numbers WHERE account = ? AND number = ?";
    Ok(tx.execute(sql, &[(&account.bytes()).into(), number.into()])? == 1)
}
