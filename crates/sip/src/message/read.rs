//! Octets as messages. What can be read is read; what is wrong with it is said beside it, so that
//! a bad request gets its answer.

use super::{Address, Headers, Message, Method, Request, Response, Uri, Via, name};

/// Octets of a message at most.
pub const MESSAGE_MAX: usize = 65_535;
/// Header fields at most.
pub const HEADERS_MAX: usize = 256;
/// Octets of one header field at most, folded lines included.
pub const LINE_MAX: usize = 8_192;

/// Octets that are no message at all: nobody could be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a SIP message: {0}")]
pub struct Unreadable(&'static str);

/// Something wrong with a message that could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What a request is answered with; such a response is dropped.
    pub status: u16,
    /// What is wrong.
    pub why: &'static str,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The message.
    pub message: Message,
    /// The first thing that is wrong with it.
    pub fault: Option<Fault>,
}

/// Reads one datagram, or one message that was cut out of a stream.
pub fn read(octets: &[u8]) -> Result<Read, Unreadable> {
    if octets.len() > MESSAGE_MAX {
        return Err(Unreadable("too long"));
    }
    // RFC 3261 §7.5: empty lines before the start line are passed over.
    let begin = octets.iter().position(|octet| !b"\r\n".contains(octet));
    let octets = &octets[begin.ok_or(Unreadable("empty"))?..];
    let (head, body) = split_head(octets);
    let head = String::from_utf8_lossy(head);
    let (start, rest) = head.split_once('\n').unwrap_or((head.as_ref(), ""));
    let start = start.strip_suffix('\r').unwrap_or(start);
    if start.len() > LINE_MAX {
        return Err(Unreadable("start line too long"));
    }
    let mut fault = None;
    let headers = read_headers(rest, &mut fault)?;
    let body = cut_body(&headers, body, &mut fault);
    let mut message = read_start(start, &mut fault)?;
    match &mut message {
        Message::Request(request) => {
            (request.headers, request.body) = (headers, body);
            check_request(request, &mut fault);
        }
        Message::Response(response) => {
            (response.headers, response.body) = (headers, body);
            check_common(&response.headers, &mut fault);
        }
    }
    Ok(Read { message, fault })
}

fn blame(fault: &mut Option<Fault>, status: u16, why: &'static str) {
    fault.get_or_insert(Fault { status, why });
}

/// Head and body: an empty line is between them, of either kind of line end.
fn split_head(octets: &[u8]) -> (&[u8], &[u8]) {
    match head_end(octets) {
        Some(end) => (&octets[..end], &octets[end..]),
        None => (octets, &[]),
    }
}

