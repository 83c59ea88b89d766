//! The Calls resource of the 2010-04-01 API.

use std::sync::Arc;
use std::time::Duration;

use ::store::{StoreError, Tx};
use base::{ApiError, CallSid, Instant, Params, code};
use http::Method;
use twiml::voice::Start;

use crate::accounts::{Kind, Permission, Verb, store_error};
use crate::gateway::dates::{day_end, instant};
use crate::gateway::page::{Paging, v2010};
use crate::gateway::{Answering, ApiResult, Call, Response, Routes};
use crate::numbers;
use crate::voice::Voice;
use crate::voice::api::view;
use crate::voice::edge::Told;
use crate::voice::engine::Order;
use crate::voice::model::{
    CallKey, CallRecord, Direction, Hook, Plan, Progress, RecordPlan, Status, StatusCallback,
};
use crate::voice::rules;
use crate::voice::store::{self, Filter};
use crate::voice::work::Draft;

const LIST: &str = "/2010-04-01/Accounts/{AccountSid}/Calls";
const ONE: &str = "/2010-04-01/Accounts/{AccountSid}/Calls/{Sid}";

const BAD_URL: u32 = 21205;
const BAD_DIGITS: u32 = 21206;
const BAD_TIMEOUT: u32 = 21208;
const BAD_METHOD: u32 = 21209;
const BAD_APPLICATION: u32 = 21218;
const WRONG_STATE: u32 = 21220;
const BAD_CALLBACK: u32 = 21609;
const NO_PASSWORD: u32 = 21225;

/// Characters of a document that is given as a parameter.
const TWIML_MAX: usize = 4_000;

/// Seconds that a call rings when nobody says otherwise.
const TIMEOUT_S: u32 = 60;

pub(super) fn routes(routes: &mut Routes, voice: &Arc<Voice>) {
    type Handler = fn(Arc<Voice>, Call) -> Answering;
    let list: [(Method, &str, Verb, Handler); 5] = [
        (Method::POST, LIST, Verb::Create, |s, c| Box::pin(create(s, c))),
        (Method::GET, LIST, Verb::List, |s, c| Box::pin(list(s, c))),
        (Method::GET, ONE, Verb::Read, |s, c| Box::pin(fetch(s, c))),
        (Method::POST, ONE, Verb::Update, |s, c| Box::pin(update(s, c))),
        (Method::DELETE, ONE, Verb::Delete, |s, c| Box::pin(delete(s, c))),
    ];
    for (method, path, verb, handler) in list {
        routes.on("api", method, path, Permission::new("voice/calls", verb), voice, handler);
    }
}

/// Parameters of calls that are made which nothing here serves.
pub(super) const UNSERVED: &[&str] = &[
    "MachineDetection",
    "MachineDetectionTimeout",
    "MachineDetectionSpeechThreshold",
    "MachineDetectionSpeechEndThreshold",
    "MachineDetectionSilenceTimeout",
    "Byoc",
    "CallToken",
    "ClientNotificationUrl",
];

const ASYNC_DETECTION: &[&str] =
    &["AsyncAmd", "AsyncAmdStatusCallback", "AsyncAmdStatusCallbackMethod"];

/// Refuses what would have no effect: better than to let somebody believe that it had.
pub(super) fn refuse(form: &Params, names: &[&str]) -> Result<(), ApiError> {
    let Some(name) = names.iter().find(|name| given(form, name).is_some()) else { return Ok(()) };
    let why = match *name {
        "Byoc" => "carriers are the operator's",
        "CallToken" => "only own and verified numbers call",
        "ClientNotificationUrl" => "there are no clients to notify",
        _ => "answering machines are not detected",
    };
    Err(ApiError::new(code::BAD_REQUEST, format!("{name} is not served here: {why}")))
}

/// The value of a parameter that was given.
pub(super) fn given<'a>(form: &'a Params, name: &str) -> Option<&'a str> {
    form.get(name).filter(|value| !value.is_empty())
}

async fn create(voice: Arc<Voice>, call: Call) -> ApiResult {
    if call.caller.is_test() {
        return Err(ApiError::test_credentials());
    }
    let draft = draft_of(&voice, &call).await?;
    let record = voice.call(draft).await?;
    Ok(Response::created(&view::call(&record)))
}

