//! Addresses of STUN and TURN servers, with credentials that come to an end: `Tokens` of the
//! 2010-04-01 API. There only where the operator names such servers.

use std::sync::Arc;

use base::{AccountSid, ApiError, Instant, Params, Secret, code, signature};
use http::Method;
use serde_json::{Value, json};

use crate::accounts::{Accounts, Permission, Verb};
use crate::gateway::{ApiResult, Call, Response, Routes};

const PATH: &str = "/2010-04-01/Accounts/{AccountSid}/Tokens";

/// Seconds for which credentials hold when nobody says (24 hours), and at most.
const TTL_DEFAULT_S: u32 = 86_400;

/// What a token is made of.
pub struct Ice {
    /// `stun:host:3478`, `turn:host:3478?transport=udp`.
    pub servers: Vec<String>,
    /// What the TURN servers share with us.
    pub secret: Option<Secret>,
    /// Knows the time.
    pub accounts: Arc<Accounts>,
}

/// Adds the route, if there are servers.
pub fn routes(routes: &mut Routes, ice: Ice) {
    if ice.servers.is_empty() {
        return;
    }
    let permission = Permission::new("api/tokens", Verb::Create);
    routes.on("api", Method::POST, PATH, permission, &Arc::new(ice), create);
}

async fn create(ice: Arc<Ice>, call: Call) -> ApiResult {
    let ttl_s = match call.request.form.get("Ttl").filter(|text| !text.is_empty()) {
        None => TTL_DEFAULT_S,
        Some(text) => {
            text.parse().ok().filter(|seconds| (1..=TTL_DEFAULT_S).contains(seconds)).ok_or_else(
                || {
                    let text = "Ttl must be a number of seconds from 1 to 86400";
                    ApiError::new(code::BAD_REQUEST, text)
                },
            )?
        }
    };
    let now = ice.accounts.store().now();
    Ok(Response::created(&token(&ice, call.caller.account_sid(), now, ttl_s)))
}

/// Credentials as TURN servers with a shared secret check them: the name is when they end, the
/// password its HMAC-SHA1 under the secret (draft-uberti-behave-turn-rest §2.2).
fn token(ice: &Ice, account: AccountSid, now: Instant, ttl_s: u32) -> Value {
    let ends = now.micros() / 1_000_000 + i64::from(ttl_s);
    let name = format!("{ends}:{account}");
    let password = ice.secret.as_ref().map(|key| signature::sign(key, &name, &Params::default()));
    let server = |url: &String| match &password {
        Some(password) if url.starts_with("turn") => {
            json!({ "urls": url, "username": name, "credential": password })
        }
        _ => json!({ "urls": url }),
    };
    let at = now.to_rfc2822();
    json!({
        "account_sid": account.to_string(),
        "date_created": at,
        "date_updated": at,
        "ice_servers": ice.servers.iter().map(server).collect::<Vec<_>>(),
        "username": name,
        "password": password,
        "ttl": ttl_s.to_string(),
    })
}
