//! Passkeys: JSON in, and options that a browser takes as they are.
//!
//! A ceremony's challenge is its own memory: the SID that it is for, sealed under the
//! installation's key, so that an answer names its factor or challenge and nobody can make one up.

use std::sync::Arc;

use ::store::{Query, StoreError, Tx};
use base::{AnySid, ApiError, ChallengeSid, FactorSid, MasterKey};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::challenges::{new_challenge, respond};
use super::factors::noted;
use super::{Target, challenge_view, entity_for, factor_view, room_for, service_of};
use crate::accounts::audit::Actor;
use crate::gateway::{ApiResult, Call, Response};
use crate::resource::{Document, Refusal};
use crate::verify::factors::model::{Challenge, Content, Factor, Kind};
use crate::verify::factors::rules::{self, code};
use crate::verify::factors::webauthn::{self, ALGORITHMS, Credential, Expected, Wrong};
use crate::verify::factors::{Factors, sealed, store, told};

/// What a sealed challenge is sealed for.
const CEREMONY: &[u8] = b"verify.passkeys";

/// How long a ceremony may take: what the options tell the browser.
const TIMEOUT_MS: u64 = 600_000;

/// Passkeys of an entity that are offered for a challenge.
const OFFERED_MAX: u32 = 100;

#[derive(Deserialize)]
struct NewPasskey {
    friendly_name: Option<String>,
    identity: Option<String>,
    config: Option<Value>,
}

#[derive(Deserialize)]
struct Asked {
    identity: Option<String>,
    factor_sid: Option<String>,
}

/// What `navigator.credentials` gives, as JSON.
#[derive(Deserialize)]
struct Answer {
    id: Option<String>,
    #[serde(rename = "rawId")]
    raw_id: Option<String>,
    response: Parts,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parts {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    attestation_object: Option<String>,
    authenticator_data: Option<String>,
    signature: Option<String>,
    user_handle: Option<String>,
}

fn parse<'a, T: Deserialize<'a>>(call: &'a Call) -> Result<T, ApiError> {
    let parsed = serde_json::from_slice(&call.request.body);
    parsed.map_err(|error| ApiError::new(code::PARAMETER, format!("The body is wrong: {error}")))
}

fn part(name: &str, text: Option<&str>) -> Result<Vec<u8>, ApiError> {
    let bytes = text.and_then(webauthn::bytes_of).filter(|bytes| !bytes.is_empty());
    bytes.ok_or_else(|| ApiError::new(code::PARAMETER, format!("{name} must be Base64url")))
}

/// The challenge of a ceremony for `sid`.
fn seal(master: &MasterKey, nonce: [u8; 12], sid: AnySid) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(master.seal(CEREMONY, nonce, &sid.to_bytes18()))
}

/// What the ceremony of a response is for, if we began it.
fn begun(master: &MasterKey, client_data: &[u8]) -> Option<AnySid> {
    let challenge = webauthn::challenge_of(client_data)?;
    let opened = master.open(CEREMONY, &challenge).ok()?;
    Some(AnySid::from_bytes18(opened.try_into().ok()?))
}

