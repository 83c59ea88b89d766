//! A request as the products see it: found, authenticated, its form parsed.

use std::net::SocketAddr;

use base::{ApiError, Params, Sid};
use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::accounts::Caller;
use crate::gateway::Place;

/// One API request.
pub struct Request {
    /// GET, POST, DELETE.
    pub method: Method,
    /// Which product it is for, and what its links begin with.
    pub place: Place,
    /// The path below the product's root, as sent, without the query.
    pub path: String,
    /// Values of the path's `{…}` segments, in order.
    pub segments: Vec<(String, String)>,
    /// The query.
    pub query: Params,
    /// The form (or JSON object) of the body.
    pub form: Params,
    /// All headers.
    pub headers: HeaderMap,
    /// The body as sent.
    pub body: Bytes,
    /// Who sent it.
    pub peer: SocketAddr,
}

impl Request {
    /// The value of a `{name}` segment.
    pub fn segment(&self, name: &str) -> &str {
        self.segments.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// A `{name}` segment that must be a SID of its kind: anything else is a resource that does
    /// not exist (20404), as Twilio answers.
    pub fn sid<T: Sid>(&self, name: &str) -> Result<T, ApiError> {
        self.segment(name).parse().map_err(|_| self.not_found())
    }

    /// The 404 for this path.
    pub fn not_found(&self) -> ApiError {
        ApiError::not_found(&self.path)
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A request together with who makes it: what a handler is given.
pub struct Call {
    /// Who calls, and for which account.
    pub caller: Caller,
    /// What is asked.
    pub request: Request,
}
