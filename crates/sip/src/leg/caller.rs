//! Calls that we make (RFC 3261 §13.2).

use std::collections::VecDeque;

use super::{ALLOW, Early, FORKS_MAX, Failed, Leg, SUPPORTED, State, add, description, peer_of};
use crate::command::{Fields, Invite};
use crate::dialog::{Dest, Dialog};
use crate::event::{By, Event, LegId};
use crate::io::Hop;
use crate::message::{Address, Headers, Method, Request, Response, Uri, name, reason};
use crate::sdp::Session;
use crate::wire::{CONTACT_USER, Owner, TxId, Wire};

impl Leg {
    /// Makes a call. `place` is where its INVITE goes, if not by its target and routes.
    pub(crate) fn call(wire: &mut Wire, draft: Box<Invite>, place: Option<Dest>) -> Self {
        let fresh = format!("{}{}", wire.token(), wire.token());
        let (call_id, tag) = (draft.call_id.clone().unwrap_or(fresh), wire.token());
        let mut leg = Self::new(draft.leg, true, call_id, tag, TxId(0));
        leg.credentials.clone_from(&draft.credentials);
        leg.draft = Some(draft);
        leg.invite(wire, place);
        leg
    }

    /// Takes a draft that was changed, and the credentials that go with it.
    pub(crate) fn set_draft(&mut self, draft: Box<Invite>) {
        self.credentials.clone_from(&draft.credentials);
        self.draft = Some(draft);
    }

    /// Sends the INVITE of the draft; again for another gateway or after a redirection.
    pub(crate) fn invite(&mut self, wire: &mut Wire, place: Option<Dest>) {
        let Some(draft) = self.draft.take() else { return };
        self.state = State::Calling;
        self.tries = 0;
        self.early.clear();
        self.seq += 1;
        let request = self.invitation(wire, &draft);
        let next = draft.routes.first().unwrap_or(&draft.target).clone();
        let dest = place.or_else(|| draft.hop.clone().map(Dest::Hop)).unwrap_or(Dest::Uri(next));
        self.draft = Some(draft);
        self.invite = wire.request(request, dest, self.owner());
    }

    fn invitation(&mut self, wire: &Wire, draft: &Invite) -> Request {
        let mut request = Request::new(Method::Invite, draft.target.bare());
        let from = draft.from.clone().with_tag(&self.local_tag);
        let mut to = Address::new(draft.target.bare());
        to.uri.params.remove("transport");
        let to = draft.to.clone().unwrap_or(to);
        let headers = &mut request.headers;
        headers.push(name::MAX_FORWARDS, &draft.max_forwards.to_string());
        headers.push(name::FROM, &from.to_string());
        headers.push(name::TO, &to.to_string());
        headers.push(name::CALL_ID, &self.call_id);
        headers.push(name::CSEQ, &format!("{} INVITE", self.seq));
        for route in &draft.routes {
            headers.push(name::ROUTE, &format!("<{route}>"));
        }
        headers.push(name::ALLOW, ALLOW);
        headers.push(name::SUPPORTED, SUPPORTED);
        self.session.ask(&wire.config, headers);
        add(headers, &draft.headers);
        add(headers, &draft.target.header_fields());
        if let Some(user) = &draft.contact_user {
            headers.push(CONTACT_USER, user);
        }
        if let Some(sdp) = draft.sdp.clone() {
            request.body = self.put_sdp(&mut request.headers, sdp);
        }
        request
    }

    /// A response to the first INVITE.
    pub(super) fn invite_answered(
        &mut self,
        wire: &mut Wire,
        tx: TxId,
        response: Response,
        from: &Hop,
    ) {
        match response.status {
            100 => {}
            101..=199 => self.progressed(wire, tx, response, from),
            200..=299 => self.accepted(wire, tx, &response, from),
            _ if tx != self.invite || self.state != State::Calling => {}
            _ if self.cancelled => self.refused(wire, response),
            401 | 407 => match self.authenticate(wire, tx, &response) {
                Some(again) => self.invite = again,
                None => self.refused(wire, response),
            },
            422 => match self.longer(wire, tx, &response) {
                Some(again) => self.invite = again,
                None => self.refused(wire, response),
            },
            300..=399 if self.redirected(wire, &response) => {}
            _ => self.refused(wire, response),
        }
    }

