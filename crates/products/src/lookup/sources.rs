//! HTTP data sources as the configuration describes them: a URL template, and where each member
//! of a package stands in the JSON of the answer (RFC 6901). Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use base::Params;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::lookup::model::{Form, LineType, Package, Plan};

/// Characters of a text that is taken from an answer.
const TEXT_MAX: usize = 256;

/// Parameters of people that a template may name, and their names in a request.
pub const PERSONAL: [(&str, &str); 12] = [
    ("first_name", "FirstName"),
    ("last_name", "LastName"),
    ("address_line1", "AddressLine1"),
    ("address_line2", "AddressLine2"),
    ("city", "City"),
    ("state", "State"),
    ("postal_code", "PostalCode"),
    ("address_country_code", "AddressCountryCode"),
    ("national_id", "NationalId"),
    ("date_of_birth", "DateOfBirth"),
    ("last_verified_date", "LastVerifiedDate"),
    ("verification_sid", "VerificationSid"),
];

/// What a source may know of a person, so that it is compared here.
pub const KNOWN: [&str; 9] = [
    "first_name",
    "last_name",
    "address_lines",
    "city",
    "state",
    "postal_code",
    "address_country",
    "national_id",
    "date_of_birth",
];

/// A data source.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its name, for the log.
    pub name: String,
    /// Its address, with `{number}`, `{digits}`, `{country}`, `{national}` and parameters.
    pub url: String,
    /// Further headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Asked by POST with this JSON, in whose texts the same stands for the same.
    #[serde(default)]
    pub body: Option<Value>,
    /// Countries of which it knows numbers; all when there are none.
    #[serde(default)]
    pub countries: Vec<String>,
    /// How long it may take.
    #[serde(default = "timeout_default")]
    pub timeout_ms: u64,
    /// How long an answer is good for; answers about people are never kept.
    #[serde(default = "keep_default")]
    pub keep_s: u64,
    /// Questions to it at once.
    #[serde(default = "at_once_default")]
    pub at_once: usize,
    /// Where the members of each package stand.
    pub packages: BTreeMap<String, BTreeMap<String, At>>,
}

/// Where a member stands in an answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum At {
    /// At a JSON pointer.
    Pointer(String),
    /// There, in other words.
    Worded {
        /// The pointer.
        at: String,
        /// The source's words, and ours.
        words: BTreeMap<String, Value>,
    },
}

fn timeout_default() -> u64 {
    3_000
}

fn keep_default() -> u64 {
    3_600
}

fn at_once_default() -> usize {
    64
}

/// What sources answered, by package: its members.
pub type Found = BTreeMap<Package, Map<String, Value>>;

/// Reads the configuration: `{"sources": [...]}`.
pub fn parse(text: &str) -> Result<Vec<Source>, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        sources: Vec<Source>,
    }
    let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
    for source in &file.sources {
        source.check().map_err(|why| format!("source '{}': {why}", source.name))?;
    }
    Ok(file.sources)
}