/// What a passkey must be: the service's settings, and what the request says instead.
fn config_of(service: &Document, given: Option<&Value>) -> Result<Map<String, Value>, ApiError> {
    let given = |name: &str| given.and_then(|config| config.pointer(name)).cloned();
    let text = |name: &str, setting: &str| {
        let own = || service.given(setting).map(Value::from);
        given(name).filter(Value::is_string).or_else(own)
    };
    let split = |text: &str| text.split(',').map(|one| one.trim().to_owned()).collect::<Vec<_>>();
    let own = service.given("Passkeys.RelyingParty.Origins").map(split);
    let origins = given("/relying_party/origins").or_else(|| own.map(Value::from));
    let id = text("/relying_party/id", "Passkeys.RelyingParty.Id");
    let name = text("/relying_party/name", "Passkeys.RelyingParty.Name").or_else(|| id.clone());
    let mut missing = Vec::new();
    let mut config = Map::new();
    for (member, setting, words) in [
        (
            "authenticator_attachment",
            "Passkeys.AuthenticatorAttachment",
            ["platform", "cross-platform", "any"],
        ),
        (
            "discoverable_credentials",
            "Passkeys.DiscoverableCredentials",
            ["required", "preferred", "discouraged"],
        ),
        (
            "user_verification",
            "Passkeys.UserVerification",
            ["required", "preferred", "discouraged"],
        ),
    ] {
        match text(&format!("/{member}"), setting) {
            None => missing.push(member),
            Some(word) if !words.iter().any(|known| word == *known) => {
                let text = format!("{member} must be one of {}", words.join(", "));
                return Err(ApiError::new(code::PARAMETER, text));
            }
            Some(word) => _ = config.insert(member.to_owned(), word),
        }
    }
    let listed = |origins: &Value| {
        let list = origins.as_array().filter(|list| !list.is_empty());
        list.is_some_and(|list| list.iter().all(Value::is_string))
    };
    match (id, origins.filter(listed)) {
        (Some(id), Some(origins)) if missing.is_empty() => {
            let party = json!({ "id": id, "name": name, "origins": origins });
            config.insert("relying_party".into(), party);
            Ok(config)
        }
        (id, origins) => {
            missing.extend(id.is_none().then_some("relying_party.id"));
            missing.extend(origins.is_none().then_some("relying_party.origins"));
            let text = format!("Missing for a passkey: {}", missing.join(", "));
            Err(ApiError::new(code::CRITERIA, text))
        }
    }
}

/// Owned, of a config: what a response must fit.
struct Party {
    id: String,
    origins: Vec<String>,
    user_verified: bool,
}

impl Party {
    fn of(config: &Map<String, Value>) -> Self {
        let party = config.get("relying_party").cloned().unwrap_or_default();
        let origins = party["origins"].as_array().cloned().unwrap_or_default();
        Self {
            id: party["id"].as_str().unwrap_or_default().to_owned(),
            origins: origins.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            user_verified: config.get("user_verification").is_some_and(|word| word == "required"),
        }
    }

    fn expected(&self) -> Expected<'_> {
        let (rp_id, origins) = (&*self.id, &*self.origins);
        Expected { rp_id, origins, user_verified: self.user_verified }
    }
}

/// Credentials of an entity's verified passkeys, as options name them.
fn known(query: &mut impl Query, entity: base::EntitySid) -> Result<Vec<Value>, StoreError> {
    let factors = store::list_factors(query, entity, None, OFFERED_MAX)?;
    let credentials = factors.into_iter().filter(|factor| factor.verified);
    let credentials = credentials.filter_map(|factor| factor.credential);
    Ok(credentials.map(|id| json!({ "type": "public-key", "id": id })).collect())
}

/// The options of `navigator.credentials.create`.
fn creation(factor: &Factor, challenge: &str, exclude: Vec<Value>) -> Value {
    let config = |name: &str| factor.config.get(name).cloned().unwrap_or_default();
    let party = config("relying_party");
    let resident = config("discoverable_credentials");
    let mut selection = json!({
        "requireResidentKey": resident == "required",
        "residentKey": resident,
        "userVerification": config("user_verification"),
    });
    if config("authenticator_attachment") != "any" {
        selection["authenticatorAttachment"] = config("authenticator_attachment");
    }
    let kinds: Vec<Value> =
        ALGORITHMS.iter().map(|alg| json!({ "type": "public-key", "alg": alg })).collect();
    json!({ "publicKey": {
        "rp": { "id": party["id"], "name": party["name"] },
        "user": {
            "id": BASE64_URL_SAFE_NO_PAD.encode(factor.entity.to_string()),
            "name": factor.friendly_name,
            "displayName": factor.friendly_name,
        },
        "challenge": challenge,
        "pubKeyCredParams": kinds,
        "timeout": TIMEOUT_MS,
        "excludeCredentials": exclude,
        "authenticatorSelection": selection,
        "attestation": "none",
    } })
}

