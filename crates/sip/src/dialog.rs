//! Dialogs (RFC 3261 §12): who talks to whom, by which route, with which numbers.

use crate::io::{Hop, Transport};
use crate::message::{Address, Message, Method, Request, Response, Uri, Via, name};

/// One dialog, early or confirmed.
#[derive(Clone, Debug)]
pub(crate) struct Dialog {
    pub(crate) call_id: String,
    /// Ours, with its tag.
    pub(crate) local: Address,
    /// The other end's, with its tag if it has one (RFC 2543's have none).
    pub(crate) remote: Address,
    pub(crate) target: Uri,
    routes: Vec<Address>,
    pub(crate) local_seq: u32,
    pub(crate) remote_seq: Option<u32>,
    /// The flow that leads through the other end's NAT, or the connection that stands.
    pub(crate) direct: Option<Hop>,
}

/// Where a request of a dialog goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dest {
    Hop(Hop),
    Uri(Uri),
}

impl Dialog {
    /// Of our INVITE and a response to it (§12.1.2). `None` when the response can't make one.
    pub(crate) fn of_response(request: &Request, response: &Response, from: &Hop) -> Option<Self> {
        let local = Address::parse(response.headers.get(name::FROM)?)?;
        let remote = Address::parse(response.headers.get(name::TO)?)?;
        let mut routes = addresses(&response.headers.all(name::RECORD_ROUTE));
        routes.reverse();
        let contact = contact(&response.headers.all(name::CONTACT));
        let message = Message::Response(response.clone());
        Some(Self {
            call_id: response.headers.get(name::CALL_ID)?.to_owned(),
            local,
            remote,
            direct: direct(&message, contact.as_ref(), &routes, from),
            target: contact.unwrap_or_else(|| request.uri.clone()),
            routes,
            local_seq: request.headers.cseq()?.0,
            remote_seq: None,
        })
    }

    /// Of an INVITE that came, with our tag (§12.1.1).
    pub(crate) fn of_request(request: &Request, tag: &str, from: &Hop) -> Option<Self> {
        let local = Address::parse(request.headers.get(name::TO)?)?.with_tag(tag);
        let remote = Address::parse(request.headers.get(name::FROM)?)?;
        let routes = addresses(&request.headers.all(name::RECORD_ROUTE));
        let contact = contact(&request.headers.all(name::CONTACT));
        let message = Message::Request(request.clone());
        Some(Self {
            call_id: request.headers.get(name::CALL_ID)?.to_owned(),
            direct: direct(&message, contact.as_ref(), &routes, from),
            target: contact.unwrap_or_else(|| remote.uri.clone()),
            local,
            remote,
            routes,
            local_seq: 0,
            remote_seq: Some(request.headers.cseq()?.0),
        })
    }

    pub(crate) fn remote_tag(&self) -> &str {
        self.remote.tag().unwrap_or_default()
    }

    pub(crate) fn local_tag(&self) -> &str {
        self.local.tag().unwrap_or_default()
    }

    /// The next request in the dialog (§12.2.1.1), with the next number but for ACK, which takes
    /// that of its INVITE by `seq`.
    pub(crate) fn request(&mut self, method: Method, seq: Option<u32>) -> (Request, Dest) {
        let seq = seq.unwrap_or_else(|| {
            self.local_seq += 1;
            self.local_seq
        });
        let strict = self.routes.first().filter(|route| route.uri.params.get("lr").is_none());
        let (uri, routes, next) = match (self.routes.first(), strict) {
            // A strict router wants its own address in the Request-URI and ours at the end.
            (_, Some(first)) => {
                let mut routes: Vec<String> =
                    self.routes[1..].iter().map(ToString::to_string).collect();
                routes.push(format!("<{}>", self.target));
                (first.uri.bare(), routes, first.uri.clone())
            }
            (Some(first), None) => {
                let routes = self.routes.iter().map(ToString::to_string).collect();
                (self.target.clone(), routes, first.uri.clone())
            }
            (None, None) => (self.target.clone(), Vec::new(), self.target.clone()),
        };
        let mut request = Request::new(method, uri.bare());
        let cseq = format!("{seq} {}", request.method);
        request.headers.push(name::MAX_FORWARDS, "70");
        request.headers.push(name::FROM, &self.local.to_string());
        request.headers.push(name::TO, &self.remote.to_string());
        request.headers.push(name::CALL_ID, &self.call_id);
        request.headers.push(name::CSEQ, &cseq);
        routes.iter().for_each(|route| request.headers.push(name::ROUTE, route));
        let dest = self.direct.clone().map_or(Dest::Uri(next), Dest::Hop);
        (request, dest)
    }

    /// Takes a request of the other end; false when it is older than one before (§12.2.2).
    pub(crate) fn heard(&mut self, seq: u32) -> bool {
        let fresh = self.remote_seq.is_none_or(|last| seq > last);
        if fresh {
            self.remote_seq = Some(seq);
        }
        fresh
    }

    /// A target refresh: the other end's Contact may have moved (§12.2.1.2).
    pub(crate) fn refresh(&mut self, message: &Message, from: &Hop) {
        if let Some(contact) = contact(&message.headers().all(name::CONTACT)) {
            self.direct = direct(message, Some(&contact), &self.routes, from);
            self.target = contact;
        }
    }
}

fn addresses(values: &[&str]) -> Vec<Address> {
    values.iter().filter_map(|value| Address::parse(value)).collect()
}

fn contact(values: &[&str]) -> Option<Uri> {
    values.iter().find_map(|value| Address::parse(value)).map(|address| address.uri)
}

/// Where the other end is really reached, if not by its Contact: over the connection that stands
/// (RFC 5923 in spirit), or where datagrams come from when its Contact is an address behind NAT.
fn direct(message: &Message, contact: Option<&Uri>, routes: &[Address], from: &Hop) -> Option<Hop> {
    if !routes.is_empty() {
        return None;
    }
    let vias = message.headers().all(name::VIA);
    let alone = match message {
        Message::Request(_) => vias.len() == 1,
        Message::Response(_) => true,
    };
    if !alone {
        return None;
    }
    if from.transport != Transport::Udp {
        return Some(from.clone());
    }
    let said = contact.and_then(Uri::ip)?;
    let port = contact.and_then(|contact| contact.port).unwrap_or(5060);
    let there = (said, port) == (from.remote.ip(), from.remote.port());
    let behind = match message {
        // RFC 3581 in reverse: it believes to be elsewhere than we see it.
        Message::Request(_) => vias
            .first()
            .and_then(|via| Via::parse(via))
            .is_some_and(|via| via.host != from.remote.ip().to_string()),
        Message::Response(_) => is_private(said) && !is_private(from.remote.ip()),
    };
    (!there && (behind || said.is_unspecified())).then(|| from.clone())
}

/// Addresses that mean nothing outside their own network (RFC 1918, 4193, 6598).
pub(crate) fn is_private(address: core::net::IpAddr) -> bool {
    match address {
        core::net::IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || (a == 100 && b & 0xc0 == 64)
        }
        core::net::IpAddr::V6(v6) => v6.is_loopback() || v6.segments()[0] & 0xfe00 == 0xfc00,
    }
}
