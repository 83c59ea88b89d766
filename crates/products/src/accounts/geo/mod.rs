//! The countries that an account's texts may go to:
//! `accounts.twilio.com/v1/Messaging/GeoPermissions`.

mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ::store::{Query, StoreError, Tx};
use base::{AccountSid, E164, countries};
use http::Method;
use serde_json::{Map, Value, json};

use crate::accounts::consents::objects;
use crate::accounts::{Accounts, Permission, Verb, safe_list, store_error};
use crate::gateway::{Answering, ApiResult, Call, Response, Routes};

pub use crate::accounts::safe_list::vouched;
pub(super) use store::MIGRATION;

const PATH: &str = "/v1/Messaging/GeoPermissions";

/// Twilio's code of a permission that can't be changed.
const REFUSED: i64 = 30649;

/// Twilio's list: they are not changed by the API, but by whoever runs the installation.
const HIGH_RISK: [&str; 11] = ["AZ", "BD", "DZ", "IL", "LK", "NG", "OM", "PK", "PS", "TJ", "TN"];

/// Area codes of +1 that are neither American nor Canadian.
const ELSEWHERE: [&str; 27] = [
    "242", "246", "264", "268", "284", "340", "345", "441", "473", "649", "658", "664", "670",
    "671", "684", "721", "758", "767", "784", "787", "809", "829", "849", "868", "869", "876",
    "939",
];

/// The countries that every account's texts may go to until it says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Home(Option<BTreeSet<String>>);

impl Home {
    /// Every country.
    pub fn everywhere() -> Self {
        Self(None)
    }

    /// These. America and Canada share a code, and go together.
    pub fn of(countries: impl IntoIterator<Item = String>) -> Self {
        let mut home: BTreeSet<String> = countries.into_iter().collect();
        if home.contains("US") || home.contains("CA") {
            home.extend(["US", "CA"].map(str::to_owned));
        }
        Self(Some(home))
    }

    fn has(&self, country: &str) -> bool {
        self.0.as_ref().is_none_or(|home| home.contains(country))
    }
}

/// What an account, or else its parent, said of countries.
#[derive(Clone, Debug, Default)]
pub struct Said(BTreeMap<String, bool>);

impl Said {
    /// Reads it. One query: it is asked on the accept path, once for an account and batch.
    pub fn read(query: &mut impl Query, account: AccountSid) -> Result<Self, StoreError> {
        let said = store::said(query, account)?.into_iter();
        Ok(Self(said.map(|said| (said.country, said.enabled)).collect()))
    }

    /// Whether texts to a country are permitted.
    pub fn permits_country(&self, home: &Home, country: &str) -> bool {
        self.0.get(country).copied().unwrap_or_else(|| home.has(country))
    }

    /// Whether texts to a number are permitted by its country. A number without a country is.
    pub fn permits(&self, home: &Home, to: &str) -> bool {
        let no_country_is_off = home.0.is_none() && self.0.values().all(|enabled| *enabled);
        if no_country_is_off {
            return true;
        }
        let american = to
            .strip_prefix("+1")
            .is_some_and(|national| !ELSEWHERE.contains(&national.get(..3).unwrap_or_default()));
        let on = |country: &str| self.permits_country(home, country);
        if american && on("US") == on("CA") {
            return on("US");
        }
        let country = E164::parse(to).ok().and_then(|number| number.country());
        country.is_none_or(|country| on(&country))
    }
}

/// Whether a text to a number is refused for its country. Numbers that the account vouches for are
/// not.
pub fn refuses(
    query: &mut impl Query,
    account: AccountSid,
    home: &Home,
    said: &Said,
    to: &str,
) -> Result<bool, StoreError> {
    Ok(!said.permits(home, to) && !safe_list::vouched(query, account, to)?)
}

/// Adds the routes.
pub fn routes(routes: &mut Routes, state: &Arc<Accounts>) {
    type Handler = fn(Arc<Accounts>, Call) -> Answering;
    let list: [(Method, Verb, Handler); 2] = [
        (Method::GET, Verb::Read, |s, c| Box::pin(fetch(s, c))),
        (Method::PATCH, Verb::Update, |s, c| Box::pin(update(s, c))),
    ];
    for (method, verb, handler) in list {
        let permission = Permission::new("accounts/geo-permissions", verb);
        routes.on("accounts", method, PATH, permission, state, handler);
    }
}

