//! The routes beside the declared ones: tests of sinks, subscribed events, types and schemas.

use std::sync::Arc;

use ::store::{Store, StoreError, Tx};
use base::{AccountSid, AnySid, ApiError};
use http::Method;
use serde_json::{Value, json};

use crate::accounts::{Permission, Verb, store_error};
use crate::events::resources::{SINK, SUBSCRIPTION, bad, set_sink, version_of};
use crate::events::rules::Subscribed;
use crate::events::store;
use crate::events::types::{self, EventType, Schema, TYPES};
use crate::gateway::page::{Paging, v1};
use crate::gateway::{Answering, ApiResult, Call, Request, Response, Routes};
use crate::resource::{self, Refusal, Resource};

/// When types and schemas were made, as far as clients want a date.
const MADE: &str = "2026-11-24T00:00:00Z";

const SUBSCRIBED: &str = "/v1/Subscriptions/{SubscriptionSid}/SubscribedEvents";
const VERSIONS: &str = "/v1/Schemas/{Id}/Versions";

/// Adds the routes.
pub fn routes(routes: &mut Routes, store: &Arc<Store>) {
    type Handler = fn(Arc<Store>, Call) -> Answering;
    let mut on = |method, path: &str, what, verb, handler: Handler| {
        routes.on("events", method, path, Permission::new(what, verb), store, handler);
    };
    let (sinks, subscriptions, types) = ("events/sinks", "events/subscriptions", "events/types");
    let one = format!("{SUBSCRIBED}/{{Type}}");
    let version = format!("{VERSIONS}/{{SchemaVersion}}");
    on(Method::POST, "/v1/Sinks/{Sid}/Test", sinks, Verb::Update, |s, c| Box::pin(test(s, c)));
    on(Method::POST, "/v1/Sinks/{Sid}/Validate", sinks, Verb::Update, |s, c| {
        Box::pin(validate(s, c))
    });
    on(Method::GET, SUBSCRIBED, subscriptions, Verb::List, |s, c| Box::pin(list(s, c)));
    on(Method::POST, SUBSCRIBED, subscriptions, Verb::Update, |s, c| Box::pin(add(s, c)));
    on(Method::GET, &one, subscriptions, Verb::Read, |s, c| Box::pin(fetch(s, c)));
    on(Method::POST, &one, subscriptions, Verb::Update, |s, c| Box::pin(change(s, c)));
    on(Method::DELETE, &one, subscriptions, Verb::Update, |s, c| Box::pin(remove(s, c)));
    on(Method::GET, "/v1/Types", types, Verb::List, |_, c| {
        Box::pin(async move { list_types(&c.request) })
    });
    on(Method::GET, "/v1/Types/{Type}", types, Verb::Read, |_, c| {
        Box::pin(async move { fetch_type(&c.request) })
    });
    on(Method::GET, "/v1/Schemas/{Id}", types, Verb::Read, |_, c| {
        Box::pin(async move { fetch_schema(&c.request) })
    });
    on(Method::GET, VERSIONS, types, Verb::List, |_, c| {
        Box::pin(async move { list_versions(&c.request) })
    });
    on(Method::GET, &version, types, Verb::Read, |_, c| {
        Box::pin(async move { fetch_version(&c.request) })
    });
    // What an event's `dataschema` names; receivers have no credentials to read it with.
    routes.open("events", Method::GET, "/schemas/{Id}/{SchemaVersion}", store, |_, request| {
        let answer = raw(&request);
        async move { answer }
    });
}

/// The document that a segment names, or 404.
async fn held(
    store: &Store,
    call: &Call,
    resource: &'static Resource,
    segment: &str,
) -> Result<(AccountSid, AnySid, [u8; 16]), ApiError> {
    let account = call.caller.account_sid();
    let sid: AnySid =
        call.request.segment(segment).parse().map_err(|_| call.request.not_found())?;
    let read = store.read(move |reader| resource::store::find(reader, resource, account, sid));
    let document = read.await.map_err(store_error)?.ok_or_else(|| call.request.not_found())?;
    let sink: Option<AnySid> = document.text("SinkSid").parse().ok();
    Ok((account, sid, sink.unwrap_or(sid).bytes))
}

