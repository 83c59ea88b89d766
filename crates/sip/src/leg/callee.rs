//! Calls that come (RFC 3261 §13.3).

use std::time::Duration;

use base::Instant;

use super::{Leg, State, add, description, dress, peer_of};
use crate::command::Fields;
use crate::dialog::Dialog;
use crate::event::{By, Event, LegId};
use crate::io::Hop;
use crate::message::{Headers, Message, Request, Response, name};
use crate::sdp::Session;
use crate::wire::{TxId, Wire};

/// A success of ours that waits for its ACK (§13.3.1.4).
pub(super) struct Success {
    tx: TxId,
    seq: u32,
    repeat_at: Instant,
    interval: Duration,
    over_at: Instant,
    /// The ACK brings the answer to our offer.
    wants_answer: bool,
    /// The first of the call, or one within it.
    first: bool,
    /// BYE as soon as the ACK is there.
    bye: Option<Fields>,
}

impl Success {
    pub(super) fn wake_at(&self) -> Instant {
        self.repeat_at.min(self.over_at)
    }
}

impl Leg {
    /// A call comes. `None` when its INVITE can make no dialog.
    pub(crate) fn offered(
        wire: &mut Wire,
        id: LegId,
        tx: TxId,
        request: &Request,
        from: &Hop,
    ) -> Option<Self> {
        let tag = wire.tag(tx)?.to_owned();
        let dialog = Dialog::of_request(request, &tag, from)?;
        let mut leg = Self::new(id, false, dialog.call_id.clone(), tag, tx);
        leg.dialog = Some(dialog);
        leg.peer = peer_of(&request.headers);
        leg.session.asked(&request.headers);
        leg.remote_sdp.clone_from(&request.body);
        leg.reliable.offered = description(&request.headers, &request.body).is_some();
        Some(leg)
    }

    /// The user part of our Contact: what was called.
    pub(super) fn called(&self) -> Option<String> {
        self.dialog.as_ref()?.local.uri.user()
    }

    /// 101 to 199.
    pub(crate) fn progress(
        &mut self,
        wire: &mut Wire,
        status: u16,
        sdp: Option<Session>,
        fields: &Fields,
    ) {
        let fits = self.state == State::Offered && (101..200).contains(&status);
        let Some(mut response) = wire.response(self.invite, status).filter(|_| fits) else {
            return;
        };
        let Some(hop) = wire.back_of(self.invite) else { return };
        dress(wire, &mut response, self.called().as_deref(), &hop);
        add(&mut response.headers, fields);
        let described = sdp.is_some();
        if let Some(sdp) = sdp {
            response.body = self.put_sdp(&mut response.headers, sdp);
        }
        self.provide(wire, response, described);
    }

    /// Answers the call.
    pub(crate) fn answer(&mut self, wire: &mut Wire, sdp: Session, fields: &Fields) {
        if self.state != State::Offered {
            return;
        }
        let Some(mut response) = wire.response(self.invite, 200) else { return };
        let Some(hop) = wire.back_of(self.invite) else { return };
        dress(wire, &mut response, self.called().as_deref(), &hop);
        add(&mut response.headers, fields);
        let wants_answer = !self.reliable.offered;
        response.body = self.put_sdp(&mut response.headers, sdp);
        self.session_answered(wire, &mut response.headers);
        if self.reliable.holds(&response) {
            // RFC 3262 §5: not before the answer in a provisional response is acknowledged.
            return;
        }
        self.succeed(wire, self.invite, &response, wants_answer);
    }

    /// Sends a success of INVITE and repeats it until its ACK.
    pub(super) fn succeed(
        &mut self,
        wire: &mut Wire,
        tx: TxId,
        response: &Response,
        wants_answer: bool,
    ) {
        if !wire.respond(tx, response) {
            return;
        }
        let first = self.state == State::Offered;
        if first {
            self.state = State::Answered;
        }
        let timing = wire.config.timing;
        self.success = Some(Success {
            tx,
            seq: response.headers.cseq().map_or(0, |(seq, _)| seq),
            repeat_at: wire.now + timing.t1,
            interval: timing.t1,
            over_at: wire.now + timing.patience(),
            wants_answer,
            first,
            bye: None,
        });
    }

