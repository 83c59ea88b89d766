//! The nouns inside `<Dial>` that are called: `Number`, `Sip`, `Client`, `Application`.

use roxmltree::Node;

use crate::Hook;
use crate::voice::attributes::Attributes;
use crate::voice::effects::{Params, param};
use crate::voice::reader::{Reader, text_of};
use crate::voice::status::{self, CallEvent, StatusCallback};
use crate::voice::verbs::play;

/// Characters of a SIP address, of its headers, and of a client's identity, at most.
const SIP_MAX: usize = 255;
const HEADERS_MAX: usize = 1_024;
const IDENTITY_MAX: usize = 121;

/// Attributes of the detection of answering machines.
const DETECTION: [&str; 7] = [
    "machineDetection",
    "machineDetectionTimeout",
    "machineDetectionSpeechThreshold",
    "machineDetectionSpeechEndThreshold",
    "machineDetectionSilenceTimeout",
    "amdStatusCallback",
    "amdStatusCallbackMethod",
];

/// Somebody to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Whom.
    pub to: Destination,
    /// A document for whoever answers, run before the two are connected.
    pub url: Option<Hook>,
    /// Where the leg's progress is told.
    pub status: Option<StatusCallback<CallEvent>>,
}

/// Whom to call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A phone number.
    Number {
        /// `+` and digits, or the digits of a local number, without anything between them.
        number: String,
        /// Digits sent once it answers (as in `Audio::Digits`).
        send_digits: Option<String>,
    },
    /// One of these SIP addresses: by priority, then weight (RFC 2782).
    Sip {
        /// At least one.
        uris: Vec<SipUri>,
        /// Headers of the INVITE.
        headers: Params,
    },
    /// A soft phone.
    Client {
        /// Who.
        identity: String,
        /// Parameters for it.
        params: Params,
    },
    /// Another application.
    Application {
        /// Its SID.
        sid: String,
        /// Parameters for it.
        params: Params,
        /// The customer, as given.
        customer: Option<String>,
        /// Whether the new leg has the same `To` as the caller's.
        copy_parent_to: bool,
    },
}

/// A SIP address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SipUri {
    /// The address with its parameters, without headers.
    pub uri: String,
    /// The lowest is tried first.
    pub priority: u32,
    /// The share among those of the same priority.
    pub weight: u32,
    /// For digest authentication.
    pub username: Option<String>,
    /// Likewise.
    pub password: Option<String>,
}

/// Whether `text` is an address that could be called (RFC 3261 §19.1.1, by its shape).
pub(crate) fn is_sip_uri(text: &str) -> bool {
    let rest = text.strip_prefix("sip:").or_else(|| text.strip_prefix("sips:"));
    let Some(rest) = rest else { return false };
    let host = rest.rsplit('@').next().unwrap_or_default();
    let host = host.split([';', '?']).next().unwrap_or_default();
    let graphic = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"".contains(&byte));
    graphic && !host.is_empty()
}

/// `<Number>`, or the text of `<Dial>` itself.
pub(crate) fn number(node: Node<'_, '_>, reader: &mut Reader) -> Option<Endpoint> {
    reader.only(node, &[]);
    let mut attributes = Attributes::of(node, reader);
    let send_digits = play::digits(&mut attributes, "sendDigits", 13222);
    let (url, status) = shared(&mut attributes, 13221);
    attributes.refuse(&["byoc"], "own trunks are chosen by routes");
    attributes.refuse(&DETECTION, "answering machines are not detected here");
    drop(attributes);
    let number = dialable(&text_of(node), reader)?;
    Some(Endpoint { to: Destination::Number { number, send_digits }, url, status })
}

