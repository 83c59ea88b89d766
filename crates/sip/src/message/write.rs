//! Messages as octets.

use super::{Headers, Message, Request, Response, name};

impl Request {
    /// As octets, with its Content-Length.
    pub fn to_octets(&self) -> Vec<u8> {
        let start = format!("{} {} SIP/2.0\r\n", self.method, self.uri);
        write(start, &self.headers, &self.body)
    }
}

impl Response {
    /// As octets, with its Content-Length.
    pub fn to_octets(&self) -> Vec<u8> {
        let reason = self.reason.replace(['\r', '\n'], " ");
        write(format!("SIP/2.0 {} {reason}\r\n", self.status), &self.headers, &self.body)
    }
}

impl Message {
    /// As octets, with its Content-Length.
    pub fn to_octets(&self) -> Vec<u8> {
        match self {
            Self::Request(request) => request.to_octets(),
            Self::Response(response) => response.to_octets(),
        }
    }
}

fn write(start: String, headers: &Headers, body: &[u8]) -> Vec<u8> {
    let mut octets = start.into_bytes();
    octets.reserve(512 + body.len());
    for header in headers.iter().filter(|header| header.name != name::CONTENT_LENGTH) {
        for piece in [header.name.as_ref(), ": ", &header.value, "\r\n"] {
            octets.extend_from_slice(piece.as_bytes());
        }
    }
    octets.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
    octets.extend_from_slice(body);
    octets
}
