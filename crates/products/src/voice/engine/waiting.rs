//! What those hear who wait: in a queue, for a conference to start, on hold.

use base::CallSid;
use twiml::voice::{self, Wait};

use crate::voice::engine::live::{Effect, Runner};
use crate::voice::engine::queue::Stay;
use crate::voice::engine::{Engine, Output};
use crate::voice::model::Status;

impl Engine {
    /// Begins what a call hears while it waits.
    pub(super) fn begin_wait(&mut self, call: CallSid, wait: &Wait, mode: voice::Mode) {
        match wait {
            Wait::Silence => {}
            Wait::Default => {
                let (item, music) = (self.number(), self.tones.hold());
                self.play(call, vec![media::Item::forever(item, music)]);
            }
            Wait::Hook(hook) => self.begin_side(call, hook, mode),
        }
    }

    /// Runs a document beside the call's own.
    pub(super) fn begin_side(&mut self, call: CallSid, hook: &twiml::Hook, mode: voice::Mode) {
        let start = voice::Start::Fetch { primary: hook.clone(), fallback: None };
        let facts = voice::Facts { mode, answered: true, clients: false };
        let side = voice::Call::new(self.now, start, facts);
        let Some(live) = self.calls.get_mut(&call) else { return };
        live.side = Some(side);
        self.run(call);
    }

    /// The wait is over: whatever was played or listened to for it ends.
    pub(super) fn end_wait(&mut self, call: CallSid) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        live.side = None;
        let leg = live.media;
        self.end_effects(call, Runner::Side);
        if let Some(leg) = leg {
            self.put(Output::Media(media::Command::Stop(leg)));
        }
    }

    /// Forgets the effects of an interpreter that is gone.
    pub(super) fn end_effects(&mut self, call: CallSid, runner: Runner) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        let leg = live.media;
        let mut taps = Vec::new();
        live.effects.retain(|(of, _), effect| {
            if let (true, Effect::Listening(tap)) = (*of == runner, effect) {
                taps.push(*tap);
            }
            *of != runner
        });
        for tap in taps {
            self.put(Output::Unlisten { tap });
            if let Some(leg) = leg {
                self.put(Output::Media(media::Command::Untap(leg, tap)));
            }
        }
    }

    /// What the documents of those who wait are asked with, beside what every request has.
    pub(super) fn wait_params(&self, call: CallSid, runner: Runner) -> voice::Params {
        let Some(live) = self.calls.get(&call) else { return Vec::new() };
        if runner == Runner::Main {
            return Vec::new();
        }
        match (&live.queued, &live.seat) {
            (Some(_), _) => self.queue_params(call),
            (None, Some(seat)) => vec![
                ("ConferenceSid".to_owned(), seat.conference.to_string()),
                ("FriendlyName".to_owned(), seat.what.name.clone()),
            ],
            (None, None) => Vec::new(),
        }
    }

    /// An interpreter is at its end: with `hangs_up` it wants its call ended.
    pub(super) fn runner_over(&mut self, call: CallSid, runner: Runner, hangs_up: bool) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        match runner {
            Runner::Main => return self.hang_up(call, Status::Completed),
            Runner::Aside => return self.announced(call),
            Runner::Side => {}
        }
        let stay = live.queued.as_ref().map(|queued| queued.stay);
        match stay {
            Some(Stay::Whispered(agent)) => {
                live.side = None;
                self.connect_member(agent, call);
            }
            None if live.seat.is_none() => self.screened(call, !hangs_up),
            _ if hangs_up => self.hang_up(call, Status::Completed),
            // Whoever waits hears silence from now on.
            _ => live.side = None,
        }
    }
}
