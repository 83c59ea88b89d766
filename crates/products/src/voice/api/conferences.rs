//! Conferences over HTTP.

use std::sync::Arc;

use ::store::{StoreError, Tx};
use base::{ApiError, Params, code};
use http::Method;

use crate::accounts::{Permission, Verb, store_error};
use crate::gateway::page::{Paging, v2010};
use crate::gateway::{Answering, ApiResult, Call, Response, Routes};
use crate::voice::Voice;
use crate::voice::api::calls::{given, hook_of, range};
use crate::voice::api::view;
use crate::voice::conferences::{self, Conference, Status};
use crate::voice::engine::{Input, RoomOrder};
use crate::voice::store::conferences::{self as sql, Filter};

const LIST: &str = "/2010-04-01/Accounts/{AccountSid}/Conferences";

/// The address of an announcement is wrong.
pub(super) const BAD_URL: u32 = 21205;

/// The conference is over.
pub(super) const WRONG_STATE: u32 = 21220;

pub(super) fn routes(routes: &mut Routes, voice: &Arc<Voice>) {
    type Handler = fn(Arc<Voice>, Call) -> Answering;
    let one = format!("{LIST}/{{Sid}}");
    let list: [(Method, &str, Verb, Handler); 3] = [
        (Method::GET, LIST, Verb::List, |s, c| Box::pin(list(s, c))),
        (Method::GET, &one, Verb::Read, |s, c| Box::pin(fetch(s, c))),
        (Method::POST, &one, Verb::Update, |s, c| Box::pin(update(s, c))),
    ];
    for (method, path, verb, handler) in list {
        let permission = Permission::new("voice/conferences", verb);
        routes.on("api", method, path, permission, voice, handler);
    }
}

/// The conference that a segment names: by its SID, or, while it is not over, by its name.
pub(super) async fn find(
    voice: &Voice,
    call: &Call,
    segment: &str,
) -> Result<Conference, ApiError> {
    let (account, name) = (call.caller.account_sid(), call.request.segment(segment).to_owned());
    let read = voice.shared().store.read(move |reader| match name.parse() {
        Ok(sid) => sql::find(reader, account, sid),
        Err(_) => sql::find_named(reader, account, &name),
    });
    read.await.map_err(store_error)?.ok_or_else(|| call.request.not_found())
}

async fn fetch(voice: Arc<Voice>, call: Call) -> ApiResult {
    Ok(Response::ok(&view::conference(&find(&voice, &call, "Sid").await?)))
}

async fn list(voice: Arc<Voice>, call: Call) -> ApiResult {
    let paging = Paging::of(&call.request)?;
    let filter = filter_of(&call.request.query)?;
    let account = call.caller.account_sid();
    let (cursor, limit) = (paging.neighbour()?, paging.size + 1);
    let store = &voice.shared().store;
    let read = store.read(move |reader| sql::list(reader, account, &filter, cursor, limit));
    let found = read.await.map_err(store_error)?;
    let page = paging.page(found, |one| one.sid.to_string(), view::conference);
    Ok(Response::ok(&v2010(&call.request, &paging, "conferences", page)))
}

fn filter_of(query: &Params) -> Result<Filter, ApiError> {
    let status = |text: &str| {
        let text = format!("Status '{text}' is none of init, in-progress, completed");
        ApiError::new(code::BAD_REQUEST, text)
    };
    let status =
        given(query, "Status").map(|text| Status::from_name(text).ok_or_else(|| status(text)));
    Ok(Filter {
        name: given(query, "FriendlyName").map(str::to_owned),
        status: status.transpose()?,
        created: range(query, "DateCreated")?,
        updated: range(query, "DateUpdated")?,
    })
}

/// `Status=completed` ends it; `AnnounceUrl` is heard by all.
async fn update(voice: Arc<Voice>, call: Call) -> ApiResult {
    let conference = find(&voice, &call, "Sid").await?;
    let form = &call.request.form;
    let ends = match given(form, "Status") {
        None => false,
        Some("completed") => true,
        Some(_) => {
            return Err(ApiError::new(code::BAD_REQUEST, "Status can only be set to completed"));
        }
    };
    let announce = hook_of(form, "AnnounceUrl", "AnnounceMethod", BAD_URL)?;
    let (account, sid) = (conference.account, conference.sid);
    if conference.status == Status::Completed && (announce.is_some() || ends) {
        return Err(ApiError::new(WRONG_STATE, format!("Conference {sid} has ended")));
    }
    if let Some(hook) = announce {
        voice.desk().input(Input::Conference(sid, RoomOrder::Announce(hook)));
    }
    if ends {
        voice.desk().input(Input::Conference(sid, RoomOrder::End));
        voice.settled().await;
        // One that nobody came into yet is no business of the engine's.
        let unit = move |tx: &mut Tx<'_>| conferences::abandon(tx, account, sid);
        let written = voice.shared().store.write::<_, StoreError, _>(unit).await;
        written.map_err(store_error)?;
    }
    Ok(Response::ok(&view::conference(&find(&voice, &call, "Sid").await?)))
}
