//! What a declaration consists of. A declared resource is a page of facts: from it follow its
//! routes, parsing, views, storage, events and the test that strangers are refused.

use ::store::{Reader, StoreError};
use base::{ApiError, Instant};
use serde_json::{Map, Value};

use crate::accounts::Verb;
use crate::resource::{Document, Draft, Refusal, Scene};

/// Octets of a field that holds JSON at most.
const JSON_MAX: usize = 16 << 10;

/// A declared resource.
pub struct Resource {
    /// Its kind in the tables and in events: `application`.
    pub kind: &'static str,
    /// Twilio's name for it: `Application`.
    pub title: &'static str,
    /// The two letters of its SIDs.
    pub prefix: &'static str,
    /// The host that it lives on: `api`.
    pub host: &'static str,
    /// Its list: `/2010-04-01/Accounts/{AccountSid}/Applications`.
    pub path: &'static str,
    /// The member of a list page that holds the rows.
    pub list_key: &'static str,
    /// What permissions call it: `api/applications`.
    pub permission: &'static str,
    /// What can be done with it.
    pub operations: &'static [Verb],
    /// Its fields, in the order in which they are shown.
    pub fields: &'static [Field],
    /// Fields by which a list can be filtered.
    pub filters: &'static [&'static str],
    /// Fields whose value no other of the account may have, with the code of a clash.
    pub unique: &'static [(&'static str, u32)],
    /// The kinds of its events: made, changed, removed.
    pub events: [&'static str; 3],
    /// The resource whose documents hold these: its SID is the last `{…}` of the path.
    pub parent: Option<&'static Resource>,
    /// The unique field that addresses a document, where its SID doesn't: `PhoneNumber`.
    pub key: Option<&'static str>,
    /// Names and paths (below a document's own address) of what belongs to a document.
    pub links: &'static [(&'static str, &'static str)],
    /// What is more than a fact.
    pub rules: Rules,
}

impl Resource {
    /// What most declarations leave as it is.
    pub const BASE: Self = Self {
        kind: "",
        title: "",
        prefix: "",
        host: "api",
        path: "",
        list_key: "",
        permission: "",
        operations: ALL,
        fields: &[],
        filters: &[],
        unique: &[],
        events: ["", "", ""],
        parent: None,
        key: None,
        links: &[],
        rules: Rules::NONE,
    };

    /// A SID of this kind.
    pub fn sid(&self, bytes: [u8; 16]) -> base::AnySid {
        let prefix = self.prefix.as_bytes();
        base::AnySid { prefix: [prefix[0], prefix[1]], bytes }
    }

    /// Whether the host writes dates in ISO 8601 and addresses as `url` and `links`.
    pub fn is_newer(&self) -> bool {
        self.host != "api"
    }

    /// What holds it, outermost first: the path's segment and what it is the SID of.
    pub fn ancestors(&self) -> Vec<(&'static str, &'static Resource)> {
        let Some(parent) = self.parent else { return Vec::new() };
        let segment = self.path.rsplit_once('{').and_then(|(_, rest)| rest.split_once('}'));
        let mut held_by = parent.ancestors();
        held_by.push((segment.map_or("", |(name, _)| name), parent));
        held_by
    }
}

/// The kinds of a resource's events: `events!("numbers.address")`.
macro_rules! events {
    ($name:literal) => {
        [concat!($name, ".created"), concat!($name, ".updated"), concat!($name, ".deleted")]
    };
}
pub(crate) use events;

/// Create, read, list, update, delete.
pub const ALL: &[Verb] = &[Verb::Create, Verb::Read, Verb::List, Verb::Update, Verb::Delete];

/// A rule that decides inside the transaction.
pub type Rule = fn(&mut Scene<'_, '_>, &mut Draft) -> Result<(), Refusal>;

/// What is asked before a document is removed.
pub type DeleteRule = fn(&mut Scene<'_, '_>, &Document) -> Result<(), Refusal>;

/// Adds computed members to the JSON.
pub type AddToView = fn(&Document, &mut Map<String, Value>);

