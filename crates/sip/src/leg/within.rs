//! Requests within the dialog, of either side.

use super::{ALLOW, Leg, State};
use crate::event::{By, Event, LegId};
use crate::io::Hop;
use crate::message::{Address, Method, Request, Response, name};
use crate::wire::{TxId, Wire};

impl Leg {
    /// A request came. `replaces` is the leg that the target of a REFER names.
    pub(crate) fn request(
        &mut self,
        wire: &mut Wire,
        tx: TxId,
        request: &Request,
        from: &Hop,
        replaces: Option<LegId>,
    ) {
        if !self.takes(request) {
            wire.answer(tx, 481);
            return;
        }
        if !self.in_order(request) {
            // §12.2.2.
            wire.answer(tx, 500);
            return;
        }
        match request.method {
            Method::Bye => self.bye_came(wire, tx, request),
            Method::Invite | Method::Update => self.reinvite_came(wire, tx, request, from),
            Method::Prack => self.pracked(wire, tx, request, from),
            Method::Info => self.info_came(wire, tx, request),
            Method::Refer => self.refer_came(wire, tx, request, replaces),
            Method::Notify => self.notified(wire, tx, request),
            Method::Options => {
                if let Some(mut response) = wire.response(tx, 200) {
                    response.headers.push(name::ALLOW, ALLOW);
                    response.headers.push(name::SUPPORTED, super::SUPPORTED);
                    wire.respond(tx, &response);
                }
            }
            _ => {
                if let Some(mut response) = wire.response(tx, 405) {
                    response.headers.push(name::ALLOW, ALLOW);
                    wire.respond(tx, &response);
                }
            }
        }
    }

    /// Whether the request is of this dialog, or of an early one of our INVITE.
    fn takes(&self, request: &Request) -> bool {
        let from = request.headers.get(name::FROM).and_then(Address::parse);
        let tag = from.as_ref().and_then(Address::tag).unwrap_or_default();
        let own = self.dialog.iter().chain(self.early.iter().map(|early| &early.dialog));
        self.state != State::Over && own.into_iter().any(|dialog| dialog.remote_tag() == tag)
    }

    fn in_order(&mut self, request: &Request) -> bool {
        let from = request.headers.get(name::FROM).and_then(Address::parse);
        let tag = from.as_ref().and_then(Address::tag).unwrap_or_default();
        let Some((seq, _)) = request.headers.cseq() else { return false };
        let own = self.dialog.iter_mut().chain(self.early.iter_mut().map(|e| &mut e.dialog));
        let mut own = own.filter(|dialog| dialog.remote_tag() == tag);
        own.next().is_some_and(|dialog| dialog.heard(seq))
    }

    fn bye_came(&mut self, wire: &mut Wire, tx: TxId, request: &Request) {
        wire.answer(tx, 200);
        match self.state {
            // §15.1.2: what is open of the call is refused.
            State::Offered => {
                wire.answer(self.invite, 487);
            }
            State::Calling => {
                let from = request.headers.get(name::FROM).and_then(Address::parse);
                let tag = from.as_ref().and_then(Address::tag).unwrap_or_default();
                self.early.retain(|early| early.dialog.remote_tag() != tag);
                return;
            }
            State::Answered if self.caller => self.acknowledge(wire, self.invite, None),
            _ => {}
        }
        self.ended(wire, By::Them, 200, request.headers.clone());
    }

    fn info_came(&mut self, wire: &mut Wire, tx: TxId, request: &Request) {
        wire.answer(tx, 200);
        let leg = self.id;
        let content_type = request.headers.get(name::CONTENT_TYPE).unwrap_or_default();
        let event = match read_dtmf(content_type, &request.body) {
            Some((digit, duration_ms)) => Event::Dtmf { leg, digit, duration_ms },
            None => {
                let content_type = content_type.to_owned();
                Event::Info { leg, content_type, body: request.body.clone() }
            }
        };
        self.tell(wire, event);
    }

