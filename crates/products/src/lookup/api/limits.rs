//! Rate limits: buckets that an account sets itself, beside those of the installation.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::{ApiError, code};
use serde_json::{Value, json};

use super::{field, json_body, packages};
use crate::accounts::store_error;
use crate::gateway::{ApiResult, Call, Request, Response};
use crate::lookup::model::Package;
use crate::lookup::rules::Bucket;
use crate::lookup::{Lookup, settings, store};
use crate::resource::Refusal;

/// Buckets of an account at most.
const BUCKETS_MAX: usize = 100;

/// Look-ups that a bucket holds at most.
const LIMIT_MAX: u64 = 1_000_000_000;

/// Seconds until a bucket is empty again, at most: thirty days.
const TTL_MAX_S: u64 = 30 * 24 * 60 * 60;

/// Characters of a bucket's name at most.
const NAME_MAX: usize = 64;

fn view(package: Package, bucket: &Bucket, owner: &str) -> Value {
    json!({
        "field": package.name(),
        "bucket": bucket.name,
        "limit": bucket.limit,
        "ttl": bucket.ttl_s,
        "owner": owner,
    })
}

/// The bucket that a path names.
fn name(request: &Request) -> Result<String, ApiError> {
    let name = request.segment("Bucket");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(plain) {
        let text = format!("Bucket takes 1 to {NAME_MAX} letters, digits, -, _ and dots");
        return Err(ApiError::new(code::BAD_REQUEST, text));
    }
    Ok(name.to_owned())
}

/// `GET /v2/RateLimits`, by `Fields`.
pub(super) async fn list(state: Arc<Lookup>, call: Call) -> ApiResult {
    let account = call.caller.account_sid();
    let fields = call.request.query.get_all("Fields").flat_map(|text| text.split(','));
    let wanted: BTreeSet<Package> = packages(fields)?;
    let read = state.store.read(move |reader| store::buckets(reader, account));
    let own = read.await.map_err(store_error)?;
    let owner = account.to_string();
    let own = own.iter().map(|(package, bucket)| (package, view(*package, bucket, &owner)));
    let ours = state.held.ours().iter();
    let ours = ours.map(|(package, bucket)| (package, view(*package, bucket, settings::OURS)));
    let shown = own.chain(ours).filter(|(of, _)| wanted.is_empty() || wanted.contains(of));
    let shown: Vec<Value> = shown.map(|(_, view)| view).collect();
    Ok(Response::ok(&json!({ "rate_limits": shown })))
}

/// `GET` of one.
pub(super) async fn fetch(state: Arc<Lookup>, call: Call) -> ApiResult {
    let (package, name) = (field(&call.request)?, name(&call.request)?);
    let account = call.caller.account_sid();
    let read = state.store.read(move |reader| store::buckets(reader, account));
    let own = read.await.map_err(store_error)?;
    let is = |one: &&(Package, Bucket)| one.0 == package && one.1.name == name;
    let found = own.iter().find(is).map(|(_, bucket)| view(package, bucket, &account.to_string()));
    let ours = || {
        let found = state.held.ours().iter().find(is);
        found.map(|(_, bucket)| view(package, bucket, settings::OURS))
    };
    let found = found.or_else(ours).ok_or_else(|| call.request.not_found())?;
    Ok(Response::ok(&found))
}

/// `PUT`: makes a bucket or changes it.
pub(super) async fn update(state: Arc<Lookup>, call: Call) -> ApiResult {
    let refused = |text: String| ApiError::new(code::BAD_REQUEST, text);
    let (package, name) = (field(&call.request)?, name(&call.request)?);
    if name == settings::OURS {
        return Err(refused(format!("The bucket '{name}' is the installation's own")));
    }
    let body = json_body(&call.request)?;
    let number = |member: &str, range: std::ops::RangeInclusive<u64>| {
        let found = body.get(member).and_then(Value::as_u64);
        let found = found.filter(|number| range.contains(number));
        let found = found.and_then(|number| u32::try_from(number).ok());
        let said = || format!("{member} must be a number, {} to {}", range.start(), range.end());
        found.ok_or_else(|| refused(said()))
    };
    let (limit, ttl_s) = (number("limit", 0..=LIMIT_MAX)?, number("ttl", 1..=TTL_MAX_S)?);
    let bucket = Bucket { name, limit, ttl_s };
    let account = call.caller.account_sid();
    let unit = state.store.write(move |tx| {
        let known = store::buckets(tx, account)?;
        let there = known.iter().any(|(of, one)| *of == package && one.name == bucket.name);
        if !there && known.len() >= BUCKETS_MAX {
            let text = format!("An account has at most {BUCKETS_MAX} buckets");
            return Err(ApiError::new(code::BAD_REQUEST, text).into());
        }
        store::put_bucket(tx, account, package, &bucket)?;
        Ok::<_, Refusal>(bucket)
    });
    let written = unit.await.map_err(ApiError::from);
    state.held.forget(account);
    Ok(Response::ok(&view(package, &written?, &account.to_string())))
}

/// `DELETE`.
pub(super) async fn remove(state: Arc<Lookup>, call: Call) -> ApiResult {
    let (package, name) = (field(&call.request)?, name(&call.request)?);
    let account = call.caller.account_sid();
    let unit = state.store.write(move |tx| store::remove_bucket(tx, account, package, &name));
    let removed = unit.await.map_err(store_error);
    state.held.forget(account);
    if removed? { Ok(Response::deleted()) } else { Err(call.request.not_found()) }
}
