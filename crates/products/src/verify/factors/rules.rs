//! What is taken of a request, and what is bounded. Pure: facts go in, coded answers come out.

use std::time::Duration;

use base::{ApiError, Instant, Params};
use serde_json::{Map, Value, json};

use crate::resource::Document;
use crate::verify::factors::model::{Challenge, Factor, Kind, Status};
use crate::verify::factors::{push, totp};

/// The codes of refusals.
pub mod code {
    /// A parameter is wrong.
    pub const PARAMETER: u32 = 60300;
    /// The entity is there.
    pub const ENTITY_EXISTS: u32 = 60301;
    /// The parameters of an access token are wrong.
    pub const ACCESS_TOKEN: u32 = 60305;
    /// A device that takes no pushes is asked to be pushed.
    pub const NO_PLATFORM: u32 = 60307;
    /// Too many wrong answers to one challenge.
    pub const CHALLENGE_ATTEMPTS: u32 = 60308;
    /// Too many notifications of one challenge.
    pub const NOTICES: u32 = 60309;
    /// Too many wrong answers for one factor.
    pub const FACTOR_ATTEMPTS: u32 = 60310;
    /// The factor's proof does not fit.
    pub const FACTOR_CHECK: u32 = 60311;
    /// Too many challenges.
    pub const CHALLENGES: u32 = 60312;
    /// The access token is not for this.
    pub const NOT_ALLOWED: u32 = 60313;
    /// A key or secret is malformed.
    pub const BINDING: u32 = 60314;
    /// The entity has as many factors as it may.
    pub const FACTORS: u32 = 60315;
    /// The credential is registered.
    pub const FACTOR_EXISTS: u32 = 60317;
    /// The factor was not proved yet.
    pub const UNVERIFIED: u32 = 60318;
    /// The challenge was answered.
    pub const ANSWERED: u32 = 60322;
    /// The challenge ran out.
    pub const EXPIRED: u32 = 60323;
    /// The answer does not fit.
    pub const CHALLENGE_CHECK: u32 = 60324;
    /// Too many factors wait for their first proof.
    pub const TOO_MANY_WAITING: u32 = 60326;
    /// The factor's SID is wrong.
    pub const FACTOR_SID: u32 = 60362;
    /// The identity is wrong.
    pub const IDENTITY: u32 = 60367;
    /// The details of a challenge are wrong.
    pub const DETAILS: u32 = 60368;
    /// The kind of factor is wrong.
    pub const FACTOR_TYPE: u32 = 60369;
    /// The factor is in another status.
    pub const FACTOR_STATUS: u32 = 60383;
    /// There is no such factor.
    pub const NO_FACTOR: u32 = 60390;
    /// There is no such entity.
    pub const NO_ENTITY: u32 = 60392;
    /// What a passkey must be is not said.
    pub const CRITERIA: u32 = 60393;
}

/// Factors of one kind that an entity has at most.
pub const FACTORS_MAX: i64 = 20;
/// Factors of an entity that may wait for their first proof within [`WAITING_WINDOW`].
pub const WAITING_MAX: i64 = 10;
/// See [`WAITING_MAX`].
pub const WAITING_WINDOW: Duration = Duration::from_secs(10 * 60);
/// A factor that was not proved for so long can't be proved any more, and is removed.
pub const STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// Challenges that an entity is given within [`CHALLENGES_WINDOW`].
pub const CHALLENGES_MAX: i64 = 60;
/// See [`CHALLENGES_MAX`].
pub const CHALLENGES_WINDOW: Duration = Duration::from_secs(10 * 60);
/// Wrong answers to one challenge.
pub const CHALLENGE_WRONG_MAX: i64 = 5;
/// Wrong answers for one factor within [`WRONG_WINDOW`]: of a million codes, three of which fit,
/// somebody who guesses all year finds one with a chance of less than one in four.
pub const FACTOR_WRONG_MAX: i64 = 10;
/// See [`FACTOR_WRONG_MAX`].
pub const WRONG_WINDOW: Duration = Duration::from_secs(60 * 60);
/// Notifications of one challenge.
pub const NOTICES_MAX: i64 = 5;
/// How long a challenge waits when nothing is said.
const EXPIRES_IN: Duration = Duration::from_secs(5 * 60);
/// How long a challenge waits at most.
const EXPIRES_MAX: Duration = Duration::from_secs(60 * 60);
/// Octets of JSON that comes with a factor or challenge.
const JSON_MAX: usize = 1_024;

fn wrong(code: u32, text: impl Into<String>) -> ApiError {
    ApiError::new(code, text)
}

fn given<'a>(form: &'a Params, name: &str) -> Option<&'a str> {
    form.get(name).filter(|text| !text.is_empty())
}

/// An identity: 8 to 64 letters, digits and dashes.
pub fn identity(text: &str) -> Result<&str, ApiError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if (8..=64).contains(&text.len()) && text.bytes().all(plain) {
        return Ok(text);
    }
    Err(wrong(code::IDENTITY, "Identity must be 8 to 64 letters, digits and dashes"))
}

