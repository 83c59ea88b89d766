//! Header fields: names without regard to case and in their short forms, values as text.

use std::borrow::Cow;

use super::address::split_list;

/// Names of header fields, as we write them.
#[allow(missing_docs)]
pub mod name {
    pub const ACCEPT: &str = "Accept";
    pub const ALLOW: &str = "Allow";
    pub const ALLOW_EVENTS: &str = "Allow-Events";
    pub const AUTHORIZATION: &str = "Authorization";
    pub const CALL_ID: &str = "Call-ID";
    pub const CONTACT: &str = "Contact";
    pub const CONTENT_ENCODING: &str = "Content-Encoding";
    pub const CONTENT_LENGTH: &str = "Content-Length";
    pub const CONTENT_TYPE: &str = "Content-Type";
    pub const CSEQ: &str = "CSeq";
    pub const DATE: &str = "Date";
    pub const DIVERSION: &str = "Diversion";
    pub const EVENT: &str = "Event";
    pub const EXPIRES: &str = "Expires";
    pub const FROM: &str = "From";
    pub const MAX_FORWARDS: &str = "Max-Forwards";
    pub const MIN_EXPIRES: &str = "Min-Expires";
    pub const MIN_SE: &str = "Min-SE";
    pub const P_ASSERTED_IDENTITY: &str = "P-Asserted-Identity";
    pub const PROXY_AUTHENTICATE: &str = "Proxy-Authenticate";
    pub const PROXY_AUTHORIZATION: &str = "Proxy-Authorization";
    pub const RACK: &str = "RAck";
    pub const REASON: &str = "Reason";
    pub const RECORD_ROUTE: &str = "Record-Route";
    pub const REFER_TO: &str = "Refer-To";
    pub const REFERRED_BY: &str = "Referred-By";
    pub const REPLACES: &str = "Replaces";
    pub const REQUIRE: &str = "Require";
    pub const RETRY_AFTER: &str = "Retry-After";
    pub const ROUTE: &str = "Route";
    pub const RSEQ: &str = "RSeq";
    pub const SERVER: &str = "Server";
    pub const SESSION_EXPIRES: &str = "Session-Expires";
    pub const SUBJECT: &str = "Subject";
    pub const SUBSCRIPTION_STATE: &str = "Subscription-State";
    pub const SUPPORTED: &str = "Supported";
    pub const TIMESTAMP: &str = "Timestamp";
    pub const TO: &str = "To";
    pub const UNSUPPORTED: &str = "Unsupported";
    pub const USER_AGENT: &str = "User-Agent";
    pub const VIA: &str = "Via";
    pub const WARNING: &str = "Warning";
    pub const WWW_AUTHENTICATE: &str = "WWW-Authenticate";

    /// Every name above.
    pub(super) const ALL: [&str; 43] = [
        ACCEPT,
        ALLOW,
        ALLOW_EVENTS,
        AUTHORIZATION,
        CALL_ID,
        CONTACT,
        CONTENT_ENCODING,
        CONTENT_LENGTH,
        CONTENT_TYPE,
        CSEQ,
        DATE,
        DIVERSION,
        EVENT,
        EXPIRES,
        FROM,
        MAX_FORWARDS,
        MIN_EXPIRES,
        MIN_SE,
        P_ASSERTED_IDENTITY,
        PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION,
        RACK,
        REASON,
        RECORD_ROUTE,
        REFER_TO,
        REFERRED_BY,
        REPLACES,
        REQUIRE,
        RETRY_AFTER,
        ROUTE,
        RSEQ,
        SERVER,
        SESSION_EXPIRES,
        SUBJECT,
        SUBSCRIPTION_STATE,
        SUPPORTED,
        TIMESTAMP,
        TO,
        UNSUPPORTED,
        USER_AGENT,
        VIA,
        WARNING,
        WWW_AUTHENTICATE,
    ];

    /// Short forms (RFC 3261 §7.3.3, RFC 3515, 3892, 4028, 6665).
    pub(super) const SHORT: [(&str, &str); 14] = [
        ("b", REFERRED_BY),
        ("c", CONTENT_TYPE),
        ("e", CONTENT_ENCODING),
        ("f", FROM),
        ("i", CALL_ID),
        ("k", SUPPORTED),
        ("l", CONTENT_LENGTH),
        ("m", CONTACT),
        ("o", EVENT),
        ("r", REFER_TO),
        ("s", SUBJECT),
        ("t", TO),
        ("v", VIA),
        ("x", SESSION_EXPIRES),
    ];
}

/// Fields whose values may be joined by commas (RFC 3261 §7.3.1), as far as we read them.
const LISTS: [&str; 11] = [
    name::VIA,
    name::CONTACT,
    name::ROUTE,
    name::RECORD_ROUTE,
    name::ALLOW,
    name::SUPPORTED,
    name::REQUIRE,
    name::UNSUPPORTED,
    name::ACCEPT,
    name::P_ASSERTED_IDENTITY,
    name::DIVERSION,
];