/// Adds members that other tables know; the instant is now.
pub type Look =
    fn(&mut Reader<'_>, &Document, Instant, &mut Map<String, Value>) -> Result<(), StoreError>;

/// What creation does under test credentials: completes the draft, and nothing is stored.
pub type MagicRule = fn(&mut Draft, &base::Params) -> Result<(), ApiError>;

/// Plain functions for what is more than a fact.
#[derive(Clone, Copy)]
pub struct Rules {
    /// Before a new document is written.
    pub create: Option<Rule>,
    /// Before a change is written.
    pub update: Option<Rule>,
    /// Before a document is removed.
    pub delete: Option<DeleteRule>,
    /// Adds computed members to the JSON.
    pub view: Option<AddToView>,
    /// Adds members that other tables know, when it is shown.
    pub look: Option<Look>,
    /// What test credentials are answered; without it they don't reach the resource.
    pub magic: Option<MagicRule>,
}

impl Rules {
    /// Nothing but the facts.
    pub const NONE: Self =
        Self { create: None, update: None, delete: None, view: None, look: None, magic: None };
}

/// A field of a resource.
#[derive(Clone, Copy)]
pub struct Field {
    /// Twilio's parameter: `FriendlyName`.
    pub name: &'static str,
    /// What it holds.
    pub form: Form,
    /// What it holds when nothing was given.
    pub default: Fallback,
    /// Whether it may be given at creation.
    pub create: bool,
    /// Whether it may be changed.
    pub update: bool,
    /// Whether creation needs it.
    pub required: bool,
    /// The code of a value that can't be taken.
    pub code: u32,
    /// Whether it is left out of the JSON.
    pub hidden: bool,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text of so many characters at most.
    Text(usize),
    /// An absolute http(s) address.
    Url,
    /// GET or POST.
    Method,
    /// True or false.
    Bool,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A SID with this prefix.
    Sid(&'static str),
    /// A number in E.164 form.
    Phone,
    /// ISO 3166 code of a country.
    Country,
    /// A whole number between these two.
    Int(i64, i64),
    /// Any JSON.
    Json,
}

/// The value of a field that nobody gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// JSON null.
    Null,
    /// The empty text, where Twilio shows one.
    Empty,
    /// A constant.
    Text(&'static str),
    /// A constant.
    Bool(bool),
    /// A constant.
    Int(i64),
}

impl Field {
    const fn new(name: &'static str, form: Form, default: Fallback) -> Self {
        Self {
            name,
            form,
            default,
            create: true,
            update: true,
            required: false,
            code: base::code::BAD_REQUEST,
            hidden: false,
        }
    }

    /// Text of at most `max` characters.
    pub const fn text(name: &'static str, max: usize) -> Self {
        Self::new(name, Form::Text(max), Fallback::Null)
    }

    /// An absolute address.
    pub const fn url(name: &'static str) -> Self {
        Self::new(name, Form::Url, Fallback::Null)
    }

    /// GET or POST; POST by default.
    pub const fn method(name: &'static str) -> Self {
        Self::new(name, Form::Method, Fallback::Text("POST"))
    }

    /// True or false.
    pub const fn flag(name: &'static str, default: bool) -> Self {
        Self::new(name, Form::Bool, Fallback::Bool(default))
    }

    /// One of `words`, the first by default.
    pub const fn choice(name: &'static str, words: &'static [&'static str]) -> Self {
        Self::new(name, Form::Choice(words), Fallback::Text(words[0]))
    }

    /// A SID with this prefix.
    pub const fn sid(name: &'static str, prefix: &'static str) -> Self {
        Self::new(name, Form::Sid(prefix), Fallback::Null)
    }

    /// A number in E.164 form.
    pub const fn phone(name: &'static str) -> Self {
        Self::new(name, Form::Phone, Fallback::Null)
    }

    /// A country.
    pub const fn country(name: &'static str) -> Self {
        Self::new(name, Form::Country, Fallback::Null)
    }

    /// A whole number from `least` to `most`.
    pub const fn int(name: &'static str, least: i64, most: i64) -> Self {
        Self::new(name, Form::Int(least, most), Fallback::Null)
    }

    /// An object or list, given as JSON text.
    pub const fn json(name: &'static str) -> Self {
        Self::new(name, Form::Json, Fallback::Null)
    }

    /// What only rules write.
    pub const fn computed(name: &'static str) -> Self {
        let field = Self::new(name, Form::Json, Fallback::Null);
        Self { create: false, update: false, ..field }
    }

    /// Creation needs it.
    pub const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// It can't be changed.
    pub const fn create_only(self) -> Self {
        Self { update: false, ..self }
    }

    /// It can't be given at creation.
    pub const fn update_only(self) -> Self {
        Self { create: false, ..self }
    }

    /// The code of a value that can't be taken.
    pub const fn code(self, code: u32) -> Self {
        Self { code, ..self }
    }

    /// The value when nothing was given.
    pub const fn or(self, text: &'static str) -> Self {
        Self { default: Fallback::Text(text), ..self }
    }

    /// The number when nothing was given.
    pub const fn or_int(self, number: i64) -> Self {
        Self { default: Fallback::Int(number), ..self }
    }

    /// Twilio shows an empty text, not null.
    pub const fn or_empty(self) -> Self {
        Self { default: Fallback::Empty, ..self }
    }

    /// It is stored, and never shown.
    pub const fn hidden(self) -> Self {
        Self { hidden: true, ..self }
    }

    /// The member of the JSON: `friendly_name`.
    pub fn member(&self) -> String {
        member(self.name)
    }

    /// Reads a parameter, or says what is wrong with it.
    pub fn read(&self, text: &str) -> Result<Value, ApiError> {
        if text.is_empty() {
            return Ok(self.fallback());
        }
        let refuse = |wanted: &str| {
            let shown: String = text.chars().take(60).collect();
            Err(ApiError::new(self.code, format!("{} '{shown}' {wanted}", self.name)))
        };
        match self.form {
            Form::Text(max) if text.chars().count() > max => {
                refuse(&format!("is longer than {max} characters"))
            }
            Form::Text(_) => Ok(text.into()),
            Form::Url => {
                let url = url::Url::parse(text);
                let fits = url.is_ok_and(|url| {
                    matches!(url.scheme(), "http" | "https") && url.host_str().is_some()
                });
                if fits && text.len() <= 4_000 {
                    Ok(text.into())
                } else {
                    refuse("is not a valid URL")
                }
            }
            Form::Method => match text.to_ascii_uppercase().as_str() {
                method @ ("GET" | "POST") => Ok(method.into()),
                _ => refuse("must be GET or POST"),
            },
            Form::Bool => match text.to_ascii_lowercase().as_str() {
                "true" | "1" => Ok(true.into()),
                "false" | "0" => Ok(false.into()),
                _ => refuse("must be true or false"),
            },
            Form::Choice(words) => match words.iter().find(|word| **word == text) {
                Some(word) => Ok((*word).into()),
                None => refuse(&format!("must be one of {}", words.join(", "))),
            },
            Form::Sid(prefix) => match text.parse::<base::AnySid>() {
                Ok(sid) if sid.prefix == *prefix.as_bytes() => Ok(text.into()),
                _ => refuse(&format!("must be a SID that begins with {prefix}")),
            },
            Form::Phone => match base::E164::parse(text) {
                Ok(number) => Ok(number.as_str().into()),
                Err(_) => refuse("must be a number like +15551230001"),
            },
            Form::Country if text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic()) => {
                Ok(text.to_ascii_uppercase().into())
            }
            Form::Country => refuse("must be a country code of two letters"),
            Form::Int(least, most) => match text.parse::<i64>() {
                Ok(number) if (least..=most).contains(&number) => Ok(number.into()),
                _ => refuse(&format!("must be a whole number from {least} to {most}")),
            },
            Form::Json if text.len() > JSON_MAX => refuse("is too long"),
            Form::Json => match serde_json::from_str(text) {
                Ok(json @ (Value::Object(_) | Value::Array(_))) => Ok(json),
                _ => refuse("is not a JSON object"),
            },
        }
    }

    /// The value when nothing was given.
    pub fn fallback(&self) -> Value {
        match self.default {
            Fallback::Null => Value::Null,
            Fallback::Empty => "".into(),
            Fallback::Text(text) => text.into(),
            Fallback::Bool(flag) => flag.into(),
            Fallback::Int(number) => number.into(),
        }
    }
}

/// `SmsFallbackUrl` as JSON spells it: `sms_fallback_url`.
pub fn member(name: &str) -> String {
    let mut member = String::with_capacity(name.len() + 4);
    for (index, character) in name.chars().enumerate() {
        if character.is_ascii_uppercase() && index > 0 {
            member.push('_');
        }
        member.push(character.to_ascii_lowercase());
    }
    member
}
