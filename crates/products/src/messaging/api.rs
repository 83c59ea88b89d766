//! The Messages resource of the 2010-04-01 API: the only place that knows its HTTP and casing.

use std::sync::Arc;

use base::{ApiError, Currency, Instant, Money, code};
use http::Method;
use ring::digest;

use crate::accounts::audit::Actor;
use crate::accounts::{Kind, Permission, Verb, store_error};
use crate::gateway::page::{Paging, v2010};
use crate::gateway::{ApiResult, Call, Request, Response, Routes};
use crate::messaging::model::{Direction, Draft, Idempotency, Message, MessageKey, Status};
use crate::messaging::store::{self, Filter};
use crate::messaging::{Messaging, magic, rules, timeline, view};

const LIST: &str = "/2010-04-01/Accounts/{AccountSid}/Messages";
const ONE: &str = "/2010-04-01/Accounts/{AccountSid}/Messages/{Sid}";
const MEDIA_LIST: &str = "/2010-04-01/Accounts/{AccountSid}/Messages/{Sid}/Media";
const MEDIA_ONE: &str = "/2010-04-01/Accounts/{AccountSid}/Messages/{Sid}/Media/{MediaSid}";
const FEEDBACK: &str = "/2010-04-01/Accounts/{AccountSid}/Messages/{Sid}/Feedback";

/// The resource of messages, in permissions.
pub(super) const MESSAGES: &str = "messaging/messages";
const MEDIA: &str = "messaging/media";

/// Adds the routes of this product.
pub fn routes(routes: &mut Routes, state: &Arc<Messaging>) {
    let on = Permission::new;
    let mut add = |method, path, permission, handler| {
        routes.on("api", method, path, permission, state, handler);
    };
    type Handler = fn(Arc<Messaging>, Call) -> crate::gateway::Answering;
    let list: [(Method, &str, Permission, Handler); 8] = [
        (Method::POST, LIST, on(MESSAGES, Verb::Create), |s, c| Box::pin(create(s, c))),
        (Method::GET, LIST, on(MESSAGES, Verb::List), |s, c| Box::pin(list_messages(s, c))),
        (Method::GET, ONE, on(MESSAGES, Verb::Read), |s, c| Box::pin(fetch(s, c))),
        (Method::POST, ONE, on(MESSAGES, Verb::Update), |s, c| Box::pin(update(s, c))),
        (Method::DELETE, ONE, on(MESSAGES, Verb::Delete), |s, c| Box::pin(delete(s, c))),
        (Method::GET, MEDIA_LIST, on(MEDIA, Verb::List), |s, c| Box::pin(list_media(s, c))),
        (Method::DELETE, MEDIA_ONE, on(MEDIA, Verb::Delete), |s, c| Box::pin(delete_media(s, c))),
        (Method::POST, FEEDBACK, on(MESSAGES, Verb::Update), |s, c| Box::pin(feedback(s, c))),
    ];
    for (method, path, permission, handler) in list {
        add(method, path, permission, handler);
    }
    routes.open("api", Method::GET, MEDIA_ONE, state, fetch_media);
    let read = on(MESSAGES, Verb::Read);
    routes.on("", Method::GET, "/trunkline/v1/Timelines/{Sid}", read, state, timeline::show);
}

async fn create(state: Arc<Messaging>, call: Call) -> ApiResult {
    let draft = draft_of(&call)?;
    if call.caller.is_test() {
        return magic::create(&draft, state.clock.now());
    }
    let accepted = state.accept(draft).await.map_err(store_error)??;
    Ok(Response::created(&view::MessageView::new(&accepted.message, &accepted.body)))
}

