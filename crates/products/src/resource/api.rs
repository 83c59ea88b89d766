//! The five routes that follow from a declaration.

use std::sync::Arc;

use base::{AnySid, ApiError, Instant, MasterKey, Params, Sid};
use http::Method;
use serde_json::{Map, Value};
use store::{Query, Reader, Store, StoreError, Tx};

use crate::accounts::audit::{self, Actor};
use crate::accounts::{Permission, Verb};
use crate::gateway::page::{Paging, v1, v2010};
use crate::gateway::{ApiResult, Call, Response, Routes};
use crate::registry::Values;
use crate::resource::{Document, Draft, Field, Refusal, Resource, Scene, member, store as sql};

/// What the routes of declared resources share.
pub struct Shared {
    /// Where documents are.
    pub store: Store,
    /// Seals secrets.
    pub master: Arc<MasterKey>,
    /// What the installation was told.
    pub said: Arc<Values>,
    /// Told of a changed document, so that what was remembered of it is dropped.
    pub changed: Box<dyn Fn(AnySid) + Send + Sync>,
}

/// Adds the routes of a declared resource.
pub fn routes(routes: &mut Routes, shared: &Arc<Shared>, resource: &'static Resource) {
    let one = format!("{}/{{{}}}", resource.path, resource.key.unwrap_or("Sid"));
    for verb in resource.operations {
        let permission = Permission::new(resource.permission, *verb);
        let (host, list) = (resource.host, resource.path);
        match verb {
            Verb::Create => routes.on(host, Method::POST, list, permission, shared, move |s, c| {
                create(s, c, resource)
            }),
            Verb::List => routes.on(host, Method::GET, list, permission, shared, move |s, c| {
                list_page(s, c, resource)
            }),
            Verb::Read => routes
                .on(host, Method::GET, &one, permission, shared, move |s, c| fetch(s, c, resource)),
            Verb::Update => routes.on(host, Method::POST, &one, permission, shared, move |s, c| {
                update(s, c, resource)
            }),
            Verb::Delete => {
                routes.on(host, Method::DELETE, &one, permission, shared, move |s, c| {
                    delete(s, c, resource)
                })
            }
        }
    }
}

/// Makes a document; also what routes beside the declared ones call.
pub async fn create(shared: Arc<Shared>, call: Call, resource: &'static Resource) -> ApiResult {
    if call.caller.is_test() {
        return pretend(&shared, &call, resource).await;
    }
    let mut data = read_new(resource, &call.request.form)?;
    let held_by = ancestors(&call, resource)?;
    for (segment, sid) in &held_by {
        data.insert(member(segment), sid.to_string().into());
    }
    let missing = call.request.not_found();
    let actor = Actor::of(&call);
    let root = call.request.place.root;
    let (caller, params) = (call.caller, call.request.form);
    let (master, said) = (Arc::clone(&shared.master), Arc::clone(&shared.said));
    let unit = move |tx: &mut Tx<'_>| {
        let sid = resource.sid(tx.new_sid::<base::EventSid>().bytes());
        let account = caller.account_sid();
        if !all_there(tx, resource, account, &held_by)? {
            return Err(missing.into());
        }
        let before = Map::new();
        let mut draft = Draft { sid, data, before, shown_once: Vec::new(), account };
        if let Some(rule) = resource.rules.create {
            let account = &caller.account;
            rule(
                &mut Scene { tx, account, master: &master, said: &said, params: &params },
                &mut draft,
            )?;
        }
        let document = sql::insert(tx, resource, &draft)?;
        noted(tx, &actor, resource, None, Some(&document))?;
        Ok::<_, Refusal>((document, draft.shown_once))
    };
    let (document, shown_once) = shared.store.write(unit).await?;
    let mut json = document.view(resource);
    for (name, value) in shown_once {
        json.insert(name.to_owned(), value.into());
    }
    Ok(Response::created(&rooted(Value::Object(json), &root)))
}

/// The SIDs of what holds the documents of a request's path, outermost first.
fn ancestors(
    call: &Call,
    resource: &'static Resource,
) -> Result<Vec<(&'static str, AnySid)>, ApiError> {
    let sid = |(segment, of): (&'static str, &Resource)| {
        let sid: AnySid = call.request.segment(segment).parse().map_err(|_| ())?;
        if sid.prefix == *of.prefix.as_bytes() { Ok((segment, sid)) } else { Err(()) }
    };
    let found: Result<Vec<_>, ()> = resource.ancestors().into_iter().map(sid).collect();
    found.map_err(|()| call.request.not_found())
}

