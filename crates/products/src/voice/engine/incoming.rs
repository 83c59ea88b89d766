//! Calls that come in: let in or refused, answered, changed by the far end.

use base::CallSid;
use machine::Machine as _;
use sip::sdp::Session;
use twiml::voice::{self, RejectReason};

use crate::voice::engine::live::{Live, Role, Stage};
use crate::voice::engine::{Admission, Engine, Output, SID_FIELD};
use crate::voice::model::Status;
use crate::voice::rules::TIME_LIMIT_S;

impl Engine {
    /// A call comes: the edge decides.
    pub(super) fn incoming(&mut self, incoming: Box<sip::Incoming>) {
        if self.stopping || self.calls.len() >= self.config.calls_max {
            return self.refuse(incoming.leg, 503);
        }
        self.screening.insert(incoming.leg, None);
        self.put(Output::Screen(incoming));
    }

    pub(super) fn refuse(&mut self, leg: sip::LegId, status: u16) {
        let headers = Vec::new();
        self.screening.remove(&leg);
        self.put(Output::Sip(sip::Command::Reject { leg, status, reason: None, headers }));
    }

    /// A call that came is let in: it rings, and its document is asked for.
    pub(super) fn admitted(&mut self, admission: Admission) {
        let Admission { leg, record, start, offer, extra, path } = admission;
        let call = record.key.sid;
        let mut live = Live::new(record, Role::Main, leg, Stage::Offered(offer));
        live.extra = extra;
        live.plan.path = path;
        if let Some(how) = self.screening.remove(&leg).flatten() {
            self.by_leg.insert(leg, call);
            self.calls.insert(call, live);
            // The caller has given up meanwhile.
            return self.leg_over(leg, how);
        }
        let facts = voice::Facts { mode: voice::Mode::Call, answered: false, clients: false };
        live.main = Some(voice::Call::new(self.now, start, facts));
        self.by_leg.insert(leg, call);
        self.calls.insert(call, live);
        let headers = vec![(SID_FIELD.to_owned(), call.to_string())];
        let status = 180;
        self.put(Output::Sip(sip::Command::Progress { leg, status, sdp: None, headers }));
        if self.stopping {
            self.hang_up(call, Status::Completed);
        }
        self.run(call);
    }

    /// Picks up. `false` when that can't be.
    pub(super) fn pick_up(&mut self, call: CallSid) -> bool {
        let Some(live) = self.calls.get(&call) else { return false };
        let (leg, offer) = match &live.stage {
            Stage::Offered(offer) => (live.leg, offer.clone()),
            Stage::Up => return true,
            Stage::Calling | Stage::Ending => return false,
        };
        if !self.open_media(call) {
            self.refuse(leg, 503);
            return false;
        }
        let sdp = match &offer {
            Some(offer) => self.answer_to(call, offer),
            None => self.offer(call),
        };
        let Some(sdp) = sdp else {
            self.refuse(leg, 488);
            return false;
        };
        let headers = Vec::new();
        self.put(Output::Sip(sip::Command::Answer { leg, sdp, headers }));
        let now = self.now;
        if let Some(live) = self.calls.get_mut(&call) {
            live.stage = Stage::Up;
            live.limit(now, TIME_LIMIT_S);
        }
        self.step(call, Status::InProgress, 0);
        true
    }

    /// The document refuses the call.
    pub(super) fn reject(&mut self, call: CallSid, reason: RejectReason) {
        let (status, verdict) = match reason {
            RejectReason::Rejected => (480, Status::NoAnswer),
            RejectReason::Busy => (486, Status::Busy),
        };
        let Some(live) = self.calls.get_mut(&call) else { return };
        live.verdict = Some(verdict);
        let leg = live.leg;
        live.stage = Stage::Ending;
        self.refuse(leg, status);
    }

    /// The far end changes its side: hold, resume, another address or codec.
    pub(super) fn reoffered(&mut self, leg: sip::LegId, offer: Option<Session>) {
        let Some(call) = self.of_leg(leg) else { return };
        let answer = match &offer {
            Some(offer) => self.answer_to(call, offer),
            None => self.offer(call),
        };
        let command = match answer {
            Some(sdp) => sip::Command::AnswerReoffer { leg, sdp },
            None => sip::Command::RefuseReoffer { leg, status: 488 },
        };
        self.put(Output::Sip(command));
    }

    /// The far end answered an offer that we made inside our answer or a re-INVITE.
    pub(super) fn reanswered(&mut self, leg: sip::LegId, answer: Option<&Session>) {
        let (Some(call), Some(answer)) = (self.of_leg(leg), answer) else { return };
        self.take_answer(call, answer);
    }

    /// A key was pressed, in the audio, as an event or by INFO.
    pub(super) fn digit(&mut self, call: CallSid, digit: char) {
        let now = self.now;
        let Some(live) = self.calls.get_mut(&call) else { return };
        for interpreter in [&mut live.side, &mut live.main].into_iter().flatten() {
            interpreter.handle(now, voice::Input::Digit(digit));
        }
        self.run(call);
    }

    /// Nothing is heard of the peer any more.
    pub(super) fn silent(&mut self, call: CallSid) {
        tracing::info!(%call, "nothing was heard for a minute: the call is ended");
        self.hang_up(call, Status::Completed);
    }
}