/// A name for people, of 64 characters at most.
pub fn friendly_name(text: Option<&str>) -> Result<&str, ApiError> {
    match text {
        Some(text) if !text.trim().is_empty() && text.chars().count() <= 64 => Ok(text),
        _ => Err(wrong(code::PARAMETER, "FriendlyName must have 1 to 64 characters")),
    }
}

/// A whole number of the form between two others.
fn int(form: &Params, name: &str, least: i64, most: i64) -> Result<Option<i64>, ApiError> {
    let Some(text) = given(form, name) else { return Ok(None) };
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    let text = || format!("{name} must be a whole number from {least} to {most}");
    number.map(Some).ok_or_else(|| wrong(code::PARAMETER, text()))
}

/// JSON whose values are texts, or nothing.
pub fn texts(form: &Params, name: &str) -> Result<Value, ApiError> {
    let Some(text) = given(form, name) else { return Ok(Value::Null) };
    let parsed = serde_json::from_str::<Map<String, Value>>(text).ok();
    let fits = parsed.filter(|map| text.len() <= JSON_MAX && map.values().all(Value::is_string));
    let refusal = || format!("{name} must be a JSON object of texts, of 1024 characters at most");
    fits.map(Value::Object).ok_or_else(|| wrong(code::PARAMETER, refusal()))
}

/// Writes what the form says of how codes are made; the rest stays as it is.
pub fn totp_config(form: &Params, config: &mut Map<String, Value>) -> Result<(), ApiError> {
    if let Some(name) = given(form, "Config.Alg") {
        let known = totp::Algorithm::from_name(name);
        let refusal = || wrong(code::PARAMETER, "Config.Alg must be sha1, sha256 or sha512");
        config.insert("alg".into(), known.ok_or_else(refusal)?.name().into());
    }
    for (name, member, least, most) in [
        ("Config.Skew", "skew", 0, 2),
        ("Config.CodeLength", "code_length", 3, 8),
        ("Config.TimeStep", "time_step", 20, 60),
    ] {
        if let Some(number) = int(form, name, least, most)? {
            config.insert(member.into(), number.into());
        }
    }
    Ok(())
}

/// How codes are made when a factor says nothing else.
pub fn totp_defaults(service: &Document) -> Map<String, Value> {
    let number = |name, or| Value::from(service.int(name).unwrap_or(or));
    [
        ("alg".to_owned(), "sha1".into()),
        ("skew".to_owned(), number("Totp.Skew", 1)),
        ("code_length".to_owned(), number("Totp.CodeLength", 6)),
        ("time_step".to_owned(), number("Totp.TimeStep", 30)),
    ]
    .into_iter()
    .collect()
}

/// The last used time step, counted in steps of another length: all that began before the used
/// one ended stay used.
pub fn used_in_steps(used: i64, before_s: i64, after_s: i64) -> i64 {
    if before_s == after_s { used } else { ((used + 1) * before_s - 1) / after_s }
}

/// A secret that is brought along.
pub fn totp_secret(form: &Params) -> Result<Option<Vec<u8>>, ApiError> {
    let Some(text) = given(form, "Binding.Secret") else { return Ok(None) };
    let text_wrong = "Binding.Secret must be Base32 of 10 to 64 bytes";
    totp::decode(text).map(Some).ok_or_else(|| wrong(code::BINDING, text_wrong))
}

/// The key of a device.
pub fn push_key(form: &Params) -> Result<Vec<u8>, ApiError> {
    if given(form, "Binding.Alg") != Some("ES256") {
        return Err(wrong(code::BINDING, "Binding.Alg must be ES256"));
    }
    let key = given(form, "Binding.PublicKey").and_then(push::public_key);
    let refusal = "Binding.PublicKey must be a P-256 key in PKIX DER and Base64";
    key.ok_or_else(|| wrong(code::BINDING, refusal))
}

/// Writes what the form says of a device. A new one must say what it is.
pub fn push_config(
    form: &Params,
    config: &mut Map<String, Value>,
    new: bool,
) -> Result<(), ApiError> {
    let mut take = |name: &str, member: &str, most: usize| match given(form, name) {
        Some(text) if text.chars().count() <= most => {
            config.insert(member.to_owned(), text.into());
            Ok(())
        }
        Some(_) => Err(wrong(code::PARAMETER, format!("{name} is longer than {most} characters"))),
        None if new => Err(wrong(code::PARAMETER, format!("{name} is missing"))),
        None => Ok(()),
    };
    take("Config.SdkVersion", "sdk_version", 50)?;
    if new {
        take("Config.AppId", "app_id", 100)?;
    }
    take("Config.NotificationPlatform", "notification_platform", 4)?;
    if let Some(text) = given(form, "Config.NotificationToken") {
        if !(32..=255).contains(&text.len()) {
            let text = "Config.NotificationToken must have 32 to 255 characters";
            return Err(wrong(code::PARAMETER, text));
        }
        config.insert("notification_token".into(), text.into());
    }
    let platform = config.get("notification_platform").and_then(Value::as_str);
    match platform {
        Some("none") => {
            config.insert("notification_token".into(), Value::Null);
            Ok(())
        }
        Some("apn" | "fcm") if config.contains_key("notification_token") => Ok(()),
        Some("apn" | "fcm") => Err(wrong(code::PARAMETER, "Config.NotificationToken is missing")),
        _ => Err(wrong(code::PARAMETER, "Config.NotificationPlatform must be apn, fcm or none")),
    }
}

