//! How calls end, and what else changes them from outside.

use base::CallSid;
use machine::Machine as _;
use sip::By;
use twiml::voice::{self, Input as Told};

use crate::voice::engine::live::{Role, Runner, Stage};
use crate::voice::engine::{Engine, Order, Output, RecordingSource};
use crate::voice::model::Status;
use crate::voice::params::is_outbound;
use crate::voice::store::Change;

/// How a leg ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum How {
    /// It was not answered: the SIP status.
    Refused(u16),
    /// It was answered, or called back.
    Ended {
        /// By whom.
        by: By,
        /// What the leg was refused with, or 200.
        status: u16,
    },
}

/// What a refusal means (RFC 3261 §21).
fn refused(code: u16) -> Status {
    match code {
        486 | 600 | 603 => Status::Busy,
        408 | 480 | 487 => Status::NoAnswer,
        _ => Status::Failed,
    }
}

impl Engine {
    /// A call takes a step: in its row, and here.
    pub(super) fn step(&mut self, call: CallSid, status: Status, sip_code: u16) {
        let at = self.now;
        let Some(live) = self.calls.get_mut(&call) else { return };
        if !live.record.status.may_become(status) {
            return;
        }
        live.record.status = status;
        match status {
            Status::Initiated | Status::Ringing => {
                live.record.started_at = live.record.started_at.or(Some(at));
            }
            Status::InProgress => live.record.answered_at = Some(at),
            _ if status.is_final() => live.record.ended_at = Some(at),
            _ => {}
        }
        let change = Change { key: live.record.key, status, at, sip_code, price: None };
        self.put(Output::Step(change));
    }

