//! Devices that come with HTTP Basic as `token`: with an access token to register themselves, and
//! later with a token that they sign with the registered key.

use std::sync::Arc;

use base::{AccountSid, AnySid, ApiError, FactorSid};
use serde_json::Value;

use crate::accounts::authenticate::parse_basic;
use crate::accounts::store_error;
use crate::gateway::{Admitting, Request};
use crate::verify::factors::model::{Factor, Kind};
use crate::verify::factors::push::Token;
use crate::verify::factors::{Factors, store, tokens};

/// The user name of devices.
const USER: &str = "token";

/// The name that a device knows its registered key by: the factor's SID with other letters.
pub(super) fn credential_sid(factor: &Factor) -> String {
    AnySid { prefix: *b"CR", ..AnySid::from(factor.sid) }.to_string()
}

/// Lets a device in where routes are open to devices; `None` when the caller is none.
pub(super) fn admit(state: &Arc<Factors>, request: &Request) -> Option<Admitting> {
    let (user, password) = parse_basic(request.header("authorization")?)?;
    if user != USER {
        return None;
    }
    let (state, token) = (Arc::clone(state), password.expose().to_owned());
    Some(Box::pin(async move {
        let (account, device) = match tokens::holder(&state.master, &token, state.store.now()) {
            Some((account, sid)) => (account, AnySid::from(sid)),
            None => registered(&state, &token).await?,
        };
        state.accounts.device(account, device).await
    }))
}

/// The factor whose device signed a token: its key is named in the header, its account claimed.
async fn registered(state: &Factors, text: &str) -> Result<(AccountSid, AnySid), ApiError> {
    let token = Token::parse(text).ok_or_else(ApiError::unauthorized)?;
    let name = |map: &serde_json::Map<String, Value>, name: &str| {
        map.get(name).and_then(Value::as_str).map(str::to_owned)
    };
    let kid: Option<AnySid> = name(&token.header, "kid").and_then(|kid| kid.parse().ok());
    let kid = kid.filter(|kid| kid.prefix == *b"CR").ok_or_else(ApiError::unauthorized)?;
    let sid: FactorSid = base::Sid::from_bytes(kid.bytes);
    let account: Option<AccountSid> = name(&token.claims, "sub").and_then(|sub| sub.parse().ok());
    let account = account.ok_or_else(ApiError::unauthorized)?;
    let found = state.store.read(move |reader| store::find_factor(reader, account, sid)).await;
    let factor = found.map_err(store_error)?.filter(|factor| factor.kind == Kind::Push);
    let key = factor.and_then(|factor| factor.open(&state.master));
    let now_s = state.store.now().micros().div_euclid(1_000_000);
    match key {
        Some(key) if token.verify(&key) && token.is_current(now_s) => Ok((account, sid.into())),
        _ => Err(ApiError::unauthorized()),
    }
}
