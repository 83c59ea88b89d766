//! HTTP Basic: an account's SID and Auth Token, or an API key's SID and secret. Without it, a
//! session's cookie.

use std::sync::Arc;

use base::{AccountSid, AnySid, ApiError, KeySid, Secret};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::accounts::{Account, Accounts, Caller, Principal, Status, store_error};
use crate::gateway::Request;

/// Longest `Authorization` header that is looked at.
const HEADER_MAX: usize = 1_024;

impl Accounts {
    /// Finds who calls and for which account. 20003 on anything that does not fit.
    pub async fn authenticate(&self, request: &Request) -> Result<Caller, ApiError> {
        let (owner, principal) = match request.header("authorization") {
            Some(header) => self.by_basic(header).await?,
            None => self.by_session(request).await?,
        };
        let account = self.acted_for(owner, &principal, request).await?;
        refuse_inactive(&account, &principal, request)?;
        Ok(Caller { account, principal })
    }

    /// A device that its product knows, as a caller for its account.
    pub(crate) async fn device(
        &self,
        account: AccountSid,
        device: AnySid,
    ) -> Result<Caller, ApiError> {
        let found = self.find(account).await.map_err(store_error)?;
        let account = found.ok_or_else(ApiError::unauthorized)?;
        match account.status {
            Status::Active => Ok(Caller { account, principal: Principal::Device(device) }),
            _ => Err(ApiError::account_not_active()),
        }
    }

    async fn by_basic(&self, header: &str) -> Result<(Arc<Account>, Principal), ApiError> {
        let (user, password) = parse_basic(header).ok_or_else(ApiError::unauthorized)?;
        match user.as_bytes() {
            [b'A', b'C', ..] => self.by_token(&user, &password).await,
            [b'S', b'K', ..] => self.by_key(&user, &password).await,
            _ => Err(ApiError::unauthorized()),
        }
    }

    pub(super) async fn by_token(
        &self,
        user: &str,
        password: &Secret,
    ) -> Result<(Arc<Account>, Principal), ApiError> {
        let sid: AccountSid = user.parse().map_err(|_| ApiError::unauthorized())?;
        let found = self.find(sid).await.map_err(store_error)?;
        let account = found.ok_or_else(ApiError::unauthorized)?;
        let second = account.secondary_token.as_ref().is_some_and(|token| token == password);
        if account.auth_token != *password && !second {
            return Err(ApiError::unauthorized());
        }
        Ok((account, Principal::Token(sid)))
    }

    async fn by_key(
        &self,
        user: &str,
        password: &Secret,
    ) -> Result<(Arc<Account>, Principal), ApiError> {
        let sid: KeySid = user.parse().map_err(|_| ApiError::unauthorized())?;
        let found = self.find_key(sid).await.map_err(store_error)?;
        let key = found.filter(|key| key.secret == *password).ok_or_else(ApiError::unauthorized)?;
        let found = self.find(key.account).await.map_err(store_error)?;
        let account = found.ok_or_else(ApiError::unauthorized)?;
        Ok((account, Principal::Key(key)))
    }

    /// The account in the path: the caller's own, or one of its subaccounts. Strangers get the
    /// same answer as for an account that does not exist.
    async fn acted_for(
        &self,
        owner: Arc<Account>,
        principal: &Principal,
        request: &Request,
    ) -> Result<Arc<Account>, ApiError> {
        let named = named_account(request);
        if named.is_empty() {
            return Ok(owner);
        }
        let sid: AccountSid = named.parse().map_err(|_| request.not_found())?;
        if sid == owner.sid {
            return Ok(owner);
        }
        let found = self.find(sid).await.map_err(store_error)?;
        let child = found.filter(|child| child.parent == Some(owner.sid));
        let by_key = matches!(principal, Principal::Key(_));
        // A key belongs to one account; only the parent's token or owner opens its children.
        child.filter(|_| !by_key).ok_or_else(ApiError::unauthorized)
    }
}

/// The account that a request names: in its path, or, on the `iam` host, in a parameter.
fn named_account(request: &Request) -> &str {
    match request.segment("AccountSid") {
        "" if request.place.product == "iam" => {
            let given = request.form.get("AccountSid").or_else(|| request.query.get("AccountSid"));
            given.unwrap_or_default()
        }
        named => named,
    }
}

/// A closed account answers nothing, a suspended one answers reading only. Its parent may still
/// look at it and bring it back.
fn refuse_inactive(
    account: &Account,
    principal: &Principal,
    request: &Request,
) -> Result<(), ApiError> {
    let by_parent = match principal {
        Principal::Token(sid) => *sid != account.sid,
        Principal::Session(session) => session.account != account.sid,
        Principal::Key(_) | Principal::Device(_) => false,
    };
    let path = request.path.strip_suffix(".json").unwrap_or(&request.path);
    let managing = by_parent && path.ends_with(&account.sid.to_string());
    let reading = request.method == http::Method::GET;
    match account.status {
        Status::Active => Ok(()),
        _ if managing || (account.status == Status::Suspended && reading) => Ok(()),
        _ => Err(ApiError::account_not_active()),
    }
}

/// The user and the password of a header.
pub(crate) fn parse_basic(header: &str) -> Option<(String, Secret)> {
    if header.len() > HEADER_MAX {
        return None;
    }
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), Secret::new(password)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_headers_are_parsed_or_refused_whole() {
        let (user, password) = parse_basic("Basic QUMxOnQ6eA==").expect("AC1:t:x");
        assert_eq!((user.as_str(), &password), ("AC1", &Secret::new("t:x")));
        for bad in ["Bearer abc", "Basic", "Basic !!!", "Basic QUMx", &"x".repeat(5_000)] {
            assert!(parse_basic(bad).is_none(), "{bad}");
        }
    }
}
