//! The request log: the newest API requests of this node, in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::{AccountSid, Instant, RequestSid, code};
use http::Method;
use serde_json::{Value, json};

use crate::accounts::{Permission, Verb};
use crate::gateway::{ApiResult, Call, Response, Routes};

/// Requests that are kept, of all accounts together.
const KEPT_MAX: usize = 10_000;

/// Requests of one answer.
const SHOWN_MAX: usize = 200;

/// One request and what it was answered.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) id: RequestSid,
    pub(super) account: AccountSid,
    pub(super) at: Instant,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) status: u16,
    /// Twilio's code of a refusal; 0 without one.
    pub(super) code: u32,
    pub(super) took: Duration,
}

/// The log.
#[derive(Clone, Default)]
pub struct RequestLog(Arc<Mutex<VecDeque<Entry>>>);

impl RequestLog {
    pub(super) fn add(&self, entry: Entry) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() == KEPT_MAX {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    /// An account's newest requests, those that were refused or all, newest first.
    fn newest(&self, account: AccountSid, refused: bool, limit: usize) -> Vec<Entry> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = entries.iter().rev().filter(|entry| entry.account == account);
        own.filter(|entry| !refused || entry.status >= 400).take(limit).cloned().collect()
    }
}

/// Adds the route: `GET /trunkline/v1/Requests`, with `Refused=true` and `Limit`.
pub fn routes(routes: &mut Routes, log: &Arc<RequestLog>) {
    let on = Permission::new("gateway/requests", Verb::List);
    routes.on("", Method::GET, "/trunkline/v1/Requests", on, log, |log, call| async move {
        show(&log, &call)
    });
}

fn show(log: &RequestLog, call: &Call) -> ApiResult {
    let query = &call.request.query;
    let limit = match query.get("Limit").map(str::parse::<usize>) {
        None => SHOWN_MAX,
        Some(Ok(limit)) => limit.clamp(1, SHOWN_MAX),
        Some(Err(_)) => {
            return Err(base::ApiError::new(code::BAD_REQUEST, "Limit must be a number"));
        }
    };
    let refused = query.get("Refused") == Some("true");
    let entries = log.newest(call.caller.account_sid(), refused, limit);
    Ok(Response::ok(&json!({ "requests": entries.iter().map(view).collect::<Vec<_>>() })))
}

fn view(entry: &Entry) -> Value {
    json!({
        "request_id": entry.id.to_string(),
        "at": entry.at.to_iso8601_micros(),
        "method": entry.method.as_str(),
        "path": entry.path,
        "status": entry.status,
        "code": Some(entry.code).filter(|code| *code != 0),
        "duration_us": u64::try_from(entry.took.as_micros()).unwrap_or(u64::MAX),
    })
}

#[cfg(test)]
mod tests {
    use base::Sid;

    use super::*;

    #[test]
    fn the_newest_are_kept_and_accounts_see_their_own() {
        let log = RequestLog::default();
        let account = |number| AccountSid::from_bytes([number; 16]);
        for index in 0..KEPT_MAX + 10 {
            log.add(Entry {
                id: RequestSid::from_bytes([0; 16]),
                account: account(u8::try_from(index % 2).unwrap_or_default()),
                at: Instant::default(),
                method: Method::GET,
                path: index.to_string(),
                status: if index % 3 == 0 { 404 } else { 200 },
                code: 0,
                took: Duration::ZERO,
            });
        }
        let own = log.newest(account(1), false, 3);
        let paths: Vec<&str> = own.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(paths, ["10009", "10007", "10005"]);
        assert!(log.newest(account(0), true, 50).iter().all(|entry| entry.status == 404));
        assert_eq!(log.newest(account(0), false, usize::MAX).len(), KEPT_MAX / 2);
        assert!(log.newest(account(9), false, 1).is_empty());
    }
}
