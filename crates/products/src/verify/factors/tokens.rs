//! Access tokens: they let one device register itself as one entity's factor, within minutes.
//!
//! A token is a JWE (RFC 7516, `dir` with A256GCM) under the installation's key: nobody else can
//! read or make one.

use std::sync::Arc;
use std::time::Duration;

use ::store::{StoreError, Tx};
use base::{AccessTokenSid, AccountSid, ApiError, Instant, MasterKey};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::accounts::store_error;
use crate::gateway::{ApiResult, Call, Response};
use crate::resource::Refusal;
use crate::verify::factors::api::{service_of, service_sid};
use crate::verify::factors::rules::{self, code};
use crate::verify::factors::store::{self, AccessToken};
use crate::verify::factors::{Factors, sealed};

const HEADER: &str = r#"{"alg":"dir","enc":"A256GCM","cty":"twilio-fpa;v=1"}"#;

/// Octets of a nonce and of a tag of AES-GCM.
const NONCE: usize = 12;
const TAG: usize = 16;

/// How long tokens are kept to be looked at.
const KEPT: Duration = Duration::from_secs(60 * 60);

/// Writes a token of `claims`.
fn write(master: &MasterKey, nonce: [u8; NONCE], claims: &Value) -> String {
    let header = BASE64_URL_SAFE_NO_PAD.encode(HEADER);
    let all = master.seal(header.as_bytes(), nonce, claims.to_string().as_bytes());
    let part = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let (text, tag) = all[NONCE..].split_at(all.len() - NONCE - TAG);
    format!("{header}..{}.{}.{}", part(&all[..NONCE]), part(text), part(tag))
}

/// The claims of a token that is ours.
fn read(master: &MasterKey, token: &str) -> Option<Value> {
    let parts: Vec<&str> = token.splitn(6, '.').collect();
    let [header, "", nonce, text, tag] = parts[..] else { return None };
    let mut all = BASE64_URL_SAFE_NO_PAD.decode(nonce).ok()?;
    for part in [text, tag] {
        all.extend(BASE64_URL_SAFE_NO_PAD.decode(part).ok()?);
    }
    serde_json::from_slice(&master.open(header.as_bytes(), &all).ok()?).ok()
}

/// Whose token it is, if it is one of ours that has not ended.
pub(super) fn holder(
    master: &MasterKey,
    token: &str,
    now: Instant,
) -> Option<(AccountSid, AccessTokenSid)> {
    let claims = read(master, token)?;
    let now_s = now.micros().div_euclid(1_000_000);
    if claims["exp"].as_i64()? <= now_s {
        return None;
    }
    Some((claims["sub"].as_str()?.parse().ok()?, claims["jti"].as_str()?.parse().ok()?))
}

fn view(token: &AccessToken, text: &str, root: &str) -> Value {
    let service = crate::verify::resources::SERVICE.sid(token.service);
    json!({
        "sid": token.sid,
        "account_sid": token.account,
        "service_sid": service.to_string(),
        "entity_identity": token.identity,
        "factor_type": "push",
        "factor_friendly_name": token.friendly_name,
        "token": text,
        "ttl": token.ttl_s,
        "date_created": token.created_at.to_iso8601(),
        "url": format!("{root}/v2/Services/{service}/AccessTokens/{}", token.sid),
    })
}

/// `POST /v2/Services/{ServiceSid}/AccessTokens`
pub(super) async fn create(state: Arc<Factors>, call: Call) -> ApiResult {
    let form = &call.request.form;
    let refuse = |text: &str| ApiError::new(code::ACCESS_TOKEN, text);
    let given = form.get("Identity").unwrap_or_default();
    let identity = rules::identity(given).map_err(|error| refuse(&error.message))?.to_owned();
    if form.get("FactorType") != Some("push") {
        return Err(refuse("FactorType must be push"));
    }
    let name = form.get("FactorFriendlyName").filter(|name| !name.is_empty());
    if name.is_some_and(|name| name.chars().count() > 64) {
        return Err(refuse("FactorFriendlyName has more than 64 characters"));
    }
    let ttl_s = form.get("Ttl").filter(|ttl| !ttl.is_empty()).unwrap_or("60").parse().ok();
    let ttl_s: i64 = ttl_s
        .filter(|ttl| (60..=300).contains(ttl))
        .ok_or_else(|| refuse("Ttl must be a number of seconds from 60 to 300"))?;
    let friendly_name = name.map(str::to_owned);
    let (account, service, root) =
        (call.caller.account_sid(), service_sid(&call.request)?, call.request.place.root.clone());
    let (missing, master) = (call.request.not_found(), Arc::clone(&state.master));
    let unit = move |tx: &mut Tx<'_>| {
        let service = service_of(tx, account, service)?.ok_or(missing)?.sid.bytes;
        let (sid, now) = (tx.new_sid::<AccessTokenSid>(), tx.now());
        let ends_s = now.micros().div_euclid(1_000_000) + ttl_s;
        let grants = json!({ "identity": identity });
        let claims = json!({ "jti": sid, "sub": account, "exp": ends_s, "grants": grants });
        let text = write(&master, tx.random().nonce(), &claims);
        let context = sid.to_string();
        let token = master.seal(context.as_bytes(), tx.random().nonce(), text.as_bytes());
        let created_at = now;
        let made = AccessToken {
            sid,
            account,
            service,
            identity,
            friendly_name,
            ttl_s,
            token,
            created_at,
        };
        store::insert_token(tx, &made, now - KEPT)?;
        Ok::<_, Refusal>((made, text))
    };
    let (made, text) = state.store.write(unit).await.map_err(ApiError::from)?;
    Ok(Response::created(&view(&made, &text, &root)))
}

/// `GET /v2/Services/{ServiceSid}/AccessTokens/{Sid}`
pub(super) async fn fetch(state: Arc<Factors>, call: Call) -> ApiResult {
    let (account, sid) = (call.caller.account_sid(), call.request.sid::<AccessTokenSid>("Sid")?);
    let service = service_sid(&call.request)?;
    let read = state.store.read(move |reader| {
        Ok::<_, StoreError>(
            store::find_token(reader, account, sid)?.filter(|token| token.service == service),
        )
    });
    let token = read.await.map_err(store_error)?.ok_or_else(|| call.request.not_found())?;
    let text = state.master.open(sid.to_string().as_bytes(), &token.token).ok();
    let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.ok_or_else(|| ApiError::from(sealed()))?;
    Ok(Response::ok(&view(&token, &text, &call.request.place.root)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_here_alone_and_ends() {
        let (master, other) = (MasterKey::new([1; 32]), MasterKey::new([2; 32]));
        let digits = "0123456789abcdef".repeat(2);
        let (account, sid) = (format!("AC{digits}"), format!("YK{digits}"));
        let claims = json!({ "jti": sid, "sub": account, "exp": 1_000 });
        let token = write(&master, [7; 12], &claims);
        let at = Instant::from_secs;
        let (found_account, found) = holder(&master, &token, at(999)).expect("a token");
        assert_eq!((found_account.to_string(), found.to_string()), (account, sid));
        assert!(holder(&master, &token, at(1_000)).is_none(), "it has ended");
        assert!(holder(&other, &token, at(999)).is_none(), "another installation");
        for bad in ["", "....", &token[1..], &token.replace("..", ".x."), &format!("{token}.x")] {
            assert!(holder(&master, bad, at(999)).is_none(), "{bad}");
        }
    }
}
