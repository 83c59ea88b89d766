//! The HTTP of factors, and Twilio's casing.

mod challenges;
mod entities;
mod factors;
mod passkeys;

use std::sync::Arc;

use ::store::{Query, StoreError};
use base::{AccountSid, AnySid, ApiError, Instant};
use http::Method;
use serde_json::{Map, Value, json};

use crate::accounts::{Permission, Principal, Verb};
use crate::gateway::{Answering, Call, Request, Routes};
use crate::resource::{Document, store as documents};
use crate::verify::factors::model::{Challenge, Content, Entity, Factor, Kind};
use crate::verify::factors::rules::{self, code};
use crate::verify::factors::{Factors, devices, store, tokens};
use crate::verify::resources::SERVICE;

const ENTITIES: &str = "/v2/Services/{ServiceSid}/Entities";
const ENTITY: &str = "/v2/Services/{ServiceSid}/Entities/{Identity}";
const FACTORS: &str = "/v2/Services/{ServiceSid}/Entities/{Identity}/Factors";
const FACTOR: &str = "/v2/Services/{ServiceSid}/Entities/{Identity}/Factors/{Sid}";
const CHALLENGES: &str = "/v2/Services/{ServiceSid}/Entities/{Identity}/Challenges";
const CHALLENGE: &str = "/v2/Services/{ServiceSid}/Entities/{Identity}/Challenges/{Sid}";
const NOTICES: &str =
    "/v2/Services/{ServiceSid}/Entities/{Identity}/Challenges/{ChallengeSid}/Notifications";
const TOKENS: &str = "/v2/Services/{ServiceSid}/AccessTokens";
const TOKEN: &str = "/v2/Services/{ServiceSid}/AccessTokens/{Sid}";
const NEW_PASSKEY: &str = "/v2/Services/{ServiceSid}/Passkeys/Factors";
const VERIFY_PASSKEY: &str = "/v2/Services/{ServiceSid}/Passkeys/VerifyFactor";
const ASK_PASSKEY: &str = "/v2/Services/{ServiceSid}/Passkeys/Challenges";
const APPROVE_PASSKEY: &str = "/v2/Services/{ServiceSid}/Passkeys/ApproveChallenge";
const QR: &str = "/trunkline/v1/Verify/Factors/{Sid}/qr";

type Handler = fn(Arc<Factors>, Call) -> Answering;

/// Adds the routes.
pub(super) fn routes(routes: &mut Routes, state: &Arc<Factors>) {
    let entity = |verb| Permission::new("verify/entities", verb);
    let factor = |verb| Permission::new("verify/factors", verb);
    let challenge = |verb| Permission::new("verify/challenges", verb);
    let token = |verb| Permission::new("verify/access-tokens", verb);
    let list: [(Method, &str, Permission, Handler); 13] = [
        (Method::POST, ENTITIES, entity(Verb::Create), |s, c| Box::pin(entities::create(s, c))),
        (Method::GET, ENTITIES, entity(Verb::List), |s, c| Box::pin(entities::list(s, c))),
        (Method::GET, ENTITY, entity(Verb::Read), |s, c| Box::pin(entities::fetch(s, c))),
        (Method::DELETE, ENTITY, entity(Verb::Delete), |s, c| Box::pin(entities::delete(s, c))),
        (Method::GET, FACTORS, factor(Verb::List), |s, c| Box::pin(factors::list(s, c))),
        (Method::POST, CHALLENGES, challenge(Verb::Create), |s, c| {
            Box::pin(challenges::create(s, c))
        }),
        (Method::POST, NOTICES, challenge(Verb::Update), |s, c| Box::pin(challenges::notify(s, c))),
        (Method::POST, TOKENS, token(Verb::Create), |s, c| Box::pin(tokens::create(s, c))),
        (Method::GET, TOKEN, token(Verb::Read), |s, c| Box::pin(tokens::fetch(s, c))),
        (Method::POST, NEW_PASSKEY, factor(Verb::Create), |s, c| Box::pin(passkeys::create(s, c))),
        (Method::POST, VERIFY_PASSKEY, factor(Verb::Update), |s, c| {
            Box::pin(passkeys::verify(s, c))
        }),
        (Method::POST, ASK_PASSKEY, challenge(Verb::Create), |s, c| Box::pin(passkeys::ask(s, c))),
        (Method::POST, APPROVE_PASSKEY, challenge(Verb::Update), |s, c| {
            Box::pin(passkeys::approve(s, c))
        }),
    ];
    for (method, path, permission, handler) in list {
        routes.on("verify", method, path, permission, state, handler);
    }
    let open: [(Method, &str, Permission, Handler); 7] = [
        (Method::POST, FACTORS, factor(Verb::Create), |s, c| Box::pin(factors::create(s, c))),
        (Method::GET, FACTOR, factor(Verb::Read), |s, c| Box::pin(factors::fetch(s, c))),
        (Method::POST, FACTOR, factor(Verb::Update), |s, c| Box::pin(factors::update(s, c))),
        (Method::DELETE, FACTOR, factor(Verb::Delete), |s, c| Box::pin(factors::delete(s, c))),
        (Method::GET, CHALLENGES, challenge(Verb::List), |s, c| Box::pin(challenges::list(s, c))),
        (Method::GET, CHALLENGE, challenge(Verb::Read), |s, c| Box::pin(challenges::fetch(s, c))),
        (Method::POST, CHALLENGE, challenge(Verb::Update), |s, c| {
            Box::pin(challenges::update(s, c))
        }),
    ];
    for (method, path, permission, handler) in open {
        routes.on_devices("verify", method, path, permission, state, devices::admit, handler);
    }
    let qr: Handler = |s, c| Box::pin(factors::qr(s, c));
    routes.on("", Method::GET, QR, factor(Verb::Read), state, qr);
}