    fn progressed(&mut self, wire: &mut Wire, tx: TxId, response: Response, from: &Hop) {
        if self.state != State::Calling || tx != self.invite || self.cancelled {
            return;
        }
        self.note_early(wire, tx, &response, from);
        if !self.heard_reliably(wire, &response) {
            return;
        }
        self.peer.update |= peer_of(&response.headers).update;
        let sdp = description(&response.headers, &response.body).and_then(Result::ok);
        if sdp.is_some() {
            self.remote_sdp.clone_from(&response.body);
        }
        let (leg, status, headers) = (self.id, response.status, response.headers);
        self.tell(wire, Event::Progress { leg, status, headers, sdp });
    }

    /// A provisional response with a tag makes an early dialog (§12.1).
    fn note_early(&mut self, wire: &Wire, tx: TxId, response: &Response, from: &Hop) {
        let Some(request) = wire.request_of(tx) else { return };
        let Some(dialog) = Dialog::of_response(request, response, from) else { return };
        if dialog.remote_tag().is_empty() {
            return;
        }
        let same = |early: &Early| early.dialog.remote_tag() == dialog.remote_tag();
        match self.early.iter().position(same) {
            // The one that spoke last is where requests go.
            Some(at) => self.early[at..].rotate_left(1),
            None if self.early.len() < FORKS_MAX => {
                self.early.push(Early { dialog, rseq: None });
            }
            None => {}
        }
    }

    /// A success: of the first fork that answers, or of another, which is ended (§13.2.2.4).
    fn accepted(&mut self, wire: &mut Wire, tx: TxId, response: &Response, from: &Hop) {
        let Some(request) = wire.request_of(tx).cloned() else { return };
        let Some(mut dialog) = Dialog::of_response(&request, response, from) else { return };
        let known = self.early.iter().find(|e| e.dialog.remote_tag() == dialog.remote_tag());
        if let Some(known) = known {
            dialog.local_seq = dialog.local_seq.max(known.dialog.local_seq);
            dialog.remote_seq = known.dialog.remote_seq;
        }
        if self.state != State::Calling || tx != self.invite || self.cancelled {
            let pending = self.state == State::Answered
                && self.dialog.as_ref().is_some_and(|d| d.remote_tag() == dialog.remote_tag());
            if pending {
                // Its ACK waits for the user.
                return;
            }
            dismiss(wire, tx, dialog);
            if self.state == State::Calling {
                self.cancelled_at_last(wire);
            }
            return;
        }
        self.peer = peer_of(&response.headers);
        self.dialog = Some(dialog);
        self.early.clear();
        self.tries = 0;
        let offered = self.draft.as_ref().is_some_and(|draft| draft.sdp.is_some());
        let sdp = description(&response.headers, &response.body).and_then(Result::ok);
        if sdp.is_some() {
            self.remote_sdp.clone_from(&response.body);
        }
        let (leg, headers) = (self.id, response.headers.clone());
        if offered {
            self.state = State::Up;
            self.acknowledge(wire, tx, None);
        } else {
            self.state = State::Answered;
        }
        self.session_agreed(wire, &response.headers, true);
        self.tell(wire, Event::Answered { leg, headers, sdp });
    }

    /// Acknowledges the success of an INVITE of ours.
    pub(super) fn acknowledge(&mut self, wire: &mut Wire, tx: TxId, sdp: Option<Session>) {
        let Some(request) = wire.request_of(tx).cloned() else { return };
        let seq = request.headers.cseq().map(|(seq, _)| seq);
        let Some(dialog) = self.dialog.as_mut() else { return };
        let (mut ack, dest) = dialog.request(Method::Ack, seq);
        let tag = dialog.remote_tag().to_owned();
        copy_credentials(&request, &mut ack);
        if let Some(sdp) = sdp {
            ack.body = self.put_sdp(&mut ack.headers, sdp);
        }
        wire.acknowledge(tx, &tag, ack, dest);
    }

    /// The user answers the offer of a success.
    pub(crate) fn acknowledge_with(&mut self, wire: &mut Wire, sdp: Session) {
        if self.caller && self.state == State::Answered {
            self.state = State::Up;
            self.acknowledge(wire, self.invite, Some(sdp));
        }
    }

    fn refused(&mut self, wire: &mut Wire, response: Response) {
        let Response { status, reason, headers, .. } = response;
        if self.cancelled {
            return self.cancelled_at_last(wire);
        }
        self.failed = Some(Failed { status, reason, headers });
    }

    fn cancelled_at_last(&mut self, wire: &mut Wire) {
        let reason = reason(487).to_owned();
        self.refuse(wire, Failed { status: 487, reason, headers: Headers::default() });
    }

