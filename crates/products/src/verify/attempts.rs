//! Attempts, what they add up to, the templates, and the forms of factors.

use std::sync::Arc;

use base::{AnySid, ApiError};
use http::Method;
use serde_json::{Map, Value, json};

use crate::accounts::{Permission, Verb, store_error};
use crate::gateway::dates::instant;
use crate::gateway::page::{Page, Paging, v1};
use crate::gateway::{Answering, ApiResult, Call, Request, Response, Routes};
use crate::verify::model::Kind;
use crate::verify::rules::bad;
use crate::verify::store::{self, Column, Filter};
use crate::verify::templates::{self, TEMPLATES};
use crate::verify::{Verify, view};

/// Adds the routes.
pub fn routes(routes: &mut Routes, state: &Arc<Verify>) {
    type Handler = fn(Arc<Verify>, Call) -> Answering;
    let attempts = |verb| Permission::new("verify/attempts", verb);
    let of = Permission::new;
    let list: [(&str, Permission, Handler); 5] = [
        ("/v2/Attempts", attempts(Verb::List), |s, c| Box::pin(list(s, c))),
        ("/v2/Attempts/Summary", attempts(Verb::List), |s, c| Box::pin(summary(s, c))),
        ("/v2/Attempts/{Sid}", attempts(Verb::Read), |s, c| Box::pin(fetch(s, c))),
        ("/v2/Templates", of("verify/templates", Verb::List), |_, c| Box::pin(list_templates(c))),
        ("/v2/Forms/{FormType}", of("verify/forms", Verb::Read), |_, c| Box::pin(form(c))),
    ];
    for (path, permission, handler) in list {
        routes.on("verify", Method::GET, path, permission, state, handler);
    }
}

fn filter_of(request: &Request) -> Result<Filter, ApiError> {
    let query = &request.query;
    let given = |name: &str| query.get(name).filter(|text| !text.is_empty());
    let date = |name: &str| given(name).map(|text| instant(name, text)).transpose();
    let sid = |name: &str, prefix: &[u8; 2]| {
        let parse = |text: &str| match text.parse::<AnySid>() {
            Ok(sid) if sid.prefix == *prefix => Ok(sid.bytes),
            _ => Err(bad(name, "it is no SID of its kind")),
        };
        given(name).map(parse).transpose()
    };
    let mut equal = Vec::new();
    equal.extend(given("ChannelData.To").map(|to| (Column::Target, to.to_owned())));
    equal.extend(given("Country").map(|code| (Column::Country, code.to_ascii_uppercase())));
    if let Some(name) = given("Channel") {
        let kind = if name == "rbm" { Some(Kind::Rcs) } else { Kind::from_name(name) };
        let kind = kind.ok_or_else(|| bad("Channel", "it is no channel"))?;
        equal.push((Column::Channel, kind.name().to_owned()));
    }
    let converted = match given("Status") {
        None => None,
        Some("converted") => Some(true),
        Some("unconverted") => Some(false),
        Some(_) => return Err(bad("Status", "it must be converted or unconverted")),
    };
    Ok(Filter {
        from: date("DateCreatedAfter")?,
        before: date("DateCreatedBefore")?,
        equal,
        prefix: given("DestinationPrefix")
            .map(|text| format!("+{}", text.trim_matches([' ', '+']))),
        service: sid("VerifyServiceSid", b"VA")?,
        verification: sid("VerificationSid", b"VE")?,
        converted,
    })
}

async fn list(state: Arc<Verify>, call: Call) -> ApiResult {
    let (paging, filter) = (Paging::of(&call.request)?, filter_of(&call.request)?);
    let account = call.caller.account_sid();
    let cursor = paging.neighbour::<AnySid>()?.map(|(forward, sid)| (forward, sid.bytes));
    let limit = paging.size + 1;
    let read = state
        .store
        .read(move |reader| store::list_attempts(reader, account, &filter, cursor, limit));
    let attempts = read.await.map_err(store_error)?;
    let root = call.request.place.root.clone();
    let page = paging.page(
        attempts,
        |attempt| crate::verify::model::attempt_sid(attempt.sid).to_string(),
        |attempt| view::attempt(attempt, &root),
    );
    Ok(Response::ok(&v1(&call.request, &paging, "attempts", page)))
}