/// Where the head ends, its empty line included.
pub(crate) fn head_end(octets: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(next) = octets[at..].iter().position(|octet| *octet == b'\n') {
        at += next + 1;
        match &octets[at..] {
            [b'\r', b'\n', ..] => return Some(at + 2),
            [b'\n', ..] => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn read_headers(text: &str, fault: &mut Option<Fault>) -> Result<Headers, Unreadable> {
    let (mut headers, mut open) = (Headers::default(), String::new());
    for line in text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)) {
        if line.starts_with([' ', '\t']) && !open.is_empty() {
            // §7.3.1: a folded line goes on with its field.
            open.push(' ');
            open.push_str(line.trim());
        } else {
            close(&mut headers, &open, fault);
            line.clone_into(&mut open);
        }
        if open.len() > LINE_MAX {
            return Err(Unreadable("header field too long"));
        }
        if headers.len() > HEADERS_MAX {
            return Err(Unreadable("too many header fields"));
        }
    }
    close(&mut headers, &open, fault);
    Ok(headers)
}

/// Takes one whole field. A line that is none is passed over: peers write worse than that.
fn close(headers: &mut Headers, line: &str, fault: &mut Option<Fault>) {
    let Some((name, value)) = line.split_once(':') else { return };
    let name = name.trim_end();
    if name.is_empty() || !name.bytes().all(super::method::is_token) {
        return blame(fault, 400, "bad header field name");
    }
    headers.push(name, value);
}

/// The body as far as Content-Length says (§18.3).
fn cut_body(headers: &Headers, body: &[u8], fault: &mut Option<Fault>) -> Vec<u8> {
    if headers.count(name::CONTENT_LENGTH) > 1 {
        let values = headers.all(name::CONTENT_LENGTH);
        if values.iter().any(|value| *value != values[0]) {
            blame(fault, 400, "Content-Length differs from Content-Length");
        }
    }
    match headers.get(name::CONTENT_LENGTH).map(|_| headers.number(name::CONTENT_LENGTH)) {
        None => body.to_vec(),
        Some(None) => {
            blame(fault, 400, "bad Content-Length");
            Vec::new()
        }
        Some(Some(length)) if length as usize > body.len() => {
            blame(fault, 400, "body shorter than Content-Length");
            body.to_vec()
        }
        Some(Some(length)) => body[..length as usize].to_vec(),
    }
}

fn read_start(line: &str, fault: &mut Option<Fault>) -> Result<Message, Unreadable> {
    if line.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("SIP/")) {
        let (version, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim_start();
        let (status, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let status = status.trim().parse().ok().filter(|status| (100..700).contains(status));
        let mut response = Response::new(status.ok_or(Unreadable("bad status"))?);
        reason.trim().clone_into(&mut response.reason);
        if !version.eq_ignore_ascii_case("SIP/2.0") {
            blame(fault, 505, "unknown version");
        }
        return Ok(Message::Response(response));
    }
    let (method, rest) = line.split_once(' ').ok_or(Unreadable("no request line"))?;
    let (uri, version) = rest.trim().rsplit_once(' ').ok_or(Unreadable("no request line"))?;
    let method = Method::parse(method).ok_or(Unreadable("bad method"))?;
    let version = version.to_ascii_uppercase();
    if !version.starts_with("SIP/") {
        return Err(Unreadable("not SIP"));
    }
    if version != "SIP/2.0" {
        blame(fault, 505, "unknown version");
    }
    // §7.1 forbids brackets around it; some send them all the same.
    let bare = uri.trim();
    let bare = bare.strip_prefix('<').and_then(|uri| uri.strip_suffix('>')).unwrap_or(bare);
    let uri = Uri::parse(bare).unwrap_or_else(|_| {
        blame(fault, 400, "bad Request-URI");
        Uri::sip(None, "invalid.invalid", None)
    });
    if !matches!(uri.scheme.as_str(), "sip" | "sips" | "tel") {
        blame(fault, 416, "unknown scheme of the Request-URI");
    }
    Ok(Message::Request(Request::new(method, uri)))
}

fn check_request(request: &Request, fault: &mut Option<Fault>) {
    check_common(&request.headers, fault);
    let headers = &request.headers;
    if let Some((_, method)) = headers.cseq()
        && method != request.method.as_str()
    {
        blame(fault, 400, "CSeq names another method");
    }
    let max = headers.get(name::MAX_FORWARDS).map(|_| headers.number(name::MAX_FORWARDS));
    if max.is_some_and(|max| max.is_none_or(|max| max > 255)) {
        blame(fault, 400, "bad Max-Forwards");
    }
    for addresses in [name::CONTACT, name::ROUTE, name::RECORD_ROUTE] {
        let bad = |value: &&str| *value != "*" && Address::parse(value).is_none();
        if headers.all(addresses).iter().any(bad) {
            blame(fault, 400, "bad Contact, Route or Record-Route");
        }
    }
}

/// What every message must have, once and readable (§8.1.1, §20).
fn check_common(headers: &Headers, fault: &mut Option<Fault>) {
    for once in [name::FROM, name::TO, name::CALL_ID, name::CSEQ] {
        match headers.count(once) {
            0 => blame(fault, 400, "From, To, Call-ID or CSeq is missing"),
            1 => {}
            _ => blame(fault, 400, "From, To, Call-ID or CSeq stands twice"),
        }
    }
    if headers.count(name::MAX_FORWARDS) > 1 {
        blame(fault, 400, "Max-Forwards stands twice");
    }
    for address in [name::FROM, name::TO] {
        if headers.get(address).is_some_and(|value| Address::parse(value).is_none()) {
            blame(fault, 400, "bad From or To");
        }
    }
    if headers.get(name::CALL_ID).is_some_and(str::is_empty) {
        blame(fault, 400, "empty Call-ID");
    }
    if headers.get(name::CSEQ).is_some() && headers.cseq().is_none() {
        blame(fault, 400, "bad CSeq");
    }
    let vias = headers.all(name::VIA);
    if vias.is_empty() || vias.iter().any(|via| Via::parse(via).is_none()) {
        blame(fault, 400, "bad Via");
    }
}
