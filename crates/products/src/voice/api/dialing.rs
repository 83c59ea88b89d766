//! `voice.twilio.com/v1/DialingPermissions` and `/v1/Settings`.

use std::sync::Arc;

use ::store::{StoreError, Tx};
use base::{ApiError, Params, code};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::accounts::geo::Said;
use crate::accounts::{Permission as Allowed, Verb, store_error};
use crate::gateway::page::{Page, Paging, v1};
use crate::gateway::{Answering, ApiResult, Call, Response, Routes};
use crate::voice::Voice;
use crate::voice::api::calls::given;
use crate::voice::api::participants::flag;
use crate::voice::dialing::{Country, Permission, Permissions, countries, special_prefixes};
use crate::voice::store::dialing as sql;

const LIST: &str = "/v1/DialingPermissions/Countries";
const ONE: &str = "/v1/DialingPermissions/Countries/{IsoCode}";
const PREFIXES: &str = "/v1/DialingPermissions/Countries/{IsoCode}/HighRiskSpecialPrefixes";
const BULK: &str = "/v1/DialingPermissions/BulkCountryUpdates";
const SETTINGS: &str = "/v1/Settings";

pub(super) fn routes(routes: &mut Routes, voice: &Arc<Voice>) {
    type Handler = fn(Arc<Voice>, Call) -> Answering;
    let list: [(Method, &str, Verb, Handler); 6] = [
        (Method::GET, LIST, Verb::List, |s, c| Box::pin(list(s, c))),
        (Method::GET, ONE, Verb::Read, |s, c| Box::pin(fetch(s, c))),
        (Method::GET, PREFIXES, Verb::List, |s, c| Box::pin(prefixes(s, c))),
        (Method::POST, BULK, Verb::Update, |s, c| Box::pin(bulk(s, c))),
        (Method::GET, SETTINGS, Verb::Read, |s, c| Box::pin(settings(s, c))),
        (Method::POST, SETTINGS, Verb::Update, |s, c| Box::pin(update_settings(s, c))),
    ];
    for (method, path, verb, handler) in list {
        let permission = Allowed::new("voice/dialing-permissions", verb);
        routes.on("voice", method, path, permission, voice, handler);
    }
}

/// Every country with what is permitted there.
async fn all(voice: &Voice, call: &Call) -> Result<Vec<(Country, Permission)>, ApiError> {
    let account = call.caller.account_sid();
    let read = voice.shared().store.read(move |reader| {
        Ok::<_, StoreError>((Permissions::read(reader, account)?, Said::read(reader, account)?))
    });
    let (permissions, texts) = read.await.map_err(store_error)?;
    let home = voice.shared().accounts.home();
    let of = |country: Country| (country, permissions.of(country.iso, &texts, home));
    Ok(countries().into_iter().map(of).collect())
}

fn view(call: &Call, (country, of): &(Country, Permission), whole: bool) -> Value {
    let url =
        format!("{}/v1/DialingPermissions/Countries/{}", call.request.place.root, country.iso);
    let mut json = json!({
        "iso_code": country.iso,
        "name": country.name,
        "continent": country.continent,
        "country_codes": [format!("+{}", country.code)],
        "low_risk_numbers_enabled": of.low_risk,
        "high_risk_special_numbers_enabled": of.special,
        "high_risk_tollfraud_numbers_enabled": of.toll_fraud,
        "links": { "highrisk_special_prefixes": format!("{url}/HighRiskSpecialPrefixes") },
    });
    if whole && let Some(object) = json.as_object_mut() {
        object.insert("url".to_owned(), url.into());
    }
    json
}

async fn list(voice: Arc<Voice>, call: Call) -> ApiResult {
    let (paging, query) = (Paging::of(&call.request)?, &call.request.query);
    let low = flag(query, "LowRiskNumbersEnabled")?;
    let special = flag(query, "HighRiskSpecialNumbersEnabled")?;
    let fraud = flag(query, "HighRiskTollfraudNumbersEnabled")?;
    let same = |name: &str, value: &str| {
        given(query, name).is_none_or(|wanted| wanted.eq_ignore_ascii_case(value))
    };
    let mut found = all(&voice, &call).await?;
    found.retain(|(country, of)| {
        let code = country.code.to_string();
        let by_code = given(query, "CountryCode").map(|text| text.trim_start_matches(['+', ' ']));
        same("IsoCode", country.iso)
            && same("Continent", country.continent)
            && by_code.is_none_or(|wanted| wanted == code)
            && low.is_none_or(|wanted| of.low_risk == wanted)
            && special.is_none_or(|wanted| of.special == wanted)
            && fraud.is_none_or(|wanted| of.toll_fraud == wanted)
    });
    match paging.neighbour::<String>()? {
        Some((true, after)) => found.retain(|(country, _)| country.iso > after.as_str()),
        Some((false, before)) => {
            found.retain(|(country, _)| country.iso < before.as_str());
            found.reverse();
        }
        None => {}
    }
    found.truncate(paging.size as usize + 1);
    let key = |(country, _): &(Country, Permission)| country.iso.to_owned();
    let page = paging.page(found, key, |row| view(&call, row, false));
    Ok(Response::ok(&v1(&call.request, &paging, "content", page)))
}

