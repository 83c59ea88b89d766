//! Factors of the kinds `totp` and `push`, and what is common to all.

use std::sync::Arc;

use ::store::{StoreError, Tx};
use base::{AnySid, ApiError, FactorSid, Params};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{Target, entity_for, factor_view, room_for, service_of};
use crate::accounts::audit::{self, Actor};
use crate::accounts::store_error;
use crate::gateway::page::{Paging, v1};
use crate::gateway::{ApiResult, Call, Response};
use crate::resource::{Document, Refusal, store as documents};
use crate::verify::factors::model::{Factor, Kind};
use crate::verify::factors::rules::{self, code};
use crate::verify::factors::{Factors, push, qr as codes, sealed, store, told, totp};
use crate::verify::resources::SERVICE;

/// What a new factor is made of.
struct New {
    kind: Kind,
    friendly_name: String,
    metadata: Value,
    form: Params,
    /// A secret, should one be needed.
    secret: [u8; totp::SECRET_LEN],
}

/// The issuer that apps show.
fn issuer(service: &Document) -> &str {
    service.given("Totp.Issuer").unwrap_or(service.text("FriendlyName"))
}

/// What a new factor holds.
struct Bound {
    config: Map<String, Value>,
    /// As it is kept.
    binding: Vec<u8>,
    /// As it is shown once.
    shown: Map<String, Value>,
}

fn bind(new: &New, service: &Document) -> Result<Bound, ApiError> {
    let mut config = Map::new();
    let mut shown = Map::new();
    if new.kind == Kind::Push {
        rules::push_config(&new.form, &mut config, true)?;
        let binding = rules::push_key(&new.form)?;
        shown.insert("alg".into(), "ES256".into());
        shown.insert("public_key".into(), new.form.get("Binding.PublicKey").into());
        return Ok(Bound { config, binding, shown });
    }
    config.extend(rules::totp_defaults(service));
    rules::totp_config(&new.form, &mut config)?;
    let binding = rules::totp_secret(&new.form)?.unwrap_or_else(|| new.secret.to_vec());
    shown.insert("secret".into(), totp::encode(&binding).into());
    Ok(Bound { config, binding, shown })
}

fn read_new(call: &Call, target: &Target, random: [u8; 32]) -> Result<New, ApiError> {
    rules::identity(&target.identity)?;
    let form = call.request.form.clone();
    let kind = match form.get("FactorType").and_then(Kind::from_name) {
        Some(kind @ (Kind::Totp | Kind::Push)) => kind,
        _ => return Err(ApiError::new(code::FACTOR_TYPE, "FactorType must be totp or push")),
    };
    let friendly_name = rules::friendly_name(form.get("FriendlyName"))?.to_owned();
    let metadata = rules::texts(&form, "Metadata")?;
    let mut secret = [0; totp::SECRET_LEN];
    secret.copy_from_slice(&random[..totp::SECRET_LEN]);
    Ok(New { kind, friendly_name, metadata, form, secret })
}

/// A device registers itself with a token that is for this entity, and nothing else.
fn may_create(tx: &mut Tx<'_>, target: &Target, kind: Kind) -> Result<(), Refusal> {
    let Some(device) = target.device else { return Ok(()) };
    let token = match device.cast() {
        Some(sid) => store::find_token(tx, target.account, sid)?,
        None => None,
    };
    let fits = token.is_some_and(|token| {
        kind == Kind::Push && token.service == target.service && token.identity == target.identity
    });
    if fits {
        return Ok(());
    }
    let text = "The access token does not allow to create this factor";
    Err(ApiError::new(code::NOT_ALLOWED, text).into())
}

