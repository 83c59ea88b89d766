//! Verifications and their checks: the only place that knows their HTTP and casing.

use std::sync::Arc;

use ::store::Tx;
use base::{AccountSid, AnySid, ApiError, Params};
use http::Method;
use serde_json::Value;

use crate::accounts::{Permission, Verb, store_error};
use crate::gateway::{Answering, ApiResult, Call, Request, Response, Routes};
use crate::resource::Refusal;
use crate::verify::model::{Kind, Line, Start, Status};
use crate::verify::rules::{bad, missing};
use crate::verify::{Verify, limits, resources, rules, store, templates, view};

const LIST: &str = "/v2/Services/{ServiceSid}/Verifications";
const ONE: &str = "/v2/Services/{ServiceSid}/Verifications/{Sid}";
const CHECK: &str = "/v2/Services/{ServiceSid}/VerificationCheck";

/// Adds the routes.
pub fn routes(routes: &mut Routes, state: &Arc<Verify>) {
    type Handler = fn(Arc<Verify>, Call) -> Answering;
    let of = |verb| Permission::new("verify/verifications", verb);
    let checks = Permission::new("verify/verification-checks", Verb::Create);
    let list: [(Method, &str, Permission, Handler); 4] = [
        (Method::POST, LIST, of(Verb::Create), |s, c| Box::pin(start(s, c))),
        (Method::GET, ONE, of(Verb::Read), |s, c| Box::pin(fetch(s, c))),
        (Method::POST, ONE, of(Verb::Update), |s, c| Box::pin(update(s, c))),
        (Method::POST, CHECK, checks, |s, c| Box::pin(check(s, c))),
    ];
    for (method, path, permission, handler) in list {
        routes.on("verify", method, path, permission, state, handler);
    }
}

/// The service that a path names.
fn service_of(request: &Request) -> Result<[u8; 16], ApiError> {
    let sid: AnySid = request.segment("ServiceSid").parse().map_err(|_| request.not_found())?;
    if sid.prefix == *b"VA" { Ok(sid.bytes) } else { Err(request.not_found()) }
}

/// A parameter that says something.
fn given<'a>(form: &'a Params, name: &str) -> Option<&'a str> {
    form.get(name).filter(|text| !text.is_empty())
}

/// A `404` of a unit names what the caller asked for.
fn named(error: ApiError, request: &Request) -> ApiError {
    if error.code == base::code::NOT_FOUND { request.not_found() } else { error }
}

async fn start(state: Arc<Verify>, call: Call) -> ApiResult {
    let mut start = start_of(&call.request)?;
    start.line = line(&state, call.caller.account_sid(), &start).await?;
    let (verify, account, seed) = (Arc::clone(&state), call.caller.account, (state.seed)());
    let unit = move |tx: &mut Tx<'_>| verify.start(tx, &account, &start, seed);
    let outcome = state.store.write::<_, Refusal, _>(unit).await.map_err(ApiError::from);
    let outcome = outcome.and_then(|inner| inner);
    let (found, attempts) = outcome.map_err(|error| named(error, &call.request))?;
    let root = &call.request.place.root;
    Ok(Response::created(&view::verification(&found, &attempts, root)))
}

