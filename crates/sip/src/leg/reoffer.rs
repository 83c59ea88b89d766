//! Offers within a call: INVITE and UPDATE in the dialog (RFC 3261 §14, RFC 3311).

use std::time::Duration;

use base::Instant;

use super::{Leg, State, description, dress, session};
use crate::event::Event;
use crate::io::Hop;
use crate::message::{Method, Request, Response, name};
use crate::sdp::Session;
use crate::wire::{TxId, Wire};

/// How often an offer that crossed another is made again.
const GLARES_MAX: u8 = 3;

/// Which offer is open.
#[derive(Default)]
pub(super) enum Exchange {
    #[default]
    Idle,
    /// Ours waits for the answer.
    Ours { tx: TxId, open: Box<Open> },
    /// Theirs waits for the user.
    Theirs { tx: TxId, invite: bool, offered: bool },
}

/// An offer of ours.
pub(super) struct Open {
    sdp: Session,
    /// What held before it, and holds on when it is refused.
    before: Option<Session>,
    /// How often it crossed another.
    glares: u8,
}

/// An offer of ours that crossed another (491) and is to be made again.
pub(super) struct Again {
    pub(super) at: Instant,
    sdp: Session,
    glares: u8,
}

/// How long an offer waits that is to be made again, while another one is open.
const PAUSE: Duration = Duration::from_millis(500);

impl Leg {
    /// Offers anew; a little later where something else is open.
    pub(crate) fn reoffer(&mut self, wire: &mut Wire, sdp: Session) {
        let leg = self.id;
        if !matches!(self.state, State::Up | State::Answered) {
            return self.tell(wire, Event::ReofferRefused { leg, status: 491 });
        }
        if self.is_busy() || self.again.is_some() {
            let at = self.again.as_ref().map_or(wire.now + PAUSE, |again| again.at);
            self.again = Some(Again { at, sdp, glares: 0 });
            return;
        }
        self.offer_now(wire, sdp, 0);
    }

    fn is_busy(&self) -> bool {
        self.state != State::Up
            || !matches!(self.exchange, Exchange::Idle)
            || self.session.refresh.is_some()
            || self.success.is_some()
    }

    fn offer_now(&mut self, wire: &mut Wire, sdp: Session, glares: u8) {
        let open = Box::new(Open { sdp: sdp.clone(), before: self.local_sdp.clone(), glares });
        let timer = std::mem::take(&mut self.session);
        let config = wire.config.clone();
        self.tries = 0;
        let mut headers = crate::message::Headers::default();
        let body = self.put_sdp(&mut headers, sdp);
        let tx = self.send(wire, Method::Invite, |request| {
            request.headers.push(name::ALLOW, super::ALLOW);
            request.headers.push(name::SUPPORTED, super::SUPPORTED);
            timer.ask(&config, &mut request.headers);
            headers.iter().for_each(|header| request.headers.push(&header.name, &header.value));
            request.body = body;
        });
        self.session = timer;
        self.exchange = tx.map_or(Exchange::Idle, |tx| Exchange::Ours { tx, open });
    }

    pub(super) fn reoffer_due(&mut self, wire: &mut Wire) {
        let now = wire.now;
        let Some(mut again) = self.again.take_if(|again| again.at <= now) else { return };
        if self.is_busy() {
            again.at = now + PAUSE;
            self.again = Some(again);
        } else {
            self.offer_now(wire, again.sdp, again.glares);
        }
    }

    /// The answer to an INVITE within the call; it may be a refresh of the session.
    pub(super) fn reinvite_answered(&mut self, wire: &mut Wire, tx: TxId, response: &Response) {
        if response.is_success() {
            self.acknowledge(wire, tx, None);
        }
        if self.session.refresh == Some(tx) {
            return self.refreshed(wire, tx, response);
        }
        let ours = matches!(self.exchange, Exchange::Ours { tx: open, .. } if open == tx);
        if !ours || response.is_provisional() {
            return;
        }
        let Exchange::Ours { open, .. } = std::mem::take(&mut self.exchange) else { return };
        let leg = self.id;
        match response.status {
            200..=299 => {
                let sdp = description(&response.headers, &response.body).and_then(Result::ok);
                self.remote_sdp.clone_from(&response.body);
                self.session_agreed(wire, &response.headers, true);
                self.tell(wire, Event::Reanswered { leg, sdp });
            }
            401 | 407 | 422 => {
                let again = match response.status {
                    422 => self.longer(wire, tx, response),
                    _ => self.authenticate(wire, tx, response),
                };
                match again {
                    Some(tx) => self.exchange = Exchange::Ours { tx, open },
                    None => self.reoffer_refused(wire, *open, response.status),
                }
            }
            491 if open.glares < GLARES_MAX => self.cross(wire, *open),
            408 | 481 => self.lost(wire, response.status),
            status => self.reoffer_refused(wire, *open, status),
        }
    }

    fn reoffer_refused(&mut self, wire: &mut Wire, open: Open, status: u16) {
        self.local_sdp = open.before;
        let leg = self.id;
        self.tell(wire, Event::ReofferRefused { leg, status });
    }