    /// Tells that a call of ours came to nothing.
    pub(crate) fn refuse(&mut self, wire: &mut Wire, failed: Failed) {
        let (leg, gateway) = (self.id, self.gateway);
        let Failed { status, reason, headers } = failed;
        self.finish(wire, Event::Refused { leg, status, reason, headers, gateway });
    }

    /// No response will come to our INVITE.
    pub(super) fn unanswered(&mut self, wire: &mut Wire, tx: TxId, status: u16) {
        if tx == self.invite && self.state == State::Calling {
            let mut response = Response::new(status);
            reason(status).clone_into(&mut response.reason);
            self.refused(wire, response);
        }
    }

    /// Follows a redirection to the best contact (§8.1.3.4); false when it is not wanted.
    fn redirected(&mut self, wire: &mut Wire, response: &Response) -> bool {
        let Some(draft) = self.draft.as_mut().filter(|draft| draft.redirects_max > 0) else {
            return false;
        };
        let Some(target) = best_contact(&response.headers) else { return false };
        if draft.to.is_none() {
            draft.to = Some(Address::new(draft.target.bare()));
        }
        draft.redirects_max -= 1;
        draft.target = target;
        (draft.hop, draft.routes) = (None, Vec::new());
        self.invite(wire, None);
        true
    }

    /// Ends the leg, in any state.
    pub(crate) fn hang_up(&mut self, wire: &mut Wire, fields: &Fields) {
        match (self.state, self.caller) {
            (State::Over, _) => {}
            (State::Calling, _) => {
                self.cancelled = true;
                wire.cancel(self.invite, reason_of(fields));
            }
            (State::Offered, _) => self.reject(wire, 480, None, fields),
            (State::Answered, true) => {
                self.state = State::Up;
                self.acknowledge(wire, self.invite, None);
                self.bye(wire, fields);
                self.ended(wire, By::Us, 200, Headers::default());
            }
            // RFC 3261 §15: not before the ACK, which may be lost for good.
            (State::Answered, false) => self.bye_after_ack(fields),
            (State::Up, _) => {
                self.bye(wire, fields);
                self.ended(wire, By::Us, 200, Headers::default());
            }
        }
    }

    pub(super) fn bye(&mut self, wire: &mut Wire, fields: &Fields) {
        self.tries = 0;
        self.bye = self.send(wire, Method::Bye, |request| add(&mut request.headers, fields));
    }
}

/// Acknowledges a success that nobody wants, and ends it.
pub(super) fn dismiss(wire: &mut Wire, tx: TxId, mut dialog: Dialog) {
    let Some(request) = wire.request_of(tx).cloned() else { return };
    let seq = request.headers.cseq().map(|(seq, _)| seq);
    let (mut ack, dest) = dialog.request(Method::Ack, seq);
    copy_credentials(&request, &mut ack);
    wire.acknowledge(tx, dialog.remote_tag(), ack, dest);
    let (bye, dest) = dialog.request(Method::Bye, None);
    wire.request(bye, dest, Owner::Nobody);
}

/// §22.1: an ACK carries what its INVITE proved itself by.
fn copy_credentials(request: &Request, ack: &mut Request) {
    for field in [name::AUTHORIZATION, name::PROXY_AUTHORIZATION] {
        for value in request.headers.all(field) {
            ack.headers.push(field, value);
        }
    }
}

fn reason_of(fields: &Fields) -> Option<String> {
    let found = fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name::REASON));
    found.map(|(_, value)| value.clone())
}

/// The contact of a redirection with the highest `q`.
fn best_contact(headers: &Headers) -> Option<Uri> {
    let contacts: VecDeque<Address> =
        headers.all(name::CONTACT).into_iter().filter_map(Address::parse).collect();
    let q = |address: &Address| {
        let q = address.params.get("q").and_then(|q| q.parse::<f32>().ok()).unwrap_or(1.0);
        (q.clamp(0.0, 1.0) * 1_000.0) as u16
    };
    let best = contacts.iter().map(q).max()?;
    let sip = |address: &&Address| address.uri.scheme.starts_with("sip") && q(address) == best;
    contacts.iter().find(sip).map(|address| address.uri.clone())
}

/// Ends the dialog of a fork that answers after its leg is over.
pub(crate) fn dismiss_late(wire: &mut Wire, tx: TxId, response: &Response, from: &Hop) {
    let request = wire.request_of(tx).cloned();
    if let Some(dialog) = request.and_then(|request| Dialog::of_response(&request, response, from))
    {
        dismiss(wire, tx, dialog);
    }
}

/// A leg of the agent's own, for a call that comes.
pub(crate) fn own_leg(number: u64) -> LegId {
    LegId(number | 1 << 63)
}
