//! The objects of packages, of what plans, ranges, receipts, sources and the account itself say.
//! Pure.

use std::collections::BTreeMap;

use base::{Instant, Params};
use serde_json::{Map, Value, json};

use crate::lookup::model::{
    CANADA, LineType, NOT_COVERED, NOT_ENABLED, PARAMETER_BAD, PARAMETER_MISSING, Package, Plan,
};
use crate::lookup::ranges::Range;
use crate::lookup::rules::{self, Learnt, RiskFacts};
use crate::lookup::sources::KNOWN;

/// A SIM that was changed within this time counts as changed when the source says no other one.
const SWAPPED_PERIOD_H: u64 = 24;

/// All that is known of one valid number.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// By the plans.
    pub plan: &'a Plan,
    /// What the account says of its kind.
    pub overridden: Option<LineType>,
    /// By the file of ranges.
    pub range: Option<&'a Range>,
    /// By the source of each package that has one.
    pub answers: BTreeMap<Package, Result<Map<String, Value>, u32>>,
    /// By receipts.
    pub learnt: Option<Learnt>,
    /// Numbers beside it that were texted lately.
    pub neighbours: usize,
    /// What was given about a person.
    pub params: &'a Params,
    /// The product's time.
    pub now: Instant,
}

/// A package's object, or the code in its place.
pub type Object = Result<Map<String, Value>, u32>;

/// What a package lacks before anybody is asked: 60617, or 60618 for what is malformed.
pub fn missing(package: Package, params: &Params) -> Option<u32> {
    let given = |name: &str| params.get(name).filter(|text| !text.is_empty());
    let malformed = |name: &str| given(name).is_some_and(|text| day(text).is_none());
    match package {
        Package::IdentityMatch => {
            let country = given("AddressCountryCode");
            let letters = |text: &str| text.len() == 2 && text.chars().all(char::is_alphabetic);
            match KNOWN.iter().any(|known| given_of(known, params).is_some()) {
                false => Some(PARAMETER_MISSING),
                true if malformed("DateOfBirth") => Some(PARAMETER_BAD),
                true if country.is_some_and(|text| !letters(text)) => Some(PARAMETER_BAD),
                true => None,
            }
        }
        Package::ReassignedNumber => match given("LastVerifiedDate") {
            None => Some(PARAMETER_MISSING),
            Some(text) => day(text).is_none().then_some(PARAMETER_BAD),
        },
        _ => None,
    }
}

/// `20201227` as `2020-12-27`.
pub fn day(text: &str) -> Option<String> {
    let fine = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let day = fine.then(|| format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..]))?;
    Instant::parse_date(&day).is_ok().then_some(day)
}

/// What was given to be compared with something known.
fn given_of(known: &str, params: &Params) -> Option<String> {
    let given = |name: &str| params.get(name).filter(|text| !text.is_empty());
    let one = |name| given(name).map(str::to_owned);
    match known {
        "first_name" => one("FirstName"),
        "last_name" => one("LastName"),
        "address_lines" => {
            let second = given("AddressLine2").unwrap_or_default();
            given("AddressLine1").map(|first| format!("{first} {second}"))
        }
        "city" => one("City"),
        "state" => one("State"),
        "postal_code" => one("PostalCode"),
        "address_country" => one("AddressCountryCode"),
        "national_id" => one("NationalId"),
        _ => one("DateOfBirth"),
    }
}

/// What is known of a number under a package.
pub fn object(package: Package, facts: &Facts<'_>) -> Object {
    if let Some(code) = missing(package, facts.params) {
        return Err(code);
    }
    match package {
        Package::LineTypeIntelligence => line_type(facts),
        Package::LineStatus => line_status(facts),
        Package::SmsPumpingRisk => pumping(facts),
        Package::IdentityMatch => identity(facts),
        Package::ReassignedNumber => {
            let mut answer = answered(package, facts)?;
            let day = facts.params.get("LastVerifiedDate").and_then(day);
            answer.insert("last_verified_date".to_owned(), day.into());
            let known = answer.get("is_number_reassigned").is_some_and(|word| !word.is_null());
            if !known {
                answer.insert("is_number_reassigned".to_owned(), "no_data_available".into());
            }
            Ok(answer)
        }
        Package::SimSwap => sim_swap(facts),
        Package::CallerName
        | Package::CallForwarding
        | Package::PhoneNumberQualityScore
        | Package::PreFill => answered(package, facts),
    }
}

/// The answer of a package's source: with something in it, or a code.
fn answered(package: Package, facts: &Facts<'_>) -> Object {
    let answer = facts.answers.get(&package).ok_or(NOT_ENABLED)?.clone()?;
    if answer.values().all(Value::is_null) { Err(NOT_COVERED) } else { Ok(answer) }
}