    /// Sends an INFO.
    pub(crate) fn info(&mut self, wire: &mut Wire, content_type: &str, body: Vec<u8>) {
        let leg = self.id;
        if self.state != State::Up {
            return self.tell(wire, Event::InfoAnswered { leg, status: 481 });
        }
        self.tries = 0;
        self.send(wire, Method::Info, |request| {
            request.headers.push(name::CONTENT_TYPE, content_type);
            request.body = body;
        });
    }

    /// A response to a request of this leg.
    pub(crate) fn response(
        &mut self,
        wire: &mut Wire,
        tx: TxId,
        method: &Method,
        response: Response,
        from: &Hop,
    ) {
        let first = self.dialog.is_none() || tx == self.invite || self.state == State::Calling;
        match method {
            Method::Invite if first && self.caller => {
                self.invite_answered(wire, tx, response, from);
            }
            _ => self.within_answered(wire, tx, method, &response),
        }
    }

    /// No response will come.
    pub(crate) fn unheard(&mut self, wire: &mut Wire, tx: TxId, method: &Method, status: u16) {
        if self.caller && *method == Method::Invite && tx == self.invite {
            self.unanswered(wire, tx, status);
        } else {
            self.silent(wire, tx, method, status);
        }
    }

    pub(super) fn within_answered(
        &mut self,
        wire: &mut Wire,
        tx: TxId,
        method: &Method,
        response: &Response,
    ) {
        if *method == Method::Invite {
            return self.reinvite_answered(wire, tx, response);
        }
        if *method == Method::Update && self.session.refresh == Some(tx) {
            return self.refreshed(wire, tx, response);
        }
        if response.is_provisional() {
            return;
        }
        let challenged = matches!(response.status, 401 | 407);
        let again = challenged.then(|| self.authenticate(wire, tx, response)).flatten();
        if self.bye == Some(tx) {
            self.bye = again;
            return;
        }
        if again.is_some() {
            return;
        }
        let leg = self.id;
        match method {
            Method::Refer => self.refer_answered(wire, response),
            Method::Info => {
                let status = response.status;
                self.tell(wire, Event::InfoAnswered { leg, status });
            }
            _ => {}
        }
        if matches!(response.status, 408 | 481) && *method != Method::Notify {
            self.lost(wire, response.status);
        }
    }
}

/// A digit of `application/dtmf-relay` or `application/dtmf`.
fn read_dtmf(content_type: &str, body: &[u8]) -> Option<(char, u32)> {
    let kind = content_type.split(';').next()?.trim().to_ascii_lowercase();
    let text = String::from_utf8_lossy(body);
    let digit = |text: &str| {
        let text = text.trim();
        let named = match text.parse::<u8>() {
            Ok(10) => Some('*'),
            Ok(11) => Some('#'),
            Ok(event @ 12..=15) => Some(char::from(b'A' + event - 12)),
            _ => None,
        };
        let mut chars = text.chars();
        let alone = chars.next().filter(|_| chars.next().is_none());
        named.or(alone).map(|c| c.to_ascii_uppercase()).filter(|c| "0123456789*#ABCD".contains(*c))
    };
    match kind.as_str() {
        "application/dtmf-relay" => {
            let field = |name: &str| {
                let mut lines = text.lines().filter_map(|line| line.split_once('='));
                lines.find(|(known, _)| known.trim().eq_ignore_ascii_case(name)).map(|(_, v)| v)
            };
            let duration = field("Duration").and_then(|value| value.trim().parse().ok());
            Some((digit(field("Signal")?)?, duration.unwrap_or(250)))
        }
        "application/dtmf" => Some((digit(&text)?, 250)),
        _ => None,
    }
}

/// Body of an INFO that presses a digit (`application/dtmf-relay`).
pub fn dtmf_relay(digit: char, duration_ms: u32) -> Vec<u8> {
    format!("Signal={digit}\r\nDuration={duration_ms}\r\n").into_bytes()
}