/// When a challenge runs out.
pub fn expiration(form: &Params, now: Instant) -> Result<Instant, ApiError> {
    let Some(text) = given(form, "ExpirationDate") else { return Ok(now + EXPIRES_IN) };
    let at = Instant::parse_date(text).ok();
    let fits = at.filter(|at| *at > now && *at <= now + EXPIRES_MAX);
    let refusal = "ExpirationDate must be a date within the next 60 minutes";
    fits.ok_or_else(|| wrong(code::PARAMETER, refusal))
}

/// What a challenge shows: a message, fields and, where the service says so, the date.
pub fn details(form: &Params, kind: Kind, date: Option<Instant>) -> Result<Value, ApiError> {
    let message = given(form, "Details.Message");
    let fields: Vec<&str> = form.get_all("Details.Fields").filter(|f| !f.is_empty()).collect();
    if message.is_none() && kind == Kind::Push {
        return Err(wrong(code::DETAILS, "Details.Message is missing"));
    }
    if message.is_none() && fields.is_empty() {
        return Ok(Value::Null);
    }
    let message = message.unwrap_or_default();
    if message.chars().count() > 256 || fields.len() > 20 {
        let text = "Details take a message of 256 characters and 20 fields at most";
        return Err(wrong(code::DETAILS, text));
    }
    let fields: Option<Vec<Value>> = fields.into_iter().map(field).collect();
    let refusal = "Details.Fields takes JSON objects with a label of 36 and a value of 128 \
                   characters at most";
    let fields = fields.ok_or_else(|| wrong(code::DETAILS, refusal))?;
    let mut details = json!({ "message": message, "fields": fields });
    if let Some(date) = date {
        details["date"] = date.to_iso8601().into();
    }
    Ok(details)
}

fn field(text: &str) -> Option<Value> {
    let given: Map<String, Value> = serde_json::from_str(text).ok()?;
    let part = |name: &str, most: usize| {
        let text = given.get(name)?.as_str()?;
        (!text.is_empty() && text.chars().count() <= most).then_some(text)
    };
    Some(json!({ "label": part("label", 36)?, "value": part("value", 128)? }))
}

/// Refuses a factor that was answered for wrongly too often.
pub fn may_try(factor: &Factor, now: Instant) -> Result<(), ApiError> {
    let ends_at = factor.wrong_since + WRONG_WINDOW;
    if factor.wrong < FACTOR_WRONG_MAX || now >= ends_at {
        return Ok(());
    }
    let text = "Too many wrong answers for this factor; try again later";
    let wait = u32::try_from(ends_at.since(now).as_secs()).unwrap_or(u32::MAX);
    Err(ApiError { retry_after_s: Some(wait.max(1)), ..wrong(code::FACTOR_ATTEMPTS, text) })
}

/// Counts a wrong answer for a factor.
pub fn count_wrong(factor: &mut Factor, now: Instant) {
    if factor.wrong == 0 || now >= factor.wrong_since + WRONG_WINDOW {
        (factor.wrong, factor.wrong_since) = (0, now);
    }
    factor.wrong += 1;
}

/// Refuses a challenge that can't be answered any more.
pub fn may_answer(challenge: &Challenge, now: Instant) -> Result<(), ApiError> {
    match challenge.status_at(now) {
        Status::Expired => Err(wrong(code::EXPIRED, "The challenge has expired")),
        Status::Approved | Status::Denied => {
            Err(wrong(code::ANSWERED, "The challenge was already answered"))
        }
        Status::Pending if challenge.wrong >= CHALLENGE_WRONG_MAX => {
            let text = "Too many wrong answers to this challenge; make another";
            Err(wrong(code::CHALLENGE_ATTEMPTS, text))
        }
        Status::Pending => Ok(()),
    }
}

/// Tries a code for a factor: the time step is used when it fits, and counted as wrong when not.
pub fn try_code(factor: &mut Factor, secret: &[u8], code: &str, now: Instant) -> bool {
    match totp::check(secret, factor.totp(), now, factor.used, code) {
        Some(step) => {
            (factor.used, factor.wrong) = (step, 0);
            true
        }
        None => {
            count_wrong(factor, now);
            false
        }
    }
}
