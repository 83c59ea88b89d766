//! Buying by kind, and the search for numbers that are free.

use std::sync::Arc;

use base::{AddressSid, ApiError, code};
use http::Method;
use serde_json::{Value, json};

use crate::accounts::resources::ADDRESS;
use crate::accounts::{Permission, Verb, store_error};
use crate::gateway::page::{Paging, v2010};
use crate::gateway::{Answering, ApiResult, Call, Response, Routes};
use crate::numbers::resources::{INCOMING_PHONE_NUMBER, capabilities};
use crate::numbers::store::{self, InventoryNumber, NumberKind, national};
use crate::resource::{Document, Shared, api as declared, store as sql};

const AVAILABLE: &str = "/2010-04-01/Accounts/{AccountSid}/AvailablePhoneNumbers";
const INCOMING: &str = "/2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers";

const DEPENDENT: &str =
    "/2010-04-01/Accounts/{AccountSid}/Addresses/{AddressSid}/DependentPhoneNumbers";

/// Numbers read at once when those of an address are looked for.
const BATCH: u32 = 1_000;

/// Numbers looked at by one search at most.
const SEARCHED_MAX: u32 = 10_000;

/// The kinds that are bought and listed by a path of their own.
const BOUGHT: [NumberKind; 3] = [NumberKind::Local, NumberKind::Mobile, NumberKind::TollFree];

/// Adds the routes.
pub fn routes(routes: &mut Routes, shared: &Arc<Shared>) {
    let read = |verb| Permission::new("api/available-phone-numbers", verb);
    type Handler = fn(Arc<Shared>, Call) -> Answering;
    let countries: Handler = |s, c| Box::pin(list_countries(s, c));
    let country: Handler = |s, c| Box::pin(fetch_country(s, c));
    routes.on("api", Method::GET, AVAILABLE, read(Verb::List), shared, countries);
    let dependents: Handler = |s, c| Box::pin(dependent(s, c));
    let list = Permission::new(INCOMING_PHONE_NUMBER.permission, Verb::List);
    routes.on("api", Method::GET, DEPENDENT, list, shared, dependents);
    let one = format!("{AVAILABLE}/{{CountryCode}}");
    routes.on("api", Method::GET, &one, read(Verb::Read), shared, country);
    for (kind, name, ..) in NumberKind::ALL {
        let path = format!("{AVAILABLE}/{{CountryCode}}/{name}");
        routes.on("api", Method::GET, &path, read(Verb::List), shared, move |s, c| {
            search(s, c, kind)
        });
        if !BOUGHT.contains(&kind) {
            continue;
        }
        let path = format!("{INCOMING}/{name}");
        let buy = Permission::new(INCOMING_PHONE_NUMBER.permission, Verb::Create);
        let list = Permission::new(INCOMING_PHONE_NUMBER.permission, Verb::List);
        routes.on("api", Method::POST, &path, buy, shared, |s, c| {
            declared::create(s, c, &INCOMING_PHONE_NUMBER)
        });
        routes.on("api", Method::GET, &path, list, shared, move |s, mut c| {
            c.request.query.push("Type", kind.name());
            declared::list_page(s, c, &INCOMING_PHONE_NUMBER)
        });
    }
}

/// Numbers of an account that have an address of it.
async fn dependent(shared: Arc<Shared>, call: Call) -> ApiResult {
    let (account, paging) = (call.caller.account_sid(), Paging::of(&call.request)?);
    let address: AddressSid = call.request.sid("AddressSid")?;
    let (missing, size) = (call.request.not_found(), paging.size as usize + 1);
    let mut cursor = paging.neighbour()?;
    let read = shared.store.read(move |reader| {
        let mut found = Vec::new();
        let known = sql::find(reader, &ADDRESS, account, address.into())?.is_some();
        while known && found.len() < size {
            let batch = sql::list(reader, &INCOMING_PHONE_NUMBER, account, &[], cursor, BATCH)?;
            let Some(last) = batch.last() else { break };
            cursor = Some((cursor.is_none_or(|(forward, _)| forward), last.sid));
            let address = address.to_string();
            found.extend(batch.into_iter().filter(|number| number.text("AddressSid") == address));
        }
        found.truncate(size);
        Ok::<_, ::store::StoreError>(known.then_some(found))
    });
    let found = read.await.map_err(store_error)?.ok_or(missing)?;
    let view = |number: &Document| Value::Object(number.view(&INCOMING_PHONE_NUMBER));
    let page = paging.page(found, |number| number.sid.to_string(), view);
    Ok(Response::ok(&v2010(&call.request, &paging, "dependent_phone_numbers", page)))
}

async fn list_countries(shared: Arc<Shared>, call: Call) -> ApiResult {
    let found = shared.store.read(|reader| store::countries(reader)).await.map_err(store_error)?;
    let paging = Paging::of(&call.request)?;
    let account = call.caller.account_sid().to_string();
    let page = paging.page(found, String::clone, |country| country_view(&account, country));
    Ok(Response::ok(&v2010(&call.request, &paging, "countries", page)))
}

