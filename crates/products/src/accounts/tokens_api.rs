//! A second Auth Token, so that the first can be changed without a gap: `accounts.twilio.com/v1`.

use std::sync::Arc;

use http::Method;
use serde_json::json;

use crate::accounts::audit::Actor;
use crate::accounts::{Account, Accounts, Permission, Verb};
use crate::gateway::{Answering, ApiResult, Call, Response, Routes};

const SECONDARY: &str = "/v1/AuthTokens/Secondary";
const PROMOTE: &str = "/v1/AuthTokens/Promote";

pub(crate) fn routes(routes: &mut Routes, accounts: &Arc<Accounts>) {
    type Handler = fn(Arc<Accounts>, Call) -> Answering;
    let list: [(Method, &str, Verb, Handler); 3] = [
        (Method::POST, SECONDARY, Verb::Create, |s, c| Box::pin(create(s, c))),
        (Method::DELETE, SECONDARY, Verb::Delete, |s, c| Box::pin(delete(s, c))),
        (Method::POST, PROMOTE, Verb::Update, |s, c| Box::pin(promote(s, c))),
    ];
    for (method, path, verb, handler) in list {
        let permission = Permission::new("accounts/auth-tokens", verb);
        routes.on("accounts", method, path, permission, accounts, handler);
    }
}

async fn create(accounts: Arc<Accounts>, call: Call) -> ApiResult {
    let account =
        accounts.make_secondary_token(call.caller.account_sid(), Actor::of(&call)).await?;
    let token = account.secondary_token.as_ref().map(|token| token.expose().to_owned());
    Ok(Response::created(&view(&account, &call, "secondary_auth_token", token)))
}

async fn delete(accounts: Arc<Accounts>, call: Call) -> ApiResult {
    let (sid, missing) = (call.caller.account_sid(), call.request.not_found());
    accounts.delete_secondary_token(sid, Actor::of(&call), missing).await?;
    Ok(Response::deleted())
}

async fn promote(accounts: Arc<Accounts>, call: Call) -> ApiResult {
    let sid = call.caller.account_sid();
    let account =
        accounts.promote_secondary_token(sid, Actor::of(&call), call.request.not_found()).await?;
    let token = Some(account.auth_token.expose().to_owned());
    Ok(Response::ok(&view(&account, &call, "auth_token", token)))
}

fn view(account: &Account, call: &Call, name: &str, token: Option<String>) -> serde_json::Value {
    json!({
        "account_sid": account.sid.to_string(),
        name: token,
        "date_created": account.created_at.to_iso8601(),
        "date_updated": account.updated_at.to_iso8601(),
        "url": format!("{}{}", call.request.place.root, call.request.path),
    })
}