pub(super) async fn create(state: Arc<Factors>, call: Call) -> ApiResult {
    let target = Target::of(&call)?;
    let new = read_new(&call, &target, (state.random)())?;
    let (actor, own) = (Actor::of(&call), Arc::clone(&state));
    let root = target.root.clone();
    let unit = move |tx: &mut Tx<'_>| {
        let found = service_of(tx, target.account, target.service)?;
        let service = found.ok_or_else(|| target.missing.clone())?;
        may_create(tx, &target, new.kind)?;
        let Bound { config, binding, mut shown } = bind(&new, &service)?;
        let entity = entity_for(tx, target.account, target.service, &target.identity)?;
        room_for(tx, &entity, new.kind)?;
        let now = tx.now();
        let mut factor = Factor {
            sid: tx.new_sid(),
            account: target.account,
            service: target.service,
            entity: entity.sid,
            identity: entity.identity,
            kind: new.kind,
            friendly_name: new.friendly_name,
            verified: false,
            config,
            metadata: new.metadata,
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
        factor.seal(&own.master, tx.random().nonce(), &binding);
        store::insert_factor(tx, &mut factor)?;
        noted(tx, &actor, &factor, "created")?;
        told::factor(tx, &own.outbox, "factor.created", &factor)?;
        if factor.kind == Kind::Totp {
            let name = &factor.friendly_name;
            let uri = totp::uri(&binding, factor.totp(), issuer(&service), name);
            let image = codes::svg(&uri).map(|svg| BASE64_STANDARD.encode(svg));
            let image = image.map(|image| format!("data:image/svg+xml;base64,{image}"));
            shown.insert("uri".into(), uri.into());
            shown.insert("qr".into(), image.into());
        }
        Ok::<_, Refusal>((factor, shown))
    };
    let (factor, shown) = state.store.write(unit).await.map_err(ApiError::from)?;
    let mut view = factor_view(&factor, &root);
    view["binding"] = shown.into();
    view["options"] = Value::Null;
    Ok(Response::created(&view))
}

/// Writes a change of a factor into the audit trail, without anything that is secret.
pub(super) fn noted(
    tx: &mut Tx<'_>,
    actor: &Actor,
    factor: &Factor,
    happened: &'static str,
) -> Result<(), StoreError> {
    let facts = json!({ "identity": factor.identity, "factor_type": factor.kind.name() });
    audit::note(tx, actor, factor.account, ("verify-factor", happened), factor.sid.into(), facts)
}

pub(super) async fn fetch(state: Arc<Factors>, call: Call) -> ApiResult {
    let (target, sid) = (Target::of(&call)?, call.request.sid::<FactorSid>("Sid")?);
    let account = target.account;
    let found = state.store.read(move |reader| store::find_factor(reader, account, sid)).await;
    let found = found.map_err(store_error)?.filter(|factor| target.holds(factor));
    let factor = found.ok_or_else(|| call.request.not_found())?;
    Ok(Response::ok(&factor_view(&factor, &target.root)))
}

pub(super) async fn list(state: Arc<Factors>, call: Call) -> ApiResult {
    let (target, paging) = (Target::of(&call)?, Paging::of(&call.request)?);
    let (cursor, limit) = (paging.neighbour()?, paging.size + 1);
    let (root, missing) = (target.root.clone(), target.missing.clone());
    let read = state.store.read(move |reader| {
        let Some(entity) = target.entity(reader)? else { return Ok::<_, StoreError>(None) };
        store::list_factors(reader, entity.sid, cursor, limit).map(Some)
    });
    let factors = read.await.map_err(store_error)?.ok_or(missing)?;
    let view = |factor: &Factor| factor_view(factor, &root);
    let page = paging.page(factors, |factor| factor.sid.to_string(), view);
    Ok(Response::ok(&v1(&call.request, &paging, "factors", page)))
}

/// Changes of a factor's name and config, and its first proof.
pub(super) async fn update(state: Arc<Factors>, call: Call) -> ApiResult {
    let (target, sid) = (Target::of(&call)?, call.request.sid::<FactorSid>("Sid")?);
    let (actor, own) = (Actor::of(&call), Arc::clone(&state));
    let root = target.root.clone();
    let form = call.request.form;
    let unit = move |tx: &mut Tx<'_>| {
        let found = store::find_factor(tx, target.account, sid)?;
        let mut factor = found.filter(|factor| target.holds(factor)).ok_or(target.missing)?;
        let mut happened = None;
        if configure(&form, &mut factor)? {
            happened = Some("verify.factor.updated");
        }
        let payload = form.get("AuthPayload").filter(|text| !text.is_empty());
        let mut proved = false;
        if let Some(payload) = payload.filter(|_| !factor.verified) {
            proved = prove(tx, &own, &mut factor, payload)?;
        }
        if proved {
            factor.verified = true;
            happened = Some("verify.factor.verified");
        }
        store::save_factor(tx, &mut factor, happened)?;
        if proved {
            noted(tx, &actor, &factor, "verified")?;
            told::factor(tx, &own.outbox, "factor.verified", &factor)?;
        }
        let refused = payload.is_some() && !factor.verified && factor.kind == Kind::Push;
        Ok::<_, Refusal>((factor, refused))
    };
    let (factor, refused) = state.store.write(unit).await.map_err(ApiError::from)?;
    if refused {
        let text = "The signature is not of this factor's key";
        return Err(ApiError::new(code::FACTOR_CHECK, text));
    }
    Ok(Response::ok(&factor_view(&factor, &root)))
}