/// Twilio's parameters become a draft, or a coded error.
fn draft_of(call: &Call) -> Result<Draft, ApiError> {
    let form = &call.request.form;
    let text = |name: &str| form.get(name).filter(|value| !value.is_empty());
    refuse_later_products(&call.request)?;
    let to = text("To").ok_or_else(|| missing(code::TO_MISSING, "To"))?;
    let from = text("From").ok_or_else(|| {
        let text = "A 'From' phone number or 'MessagingServiceSid' is required";
        ApiError::new(code::FROM_MISSING, text)
    })?;
    let callback = text("StatusCallback").map(callback_of).transpose()?;
    let validity_s = match text("ValidityPeriod") {
        None => rules::VALIDITY_MAX_S,
        Some(value) => value
            .parse()
            .ok()
            .filter(|seconds| (1..=rules::VALIDITY_MAX_S).contains(seconds))
            .ok_or_else(|| {
                let text = "ValidityPeriod must be a number of seconds from 1 to 36000";
                ApiError::new(code::BAD_VALIDITY, text)
            })?,
    };
    let price_max = text("MaxPrice").map(|value| Money::parse(value, Currency::USD)).transpose();
    let price_max = price_max
        .map_err(|_| ApiError::new(code::BAD_MAX_PRICE, "MaxPrice must be an amount like 0.05"))?;
    let media = form.get_all("MediaUrl").filter(|url| !url.is_empty()).map(media_url);
    Ok(Draft {
        account: call.caller.account_sid(),
        direction: Direction::OutboundApi,
        from: canonical(from),
        to: canonical(to),
        body: text("Body").unwrap_or_default().to_owned(),
        media: media.collect::<Result<_, _>>()?,
        callback,
        price_max: price_max.filter(|price| price.micros >= 0),
        validity_s,
        feedback: text("ProvideFeedback") == Some("true"),
        smart_encoded: text("SmartEncoded") == Some("true"),
        trial: call.caller.account.kind == Kind::Trial,
        to_opted_out: false,
        urgent: priority_of(&call.request)?,
        at_most_once: call.caller.account.at_most_once,
        idempotency: idempotency_of(&call.request)?,
    })
}

/// Twilio has no parameter for it: codes that somebody waits for go before bulk by a header.
fn priority_of(request: &Request) -> Result<bool, ApiError> {
    match request.header("x-trunkline-priority") {
        None | Some("normal") => Ok(false),
        Some("high") => Ok(true),
        Some(_) => {
            Err(ApiError::new(code::BAD_REQUEST, "X-Trunkline-Priority must be high or normal"))
        }
    }
}

/// An address in the form in which it is stored; what does not parse is left for the rules.
fn canonical(address: &str) -> String {
    base::Address::parse(address).map_or_else(|_| address.to_owned(), |found| found.to_string())
}

fn missing(code: u32, name: &str) -> ApiError {
    ApiError::new(code, format!("A '{name}' phone number is required."))
}

/// Messaging services, content templates and schedules come with later products.
fn refuse_later_products(request: &Request) -> Result<(), ApiError> {
    let given = |name: &str| request.form.get(name).is_some_and(|value| !value.is_empty());
    if given("MessagingServiceSid") {
        let text = "Messaging Services are not available on this installation yet; give 'From'";
        return Err(ApiError::new(code::NO_SUCH_SERVICE, text));
    }
    if given("ContentSid") || given("ContentVariables") {
        let text = "Content templates are not available on this installation yet; give 'Body'";
        return Err(ApiError::new(code::BAD_CONTENT_SID, text));
    }
    if given("ScheduleType") || given("SendAt") {
        let text = "Scheduling needs a Messaging Service, which is not available here yet";
        return Err(ApiError::new(code::BAD_REQUEST, text));
    }
    Ok(())
}

/// A status callback must be an absolute http(s) address; host names have no underscores (21609).
pub(crate) fn callback_of(text: &str) -> Result<String, ApiError> {
    let refused = || {
        let message = format!("The 'StatusCallback' URL {text} is not a valid URL.");
        ApiError::new(code::BAD_CALLBACK, message)
    };
    let url = url::Url::parse(text).map_err(|_| refused())?;
    let host_fits = url.host_str().is_some_and(|host| !host.contains('_'));
    if !matches!(url.scheme(), "http" | "https") || !host_fits || text.len() > 4_000 {
        return Err(refused());
    }
    crate::webhooks::overrides::parse(text).1.map_err(|_| refused())?;
    Ok(text.to_owned())
}

