//! The declared resources of accounts: applications, addresses, API keys.

use base::{Secret, code};
use serde_json::{Map, Value};

use crate::accounts::{Verb, store};
use crate::resource::{Document, Draft, Field, Refusal, Resource, Rules, Scene, events};

/// Every declared resource of this product.
pub static RESOURCES: [&Resource; 7] =
    [&APPLICATION, &ADDRESS, &KEY, &SIGNING_KEY, &IAM_KEY, &PUBLIC_KEY, &AWS_CREDENTIAL];

/// A set of addresses that several numbers share.
pub static APPLICATION: Resource = Resource {
    kind: "application",
    title: "Application",
    prefix: "AP",
    path: "/2010-04-01/Accounts/{AccountSid}/Applications",
    list_key: "applications",
    permission: "api/applications",
    fields: &[
        Field::text("FriendlyName", 64),
        Field::text("ApiVersion", 10).or("2010-04-01"),
        Field::url("VoiceUrl"),
        Field::method("VoiceMethod"),
        Field::url("VoiceFallbackUrl"),
        Field::method("VoiceFallbackMethod"),
        Field::url("StatusCallback"),
        Field::method("StatusCallbackMethod"),
        Field::flag("VoiceCallerIdLookup", false),
        Field::url("SmsUrl"),
        Field::method("SmsMethod"),
        Field::url("SmsFallbackUrl"),
        Field::method("SmsFallbackMethod"),
        Field::url("SmsStatusCallback"),
        Field::url("MessageStatusCallback"),
        Field::flag("PublicApplicationConnectEnabled", false),
    ],
    filters: &["FriendlyName"],
    events: events!("accounts.application"),
    ..Resource::BASE
};

/// A postal address.
pub static ADDRESS: Resource = Resource {
    kind: "address",
    title: "Address",
    prefix: "AD",
    path: "/2010-04-01/Accounts/{AccountSid}/Addresses",
    list_key: "addresses",
    permission: "api/addresses",
    fields: &[
        Field::text("CustomerName", 200).required().code(ADDRESS_INVALID),
        Field::text("Street", 200).required().code(ADDRESS_INVALID),
        Field::text("StreetSecondary", 200),
        Field::text("City", 100).required().code(ADDRESS_INVALID),
        Field::text("Region", 100).required().code(ADDRESS_INVALID),
        Field::text("PostalCode", 20).required().code(ADDRESS_INVALID),
        Field::country("IsoCountry").required().create_only().code(ADDRESS_INVALID),
        Field::text("FriendlyName", 64),
        Field::flag("EmergencyEnabled", false),
        Field::computed("Validated"),
        Field::computed("Verified"),
    ],
    filters: &["CustomerName", "FriendlyName", "IsoCountry"],
    events: events!("accounts.address"),
    rules: Rules { create: Some(unvalidated), ..Rules::NONE },
    ..Resource::BASE
};

/// An address that does not validate.
const ADDRESS_INVALID: u32 = 21628;

/// No postal service is asked, so nothing is claimed of an address.
fn unvalidated(_: &mut Scene<'_, '_>, draft: &mut Draft) -> Result<(), Refusal> {
    draft.set("Validated", false);
    draft.set("Verified", false);
    Ok(())
}

/// An API key: the secret is shown once.
pub static KEY: Resource = Resource {
    kind: "key",
    title: "Key",
    prefix: "SK",
    path: "/2010-04-01/Accounts/{AccountSid}/Keys",
    list_key: "keys",
    permission: "accounts/keys",
    fields: &[
        Field::text("FriendlyName", 64).or_empty(),
        Field::choice("KeyType", &["standard", "main", "restricted"]).create_only().hidden(),
        Field::text("Policy", 20_000).hidden(),
        Field::computed("SecretSealed").hidden(),
    ],
    events: events!("accounts.key"),
    rules: Rules { create: Some(make_secret), update: Some(check_policy), ..Rules::NONE },
    ..Resource::BASE
};

/// The old name of keys.
pub static SIGNING_KEY: Resource = Resource {
    path: "/2010-04-01/Accounts/{AccountSid}/SigningKeys",
    list_key: "signing_keys",
    operations: &[Verb::Create, Verb::Read, Verb::List, Verb::Update, Verb::Delete],
    ..KEY
};

