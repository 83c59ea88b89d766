//! `POST …/OutgoingCallerIds`: a number is called, and is the account's own once its code is
//! pressed there. The rest of the resource is `numbers`'.

use std::sync::Arc;

use base::{AccountSid, Address, ApiError};
use http::Method;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::json;

use crate::accounts::{Permission, Verb, store_error};
use crate::gateway::{ApiResult, Call, Response, Routes};
use crate::numbers;
use crate::voice::Voice;
use crate::voice::api::calls::{digits, given, hook_of};
use crate::voice::caller_ids::{self, ADDRESS, DIGITS, Validation};
use crate::voice::model::{Direction, Hook, Plan};
use crate::voice::rules::Callee;
use crate::voice::work::Draft;

const LIST: &str = "/2010-04-01/Accounts/{AccountSid}/OutgoingCallerIds";

const BAD_NUMBER: u32 = 21401;
const BAD_CALLBACK: u32 = 21456;
const KNOWN_ALREADY: u32 = 21450;

/// Who calls where an account has no number: nobody, as Twilio writes it.
const NOBODY: &str = "+266696687";

/// Seconds that the call rings, and lasts at most.
const RINGS_S: u32 = 60;
const LASTS_S: u32 = 180;

pub(super) fn routes(routes: &mut Routes, voice: &Arc<Voice>) {
    let permission = Permission::new("api/outgoing-caller-ids", Verb::Create);
    routes.on("api", Method::POST, LIST, permission, voice, create);
}

async fn create(voice: Arc<Voice>, call: Call) -> ApiResult {
    if call.caller.is_test() {
        return Err(ApiError::test_credentials());
    }
    let form = &call.request.form;
    let number = match Address::parse(form.get("PhoneNumber").unwrap_or_default()) {
        Ok(Address::Phone(number)) if number.is_possible() => number,
        _ => {
            let text = "PhoneNumber must be a number like +15551230001";
            return Err(ApiError::new(BAD_NUMBER, text));
        }
    };
    let account = call.caller.account_sid();
    let from = from_of(&voice, account, number.as_str()).await?;
    let validation = Validation {
        number: number.to_string(),
        name: caller_ids::name(given(form, "FriendlyName"), number.as_str())?,
        code: code(),
        callback: hook_of(form, "StatusCallback", "StatusCallbackMethod", BAD_CALLBACK)?,
    };
    let plan = Plan {
        url: Some(Hook { url: ADDRESS.to_owned(), get: false }),
        send_digits: given(form, "Extension").map(digits).transpose()?,
        timeout_s: RINGS_S,
        time_limit_s: Some(LASTS_S),
        delay_s: caller_ids::delay(given(form, "CallDelay"))?,
        validation: Some(validation.clone()),
        ..Plan::default()
    };
    let draft = Draft {
        account,
        // A trial verifies numbers by this.
        trial: false,
        direction: Direction::OutboundApi,
        parent: None,
        from,
        passes_caller: true,
        to: Callee::Number(number),
        plan,
        callback: None,
    };
    let record = voice.call(draft).await?;
    let answer = json!({
        "account_sid": account.to_string(),
        "call_sid": record.key.sid.to_string(),
        "friendly_name": validation.name,
        "phone_number": validation.number,
        "validation_code": validation.code,
    });
    Ok(Response::ok(&answer))
}

/// Who calls: a number that the account has. Refused where `to` needs no proof any more.
async fn from_of(voice: &Voice, account: AccountSid, to: &str) -> Result<String, ApiError> {
    let to = to.to_owned();
    let read = voice.shared().store.read(move |reader| {
        if numbers::is_verified(reader, account, &to)? {
            return Ok(None);
        }
        let own = numbers::voice_number(reader, account)?;
        Ok::<_, ::store::StoreError>(Some(own.unwrap_or_else(|| NOBODY.to_owned())))
    });
    let known = || ApiError::new(KNOWN_ALREADY, "Phone number already validated for your account");
    read.await.map_err(store_error)?.ok_or_else(known)
}

/// Six random digits.
fn code() -> String {
    let mut random = [0; 8];
    SystemRandom::new().fill(&mut random).expect("the operating system has randomness");
    let number = u64::from_le_bytes(random) % 10_u64.pow(DIGITS as u32);
    format!("{number:0DIGITS$}")
}