/// Whether what the path names is there, each in what is named before it.
fn all_there(
    query: &mut impl Query,
    resource: &Resource,
    account: base::AccountSid,
    held_by: &[(&'static str, AnySid)],
) -> Result<bool, StoreError> {
    let (Some(parent), Some((last, outer))) = (resource.parent, held_by.split_last()) else {
        return Ok(true);
    };
    let found = sql::find(query, parent, account, last.1)?;
    Ok(found.is_some_and(|parent| is_in(&parent, outer)))
}

/// Whether a document is in what the path names before it.
fn is_in(document: &Document, held_by: &[(&'static str, AnySid)]) -> bool {
    held_by.iter().all(|(segment, sid)| document.text(segment) == sid.to_string())
}

async fn fetch(shared: Arc<Shared>, call: Call, resource: &'static Resource) -> ApiResult {
    let (account, address) = (call.caller.account_sid(), Address::of(&call, resource)?);
    let now = shared.store.now();
    let read = shared.store.read(move |reader| {
        let found = address.find(reader, resource, account)?;
        found.map(|document| shown(reader, resource, &document, now)).transpose()
    });
    let found = read.await.map_err(crate::accounts::store_error)?;
    let found = found.ok_or_else(|| call.request.not_found())?;
    Ok(Response::ok(&rooted(found, &call.request.place.root)))
}

/// A view whose addresses begin with the root that the caller used, as the newer hosts write them.
fn rooted(mut json: Value, root: &str) -> Value {
    let put = |address: &mut Value| {
        if let Some(path) = address.as_str().filter(|path| path.starts_with('/')) {
            *address = format!("{root}{path}").into();
        }
    };
    json.get_mut("url").map(put);
    if let Some(links) = json.get_mut("links").and_then(Value::as_object_mut) {
        links.values_mut().for_each(put);
    }
    json
}

/// A document as it is shown, with what other tables know of it.
fn shown(
    reader: &mut Reader<'_>,
    resource: &Resource,
    document: &Document,
    now: Instant,
) -> Result<Value, StoreError> {
    let mut json = document.view(resource);
    if let Some(look) = resource.rules.look {
        look(reader, document, now, &mut json)?;
    }
    Ok(Value::Object(json))
}

/// Which document a path names, and what it names before it.
struct Address {
    held_by: Vec<(&'static str, AnySid)>,
    last: Last,
}

enum Last {
    Sid(AnySid),
    Key(&'static str, String),
}

impl Address {
    fn of(call: &Call, resource: &'static Resource) -> Result<Self, ApiError> {
        let held_by = ancestors(call, resource)?;
        if let Some(key) = resource.key {
            return Ok(Self {
                held_by,
                last: Last::Key(key, call.request.segment(key).to_owned()),
            });
        }
        let missing = || call.request.not_found();
        let sid: AnySid = call.request.segment("Sid").parse().map_err(|_| missing())?;
        let fits = sid.prefix == *resource.prefix.as_bytes();
        if fits { Ok(Self { held_by, last: Last::Sid(sid) }) } else { Err(missing()) }
    }

    /// The document, if the account holds it where the path says.
    fn find(
        &self,
        query: &mut impl Query,
        resource: &Resource,
        account: base::AccountSid,
    ) -> Result<Option<Document>, StoreError> {
        let found = match &self.last {
            Last::Sid(sid) => sql::find(query, resource, account, *sid)?,
            Last::Key(key, value) => {
                let parent = self.held_by.last().map_or(account.bytes(), |(_, sid)| sid.bytes);
                let by_key = [((*key).to_owned(), value.clone())];
                sql::list_of(query, resource, (account, parent), &by_key, None, 1)?.pop()
            }
        };
        Ok(found.filter(|document| is_in(document, &self.held_by)))
    }
}

/// A page of documents; also what routes beside the declared ones call.
pub async fn list_page(shared: Arc<Shared>, call: Call, resource: &'static Resource) -> ApiResult {
    let paging = Paging::of(&call.request)?;
    let account = call.caller.account_sid();
    let filters: Vec<(String, String)> = resource
        .filters
        .iter()
        .filter_map(|name| {
            let value = call.request.query.get(name).filter(|value| !value.is_empty())?;
            Some(((*name).to_owned(), value.to_owned()))
        })
        .collect();
    let cursor = paging.neighbour()?;
    let limit = paging.size + 1;
    let held_by = ancestors(&call, resource)?;
    let parent = held_by.last().map_or(account.bytes(), |(_, sid)| sid.bytes);
    let now = shared.store.now();
    let read = shared.store.read(move |reader| {
        if !all_there(reader, resource, account, &held_by)? {
            return Ok(None);
        }
        let of = (account, parent);
        let found = sql::list_of(reader, resource, of, &filters, cursor, limit)?;
        let show = |document: Document| {
            let json = shown(reader, resource, &document, now)?;
            Ok::<_, StoreError>((document.sid, json))
        };
        found.into_iter().map(show).collect::<Result<Vec<_>, _>>().map(Some)
    });
    let documents = read.await.map_err(crate::accounts::store_error)?;
    let documents = documents.ok_or_else(|| call.request.not_found())?;
    let page = paging.page(
        documents,
        |(sid, _)| sid.to_string(),
        |(_, json)| rooted(json.clone(), &call.request.place.root),
    );
    let style = if resource.is_newer() { v1 } else { v2010 };
    Ok(Response::ok(&style(&call.request, &paging, resource.list_key, page)))
}

async fn update(shared: Arc<Shared>, call: Call, resource: &'static Resource) -> ApiResult {
    let (address, missing) = (Address::of(&call, resource)?, call.request.not_found());
    let changes = read(resource, &call.request.form, |field| field.update)?;
    let actor = Actor::of(&call);
    let root = call.request.place.root;
    let (caller, params) = (call.caller, call.request.form);
    let (master, said) = (Arc::clone(&shared.master), Arc::clone(&shared.said));
    let unit = move |tx: &mut Tx<'_>| {
        let account = caller.account_sid();
        let before = address.find(tx, resource, account)?.ok_or(missing)?;
        let mut data = before.data.clone();
        data.extend(changes);
        let (sid, shown_once) = (before.sid, Vec::new());
        let mut draft = Draft { sid, data, before: before.data.clone(), shown_once, account };
        if let Some(rule) = resource.rules.update {
            let account = &caller.account;
            rule(
                &mut Scene { tx, account, master: &master, said: &said, params: &params },
                &mut draft,
            )?;
        }
        let document = sql::update(tx, resource, &before, &draft)?;
        noted(tx, &actor, resource, Some(&before), Some(&document))?;
        Ok::<_, Refusal>(document)
    };
    let document = shared.store.write(unit).await.map_err(ApiError::from)?;
    (shared.changed)(document.sid);
    Ok(Response::ok(&rooted(Value::Object(document.view(resource)), &root)))
}

async fn delete(shared: Arc<Shared>, call: Call, resource: &'static Resource) -> ApiResult {
    let (address, missing) = (Address::of(&call, resource)?, call.request.not_found());
    let actor = Actor::of(&call);
    let (caller, params) = (call.caller, call.request.form);
    let (master, said) = (Arc::clone(&shared.master), Arc::clone(&shared.said));
    let unit = move |tx: &mut Tx<'_>| {
        let account = caller.account_sid();
        let document = address.find(tx, resource, account)?.ok_or(missing)?;
        if let Some(rule) = resource.rules.delete {
            let account = &caller.account;
            rule(
                &mut Scene { tx, account, master: &master, said: &said, params: &params },
                &document,
            )?;
        }
        sql::delete(tx, resource, &document)?;
        noted(tx, &actor, resource, Some(&document), None)?;
        Ok::<_, Refusal>(document.sid)
    };
    let sid = shared.store.write(unit).await.map_err(ApiError::from)?;
    (shared.changed)(sid);
    Ok(Response::deleted())
}

/// Writes a change into the audit trail.
fn noted(
    tx: &mut Tx<'_>,
    actor: &Actor,
    resource: &Resource,
    before: Option<&Document>,
    after: Option<&Document>,
) -> Result<(), StoreError> {
    let Some(subject) = after.or(before) else { return Ok(()) };
    let view = |document: Option<&Document>| {
        document.map(|document| document.view(resource)).unwrap_or_default()
    };
    let happened = match (before, after) {
        (None, _) => "created",
        (_, Some(_)) => "updated",
        (_, None) => "deleted",
    };
    let changed = audit::differences(&view(before), &view(after));
    audit::note(tx, actor, subject.account, (resource.kind, happened), subject.sid, changed)
}

/// What test credentials make: an answer like any other, and nothing stored.
async fn pretend(shared: &Shared, call: &Call, resource: &'static Resource) -> ApiResult {
    let magic = resource.rules.magic.ok_or_else(ApiError::test_credentials)?;
    let data = read_new(resource, &call.request.form)?;
    let unit = |tx: &mut Tx<'_>| Ok::<_, Refusal>((tx.new_sid::<base::EventSid>(), tx.now()));
    let (sid, now) = shared.store.write(unit).await?;
    let (sid, account) = (resource.sid(sid.bytes()), call.caller.account_sid());
    let mut draft = Draft { sid, data, before: Map::new(), shown_once: Vec::new(), account };
    magic(&mut draft, &call.request.form)?;
    let (created_at, updated_at, event) = (now, now, (0, 0));
    let parent = account.bytes();
    let data = draft.data;
    let document = Document { sid, account, parent, created_at, updated_at, event, data };
    Ok(Response::created(&Value::Object(document.view(resource))))
}

/// The members of a new document: what was given, and defaults for the rest.
pub fn read_new(resource: &Resource, form: &Params) -> Result<Map<String, Value>, ApiError> {
    let mut data = read(resource, form, |field| field.create)?;
    for field in resource.fields {
        let name = field.member();
        if field.required && data.get(&name).is_none_or(Value::is_null) {
            let text = format!("{} is missing", field.name);
            return Err(ApiError::new(field.code, text));
        }
        data.entry(name).or_insert_with(|| field.fallback());
    }
    Ok(data)
}

fn read(
    resource: &Resource,
    form: &Params,
    settable: impl Fn(&Field) -> bool,
) -> Result<Map<String, Value>, ApiError> {
    let mut data = Map::new();
    for field in resource.fields.iter().filter(|field| settable(field)) {
        if let Some(text) = form.get(field.name) {
            data.insert(field.member(), field.read(text)?);
        }
    }
    Ok(data)
}