async fn draft_of(voice: &Voice, call: &Call) -> Result<Draft, ApiError> {
    let form = &call.request.form;
    let to = rules::callee(form.get("To").unwrap_or_default())?;
    let from = given(form, "CallerId").or(form.get("From")).unwrap_or_default();
    let from = rules::caller(from, &to)?;
    refuse(form, UNSERVED)?;
    refuse(form, ASYNC_DETECTION)?;
    let mut plan = Plan {
        send_digits: given(form, "SendDigits").map(digits).transpose()?,
        timeout_s: seconds(form, "Timeout", rules::TIMEOUT_MAX_S)?.unwrap_or(TIMEOUT_S),
        time_limit_s: seconds(form, "TimeLimit", rules::TIME_LIMIT_MAX_S)?,
        record: record_of(form)?,
        sip_auth: sip_auth(form)?,
        caller_name: None,
        reason: given(form, "CallReason").map(|text| text.chars().take(50).collect()),
        ..Plan::default()
    };
    let mut callback = callback_of(form)?;
    what_is_run(voice, call, &mut plan, &mut callback).await?;
    Ok(Draft {
        account: call.caller.account_sid(),
        trial: call.caller.account.kind == Kind::Trial,
        direction: Direction::OutboundApi,
        parent: None,
        from,
        passes_caller: false,
        to,
        plan,
        callback,
    })
}

/// `Url`, `Twiml` or `ApplicationSid`, of which one must be there.
async fn what_is_run(
    voice: &Voice,
    call: &Call,
    plan: &mut Plan,
    callback: &mut Option<StatusCallback>,
) -> Result<(), ApiError> {
    let form = &call.request.form;
    if let Some(text) = given(form, "ApplicationSid") {
        let bad = || ApiError::new(BAD_APPLICATION, format!("ApplicationSid {text} was not found"));
        let sid = text.parse().map_err(|_| bad())?;
        let account = call.caller.account_sid();
        let read = voice
            .shared()
            .store
            .read(move |reader| numbers::application_hooks(reader, account, sid));
        let hooks = read.await.map_err(store_error)?;
        let hook = |(url, get): (String, bool)| Hook { url, get };
        plan.url = Some(hooks.primary.map(hook).ok_or_else(bad)?);
        plan.fallback = hooks.fallback.map(hook);
        if callback.is_none() {
            let events = vec![Progress::Completed];
            *callback = hooks.status_callback.map(hook).map(|hook| StatusCallback { hook, events });
        }
        return Ok(());
    }
    match start_of(form)? {
        Some(Start::Inline(text)) => plan.twiml = Some(text),
        Some(Start::Fetch { primary, fallback }) => {
            let ours = |hook: twiml::Hook| Hook { url: hook.url, get: hook.get };
            plan.url = Some(ours(primary));
            plan.fallback = fallback.map(ours);
        }
        None => {
            let text = "Give a Url, Twiml or an ApplicationSid: what the call does when it is \
                        answered";
            return Err(ApiError::new(BAD_URL, text));
        }
    }
    Ok(())
}

/// `Twiml`, or `Url` and its companions.
fn start_of(form: &Params) -> Result<Option<Start>, ApiError> {
    if let Some(text) = given(form, "Twiml") {
        if text.chars().count() > TWIML_MAX {
            let text = format!("Twiml has more than {TWIML_MAX} characters: use a Url");
            return Err(ApiError::new(code::BAD_REQUEST, text));
        }
        return Ok(Some(Start::Inline(text.to_owned())));
    }
    let Some(primary) = hook_of(form, "Url", "Method", BAD_URL)? else { return Ok(None) };
    let fallback = hook_of(form, "FallbackUrl", "FallbackMethod", BAD_URL)?;
    let theirs = |hook: Hook| twiml::Hook { url: hook.url, get: hook.get };
    Ok(Some(Start::Fetch { primary: theirs(primary), fallback: fallback.map(theirs) }))
}

/// An address and its method.
pub(super) fn hook_of(
    form: &Params,
    url: &str,
    method: &str,
    refused: u32,
) -> Result<Option<Hook>, ApiError> {
    let Some(text) = given(form, url) else { return Ok(None) };
    let parsed = url::Url::parse(text);
    let fits =
        parsed.is_ok_and(|it| matches!(it.scheme(), "http" | "https") && it.host_str().is_some());
    if !fits || text.len() > 4_000 {
        let shown: String = text.chars().take(100).collect();
        return Err(ApiError::new(refused, format!("{url} '{shown}' is not a valid URL.")));
    }
    let get = match given(form, method).map(str::to_ascii_uppercase).as_deref() {
        None | Some("POST") => false,
        Some("GET") => true,
        Some(_) => {
            return Err(ApiError::new(BAD_METHOD, format!("{method} must be GET or POST")));
        }
    };
    Ok(Some(Hook { url: text.to_owned(), get }))
}