pub(super) async fn create(state: Arc<Factors>, call: Call) -> ApiResult {
    let target = Target::of(&call)?;
    let new: NewPasskey = parse(&call)?;
    let identity = rules::identity(new.identity.as_deref().unwrap_or_default())?.to_owned();
    let friendly_name = rules::friendly_name(new.friendly_name.as_deref())?.to_owned();
    let (actor, own) = (Actor::of(&call), Arc::clone(&state));
    let root = target.root.clone();
    let unit = move |tx: &mut Tx<'_>| {
        let found = service_of(tx, target.account, target.service)?;
        let service = found.ok_or_else(|| target.missing.clone())?;
        let config = config_of(&service, new.config.as_ref())?;
        let entity = entity_for(tx, target.account, target.service, &identity)?;
        room_for(tx, &entity, Kind::Passkeys)?;
        let now = tx.now();
        let mut factor = Factor {
            sid: tx.new_sid(),
            account: target.account,
            service: target.service,
            entity: entity.sid,
            identity,
            kind: Kind::Passkeys,
            friendly_name,
            verified: false,
            config,
            metadata: Value::Null,
            salt: tx.random().salt(),
            binding: Vec::new(),
            credential: None,
            used: 0,
            wrong: 0,
            wrong_since: now,
            created_at: now,
            updated_at: now,
            event: (0, 0),
        };
        store::insert_factor(tx, &mut factor)?;
        noted(tx, &actor, &factor, "created")?;
        told::factor(tx, &own.outbox, "factor.created", &factor)?;
        let challenge = seal(&own.master, tx.random().nonce(), factor.sid.into());
        let options = creation(&factor, &challenge, known(tx, entity.sid)?);
        Ok::<_, Refusal>((factor, options))
    };
    let (factor, options) = state.store.write(unit).await.map_err(ApiError::from)?;
    let mut view = factor_view(&factor, &root);
    view["binding"] = Value::Null;
    view["options"] = options;
    Ok(Response::created(&view))
}

fn wrong(text: Wrong, code: u32) -> ApiError {
    ApiError::new(code, text)
}

/// The registration of a passkey.
pub(super) async fn verify(state: Arc<Factors>, call: Call) -> ApiResult {
    let target = Target::of(&call)?;
    let answer: Answer = parse(&call)?;
    let client_data = part("clientDataJSON", Some(&answer.response.client_data))?;
    let attestation = part("attestationObject", answer.response.attestation_object.as_deref())?;
    let begun = begun(&state.master, &client_data).and_then(AnySid::cast::<FactorSid>);
    let foreign = || wrong("The challenge is none of this service", code::FACTOR_CHECK);
    let sid = begun.ok_or_else(foreign)?;
    let (actor, own) = (Actor::of(&call), Arc::clone(&state));
    let root = target.root.clone();
    let unit = move |tx: &mut Tx<'_>| {
        let found = store::find_factor(tx, target.account, sid)?;
        let mut factor =
            found.filter(|factor| factor.service == target.service).ok_or_else(foreign)?;
        if factor.verified {
            return Err(wrong("The factor is verified", code::FACTOR_STATUS).into());
        }
        if tx.now() >= factor.created_at + rules::STALE {
            return Err(wrong("The registration has ended", code::FACTOR_CHECK).into());
        }
        let party = Party::of(&factor.config);
        let credential = webauthn::register(&client_data, &attestation, &party.expected())
            .map_err(|text| wrong(text, code::FACTOR_CHECK))?;
        let named = answer.raw_id.as_deref().or(answer.id.as_deref());
        if named.is_some_and(|id| id.trim_end_matches('=') != credential.id) {
            let text = "The credential's id is not the one that was registered";
            return Err(wrong(text, code::FACTOR_CHECK).into());
        }
        let (account, service) = (target.account, target.service);
        if store::factor_by_credential(tx, account, service, &credential.id)?.is_some() {
            return Err(wrong("The credential is registered", code::FACTOR_EXISTS).into());
        }
        factor.used = i64::from(credential.counter);
        factor.credential = Some(credential.id.clone());
        let kept = serde_json::to_vec(&credential).unwrap_or_default();
        factor.seal(&own.master, tx.random().nonce(), &kept);
        factor.verified = true;
        store::save_factor(tx, &mut factor, Some("verify.factor.verified"))?;
        noted(tx, &actor, &factor, "verified")?;
        told::factor(tx, &own.outbox, "factor.verified", &factor)?;
        Ok::<_, Refusal>(factor)
    };
    let factor = state.store.write(unit).await.map_err(ApiError::from)?;
    Ok(Response::ok(&factor_view(&factor, &root)))
}

