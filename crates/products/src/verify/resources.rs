//! The declared resources of verify.

use base::{ApiError, code};
use serde_json::{Map, Value, json};

use crate::resource::{Document, Draft, Field, Refusal, Resource, Rules, Scene, events};

/// Every declared resource of this product.
pub static RESOURCES: [&Resource; 1] = [&SERVICE];

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
        delete: Some(crate::verify::factors::forget_service),
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
    Ok(())
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
}