    /// §14.1: the one that owns the Call-ID waits longer.
    fn cross(&mut self, wire: &mut Wire, open: Open) {
        let draw = u32::try_from(wire.random.below(190)).unwrap_or(0);
        let wait = Duration::from_millis(10) * draw;
        let wait = if self.caller { wait + Duration::from_millis(2_100) } else { wait };
        self.local_sdp = open.before;
        let Open { sdp, glares, .. } = open;
        self.again = Some(Again { at: wire.now + wait, sdp, glares: glares + 1 });
    }

    /// An INVITE or UPDATE came within the call.
    pub(super) fn reinvite_came(
        &mut self,
        wire: &mut Wire,
        tx: TxId,
        request: &Request,
        from: &Hop,
    ) {
        let sdp = match description(&request.headers, &request.body) {
            Some(Err(())) => {
                wire.answer(tx, 400);
                return;
            }
            Some(Ok(sdp)) => Some(sdp),
            None => None,
        };
        if session::is_too_short(&wire.config, request) {
            let min = wire.config.session_min.as_secs().to_string();
            if let Some(mut response) = wire.response(tx, 422) {
                response.headers.push(name::MIN_SE, &min);
                wire.respond(tx, &response);
            }
            return;
        }
        let invite = request.method == Method::Invite;
        if !invite && sdp.is_none() {
            // RFC 4028: an UPDATE without an offer is a refresh.
            self.refresh_target(request, from);
            self.session.asked(&request.headers);
            return self.agree_reoffer(wire, tx, false, None, false);
        }
        self.reoffer_came(wire, tx, request, sdp, from);
    }

    /// An offer came (or, in an INVITE without one, the wish for ours).
    pub(super) fn reoffer_came(
        &mut self,
        wire: &mut Wire,
        tx: TxId,
        request: &Request,
        sdp: Option<Session>,
        from: &Hop,
    ) {
        let invite = request.method == Method::Invite;
        match self.exchange {
            // §14.2 and RFC 3311 §5.2.
            Exchange::Ours { .. } => {
                wire.answer(tx, 491);
                return;
            }
            Exchange::Theirs { .. } => return too_soon(wire, tx),
            Exchange::Idle => {}
        }
        if invite && (self.state != State::Up || self.success.is_some()) {
            return too_soon(wire, tx);
        }
        if invite && self.session.refresh.is_some() && !self.peer.update {
            wire.answer(tx, 491);
            return;
        }
        self.refresh_target(request, from);
        self.session.asked(&request.headers);
        let same = sdp.is_some() && request.body == self.remote_sdp;
        if let Some(ours) = self.local_sdp.clone().filter(|_| same) {
            // The same offer again is a refresh: the same answer.
            return self.agree_reoffer(wire, tx, invite, Some(ours), false);
        }
        let offered = sdp.is_some();
        if offered {
            self.remote_sdp.clone_from(&request.body);
        }
        if invite {
            wire.answer(tx, 100);
        }
        self.exchange = Exchange::Theirs { tx, invite, offered };
        let leg = self.id;
        self.tell(wire, Event::Reoffered { leg, sdp });
    }

    pub(super) fn is_theirs(&self, open: TxId) -> bool {
        matches!(self.exchange, Exchange::Theirs { tx, .. } if tx == open)
    }

    /// The user answers.
    pub(crate) fn answer_reoffer(&mut self, wire: &mut Wire, sdp: Session) {
        let Exchange::Theirs { tx, invite, offered } = self.exchange else { return };
        self.exchange = Exchange::Idle;
        self.agree_reoffer(wire, tx, invite, Some(sdp), !offered);
    }

    fn agree_reoffer(
        &mut self,
        wire: &mut Wire,
        tx: TxId,
        invite: bool,
        sdp: Option<Session>,
        wants_answer: bool,
    ) {
        let Some(mut response) = wire.response(tx, 200) else { return };
        let Some(hop) = wire.back_of(tx) else { return };
        dress(wire, &mut response, self.called().as_deref(), &hop);
        if let Some(sdp) = sdp {
            response.body = self.put_sdp(&mut response.headers, sdp);
        }
        if self.state == State::Up {
            self.session_answered(wire, &mut response.headers);
        }
        if invite {
            self.succeed(wire, tx, &response, wants_answer);
        } else {
            wire.respond(tx, &response);
        }
    }

    /// The user, or the other end by CANCEL, does not want it.
    pub(crate) fn refuse_reoffer(&mut self, wire: &mut Wire, status: u16) {
        let Exchange::Theirs { tx, .. } = self.exchange else { return };
        self.exchange = Exchange::Idle;
        wire.answer(tx, status);
    }

    /// No answer came to a request within the call.
    pub(super) fn silent(&mut self, wire: &mut Wire, tx: TxId, method: &Method, status: u16) {
        match method {
            Method::Invite | Method::Update => {
                let mut response = Response::new(status);
                response.status = if status == 503 { 408 } else { status };
                self.within_answered(wire, tx, method, &response);
            }
            _ => self.within_answered(wire, tx, method, &Response::new(status)),
        }
    }
}

/// §14.2: one before is not finished.
fn too_soon(wire: &mut Wire, tx: TxId) {
    let after = wire.random.below(11).to_string();
    if let Some(mut response) = wire.response(tx, 500) {
        response.headers.push(name::RETRY_AFTER, &after);
        wire.respond(tx, &response);
    }
}
