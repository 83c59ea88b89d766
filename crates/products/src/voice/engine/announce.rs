//! Announcements: a document that is heard by a whole conference, or by one participant. It runs
//! beside the documents of a participant's call; for a whole conference that call lends its name.

use base::{CallSid, ConferenceSid};
use twiml::Problem;
use twiml::voice::{self, Mode};

use crate::voice::engine::live::Runner;
use crate::voice::engine::{Announced, Engine, Output, Step};

/// An announcement under way.
#[derive(Clone, Debug)]
pub(super) struct Announcing {
    url: String,
    conference: ConferenceSid,
    /// Heard by all, through this mixer.
    all: Option<media::MixerId>,
    failed: Option<String>,
}

impl Engine {
    /// Something is announced to all of a conference.
    pub(super) fn announce_all(&mut self, conference: ConferenceSid, hook: twiml::Hook) {
        let Some(room) = self.rooms.get_mut(&conference) else { return };
        let Some(call) = room.announcer.or(room.seats.first().copied()) else { return };
        room.announcer = Some(call);
        let all = Some(room.mixer);
        self.begin_announcement(call, hook, conference, all);
    }

    /// Something is announced to one participant.
    pub(super) fn announce_to(&mut self, call: CallSid, hook: twiml::Hook) {
        let seat = self.calls.get(&call).and_then(|live| live.seat.as_ref());
        if let Some(conference) = seat.map(|seat| seat.conference) {
            self.begin_announcement(call, hook, conference, None);
        }
    }

    fn begin_announcement(
        &mut self,
        call: CallSid,
        hook: twiml::Hook,
        conference: ConferenceSid,
        all: Option<media::MixerId>,
    ) {
        self.end_announcement(call, Some("another announcement took its place"));
        if all.is_none() {
            self.end_wait(call);
        } else if let Some(room) = self.rooms.get_mut(&conference) {
            room.announcer = Some(call);
        }
        let url = hook.url.clone();
        let start = voice::Start::Fetch { primary: hook, fallback: None };
        // Heard once: documents of those who wait would be asked for again and again.
        let mode = Mode::QueueWhisper;
        let facts = voice::Facts { mode, answered: true, clients: false };
        let aside = voice::Call::new(self.now, start, facts);
        let Some(live) = self.calls.get_mut(&call) else { return };
        live.aside = Some(aside);
        live.announcing = Some(Announcing { url, conference, all, failed: None });
        self.run(call);
    }

    /// The document of an announcement can't be had.
    pub(super) fn announcement_fails(&mut self, call: CallSid, runner: Runner, problem: &Problem) {
        if runner != Runner::Aside || problem.warning {
            return;
        }
        let announcing = self.calls.get_mut(&call).and_then(|live| live.announcing.as_mut());
        if let Some(announcing) = announcing {
            announcing.failed = Some(problem.message.clone());
        }
    }

    /// The document of an announcement is at its end.
    pub(super) fn announced(&mut self, call: CallSid) {
        self.end_announcement(call, None);
    }

    /// Ends an announcement, and tells of it; `cut` says why it was not heard to its end.
    pub(super) fn end_announcement(&mut self, call: CallSid, cut: Option<&str>) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        let Some(announcing) = live.announcing.take() else { return };
        live.aside = None;
        let (leg, url) = (live.media, announcing.url);
        let to = live.seat.as_ref().map(|seat| seat.participant(call));
        let to = to.filter(|_| announcing.all.is_none());
        let failed = announcing.failed.or(cut.map(str::to_owned));
        self.end_effects(call, Runner::Aside);
        if let Some(room) = self.rooms.get_mut(&announcing.conference)
            && announcing.all.is_some()
        {
            room.announcer = None;
        }
        match (announcing.all, leg) {
            (Some(mixer), _) if cut.is_some() => {
                self.put(Output::Media(media::Command::StopAnnouncing(mixer)));
            }
            (None, Some(leg)) if cut.is_some() => {
                self.put(Output::Media(media::Command::Stop(leg)));
            }
            _ => {}
        }
        let step = Step::Announced(Announced { url, to, failed });
        self.happened(announcing.conference, step);
        if announcing.all.is_none() && cut.is_none() {
            self.wait_on(call);
        }
    }

    /// One who waited before something was announced to it waits on.
    fn wait_on(&mut self, call: CallSid) {
        let seat = self.calls.get(&call).and_then(|live| live.seat.as_ref());
        let waits = seat.filter(|seat| seat.hold || seat.waits);
        if let Some(wait) = waits.map(|seat| Self::wait_of(seat, None)) {
            self.begin_wait(call, &wait, Mode::ConferenceWait);
        }
    }

    /// Plays what an interpreter of a call wants to be heard.
    pub(super) fn play_of(&mut self, call: CallSid, runner: Runner, items: Vec<media::Item>) {
        match self.announces_to_all(call, runner) {
            Some(mixer) => self.put(Output::Media(media::Command::Announce(mixer, items))),
            None => self.play(call, items),
        }
    }

    /// Ends what an interpreter of a call plays.
    pub(super) fn stop_playing(&mut self, call: CallSid, runner: Runner) {
        let leg = self.calls.get(&call).and_then(|live| live.media);
        let command = match (self.announces_to_all(call, runner), leg) {
            (Some(mixer), _) => media::Command::StopAnnouncing(mixer),
            (None, Some(leg)) => media::Command::Stop(leg),
            (None, None) => return,
        };
        self.put(Output::Media(command));
    }

    fn announces_to_all(&self, call: CallSid, runner: Runner) -> Option<media::MixerId> {
        let announcing = self.calls.get(&call)?.announcing.as_ref()?;
        announcing.all.filter(|_| runner == Runner::Aside)
    }
}
