//! Documents of declared resources, and what rules are given.

use base::{AccountSid, AnySid, ApiError, Instant, MasterKey, Params, Sid};
use serde_json::{Map, Value};
use store::{StoreError, Tx};

use crate::accounts::Account;
use crate::registry::Values;
use crate::resource::{Resource, member};

/// Why a unit of work was refused.
#[derive(Debug)]
pub enum Refusal {
    /// By a rule: the caller is told.
    Api(ApiError),
    /// By the database.
    Store(StoreError),
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Api(error) => error,
            Refusal::Store(error) => crate::accounts::store_error(error),
        }
    }
}

/// What a rule sees besides the draft.
pub struct Scene<'a, 't> {
    /// The transaction.
    pub tx: &'a mut Tx<'t>,
    /// Who is acted for.
    pub account: &'a Account,
    /// Seals secrets.
    pub master: &'a MasterKey,
    /// What the installation was told.
    pub said: &'a Values,
    /// The parameters as sent, for what is no field.
    pub params: &'a Params,
}

/// A document about to be written.
#[derive(Debug)]
pub struct Draft {
    /// Its SID.
    pub sid: AnySid,
    /// Its members, by their JSON names.
    pub data: Map<String, Value>,
    /// The members as they were; empty for a new one.
    pub before: Map<String, Value>,
    /// Members that are shown in this answer and never again.
    pub shown_once: Vec<(&'static str, String)>,
    /// The account that holds it; a rule may hand it to another.
    pub account: AccountSid,
}

impl Draft {
    /// What holds it: its account, or the document that its parent's member names.
    pub fn parent(&self, resource: &Resource) -> [u8; 16] {
        let parent = resource.ancestors().pop().and_then(|(segment, _)| {
            let sid: AnySid = self.text(segment).parse().ok()?;
            Some(sid.bytes)
        });
        parent.unwrap_or(self.account.bytes())
    }

    /// A member's text; empty when it is none.
    pub fn text(&self, name: &str) -> &str {
        self.data.get(&member(name)).and_then(Value::as_str).unwrap_or_default()
    }

    /// Sets a member.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.data.insert(member(name), value.into());
    }
}

/// A document as it is stored.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its SID.
    pub sid: AnySid,
    /// Whose it is.
    pub account: AccountSid,
    /// What holds it: its account's SID, or its parent's.
    pub parent: [u8; 16],
    /// When it was made.
    pub created_at: Instant,
    /// When it was changed last.
    pub updated_at: Instant,
    /// Its last event and that event's number.
    pub event: (i64, i64),
    /// Its members, by their JSON names.
    pub data: Map<String, Value>,
}

impl Document {
    /// A member's text; empty when it is none.
    pub fn text(&self, name: &str) -> &str {
        self.data.get(&member(name)).and_then(Value::as_str).unwrap_or_default()
    }

    /// The text of a member that is set.
    pub fn given(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// The number that a member holds.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.data.get(&member(name)).and_then(Value::as_i64)
    }

    /// Whether a member is true.
    pub fn flag(&self, name: &str) -> bool {
        self.data.get(&member(name)).and_then(Value::as_bool).unwrap_or_default()
    }

    /// Its path on its host.
    pub fn path(&self, resource: &Resource) -> String {
        let mut list = resource.path.replace("{AccountSid}", &self.account.to_string());
        for (segment, _) in resource.ancestors() {
            list = list.replace(&format!("{{{segment}}}"), self.text(segment));
        }
        match resource.key {
            Some(key) => format!("{list}/{}", self.text(key)),
            None => format!("{list}/{}", self.sid),
        }
    }

    /// In Twilio's shape, which is one for the oldest host (`uri`, RFC 2822) and one for the
    /// newer ones (`url` and `links`, ISO 8601).
    pub fn view(&self, resource: &Resource) -> Map<String, Value> {
        let mut json = Map::new();
        json.insert("sid".into(), self.sid.to_string().into());
        json.insert("account_sid".into(), self.account.to_string().into());
        for (segment, _) in resource.ancestors() {
            json.insert(member(segment), self.text(segment).into());
        }
        json.insert("date_created".into(), self.created_at.to_rfc2822().into());
        json.insert("date_updated".into(), self.updated_at.to_rfc2822().into());
        for field in resource.fields.iter().filter(|field| !field.hidden) {
            let name = field.member();
            let value = self.data.get(&name).cloned().unwrap_or_else(|| field.fallback());
            json.insert(name, value);
        }
        if resource.is_newer() {
            self.as_newer(resource, &mut json);
        } else {
            json.insert("uri".into(), format!("{}.json", self.path(resource)).into());
        }
        if let Some(view) = resource.rules.view {
            view(self, &mut json);
        }
        json
    }

    /// The host's root is put before the addresses when it is known.
    fn as_newer(&self, resource: &Resource, json: &mut Map<String, Value>) {
        let url = self.path(resource);
        let link =
            |(name, path): &(&str, &str)| ((*name).to_owned(), format!("{url}{path}").into());
        json.insert("date_created".into(), self.created_at.to_iso8601().into());
        json.insert("date_updated".into(), self.updated_at.to_iso8601().into());
        if !resource.links.is_empty() {
            let links: Map<String, Value> = resource.links.iter().map(link).collect();
            json.insert("links".into(), links.into());
        }
        json.insert("url".into(), url.into());
    }
}
