//! The declared resources of verify.

use ::store::{Query, StoreError, job};
use base::{AccountSid, ApiError, code};
use serde_json::{Map, Value, json};

use crate::accounts::Verb;
use crate::resource::{self, Document, Draft, Field, Refusal, Resource, Rules, Scene, events};
use crate::verify::model::{Kind, service_sid};
use crate::verify::{rules, sms, told, work};

/// Every declared resource of this product.
pub static RESOURCES: [&Resource; 6] =
    [&SERVICE, &RATE_LIMIT, &BUCKET, &WEBHOOK, &MESSAGING_CONFIGURATION, &SAFE_NUMBER];

/// How an application verifies people.
pub static SERVICE: Resource = Resource {
    kind: "verify_service",
    title: "Service",
    prefix: "VA",
    host: "verify",
    path: "/v2/Services",
    list_key: "services",
    permission: "verify/services",
    fields: &[
        Field::text("FriendlyName", 30).required(),
        Field::int("CodeLength", 4, 10).or_int(6),
        Field::flag("LookupEnabled", false),
        Field::flag("Psd2Enabled", false),
        Field::flag("SkipSmsToLandlines", false),
        Field::flag("DtmfInputRequired", true),
        Field::text("TtsName", 100),
        Field::flag("DoNotShareWarningEnabled", false),
        Field::flag("CustomCodeEnabled", false),
        Field::sid("DefaultTemplateSid", "HJ"),
        Field::flag("VerifyEventSubscriptionEnabled", false),
        Field::flag("Push.IncludeDate", false).hidden(),
        Field::sid("Push.ApnCredentialSid", "CR").hidden(),
        Field::sid("Push.FcmCredentialSid", "CR").hidden(),
        Field::text("Totp.Issuer", 128).hidden(),
        Field::int("Totp.TimeStep", 20, 60).or_int(30).hidden(),
        Field::int("Totp.CodeLength", 3, 8).or_int(6).hidden(),
        Field::int("Totp.Skew", 0, 2).or_int(1).hidden(),
        Field::sid("Whatsapp.MsgServiceSid", "MG").hidden(),
        Field::text("Whatsapp.From", 40).hidden(),
        Field::text("Passkeys.RelyingParty.Id", 253).hidden(),
        Field::text("Passkeys.RelyingParty.Name", 128).hidden(),
        Field::text("Passkeys.RelyingParty.Origins", 2_000).hidden(),
        Field::text("Passkeys.AuthenticatorAttachment", 20).hidden(),
        Field::text("Passkeys.DiscoverableCredentials", 20).hidden(),
        Field::text("Passkeys.UserVerification", 20).hidden(),
        Field::int("CodeTtl", 120, 86_400).or_int(600).hidden(),
        Field::text("FallbackOrder", 60).hidden(),
        Field::flag("CallEnabled", true).hidden(),
        Field::text("WebOtpDomain", 253).hidden(),
        Field::choice("FraudGuard", &["standard", "off", "basic", "max"]).hidden(),
        Field::text("CountriesDenied", 1_000).hidden(),
        Field::computed("Push"),
        Field::computed("Totp"),
        Field::computed("Whatsapp"),
        Field::computed("Passkeys"),
    ],
    events: events!("verify.service"),
    links: &[
        ("verification_checks", "/VerificationCheck"),
        ("verifications", "/Verifications"),
        ("rate_limits", "/RateLimits"),
        ("messaging_configurations", "/MessagingConfigurations"),
        ("entities", "/Entities"),
        ("webhooks", "/Webhooks"),
        ("access_tokens", "/AccessTokens"),
    ],
    rules: Rules {
        create: Some(check),
        update: Some(check),
        delete: Some(end_all),
        view: Some(view_service),
        ..Rules::NONE
    },
    ..Resource::BASE
};

/// Digits that a name may hold: more of them could pass for a code.
const NAME_DIGITS_MAX: usize = 4;