impl Source {
    fn check(&self) -> Result<(), String> {
        let filled = self.url(&EXAMPLE, &Params::default());
        let url = url::Url::parse(&filled).map_err(|_| format!("'{}' is no address", self.url))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("'{}' is neither http nor https", self.url));
        }
        if !(1..=60_000).contains(&self.timeout_ms) || !(1..=10_000).contains(&self.at_once) {
            return Err("timeout_ms is 1 to 60000, at_once 1 to 10000".to_owned());
        }
        for (name, members) in &self.packages {
            let package = Package::from_name(name).ok_or(format!("'{name}' is no package"))?;
            for (member, at) in members {
                if !has_member(package, member) {
                    return Err(format!("{name} has no member '{member}'"));
                }
                let pointer = at.pointer();
                if !pointer.is_empty() && !pointer.starts_with('/') {
                    return Err(format!("'{pointer}' is no JSON pointer: begin with a slash"));
                }
            }
        }
        Ok(())
    }

    /// Whether it knows something of a package, in a country.
    pub fn serves(&self, package: Package, country: Option<&str>) -> bool {
        let here = || country.is_some_and(|code| self.countries.iter().any(|known| known == code));
        self.packages.contains_key(package.name()) && (self.countries.is_empty() || here())
    }

    /// Whether answers may be kept: what is asked depends on the number alone, and what comes is
    /// about no person.
    pub fn is_kept(&self) -> bool {
        let template = format!("{}{}", self.url, self.body.clone().unwrap_or_default());
        let asks = PERSONAL.iter().any(|(name, _)| template.contains(&format!("{{{name}}}")));
        let personal =
            |name: &String| Package::from_name(name).is_none_or(|package| package.is_personal());
        self.keep_s > 0 && !asks && !self.packages.keys().any(personal)
    }

    /// How long answers are good for.
    pub fn keep(&self) -> Duration {
        Duration::from_secs(self.keep_s)
    }

    /// The address for a number.
    pub fn url(&self, plan: &Plan, params: &Params) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        filled(&self.url, plan, params, encoded)
    }

    /// The body for a number.
    pub fn body(&self, plan: &Plan, params: &Params) -> Option<Value> {
        self.body.as_ref().map(|body| filled_json(body, plan, params))
    }

    /// What an answer says.
    pub fn read(&self, answer: &Value) -> Found {
        let mut found = Found::new();
        for (name, members) in &self.packages {
            let Some(package) = Package::from_name(name) else { continue };
            let values = members.iter().map(|(member, at)| {
                let value = shaped(package, member, at.read(answer));
                (member.clone(), value)
            });
            found.insert(package, values.collect());
        }
        found
    }
}

/// The members that a source may give: those of the package, and what is compared here.
fn has_member(package: Package, member: &str) -> bool {
    let own = package.members().iter().any(|(name, _)| *name == member);
    own || (package == Package::IdentityMatch && KNOWN.contains(&member))
}

impl At {
    fn pointer(&self) -> &str {
        match self {
            Self::Pointer(at) | Self::Worded { at, .. } => at,
        }
    }

    fn read(&self, answer: &Value) -> Value {
        let found = answer.pointer(self.pointer()).cloned().unwrap_or_default();
        let Self::Worded { words, .. } = self else { return found };
        let word = match &found {
            Value::String(text) => text.clone(),
            Value::Null => return Value::Null,
            other => other.to_string(),
        };
        words.get(&word).cloned().unwrap_or(found)
    }
}

/// A value in the type that the member has, or null.
fn shaped(package: Package, member: &str, value: Value) -> Value {
    let form = package.members().iter().find(|(name, _)| *name == member);
    let text = match &value {
        Value::String(text) => text.chars().take(TEXT_MAX).collect::<String>(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => return Value::Null,
    };
    let of_line = package == Package::LineTypeIntelligence && member == "type";
    match form.map_or(Form::Text, |(_, form)| *form) {
        Form::Text if of_line => {
            LineType::from_name(&text).map_or(Value::Null, |line| line.name().into())
        }
        Form::Text => text.into(),
        Form::Flag => match &*text.to_ascii_lowercase() {
            "true" | "1" | "yes" => true.into(),
            "false" | "0" | "no" => false.into(),
            _ => Value::Null,
        },
        Form::Number => text.parse::<i64>().map_or(Value::Null, Value::from),
    }
}

/// A template with what it names; what is not known is empty.
fn filled(
    template: &str,
    plan: &Plan,
    params: &Params,
    encoded: impl Fn(&str) -> String,
) -> String {
    let mut text = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            text.push('{');
            rest = after;
            continue;
        };
        text.push_str(&encoded(value_of(name, plan, params)));
        rest = after;
    }
    text.push_str(rest);
    text
}

fn value_of<'a>(name: &str, plan: &'a Plan, params: &'a Params) -> &'a str {
    match name {
        "number" => &plan.e164,
        "digits" => &plan.e164[1..],
        "national" => &plan.national,
        "country" => plan.country.unwrap_or_default(),
        "partner_sub_id" => params.get("PartnerSubId").unwrap_or_default(),
        _ => {
            let known = PERSONAL.iter().find(|(known, _)| *known == name);
            known.and_then(|(_, given)| params.get(given)).unwrap_or_default()
        }
    }
}