/// Has a test event sent.
async fn test(store: Arc<Store>, call: Call) -> ApiResult {
    let (account, _, sink) = held(&store, &call, &SINK, "Sid").await?;
    store.write(move |tx| store::test(tx, account, sink)).await.map_err(store_error)?;
    Ok(Response::created(&json!({ "result": "submitted" })))
}

/// Sinks need no validation any more, Twilio's neither: any test's id is answered so.
async fn validate(store: Arc<Store>, call: Call) -> ApiResult {
    let (account, sid, _) = held(&store, &call, &SINK, "Sid").await?;
    if call.request.form.get("TestId").unwrap_or_default().is_empty() {
        return Err(bad("TestId is missing"));
    }
    let unit = move |tx: &mut Tx<'_>| set_sink(tx, account, sid, "Status", "active".into());
    store.write(unit).await.map_err(ApiError::from)?;
    Ok(Response::created(&json!({ "result": "valid" })))
}

/// What a subscription has, in the order of the names.
async fn of_subscription(store: &Store, call: &Call) -> Result<Vec<Subscribed>, ApiError> {
    let (account, sid, _) = held(store, call, &SUBSCRIPTION, "SubscriptionSid").await?;
    let read = store.read(move |reader| store::subscribed(reader, account));
    let mut found = read.await.map_err(store_error)?;
    found.retain(|one| one.subscription == sid.bytes);
    Ok(found)
}

/// The one that the path names.
async fn one_of(store: &Store, call: &Call) -> Result<Subscribed, ApiError> {
    let name = call.request.segment("Type");
    let found = of_subscription(store, call).await?.into_iter().find(|one| one.name == name);
    found.ok_or_else(|| call.request.not_found())
}

fn view(one: &Subscribed, request: &Request) -> Value {
    let sid = SUBSCRIPTION.sid(one.subscription).to_string();
    let root = &request.place.root;
    json!({
        "account_sid": one.account.to_string(),
        "subscription_sid": sid,
        "type": one.name,
        "schema_version": one.version,
        "url": format!("{root}/v1/Subscriptions/{sid}/SubscribedEvents/{}", one.name),
    })
}

async fn list(store: Arc<Store>, call: Call) -> ApiResult {
    let found = of_subscription(&store, &call).await?;
    page(&call.request, "types", found, |one| view(one, &call.request))
}

async fn fetch(store: Arc<Store>, call: Call) -> ApiResult {
    let found = one_of(&store, &call).await?;
    Ok(Response::ok(&view(&found, &call.request)))
}

/// The version that a form asks for.
fn asked_version(request: &Request) -> Result<Option<i64>, ApiError> {
    let given = request.form.get("SchemaVersion").filter(|text| !text.is_empty());
    given.map(str::parse).transpose().map_err(|_| bad("SchemaVersion must be a number"))
}

async fn add(store: Arc<Store>, call: Call) -> ApiResult {
    let (account, sid, sink) = held(&store, &call, &SUBSCRIPTION, "SubscriptionSid").await?;
    let name = call.request.form.get("Type").unwrap_or_default().to_owned();
    let version = version_of(&name, asked_version(&call.request)?)?;
    let unit = move |tx: &mut Tx<'_>| {
        let (created_at, subscription) = (tx.now(), sid.bytes);
        let known = store::subscribed(tx, account)?;
        if known.iter().any(|one| one.subscription == subscription && one.name == name) {
            let text = format!("{sid} is subscribed to '{name}' already");
            return Err(Refusal::from(ApiError::conflict(text)));
        }
        let new = Subscribed { account, subscription, sink, name, version, created_at };
        store::subscribe(tx, &new)?;
        Ok(new)
    };
    let new = store.write(unit).await.map_err(ApiError::from)?;
    Ok(Response::created(&view(&new, &call.request)))
}

async fn change(store: Arc<Store>, call: Call) -> ApiResult {
    let mut changed = one_of(&store, &call).await?;
    changed.version = version_of(&changed.name, asked_version(&call.request)?)?;
    let shown = view(&changed, &call.request);
    store.write(move |tx| store::set_version(tx, &changed)).await.map_err(store_error)?;
    Ok(Response::ok(&shown))
}

