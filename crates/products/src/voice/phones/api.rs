//! The phones' part of the development contract.

use std::sync::Arc;

use base::{ApiError, code};
use bytes::Bytes;
use http::{Method, StatusCode};
use media::{Prompt, decode};
use serde_json::{Value, json};
use speech::{Node, Utterance};

use crate::accounts::{Permission, Verb};
use crate::gateway::{Answering, ApiResult, Call, Response, Routes};
use crate::voice::edge::{Shared, fetched};
use crate::voice::phones::Phones;
use crate::voice::phones::book::{Act, Book};
use crate::voice::phones::call::Behaviour;
use crate::voice::rules;

const CALLS: &str = "/dev/handsets/{E164}/calls";
const AUDIO: &str = "/dev/handsets/{E164}/calls/{CallId}/audio";

/// Milliseconds that a handset may wait before it does something by itself.
const AFTER_MAX_MS: u32 = 600_000;

/// What the routes reach.
struct Dev {
    phones: Arc<Phones>,
    shared: Arc<Shared>,
}

/// Adds the routes.
pub(in crate::voice) fn routes(routes: &mut Routes, phones: &Arc<Phones>, shared: &Arc<Shared>) {
    type Handler = fn(Arc<Dev>, Call) -> Answering;
    let state = Arc::new(Dev { phones: Arc::clone(phones), shared: Arc::clone(shared) });
    let list: [(Method, &str, Verb, Handler); 3] = [
        (Method::GET, CALLS, Verb::List, |s, c| Box::pin(async move { list(&s, &c) })),
        (Method::POST, CALLS, Verb::Create, |s, c| Box::pin(post(s, c))),
        (Method::GET, AUDIO, Verb::List, |s, c| Box::pin(async move { audio(&s, &c) })),
    ];
    for (method, path, verb, handler) in list {
        routes.on("", method, path, Permission::new("dev/handsets", verb), &state, handler);
    }
}

fn bad(text: impl Into<String>) -> ApiError {
    ApiError::new(code::BAD_REQUEST, text)
}

/// Numbers are given with or without the plus, which many clients turn into a space.
fn number(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    format!("+{digits}")
}

fn list(state: &Dev, call: &Call) -> ApiResult {
    let handset = number(call.request.segment("E164"));
    let book = state.phones.line()?.lock();
    let calls: Vec<Value> = book.of(&handset).map(super::call::PhoneCall::view).collect();
    let mut view = behaviour(&book, &handset);
    view["calls"] = calls.into();
    Ok(Response::ok(&view))
}

fn behaviour(book: &Book, handset: &str) -> Value {
    let (behaviour, after_ms) = book.behaviour(handset);
    json!({ "behave": behaviour.name(), "after_ms": after_ms })
}

/// What was heard so far, as a WAV file.
fn audio(state: &Dev, call: &Call) -> ApiResult {
    let handset = number(call.request.segment("E164"));
    let id = call.request.segment("CallId").parse::<u64>();
    let book = state.phones.line()?.lock();
    let found = id.ok().and_then(|id| book.find(&handset, Some(id)));
    let found = found.ok_or_else(|| call.request.not_found())?;
    let file = media::wav::file(media::Channels::Mono, &found.heard);
    let response = Response::bytes(StatusCode::OK, "audio/wav", Bytes::from(file));
    Ok(response.with("cache-control", "no-store"))
}

/// A parameter of the form, or of the query where the body is audio.
fn given<'a>(call: &'a Call, name: &str) -> Option<&'a str> {
    let value = call.request.form.get(name).or_else(|| call.request.query.get(name));
    value.filter(|value| !value.is_empty())
}