async fn fetch(state: Arc<Verify>, call: Call) -> ApiResult {
    let sid: AnySid = call.request.segment("Sid").parse().map_err(|_| call.request.not_found())?;
    let account = call.caller.account_sid();
    let read = state.store.read(move |reader| store::find_attempt(reader, account, sid.bytes));
    let found = read.await.map_err(store_error)?.filter(|_| sid.prefix == *b"VL");
    let found = found.ok_or_else(|| call.request.not_found())?;
    Ok(Response::ok(&view::attempt(&found, &call.request.place.root)))
}

async fn summary(state: Arc<Verify>, call: Call) -> ApiResult {
    let filter = filter_of(&call.request)?;
    let account = call.caller.account_sid();
    let read = state.store.read(move |reader| store::count_attempts(reader, account, &filter));
    let (total, converted) = read.await.map_err(store_error)?;
    // Nine digits, as Twilio writes it.
    let rate = if total == 0 { 0.0 } else { 100.0 * converted as f64 / total as f64 };
    let json = json!({
        "total_attempts": total,
        "total_converted": converted,
        "total_unconverted": total - converted,
        "conversion_rate_percentage": format!("{rate:.9}"),
        "url": format!("{}/v2/Attempts/Summary", call.request.place.root),
    });
    Ok(Response::ok(&json))
}

async fn list_templates(call: Call) -> ApiResult {
    let paging = Paging::of(&call.request)?;
    let wanted = call.request.query.get("FriendlyName").filter(|name| !name.is_empty());
    let account = call.caller.account_sid().to_string();
    let made = call.caller.account.created_at.to_iso8601();
    let shown = TEMPLATES.iter().filter(|template| wanted.is_none_or(|name| name == template.name));
    let rows = shown.map(|template| {
        let translations: Map<String, Value> = templates::locales()
            .map(|locale| {
                let translation = json!({
                    "is_default_translation": locale == "en",
                    "status": "approved",
                    "locale": locale,
                    "text": template.text(locale, false, false),
                    "date_updated": made,
                    "date_created": made,
                });
                (locale.to_owned(), translation)
            })
            .collect();
        json!({
            "sid": template.sid,
            "account_sid": account,
            "friendly_name": template.name,
            "channels": ["sms", "call"],
            "translations": translations,
        })
    });
    // There are so few that they are one page.
    let first = paging.number == 0 && paging.cursor.is_none();
    let rows = rows.filter(|_| first).collect();
    let page = Page { rows, previous: None, next: None };
    Ok(Response::ok(&v1(&call.request, &paging, "templates", page)))
}

/// What a push factor is made and verified with, as JSON Schema.
async fn form(call: Call) -> ApiResult {
    if call.request.segment("FormType") != "form-push" {
        return Err(call.request.not_found());
    }
    let text = |title: &str| json!({ "type": "string", "title": title });
    let form = |required: &[&str], properties: Value| json!({ "type": "object", "required": required, "properties": properties });
    Ok(Response::ok(&json!({
        "form_type": "form-push",
        "forms": {
            "create_factor": form(
                &["FriendlyName", "FactorType", "Binding.Alg", "Binding.PublicKey"],
                json!({
                    "FriendlyName": text("A name for the device"),
                    "FactorType": { "type": "string", "enum": ["push"] },
                    "Binding.Alg": { "type": "string", "enum": ["ES256"] },
                    "Binding.PublicKey": text("The device's public key, DER in base 64"),
                    "Config.AppId": text("The app's identifier"),
                    "Config.NotificationPlatform": {
                        "type": "string", "enum": ["apn", "fcm", "none"],
                    },
                    "Config.NotificationToken": text("Where notifications reach the device"),
                }),
            ),
            "verify_factor": form(
                &["AuthPayload"],
                json!({ "AuthPayload": text("The factor's SID, signed by the device") }),
            ),
            "create_challenge": form(
                &["FactorSid"],
                json!({
                    "FactorSid": text("The factor that is asked"),
                    "Details.Message": text("What the person is asked"),
                    "Details.Fields": { "type": "array", "items": { "type": "object" } },
                    "HiddenDetails": { "type": "object" },
                    "ExpirationDate": { "type": "string", "format": "date-time" },
                }),
            ),
        },
        "form_meta": {},
        "url": format!("{}/v2/Forms/form-push", call.request.place.root),
    })))
}
