//! `POST /v2/batch/query`: many numbers at once, answered in their order.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::{ApiError, Params, code};
use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{packages, personal, view};
use crate::gateway::{ApiResult, Call, Response};
use crate::lookup::Lookup;
use crate::lookup::look::{Findings, Question};
use crate::lookup::model::{Description, PARAMETER_MISSING, Reason};

/// Numbers of one request at most.
const NUMBERS_MAX: usize = 500;

/// Numbers that are looked up at the same time.
const AT_ONCE: usize = 16;

/// Members by Twilio's names; its Node SDK sends what it was given, in either casing.
#[derive(Deserialize)]
struct Asked {
    #[serde(alias = "phoneNumbers")]
    phone_numbers: Option<Vec<One>>,
}

#[derive(Deserialize)]
struct One {
    #[serde(alias = "correlationId")]
    correlation_id: Option<String>,
    #[serde(alias = "phoneNumber")]
    phone_number: Option<String>,
    fields: Option<Vec<String>>,
    #[serde(alias = "countryCode")]
    country_code: Option<String>,
    #[serde(alias = "identityMatch")]
    identity_match: Option<Map<String, Value>>,
    #[serde(alias = "reassignedNumber")]
    reassigned_number: Option<Map<String, Value>>,
    #[serde(alias = "smsPumpingRisk")]
    sms_pumping_risk: Option<Map<String, Value>>,
}

/// Answers one object for each number.
pub(super) async fn query(state: Arc<Lookup>, call: Call) -> ApiResult {
    let refused = |text: String| ApiError::new(code::BAD_REQUEST, text);
    let asked: Asked = serde_json::from_slice(&call.request.body)
        .map_err(|error| refused(format!("The body is no batch of look-ups: {error}")))?;
    let numbers = asked.phone_numbers.unwrap_or_default();
    if numbers.is_empty() || numbers.len() > NUMBERS_MAX {
        return Err(refused(format!("phone_numbers takes 1 to {NUMBERS_MAX} numbers")));
    }
    let mut answers = Vec::with_capacity(numbers.len());
    for some in numbers.chunks(AT_ONCE) {
        answers.extend(join_all(some.iter().map(|one| answer(&state, &call, one))).await);
    }
    Ok(Response::ok(&json!({ "phone_numbers": answers })))
}

async fn answer(state: &Lookup, call: &Call, one: &One) -> Value {
    let outcome = look(state, call, one).await;
    let (mut view, error) = match outcome {
        Ok(view) => (view, None),
        Err(error) => {
            let asked = one.phone_number.clone().unwrap_or_default();
            let nothing = Description { asked, plan: Err(Reason::NotANumber) };
            let mut view = view(&nothing, &Findings::new());
            view.insert("valid".to_owned(), Value::Null);
            view.insert("validation_errors".to_owned(), Value::Null);
            (view, Some(error.code))
        }
    };
    view.insert("correlation_id".to_owned(), one.correlation_id.clone().into());
    view.insert("twilio_error_code".to_owned(), json!(error));
    Value::Object(view)
}

async fn look(state: &Lookup, call: &Call, one: &One) -> Result<Map<String, Value>, ApiError> {
    let number = one.phone_number.as_deref().filter(|number| !number.is_empty());
    let missing = || ApiError::new(PARAMETER_MISSING, "phone_number is missing");
    let number = number.ok_or_else(missing)?;
    let packages = match &one.fields {
        Some(fields) => packages(fields.iter().map(String::as_str))?,
        None => BTreeSet::new(),
    };
    let parts = [&one.identity_match, &one.reassigned_number, &one.sms_pumping_risk];
    let mut given = Params::default();
    for (name, value) in parts.into_iter().flatten().flatten() {
        if let Value::String(text) = value {
            given.push(&pascal(name), text);
        }
    }
    let country = one.country_code.as_deref().filter(|country| !country.is_empty());
    let described = state.describe(number, country);
    let account = call.caller.account_sid();
    let question = Question { account, described, packages, params: personal(&given)? };
    let found = state.answer(&question, call.caller.is_test()).await?;
    Ok(view(&question.described, &found))
}

/// `first_name` and `firstName` as `FirstName`.
fn pascal(name: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        format!("{}{rest}", first.to_ascii_uppercase())
    };
    name.split('_').map(word).collect()
}