/// The SID in a path, of the service that holds what is asked for.
pub(super) fn service_sid(request: &Request) -> Result<[u8; 16], ApiError> {
    let sid: AnySid = request.segment("ServiceSid").parse().map_err(|_| request.not_found())?;
    if sid.prefix == *b"VA" { Ok(sid.bytes) } else { Err(request.not_found()) }
}

/// The service, if the account has it.
pub(super) fn service_of(
    query: &mut impl Query,
    account: AccountSid,
    service: [u8; 16],
) -> Result<Option<Document>, StoreError> {
    documents::find(query, &SERVICE, account, SERVICE.sid(service))
}

/// Where a request points: account, service, and the entity's name.
#[derive(Clone, Debug)]
struct Target {
    account: AccountSid,
    service: [u8; 16],
    identity: String,
    missing: ApiError,
    root: String,
    /// What the caller is, when it is a device.
    device: Option<AnySid>,
}

impl Target {
    fn of(call: &Call) -> Result<Self, ApiError> {
        let request = &call.request;
        let device = match call.caller.principal {
            Principal::Device(sid) => Some(sid),
            _ => None,
        };
        Ok(Self {
            account: call.caller.account_sid(),
            service: service_sid(request)?,
            identity: request.segment("Identity").to_owned(),
            missing: request.not_found(),
            root: request.place.root.clone(),
            device,
        })
    }

    /// The entity that the path names.
    fn entity(&self, query: &mut impl Query) -> Result<Option<Entity>, StoreError> {
        store::find_entity(query, self.account, self.service, &self.identity)
    }

    /// Whether a factor is what the path names, and the caller's own when that is a device.
    fn holds(&self, factor: &Factor) -> bool {
        let there = factor.service == self.service && factor.identity == self.identity;
        there && self.device.is_none_or(|device| device == AnySid::from(factor.sid))
    }

    /// The same of a challenge.
    fn holds_challenge(&self, challenge: &Challenge) -> bool {
        let there = challenge.service == self.service && challenge.identity == self.identity;
        let own = |device| challenge.factor.is_some_and(|sid| AnySid::from(sid) == device);
        there && challenge.entity.is_some() && self.device.is_none_or(own)
    }
}

/// The entity of this name, made if there is none.
fn entity_for(
    tx: &mut ::store::Tx<'_>,
    account: AccountSid,
    service: [u8; 16],
    identity: &str,
) -> Result<Entity, StoreError> {
    match store::find_entity(tx, account, service, identity)? {
        Some(entity) => Ok(entity),
        None => store::insert_entity(tx, account, service, identity),
    }
}

