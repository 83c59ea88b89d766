//! SIP messages (RFC 3261 §7): read with limits and tolerance, written by the book.

mod address;
mod headers;
mod method;
mod read;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod torture;
mod uri;
mod via;
mod write;

pub use address::{Address, Params, split_list};
pub use headers::{Header, Headers, name};
pub use method::Method;
pub(crate) use method::is_token;
pub(crate) use read::head_end;
pub use read::{Fault, HEADERS_MAX, LINE_MAX, MESSAGE_MAX, Read, Unreadable, read};
pub use uri::{InvalidUri, Uri};
pub use via::{COOKIE, Via};

/// A request (RFC 3261 §7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub method: Method,
    /// Of whom: the Request-URI.
    pub uri: Uri,
    /// Its header fields, in order.
    pub headers: Headers,
    /// Its body.
    pub body: Vec<u8>,
}

/// A response (RFC 3261 §7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// 100 to 699.
    pub status: u16,
    /// The words beside it.
    pub reason: String,
    /// Its header fields, in order.
    pub headers: Headers,
    /// Its body.
    pub body: Vec<u8>,
}

/// Either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

impl Message {
    /// The header fields.
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }
}

impl Request {
    /// A request without header fields.
    pub fn new(method: Method, uri: Uri) -> Self {
        Self { method, uri, headers: Headers::default(), body: Vec::new() }
    }

    /// A response to this request with the fields that RFC 3261 §8.2.6.2 copies, and `tag` in To
    /// where there is none.
    pub fn respond(&self, status: u16, tag: &str) -> Response {
        let mut response = Response::new(status);
        for copied in [name::VIA, name::FROM, name::TO, name::CALL_ID, name::CSEQ] {
            for value in self.headers.all(copied) {
                response.headers.push(copied, value);
            }
        }
        if status == 100 {
            // RFC 3261 §8.2.6.1: a Timestamp is copied, a tag is not needed.
            if let Some(stamp) = self.headers.get(name::TIMESTAMP) {
                response.headers.push(name::TIMESTAMP, stamp);
            }
            return response;
        }
        let to = self.headers.get(name::TO).unwrap_or_default();
        let tagged = Address::parse(to).is_some_and(|to| to.tag().is_some());
        if !tagged && !tag.is_empty() {
            response.headers.set(name::TO, &format!("{to};tag={tag}"));
        }
        if matches!(self.method, Method::Invite | Method::Subscribe | Method::Refer) {
            // RFC 3261 §12.1.1: the route of a dialog is copied.
            for value in self.headers.all(name::RECORD_ROUTE) {
                response.headers.push(name::RECORD_ROUTE, value);
            }
        }
        response
    }
}

impl Response {
    /// A response with its usual words and without header fields.
    pub fn new(status: u16) -> Self {
        let reason = reason(status).to_owned();
        Self { status, reason, headers: Headers::default(), body: Vec::new() }
    }

    /// 100 to 199.
    pub fn is_provisional(&self) -> bool {
        self.status < 200
    }

    /// 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// The usual words of a status (RFC 3261 §21 and the registry of IANA).
pub fn reason(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        305 => "Use Proxy",
        380 => "Alternative Service",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        410 => "Gone",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        421 => "Extension Required",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        485 => "Ambiguous",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        489 => "Bad Event",
        491 => "Request Pending",
        493 => "Undecipherable",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        _ => class(status),
    }
}

/// What a status without usual words comes to.
fn class(status: u16) -> &'static str {
    match status / 100 {
        1 => "Progress",
        2 => "Success",
        3 => "Redirection",
        4 => "Request Failure",
        5 => "Server Failure",
        _ => "Global Failure",
    }
}