/// Keys as the `iam` host shows them: the account is a parameter, the policy is an object.
pub static IAM_KEY: Resource = Resource {
    host: "iam",
    path: "/v1/Keys",
    rules: Rules { view: Some(with_policy), ..KEY.rules },
    ..KEY
};

/// The public half of a key pair of the account's.
pub static PUBLIC_KEY: Resource = Resource {
    kind: "public_key",
    title: "PublicKey",
    prefix: "CR",
    host: "accounts",
    path: "/v1/Credentials/PublicKeys",
    list_key: "credentials",
    permission: "accounts/public-keys",
    fields: &[
        Field::text("FriendlyName", 64).or_empty(),
        Field::text("PublicKey", 8_192).required().create_only().hidden(),
    ],
    events: events!("accounts.public_key"),
    rules: Rules { create: Some(check_public_key), ..Rules::NONE },
    ..Resource::BASE
};

/// Credentials of the account's at AWS, sealed; they are never shown.
pub static AWS_CREDENTIAL: Resource = Resource {
    kind: "aws_credential",
    title: "Aws",
    path: "/v1/Credentials/AWS",
    permission: "accounts/aws-credentials",
    fields: &[
        Field::text("FriendlyName", 64).or_empty(),
        Field::text("Credentials", 512).required().create_only().hidden(),
        Field::computed("CredentialsSealed").hidden(),
    ],
    events: events!("accounts.aws_credential"),
    rules: Rules { create: Some(seal_credentials), ..Rules::NONE },
    ..PUBLIC_KEY
};

/// Keeps a secret in a document, sealed under the document's own SID.
fn seal_into(scene: &mut Scene<'_, '_>, draft: &mut Draft, field: &str, secret: &str) {
    let sealed = store::seal(scene.tx, scene.master, draft.sid.bytes, &Secret::new(secret));
    let hex: String = sealed.iter().map(|byte| format!("{byte:02x}")).collect();
    draft.set(field, hex);
}

fn check_public_key(_: &mut Scene<'_, '_>, draft: &mut Draft) -> Result<(), Refusal> {
    let key = draft.text("PublicKey").trim();
    let framed =
        key.starts_with("-----BEGIN PUBLIC KEY-----") && key.ends_with("-----END PUBLIC KEY-----");
    if framed {
        return Ok(());
    }
    let text = "PublicKey must be a PEM text that begins with -----BEGIN PUBLIC KEY-----";
    Err(base::ApiError::new(code::BAD_REQUEST, text).into())
}

fn seal_credentials(scene: &mut Scene<'_, '_>, draft: &mut Draft) -> Result<(), Refusal> {
    let given = draft.text("Credentials").to_owned();
    if given.split(':').filter(|part| !part.is_empty()).count() != 2 {
        let text = "Credentials must be an access key and its secret: AKIA…:…";
        return Err(base::ApiError::new(code::BAD_REQUEST, text).into());
    }
    seal_into(scene, draft, "CredentialsSealed", &given);
    draft.set("Credentials", Value::Null);
    Ok(())
}

fn with_policy(document: &Document, json: &mut Map<String, Value>) {
    json.remove("uri");
    let policy = document.given("Policy").and_then(|text| serde_json::from_str(text).ok());
    json.insert("policy".into(), policy.unwrap_or(Value::Null));
}

fn make_secret(scene: &mut Scene<'_, '_>, draft: &mut Draft) -> Result<(), Refusal> {
    check_policy(scene, draft)?;
    let secret = scene.tx.random().token();
    seal_into(scene, draft, "SecretSealed", &secret);
    draft.shown_once.push(("secret", secret));
    Ok(())
}

/// A restricted key needs `{"allow":["/twilio/messaging/messages/create", …]}`.
fn check_policy(_: &mut Scene<'_, '_>, draft: &mut Draft) -> Result<(), Refusal> {
    if draft.text("KeyType") != "restricted" {
        return Ok(());
    }
    let policy = serde_json::from_str::<Value>(draft.text("Policy")).unwrap_or_default();
    let allowed = policy.get("allow").and_then(Value::as_array);
    if allowed.is_some_and(|allowed| allowed.iter().all(Value::is_string)) {
        return Ok(());
    }
    let text = "A restricted key needs a Policy like \
                {\"allow\":[\"/twilio/messaging/messages/create\"]}";
    Err(base::ApiError::new(code::BAD_REQUEST, text).into())
}
