//! Recordings: of an account, of a call, of a conference. The resources and their media both need
//! credentials, as Twilio's do where an account protects its media: what people said is no secret
//! address's business.

use std::sync::Arc;

use ::store::{StoreError, Tx};
use base::{ApiError, CallSid, ConferenceSid, Params, RecordingSid, code};
use http::Method;

use crate::accounts::{Permission, Verb, store_error};
use crate::gateway::page::{Paging, v2010};
use crate::gateway::{Answering, ApiResult, Call, Response, Routes};
use crate::voice::Voice;
use crate::voice::api::calls::{given, range, record_plan};
use crate::voice::api::{media, view};
use crate::voice::edge::recording_blob;
use crate::voice::engine::{Input, Order, RecordingSource, RoomOrder};
use crate::voice::model::{CallKey, CallRecord, Status as CallStatus};
use crate::voice::recordings::{self, Filter, New, Recording, Status};
use crate::voice::store;

const ACCOUNT: &str = "/2010-04-01/Accounts/{AccountSid}/Recordings";
const CALL: &str = "/2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}/Recordings";
const CONFERENCE: &str = "/2010-04-01/Accounts/{AccountSid}/Conferences/{ConferenceSid}/Recordings";

/// The state of the call or recording does not allow it.
const WRONG_STATE: u32 = 21220;

/// What stands for the recording that runs.
const CURRENT: &str = "Twilio.CURRENT";

/// So many of the newest recordings are looked at for it.
const CURRENT_MAX: u32 = 50;

pub(super) fn routes(routes: &mut Routes, voice: &Arc<Voice>) {
    type Handler = fn(Arc<Voice>, Call) -> Answering;
    let (account, call) = (format!("{ACCOUNT}/{{Sid}}"), format!("{CALL}/{{Sid}}"));
    let conference = format!("{CONFERENCE}/{{Sid}}");
    let list: [(Method, &str, Verb, Handler); 12] = [
        (Method::GET, CONFERENCE, Verb::List, |s, c| Box::pin(list(s, c))),
        (Method::GET, &conference, Verb::Read, |s, c| Box::pin(fetch(s, c))),
        (Method::POST, &conference, Verb::Update, |s, c| Box::pin(update(s, c))),
        (Method::DELETE, &conference, Verb::Delete, |s, c| Box::pin(delete(s, c))),
        (Method::GET, ACCOUNT, Verb::List, |s, c| Box::pin(list(s, c))),
        (Method::GET, &account, Verb::Read, |s, c| Box::pin(fetch(s, c))),
        (Method::DELETE, &account, Verb::Delete, |s, c| Box::pin(delete(s, c))),
        (Method::POST, CALL, Verb::Create, |s, c| Box::pin(create(s, c))),
        (Method::GET, CALL, Verb::List, |s, c| Box::pin(list(s, c))),
        (Method::GET, &call, Verb::Read, |s, c| Box::pin(fetch(s, c))),
        (Method::POST, &call, Verb::Update, |s, c| Box::pin(update(s, c))),
        (Method::DELETE, &call, Verb::Delete, |s, c| Box::pin(delete(s, c))),
    ];
    for (method, path, verb, handler) in list {
        let permission = Permission::new("voice/recordings", verb);
        routes.on("api", method, path, permission, voice, handler);
    }
}

/// What a path says whose recordings are meant.
#[derive(Clone, Copy, Debug, Default)]
struct Scope {
    call: Option<CallSid>,
    conference: Option<ConferenceSid>,
}

impl Scope {
    fn of(call: &Call) -> Result<Self, ApiError> {
        let named = |name: &str| !call.request.segment(name).is_empty();
        Ok(Self {
            call: named("CallSid").then(|| call.request.sid("CallSid")).transpose()?,
            conference: named("ConferenceSid")
                .then(|| call.request.sid("ConferenceSid"))
                .transpose()?,
        })
    }

    fn has(&self, recording: &Recording) -> bool {
        self.call.is_none_or(|call| recording.call == Some(call))
            && self.conference.is_none_or(|sid| recording.conference == Some(sid))
    }
}

/// The live call that a path names.
async fn call_of(voice: &Voice, call: &Call) -> Result<CallRecord, ApiError> {
    let sid: CallSid = call.request.sid("CallSid")?;
    let key = CallKey { account: call.caller.account_sid(), sid };
    let read = voice.shared().store.read(move |reader| store::find(reader, key)).await;
    read.map_err(store_error)?.ok_or_else(|| call.request.not_found())
}