/// Every country, or those of `CountryCode=IN,PK`.
async fn fetch(accounts: Arc<Accounts>, call: Call) -> ApiResult {
    let account = call.caller.account_sid();
    let said = accounts.store().read(move |reader| Said::read(reader, account)).await;
    let said = said.map_err(store_error)?;
    let wanted = call.request.query.get("CountryCode").unwrap_or_default().to_ascii_uppercase();
    let wanted: Vec<&str> = wanted.split(',').filter(|code| !code.is_empty()).collect();
    let mut known = countries();
    known.sort_unstable();
    known.retain(|(country, _)| wanted.is_empty() || wanted.contains(country));
    let view = |(country, code): &(&str, u16)| {
        let risk = if HIGH_RISK.contains(country) { "High Risk Country" } else { "" };
        json!({
            "country_code": country,
            "type": "country",
            "enabled": said.permits_country(accounts.home(), country),
            "prefix": format!("+{code}"),
            "message": risk,
        })
    };
    let permissions: Vec<Value> = known.iter().map(view).collect();
    Ok(Response::ok(&json!({ "permissions": permissions })))
}

/// One country of a change, or why it can't be changed.
fn read(item: &Map<String, Value>, known: &BTreeSet<&str>) -> (String, bool, Vec<&'static str>) {
    let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default();
    let country = text("country_code").to_ascii_uppercase();
    let enabled = match item.get("enabled") {
        Some(Value::Bool(enabled)) => Some(*enabled),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    let mut wrong = Vec::new();
    if !known.contains(country.as_str()) {
        wrong.push("Invalid country code");
    }
    if !matches!(text("type"), "" | "country") {
        wrong.push("Invalid permission type");
    }
    if enabled.is_none() {
        wrong.push("enabled must be true or false");
    }
    if HIGH_RISK.contains(&country.as_str()) {
        wrong.push("High risk country permission cannot be updated");
    }
    (country.chars().take(8).collect(), enabled.unwrap_or_default(), wrong)
}

async fn update(accounts: Arc<Accounts>, call: Call) -> ApiResult {
    let account = call.caller.account_sid();
    let known: BTreeSet<&str> = countries().into_iter().map(|(country, _)| country).collect();
    let items = objects(&call, "Permissions")?;
    let read: Vec<_> = items.iter().map(|item| read(item, &known)).collect();
    let good = read.iter().filter(|(_, _, wrong)| wrong.is_empty());
    let good: Vec<store::Row> = good
        .map(|(country, enabled, _)| store::Row { country: country.clone(), enabled: *enabled })
        .collect();
    let unit = move |tx: &mut Tx<'_>| {
        store::set(tx, account, &good)?;
        Said::read(tx, account)
    };
    let said = accounts.store().write::<_, StoreError, _>(unit).await.map_err(store_error)?;
    let view = |(country, _, wrong): &(String, bool, Vec<&str>)| {
        json!({
            "country_code": country,
            "type": "country",
            "enabled": said.permits_country(accounts.home(), country),
            "error_code": if wrong.is_empty() { 0 } else { REFUSED },
            "error_messages": wrong,
        })
    };
    let permissions: Vec<Value> = read.iter().map(view).collect();
    Ok(Response::ok(&json!({ "permissions": permissions })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(countries: &[(&str, bool)]) -> Said {
        Said(countries.iter().map(|(country, on)| ((*country).to_owned(), *on)).collect())
    }

    #[test]
    fn a_country_is_off_by_the_accounts_word_or_for_being_no_home() {
        let everywhere = Home::everywhere();
        let home = Home::of(["US".to_owned()]);
        let cases = [
            (&everywhere, said(&[]), "+447700900123", true),
            (&everywhere, said(&[("GB", false)]), "+447700900123", false),
            (&everywhere, said(&[("GB", false)]), "+33639980100", true),
            (&home, said(&[]), "+447700900123", false),
            (&home, said(&[("GB", true)]), "+447700900123", true),
            (&home, said(&[]), "+15558675310", true),
            // Canada goes with America, and leaves by the account's word.
            (&home, said(&[]), "+14165550106", true),
            (&home, said(&[("CA", false)]), "+14165550106", false),
            (&home, said(&[("CA", false)]), "+14155550100", true),
            // Jamaica is neither.
            (&home, said(&[]), "+18765550100", false),
        ];
        for (home, said, to, permitted) in cases {
            assert_eq!(said.permits(home, to), permitted, "{to} {said:?}");
        }
    }

    #[test]
    fn countries_of_high_risk_stay_as_they_are() {
        let known = BTreeSet::from(["IN", "PK"]);
        let item = |json: Value| json.as_object().cloned().unwrap_or_default();
        let (country, enabled, wrong) = read(
            &item(json!({ "country_code": "IN", "type": "country", "enabled": true })),
            &known,
        );
        assert_eq!((country.as_str(), enabled, wrong.len()), ("IN", true, 0));
        let wrong = |json| read(&item(json), &known).2;
        let risky = wrong(json!({ "country_code": "PK", "enabled": true }));
        assert_eq!(risky, ["High risk country permission cannot be updated"]);
        assert_eq!(wrong(json!({ "country_code": "XX" })).len(), 2);
    }
}