/// Twilio's parameters become what is asked for, or a coded error.
fn start_of(request: &Request) -> Result<Start, ApiError> {
    let form = &request.form;
    let text = |name: &str| given(form, name).map(str::to_owned);
    let to = given(form, "To").ok_or_else(|| missing("To"))?;
    let channel = given(form, "Channel").ok_or_else(|| missing("Channel"))?;
    let channel = rules::channel(channel)?;
    if given(form, "CustomMessage").is_some() {
        let why = "Custom messages are not allowed: use CustomFriendlyName, Locale or TemplateSid";
        return Err(ApiError::new(CUSTOM_MESSAGE, why));
    }
    let name = text("CustomFriendlyName");
    if name.as_ref().is_some_and(|name| name.chars().count() > NAME_MAX) {
        return Err(bad("CustomFriendlyName", "it has more than 100 characters"));
    }
    let app_hash = text("AppHash");
    app_hash.as_deref().map(templates::app_hash).transpose()?;
    let template = text("TemplateSid");
    templates::find(template.as_deref())?;
    for name in ["TemplateCustomSubstitutions", "ChannelConfiguration"] {
        given(form, name).map(|text| object(name, text)).transpose()?;
    }
    let device_ip = text("DeviceIp");
    if device_ip.as_deref().is_some_and(|ip| ip.parse::<std::net::IpAddr>().is_err()) {
        return Err(bad("DeviceIp", "it must be an IPv4 or IPv6 address"));
    }
    let risk_check = match given(form, "RiskCheck") {
        None | Some("enable") => true,
        Some("disable") => false,
        Some(_) => return Err(bad("RiskCheck", "it must be enable or disable")),
    };
    let send_digits = text("SendDigits");
    let dialled = |text: &String| {
        text.len() <= 32 && text.bytes().all(|b| b.is_ascii_digit() || b"wW#*".contains(&b))
    };
    if send_digits.as_ref().is_some_and(|text| !dialled(text)) {
        return Err(bad("SendDigits", "it must have 32 digits, w, # and * at most"));
    }
    Ok(Start {
        service: service_of(request)?,
        target: rules::target(to, channel)?,
        channel,
        name,
        locale: text("Locale"),
        custom_code: text("CustomCode"),
        amount: text("Amount"),
        payee: text("Payee"),
        limits: given(form, "RateLimits").map(limits_of).transpose()?.unwrap_or_default(),
        app_hash,
        template,
        device_ip,
        device_hint: request
            .header("x-trunkline-device")
            .map(|hint| hint.chars().take(256).collect()),
        risk_check,
        tags: given(form, "Tags").map(rules::tags).transpose()?,
        send_digits,
        line: Line::default(),
    })
}

/// What is known of the number's line. Lookup is asked before the unit of work, as it may ask
/// others, and for services alone that want it.
async fn line(state: &Verify, account: AccountSid, start: &Start) -> Result<Line, ApiError> {
    if start.target.contains('@') {
        return Ok(Line::default());
    }
    let sid = start.service;
    let read = state.store.read(move |reader| resources::service(reader, account, sid));
    let service = read.await.map_err(store_error)?;
    let wants = |name| service.as_ref().is_some_and(|service| service.flag(name));
    let shows = wants("LookupEnabled");
    if !shows && !wants("SkipSmsToLandlines") {
        return Ok(Line::default());
    }
    let mut line = Line::found(state.lookup.line_type(account, &start.target).await);
    line.shown = line.shown.filter(|_| shows);
    Ok(line)
}

const CUSTOM_MESSAGE: u32 = 60243;

/// Characters of a name at most.
const NAME_MAX: usize = 100;

/// A parameter that is a JSON object.
fn object(name: &str, text: &str) -> Result<serde_json::Map<String, Value>, ApiError> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) if text.len() <= 4_096 => Ok(object),
        _ => Err(bad(name, "it must be a JSON object")),
    }
}

/// Names of rate limits and the keys to count by; numbers are keys too.
fn limits_of(text: &str) -> Result<Vec<(String, String)>, ApiError> {
    let object = object("RateLimits", text)?;
    if object.len() > limits::NAMED_MAX {
        return Err(bad("RateLimits", "it names more than ten limits"));
    }
    let key = |(name, value): (String, Value)| {
        let key = match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            _ => return Err(bad("RateLimits", "its keys must be texts")),
        };
        let fits = key.len() <= limits::KEY_MAX;
        if fits { Ok((name, key)) } else { Err(bad("RateLimits", "a key is too long")) }
    };
    object.into_iter().map(key).collect()
}

async fn check(state: Arc<Verify>, call: Call) -> ApiResult {
    let (request, account) = (&call.request, call.caller.account_sid());
    let (service, form) = (service_of(request)?, &request.form);
    let code = given(form, "Code").ok_or_else(|| missing("Code"))?.to_owned();
    if !(4..=10).contains(&code.len()) {
        return Err(bad("Code", "it must have 4 to 10 characters"));
    }
    let payment = given(form, "Amount").zip(given(form, "Payee"));
    let payment = payment.map(|(amount, payee)| (amount.to_owned(), payee.to_owned()));
    let wanted = match (given(form, "VerificationSid"), given(form, "To")) {
        (Some(sid), _) => Wanted::Sid(verification(sid).ok_or_else(|| request.not_found())?),
        (None, Some(to)) => Wanted::Target(anybody(to)),
        (None, None) => {
            let text = "Either To or VerificationSid must be given";
            return Err(ApiError::new(NO_TARGET, text));
        }
    };
    let verify = Arc::clone(&state);
    let unit = move |tx: &mut Tx<'_>| match wanted.find(tx, account, service)? {
        Some(sid) => verify.check(tx, account, sid, (&code, payment)),
        None => Ok(Err(ApiError::not_found(""))),
    };
    let outcome = state.store.write::<_, Refusal, _>(unit).await.map_err(ApiError::from);
    let found = outcome.and_then(|inner| inner).map_err(|error| named(error, request))?;
    Ok(Response::created(&view::check(&found)))
}