fn media_url(text: &str) -> Result<String, ApiError> {
    let fits = url::Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some());
    if fits {
        return Ok(text.to_owned());
    }
    Err(ApiError::new(code::BAD_MEDIA_URL, format!("Invalid media URL: {text}")))
}

/// The `Idempotency-Key` header, and a fingerprint of everything that was asked.
fn idempotency_of(request: &Request) -> Result<Option<Idempotency>, ApiError> {
    let Some(key) = request.header("idempotency-key") else { return Ok(None) };
    if key.is_empty() || key.len() > 255 {
        let text = "Idempotency-Key must have 1 to 255 characters";
        return Err(ApiError::new(code::BAD_REQUEST, text));
    }
    let mut pairs: Vec<(&str, &str)> = request.form.iter().collect();
    pairs.sort_unstable();
    let mut context = digest::Context::new(&digest::SHA256);
    for (name, value) in pairs {
        for part in [name, value] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
    }
    let fingerprint = context.finish().as_ref().try_into().map_err(|_| ApiError::internal())?;
    Ok(Some(Idempotency { key: key.to_owned(), fingerprint }))
}

async fn find(state: &Messaging, call: &Call) -> Result<Message, ApiError> {
    let key = key_of(call)?;
    let found = state.store.read(move |reader| store::find(reader, key)).await;
    found.map_err(store_error)?.ok_or_else(|| call.request.not_found())
}

fn key_of(call: &Call) -> Result<MessageKey, ApiError> {
    Ok(MessageKey { account: call.caller.account_sid(), sid: call.request.sid("Sid")? })
}

async fn fetch(state: Arc<Messaging>, call: Call) -> ApiResult {
    let message = find(&state, &call).await?;
    Ok(Response::ok(&view::message(&message, &state.master)))
}

async fn list_messages(state: Arc<Messaging>, call: Call) -> ApiResult {
    let paging = Paging::of(&call.request)?;
    let filter = filter_of(&call.request)?;
    let account = call.caller.account_sid();
    let cursor = paging.neighbour()?;
    let limit = paging.size + 1;
    let read = state.store.read(move |reader| store::list(reader, account, &filter, cursor, limit));
    let messages = read.await.map_err(store_error)?;
    let page = paging.page(
        messages,
        |message| message.key.sid.to_string(),
        |message| view::message(message, &state.master),
    );
    Ok(Response::ok(&v2010(&call.request, &paging, "messages", page)))
}

fn filter_of(request: &Request) -> Result<Filter, ApiError> {
    let query = &request.query;
    let text = |name: &str| query.get(name).filter(|value| !value.is_empty());
    let mut filter = Filter {
        to: text("To").map(canonical),
        from: text("From").map(canonical),
        sent_from: None,
        sent_before: None,
    };
    let date = |text: &str| {
        Instant::parse_date(text).map_err(|error| {
            ApiError::new(code::BAD_REQUEST, format!("DateSent '{text}': {error}"))
        })
    };
    // A day means the whole day; `<` and `>` are inclusive, as Twilio documents them. `DateSent`
    // alone is a day even when an SDK spells it as that day's midnight.
    let end = |text: &str, at: Instant| {
        let length = if Instant::is_day(text) { 86_400_000 } else { 1_000 };
        at + std::time::Duration::from_millis(length)
    };
    if let Some(on) = text("DateSent") {
        let day = std::time::Duration::from_secs(86_400);
        let at = date(on)?.start_of_day();
        (filter.sent_from, filter.sent_before) = (Some(at), Some(at + day));
    }
    if let Some(after) = text("DateSent>") {
        filter.sent_from = Some(date(after)?);
    }
    if let Some(before) = text("DateSent<") {
        filter.sent_before = Some(end(before, date(before)?));
    }
    Ok(filter)
}

