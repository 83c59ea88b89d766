//! Numbers that are proved to be somebody's by a call that asks for a code: what is asked and said,
//! and how it ends.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ::store::{StoreError, Tx};
use base::{ApiError, CallSid, code};
use serde::{Deserialize, Serialize};

use crate::numbers;
use crate::resource::Refusal;
use crate::voice::model::{CallKey, CallRecord, Hook};
use crate::voice::params;
use crate::voice::store;
use crate::voice::work::Context;
use crate::webhooks::NewDelivery;
use crate::webhooks::store::next_place;

/// Where the document of such a call is: nowhere that HTTP leads to. Addresses of documents are
/// only taken with `http` or `https`.
pub const ADDRESS: &str = "trunkline:caller-id";

/// Digits of a code.
pub const DIGITS: usize = 6;

/// Codes that may be pressed.
const TRIES_MAX: u32 = 3;

/// A number that is to be proved: sealed with the plan of its call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validation {
    /// The number.
    pub number: String,
    /// The name that it gets.
    pub name: String,
    /// What must be pressed.
    pub code: String,
    /// Where its end is told.
    pub callback: Option<Hook>,
}

/// How a call's validation stands.
struct Running {
    key: CallKey,
    validation: Validation,
    tries: u32,
    proved: bool,
}

/// Validations whose calls live.
#[derive(Default)]
pub struct Validations(Mutex<BTreeMap<CallSid, Running>>);

/// What is done about keys that were pressed.
#[derive(Debug, PartialEq, Eq)]
pub enum Pressed {
    /// Asked for (again).
    Ask,
    /// It is the code.
    Proved(Box<Validation>),
    /// It was wrong too often.
    Enough,
}

impl Validations {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<CallSid, Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The call of a validation is about to be placed.
    pub fn begin(&self, key: CallKey, validation: Validation) {
        self.lock().insert(key.sid, Running { key, validation, tries: 0, proved: false });
    }

    /// What follows from keys, none of them at first. `None` for a call that validates nothing.
    pub fn pressed(&self, call: CallSid, digits: Option<&str>) -> Option<Pressed> {
        let mut running = self.lock();
        let found = running.get_mut(&call)?;
        found.tries += 1;
        if digits == Some(&found.validation.code) {
            found.proved = true;
            return Some(Pressed::Proved(Box::new(found.validation.clone())));
        }
        Some(if found.tries <= TRIES_MAX { Pressed::Ask } else { Pressed::Enough })
    }

    /// The call is over: the validation that came to nothing.
    pub fn over(&self, call: CallSid) -> Option<(CallKey, Validation)> {
        let found = self.lock().remove(&call)?;
        (!found.proved).then_some((found.key, found.validation))
    }
}

/// The document that asks for the code.
pub fn question() -> String {
    let gather = format!(
        "<Gather numDigits=\"{DIGITS}\" timeout=\"15\" finishOnKey=\"\" \
         actionOnEmptyResult=\"true\">"
    );
    let text = "Please enter the six digits of your verification code.";
    format!("<Response>{gather}<Say>{text}</Say></Gather></Response>")
}

/// The document that says how it ended.
pub fn farewell(proved: bool) -> String {
    let text = match proved {
        true => "Thank you. Your number is verified. Goodbye.",
        false => "That was not the code. Goodbye.",
    };
    format!("<Response><Say>{text}</Say><Hangup/></Response>")
}

/// The number is the account's own from now on, and the application is told.
pub fn prove(
    tx: &mut Tx<'_>,
    context: &Context,
    key: CallKey,
    of: &Validation,
) -> Result<(), Refusal> {
    let sid = numbers::verify_as(tx, key.account, &of.number, &of.name)?;
    tell(tx, context, key, of, Some(sid.to_string()))?;
    Ok(())
}