/// Takes what may be changed; answers whether anything was given.
fn configure(form: &Params, factor: &mut Factor) -> Result<bool, ApiError> {
    let name = form.get("FriendlyName").filter(|name| !name.is_empty());
    if let Some(name) = name {
        factor.friendly_name = rules::friendly_name(Some(name))?.to_owned();
    }
    let given = form.prefixed("Config.").next().is_some();
    match factor.kind {
        Kind::Totp => {
            let before = factor.totp().step_s;
            rules::totp_config(form, &mut factor.config)?;
            factor.used = rules::used_in_steps(factor.used, before, factor.totp().step_s);
        }
        Kind::Push if given => rules::push_config(form, &mut factor.config, false)?,
        Kind::Push | Kind::Passkeys => {}
    }
    Ok(given || name.is_some())
}

/// Whether a payload is the factor's first proof. A wrong one is counted; a wrong code is no
/// error: the factor stays unverified, as Twilio answers.
fn prove(
    tx: &mut Tx<'_>,
    own: &Factors,
    factor: &mut Factor,
    payload: &str,
) -> Result<bool, Refusal> {
    let now = tx.now();
    rules::may_try(factor, now)?;
    if now >= factor.created_at + rules::STALE {
        let text = "The factor was not verified within a day; create another";
        return Err(ApiError::new(code::FACTOR_CHECK, text).into());
    }
    let binding = factor.open(&own.master).ok_or_else(sealed)?;
    Ok(match factor.kind {
        Kind::Totp => rules::try_code(factor, &binding, payload, now),
        Kind::Push => {
            let fits = push::verify(&binding, factor.sid.to_string().as_bytes(), payload);
            if !fits {
                rules::count_wrong(factor, now);
            }
            fits
        }
        Kind::Passkeys => {
            let text = "A passkey is verified by Passkeys/VerifyFactor";
            return Err(ApiError::new(code::FACTOR_CHECK, text).into());
        }
    })
}

pub(super) async fn delete(state: Arc<Factors>, call: Call) -> ApiResult {
    let (target, sid) = (Target::of(&call)?, call.request.sid::<FactorSid>("Sid")?);
    let (actor, outbox) = (Actor::of(&call), Arc::clone(&state.outbox));
    let unit = move |tx: &mut Tx<'_>| {
        let found = store::find_factor(tx, target.account, sid)?;
        let mut factor = found.filter(|factor| target.holds(factor)).ok_or(target.missing)?;
        store::delete_factor(tx, &mut factor)?;
        noted(tx, &actor, &factor, "deleted")?;
        told::factor(tx, &outbox, "factor.deleted", &factor)?;
        Ok::<_, Refusal>(())
    };
    state.store.write(unit).await.map_err(ApiError::from)?;
    Ok(Response::deleted())
}

/// The QR code of an app's factor that was not proved yet: SVG, or PNG when `Format` says so.
pub(super) async fn qr(state: Arc<Factors>, call: Call) -> ApiResult {
    let (account, sid) = (call.caller.account_sid(), call.request.sid::<FactorSid>("Sid")?);
    let read = state.store.read(move |reader| {
        let Some(factor) = store::find_factor(reader, account, sid)? else { return Ok(None) };
        let service = AnySid { prefix: *b"VA", bytes: factor.service };
        let service = documents::find(reader, &SERVICE, account, service)?;
        Ok::<_, StoreError>(service.map(|service| (factor, service)))
    });
    let found = read.await.map_err(store_error)?;
    let found = found.filter(|(factor, _)| factor.kind == Kind::Totp);
    let (factor, service) = found.ok_or_else(|| call.request.not_found())?;
    if factor.verified {
        let text = "The factor is verified: its secret is not shown again";
        return Err(ApiError::new(code::FACTOR_STATUS, text));
    }
    let secret = factor.open(&state.master).ok_or_else(|| ApiError::from(sealed()))?;
    let uri = totp::uri(&secret, factor.totp(), issuer(&service), &factor.friendly_name);
    let (kind, image) = match call.request.query.get("Format").unwrap_or("svg") {
        "svg" => ("image/svg+xml", codes::svg(&uri).map(String::into_bytes)),
        "png" => ("image/png", codes::png(&uri)),
        _ => return Err(ApiError::new(code::PARAMETER, "Format must be svg or png")),
    };
    let image = image.ok_or_else(ApiError::internal)?;
    Ok(Response::bytes(StatusCode::OK, kind, image.into()).with("cache-control", "no-store"))
}