/// `Body=` (empty) redacts; `Status=canceled` calls back what was not sent.
async fn update(state: Arc<Messaging>, call: Call) -> ApiResult {
    let key = key_of(&call)?;
    let form = &call.request.form;
    let outcome = match (form.get("Status"), form.get("Body")) {
        (Some("canceled"), _) => state.cancel(key).await?,
        (Some(other), _) => {
            let text = format!("Status '{other}' cannot be set; only 'canceled' can");
            return Err(ApiError::new(code::BAD_REQUEST, text));
        }
        (None, Some("")) => state.redact(key, Actor::of(&call)).await?,
        (None, Some(_)) => {
            let text = "Body can only be set to the empty text, which redacts the message";
            return Err(ApiError::new(code::BAD_REQUEST, text));
        }
        (None, None) => {
            return Err(ApiError::new(code::BAD_REQUEST, "Give Body= or Status=canceled"));
        }
    };
    let message = outcome.ok_or_else(|| call.request.not_found())?;
    Ok(Response::ok(&view::message(&message, &state.master)))
}

async fn delete(state: Arc<Messaging>, call: Call) -> ApiResult {
    let message = find(&state, &call).await?;
    if !message.status.is_final() && message.status != Status::Sent {
        let text = "The message is still being sent; cancel it, or wait until it has been sent";
        return Err(ApiError::new(code::NOT_COMPLETE, text));
    }
    state.remove(message.key, Actor::of(&call)).await?;
    Ok(Response::deleted())
}

async fn list_media(state: Arc<Messaging>, call: Call) -> ApiResult {
    let message = find(&state, &call).await?;
    let paging = Paging::of(&call.request)?;
    let read = state.store.read(move |reader| store::media_of(reader, message.key));
    let media = read.await.map_err(store_error)?;
    let page = paging.page(media, |media| media.sid.to_string(), view::media);
    Ok(Response::ok(&v2010(&call.request, &paging, "media_list", page)))
}

async fn one_media(state: &Messaging, call: &Call) -> Result<store::Media, ApiError> {
    let message = find(state, call).await?;
    let sid = call.request.sid("MediaSid")?;
    let read = state.store.read(move |reader| store::media_of(reader, message.key));
    let found = read.await.map_err(store_error)?.into_iter().find(|media| media.sid == sid);
    found.ok_or_else(|| call.request.not_found())
}

/// With `.json` the resource, for its account; without it the file itself, for whoever knows the
/// address, as Twilio does.
async fn fetch_media(state: Arc<Messaging>, request: Request) -> ApiResult {
    if !request.path.ends_with(".json") {
        let key = MessageKey { account: request.sid("AccountSid")?, sid: request.sid("Sid")? };
        return state.media_content(key, request.sid("MediaSid")?, request.not_found()).await;
    }
    let caller = state.accounts.authenticate(&request).await?;
    caller.require(Permission::new(MEDIA, Verb::Read))?;
    let media = one_media(&state, &Call { caller, request }).await?;
    Ok(Response::ok(&view::media(&media)))
}

async fn delete_media(state: Arc<Messaging>, call: Call) -> ApiResult {
    let media = one_media(&state, &call).await?;
    state.remove_media(media.message, media.sid).await?;
    Ok(Response::deleted())
}

async fn feedback(state: Arc<Messaging>, call: Call) -> ApiResult {
    let message = find(&state, &call).await?;
    let outcome = match call.request.form.get("Outcome") {
        None | Some("confirmed") => "confirmed",
        Some("unconfirmed") => "unconfirmed",
        Some(other) => {
            let text = format!("Outcome '{other}' must be confirmed or unconfirmed");
            return Err(ApiError::new(code::BAD_REQUEST, text));
        }
    };
    let now = state.clock.now();
    state.record_feedback(message.key, outcome == "confirmed").await?;
    let (account, sid) = (message.key.account.to_string(), message.key.sid.to_string());
    Ok(Response::created(&serde_json::json!({
        "account_sid": account,
        "date_created": now.to_rfc2822(),
        "date_updated": now.to_rfc2822(),
        "message_sid": sid,
        "outcome": outcome,
        "uri": format!("/2010-04-01/Accounts/{account}/Messages/{sid}/Feedback.json"),
    })))
}