pub(super) fn callback_of(form: &Params) -> Result<Option<StatusCallback>, ApiError> {
    let Some(hook) = hook_of(form, "StatusCallback", "StatusCallbackMethod", BAD_CALLBACK)? else {
        return Ok(None);
    };
    let mut events = Vec::new();
    let named = form.get_all("StatusCallbackEvent").flat_map(str::split_whitespace);
    for name in named {
        let text = || {
            format!(
                "StatusCallbackEvent '{name}' is none of initiated, ringing, answered, completed"
            )
        };
        let event =
            Progress::from_name(name).ok_or_else(|| ApiError::new(code::BAD_REQUEST, text()))?;
        if !events.contains(&event) {
            events.push(event);
        }
    }
    if events.is_empty() {
        events.push(Progress::Completed);
    }
    Ok(Some(StatusCallback { hook, events }))
}

pub(super) fn digits(text: &str) -> Result<String, ApiError> {
    match rules::are_digits(text) {
        true => Ok(text.to_owned()),
        false => {
            let text = "SendDigits takes up to 32 of 0-9, *, #, w (half a second) and W (a second)";
            Err(ApiError::new(BAD_DIGITS, text))
        }
    }
}

pub(super) fn seconds(form: &Params, name: &str, most: u32) -> Result<Option<u32>, ApiError> {
    let Some(text) = given(form, name) else { return Ok(None) };
    let parsed = text.parse::<u32>().ok().filter(|seconds| (1..=most).contains(seconds));
    let bad = || ApiError::new(BAD_TIMEOUT, format!("{name} must be seconds from 1 to {most}"));
    parsed.map(Some).ok_or_else(bad)
}

pub(super) fn sip_auth(form: &Params) -> Result<Option<(String, String)>, ApiError> {
    match (given(form, "SipAuthUsername"), given(form, "SipAuthPassword")) {
        (None, _) => Ok(None),
        (Some(_), None) => {
            Err(ApiError::new(NO_PASSWORD, "SipAuthPassword is missing beside SipAuthUsername"))
        }
        (Some(user), Some(password)) => Ok(Some((user.to_owned(), password.to_owned()))),
    }
}