/// A number as it can be dialled.
pub(crate) fn dialable(text: &str, reader: &mut Reader) -> Option<String> {
    let number: String = text.chars().filter(|letter| !" -().\u{a0}".contains(*letter)).collect();
    let digits = number.strip_prefix('+').unwrap_or(&number);
    let fine = (1..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !fine {
        let text: String = text.chars().take(80).collect();
        reader.warn(13223, format!("<Dial>: '{text}' is not a phone number"));
        return None;
    }
    Some(number)
}

fn shared(
    attributes: &mut Attributes<'_, '_>,
    code: u32,
) -> (Option<Hook>, Option<StatusCallback<CallEvent>>) {
    (attributes.hook("url", "method", code), status::call(attributes))
}

/// `<Sip>`.
pub(crate) fn sip(node: Node<'_, '_>, reader: &mut Reader) -> Option<Endpoint> {
    reader.only(node, &["Uri", "Headers"]);
    let mut attributes = Attributes::of(node, reader);
    let (url, status) = shared(&mut attributes, 13241);
    let (username, password) = (attributes.text("username"), attributes.text("password"));
    attributes.refuse(&DETECTION, "answering machines are not detected here");
    drop(attributes);
    let (mut uris, mut headers) = (Vec::new(), Vec::new());
    let children = |name| node.children().filter(move |child| child.tag_name().name() == name);
    for child in children("Uri") {
        let mut attributes = Attributes::of(child, reader);
        let mut uri = SipUri {
            uri: String::new(),
            priority: attributes.number("priority", 0..=65_535, 12200).unwrap_or(0),
            weight: attributes.number("weight", 0..=65_535, 12200).unwrap_or(0),
            username: attributes.text("username").or_else(|| username.clone()),
            password: attributes.text("password").or_else(|| password.clone()),
        };
        drop(attributes);
        if let Some(plain) = address(&text_of(child), &mut headers, reader) {
            uri.uri = plain;
            uris.push(uri);
        }
    }
    let text = text_of(node);
    if children("Uri").next().is_none() {
        let plain = address(&text, &mut headers, reader)?;
        uris.push(SipUri { uri: plain, priority: 0, weight: 0, username, password });
    } else if !text.is_empty() {
        reader.warn(12200, "text beside <Uri> in <Sip> is passed over");
    }
    for child in children("Headers").flat_map(|list| list.children()) {
        if child.tag_name().name() == "Header" {
            let (name, value) = pair(child, reader);
            header(&name, &value, &mut headers, reader);
        }
    }
    if uris.is_empty() {
        return None;
    }
    Some(Endpoint { to: Destination::Sip { uris, headers }, url, status })
}

/// An address without the headers behind its `?`, which are collected.
fn address(text: &str, headers: &mut Params, reader: &mut Reader) -> Option<String> {
    let (plain, query) = text.split_once('?').unwrap_or((text, ""));
    // The scheme may be left out.
    let plain = match plain.contains("sip:") || plain.contains("sips:") {
        true => plain.to_owned(),
        false => format!("sip:{plain}"),
    };
    if !is_sip_uri(&plain) || plain.len() > SIP_MAX {
        let shown: String = plain.chars().take(80).collect();
        reader.warn(13243, format!("<Sip>: '{shown}' is not a SIP address"));
        return None;
    }
    if query.len() > HEADERS_MAX {
        reader.warn(13253, format!("<Sip>: headers have at most {HEADERS_MAX} characters"));
        return Some(plain);
    }
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        header(&name, &value, headers, reader);
    }
    Some(plain)
}

/// Headers of the application, and those that others need (RFC 7433, RFC 3325…).
fn header(name: &str, value: &str, headers: &mut Params, reader: &mut Reader) {
    const OTHERS: [&str; 3] = ["user-to-user", "remote-party-id", "p-asserted-identity"];
    let token = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    let lower = name.to_ascii_lowercase();
    let own = lower.len() > 2 && lower.starts_with("x-");
    if !token || !(own || OTHERS.contains(&lower.as_str())) {
        let shown: String = name.chars().take(80).collect();
        return reader.warn(13252, format!("<Sip>: a header '{shown}' can't be sent"));
    }
    let sum: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if sum + name.len() + value.len() > HEADERS_MAX || value.contains(char::is_control) {
        let text = format!("<Sip>: header {name} is not plain text, or one too many");
        return reader.warn(13253, text);
    }
    headers.push(param(name, value));
}

/// `name` and `value` of a small noun.
fn pair(node: Node<'_, '_>, reader: &mut Reader) -> (String, String) {
    let mut attributes = Attributes::of(node, reader);
    let name = attributes.text("name").unwrap_or_default();
    (name, attributes.raw("value").unwrap_or_default().to_owned())
}

fn parameters(node: Node<'_, '_>, reader: &mut Reader) -> Params {
    let nodes = node.children().filter(|child| child.tag_name().name() == "Parameter");
    nodes.map(|child| pair(child, reader)).filter(|(name, _)| !name.is_empty()).collect()
}

/// The text of an element, or of the one inside it that names the same.
fn text_or(node: Node<'_, '_>, inner: &str) -> String {
    let child = node.children().find(|child| child.tag_name().name() == inner);
    child.map_or_else(|| text_of(node), text_of)
}

/// `<Client>`.
pub(crate) fn client(node: Node<'_, '_>, reader: &mut Reader) -> Option<Endpoint> {
    reader.only(node, &["Identity", "Parameter"]);
    let mut attributes = Attributes::of(node, reader);
    let (url, status) = shared(&mut attributes, 12200);
    drop(attributes);
    let params = parameters(node, reader);
    let identity = text_or(node, "Identity");
    if !reader.clients {
        reader.warn(13215, "<Client> is not served here; it is passed over");
        return None;
    }
    if identity.is_empty() || identity.chars().count() > IDENTITY_MAX {
        let text = format!("<Client> needs an identity of 1 to {IDENTITY_MAX} characters");
        reader.warn(12200, text);
        return None;
    }
    Some(Endpoint { to: Destination::Client { identity, params }, url, status })
}

/// `<Application>`.
pub(crate) fn application(node: Node<'_, '_>, reader: &mut Reader) -> Option<Endpoint> {
    reader.only(node, &["ApplicationSid", "Parameter"]);
    let mut attributes = Attributes::of(node, reader);
    let (url, status) = shared(&mut attributes, 12200);
    let customer = attributes.text("customerId");
    let copy_parent_to = attributes.flag("copyParentTo", false, 12200);
    drop(attributes);
    let params = parameters(node, reader);
    let sid = text_or(node, "ApplicationSid");
    let digits = sid.strip_prefix("AP").unwrap_or_default();
    if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        reader.warn(12200, "<Application> needs the SID of an application");
        return None;
    }
    let to = Destination::Application { sid, params, customer, copy_parent_to };
    Some(Endpoint { to, url, status })
}