fn check(_: &mut Scene<'_, '_>, draft: &mut Draft) -> Result<(), Refusal> {
    let name = draft.text("FriendlyName");
    let digits = name.chars().filter(char::is_ascii_digit).count();
    let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    if digits > NAME_DIGITS_MAX || !name.chars().all(plain) {
        let text = "FriendlyName takes letters, numbers, spaces, dashes and underscores, \
                    with four digits at most";
        return Err(ApiError::new(code::BAD_REQUEST, text).into());
    }
    let unknown = |name: &&str| Kind::from_name(name.trim()).is_none();
    let order = draft.text("FallbackOrder");
    if let Some(unknown) = order.split(',').filter(|name| !name.is_empty()).find(unknown) {
        return Err(rules::bad("FallbackOrder", &format!("'{unknown}' is no channel")).into());
    }
    let domain = draft.text("WebOtpDomain");
    if !domain.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':')) {
        return Err(rules::bad("WebOtpDomain", "it must be a domain like example.com").into());
    }
    Ok(())
}

/// A service of an account.
pub fn service(
    query: &mut impl Query,
    account: AccountSid,
    sid: [u8; 16],
) -> Result<Option<Document>, StoreError> {
    resource::store::find(query, &SERVICE, account, service_sid(sid))
}

/// Whether a service may call people. One that was made before this could be said may.
pub fn may_call(service: &Document) -> bool {
    service.data.get("call_enabled") != Some(&Value::Bool(false))
}

/// What runs at a service ends with it.
fn end_all(scene: &mut Scene<'_, '_>, service: &Document) -> Result<(), Refusal> {
    let payload = json!({ "service": service.sid.to_string() }).to_string();
    let now = scene.tx.now();
    job::add(scene.tx, service.account, work::END_JOB, now, &payload)?;
    crate::verify::factors::forget_service(scene, service)
}

/// Settings come flat, `Totp.Issuer`, and are shown as objects.
fn view_service(service: &Document, json: &mut Map<String, Value>) {
    let text = |name: &str| service.given(name);
    json.insert(
        "push".into(),
        json!({
            "include_date": service.flag("Push.IncludeDate"),
            "apn_credential_sid": text("Push.ApnCredentialSid"),
            "fcm_credential_sid": text("Push.FcmCredentialSid"),
        }),
    );
    json.insert(
        "totp".into(),
        json!({
            "issuer": text("Totp.Issuer").or(text("FriendlyName")),
            "time_step": service.int("Totp.TimeStep"),
            "code_length": service.int("Totp.CodeLength"),
            "skew": service.int("Totp.Skew"),
        }),
    );
    json.insert(
        "whatsapp".into(),
        json!({
            "msg_service_sid": text("Whatsapp.MsgServiceSid"),
            "from": text("Whatsapp.From"),
        }),
    );
    let origins: Vec<&str> = service.text("Passkeys.RelyingParty.Origins").split(',').collect();
    json.insert(
        "passkeys".into(),
        json!({
            "relying_party": {
                "id": text("Passkeys.RelyingParty.Id"),
                "name": text("Passkeys.RelyingParty.Name"),
                "origins": origins.into_iter().filter(|one| !one.is_empty()).collect::<Vec<_>>(),
            },
            "authenticator_attachment": text("Passkeys.AuthenticatorAttachment"),
            "discoverable_credentials": text("Passkeys.DiscoverableCredentials"),
            "user_verification": text("Passkeys.UserVerification"),
        }),
    );
    json.insert(
        "trunkline".into(),
        json!({
            "code_ttl": service.int("CodeTtl").unwrap_or(600),
            "fallback_order": text("FallbackOrder"),
            "call_enabled": may_call(service),
            "web_otp_domain": text("WebOtpDomain"),
            "fraud_guard": text("FraudGuard").unwrap_or("standard"),
            "countries_denied": text("CountriesDenied"),
        }),
    );
}

const LIMIT_NAME_TAKEN: u32 = 60208;
const LIMIT_NAME_BAD: u32 = 60209;
const TOO_MANY_LIMITS: u32 = 60207;
const TOO_MANY_BUCKETS: u32 = 60210;
const INTERVAL_TAKEN: u32 = 60211;
const CONFIGURATION_TAKEN: u32 = 60213;