async fn fetch_country(shared: Arc<Shared>, call: Call) -> ApiResult {
    let wanted = call.request.segment("CountryCode").to_ascii_uppercase();
    let found = shared.store.read(|reader| store::countries(reader)).await.map_err(store_error)?;
    if !found.contains(&wanted) {
        return Err(call.request.not_found());
    }
    Ok(Response::ok(&country_view(&call.caller.account_sid().to_string(), &wanted)))
}

fn country_view(account: &str, country: &str) -> Value {
    let uri = format!("/2010-04-01/Accounts/{account}/AvailablePhoneNumbers/{country}");
    let parts = NumberKind::ALL
        .map(|(_, path, _, name)| (name.to_owned(), Value::from(format!("{uri}/{path}.json"))));
    json!({
        "country_code": country,
        "country": country,
        "beta": false,
        "uri": format!("{uri}.json"),
        "subresource_uris": parts.into_iter().collect::<serde_json::Map<_, _>>(),
    })
}

/// What a search asks for.
struct Search {
    area: Option<String>,
    contains: Option<Vec<char>>,
    region: Option<String>,
    locality: Option<String>,
    needs: Vec<fn(&InventoryNumber) -> bool>,
}

async fn search(shared: Arc<Shared>, call: Call, kind: NumberKind) -> ApiResult {
    let wanted = Search::of(&call)?;
    let paging = Paging::of(&call.request)?;
    let country = call.request.segment("CountryCode").to_ascii_uppercase();
    let read = shared.store.read(move |reader| store::free(reader, &country, kind, SEARCHED_MAX));
    let found = read.await.map_err(store_error)?;
    let fitting: Vec<InventoryNumber> =
        found.into_iter().filter(|number| wanted.fits(number)).take(paging.size as usize).collect();
    let page = paging.page(fitting, |number| number.e164.clone(), available);
    Ok(Response::ok(&v2010(&call.request, &paging, "available_phone_numbers", page)))
}

impl Search {
    fn of(call: &Call) -> Result<Self, ApiError> {
        let query = &call.request.query;
        let text = |name: &str| query.get(name).filter(|value| !value.is_empty());
        let contains = text("Contains").map(pattern).transpose()?;
        let mut needs: Vec<fn(&InventoryNumber) -> bool> = Vec::new();
        let wants = |name: &str| text(name) == Some("true");
        if wants("SmsEnabled") {
            needs.push(|number| number.sms);
        }
        if wants("MmsEnabled") {
            needs.push(|number| number.mms);
        }
        if wants("VoiceEnabled") {
            needs.push(|number| number.voice);
        }
        Ok(Self {
            area: text("AreaCode").map(|area| format!("+1{area}")),
            contains,
            region: text("InRegion").map(str::to_owned),
            locality: text("InLocality").map(str::to_owned),
            needs,
        })
    }

    fn fits(&self, number: &InventoryNumber) -> bool {
        let same = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(found))
        };
        self.area.as_ref().is_none_or(|area| number.e164.starts_with(area))
            && self.contains.as_ref().is_none_or(|pattern| contains(&number.e164, pattern))
            && same(&self.region, &number.region)
            && same(&self.locality, &number.locality)
            && self.needs.iter().all(|need| need(number))
    }
}

/// Digits, letters as on a telephone's keys, and `*` for any digit.
fn pattern(text: &str) -> Result<Vec<char>, ApiError> {
    let refused = || {
        let text = "Contains takes 2 to 16 digits, letters and *, with a leading + if wanted";
        ApiError::new(code::BAD_REQUEST, text)
    };
    let body = text.strip_prefix('+').unwrap_or(text);
    if !(2..=16).contains(&body.len()) {
        return Err(refused());
    }
    body.chars().map(|character| key(character).ok_or_else(refused)).collect()
}

/// ITU-T E.161.
fn key(character: char) -> Option<char> {
    Some(match character.to_ascii_uppercase() {
        digit @ ('0'..='9' | '*') => digit,
        'A'..='C' => '2',
        'D'..='F' => '3',
        'G'..='I' => '4',
        'J'..='L' => '5',
        'M'..='O' => '6',
        'P'..='S' => '7',
        'T'..='V' => '8',
        'W'..='Z' => '9',
        _ => return None,
    })
}

fn contains(e164: &str, pattern: &[char]) -> bool {
    let digits: Vec<char> = e164.chars().skip(1).collect();
    digits.windows(pattern.len()).any(|window| {
        window.iter().zip(pattern).all(|(digit, wanted)| *wanted == '*' || wanted == digit)
    })
}

fn available(number: &InventoryNumber) -> Value {
    json!({
        "friendly_name": national(&number.e164),
        "phone_number": number.e164,
        "lata": null,
        "rate_center": null,
        "latitude": null,
        "longitude": null,
        "locality": Some(&number.locality).filter(|text| !text.is_empty()),
        "region": Some(&number.region).filter(|text| !text.is_empty()),
        "postal_code": null,
        "iso_country": number.country,
        "address_requirements": "none",
        "beta": false,
        "capabilities": capabilities(number),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_take_digits_letters_and_stars() {
        let fits = |text: &str| contains("+14155550100", &pattern(text).expect(text));
        assert!(fits("415") && fits("+1415*55") && fits("KL") && fits("5550100"));
        assert!(!fits("999"));
        assert!(pattern("1").is_err() && pattern("4-5").is_err());
    }
}