    /// Ends a leg from our side; `verdict` is told as the call's end.
    pub(super) fn hang_up(&mut self, call: CallSid, verdict: Status) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        if matches!(live.stage, Stage::Ending) {
            return;
        }
        live.verdict = live.verdict.or(Some(verdict));
        live.stage = Stage::Ending;
        let leg = live.leg;
        self.put(Output::Sip(sip::Command::Hangup { leg, headers: Vec::new() }));
    }

    /// Ends every call.
    pub(super) fn stop_all(&mut self) {
        self.stopping = true;
        let calls: Vec<CallSid> = self.calls.keys().copied().collect();
        for call in calls {
            let Some(live) = self.calls.get(&call) else { continue };
            let gives_up = live.record.answered_at.is_none() && is_outbound(&live.record);
            let verdict = if gives_up { Status::Canceled } else { Status::Completed };
            self.hang_up(call, verdict);
        }
    }

    /// A leg is over.
    pub(super) fn leg_over(&mut self, leg: sip::LegId, how: How) {
        if let Some(over) = self.screening.get_mut(&leg) {
            // Whether it is let in is not decided: it will be told as over then.
            *over = Some(how);
        }
        let Some(call) = self.by_leg.remove(&leg) else { return };
        let Some(live) = self.calls.get_mut(&call) else { return };
        let answered = live.record.answered_at.is_some();
        let (code, far) = match how {
            How::Refused(code) => (code, refused(code)),
            How::Ended { by: By::Us | By::Timeout, status } => (status, refused(status)),
            How::Ended { by: By::Them, .. } => (487, Status::Canceled),
        };
        let status = match (answered, live.verdict) {
            (true, Some(Status::Failed)) => Status::Failed,
            (true, _) => Status::Completed,
            (false, Some(Status::Completed)) => Status::NoAnswer,
            (false, Some(verdict)) => verdict,
            (false, None) => far,
        };
        live.stage = Stage::Ending;
        (live.ring_until, live.limit_at) = (None, None);
        // The call may be forgotten as soon as its documents, queue and conference are.
        let (role, media) = (live.role, live.media);
        let code = if answered { 200 } else { code };
        self.recordings_cut(call);
        self.step(call, status, code);
        for runner in Runner::ALL {
            self.tell(call, runner, Told::HungUp);
        }
        self.stop_stay(call);
        self.stop_seat(call);
        if let Some(leg) = media {
            self.put(Output::Media(media::Command::Close(leg)));
        }
        if let Role::Child { parent, ticket } = role {
            self.child_over(call, (parent, ticket), (status, code));
        }
        self.cancel_dial(call);
        self.forget_if_over(call);
    }

    /// Forgets a call that is over, once its documents and recordings are.
    pub(super) fn forget_if_over(&mut self, call: CallSid) {
        let Some(live) = self.calls.get(&call) else { return };
        let closed = |it: &Option<voice::Call>| it.as_ref().is_none_or(|it| it.is_closed());
        let over = !self.by_leg.contains_key(&live.leg)
            && closed(&live.main)
            && closed(&live.side)
            && live.queued.is_none()
            && live.seat.is_none()
            && live.dialling.is_none();
        if over && !self.waits_for_recording(call) {
            self.calls.remove(&call);
            self.wakes.set(call, None);
            self.put(Output::Gone(call));
        }
    }

    /// Forgets calls whose last document is over by now.
    pub(super) fn forget_those_over(&mut self) {
        while let Some(call) = self.perhaps_over.pop() {
            self.forget_if_over(call);
        }
    }

    /// A call's time has come.
    pub(super) fn due(&mut self, call: CallSid) {
        let now = self.now;
        let Some(live) = self.calls.get_mut(&call) else { return };
        let interpreters = [&mut live.aside, &mut live.side, &mut live.main];
        for interpreter in interpreters.into_iter().flatten() {
            interpreter.tick(now);
        }
        let rang = live.ring_until.is_some_and(|at| at <= now);
        let limit = live.limit_at.is_some_and(|at| at <= now);
        if rang {
            live.ring_until = None;
            self.hang_up(call, Status::NoAnswer);
        } else if limit {
            live.limit_at = None;
            self.hang_up(call, Status::Completed);
        }
        self.queue_dial_due(call);
        self.seat_due(call);
        self.run(call);
        self.forget_if_over(call);
    }

    /// The far end wants to send the call elsewhere: a `Dial` with `referUrl` lets it.
    pub(super) fn referred(&mut self, leg: sip::LegId, refer: u64, target: &sip::Uri) {
        let refuse = |engine: &mut Self, status| {
            engine.put(Output::Sip(sip::Command::RefuseRefer { leg, refer, status }));
        };
        let Some(call) = self.of_leg(leg) else { return refuse(self, 481) };
        let parent = match self.calls.get(&call).map(|live| live.role) {
            Some(Role::Child { parent, .. }) => parent,
            _ => call,
        };
        let Some(hook) = self.refer_hook(parent) else { return refuse(self, 603) };
        if let Some(live) = self.calls.get_mut(&parent) {
            live.once = vec![("ReferTransferTarget".to_owned(), target.to_string())];
        }
        self.put(Output::Sip(sip::Command::AcceptRefer { leg, refer }));
        self.put(Output::Sip(sip::Command::ReferProgress { leg, refer, status: 200 }));
        let start = voice::Start::Fetch { primary: hook, fallback: None };
        self.tell(parent, Runner::Main, Told::Redirected(start));
    }

    /// Does what the API wants of a live call.
    pub(super) fn order(&mut self, call: CallSid, order: Order) {
        let now = self.now;
        match order {
            Order::Redirect(start) => {
                let Some(live) = self.calls.get_mut(&call) else { return };
                match &live.main {
                    Some(_) => self.tell(call, Runner::Main, Told::Redirected(start)),
                    // One that is not answered has nothing to run yet.
                    None if !live.is_up() => {}
                    // A leg that was dialled begins to run documents of its own.
                    None => {
                        let mode = voice::Mode::Call;
                        let facts = voice::Facts { mode, answered: true, clients: false };
                        live.main = Some(voice::Call::new(now, start, facts));
                        self.leave_dial(call);
                        self.run(call);
                    }
                }
            }
            Order::Hangup { unanswered_only } => {
                let Some(live) = self.calls.get(&call) else { return };
                let answered = live.record.answered_at.is_some();
                match (answered, unanswered_only) {
                    (true, true) => {}
                    (true, false) => self.hang_up(call, Status::Completed),
                    (false, _) => self.hang_up(call, Status::Canceled),
                }
            }
            Order::TimeLimit(seconds) => {
                if let Some(live) = self.calls.get_mut(&call) {
                    let from = live.record.answered_at.unwrap_or(now);
                    live.limit_at = None;
                    live.limit(from, seconds);
                }
                self.rewake(call);
            }
            Order::Record(plan, name) => {
                let source = RecordingSource::StartCallRecordingApi;
                self.start_recording(call, Some(name), &plan, source, 0);
            }
            Order::PauseRecording(recording, skip) => {
                self.change_recording(call, |owner| {
                    media::Command::PauseRecording(owner, recording, skip)
                });
            }
            Order::ResumeRecording(recording) => {
                self.change_recording(call, |owner| {
                    media::Command::ResumeRecording(owner, recording)
                });
            }
            Order::StopRecording(recording) => self.stop_recording(call, recording),
            Order::Seat(conference, change) => self.change_seat(call, conference, *change),
            Order::Kick(conference) => self.kick(call, conference),
        }
    }

    fn change_recording(
        &mut self,
        call: CallSid,
        command: impl FnOnce(media::Owner) -> media::Command,
    ) {
        if let Some(leg) = self.calls.get(&call).and_then(|live| live.media) {
            self.put(Output::Media(command(media::Owner::Leg(leg))));
        }
    }
}
