//! Pages of an account's messages.

use ::store::{Query, StoreError, Value};
use base::{AccountSid, Instant, MessageSid, Sid};

use super::{COLUMNS, from_row};
use crate::messaging::model::{Message, Status};

/// Which messages a list shows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only to this address.
    pub to: Option<String>,
    /// Only from this address.
    pub from: Option<String>,
    /// Sent at or after.
    pub sent_from: Option<Instant>,
    /// Sent before.
    pub sent_before: Option<Instant>,
}

/// A page of an account's messages, newest first (`forward`) or the other way round from `cursor`.
pub fn list(
    query: &mut impl Query,
    account: AccountSid,
    filter: &Filter,
    cursor: Option<(bool, MessageSid)>,
    limit: u32,
) -> Result<Vec<Message>, StoreError> {
    let account = account.bytes();
    let cursor_bytes = cursor.map(|(_, sid)| sid.bytes());
    let forward = cursor.is_none_or(|(forward, _)| forward);
    let mut sql = format!("SELECT {COLUMNS} FROM messages WHERE account = ?");
    let mut params: Vec<Value<'_>> = vec![(&account).into()];
    if let Some(bytes) = &cursor_bytes {
        sql.push_str(if forward { " AND sid < ?" } else { " AND sid > ?" });
        params.push(bytes.into());
    }
    if let Some(to) = &filter.to {
        sql.push_str(" AND recipient = ?");
        params.push(to.into());
    }
    if let Some(from) = &filter.from {
        sql.push_str(" AND sender = ?");
        params.push(from.into());
    }
    if let Some(from) = filter.sent_from {
        sql.push_str(" AND sent_at >= ?");
        params.push(from.into());
    }
    if let Some(before) = filter.sent_before {
        sql.push_str(" AND sent_at < ?");
        params.push(before.into());
    }
    sql.push_str(if forward { " ORDER BY sid DESC" } else { " ORDER BY sid" });
    sql.push_str(&format!(" LIMIT {limit}"));
    query.rows(&sql, &params, from_row)
}

/// An account's oldest messages from before an instant that have come to an end, in order.
pub fn ended_before(
    query: &mut impl Query,
    account: AccountSid,
    before: Instant,
    limit: u32,
) -> Result<Vec<Message>, StoreError> {
    // SIDs begin with their instant: a range of them is a range of time.
    let end = MessageSid::new(before, [0; 10]).bytes();
    let ended = [
        Status::Delivered,
        Status::Undelivered,
        Status::Failed,
        Status::Canceled,
        Status::Received,
        Status::Read,
        // Its receipt never came.
        Status::Sent,
    ];
    let ended = ended.map(|status| status.number().to_string()).join(", ");
    let sql = format!(
        "SELECT {COLUMNS} FROM messages WHERE account = ? AND sid < ? AND status IN ({ended}) \
         ORDER BY sid LIMIT {limit}"
    );
    query.rows(&sql, &[(&account.bytes()).into(), (&end).into()], from_row)
}
