//! Signing in and out.

use std::sync::Arc;

use base::{ApiError, Secret};
use http::StatusCode;
use serde_json::{Value, json};

use crate::accounts::sessions::{cookie, cookie_name};
use crate::accounts::{Account, Principal, Session, store_error};
use crate::console::{Console, pages, registry};
use crate::gateway::{ApiResult, Call, Request, Response};

/// As long as the session itself, in seconds.
const COOKIE_LASTS: u32 = 7 * 24 * 60 * 60;

/// Phones that a newcomer finds side by side.
const HANDSETS: [&str; 2] = ["+15558675310", "+15558675311"];

/// Who is signed in, and what the page needs to know.
pub(super) async fn show(state: Arc<Console>, call: Call) -> ApiResult {
    let session = match &call.caller.principal {
        Principal::Session(session) => Some(&**session),
        Principal::Token(_) | Principal::Key(_) | Principal::Device(_) => None,
    };
    Ok(Response::ok(&view(&state, &call.caller.account, session)))
}

fn view(state: &Console, account: &Account, session: Option<&Session>) -> Value {
    let person = session.and_then(|session| session.person.as_ref());
    let handsets: &[&str] = if state.dev { &HANDSETS } else { &[] };
    json!({
        "account": {
            "sid": account.sid.to_string(),
            "friendly_name": account.friendly_name,
            "type": account.kind.name(),
            "status": account.status.name(),
        },
        "person": person.map(|email| json!({ "email": email })),
        "csrf": session.map_or("", |session| &session.csrf),
        "mode": if state.dev { "dev" } else { "serve" },
        "version": env!("CARGO_PKG_VERSION"),
        "base_url": state.base_url,
        "handsets": handsets,
        "resources": registry::resources(),
    })
}

/// Begins a session by a name and a password.
pub(super) async fn sign_in(state: Arc<Console>, request: Request) -> ApiResult {
    refuse_other_sites(&request)?;
    let field = |name| request.form.get(name).unwrap_or_default();
    let token = state.accounts.sign_in(field("user"), field("password")).await?;
    let found = state.accounts.session(token.expose()).await.map_err(store_error)?;
    let session = found.ok_or_else(ApiError::unauthorized)?;
    let account = state.accounts.find(session.account).await.map_err(store_error)?;
    let account = account.ok_or_else(ApiError::unauthorized)?;
    let answer = Response::created(&view(&state, &account, Some(&session)));
    Ok(answer.with("set-cookie", set_cookie(&request, &token, COOKIE_LASTS)))
}

/// Begins a session by a one-time link.
pub(super) async fn follow_link(state: Arc<Console>, request: Request) -> ApiResult {
    let token = request.query.get("token").unwrap_or_default();
    match state.accounts.follow_link(token).await.map_err(store_error)? {
        Some(token) => {
            let cookie = set_cookie(&request, &token, COOKIE_LASTS);
            Ok(pages::redirect("/console/").with("set-cookie", cookie))
        }
        None => Ok(pages::redirect("/console/#/sign-in?expired=1")),
    }
}

/// Ends a session.
pub(super) async fn sign_out(state: Arc<Console>, call: Call) -> ApiResult {
    let request = &call.request;
    if let Some(token) = cookie(request) {
        state.accounts.sign_out(token).await.map_err(store_error)?;
    }
    let gone = set_cookie(request, &Secret::new(""), 0);
    Ok(Response::bytes(StatusCode::NO_CONTENT, "", bytes::Bytes::new()).with("set-cookie", gone))
}

/// The account's credentials, for the snippets that the page shows.
pub(super) async fn credentials(_: Arc<Console>, call: Call) -> ApiResult {
    let account = &call.caller.account;
    let json = json!({
        "account_sid": account.sid.to_string(),
        "auth_token": account.auth_token.expose(),
    });
    Ok(Response::ok(&json).with("cache-control", "no-store"))
}

/// A page elsewhere may not sign somebody in as somebody else.
fn refuse_other_sites(request: &Request) -> Result<(), ApiError> {
    match request.header("sec-fetch-site") {
        None | Some("same-origin" | "none") => Ok(()),
        Some(_) => Err(ApiError::forbidden("Sign in from the console's own page")),
    }
}

fn set_cookie(request: &Request, token: &Secret, seconds: u32) -> String {
    let secure = if request.place.root.starts_with("https:") { "; Secure" } else { "" };
    let (name, token) = (cookie_name(request), token.expose());
    format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}")
}