    /// The ACK of a success came.
    pub(crate) fn acked(&mut self, wire: &mut Wire, request: &Request, _from: &Hop) {
        let seq = request.headers.cseq().map(|(seq, _)| seq);
        let Some(success) = self.success.take_if(|success| Some(success.seq) == seq) else {
            return;
        };
        let leg = self.id;
        let sdp = description(&request.headers, &request.body).and_then(Result::ok);
        let sdp = sdp.filter(|_| success.wants_answer);
        if sdp.is_some() {
            self.remote_sdp.clone_from(&request.body);
        }
        if success.first {
            self.state = State::Up;
            self.tell(wire, Event::Confirmed { leg, sdp });
        } else if success.wants_answer {
            self.tell(wire, Event::Reanswered { leg, sdp });
        }
        if let Some(fields) = success.bye {
            self.bye(wire, &fields);
            self.ended(wire, By::Us, 200, Headers::default());
        }
    }

    /// The user hangs up before the ACK is there.
    pub(super) fn bye_after_ack(&mut self, fields: &Fields) {
        if let Some(success) = self.success.as_mut() {
            success.bye = Some(fields.clone());
        }
    }

    pub(super) fn success_due(&mut self, wire: &mut Wire) {
        let (now, t2) = (wire.now, wire.config.timing.t2);
        let Some(success) = self.success.as_mut().filter(|success| success.wake_at() <= now) else {
            return;
        };
        if success.over_at <= now {
            // §13.3.1.4: nobody acknowledges; the dialog ends.
            let by = if success.bye.is_some() { By::Us } else { By::Timeout };
            self.state = State::Up;
            self.bye(wire, &Fields::new());
            return self.ended(wire, by, 408, Headers::default());
        }
        success.interval = (success.interval * 2).min(t2);
        success.repeat_at = now + success.interval;
        let tx = success.tx;
        wire.repeat(tx);
    }

    /// Refuses the call.
    pub(crate) fn reject(
        &mut self,
        wire: &mut Wire,
        status: u16,
        reason: Option<&str>,
        fields: &Fields,
    ) {
        let fits = self.state == State::Offered && (300..700).contains(&status);
        let Some(mut response) = wire.response(self.invite, status).filter(|_| fits) else {
            return;
        };
        if let Some(reason) = reason {
            reason.clone_into(&mut response.reason);
        }
        if (300..400).contains(&status) {
            // A redirection's contacts are the user's.
            let contacts = fields.iter().filter(|(f, _)| f.eq_ignore_ascii_case(name::CONTACT));
            contacts.for_each(|(field, value)| response.headers.push(field, value));
        }
        add(&mut response.headers, fields);
        wire.respond(self.invite, &response);
        self.ended(wire, By::Us, status, Headers::default());
    }

    /// Refuses the call with a challenge.
    pub(crate) fn challenge(&mut self, wire: &mut Wire, values: &[String]) {
        if self.state != State::Offered {
            return;
        }
        let Some(mut response) = wire.response(self.invite, 401) else { return };
        values.iter().for_each(|value| response.headers.push(name::WWW_AUTHENTICATE, value));
        wire.respond(self.invite, &response);
        self.ended(wire, By::Us, 401, Headers::default());
    }

    /// The caller cancels (§9.2).
    pub(crate) fn cancel_came(&mut self, wire: &mut Wire, tx: TxId, request: &Request) {
        if tx == self.invite && self.state == State::Offered {
            wire.answer(tx, 487);
            self.ended(wire, By::Them, 487, request.headers.clone());
        } else if self.is_theirs(tx) {
            self.refuse_reoffer(wire, 487);
        }
    }

    /// Takes over what a request says about its sender.
    pub(super) fn refresh_target(&mut self, request: &Request, from: &Hop) {
        let message = Message::Request(request.clone());
        if let Some(dialog) = self.dialog.as_mut() {
            dialog.refresh(&message, from);
        }
    }
}
