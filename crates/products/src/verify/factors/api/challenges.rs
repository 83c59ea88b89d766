//! Challenges of factors of the kinds `totp` and `push`, and notifications of them.

use std::sync::Arc;

use ::store::{StoreError, Tx};
use base::{ApiError, ChallengeSid, FactorSid};
use serde_json::{Value, json};

use super::{Target, challenge_view, service_of};
use crate::accounts::store_error;
use crate::gateway::page::{Paging, v1};
use crate::gateway::{ApiResult, Call, Response};
use crate::resource::Refusal;
use crate::verify::factors::model::{Challenge, Content, Factor, Kind, Status};
use crate::verify::factors::rules::{self, code};
use crate::verify::factors::store::Filter;
use crate::verify::factors::{Factors, push, sealed, store, told};
use crate::verify::resources::SERVICE;

/// Names what a device has to sign.
const SIGNED_HEADER: &str = "twilio-verify-signature-fields";

/// Seconds that a notification is valid.
const NOTICE_TTL_S: i64 = 300;

/// The factor that a challenge is for.
fn factor_for(tx: &mut Tx<'_>, target: &Target, sid: FactorSid) -> Result<Factor, Refusal> {
    let found = store::find_factor(tx, target.account, sid)?;
    let no_factor = || ApiError::new(code::NO_FACTOR, format!("There is no factor {sid}"));
    let factor = found.filter(|factor| target.holds(factor)).ok_or_else(no_factor)?;
    if factor.kind == Kind::Passkeys {
        let text = "A passkey is challenged by Passkeys/Challenges";
        return Err(ApiError::new(code::FACTOR_TYPE, text).into());
    }
    if !factor.verified {
        let text = format!("The factor {sid} is not verified");
        return Err(ApiError::new(code::UNVERIFIED, text).into());
    }
    Ok(factor)
}

pub(super) async fn create(state: Arc<Factors>, call: Call) -> ApiResult {
    let target = Target::of(&call)?;
    let root = target.root.clone();
    let form = call.request.form;
    let sid: FactorSid = form
        .get("FactorSid")
        .and_then(|sid| sid.parse().ok())
        .ok_or_else(|| ApiError::new(code::FACTOR_SID, "FactorSid must be a factor's SID"))?;
    let own = Arc::clone(&state);
    let unit = move |tx: &mut Tx<'_>| {
        let found = service_of(tx, target.account, target.service)?;
        let service = found.ok_or_else(|| target.missing.clone())?;
        let mut factor = factor_for(tx, &target, sid)?;
        let now = tx.now();
        let since = now - rules::CHALLENGES_WINDOW;
        if store::count_challenges(tx, factor.entity, since)? >= rules::CHALLENGES_MAX {
            let text = "Too many challenges for this entity; try again later";
            return Err(ApiError::new(code::CHALLENGES, text).into());
        }
        let date = service.flag("Push.IncludeDate") && factor.kind == Kind::Push;
        let content = Content {
            details: rules::details(&form, factor.kind, date.then_some(now))?,
            hidden_details: rules::texts(&form, "HiddenDetails")?,
            metadata: Value::Null,
        };
        let expires_at = rules::expiration(&form, now)?;
        let mut challenge = new_challenge(tx, &target, factor.kind, expires_at);
        challenge.identity.clone_from(&factor.identity);
        (challenge.entity, challenge.factor) = (Some(factor.entity), Some(factor.sid));
        challenge.seal(&own.master, tx.random().nonce(), &content);
        store::insert_challenge(tx, &mut challenge)?;
        let payload = form.get("AuthPayload").filter(|text| !text.is_empty());
        if let Some(payload) = payload.filter(|_| factor.kind == Kind::Totp) {
            try_code(tx, &own, (&mut challenge, &content), &mut factor, payload)?;
        } else if factor.kind == Kind::Push {
            told::challenge(
                tx,
                &own.outbox,
                "challenge.notified",
                &factor,
                (&challenge, &content),
            )?;
        }
        Ok::<_, Refusal>((challenge, content, now))
    };
    let (challenge, content, now) = state.store.write(unit).await.map_err(ApiError::from)?;
    Ok(Response::created(&challenge_view(&challenge, &content, now, &root)))
}

/// A challenge about to be written, of nobody yet.
pub(super) fn new_challenge(
    tx: &mut Tx<'_>,
    target: &Target,
    kind: Kind,
    expires_at: base::Instant,
) -> Challenge {
    let now = tx.now();
    Challenge {
        sid: tx.new_sid(),
        account: target.account,
        service: target.service,
        entity: None,
        identity: String::new(),
        factor: None,
        kind,
        status: Status::Pending,
        salt: tx.random().salt(),
        content: Vec::new(),
        expires_at,
        responded_at: None,
        wrong: 0,
        created_at: now,
        updated_at: now,
        event: (0, 0),
    }
}