async fn create(voice: Arc<Voice>, call: Call) -> ApiResult {
    if call.caller.is_test() {
        return Err(ApiError::test_credentials());
    }
    let record = call_of(&voice, &call).await?;
    if record.status != CallStatus::InProgress {
        let text = "Requested resource is not eligible for recording: the call is not in-progress";
        return Err(ApiError::new(WRONG_STATE, text));
    }
    let plan = record_plan(&call.request.form, "trim-silence")?;
    let new = New {
        account: record.key.account,
        call: Some(record.key.sid),
        conference: None,
        name: None,
        source: RecordingSource::StartCallRecordingApi.name(),
        plan: plan.clone(),
    };
    let context = Arc::clone(&voice.shared().context);
    let unit = move |tx: &mut Tx<'_>| recordings::begin(tx, &context, &new);
    let begun = voice.shared().store.write::<_, StoreError, _>(unit).await;
    let recording = begun.map_err(store_error)?;
    let name = ::media::RecordingId(recording.name);
    voice.desk().order(record.key.sid, Order::Record(plan, name));
    Ok(Response::created(&view::call_recording(&recording, None)))
}

/// The recording that a request names, with what stands behind a dot.
async fn find(voice: &Voice, call: &Call) -> Result<(Recording, Option<String>), ApiError> {
    let (scope, account) = (Scope::of(call)?, call.caller.account_sid());
    let segment = call.request.segment("Sid");
    if segment == CURRENT {
        if scope.call.is_none() && scope.conference.is_none() {
            return Err(call.request.not_found());
        }
        let filter = Filter { call: scope.call, conference: scope.conference, ..Filter::default() };
        let read = voice
            .shared()
            .store
            .read(move |reader| recordings::list(reader, account, &filter, None, CURRENT_MAX));
        let runs = |one: &Recording| matches!(one.status, Status::InProgress | Status::Paused);
        let found = read.await.map_err(store_error)?.into_iter().find(runs);
        return found.map(|one| (one, None)).ok_or_else(|| call.request.not_found());
    }
    let (name, ending) = match segment.split_once('.') {
        Some((name, ending)) => (name, Some(ending.to_owned())),
        None => (segment, None),
    };
    let sid: RecordingSid = name.parse().map_err(|_| call.request.not_found())?;
    let read = voice.shared().store.read(move |reader| recordings::find(reader, account, sid));
    let found = read.await.map_err(store_error)?.filter(|recording| scope.has(recording));
    let deleted = is_true(&call.request.query, "IncludeSoftDeleted");
    let found = found.filter(|one| deleted || one.status != Status::Deleted);
    found.map(|one| (one, ending)).ok_or_else(|| call.request.not_found())
}

fn is_true(query: &Params, name: &str) -> bool {
    given(query, name).is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// The resource at `….json`, its media at `….wav` and without ending.
async fn fetch(voice: Arc<Voice>, call: Call) -> ApiResult {
    let (recording, ending) = find(&voice, &call).await?;
    let scope = Scope::of(&call)?;
    let of_account = scope.call.is_none() && scope.conference.is_none();
    match ending.as_deref() {
        None if call.request.path.ends_with(".json") || !of_account => {
            let root = &call.request.place.root;
            Ok(Response::ok(&shown(&recording, scope, root)))
        }
        None | Some("wav") => media::wav(&voice, &call, &recording).await,
        Some("mp3") => media::mp3(&voice, &call, &recording).await,
        Some(_) => Err(call.request.not_found()),
    }
}

fn shown(recording: &Recording, scope: Scope, root: &str) -> serde_json::Value {
    match (scope.call, scope.conference) {
        (Some(_), _) => view::call_recording(recording, None),
        (None, Some(_)) => view::conference_recording(recording, None),
        (None, None) => view::recording(recording, root),
    }
}

async fn list(voice: Arc<Voice>, call: Call) -> ApiResult {
    let paging = Paging::of(&call.request)?;
    let (scope, account) = (Scope::of(&call)?, call.caller.account_sid());
    let filter = filter_of(&call.request.query, scope)?;
    let (cursor, limit) = (paging.neighbour()?, paging.size + 1);
    let read = voice.shared().store.read(move |reader| {
        if let Some(sid) = scope.call
            && store::find(reader, CallKey { account, sid })?.is_none()
        {
            return Ok::<_, StoreError>(None);
        }
        if let Some(sid) = scope.conference
            && store::conferences::find(reader, account, sid)?.is_none()
        {
            return Ok(None);
        }
        recordings::list(reader, account, &filter, cursor, limit).map(Some)
    });
    let found = read.await.map_err(store_error)?.ok_or_else(|| call.request.not_found())?;
    let root = call.request.place.root.clone();
    let view = |recording: &Recording| shown(recording, scope, &root);
    let page = paging.page(found, |recording| recording.sid.to_string(), view);
    Ok(Response::ok(&v2010(&call.request, &paging, "recordings", page)))
}

fn filter_of(query: &Params, scope: Scope) -> Result<Filter, ApiError> {
    let sid = |name: &str| given(query, name);
    let bad =
        |name: &str| ApiError::new(code::BAD_REQUEST, format!("{name} is no SID of its kind"));
    let call = sid("CallSid").map(|text| text.parse().map_err(|_| bad("CallSid"))).transpose()?;
    let conference = sid("ConferenceSid")
        .map(|text| text.parse().map_err(|_| bad("ConferenceSid")))
        .transpose()?;
    let created = range(query, "DateCreated")?;
    Ok(Filter {
        call: scope.call.or(call),
        conference: scope.conference.or(conference),
        created,
        deleted: is_true(query, "IncludeSoftDeleted"),
    })
}

/// What a change of a running recording is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Pause { skip: bool },
    Resume,
    Stop,
}