/// Removes factors that were never proved, and refuses one too many.
fn room_for(
    tx: &mut ::store::Tx<'_>,
    entity: &Entity,
    kind: Kind,
) -> Result<(), crate::resource::Refusal> {
    let now = tx.now();
    for mut factor in store::stale_factors(tx, entity.sid, now - rules::STALE)? {
        store::delete_factor(tx, &mut factor)?;
    }
    let since = now - rules::WAITING_WINDOW;
    let (of_kind, waiting) = store::count_factors(tx, entity.sid, kind, since)?;
    if of_kind >= rules::FACTORS_MAX {
        let text = format!("The entity has {of_kind} factors of this type, as many as it may");
        return Err(ApiError::new(code::FACTORS, text).into());
    }
    if waiting >= rules::WAITING_MAX {
        let text = "Too many factors of the entity wait to be verified";
        return Err(ApiError::new(code::TOO_MANY_WAITING, text).into());
    }
    Ok(())
}

fn path_of(root: &str, service: [u8; 16], identity: &str) -> String {
    format!("{root}/v2/Services/{}/Entities/{identity}", SERVICE.sid(service))
}

fn entity_view(entity: &Entity, root: &str) -> Value {
    let url = path_of(root, entity.service, &entity.identity);
    json!({
        "sid": entity.sid,
        "identity": entity.identity,
        "account_sid": entity.account,
        "service_sid": SERVICE.sid(entity.service).to_string(),
        "date_created": entity.created_at.to_iso8601(),
        "date_updated": entity.updated_at.to_iso8601(),
        "url": url,
        "links": {
            "factors": format!("{url}/Factors"),
            "new_factors": format!("{url}/Factors"),
            "challenges": format!("{url}/Challenges"),
        },
    })
}

fn factor_view(factor: &Factor, root: &str) -> Value {
    let mut config = factor.config.clone();
    if factor.kind == Kind::Push {
        // The vendor's device SDK can't do without it.
        config.insert("credential_sid".into(), devices::credential_sid(factor).into());
    }
    let url = path_of(root, factor.service, &factor.identity);
    json!({
        "sid": factor.sid,
        "account_sid": factor.account,
        "service_sid": SERVICE.sid(factor.service).to_string(),
        "entity_sid": factor.entity,
        "identity": factor.identity,
        "date_created": factor.created_at.to_iso8601(),
        "date_updated": factor.updated_at.to_iso8601(),
        "friendly_name": factor.friendly_name,
        "status": if factor.verified { "verified" } else { "unverified" },
        "factor_type": factor.kind.name(),
        "config": config,
        "metadata": factor.metadata,
        "url": format!("{url}/Factors/{}", factor.sid),
    })
}

/// A challenge as it stands at an instant. What devices sign is taken of this.
fn challenge_view(
    challenge: &Challenge,
    content: &Content,
    now: Instant,
    root: &str,
) -> Map<String, Value> {
    let path = path_of(root, challenge.service, &challenge.identity);
    let url = format!("{path}/Challenges/{}", challenge.sid);
    let text = |sid: Option<String>| sid.unwrap_or_default();
    let view = json!({
        "sid": challenge.sid,
        "account_sid": challenge.account,
        "service_sid": SERVICE.sid(challenge.service).to_string(),
        "entity_sid": text(challenge.entity.map(|sid| sid.to_string())),
        "identity": challenge.identity,
        "factor_sid": text(challenge.factor.map(|sid| sid.to_string())),
        "date_created": challenge.created_at.to_iso8601(),
        "date_updated": challenge.updated_at.to_iso8601(),
        "date_responded": challenge.responded_at.map(Instant::to_iso8601),
        "expiration_date": challenge.expires_at.to_iso8601(),
        "status": challenge.status_at(now).name(),
        "responded_reason": "none",
        "details": content.details,
        "hidden_details": content.hidden_details,
        "metadata": content.metadata,
        "factor_type": challenge.kind.name(),
        "url": url,
        "links": { "notifications": format!("{url}/Notifications") },
    });
    match view {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
