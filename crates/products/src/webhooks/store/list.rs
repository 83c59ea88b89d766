//! Deliveries of an account, whatever they are about.

use ::store::{Query, StoreError};
use base::{AccountSid, Sid};

use super::{RECORDED, Recorded, State, recorded_from};

/// What was given up is found by its account: few rows, so that nothing is added to a success.
pub(super) const FAILED: &str = "
    CREATE INDEX deliveries_failed ON deliveries (account, object, object_seq) WHERE state = 2;
    ";

/// Objects that have webhooks, by the letters of their SIDs.
const OBJECTS: [&[u8; 2]; 4] = [b"SM", b"MM", b"CA", b"UT"];

/// Deliveries of the installation that are looked through for an account's newest ones, for each
/// kind of object: the table is in the order of objects.
const LOOKED_THROUGH: u32 = 10_000;

/// An account's newest deliveries: those of its newest objects; or those that wait, the next
/// first; or those that were given up.
pub fn newest(
    query: &mut impl Query,
    account: AccountSid,
    state: Option<State>,
    limit: u32,
) -> Result<Vec<Recorded>, StoreError> {
    let account = account.bytes();
    let sql = match state {
        Some(State::Waiting) => format!(
            "SELECT {RECORDED} FROM deliveries WHERE due_at IS NOT NULL AND account = ? \
             ORDER BY due_at, object, object_seq LIMIT {limit}"
        ),
        Some(State::Exhausted) => format!(
            "SELECT {RECORDED} FROM deliveries WHERE state = 2 AND account = ? \
             ORDER BY object DESC, object_seq DESC LIMIT {limit}"
        ),
        Some(State::Delivered) | None => return recent(query, account, state, limit),
    };
    query.rows(&sql, &[(&account).into()], recorded_from)
}

fn recent(
    query: &mut impl Query,
    account: [u8; 16],
    state: Option<State>,
    limit: u32,
) -> Result<Vec<Recorded>, StoreError> {
    let delivered = if state.is_some() { "AND state = 1" } else { "" };
    let sql = format!(
        "SELECT {RECORDED} FROM (SELECT account, {RECORDED} FROM deliveries \
         WHERE object >= ? AND object < ? ORDER BY object DESC, object_seq DESC \
         LIMIT {LOOKED_THROUGH}) AS newest WHERE account = ? {delivered} \
         ORDER BY object DESC, object_seq DESC LIMIT {limit}"
    );
    let mut found = Vec::new();
    for letters in OBJECTS {
        let (first, after) = (letters.to_vec(), [letters[0], letters[1] + 1].to_vec());
        let params = [(&first).into(), (&after).into(), (&account).into()];
        found.extend(query.rows(&sql, &params, recorded_from)?);
    }
    let tried = |one: &Recorded| one.last.as_ref().map(|last| last.started_at).or(one.due_at);
    found.sort_by_key(|one| std::cmp::Reverse(tried(one)));
    found.truncate(limit as usize);
    Ok(found)
}