impl Wanted {
    fn of_call(self, name: ::media::RecordingId) -> Order {
        match self {
            Self::Pause { skip } => Order::PauseRecording(name, skip),
            Self::Resume => Order::ResumeRecording(name),
            Self::Stop => Order::StopRecording(name),
        }
    }

    fn of_conference(self, name: ::media::RecordingId) -> RoomOrder {
        match self {
            Self::Pause { skip } => RoomOrder::PauseRecording(name, skip),
            Self::Resume => RoomOrder::ResumeRecording(name),
            Self::Stop => RoomOrder::StopRecording(name),
        }
    }
}

fn wanted(form: &Params) -> Result<Wanted, ApiError> {
    let bad = |text: &str| Err(ApiError::new(code::BAD_REQUEST, text));
    let skip = match given(form, "PauseBehavior") {
        None | Some("silence") => false,
        Some("skip") => true,
        Some(_) => return bad("PauseBehavior must be skip or silence"),
    };
    match given(form, "Status") {
        Some("paused") => Ok(Wanted::Pause { skip }),
        Some("in-progress") => Ok(Wanted::Resume),
        Some("stopped") => Ok(Wanted::Stop),
        _ => bad("Status must be paused, in-progress or stopped"),
    }
}

async fn update(voice: Arc<Voice>, call: Call) -> ApiResult {
    let wanted = wanted(&call.request.form)?;
    let (mut recording, _) = find(&voice, &call).await?;
    let name = ::media::RecordingId(recording.name);
    let over = || ApiError::new(WRONG_STATE, "The recording is over: it can't be changed any more");
    if !matches!(recording.status, Status::InProgress | Status::Paused) {
        return Err(over());
    }
    let status = match wanted {
        Wanted::Pause { .. } => Some(Status::Paused),
        Wanted::Resume => Some(Status::InProgress),
        Wanted::Stop => None,
    };
    if let Some(status) = status {
        let (account, sid) = (recording.account, recording.sid);
        let unit = move |tx: &mut Tx<'_>| recordings::set_status(tx, account, sid, status);
        let written = voice.shared().store.write::<_, StoreError, _>(unit).await;
        if !written.map_err(store_error)? {
            return Err(over());
        }
        recording.status = status;
    }
    let told = (wanted == Wanted::Stop).then_some("stopped");
    if let Some(sid) = recording.call {
        voice.desk().order(sid, wanted.of_call(name));
        return Ok(Response::ok(&view::call_recording(&recording, told)));
    }
    if let Some(sid) = recording.conference {
        voice.desk().input(Input::Conference(sid, wanted.of_conference(name)));
    }
    Ok(Response::ok(&view::conference_recording(&recording, told)))
}

/// Removes the media; the row stays to tell that there was one.
async fn delete(voice: Arc<Voice>, call: Call) -> ApiResult {
    let (mut recording, _) = find(&voice, &call).await?;
    if matches!(recording.status, Status::InProgress | Status::Paused) {
        let text = "The recording still runs; stop it, or wait until it is completed";
        return Err(ApiError::new(UNFINISHED, text));
    }
    let shared = voice.shared();
    if recording.status != Status::Deleted {
        recording.status = Status::Deleted;
        let files = ["recording.wav", "recording.mp3"];
        let of = |name| recording_blob(recording.account, recording.sid, name).map_err(store_error);
        let blobs = files.into_iter().map(of).collect::<Result<Vec<_>, _>>()?;
        let gone = recording.clone();
        let unit = move |tx: &mut Tx<'_>| recordings::delete(tx, &gone);
        shared.store.write::<_, StoreError, _>(unit).await.map_err(store_error)?;
        for blob in blobs {
            shared.blobs.delete(&blob).await.map_err(store_error)?;
        }
    }
    Ok(Response::deleted())
}

/// A resource can't be deleted before it is complete.
const UNFINISHED: u32 = 20009;