/// Rate limits of a service at most.
const LIMITS_MAX: u32 = 10;

/// Buckets of a rate limit at most.
pub const BUCKETS_MAX: u32 = 10;

/// A limit that applications name when they begin verifications.
pub static RATE_LIMIT: Resource = Resource {
    kind: "verify_rate_limit",
    title: "RateLimit",
    prefix: "RK",
    host: "verify",
    path: "/v2/Services/{ServiceSid}/RateLimits",
    list_key: "rate_limits",
    permission: "verify/rate-limits",
    fields: &[
        Field::text("UniqueName", 64).required().create_only(),
        Field::text("Description", 255),
    ],
    unique: &[("UniqueName", LIMIT_NAME_TAKEN)],
    events: events!("verify.rate_limit"),
    parent: Some(&SERVICE),
    links: &[("buckets", "/Buckets")],
    rules: Rules { create: Some(check_limit), ..Rules::NONE },
    ..Resource::BASE
};

fn check_limit(scene: &mut Scene<'_, '_>, draft: &mut Draft) -> Result<(), Refusal> {
    let name = draft.text("UniqueName");
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')) {
        let text = "UniqueName takes letters, digits, dots, dashes and underscores";
        return Err(ApiError::new(LIMIT_NAME_BAD, text).into());
    }
    at_most(scene, draft, &RATE_LIMIT, LIMITS_MAX, TOO_MANY_LIMITS)
}

/// So many requests in so many seconds.
pub static BUCKET: Resource = Resource {
    kind: "verify_bucket",
    title: "Bucket",
    prefix: "BL",
    host: "verify",
    path: "/v2/Services/{ServiceSid}/RateLimits/{RateLimitSid}/Buckets",
    list_key: "buckets",
    permission: "verify/buckets",
    fields: &[
        Field::int("Max", 1, 1_000_000).required().code(rules::BAD_PARAMETER),
        Field::int("Interval", 1, 86_400 * 30).required().code(rules::BAD_PARAMETER),
    ],
    unique: &[("Interval", INTERVAL_TAKEN)],
    events: events!("verify.bucket"),
    parent: Some(&RATE_LIMIT),
    rules: Rules { create: Some(check_bucket), ..Rules::NONE },
    ..Resource::BASE
};

fn check_bucket(scene: &mut Scene<'_, '_>, draft: &mut Draft) -> Result<(), Refusal> {
    at_most(scene, draft, &BUCKET, BUCKETS_MAX, TOO_MANY_BUCKETS)
}

/// Refuses one more than there may be beside each other.
fn at_most(
    scene: &mut Scene<'_, '_>,
    draft: &Draft,
    of: &'static Resource,
    most: u32,
    code: u32,
) -> Result<(), Refusal> {
    let beside = (draft.account, draft.parent(of));
    let there = resource::store::list_of(scene.tx, of, beside, &[], None, most)?;
    if there.len() < most as usize {
        return Ok(());
    }
    Err(ApiError::new(code, format!("There are {most} already, which is as many as may be")).into())
}

/// Who is told of a service's events.
pub static WEBHOOK: Resource = Resource {
    kind: "verify_webhook",
    title: "Webhook",
    prefix: "YW",
    host: "verify",
    path: "/v2/Services/{ServiceSid}/Webhooks",
    list_key: "webhooks",
    permission: "verify/webhooks",
    fields: &[
        Field::text("FriendlyName", 64).required().code(rules::BAD_PARAMETER),
        Field::url("WebhookUrl").required().code(rules::BAD_PARAMETER),
        Field::choice("Status", &["enabled", "disabled"]).code(rules::BAD_PARAMETER),
        Field::choice("Version", &["v2", "v1"]).code(rules::BAD_PARAMETER),
        Field::computed("EventTypes"),
        Field::computed("WebhookMethod"),
    ],
    events: events!("verify.webhook"),
    parent: Some(&SERVICE),
    rules: Rules { create: Some(new_webhook), update: Some(wanted_kinds), ..Rules::NONE },
    ..Resource::BASE
};