const NO_TARGET: u32 = 60221;

/// Which verification is meant.
#[derive(Clone)]
enum Wanted {
    Sid([u8; 16]),
    Target(String),
}

impl Wanted {
    /// The verification, if it belongs to the service.
    fn find(
        &self,
        query: &mut impl ::store::Query,
        account: AccountSid,
        service: [u8; 16],
    ) -> Result<Option<[u8; 16]>, ::store::StoreError> {
        if resources::service(query, account, service)?.is_none() {
            return Ok(None);
        }
        let sid = match self {
            Self::Sid(sid) => Some(*sid),
            Self::Target(target) => store::running(query, service, target)?,
        };
        let found = match sid {
            Some(sid) => store::find(query, account, sid)?,
            None => None,
        };
        Ok(found.filter(|found| found.service == service).map(|found| found.sid))
    }
}

fn verification(text: &str) -> Option<[u8; 16]> {
    let sid: AnySid = text.parse().ok()?;
    (sid.prefix == *b"VE").then_some(sid.bytes)
}

/// A recipient as it is stored; what is neither a number nor an address finds nothing.
fn anybody(to: &str) -> String {
    let found = if to.contains('@') {
        rules::target(to, Some(Kind::Email))
    } else {
        rules::target(to, None)
    };
    found.unwrap_or_default()
}

/// A path names a verification by its SID or by who is verified.
fn wanted_of(request: &Request) -> Wanted {
    let text = request.segment("Sid");
    verification(text).map_or_else(|| Wanted::Target(anybody(text)), Wanted::Sid)
}

async fn fetch(state: Arc<Verify>, call: Call) -> ApiResult {
    let (request, account) = (&call.request, call.caller.account_sid());
    let (service, wanted) = (service_of(request)?, wanted_of(request));
    let (now, by_target) = (state.clock.now(), matches!(wanted, Wanted::Target(_)));
    let read = state.store.read(move |reader| {
        let Some(sid) = wanted.find(reader, account, service)? else { return Ok(None) };
        let found = store::find(reader, account, sid)?;
        let attempts = store::attempts_of(reader, sid)?;
        Ok::<_, ::store::StoreError>(found.map(|found| (found, attempts)))
    });
    let found = read.await.map_err(store_error)?;
    let (mut found, attempts) = found.ok_or_else(|| request.not_found())?;
    if rules::is_over(&found, now) {
        if by_target {
            return Err(request.not_found());
        }
        // Its job has not come yet.
        if found.status == Status::Pending {
            found.status = Status::Expired;
        }
    }
    Ok(Response::ok(&view::verification(&found, &attempts, &request.place.root)))
}

async fn update(state: Arc<Verify>, call: Call) -> ApiResult {
    let (request, account) = (&call.request, call.caller.account_sid());
    let (service, wanted) = (service_of(request)?, wanted_of(request));
    let status = given(&request.form, "Status").ok_or_else(|| missing("Status"))?;
    let status = rules::wanted(status)?;
    let verify = Arc::clone(&state);
    let unit = move |tx: &mut Tx<'_>| match wanted.find(tx, account, service)? {
        Some(sid) => verify.set(tx, account, sid, status),
        None => Ok(Err(ApiError::not_found(""))),
    };
    let outcome = state.store.write::<_, Refusal, _>(unit).await.map_err(ApiError::from);
    let outcome = outcome.and_then(|inner| inner).map_err(|error| named(error, request));
    let (found, attempts) = outcome?;
    Ok(Response::ok(&view::verification(&found, &attempts, &request.place.root)))
}