/// Tries a code. A wrong one is no error: the challenge stays pending, as Twilio answers.
fn try_code(
    tx: &mut Tx<'_>,
    own: &Factors,
    (challenge, content): (&mut Challenge, &Content),
    factor: &mut Factor,
    payload: &str,
) -> Result<(), Refusal> {
    let now = tx.now();
    rules::may_try(factor, now)?;
    let secret = factor.open(&own.master).ok_or_else(sealed)?;
    let right = rules::try_code(factor, &secret, payload, now);
    store::save_factor(tx, factor, None)?;
    if right {
        return respond(tx, own, (challenge, content), factor, true);
    }
    challenge.wrong += 1;
    Ok(store::save_challenge(tx, challenge, None)?)
}

/// Writes how a challenge was answered, and tells.
pub(super) fn respond(
    tx: &mut Tx<'_>,
    own: &Factors,
    (challenge, content): (&mut Challenge, &Content),
    factor: &Factor,
    approved: bool,
) -> Result<(), Refusal> {
    let (status, event, kind) = match approved {
        true => (Status::Approved, "verify.challenge.approved", "challenge.approved"),
        false => (Status::Denied, "verify.challenge.denied", "challenge.denied"),
    };
    challenge.status = status;
    challenge.responded_at = Some(tx.now());
    store::save_challenge(tx, challenge, Some(event))?;
    Ok(told::challenge(tx, &own.outbox, kind, factor, (challenge, content))?)
}

pub(super) async fn fetch(state: Arc<Factors>, call: Call) -> ApiResult {
    let (target, sid) = (Target::of(&call)?, call.request.sid::<ChallengeSid>("Sid")?);
    let account = target.account;
    let found = state.store.read(move |r| store::find_challenge(r, account, sid)).await;
    let found = found.map_err(store_error)?.filter(|found| target.holds_challenge(found));
    let challenge = found.ok_or_else(|| call.request.not_found())?;
    let content = challenge.open(&state.master);
    let view = challenge_view(&challenge, &content, state.store.now(), &target.root);
    let response = Response::ok(&view);
    match challenge.kind {
        Kind::Push => Ok(response.with(SIGNED_HEADER, push::SIGNED.join(","))),
        _ => Ok(response),
    }
}

pub(super) async fn list(state: Arc<Factors>, call: Call) -> ApiResult {
    let (target, paging) = (Target::of(&call)?, Paging::of(&call.request)?);
    let given = |name| call.request.query.get(name).filter(|text| !text.is_empty());
    let refuse = |text| ApiError::new(code::PARAMETER, text);
    let factor = given("FactorSid").map(|sid| sid.parse::<FactorSid>()).transpose();
    let factor = factor.map_err(|_| refuse("FactorSid must be a factor's SID"))?;
    let own = target.device.map(|device| device.cast::<FactorSid>());
    let factor = match own {
        None => factor,
        Some(own) if factor.is_none() || factor == own => own,
        Some(_) => return Err(target.missing),
    };
    let now = state.store.now();
    let status = given("Status").map(|name| Status::from_name(name).map(|status| (status, now)));
    let status = match status {
        Some(None) => return Err(refuse("Status must be pending, expired, approved or denied")),
        known => known.flatten(),
    };
    let descending = match given("Order").unwrap_or("asc") {
        "asc" => false,
        "desc" => true,
        _ => return Err(refuse("Order must be asc or desc")),
    };
    let (cursor, limit) = (paging.neighbour()?, paging.size + 1);
    let (root, missing) = (target.root.clone(), target.missing.clone());
    let read = state.store.read(move |reader| {
        let Some(entity) = target.entity(reader)? else { return Ok::<_, StoreError>(None) };
        let filter = Filter { entity: entity.sid, factor, status, descending };
        store::list_challenges(reader, &filter, cursor, limit).map(Some)
    });
    let challenges = read.await.map_err(store_error)?.ok_or(missing)?;
    let view = |challenge: &Challenge| {
        let content = challenge.open(&state.master);
        Value::Object(challenge_view(challenge, &content, now, &root))
    };
    let page = paging.page(challenges, |challenge| challenge.sid.to_string(), view);
    Ok(Response::ok(&v1(&call.request, &paging, "challenges", page)))
}