fn filled_json(template: &Value, plan: &Plan, params: &Params) -> Value {
    match template {
        Value::String(text) => filled(text, plan, params, str::to_owned).into(),
        Value::Array(items) => {
            items.iter().map(|item| filled_json(item, plan, params)).collect::<Vec<_>>().into()
        }
        Value::Object(members) => {
            let each = members.iter();
            each.map(|(name, value)| (name.clone(), filled_json(value, plan, params)))
                .collect::<Map<_, _>>()
                .into()
        }
        other => other.clone(),
    }
}

/// What templates are tried with when they are read.
static EXAMPLE: std::sync::LazyLock<Plan> = std::sync::LazyLock::new(|| Plan {
    e164: "+14159929960".to_owned(),
    country: Some("US"),
    calling_code: 1,
    national: "(415) 992-9960".to_owned(),
    line: None,
});

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn source(json: Value) -> Source {
        let text = json!({ "sources": [json] }).to_string();
        parse(&text).expect("a good source").remove(0)
    }

    #[test]
    fn templates_are_filled_and_answers_are_read() {
        let hlr = source(json!({
            "name": "hlr",
            "url": "https://hlr.example/{country}/{digits}?n={number}&who={first_name}",
            "body": { "msisdn": "{digits}", "deep": ["{last_name}"] },
            "packages": {
                "line_status": { "status": { "at": "/state", "words": { "1": "reachable" } } },
                "line_type_intelligence": { "type": "/type", "mobile_country_code": "/mcc" },
                "call_forwarding": { "call_forwarding_enabled": "/fwd" },
            },
        }));
        let params = Params::from_iter([("FirstName", "A&B"), ("LastName", "Doe")]);
        let url = "https://hlr.example/US/14159929960?n=%2B14159929960&who=A%26B";
        assert_eq!(hlr.url(&EXAMPLE, &params), url);
        let body = json!({ "msisdn": "14159929960", "deep": ["Doe"] });
        assert_eq!(hlr.body(&EXAMPLE, &params), Some(body));
        assert!(!hlr.is_kept(), "it is told a name");
        let found = hlr.read(&json!({ "state": 1, "type": "MOBILE", "mcc": 234, "fwd": "yes" }));
        let of = |package| Value::Object(found[&package].clone());
        assert_eq!(of(Package::LineStatus), json!({ "status": "reachable" }));
        let line = json!({ "type": "mobile", "mobile_country_code": "234" });
        assert_eq!(of(Package::LineTypeIntelligence), line);
        assert_eq!(of(Package::CallForwarding), json!({ "call_forwarding_enabled": true }));
        let nothing = hlr.read(&json!([1]));
        assert_eq!(nothing[&Package::LineStatus]["status"], Value::Null);
    }

    #[test]
    fn what_a_source_serves_is_by_package_and_country() {
        let swiss = source(json!({
            "name": "ch", "url": "http://127.0.0.1/", "countries": ["CH"],
            "packages": { "caller_name": { "caller_name": "" } },
        }));
        assert!(swiss.serves(Package::CallerName, Some("CH")) && swiss.is_kept());
        assert!(!swiss.serves(Package::CallerName, Some("US")));
        assert!(!swiss.serves(Package::CallerName, None));
        assert!(!swiss.serves(Package::SimSwap, Some("CH")));
    }

    #[test]
    fn bad_sources_are_refused_in_words() {
        let refused = |json: Value| {
            parse(&json!({ "sources": [json] }).to_string()).expect_err("a bad source")
        };
        let with =
            |url: &str, packages: Value| json!({ "name": "x", "url": url, "packages": packages });
        assert!(refused(with("ftp://a.example/", json!({}))).contains("neither http nor https"));
        assert!(refused(with("{number}", json!({}))).contains("no address"));
        let names = with("http://a.example/", json!({ "radio": {} }));
        assert!(refused(names).contains("'radio' is no package"));
        let member = with("http://a.example/", json!({ "sim_swap": { "colour": "/x" } }));
        assert!(refused(member).contains("no member 'colour'"));
        let pointer = with("http://a.example/", json!({ "line_status": { "status": "x" } }));
        assert!(refused(pointer).contains("no JSON pointer"));
        assert!(parse("[]").is_err() && parse("{").is_err());
    }
}