/// The call ended without the code: the application is told.
pub fn fail(
    tx: &mut Tx<'_>,
    context: &Context,
    key: CallKey,
    of: &Validation,
) -> Result<(), StoreError> {
    tell(tx, context, key, of, None)
}

fn tell(
    tx: &mut Tx<'_>,
    context: &Context,
    key: CallKey,
    of: &Validation,
    proved: Option<String>,
) -> Result<(), StoreError> {
    let Some(hook) = &of.callback else { return Ok(()) };
    let Some(call) = store::find(tx, key)? else { return Ok(()) };
    let delivery = NewDelivery {
        account: key.account,
        object: key.sid.into(),
        object_seq: next_place(tx, key.sid.into())?,
        url: hook.url.clone(),
        get: hook.get,
        params: form(&call, proved),
        salt: Some(call.salt),
    };
    context.outbox.enqueue(tx, vec![delivery])
}

fn form(call: &CallRecord, proved: Option<String>) -> params::Form {
    let mut form = params::standing(call, call.status);
    let status = if proved.is_some() { "success" } else { "failed" };
    form.push(("VerificationStatus", status.to_owned()));
    form.extend(proved.map(|sid| ("OutgoingCallerIdSid", sid)));
    form
}

/// Reads `CallDelay`: seconds from 0 to 60.
pub fn delay(text: Option<&str>) -> Result<u32, ApiError> {
    const BAD_DELAY: u32 = 21454;
    let Some(text) = text else { return Ok(0) };
    let parsed = text.parse().ok().filter(|seconds| *seconds <= 60);
    parsed.ok_or_else(|| ApiError::new(BAD_DELAY, "CallDelay must be seconds from 0 to 60"))
}

/// Reads `FriendlyName`, up to 64 characters.
pub fn name(text: Option<&str>, number: &str) -> Result<String, ApiError> {
    match text {
        None => Ok(numbers::store::national(number)),
        Some(text) if text.chars().count() <= 64 => Ok(text.to_owned()),
        Some(_) => {
            let text = "FriendlyName has up to 64 characters";
            Err(ApiError::new(code::BAD_REQUEST, text))
        }
    }
}

#[cfg(test)]
mod tests {
    use base::Sid as _;

    use super::*;

    fn validation() -> Validation {
        Validation {
            number: "+15558675310".to_owned(),
            name: "me".to_owned(),
            code: "123456".to_owned(),
            callback: None,
        }
    }

    #[test]
    fn the_code_proves_and_three_wrong_ones_are_enough() {
        let (running, call) = (Validations::default(), CallSid::from_bytes([1; 16]));
        assert_eq!(running.pressed(call, None), None, "a call that validates nothing");
        let key = CallKey { account: base::AccountSid::from_bytes([2; 16]), sid: call };
        running.begin(key, validation());
        assert_eq!(running.pressed(call, None), Some(Pressed::Ask));
        assert_eq!(running.pressed(call, Some("000000")), Some(Pressed::Ask));
        assert_eq!(running.pressed(call, Some("")), Some(Pressed::Ask));
        assert_eq!(running.pressed(call, Some("123457")), Some(Pressed::Enough));
        assert_eq!(running.over(call), Some((key, validation())));
        running.begin(key, validation());
        let proved = Some(Pressed::Proved(Box::new(validation())));
        assert_eq!(running.pressed(call, Some("123456")), proved);
        assert_eq!(running.over(call), None, "it came to something");
        assert_eq!(running.over(call), None);
    }

    #[test]
    fn delays_and_names_have_bounds() {
        assert_eq!(delay(Some("60")), Ok(60));
        for bad in ["61", "-1", "soon"] {
            assert_eq!(delay(Some(bad)).map_err(|e| e.code), Err(21454), "{bad}");
        }
        assert_eq!(name(None, "+15558675310").as_deref(), Ok("(555) 867-5310"));
        assert!(name(Some(&"x".repeat(65)), "+15558675310").is_err());
    }
}