/// Whose passkeys may answer: one factor, those of an entity, or any of the service.
fn allowed(
    tx: &mut Tx<'_>,
    target: &Target,
    asked: &Asked,
    challenge: &mut Challenge,
) -> Result<(Option<Factor>, Vec<Value>), Refusal> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    if let Some(sid) = given(&asked.factor_sid) {
        let bad = || ApiError::new(code::FACTOR_SID, "factor_sid must be a factor's SID");
        let sid: FactorSid = sid.parse().map_err(|_| bad())?;
        let found = store::find_factor(tx, target.account, sid)?;
        let found = found.filter(|factor| factor.service == target.service);
        let found = found.filter(|factor| factor.kind == Kind::Passkeys);
        let missing = || ApiError::new(code::NO_FACTOR, format!("There is no passkey {sid}"));
        let factor = found.ok_or_else(missing)?;
        if !factor.verified {
            let text = format!("The factor {sid} is not verified");
            return Err(ApiError::new(code::UNVERIFIED, text).into());
        }
        (challenge.entity, challenge.factor) = (Some(factor.entity), Some(factor.sid));
        challenge.identity.clone_from(&factor.identity);
        let offered = factor.credential.iter();
        let offered = offered.map(|id| json!({ "type": "public-key", "id": id })).collect();
        return Ok((Some(factor), offered));
    }
    let Some(identity) = given(&asked.identity) else { return Ok((None, Vec::new())) };
    let found = store::find_entity(tx, target.account, target.service, &identity)?;
    let missing = || ApiError::new(code::NO_ENTITY, format!("There is no entity '{identity}'"));
    let entity = found.ok_or_else(missing)?;
    let offered = known(tx, entity.sid)?;
    if offered.is_empty() {
        let text = format!("The entity '{identity}' has no verified passkey");
        return Err(ApiError::new(code::NO_FACTOR, text).into());
    }
    (challenge.entity, challenge.identity) = (Some(entity.sid), entity.identity);
    Ok((None, offered))
}

pub(super) async fn ask(state: Arc<Factors>, call: Call) -> ApiResult {
    let target = Target::of(&call)?;
    let asked: Asked = parse(&call)?;
    let (own, root) = (Arc::clone(&state), target.root.clone());
    let unit = move |tx: &mut Tx<'_>| {
        let found = service_of(tx, target.account, target.service)?;
        let service = found.ok_or_else(|| target.missing.clone())?;
        let now = tx.now();
        let expires_at = rules::expiration(&base::Params::default(), now)?;
        let mut challenge = new_challenge(tx, &target, Kind::Passkeys, expires_at);
        let (factor, offered) = allowed(tx, &target, &asked, &mut challenge)?;
        if let Some(entity) = challenge.entity {
            let since = now - rules::CHALLENGES_WINDOW;
            if store::count_challenges(tx, entity, since)? >= rules::CHALLENGES_MAX {
                let text = "Too many challenges for this entity; try again later";
                return Err(ApiError::new(code::CHALLENGES, text).into());
            }
        }
        let config = match &factor {
            Some(factor) => factor.config.clone(),
            None => config_of(&service, None)?,
        };
        challenge.seal(&own.master, tx.random().nonce(), &Content::default());
        store::insert_challenge(tx, &mut challenge)?;
        let sealed = seal(&own.master, tx.random().nonce(), challenge.sid.into());
        let party = Party::of(&config);
        let verification = config.get("user_verification").cloned().unwrap_or_default();
        let options = json!({ "publicKey": {
            "challenge": sealed,
            "timeout": TIMEOUT_MS,
            "rpId": party.id,
            "allowCredentials": offered,
            "userVerification": verification,
        } });
        Ok::<_, Refusal>((challenge, options, now))
    };
    let (challenge, options, now) = state.store.write(unit).await.map_err(ApiError::from)?;
    let mut view = challenge_view(&challenge, &Content::default(), now, &root);
    view.insert("options".into(), options);
    Ok(Response::created(&view))
}

/// What an assertion says, in bytes.
struct Assertion {
    id: String,
    client_data: Vec<u8>,
    authenticator_data: Vec<u8>,
    signature: Vec<u8>,
    user_handle: Option<Vec<u8>>,
}

