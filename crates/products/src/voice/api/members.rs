//! Who waits in a queue (`/Queues/{QueueSid}/Members`). Changing a member takes it out of the
//! queue, to run something else.

use std::sync::Arc;

use ::store::StoreError;
use base::{ApiError, CallSid, Instant, QueueSid, code};
use http::Method;
use serde_json::{Value, json};
use twiml::voice::Start;

use crate::accounts::{Permission, Verb, store_error};
use crate::gateway::page::{Paging, v2010};
use crate::gateway::{Answering, ApiResult, Call, Response, Routes};
use crate::resource;
use crate::voice::Voice;
use crate::voice::api::calls::hook_of;
use crate::voice::engine::Order;
use crate::voice::queues::QUEUE;
use crate::voice::store::queues::{Waiting, members};

const LIST: &str = "/2010-04-01/Accounts/{AccountSid}/Queues/{QueueSid}/Members";

/// Whoever is first in line.
const FRONT: &str = "Front";

/// The document's address is wrong.
const BAD_URL: u32 = 21205;

pub(super) fn routes(routes: &mut Routes, voice: &Arc<Voice>) {
    type Handler = fn(Arc<Voice>, Call) -> Answering;
    let one = format!("{LIST}/{{CallSid}}");
    let list: [(Method, &str, Verb, Handler); 3] = [
        (Method::GET, LIST, Verb::List, |s, c| Box::pin(list(s, c))),
        (Method::GET, &one, Verb::Read, |s, c| Box::pin(fetch(s, c))),
        (Method::POST, &one, Verb::Update, |s, c| Box::pin(update(s, c))),
    ];
    for (method, path, verb, handler) in list {
        let permission = Permission::new("voice/queues", verb);
        routes.on("api", method, path, permission, voice, handler);
    }
}

/// A member and its place, from 1.
type Placed = (u64, Waiting);

/// The queue of a path, and who waits in it.
async fn waiting(voice: &Voice, call: &Call) -> Result<(QueueSid, Vec<Placed>), ApiError> {
    let queue: QueueSid = call.request.sid("QueueSid")?;
    let account = call.caller.account_sid();
    let read = voice.shared().store.read(move |reader| {
        let found = resource::store::find(reader, &QUEUE, account, queue.into())?;
        let members = members(reader, account, queue)?;
        Ok::<_, StoreError>(found.map(|_| members))
    });
    let found = read.await.map_err(store_error)?.ok_or_else(|| call.request.not_found())?;
    Ok((queue, (1..).zip(found).collect()))
}

async fn list(voice: Arc<Voice>, call: Call) -> ApiResult {
    let paging = Paging::of(&call.request)?;
    let (queue, mut rows) = waiting(&voice, &call).await?;
    if let Some(cursor) = &paging.cursor {
        let bad = |_| ApiError::new(code::PAGE_TOKEN, "Invalid PageToken");
        let at: u64 = cursor.key.parse().map_err(bad)?;
        rows.retain(|(place, _)| if cursor.forward { *place > at } else { *place < at });
        if !cursor.forward {
            rows.reverse();
        }
    }
    rows.truncate(paging.size as usize + 1);
    let now = voice.shared().clock.now();
    let page =
        paging.page(rows, |(place, _)| place.to_string(), |row| view(&call, queue, *row, now));
    Ok(Response::ok(&v2010(&call.request, &paging, "queue_members", page)))
}

/// The member that a path names, by its call or as the first.
async fn find(voice: &Voice, call: &Call) -> Result<(QueueSid, Placed), ApiError> {
    let (queue, rows) = waiting(voice, call).await?;
    let found = match call.request.segment("CallSid") {
        FRONT => rows.into_iter().next(),
        _ => {
            let sid: CallSid = call.request.sid("CallSid")?;
            rows.into_iter().find(|(_, waiting)| waiting.call == sid)
        }
    };
    found.map(|found| (queue, found)).ok_or_else(|| call.request.not_found())
}

async fn fetch(voice: Arc<Voice>, call: Call) -> ApiResult {
    let (queue, found) = find(&voice, &call).await?;
    let now = voice.shared().clock.now();
    Ok(Response::ok(&view(&call, queue, found, now)))
}

async fn update(voice: Arc<Voice>, call: Call) -> ApiResult {
    let hook = hook_of(&call.request.form, "Url", "Method", BAD_URL)?;
    let Some(hook) = hook else {
        return Err(ApiError::new(BAD_URL, "Url is missing: what the caller does next"));
    };
    let (queue, found) = find(&voice, &call).await?;
    let primary = twiml::Hook { url: hook.url, get: hook.get };
    let start = Start::Fetch { primary, fallback: None };
    voice.desk().order(found.1.call, Order::Redirect(start));
    voice.settled().await;
    let now = voice.shared().clock.now();
    Ok(Response::ok(&view(&call, queue, found, now)))
}

fn view(call: &Call, queue: QueueSid, (place, waiting): Placed, now: Instant) -> Value {
    let (account, sid) = (call.caller.account_sid(), waiting.call);
    json!({
        "queue_sid": queue.to_string(),
        "call_sid": sid.to_string(),
        "date_enqueued": waiting.since.to_rfc2822(),
        "position": place,
        "wait_time": now.since(waiting.since).as_secs(),
        "uri": format!("/2010-04-01/Accounts/{account}/Queues/{queue}/Members/{sid}.json"),
    })
}