/// Calls somebody, does something with a call, or sets what the handset does by itself.
async fn post(state: Arc<Dev>, call: Call) -> ApiResult {
    let handset = number(call.request.segment("E164"));
    if let Some(to) = given(&call, "to") {
        return dial(&state, &handset, &number(to));
    }
    if let Some(name) = given(&call, "behave") {
        return behave(&state, &handset, name, given(&call, "after_ms"));
    }
    let Some(action) = given(&call, "action") else {
        return Err(bad("Give 'to', 'action' or 'behave'"));
    };
    let id = given(&call, "call").map(str::parse::<u64>).transpose();
    let id = id.map_err(|_| bad("'call' is the number of a call of the handset"))?;
    let act = match action {
        "answer" => Act::Answer,
        "decline" => Act::Refuse(Behaviour::Decline),
        "busy" => Act::Refuse(Behaviour::Busy),
        "hangup" => Act::HangUp,
        "digits" => Act::Digits(digits(&call)?),
        "say" | "speak" => Act::Play(speak(&state, &call).await?),
        "play" => Act::Play(audio_of(&state, &call).await?),
        other => {
            let known = "answer, decline, busy, hangup, digits, say, speak or play";
            return Err(bad(format!("action '{other}' is none of {known}")));
        }
    };
    let now = state.shared.clock.now();
    let acted = state.phones.with(|book| {
        let found = book.find(&handset, id).map(|call| call.id);
        let id = found.ok_or_else(|| call.request.not_found())?;
        book.act(id, act, now)?;
        Ok(book.find(&handset, Some(id)).map(super::call::PhoneCall::view))
    });
    let view = acted.unwrap_or_else(|| Err(ApiError::unavailable()))?;
    Ok(Response::ok(&view))
}

fn dial(state: &Dev, handset: &str, to: &str) -> ApiResult {
    let mut target = state.phones.line()?.voice.clone();
    target.user = Some(to.to_owned());
    let now = state.shared.clock.now();
    let called = state.phones.with(|book| {
        let id = book.call(handset, to, target, now)?;
        Ok(book.find(handset, Some(id)).map(super::call::PhoneCall::view))
    });
    let view = called.unwrap_or_else(|| Err(ApiError::unavailable()))?;
    Ok(Response::created(&view))
}

fn behave(state: &Dev, handset: &str, name: &str, after: Option<&str>) -> ApiResult {
    let found = Behaviour::from_name(name).ok_or_else(|| {
        bad(format!("behave '{name}' is none of answer, busy, decline, ignore, unreachable"))
    })?;
    let after_ms = after.map_or(Ok(0), str::parse::<u32>).ok().filter(|ms| *ms <= AFTER_MAX_MS);
    let after_ms = after_ms
        .ok_or_else(|| bad(format!("'after_ms' must be milliseconds from 0 to {AFTER_MAX_MS}")))?;
    state.phones.line()?;
    let view = state.phones.with(|book| {
        book.behave(handset, found, after_ms);
        behaviour(book, handset)
    });
    Ok(Response::ok(&view))
}

fn digits(call: &Call) -> Result<String, ApiError> {
    let text = given(call, "digits").unwrap_or_default();
    match !text.is_empty() && rules::are_digits(text) {
        true => Ok(text.to_owned()),
        false => Err(bad("'digits' takes up to 32 of 0-9, A-D, *, #, w and W")),
    }
}

async fn speak(state: &Dev, call: &Call) -> Result<Arc<Prompt>, ApiError> {
    let text = given(call, "text").ok_or_else(|| bad("'text' is missing"))?;
    if text.chars().count() > 4_096 {
        return Err(bad("'text' has more than 4096 characters"));
    }
    let part = |name: &str| given(call, name).unwrap_or_default().to_owned();
    let utterance = Utterance {
        voice: part("voice"),
        language: part("language"),
        nodes: vec![Node::Text(text.to_owned())],
    };
    let spoken = state.shared.voices.speak(utterance).await;
    spoken.map_err(|(code, text)| ApiError::new(code, text))
}

/// The body, or what is at `url`.
async fn audio_of(state: &Dev, call: &Call) -> Result<Arc<Prompt>, ApiError> {
    if let Some(url) = given(call, "url") {
        let got = fetched(&state.shared, url).await;
        return got.map_err(|(code, text)| ApiError::new(code, text));
    }
    let body = call.request.body.to_vec();
    let content_type = call.request.header("content-type").unwrap_or_default().to_owned();
    if body.is_empty() || !content_type.starts_with("audio/") {
        return Err(bad("Give 'url', or a body of the type audio/wav"));
    }
    let decoding = tokio::task::spawn_blocking(move || {
        decode::decode(&body, Some(&content_type), decode::Limits::default())
    });
    let decoded = decoding.await.map_err(|_| ApiError::internal())?;
    decoded.map(Arc::new).map_err(|error| bad(error.to_string()))
}