impl Assertion {
    fn of(answer: &Answer) -> Result<Self, ApiError> {
        let parts = &answer.response;
        let id = answer.raw_id.as_deref().or(answer.id.as_deref());
        let handle = parts.user_handle.as_deref().filter(|handle| !handle.is_empty());
        Ok(Self {
            id: BASE64_URL_SAFE_NO_PAD.encode(part("rawId", id)?),
            client_data: part("clientDataJSON", Some(&parts.client_data))?,
            authenticator_data: part("authenticatorData", parts.authenticator_data.as_deref())?,
            signature: part("signature", parts.signature.as_deref())?,
            user_handle: handle.map(|handle| part("userHandle", Some(handle))).transpose()?,
        })
    }
}

/// The passkey that answers a challenge rightly, its counter moved on; or what is wrong.
fn answered(
    tx: &mut Tx<'_>,
    master: &MasterKey,
    challenge: &Challenge,
    said: &Assertion,
) -> Result<Result<Factor, Wrong>, Refusal> {
    let (account, service) = (challenge.account, challenge.service);
    let found = store::factor_by_credential(tx, account, service, &said.id)?;
    let found = found.filter(|factor| factor.verified);
    let found = found.filter(|factor| challenge.entity.is_none_or(|of| of == factor.entity));
    let found = found.filter(|factor| challenge.factor.is_none_or(|of| of == factor.sid));
    let Some(mut factor) = found else {
        return Ok(Err("The credential is not one that may answer"));
    };
    let handle = factor.entity.to_string().into_bytes();
    let named = said.user_handle.as_ref();
    if named.map_or(challenge.entity.is_none(), |named| *named != handle) {
        return Ok(Err("userHandle is not of the credential's entity"));
    }
    let opened = factor.open(master).ok_or_else(sealed)?;
    let mut credential: Credential = serde_json::from_slice(&opened).map_err(|_| sealed())?;
    credential.counter = u32::try_from(factor.used).unwrap_or(u32::MAX);
    let party = Party::of(&factor.config);
    let Assertion { client_data, authenticator_data, signature, .. } = said;
    let expected = party.expected();
    match webauthn::assert(client_data, authenticator_data, signature, &credential, &expected) {
        Ok(counter) => {
            factor.used = i64::from(counter);
            store::save_factor(tx, &mut factor, None)?;
            Ok(Ok(factor))
        }
        Err(text) => Ok(Err(text)),
    }
}

pub(super) async fn approve(state: Arc<Factors>, call: Call) -> ApiResult {
    let target = Target::of(&call)?;
    let said = Assertion::of(&parse(&call)?)?;
    let foreign = || wrong("The challenge is none of this service", code::CHALLENGE_CHECK);
    let begun = begun(&state.master, &said.client_data).and_then(AnySid::cast::<ChallengeSid>);
    let sid = begun.ok_or_else(foreign)?;
    let (own, root) = (Arc::clone(&state), target.root.clone());
    let unit = move |tx: &mut Tx<'_>| {
        let found = store::find_challenge(tx, target.account, sid)?;
        let found = found.filter(|found| found.service == target.service);
        let mut challenge = found.ok_or_else(foreign)?;
        let now = tx.now();
        rules::may_answer(&challenge, now)?;
        match answered(tx, &own.master, &challenge, &said)? {
            Ok(factor) => {
                (challenge.entity, challenge.factor) = (Some(factor.entity), Some(factor.sid));
                challenge.identity.clone_from(&factor.identity);
                let both = (&mut challenge, &Content::default());
                respond(tx, &own, both, &factor, true)?;
                Ok::<_, Refusal>(Ok((challenge, now)))
            }
            // The wrong answer is counted, so this is committed.
            Err(text) => {
                challenge.wrong += 1;
                store::save_challenge(tx, &mut challenge, None)?;
                Ok(Err(wrong(text, code::CHALLENGE_CHECK)))
            }
        }
    };
    let (challenge, now) = state.store.write(unit).await.map_err(ApiError::from)??;
    let view = challenge_view(&challenge, &Content::default(), now, &root);
    Ok(Response::ok(&view))
}
