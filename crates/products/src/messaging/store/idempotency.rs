//! Creates that may be repeated.

use ::store::{Query, StoreError, Tx};
use base::{AccountSid, Instant, MessageSid, Sid};

use crate::messaging::model::Idempotency;

/// What was made under an idempotency key: the parameters' fingerprint and the message.
pub fn idempotent(
    query: &mut impl Query,
    account: AccountSid,
    key: &str,
) -> Result<Option<([u8; 32], MessageSid)>, StoreError> {
    let sql = "SELECT fingerprint, message FROM idempotency_keys WHERE account = ? AND key = ?";
    query.row(sql, &[(&account.bytes()).into(), key.into()], |row| {
        let fingerprint = row.blob(0)?.try_into();
        Ok((fingerprint.map_err(|_| StoreError::Corrupt("a fingerprint"))?, row.sid(1)?))
    })
}

/// Keeps what was made under an idempotency key.
pub fn remember_idempotent(
    tx: &mut Tx<'_>,
    account: AccountSid,
    idempotency: &Idempotency,
    sid: MessageSid,
) -> Result<(), StoreError> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO idempotency_keys (account, key, fingerprint, message, created_at) \
         VALUES (?, ?, ?, ?, ?)",
        &[
            (&account.bytes()).into(),
            (&idempotency.key).into(),
            (&idempotency.fingerprint).into(),
            (&sid.bytes()).into(),
            now.into(),
        ],
    )?;
    Ok(())
}

/// Forgets idempotency keys older than a day.
pub fn forget_idempotent(tx: &mut Tx<'_>, before: Instant) -> Result<u64, StoreError> {
    tx.execute("DELETE FROM idempotency_keys WHERE created_at < ?", &[before.into()])
}
