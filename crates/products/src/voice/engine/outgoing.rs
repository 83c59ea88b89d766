//! Calls that we make.

use std::time::Duration;

use base::CallSid;
use sip::sdp::Session;
use twiml::voice;

use crate::voice::engine::live::{Live, Role, Stage};
use crate::voice::engine::{Engine, Output, Placing, ending::How};
use crate::voice::model::{Plan, Status};
use crate::voice::rules::TIME_LIMIT_S;

impl Engine {
    /// A queued call has its turn.
    pub(super) fn place(&mut self, placing: Placing) {
        if self.stopping {
            // It stays queued, and the next start places it.
            return;
        }
        self.call_out(placing, Role::Main);
    }

    /// Places a call: media, offer, INVITE.
    pub(super) fn call_out(&mut self, placing: Placing, role: Role) {
        let Placing { record, plan, mut invite } = placing;
        let (call, leg) = (record.key.sid, sip::LegId(self.number()));
        let mut live = Live::new(record, role, leg, Stage::Ending);
        live.ring_until = Some(self.now + Duration::from_secs(u64::from(plan.timeout_s)));
        live.plan = plan;
        self.by_leg.insert(leg, call);
        self.calls.insert(call, live);
        self.step(call, Status::Initiated, 0);
        if !self.open_media(call) {
            return self.leg_over(leg, How::Refused(503));
        }
        let Some(offer) = self.offer(call) else { return self.leg_over(leg, How::Refused(500)) };
        if let Some(live) = self.calls.get_mut(&call) {
            live.stage = Stage::Calling;
        }
        invite.leg = leg;
        invite.sdp = Some(offer);
        self.put(Output::Sip(sip::Command::Invite(Box::new(invite))));
        self.rewake(call);
    }

    /// The far end rings.
    pub(super) fn progress(&mut self, leg: sip::LegId, status: u16, sdp: Option<Session>) {
        let Some(call) = self.of_leg(leg) else { return };
        if let Some(answer) = &sdp {
            // Early media: it is listened to once somebody is there to hear it.
            self.take_answer(call, answer);
        }
        if matches!(status, 180 | 183) {
            self.step(call, Status::Ringing, 0);
            self.child_rings(call);
        }
    }

    /// The far end picked up.
    pub(super) fn answered(&mut self, leg: sip::LegId, sdp: Option<Session>) {
        let Some(call) = self.of_leg(leg) else { return };
        let fits = sdp.is_none_or(|answer| self.take_answer(call, &answer));
        let now = self.now;
        let Some(live) = self.calls.get_mut(&call) else { return };
        live.ring_until = None;
        if !fits {
            return self.hang_up(call, Status::Failed);
        }
        live.stage = Stage::Up;
        live.limit(now, live.plan.time_limit_s.unwrap_or(TIME_LIMIT_S));
        let (role, plan) = (live.role, live.plan.clone());
        self.step(call, Status::InProgress, 0);
        self.send_digits(call, &plan);
        self.record_plan(call, &plan);
        match role {
            Role::Main => self.begin(call, &plan),
            Role::Child { parent, ticket } => self.child_answered(call, parent, ticket),
        }
        self.rewake(call);
    }

    fn send_digits(&mut self, call: CallSid, plan: &Plan) {
        let Some(digits) = &plan.send_digits else { return };
        let item = self.number();
        let source = media::Source::Digits(digits.as_str().into());
        self.play(call, vec![media::Item { id: item, source }]);
    }

    /// An answered call begins to run its document.
    fn begin(&mut self, call: CallSid, plan: &Plan) {
        let start = match (&plan.twiml, &plan.url) {
            (Some(twiml), _) => voice::Start::Inline(twiml.clone()),
            (None, Some(url)) => voice::Start::Fetch {
                primary: twiml::Hook { url: url.url.clone(), get: url.get },
                fallback: plan
                    .fallback
                    .as_ref()
                    .map(|hook| twiml::Hook { url: hook.url.clone(), get: hook.get }),
            },
            (None, None) => return self.hang_up(call, Status::Completed),
        };
        let facts = voice::Facts { mode: voice::Mode::Call, answered: true, clients: false };
        let interpreter = voice::Call::new(self.now, start, facts);
        if let Some(live) = self.calls.get_mut(&call) {
            live.main = Some(interpreter);
        }
        self.run(call);
    }
}