/// The kind of a number as far as anybody says: the account first, receipts last.
pub fn line_of(facts: &Facts<'_>) -> Option<LineType> {
    let answer = facts.answers.get(&Package::LineTypeIntelligence);
    let answer = answer.and_then(|answer| answer.as_ref().ok()?.get("type")?.as_str());
    facts
        .overridden
        .or_else(|| LineType::from_name(answer?))
        .or_else(|| facts.range?.line)
        .or(facts.plan.line)
        .or_else(|| facts.learnt.as_ref()?.line(facts.now))
}

fn line_type(facts: &Facts<'_>) -> Object {
    let (line, range) = (line_of(facts), facts.range);
    let source = facts.answers.get(&Package::LineTypeIntelligence);
    let answer = source.and_then(|answer| answer.as_ref().ok());
    let member = |name: &str, ranged: Option<&String>| {
        let said = answer.and_then(|answer| answer.get(name)).filter(|value| !value.is_null());
        said.cloned().unwrap_or_else(|| ranged.cloned().into())
    };
    let carrier = member("carrier_name", range.and_then(|range| range.carrier.as_ref()));
    if line.is_none() && carrier.is_null() {
        let canada = facts.plan.country == Some("CA");
        let nobody = if canada { CANADA } else { NOT_COVERED };
        return Err(source.and_then(|answer| answer.as_ref().err().copied()).unwrap_or(nobody));
    }
    Ok(Map::from_iter([
        ("carrier_name".to_owned(), carrier),
        (
            "mobile_country_code".to_owned(),
            member("mobile_country_code", range.and_then(|range| range.mcc.as_ref())),
        ),
        (
            "mobile_network_code".to_owned(),
            member("mobile_network_code", range.and_then(|range| range.mnc.as_ref())),
        ),
        ("type".to_owned(), line.unwrap_or(LineType::Unknown).name().into()),
    ]))
}

fn line_status(facts: &Facts<'_>) -> Object {
    let answer = answered(Package::LineStatus, facts);
    let learnt = || facts.learnt.as_ref()?.status(facts.now);
    match (answer, learnt()) {
        (Ok(answer), _) => Ok(answer),
        (Err(_), Some(status)) => Ok(Map::from_iter([("status".to_owned(), status.into())])),
        (Err(code), None) => Err(code),
    }
}

fn pumping(facts: &Facts<'_>) -> Object {
    if facts.answers.contains_key(&Package::SmsPumpingRisk) {
        return answered(Package::SmsPumpingRisk, facts);
    }
    let learnt = facts.learnt.as_ref();
    let facts = RiskFacts { line: line_of(facts), learnt, neighbours: facts.neighbours };
    let (score, category) = rules::risk(facts);
    Ok(Map::from_iter([
        ("carrier_risk_category".to_owned(), category.into()),
        ("number_blocked".to_owned(), false.into()),
        ("sms_pumping_risk_score".to_owned(), score.into()),
    ]))
}

fn sim_swap(facts: &Facts<'_>) -> Object {
    let mut answer = answered(Package::SimSwap, facts)?;
    let period = answer.get("swapped_period").and_then(Value::as_str).map(str::to_owned);
    let hours = period.as_deref().and_then(|text| text.strip_prefix("PT")?.strip_suffix('H'));
    let hours = hours.and_then(|hours| hours.parse().ok()).unwrap_or(SWAPPED_PERIOD_H);
    answer.insert("swapped_period".to_owned(), format!("PT{hours}H").into());
    let unsaid = answer.get("swapped_in_period").is_none_or(Value::is_null);
    let swapped = answer.get("last_sim_swap_date").and_then(Value::as_str);
    if let Some(Ok(at)) = swapped.map(Instant::parse_date).filter(|_| unsaid) {
        let inside = facts.now.since(at) < std::time::Duration::from_secs(hours * 3_600);
        answer.insert("swapped_in_period".to_owned(), inside.into());
    }
    Ok(answer)
}

/// Likenesses that the source says, and those of what it knows with what was given.
fn identity(facts: &Facts<'_>) -> Object {
    let mut answer = answered(Package::IdentityMatch, facts)?;
    let mut likenesses = Vec::new();
    for known in KNOWN {
        let member = format!("{known}_match");
        let said = answer.get(&member).and_then(Value::as_str).map(str::to_owned);
        let given = given_of(known, facts.params);
        let own = answer.remove(known);
        let own = own.as_ref().and_then(Value::as_str);
        let word = said.or_else(|| rules::likeness(given.as_deref(), own).map(str::to_owned));
        likenesses.extend(word.clone());
        answer.insert(member, word.into());
    }
    if answer.get("summary_score").is_none_or(Value::is_null) {
        let summary = rules::summary(likenesses.iter().map(String::as_str));
        answer.insert("summary_score".to_owned(), summary.into());
    }
    Ok(answer)
}