/// One header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name, long and in its usual spelling where we know it.
    pub name: Cow<'static, str>,
    /// Its value, unfolded and trimmed.
    pub value: String,
}

/// Header fields in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<Header>);

/// The usual spelling of a name.
fn usual(spelt: &str) -> Cow<'static, str> {
    let short = name::SHORT.iter().find(|(short, _)| short.eq_ignore_ascii_case(spelt));
    let known = short.map(|(_, long)| *long);
    let known =
        known.or_else(|| name::ALL.iter().find(|known| known.eq_ignore_ascii_case(spelt)).copied());
    known.map_or_else(|| Cow::Owned(spelt.to_owned()), Cow::Borrowed)
}

impl Headers {
    /// Adds a field at the end. Line breaks in `value` become spaces, so that no value can write
    /// a field of its own.
    pub fn push(&mut self, spelt: &str, value: &str) {
        let value = value.trim();
        let value = if value.contains(['\r', '\n', '\0']) {
            value.replace(['\r', '\n', '\0'], " ")
        } else {
            value.to_owned()
        };
        self.0.push(Header { name: usual(spelt), value });
    }

    /// Adds a field before all others.
    pub fn push_front(&mut self, spelt: &str, value: &str) {
        self.push(spelt, value);
        self.0.rotate_right(1);
    }

    /// Replaces every field of this name by one, where the first was.
    pub fn set(&mut self, spelt: &str, value: &str) {
        let name = usual(spelt);
        let Some(at) = self.0.iter().position(|header| same(&header.name, &name)) else {
            return self.push(spelt, value);
        };
        self.push(spelt, value);
        let last = self.0.len() - 1;
        self.0.swap(at, last);
        let kept = self.0[at].clone();
        let rest: Vec<Header> = self.0.drain(at..).collect();
        self.0.push(kept);
        self.0.extend(rest.into_iter().skip(1).filter(|header| !same(&header.name, &name)));
    }

    /// Removes every field of this name.
    pub fn remove(&mut self, spelt: &str) {
        let name = usual(spelt);
        self.0.retain(|header| !same(&header.name, &name));
    }

    /// The first value.
    pub fn get(&self, spelt: &str) -> Option<&str> {
        self.fields(spelt).next()
    }

    /// How many fields have this name.
    pub fn count(&self, spelt: &str) -> usize {
        self.fields(spelt).count()
    }

    fn fields(&self, spelt: &str) -> impl Iterator<Item = &str> {
        let name = usual(spelt);
        let found = self.0.iter().filter(move |header| same(&header.name, &name));
        found.map(|header| header.value.as_str())
    }

    /// All values in order; those of lists one by one.
    pub fn all(&self, spelt: &str) -> Vec<&str> {
        let list = LISTS.iter().any(|list| same(list, &usual(spelt)));
        let fields = self.fields(spelt);
        if list { fields.flat_map(split_list).collect() } else { fields.collect() }
    }

    /// Whether a list names this token.
    pub fn lists(&self, spelt: &str, token: &str) -> bool {
        self.all(spelt).iter().any(|value| value.eq_ignore_ascii_case(token))
    }

    /// A number; parameters behind it are left out.
    pub fn number(&self, spelt: &str) -> Option<u32> {
        let value = self.get(spelt)?;
        let end = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
        let (digits, rest) = value.split_at(end);
        let clean = rest.is_empty() || rest.starts_with([';', ' ', '\t', '(']);
        digits.parse().ok().filter(|_| clean)
    }

    /// Number and method of CSeq (RFC 3261 §20.16).
    pub fn cseq(&self) -> Option<(u32, &str)> {
        let (number, method) = self.get(name::CSEQ)?.split_once([' ', '\t'])?;
        Some((number.parse().ok().filter(|number| *number < 1 << 31)?, method.trim()))
    }

    /// Fields in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Header> {
        self.0.iter()
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Removes the first of the values of Via: the hop that a response came back to.
    pub fn pop_via(&mut self) {
        let rest: Vec<String> =
            self.all(name::VIA).into_iter().skip(1).map(str::to_owned).collect();
        self.remove(name::VIA);
        rest.iter().for_each(|via| self.push(name::VIA, via));
    }

    /// Replaces the first of the values of Via, as a server does that adds `received`.
    pub fn set_via(&mut self, value: &str) {
        let mut vias: Vec<String> = self.all(name::VIA).into_iter().map(str::to_owned).collect();
        if let Some(first) = vias.first_mut() {
            value.clone_into(first);
        }
        self.remove(name::VIA);
        vias.iter().rev().for_each(|via| self.push_front(name::VIA, via));
    }
}

fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}