async fn remove(store: Arc<Store>, call: Call) -> ApiResult {
    let found = one_of(&store, &call).await?;
    let unit = move |tx: &mut Tx<'_>| {
        store::unsubscribe(tx, found.account, found.subscription, Some(&found.name))?;
        Ok::<_, StoreError>(())
    };
    store.write(unit).await.map_err(store_error)?;
    Ok(Response::deleted())
}

/// A page of what is all in memory; a row's key is its place.
fn page<T>(request: &Request, key: &str, all: Vec<T>, view: impl Fn(&T) -> Value) -> ApiResult {
    let paging = Paging::of(request)?;
    let mut rows: Vec<(usize, T)> = all.into_iter().enumerate().collect();
    match paging.neighbour::<usize>()? {
        None => {}
        Some((true, after)) => rows.retain(|(index, _)| *index > after),
        Some((false, before)) => {
            rows.retain(|(index, _)| *index < before);
            rows.reverse();
        }
    }
    rows.truncate(paging.size as usize + 1);
    let page = paging.page(rows, |(index, _)| index.to_string(), |(_, row)| view(row));
    Ok(Response::ok(&v1(request, &paging, key, page)))
}

fn type_view(known: &EventType, request: &Request) -> Value {
    let (root, schema) = (&request.place.root, known.schema);
    json!({
        "type": known.name,
        "schema_id": schema.id(),
        "description": known.description,
        "status": "public",
        "documentation_url": null,
        "date_created": MADE,
        "date_updated": MADE,
        "url": format!("{root}/v1/Types/{}", known.name),
        "links": { "schema": format!("{root}/v1/Schemas/{}/Versions", schema.id()) },
    })
}

fn list_types(request: &Request) -> ApiResult {
    let wanted = request.query.get("SchemaId").filter(|text| !text.is_empty());
    let fits = |known: &&EventType| wanted.is_none_or(|id| known.schema.id() == id);
    let found = TYPES.iter().filter(fits).collect();
    page(request, "types", found, |known| type_view(known, request))
}

fn fetch_type(request: &Request) -> ApiResult {
    let known = types::find(request.segment("Type")).ok_or_else(|| request.not_found())?;
    Ok(Response::ok(&type_view(known, request)))
}

fn schema_of(request: &Request) -> Result<Schema, ApiError> {
    Schema::find(request.segment("Id")).ok_or_else(|| request.not_found())
}

/// The schema and version that a path names.
fn version_in(request: &Request) -> Result<(Schema, i64), ApiError> {
    let schema = schema_of(request)?;
    let version = request.segment("SchemaVersion").parse().ok();
    let version = version.filter(|version| schema.has(*version));
    Ok((schema, version.ok_or_else(|| request.not_found())?))
}

fn fetch_schema(request: &Request) -> ApiResult {
    let schema = schema_of(request)?;
    let url = format!("{}/v1/Schemas/{}", request.place.root, schema.id());
    Ok(Response::ok(&json!({
        "id": schema.id(),
        "latest_version": schema.latest(),
        "latest_version_date_created": MADE,
        "links": { "versions": format!("{url}/Versions") },
        "url": url,
    })))
}

fn version_view((schema, version): (Schema, i64), request: &Request) -> Value {
    let root = &request.place.root;
    json!({
        "id": schema.id(),
        "schema_version": version,
        "date_created": MADE,
        "raw": schema.address(version, root),
        "url": format!("{root}/v1/Schemas/{}/Versions/{version}", schema.id()),
    })
}

fn list_versions(request: &Request) -> ApiResult {
    let schema = schema_of(request)?;
    let versions = (1..=schema.latest()).collect();
    page(request, "schema_versions", versions, |version| version_view((schema, *version), request))
}

fn fetch_version(request: &Request) -> ApiResult {
    Ok(Response::ok(&version_view(version_in(request)?, request)))
}

fn raw(request: &Request) -> ApiResult {
    let (schema, version) = version_in(request)?;
    Ok(Response::ok(&schema.json(version, &request.place.root)))
}