async fn find(voice: &Voice, call: &Call) -> Result<(Country, Permission), ApiError> {
    let wanted = call.request.segment("IsoCode").to_ascii_uppercase();
    let found = all(voice, call).await?.into_iter().find(|(country, _)| country.iso == wanted);
    found.ok_or_else(|| call.request.not_found())
}

async fn fetch(voice: Arc<Voice>, call: Call) -> ApiResult {
    Ok(Response::ok(&view(&call, &find(&voice, &call).await?, true)))
}

async fn prefixes(voice: Arc<Voice>, call: Call) -> ApiResult {
    let (paging, (country, _)) = (Paging::of(&call.request)?, find(&voice, &call).await?);
    let rows = special_prefixes(country.iso);
    // Few enough for one page.
    let page = Page {
        rows: rows.iter().map(|prefix| json!({ "prefix": prefix })).collect(),
        previous: None,
        next: None,
    };
    Ok(Response::ok(&v1(&call.request, &paging, "content", page)))
}

/// One country of a change: what it says, the rest left out.
struct Change {
    iso: String,
    low_risk: Option<bool>,
    special: Option<bool>,
    toll_fraud: Option<bool>,
}

fn changes(form: &Params) -> Result<Vec<Change>, ApiError> {
    let bad = |text: &str| ApiError::new(code::BAD_REQUEST, text);
    let text = given(form, "UpdateRequest").ok_or_else(|| bad("UpdateRequest is missing"))?;
    let items: Vec<Map<String, Value>> = serde_json::from_str(text)
        .map_err(|_| bad("UpdateRequest must be a JSON array of objects"))?;
    let known = countries();
    let change = |item: Map<String, Value>| {
        let iso = item.get("iso_code").and_then(Value::as_str).unwrap_or_default();
        let iso = iso.to_ascii_uppercase();
        if !known.iter().any(|country| country.iso == iso) {
            return Err(bad("UpdateRequest names an iso_code that is no country's"));
        }
        let flag = |name: &str| match item.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(yes)) => Ok(Some(*yes)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(bad(&format!("{name} must be true or false"))),
        };
        Ok(Change {
            low_risk: flag("low_risk_numbers_enabled")?,
            special: flag("high_risk_special_numbers_enabled")?,
            toll_fraud: flag("high_risk_tollfraud_numbers_enabled")?,
            iso,
        })
    };
    items.into_iter().map(change).collect()
}

async fn bulk(voice: Arc<Voice>, call: Call) -> ApiResult {
    let changes = changes(&call.request.form)?;
    let (account, count) = (call.caller.account_sid(), changes.len());
    let home = voice.shared().accounts.home().clone();
    let unit = move |tx: &mut Tx<'_>| {
        for change in &changes {
            let texts = Said::read(tx, account)?;
            let before = Permissions::read(tx, account)?.of(&change.iso, &texts, &home);
            let of = Permission {
                low_risk: change.low_risk.unwrap_or(before.low_risk),
                special: change.special.unwrap_or(before.special),
                toll_fraud: change.toll_fraud.unwrap_or(before.toll_fraud),
            };
            sql::set(tx, account, &change.iso, of)?;
        }
        Ok::<_, StoreError>(())
    };
    voice.shared().store.write(unit).await.map_err(store_error)?;
    let request = call.request.form.get("UpdateRequest");
    Ok(Response::created(&json!({ "update_count": count, "update_request": request })))
}

fn settings_view(call: &Call, inherits: bool) -> Value {
    let url = format!("{}{SETTINGS}", call.request.place.root);
    json!({ "dialing_permissions_inheritance": inherits, "url": url })
}

async fn settings(voice: Arc<Voice>, call: Call) -> ApiResult {
    let account = call.caller.account_sid();
    let read = voice.shared().store.read(move |reader| sql::inherits(reader, account));
    Ok(Response::ok(&settings_view(&call, read.await.map_err(store_error)?)))
}

async fn update_settings(voice: Arc<Voice>, call: Call) -> ApiResult {
    let account = call.caller.account_sid();
    let wanted = flag(&call.request.form, "DialingPermissionsInheritance")?;
    let unit = move |tx: &mut Tx<'_>| {
        if let Some(yes) = wanted {
            sql::set_inherits(tx, account, yes)?;
        }
        sql::inherits(tx, account)
    };
    let inherits = voice.shared().store.write::<_, StoreError, _>(unit).await;
    let json = settings_view(&call, inherits.map_err(store_error)?);
    Ok(Response::json(StatusCode::ACCEPTED, json.to_string()))
}
