//! `lookups.twilio.com`: the routes of both versions, and what they take and show.

mod batch;
mod limits;
mod number;
mod overrides;

use std::collections::BTreeSet;
use std::sync::Arc;

use base::{ApiError, Params, code};
use http::Method;
use serde_json::{Map, Value, json};

use crate::accounts::{Permission, Verb};
use crate::gateway::{Answering, ApiResult, Call, Request, Response, Routes};
use crate::lookup::Lookup;
use crate::lookup::look::{Findings, Question};
use crate::lookup::model::{
    Description, LineType, NOT_COVERED, NOT_ENABLED, PARAMETER_BAD, Package,
};
use crate::lookup::packages::{Object, shown};
use crate::lookup::sources::PERSONAL;

/// The resource of look-ups, in permissions.
pub const NUMBERS: &str = "lookups/phone-numbers";
/// The resource of many look-ups at once.
pub const BATCH: &str = "lookups/batch";
const OVERRIDES: &str = "lookups/overrides";
const LIMITS: &str = "lookups/rate-limits";
const KNOWN: &str = "lookups/numbers";

/// Characters of a parameter at most.
const PARAMETER_MAX: usize = 256;

/// Adds the routes.
pub fn routes(routes: &mut Routes, state: &Arc<Lookup>) {
    type Handler = fn(Arc<Lookup>, Call) -> Answering;
    let on = Permission::new;
    const ONE: &str = "/v2/PhoneNumbers/{PhoneNumber}";
    const SAID: &str = "/v2/PhoneNumbers/{PhoneNumber}/Overrides/{Field}";
    const BUCKET: &str = "/v2/RateLimits/Fields/{Field}/Bucket/{Bucket}";
    let all: [(Method, &str, Permission, Handler); 11] = [
        (Method::GET, "/v1/PhoneNumbers/{PhoneNumber}", on(NUMBERS, Verb::Read), |s, c| {
            Box::pin(fetch_old(s, c))
        }),
        (Method::GET, ONE, on(NUMBERS, Verb::Read), |s, c| Box::pin(fetch(s, c))),
        (Method::POST, "/v2/batch/query", on(BATCH, Verb::Read), |s, c| {
            Box::pin(batch::query(s, c))
        }),
        (Method::GET, SAID, on(OVERRIDES, Verb::Read), |s, c| Box::pin(overrides::fetch(s, c))),
        (Method::POST, SAID, on(OVERRIDES, Verb::Create), |s, c| Box::pin(overrides::create(s, c))),
        (Method::PUT, SAID, on(OVERRIDES, Verb::Update), |s, c| Box::pin(overrides::update(s, c))),
        (Method::DELETE, SAID, on(OVERRIDES, Verb::Delete), |s, c| {
            Box::pin(overrides::remove(s, c))
        }),
        (Method::GET, "/v2/RateLimits", on(LIMITS, Verb::List), |s, c| {
            Box::pin(limits::list(s, c))
        }),
        (Method::GET, BUCKET, on(LIMITS, Verb::Read), |s, c| Box::pin(limits::fetch(s, c))),
        (Method::PUT, BUCKET, on(LIMITS, Verb::Update), |s, c| Box::pin(limits::update(s, c))),
        (Method::DELETE, BUCKET, on(LIMITS, Verb::Delete), |s, c| Box::pin(limits::remove(s, c))),
    ];
    for (method, path, permission, handler) in all {
        routes.on("lookups", method, path, permission, state, handler);
    }
    let known: Handler = |s, c| Box::pin(number::show(s, c));
    let path = "/trunkline/v1/Lookup/Numbers/{E164}";
    routes.on("", Method::GET, path, on(KNOWN, Verb::Read), state, known);
}

fn given<'a>(params: &'a Params, name: &str) -> Option<&'a str> {
    params.get(name).filter(|text| !text.is_empty())
}

/// The packages that `Fields` names; `validation` is always there.
fn packages<'a>(names: impl Iterator<Item = &'a str>) -> Result<BTreeSet<Package>, ApiError> {
    let names = names.map(str::trim).filter(|name| !matches!(*name, "" | "validation"));
    let package = |name: &str| {
        Package::from_name(name).ok_or_else(|| {
            let known = Package::ALL.map(Package::name).join(", ");
            let text = format!("Fields: '{name}' is no package; there are validation, {known}");
            ApiError::new(PARAMETER_BAD, text)
        })
    };
    names.map(package).collect()
}

/// What was given about a person, within bounds.
fn personal(query: &Params) -> Result<Params, ApiError> {
    let names = PERSONAL.iter().map(|(_, name)| *name).chain(["PartnerSubId"]);
    let mut params = Params::default();
    for name in names {
        let Some(text) = given(query, name) else { continue };
        if text.chars().count() > PARAMETER_MAX {
            let text = format!("{name} has more than {PARAMETER_MAX} characters");
            return Err(ApiError::new(PARAMETER_BAD, text));
        }
        params.push(name, text);
    }
    Ok(params)
}

