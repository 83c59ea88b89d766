//! What the API changes of conferences and their participants, and what mixers tell.

use base::{CallSid, ConferenceSid};
use twiml::voice::{Beep, Mode, Wait};

use crate::voice::engine::{Ended, Engine, Gone, Output, RoomOrder, SeatChange, Step};
use crate::voice::model::Hook;

fn theirs(hook: Hook) -> twiml::Hook {
    twiml::Hook { url: hook.url, get: hook.get }
}

impl Engine {
    /// Changes a participant, and tells of what is different.
    pub(super) fn change_seat(
        &mut self,
        call: CallSid,
        conference: ConferenceSid,
        change: SeatChange,
    ) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        let Some(seat) = live.seat.as_mut().filter(|seat| seat.conference == conference) else {
            return;
        };
        let before = seat.participant(call);
        seat.what.muted = change.muted.unwrap_or(seat.what.muted);
        seat.hold = change.hold.unwrap_or(seat.hold);
        seat.coaches = change.coaches.unwrap_or(seat.coaches);
        seat.what.end_on_exit = change.end_on_exit.unwrap_or(seat.what.end_on_exit);
        if let Some(on_exit) = change.beep_on_exit {
            seat.what.beep = match (seat.what.beep, on_exit) {
                (Beep::Both | Beep::OnEnter, true) => Beep::Both,
                (Beep::Both | Beep::OnEnter, false) => Beep::OnEnter,
                (Beep::Never | Beep::OnExit, true) => Beep::OnExit,
                (Beep::Never | Beep::OnExit, false) => Beep::Never,
            };
        }
        let waited = change.wait_hook.map(|hook| seat.what.wait = Wait::Hook(theirs(hook)));
        let hold = change.hold_hook.map(theirs);
        let hears_anew = seat.hold != before.hold
            || (seat.hold && hold.is_some())
            || (seat.waits && waited.is_some());
        let after = seat.participant(call);
        let silent = seat.hold || seat.waits;
        let wait = Self::wait_of(seat, hold.as_ref());
        if hears_anew {
            self.end_wait(call);
        }
        self.place_seat(call);
        if hears_anew && silent {
            self.begin_wait(call, &wait, Mode::ConferenceWait);
        }
        let modified = (before.coaches, before.end_on_exit) != (after.coaches, after.end_on_exit);
        for (changed, step) in [
            (before.muted != after.muted, Step::Muted(after.clone())),
            (before.hold != after.hold, Step::Held(after.clone())),
            (modified, Step::Modified(after)),
        ] {
            if changed {
                self.happened(conference, step);
            }
        }
        if let Some(hook) = change.announce {
            self.announce_to(call, theirs(hook));
        }
    }

    /// Takes a participant out.
    pub(super) fn kick(&mut self, call: CallSid, conference: ConferenceSid) {
        let seat = self.calls.get(&call).and_then(|live| live.seat.as_ref());
        if seat.is_some_and(|seat| seat.conference == conference) {
            self.leave(call, Gone::Updated, true);
        }
    }

    /// Does what the API wants of a conference.
    pub(super) fn room_order(&mut self, conference: ConferenceSid, order: RoomOrder) {
        let Some(room) = self.rooms.get(&conference) else { return };
        let owner = media::Owner::Mixer(room.mixer);
        let command = match order {
            RoomOrder::End => return self.end_room(conference, Ended::ByApi, None),
            RoomOrder::Announce(hook) => return self.announce_all(conference, theirs(hook)),
            RoomOrder::PauseRecording(recording, skip) => {
                media::Command::PauseRecording(owner, recording, skip)
            }
            RoomOrder::ResumeRecording(recording) => {
                media::Command::ResumeRecording(owner, recording)
            }
            RoomOrder::StopRecording(recording) => media::Command::StopRecording(owner, recording),
        };
        self.put(Output::Media(command));
    }

    /// A participant began, or ceased, to speak.
    pub(super) fn speaks(&mut self, call: CallSid, speaking: bool) {
        let Some(seat) = self.calls.get(&call).and_then(|live| live.seat.as_ref()) else { return };
        let conference = seat.conference;
        if self.rooms.get(&conference).is_some_and(|room| room.tells_speakers) {
            let step = Step::Speaking(seat.participant(call), speaking);
            self.happened(conference, step);
        }
    }

    /// What a mixer tells.
    pub(super) fn mixer_event(&mut self, mixer: media::MixerId, event: media::Event) {
        match event {
            media::Event::Recorded { recording, octets } => {
                self.put(Output::Chunk { recording, octets });
            }
            media::Event::RecordingEnded { recording, duration_ms } => {
                self.recording_ended(recording, duration_ms);
            }
            media::Event::Finished { item, .. } => {
                let conference = self.by_mixer.get(&mixer);
                let room = conference.and_then(|conference| self.rooms.get(conference));
                if let Some(call) = room.and_then(|room| room.announcer) {
                    self.item_finished(call, item);
                    self.rewake(call);
                }
            }
            _ => {}
        }
    }
}
