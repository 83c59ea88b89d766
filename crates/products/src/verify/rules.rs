//! Pure decisions about verifications.

use base::{Address, ApiError, Instant, code};

use crate::verify::model::{Kind, Status, Verification};

/// How often a code is sent (60203).
pub const SENDS_MAX: i64 = 5;

/// How often a code may be tried (60202).
pub const CHECKS_MAX: i64 = 5;

/// A parameter that can't be taken.
pub const BAD_PARAMETER: u32 = 60200;
const TOO_MANY_CHECKS: u32 = 60202;
const TOO_MANY_SENDS: u32 = 60203;
/// The service was not set up for it.
pub const NOT_ENABLED: u32 = 60204;
const PAYMENT_MISSING: u32 = 60206;
/// A text to a landline.
const LANDLINE: u32 = 60205;
/// A channel that is not there.
pub const CHANNEL_DISABLED: u32 = 60223;
/// The fraud rules refuse it.
pub const BLOCKED: u32 = 60410;
/// The country is not permitted.
pub const COUNTRY_BLOCKED: u32 = 60605;

/// A parameter that can't be taken, as Twilio words it.
pub fn bad(name: &str, why: &str) -> ApiError {
    ApiError::new(BAD_PARAMETER, format!("Invalid parameter `{name}`: {why}"))
}

/// A parameter that is not there, as Twilio words it.
pub fn missing(name: &str) -> ApiError {
    let text = format!("Missing required parameter {name} in the post body");
    ApiError::new(code::BAD_REQUEST, text)
}

/// The channel that is asked for; `None` is `auto`.
pub fn channel(name: &str) -> Result<Option<Kind>, ApiError> {
    if name == "auto" {
        return Ok(None);
    }
    let found = Kind::from_name(&name.to_ascii_lowercase());
    let known = "it must be sms, call, email, whatsapp, rcs, sna or auto";
    found.map(Some).ok_or_else(|| bad("Channel", known))
}

/// The plan for a landline of a service that skips texts to them: what is left, or 60205.
pub fn without_texts(mut plan: Vec<Kind>) -> Result<Vec<Kind>, ApiError> {
    plan.retain(|kind| !matches!(kind, Kind::Sms | Kind::Rcs));
    if plan.is_empty() {
        return Err(ApiError::new(LANDLINE, "SMS is not supported by landline phone number"));
    }
    Ok(plan)
}

/// Who is verified, in canonical form.
pub fn target(to: &str, channel: Option<Kind>) -> Result<String, ApiError> {
    if channel == Some(Kind::Email) {
        let parts = to.split_once('@').filter(|(name, host)| {
            !name.is_empty() && host.contains('.') && !host.starts_with('.') && to.len() <= 254
        });
        let plain = to.chars().all(|c| !c.is_whitespace() && !c.is_control());
        return match parts {
            Some(_) if plain => Ok(to.to_lowercase()),
            _ => Err(bad("To", "it must be an address of mail for this channel")),
        };
    }
    match Address::parse(to) {
        Ok(Address::Phone(number)) if number.is_possible() => Ok(number.to_string()),
        _ => Err(bad("To", "it must be a phone number like +15551230001")),
    }
}

/// A code of the application's own: 4 to 10 letters and digits, where the service allows it.
pub fn custom_code(given: Option<&str>, enabled: bool) -> Result<(), ApiError> {
    let Some(given) = given else { return Ok(()) };
    if !enabled {
        let text = "Service does not support this feature: set its CustomCodeEnabled first";
        return Err(ApiError::new(NOT_ENABLED, text));
    }
    let fits = (4..=10).contains(&given.len()) && given.bytes().all(|b| b.is_ascii_alphanumeric());
    if fits { Ok(()) } else { Err(bad("CustomCode", "it must have 4 to 10 letters or digits")) }
}

/// What is paid, and to whom: needed by a service under PSD2, refused by any other.
pub fn payment(
    enabled: bool,
    amount: Option<&str>,
    payee: Option<&str>,
) -> Result<Option<(String, String)>, ApiError> {
    match (enabled, amount, payee) {
        (false, None, None) => Ok(None),
        (false, ..) => {
            let text = "Service does not support this feature: set its Psd2Enabled first";
            Err(ApiError::new(NOT_ENABLED, text))
        }
        (true, Some(amount), Some(payee)) if amount.len() <= 40 && payee.len() <= 100 => {
            Ok(Some((amount.to_owned(), payee.to_owned())))
        }
        (true, Some(_), Some(_)) => Err(bad("Amount", "or Payee is too long")),
        (true, ..) => {
            let text = "Amount and Payee are both required by a service with Psd2Enabled";
            Err(ApiError::new(PAYMENT_MISSING, text))
        }
    }
}