/// An answer to a challenge: a code, or what a device signed.
pub(super) async fn update(state: Arc<Factors>, call: Call) -> ApiResult {
    let (target, sid) = (Target::of(&call)?, call.request.sid::<ChallengeSid>("Sid")?);
    let (root, own) = (target.root.clone(), Arc::clone(&state));
    let form = call.request.form;
    let unit = move |tx: &mut Tx<'_>| {
        let found = store::find_challenge(tx, target.account, sid)?;
        let found = found.filter(|found| target.holds_challenge(found));
        let mut challenge = found.ok_or_else(|| target.missing.clone())?;
        let mut content = challenge.open(&own.master);
        let now = tx.now();
        let metadata = rules::texts(&form, "Metadata")?;
        if !metadata.is_null() {
            content.metadata = metadata;
            challenge.seal(&own.master, tx.random().nonce(), &content);
            store::save_challenge(tx, &mut challenge, None)?;
        }
        let payload = form.get("AuthPayload").filter(|text| !text.is_empty());
        let mut refused = false;
        if let Some(payload) = payload {
            rules::may_answer(&challenge, now)?;
            let factor = match challenge.factor {
                Some(sid) => store::find_factor(tx, target.account, sid)?,
                None => None,
            };
            let mut factor = factor.ok_or_else(|| target.missing.clone())?;
            let both = (&mut challenge, &content);
            match factor.kind {
                Kind::Totp => try_code(tx, &own, both, &mut factor, payload)?,
                Kind::Push => refused = !try_signed(tx, &own, both, &factor, payload)?,
                Kind::Passkeys => refused = true,
            }
        }
        Ok::<_, Refusal>((challenge, content, now, refused))
    };
    let (challenge, content, now, refused) =
        state.store.write(unit).await.map_err(ApiError::from)?;
    if refused {
        let text = "The answer is not signed by the factor, or is of another challenge";
        return Err(ApiError::new(code::CHALLENGE_CHECK, text));
    }
    Ok(Response::ok(&challenge_view(&challenge, &content, now, &root)))
}

/// Takes what a device signed; `false` when it does not fit, which is counted.
fn try_signed(
    tx: &mut Tx<'_>,
    own: &Factors,
    (challenge, content): (&mut Challenge, &Content),
    factor: &Factor,
    payload: &str,
) -> Result<bool, Refusal> {
    let key = factor.open(&own.master).ok_or_else(sealed)?;
    let view = challenge_view(challenge, content, tx.now(), "");
    let Some(approved) = push::answer(&key, &view, payload) else {
        challenge.wrong += 1;
        store::save_challenge(tx, challenge, None)?;
        return Ok(false);
    };
    respond(tx, own, (challenge, content), factor, approved)?;
    Ok(true)
}

/// Has a device notified again: what would be pushed goes to webhooks that ask for it.
pub(super) async fn notify(state: Arc<Factors>, call: Call) -> ApiResult {
    let (target, sid) = (Target::of(&call)?, call.request.sid::<ChallengeSid>("ChallengeSid")?);
    let ttl = call.request.form.get("Ttl").filter(|text| !text.is_empty());
    let ttl_s = ttl.map_or(Some(NOTICE_TTL_S), |text| text.parse().ok());
    let ttl_s = ttl_s.filter(|ttl| (0..=NOTICE_TTL_S).contains(ttl)).ok_or_else(|| {
        ApiError::new(code::PARAMETER, "Ttl must be a number of seconds from 0 to 300")
    })?;
    let own = Arc::clone(&state);
    let unit = move |tx: &mut Tx<'_>| {
        let found = store::find_challenge(tx, target.account, sid)?;
        let found = found.filter(|found| target.holds_challenge(found));
        let mut challenge = found.ok_or_else(|| target.missing.clone())?;
        rules::may_answer(&challenge, tx.now())?;
        let factor = match challenge.factor {
            Some(sid) => store::find_factor(tx, target.account, sid)?,
            None => None,
        };
        let factor = factor.filter(|f| f.kind == Kind::Push).ok_or_else(|| {
            ApiError::new(code::FACTOR_TYPE, "Only challenges of push factors are notified")
        })?;
        if factor.setting("notification_platform") == "none" {
            let text = "The factor's notification platform is none";
            return Err(ApiError::new(code::NO_PLATFORM, text).into());
        }
        let notice = store::insert_notice(tx, sid, ttl_s, rules::NOTICES_MAX)?;
        let notice = notice.ok_or_else(|| {
            ApiError::new(code::NOTICES, "The challenge was notified as often as it may be")
        })?;
        let content = challenge.open(&own.master);
        store::save_challenge(tx, &mut challenge, Some("verify.challenge.notified"))?;
        told::challenge(tx, &own.outbox, "challenge.notified", &factor, (&challenge, &content))?;
        Ok::<_, Refusal>((notice, challenge, tx.now()))
    };
    let (notice, challenge, now) = state.store.write(unit).await.map_err(ApiError::from)?;
    Ok(Response::created(&json!({
        "sid": notice,
        "account_sid": challenge.account,
        "service_sid": SERVICE.sid(challenge.service).to_string(),
        "entity_sid": challenge.entity,
        "identity": challenge.identity,
        "challenge_sid": challenge.sid,
        "priority": "high",
        "ttl": ttl_s,
        "date_created": now.to_iso8601(),
    })))
}
