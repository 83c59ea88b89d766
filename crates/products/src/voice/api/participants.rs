//! Participants of conferences over HTTP: listed, changed, taken out; those who are called are
//! made in `participate`.

use std::sync::Arc;

use base::{ApiError, CallSid, Params, code};
use http::Method;

use crate::accounts::{Permission, Verb, store_error};
use crate::gateway::page::{Paging, v2010};
use crate::gateway::{Answering, ApiResult, Call, Response, Routes};
use crate::voice::Voice;
use crate::voice::api::calls::{given, hook_of};
use crate::voice::api::conferences::{BAD_URL, find as conference_of};
use crate::voice::api::{participate, view};
use crate::voice::conferences::{Conference, Seated};
use crate::voice::engine::{Order, SeatChange};
use crate::voice::store::conferences as sql;

const LIST: &str = "/2010-04-01/Accounts/{AccountSid}/Conferences/{ConferenceSid}/Participants";

pub(super) fn routes(routes: &mut Routes, voice: &Arc<Voice>) {
    type Handler = fn(Arc<Voice>, Call) -> Answering;
    let one = format!("{LIST}/{{CallSid}}");
    let list: [(Method, &str, Verb, Handler); 5] = [
        (Method::POST, LIST, Verb::Create, |s, c| Box::pin(participate::create(s, c))),
        (Method::GET, LIST, Verb::List, |s, c| Box::pin(list(s, c))),
        (Method::GET, &one, Verb::Read, |s, c| Box::pin(fetch(s, c))),
        (Method::POST, &one, Verb::Update, |s, c| Box::pin(update(s, c))),
        (Method::DELETE, &one, Verb::Delete, |s, c| Box::pin(delete(s, c))),
    ];
    for (method, path, verb, handler) in list {
        let permission = Permission::new("voice/conferences", verb);
        routes.on("api", method, path, permission, voice, handler);
    }
}

async fn seats(voice: &Voice, call: &Call) -> Result<(Conference, Vec<Seated>), ApiError> {
    let conference = conference_of(voice, call, "ConferenceSid").await?;
    let sid = conference.sid;
    let read = voice.shared().store.read(move |reader| sql::seats(reader, sid));
    Ok((conference, read.await.map_err(store_error)?))
}

/// The participant of a path: by its call, or by its label.
async fn find(voice: &Voice, call: &Call) -> Result<(Conference, Seated), ApiError> {
    let (conference, seats) = seats(voice, call).await?;
    let segment = call.request.segment("CallSid");
    let sid: Option<CallSid> = segment.parse().ok();
    let fits = |seated: &Seated| match sid {
        Some(sid) => seated.participant.call == sid,
        None => seated.participant.label.as_deref() == Some(segment),
    };
    let found = seats.into_iter().find(fits);
    found.map(|seated| (conference, seated)).ok_or_else(|| call.request.not_found())
}

/// True or false, where it is given.
pub(super) fn flag(form: &Params, name: &str) -> Result<Option<bool>, ApiError> {
    match given(form, name).map(str::to_ascii_lowercase).as_deref() {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => {
            let text = format!("{name} must be true or false");
            Err(ApiError::new(code::BAD_REQUEST, text))
        }
    }
}

const CONNECTED: &str = "connected";

async fn list(voice: Arc<Voice>, call: Call) -> ApiResult {
    let paging = Paging::of(&call.request)?;
    let query = &call.request.query;
    let (muted, hold) = (flag(query, "Muted")?, flag(query, "Hold")?);
    let coaching = flag(query, "Coaching")?;
    let (conference, mut seats) = seats(&voice, &call).await?;
    seats.retain(|seated| {
        let of = &seated.participant;
        muted.is_none_or(|muted| of.muted == muted)
            && hold.is_none_or(|hold| of.hold == hold)
            && coaching.is_none_or(|coaching| of.coaches.is_some() == coaching)
    });
    if let Some((forward, after)) = paging.neighbour::<CallSid>()? {
        let at = seats.iter().position(|seated| seated.participant.call == after);
        let at = at.ok_or_else(|| ApiError::new(code::PAGE_TOKEN, "Invalid PageToken"))?;
        if forward {
            seats.drain(..=at);
        } else {
            seats.truncate(at);
            seats.reverse();
        }
    }
    seats.truncate(paging.size as usize + 1);
    let page = paging.page(
        seats,
        |seated| seated.participant.call.to_string(),
        |seated| view::participant(&conference, seated, CONNECTED),
    );
    Ok(Response::ok(&v2010(&call.request, &paging, "participants", page)))
}

async fn fetch(voice: Arc<Voice>, call: Call) -> ApiResult {
    let (conference, seated) = find(&voice, &call).await?;
    Ok(Response::ok(&view::participant(&conference, &seated, CONNECTED)))
}

async fn update(voice: Arc<Voice>, call: Call) -> ApiResult {
    let (conference, seated) = find(&voice, &call).await?;
    let change = change_of(&call.request.form)?;
    let sid = seated.participant.call;
    voice.desk().order(sid, Order::Seat(conference.sid, Box::new(change)));
    voice.settled().await;
    let (conference, seated) = find(&voice, &call).await?;
    Ok(Response::ok(&view::participant(&conference, &seated, CONNECTED)))
}

fn change_of(form: &Params) -> Result<SeatChange, ApiError> {
    let coached = coached(form)?;
    let coaches = match flag(form, "Coaching")? {
        Some(false) => Some(None),
        _ => coached.map(Some),
    };
    Ok(SeatChange {
        muted: flag(form, "Muted")?,
        hold: flag(form, "Hold")?,
        hold_hook: hook_of(form, "HoldUrl", "HoldMethod", BAD_URL)?,
        wait_hook: hook_of(form, "WaitUrl", "WaitMethod", BAD_URL)?,
        coaches,
        end_on_exit: flag(form, "EndConferenceOnExit")?,
        beep_on_exit: flag(form, "BeepOnExit")?,
        announce: hook_of(form, "AnnounceUrl", "AnnounceMethod", BAD_URL)?,
    })
}

/// Whom a participant coaches.
pub(super) fn coached(form: &Params) -> Result<Option<CallSid>, ApiError> {
    let coaching = flag(form, "Coaching")?;
    match given(form, "CallSidToCoach") {
        None if coaching == Some(true) => {
            let text = "CallSidToCoach is missing beside Coaching=true";
            Err(ApiError::new(code::BAD_REQUEST, text))
        }
        None => Ok(None),
        Some(text) => {
            let bad = || ApiError::new(code::BAD_REQUEST, "CallSidToCoach is no SID of a call");
            text.parse().map(Some).map_err(|_| bad())
        }
    }
}

async fn delete(voice: Arc<Voice>, call: Call) -> ApiResult {
    let (conference, seated) = find(&voice, &call).await?;
    voice.desk().order(seated.participant.call, Order::Kick(conference.sid));
    voice.settled().await;
    Ok(Response::deleted())
}