fn record_of(form: &Params) -> Result<Option<RecordPlan>, ApiError> {
    if given(form, "Record").is_none_or(|text| !text.eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    record_plan(form, "trim-silence").map(Some)
}

/// How a recording is made, by its parameters.
pub(super) fn record_plan(form: &Params, trim: &str) -> Result<RecordPlan, ApiError> {
    let bad = |text: &str| ApiError::new(code::BAD_REQUEST, text);
    let dual = match given(form, "RecordingChannels") {
        None | Some("mono") => false,
        Some("dual") => true,
        Some(_) => return Err(bad("RecordingChannels must be mono or dual")),
    };
    let track = match given(form, "RecordingTrack") {
        None => "both",
        Some(track @ ("both" | "inbound" | "outbound")) => track,
        Some(_) => return Err(bad("RecordingTrack must be both, inbound or outbound")),
    };
    let (url, method) = ("RecordingStatusCallback", "RecordingStatusCallbackMethod");
    let named = form.get_all("RecordingStatusCallbackEvent").flat_map(str::split_whitespace);
    let mut events: Vec<String> = named.map(str::to_owned).collect();
    if events.is_empty() {
        events.push("completed".to_owned());
    }
    Ok(RecordPlan {
        dual,
        track: track.to_owned(),
        trim: given(form, "Trim").unwrap_or(trim) == "trim-silence",
        callback: hook_of(form, url, method, BAD_CALLBACK)?,
        events,
    })
}

/// The call that a request names.
pub(super) async fn find(voice: &Voice, call: &Call) -> Result<CallRecord, ApiError> {
    let sid: CallSid = call.request.sid("Sid")?;
    let key = CallKey { account: call.caller.account_sid(), sid };
    let read = voice.shared().store.read(move |reader| store::find(reader, key)).await;
    read.map_err(store_error)?.ok_or_else(|| call.request.not_found())
}

async fn fetch(voice: Arc<Voice>, call: Call) -> ApiResult {
    Ok(Response::ok(&view::call(&find(&voice, &call).await?)))
}

async fn list(voice: Arc<Voice>, call: Call) -> ApiResult {
    let paging = Paging::of(&call.request)?;
    let filter = filter_of(&call.request.query)?;
    let account = call.caller.account_sid();
    let (cursor, limit) = (paging.neighbour()?, paging.size + 1);
    let read = voice
        .shared()
        .store
        .read(move |reader| store::list(reader, account, &filter, cursor, limit));
    let calls = read.await.map_err(store_error)?;
    let page = paging.page(calls, |call| call.key.sid.to_string(), view::call);
    Ok(Response::ok(&v2010(&call.request, &paging, "calls", page)))
}

fn filter_of(query: &Params) -> Result<Filter, ApiError> {
    let status = |text: &str| {
        let bad =
            || ApiError::new(code::BAD_REQUEST, format!("Status '{text}' is none of a call's"));
        Status::from_name(text).ok_or_else(bad)
    };
    let parent = |text: &str| {
        let bad = || ApiError::new(code::BAD_REQUEST, "ParentCallSid is no SID of a call");
        text.parse::<CallSid>().map_err(|_| bad())
    };
    Ok(Filter {
        to: given(query, "To").map(str::to_owned),
        from: given(query, "From").map(str::to_owned),
        parent: given(query, "ParentCallSid").map(parent).transpose()?,
        status: given(query, "Status").map(status).transpose()?,
        started: range(query, "StartTime")?,
        ended: range(query, "EndTime")?,
    })
}

pub(super) type Range = (Option<Instant>, Option<Instant>);

/// A day, or what lies between two of them.
pub(super) fn range(query: &Params, name: &str) -> Result<Range, ApiError> {
    let (day, after, before) = (name.to_owned(), format!("{name}>"), format!("{name}<"));
    let mut range = (None, None);
    if let Some(text) = given(query, &day) {
        let at = instant(&day, text)?.start_of_day();
        range = (Some(at), Some(at + Duration::from_secs(24 * 60 * 60)));
    }
    if let Some(text) = given(query, &after) {
        range.0 = Some(instant(&after, text)?);
    }
    if let Some(text) = given(query, &before) {
        range.1 = Some(day_end(&before, text)?);
    }
    Ok(range)
}

/// `Url` or `Twiml` sends a live call elsewhere; `Status` ends it.
async fn update(voice: Arc<Voice>, call: Call) -> ApiResult {
    let record = find(&voice, &call).await?;
    let form = &call.request.form;
    if record.status.is_final() {
        let text = format!("Call {} is not in-progress. Cannot redirect.", record.key.sid);
        return Err(ApiError::new(WRONG_STATE, text));
    }
    let (desk, sid) = (voice.desk(), record.key.sid);
    match given(form, "Status") {
        Some("completed") => match record.status {
            Status::InProgress => desk.order(sid, Order::Hangup { unanswered_only: false }),
            _ => desk.tell(Told::CalledBack(sid)),
        },
        Some("canceled") if record.status != Status::InProgress => {
            desk.tell(Told::CalledBack(sid));
        }
        Some("canceled") => {
            let text = "The call is answered: end it by Status=completed";
            return Err(ApiError::new(WRONG_STATE, text));
        }
        Some(other) => {
            let text = format!("Status '{other}' can't be set: only completed and canceled can");
            return Err(ApiError::new(code::BAD_REQUEST, text));
        }
        None => {}
    }
    if let Some(start) = start_of(form)? {
        if record.status != Status::InProgress {
            let text = format!("Call {sid} is not in-progress. Cannot redirect.");
            return Err(ApiError::new(WRONG_STATE, text));
        }
        desk.order(sid, Order::Redirect(start));
    }
    if let Some(callback) = callback_of(form)? {
        let key = record.key;
        let unit = move |tx: &mut Tx<'_>| store::set_callback(tx, key, &callback);
        let written = voice.shared().store.write::<_, StoreError, _>(unit).await;
        written.map_err(store_error)?;
    }
    if let Some(seconds) = seconds(form, "TimeLimit", rules::TIME_LIMIT_MAX_S)? {
        desk.order(sid, Order::TimeLimit(seconds));
    }
    Ok(Response::ok(&view::call(&find(&voice, &call).await?)))
}

async fn delete(voice: Arc<Voice>, call: Call) -> ApiResult {
    let record = find(&voice, &call).await?;
    if !record.status.is_final() {
        let text = "The call is still under way; end it, or wait until it has ended";
        return Err(ApiError::new(WRONG_STATE, text));
    }
    let key = record.key;
    let unit = move |tx: &mut ::store::Tx<'_>| store::delete(tx, key);
    voice.shared().store.write::<_, ::store::StoreError, _>(unit).await.map_err(store_error)?;
    Ok(Response::deleted())
}