async fn fetch(state: Arc<Lookup>, call: Call) -> ApiResult {
    let Call { caller, request } = call;
    let packages = packages(request.query.get_all("Fields").flat_map(|text| text.split(',')))?;
    let params = match packages.is_empty() {
        true => Params::default(),
        false => personal(&request.query)?,
    };
    let country = given(&request.query, "CountryCode");
    let described = state.describe(request.segment("PhoneNumber"), country);
    let account = caller.account_sid();
    let question = Question { account, described, packages, params };
    let found = state.answer(&question, caller.is_test()).await?;
    let mut view = view(&question.described, &found);
    let url = url(&request, "v2", &question.described);
    view.insert("url".to_owned(), url.into());
    Ok(Response::ok(&view))
}

fn url(request: &Request, version: &str, described: &Description) -> String {
    format!("{}/{version}/PhoneNumbers/{}", request.place.root, described.number())
}

/// What version 2 shows of a number.
fn view(described: &Description, found: &Findings) -> Map<String, Value> {
    let plan = described.plan.as_ref();
    let errors = plan.err().map(|reason| [reason.name()]);
    let mut view = Map::new();
    let mut put = |name: &str, value: Value| view.insert(name.to_owned(), value);
    put("calling_country_code", plan.ok().map(|plan| plan.calling_code.to_string()).into());
    put("country_code", plan.ok().and_then(|plan| plan.country).into());
    put("phone_number", described.number().into());
    put("national_format", plan.ok().map(|plan| plan.national.clone()).into());
    put("valid", plan.is_ok().into());
    put("validation_errors", json!(errors.as_ref().map_or(&[][..], |errors| errors)));
    for package in Package::ALL {
        let object = found.get(&package).map(|object| shown(package, object));
        put(package.name(), object.unwrap_or_default());
    }
    view
}

/// Version 1: invalid numbers are not found.
async fn fetch_old(state: Arc<Lookup>, call: Call) -> ApiResult {
    let Call { caller, request } = call;
    let query = &request.query;
    if query.iter().any(|(name, value)| name.starts_with("AddOns") && !value.is_empty()) {
        let text = "AddOns: this installation has none; data sources are its own configuration";
        return Err(ApiError::new(code::BAD_REQUEST, text));
    }
    let package = |name: &str| match name {
        "carrier" => Ok(Package::LineTypeIntelligence),
        "caller-name" => Ok(Package::CallerName),
        other => {
            let text = format!("Type: '{other}' is neither carrier nor caller-name");
            Err(ApiError::new(code::BAD_REQUEST, text))
        }
    };
    let types = query.get_all("Type").filter(|name| !name.is_empty());
    let packages = types.map(package).collect::<Result<BTreeSet<_>, _>>()?;
    let described = state.describe(request.segment("PhoneNumber"), given(query, "CountryCode"));
    let Ok(plan) = described.plan.clone() else { return Err(request.not_found()) };
    let (account, params) = (caller.account_sid(), Params::default());
    let question = Question { account, described, packages, params };
    let found = state.answer(&question, caller.is_test()).await?;
    let caller_name = found.get(&Package::CallerName);
    Ok(Response::ok(&json!({
        "caller_name": caller_name.map(|object| shown(Package::CallerName, object)),
        "country_code": plan.country,
        "phone_number": plan.e164,
        "national_format": plan.national,
        "carrier": found.get(&Package::LineTypeIntelligence).map(carrier),
        "add_ons": null,
        "url": url(&request, "v1", &question.described),
    })))
}

/// A carrier as version 1 shows it.
fn carrier(object: &Object) -> Value {
    let member = |name: &str| object.as_ref().ok().and_then(|object| object.get(name)).cloned();
    let line = member("type").and_then(|name| LineType::from_name(name.as_str()?));
    json!({
        "mobile_country_code": member("mobile_country_code"),
        "mobile_network_code": member("mobile_network_code"),
        "name": member("carrier_name"),
        "type": line.and_then(LineType::old_name),
        "error_code": object.as_ref().err().map(|code| old_code(*code)),
    })
}

/// Version 1 knows 60600 and 60601, and nothing of packages that are not enabled.
fn old_code(code: u32) -> u32 {
    if code == NOT_ENABLED { NOT_COVERED } else { code }
}

/// The members of a JSON body, as they came.
fn json_body(request: &Request) -> Result<Map<String, Value>, ApiError> {
    if request.body.is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(&request.body).map_err(|_| {
        ApiError::new(code::BAD_REQUEST, "The body must be a JSON object (application/json)")
    })
}

/// The package that a path names.
fn field(request: &Request) -> Result<Package, ApiError> {
    let name = request.segment("Field");
    Package::from_name(name).ok_or_else(|| {
        ApiError::new(code::BAD_REQUEST, format!("Field: '{name}' is no package of look-ups"))
    })
}