fn new_webhook(scene: &mut Scene<'_, '_>, draft: &mut Draft) -> Result<(), Refusal> {
    at_most(scene, draft, &WEBHOOK, told::WEBHOOKS_MAX, rules::BAD_PARAMETER)?;
    draft.set("WebhookMethod", "POST");
    wanted_kinds(scene, draft)?;
    if draft.data.get("event_types").is_none_or(Value::is_null) {
        return Err(ApiError::new(rules::BAD_PARAMETER, "EventTypes is missing").into());
    }
    Ok(())
}

/// `EventTypes` comes once for each.
fn wanted_kinds(scene: &mut Scene<'_, '_>, draft: &mut Draft) -> Result<(), Refusal> {
    let given: Vec<&str> = scene.params.get_all("EventTypes").collect();
    if let Some(unknown) = given.iter().find(|kind| !told::KINDS.contains(*kind)) {
        let shown: String = unknown.chars().take(60).collect();
        let known = told::KINDS.join(", ");
        let why = format!("'{shown}' is not one of {known}");
        return Err(rules::bad("EventTypes", &why).into());
    }
    if !given.is_empty() {
        draft.set("EventTypes", given.iter().copied().map(Value::from).collect::<Vec<_>>());
    }
    Ok(())
}

/// Which messaging service texts to a country; addressed by the country.
pub static MESSAGING_CONFIGURATION: Resource = Resource {
    kind: "verify_messaging_configuration",
    title: "MessagingConfiguration",
    prefix: "VC",
    host: "verify",
    path: "/v2/Services/{ServiceSid}/MessagingConfigurations",
    list_key: "messaging_configurations",
    permission: "verify/messaging-configurations",
    key: Some("Country"),
    fields: &[
        Field::text("Country", 3).required().create_only().code(rules::BAD_PARAMETER),
        Field::sid("MessagingServiceSid", "MG").required().code(rules::BAD_PARAMETER),
    ],
    unique: &[("Country", CONFIGURATION_TAKEN)],
    events: events!("verify.messaging_configuration"),
    parent: Some(&SERVICE),
    rules: Rules { create: Some(check_country), view: Some(by_country), ..Rules::NONE },
    ..Resource::BASE
};

fn check_country(_: &mut Scene<'_, '_>, draft: &mut Draft) -> Result<(), Refusal> {
    let country = draft.text("Country");
    let is_code = country.len() == 2 && country.bytes().all(|b| b.is_ascii_alphabetic());
    match country {
        "all" => {}
        _ if is_code => draft.set("Country", country.to_ascii_uppercase()),
        _ => {
            return Err(rules::bad("Country", "it must be a country of two letters, or all").into());
        }
    }
    Ok(())
}

fn by_country(_: &Document, json: &mut Map<String, Value>) {
    json.remove("sid");
}

/// A number that fraud rules let pass; addressed by the number.
pub static SAFE_NUMBER: Resource = Resource {
    kind: "verify_safe_number",
    title: "SafeList",
    prefix: "GN",
    host: "verify",
    path: "/v2/SafeList/Numbers",
    list_key: "numbers",
    permission: "verify/safelist",
    operations: &[Verb::Create, Verb::Read, Verb::Delete],
    key: Some("PhoneNumber"),
    fields: &[Field::phone("PhoneNumber").required().create_only().code(rules::BAD_PARAMETER)],
    unique: &[("PhoneNumber", code::CONFLICT)],
    events: events!("verify.safe_number"),
    rules: Rules { create: Some(check_number), view: Some(by_number), ..Rules::NONE },
    ..Resource::BASE
};

fn check_number(_: &mut Scene<'_, '_>, draft: &mut Draft) -> Result<(), Refusal> {
    if sms::country_of(draft.text("PhoneNumber")).is_empty() {
        return Err(rules::bad("PhoneNumber", "it must be a number like +15551230001").into());
    }
    Ok(())
}

fn by_number(_: &Document, json: &mut Map<String, Value>) {
    json.retain(|name, _| matches!(name.as_str(), "sid" | "phone_number" | "url"));
}