/// Whether the code of a running verification may be sent once more.
pub fn send_again(verification: &Verification) -> Result<(), ApiError> {
    if verification.status == Status::MaxAttempts {
        return Err(too_many_checks());
    }
    if verification.sends >= SENDS_MAX {
        let text = "Max send attempts reached: check the code, cancel the verification, or wait \
                    until it expires";
        return Err(ApiError::new(TOO_MANY_SENDS, text));
    }
    Ok(())
}

/// The answer to another try after the last one.
pub fn too_many_checks() -> ApiError {
    let text = "Max check attempts reached: cancel the verification, or wait until it expires";
    ApiError::new(TOO_MANY_CHECKS, text)
}

/// Whether a verification's time has run out.
pub fn is_over(verification: &Verification, now: Instant) -> bool {
    verification.expires_at <= now
}

/// Whether a delivery that stands so reached nobody.
pub fn is_lost(status: &str) -> bool {
    matches!(status, "failed" | "undelivered" | "busy" | "no-answer" | "canceled")
}

/// The service's name as it is said, where its `TtsName` is a name and no voice.
pub fn spoken_name(tts: Option<&str>) -> Option<&str> {
    let voices = ["man", "woman", "alice"];
    let is_voice = |name: &&str| {
        voices.contains(name) || name.starts_with("Polly.") || name.starts_with("Google.")
    };
    tts.filter(|name| !is_voice(name))
}

/// What a verification becomes when its time runs out.
pub fn at_the_end(statuses: &[&str]) -> Status {
    let reached = statuses.is_empty() || !statuses.iter().all(|status| is_lost(status));
    if reached { Status::Expired } else { Status::Failed }
}

/// The status that an application may set.
pub fn wanted(status: &str) -> Result<Status, ApiError> {
    match status {
        "approved" => Ok(Status::Approved),
        "canceled" => Ok(Status::Canceled),
        _ => Err(bad("Status", "it must be approved or canceled")),
    }
}

/// Tags are an object of texts: ten at most.
pub fn tags(given: &str) -> Result<String, ApiError> {
    let refused = || bad("Tags", "it must be a JSON object of ten texts at most");
    let json: serde_json::Value = serde_json::from_str(given).map_err(|_| refused())?;
    let object = json.as_object().filter(|object| object.len() <= 10).ok_or_else(refused)?;
    let fits = |(name, value): (&String, &serde_json::Value)| {
        name.len() <= 128 && value.as_str().is_some_and(|text| text.len() <= 128)
    };
    if object.iter().all(fits) { Ok(json.to_string()) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_belong_to_their_channel() {
        assert_eq!(target("+1 (555) 123-0001", None).as_deref(), Ok("+15551230001"));
        assert_eq!(target("Ann@Example.com", Some(Kind::Email)).as_deref(), Ok("ann@example.com"));
        for (to, channel) in [
            ("+1555", None),
            ("ann@example.com", None),
            ("12345", Some(Kind::Sms)),
            ("+15551230001", Some(Kind::Email)),
            ("a b@example.com", Some(Kind::Email)),
        ] {
            assert_eq!(target(to, channel).map_err(|error| error.code), Err(60200), "{to}");
        }
    }

    #[test]
    fn what_a_service_did_not_enable_is_refused() {
        assert!(custom_code(None, false).is_ok() && custom_code(Some("12AB"), true).is_ok());
        let code = |given, enabled| custom_code(Some(given), enabled).map_err(|error| error.code);
        assert_eq!(code("1234", false), Err(60204));
        assert_eq!(code("123", true), Err(60200));
        assert_eq!(code("12345678901", true), Err(60200));
        let pay = |on, a, p| payment(on, a, p).map_err(|error| error.code);
        assert_eq!(pay(true, Some("€5"), None), Err(60206));
        assert_eq!(pay(false, Some("€5"), None), Err(60204));
        assert_eq!(pay(true, Some("€5"), Some("A")), Ok(Some(("€5".into(), "A".into()))));
    }

    #[test]
    fn an_end_without_delivery_is_a_failure() {
        assert_eq!(at_the_end(&[]), Status::Expired);
        assert_eq!(at_the_end(&["failed", "undelivered"]), Status::Failed);
        assert_eq!(at_the_end(&["failed", "sent"]), Status::Expired);
        assert_eq!(at_the_end(&["busy", "no-answer"]), Status::Failed);
        assert_eq!(at_the_end(&["busy", "completed"]), Status::Expired);
    }

    #[test]
    fn tags_are_few_and_short() {
        assert!(tags(r#"{"a":"b"}"#).is_ok());
        for bad in ["", "[]", r#"{"a":1}"#, "{"] {
            assert!(tags(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn landlines_are_called_or_refused() {
        let plan = |plan: &[Kind]| without_texts(plan.to_vec()).map_err(|error| error.code);
        assert_eq!(plan(&[Kind::Sms, Kind::Call]), Ok(vec![Kind::Call]));
        assert_eq!(plan(&[Kind::Sms, Kind::Rcs]), Err(LANDLINE));
    }
}