/// The object as version 2 shows it: every member, and the code.
pub fn shown(package: Package, object: &Object) -> Value {
    let (answer, code) = match object {
        Ok(answer) => (Some(answer), None),
        Err(code) => (None, Some(*code)),
    };
    let member = |name: &str| answer.and_then(|answer| answer.get(name)).cloned();
    let mut shown = Map::new();
    for (name, _) in package.members() {
        shown.insert((*name).to_owned(), member(name).unwrap_or_default());
    }
    if package == Package::SimSwap {
        let names = ["last_sim_swap_date", "swapped_period", "swapped_in_period"];
        let last = names.map(|name| (name.to_owned(), shown.remove(name).unwrap_or_default()));
        let last = Value::Object(last.into_iter().collect());
        shown.insert("last_sim_swap".to_owned(), if code.is_some() { Value::Null } else { last });
    }
    if package == Package::IdentityMatch {
        let said = code.and_then(base::meaning);
        shown.insert("error_message".to_owned(), said.into());
    }
    shown.insert("error_code".to_owned(), json!(code));
    Value::Object(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookup::plan::describe;

    fn facts<'a>(plan: &'a Plan, params: &'a Params) -> Facts<'a> {
        Facts {
            plan,
            overridden: None,
            range: None,
            answers: BTreeMap::new(),
            learnt: None,
            neighbours: 0,
            params,
            now: Instant::from_secs(1_800_000_000),
        }
    }

    fn answer(json: Value) -> Result<Map<String, Value>, u32> {
        Ok(json.as_object().cloned().unwrap_or_default())
    }

    #[test]
    fn the_account_is_believed_before_sources_and_these_before_plans() {
        let (plan, params) = (describe("+447772000001", None).plan.expect("GB"), Params::default());
        let mut known = facts(&plan, &params);
        assert_eq!(line_of(&known), Some(LineType::Mobile));
        let range = Range { line: Some(LineType::Pager), ..Range::default() };
        known.range = Some(&range);
        assert_eq!(line_of(&known), Some(LineType::Pager));
        let said = answer(json!({ "type": "fixedVoip" }));
        known.answers.insert(Package::LineTypeIntelligence, said);
        assert_eq!(line_of(&known), Some(LineType::FixedVoip));
        known.overridden = Some(LineType::Landline);
        assert_eq!(line_of(&known), Some(LineType::Landline));
    }

    #[test]
    fn what_nobody_knows_has_a_code() {
        let params = Params::default();
        let code = |number: &str, package| {
            let plan = describe(number, None).plan.expect(number);
            object(package, &facts(&plan, &params)).err()
        };
        assert_eq!(code("+14159929960", Package::LineTypeIntelligence), Some(NOT_COVERED));
        assert_eq!(code("+16137827274", Package::LineTypeIntelligence), Some(CANADA));
        assert_eq!(code("+447772000001", Package::LineTypeIntelligence), None);
        for package in [Package::CallerName, Package::SimSwap, Package::LineStatus] {
            assert_eq!(code("+14159929960", package), Some(NOT_ENABLED), "{package:?}");
        }
        assert_eq!(code("+14159929960", Package::IdentityMatch), Some(PARAMETER_MISSING));
        assert_eq!(code("+14159929960", Package::ReassignedNumber), Some(PARAMETER_MISSING));
        let plan = describe("+14159929960", None).plan.expect("US");
        let bad = Params::from_iter([("LastVerifiedDate", "20201327")]);
        let refused = object(Package::ReassignedNumber, &facts(&plan, &bad));
        assert_eq!(refused, Err(PARAMETER_BAD));
    }

    #[test]
    fn people_are_compared_and_sums_are_made() {
        let plan = describe("+14159929960", None).plan.expect("US");
        let params = Params::from_iter([("FirstName", "John"), ("LastName", "Doe")]);
        let mut known = facts(&plan, &params);
        let said = json!({ "first_name": "John", "last_name": "Roe", "city_match": "no_match" });
        known.answers.insert(Package::IdentityMatch, answer(said));
        let shown = shown(Package::IdentityMatch, &object(Package::IdentityMatch, &known));
        assert_eq!(shown["first_name_match"], "exact_match");
        assert_eq!(shown["last_name_match"], "partial_match");
        assert_eq!((&shown["state_match"], &shown["error_code"]), (&Value::Null, &Value::Null));
        assert_eq!(shown["summary_score"], 50);
        assert!(shown.get("first_name").is_none(), "what the source knows is not shown");
    }

    #[test]
    fn a_sim_that_was_changed_within_the_period_was_swapped() {
        let (plan, params) = (describe("+447772000001", None).plan.expect("GB"), Params::default());
        let mut known = facts(&plan, &params);
        let at = known.now - std::time::Duration::from_secs(40 * 3_600);
        for (period, inside) in [("PT48H", true), ("PT24H", false)] {
            let said = json!({ "last_sim_swap_date": at.to_iso8601(), "swapped_period": period });
            known.answers.insert(Package::SimSwap, answer(said));
            let shown = shown(Package::SimSwap, &object(Package::SimSwap, &known));
            assert_eq!(shown["last_sim_swap"]["swapped_in_period"], inside, "{period}");
            assert_eq!(shown["error_code"], Value::Null);
        }
    }
}
