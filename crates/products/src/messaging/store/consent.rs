//! Who said STOP to whom.

use ::store::{Query, StoreError, Tx};
use base::{AccountSid, Instant, Sid};

/// Opt-outs are found by who said STOP as well.
pub(super) const BY_RECIPIENT: &str =
    "CREATE INDEX opt_outs_by_recipient ON opt_outs (account, recipient);";

/// Whether anybody said STOP to this sender, and whether this recipient did.
pub fn opted_out(
    query: &mut impl Query,
    account: AccountSid,
    sender: &str,
    recipient: &str,
) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM opt_outs WHERE account = ? AND sender = ? AND recipient = ?";
    let account = account.bytes();
    let params = [(&account).into(), sender.into(), recipient.into()];
    Ok(query.row(sql, &params, |row| row.int(0))?.is_some())
}

/// Whether anybody at all said STOP to this sender.
pub fn has_opt_outs(
    query: &mut impl Query,
    account: AccountSid,
    sender: &str,
) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM opt_outs WHERE account = ? AND sender = ? LIMIT 1";
    let account = account.bytes();
    let params = [(&account).into(), sender.into()];
    Ok(query.row(sql, &params, |row| row.int(0))?.is_some())
}

/// To which senders a recipient said STOP, and when; at most `limit`.
pub fn opt_outs_of(
    query: &mut impl Query,
    account: AccountSid,
    recipient: &str,
    limit: u32,
) -> Result<Vec<(String, Instant)>, StoreError> {
    let sql = "SELECT sender, at FROM opt_outs WHERE account = ? AND recipient = ? \
               ORDER BY sender LIMIT ?";
    let account = account.bytes();
    let params = [(&account).into(), recipient.into(), limit.into()];
    query.rows(sql, &params, |row| Ok((row.text(0)?, row.instant(1)?)))
}

/// Remembers that a recipient said STOP to a sender.
pub fn opt_out(
    tx: &mut Tx<'_>,
    account: AccountSid,
    sender: &str,
    recipient: &str,
) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO opt_outs (account, sender, recipient, at) VALUES (?, ?, ?, ?) \
         ON CONFLICT (account, sender, recipient) DO NOTHING",
        &[(&account.bytes()).into(), sender.into(), recipient.into(), now.into()],
    )?;
    Ok(())
}

/// Forgets that a recipient said STOP.
pub fn opt_in(
    tx: &mut Tx<'_>,
    account: AccountSid,
    sender: &str,
    recipient: &str,
) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM opt_outs WHERE account = ? AND sender = ? AND recipient = ?",
        &[(&account.bytes()).into(), sender.into(), recipient.into()],
    )?;
    Ok(())
}
