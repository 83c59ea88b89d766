//! Conferences: who is in them, when they start and end. A participant's `Dial` lasts as long as
//! its seat.

use std::time::Duration;

use base::{AccountSid, CallSid, ConferenceSid, Instant};
use twiml::voice::{
    Beep, Conference, ConferenceEvent, DialStatus, Dialled, Id, Input as Told, Mode, Wait,
};

use crate::voice::engine::live::{Effect, Runner};
use crate::voice::engine::record::events;
use crate::voice::engine::{
    Conferenced, Ended, Engine, Gone, Output, Participant, Recorded, RecordingSource, Step, io,
};
use crate::voice::model::RecordPlan;

/// A place in a conference.
pub(super) struct Seat {
    id: Id,
    pub conference: ConferenceSid,
    pub what: Box<Conference>,
    pub hold: bool,
    pub coaches: Option<CallSid>,
    /// The conference has not started: the participant waits.
    pub waits: bool,
    /// It is left then.
    pub until: Instant,
}

impl Seat {
    /// As it is told.
    pub(super) fn participant(&self, call: CallSid) -> Participant {
        Participant {
            call,
            label: self.what.label.clone(),
            muted: self.what.muted,
            hold: self.hold,
            coaches: self.coaches,
            start_on_enter: self.what.start_on_enter,
            end_on_exit: self.what.end_on_exit,
        }
    }
}

/// A conference.
pub(super) struct Room {
    account: AccountSid,
    name: String,
    pub mixer: media::MixerId,
    pub started: bool,
    /// In the order in which they came.
    pub seats: Vec<CallSid>,
    seats_max: usize,
    /// How it is recorded from its start.
    record: Option<RecordPlan>,
    /// Somebody wants to hear who speaks.
    pub tells_speakers: bool,
    /// On whose call's behalf something is announced to all.
    pub announcer: Option<CallSid>,
}

impl Engine {
    /// Whether a conference is under way here.
    pub fn has_room(&self, conference: ConferenceSid) -> bool {
        self.rooms.contains_key(&conference)
    }

    /// Something happened in a conference.
    pub(super) fn happened(&mut self, conference: ConferenceSid, step: Step) {
        let Some(room) = self.rooms.get(&conference) else { return };
        let (account, at) = (room.account, self.now);
        let news = Conferenced { account, conference, at, step };
        self.put(Output::Conference(Box::new(news)));
    }

    /// `Dial` of a conference.
    pub(super) fn join(&mut self, call: CallSid, id: Id, what: Conference, limit_s: u32) {
        let until = self.now + Duration::from_secs(u64::from(limit_s));
        let Some(live) = self.calls.get(&call) else { return };
        let name = (live.record.key.account, what.name.clone());
        let conference = match self.room_names.get(&name) {
            Some(known) => *known,
            None => self.open_room(call, &what),
        };
        let Some(room) = self.rooms.get_mut(&conference) else { return };
        if room.seats.len() >= room.seats_max.min(what.participants_max as usize) {
            self.complain(call, &format!("the conference {} takes no more", what.name));
            return self.dial_failed(call, id, Vec::new());
        }
        room.seats.push(call);
        let Some(live) = self.calls.get_mut(&call) else { return };
        live.effects.insert((Runner::Main, id), Effect::Conference);
        let (hold, coaches) = (false, what.coach.as_ref().and_then(|sid| sid.parse().ok()));
        let (waits, beep, what) = (true, what.beep, Box::new(what));
        let seat = Seat { id, conference, what, hold, coaches, waits, until };
        let step = Step::Joined(seat.participant(call));
        live.seat = Some(Box::new(seat));
        self.happened(conference, step);
        self.seat_in(call, conference);
        if matches!(beep, Beep::Both | Beep::OnEnter) {
            let tone = self.tones.enter();
            self.beep(conference, tone);
        }
        self.rewake(call);
    }

    fn open_room(&mut self, call: CallSid, what: &Conference) -> ConferenceSid {
        let Some(live) = self.calls.get(&call) else { return self.random.sid(self.now) };
        let (account, leg) = (live.record.key.account, live.media);
        let promised = live.plan.conference.filter(|sid| !self.rooms.contains_key(sid));
        let conference = promised.unwrap_or_else(|| self.random.sid(self.now));
        let mixer = self.ports.open_mixer(leg);
        let status = what.recording_status.as_ref();
        let callback = what.status.as_ref();
        let callback = callback.map(|it| (io::hook(&it.hook), it.events.clone()));
        let wants = |event| callback.as_ref().is_some_and(|(_, events)| events.contains(&event));
        let room = Room {
            account,
            name: what.name.clone(),
            mixer,
            started: false,
            seats: Vec::new(),
            seats_max: what.participants_max as usize,
            record: what.record.then(|| RecordPlan {
                dual: false,
                track: "both".to_owned(),
                trim: what.trim,
                callback: status.map(|status| io::hook(&status.hook)),
                events: events(status),
            }),
            tells_speakers: wants(ConferenceEvent::Speaker),
            announcer: None,
        };
        self.room_names.insert((account, what.name.clone()), conference);
        self.by_mixer.insert(mixer, conference);
        self.rooms.insert(conference, room);
        let (name, region) = (what.name.clone(), what.region.clone());
        self.happened(conference, Step::Opened { name, region, callback });
        conference
    }

    /// One who came is heard, or waits for the start; with two it may start.
    fn seat_in(&mut self, call: CallSid, conference: ConferenceSid) {
        let Some(room) = self.rooms.get(&conference) else { return };
        let starts = |call: &CallSid| {
            let seat = self.calls.get(call).and_then(|live| live.seat.as_ref());
            seat.is_some_and(|seat| seat.what.start_on_enter)
        };
        if room.started {
            self.enter(call);
        } else if room.seats.len() > 1 && room.seats.iter().any(starts) {
            self.start_room(conference);
        } else {
            self.place_seat(call);
            let seat = self.calls.get(&call).and_then(|live| live.seat.as_ref());
            if let Some(wait) = seat.map(|seat| seat.what.wait.clone()) {
                self.begin_wait(call, &wait, Mode::ConferenceWait);
            }
        }
    }

    fn start_room(&mut self, conference: ConferenceSid) {
        let Some(room) = self.rooms.get_mut(&conference) else { return };
        room.started = true;
        let (seats, mixer) = (room.seats.clone(), room.mixer);
        let (record, account) = (room.record.clone(), room.account);
        self.happened(conference, Step::Started);
        seats.into_iter().for_each(|call| self.enter(call));
        let Some(plan) = record else { return };
        let recording = media::RecordingId(self.number());
        let (of, source) = (Recorded::Conference(conference), RecordingSource::Conference);
        self.put(Output::Recording { recording, account, of, source, plan });
        let config = media::RecordConfig::default();
        let owner = media::Owner::Mixer(mixer);
        self.put(Output::Media(media::Command::Record(owner, recording, config)));
    }

    /// The wait of a participant is over.
    fn enter(&mut self, call: CallSid) {
        let Some(seat) = self.calls.get_mut(&call).and_then(|live| live.seat.as_mut()) else {
            return;
        };
        seat.waits = false;
        if !seat.hold {
            self.end_wait(call);
        }
        self.place_seat(call);
    }

    /// Puts a participant where its seat says that it is.
    pub(super) fn place_seat(&mut self, call: CallSid) {
        let Some(live) = self.calls.get(&call) else { return };
        let (Some(leg), Some(seat)) = (live.media, live.seat.as_ref()) else { return };
        let Some(room) = self.rooms.get(&seat.conference) else { return };
        let coached = seat.coaches.filter(|other| room.seats.contains(other));
        let place = media::Place {
            muted: seat.what.muted,
            on_hold: seat.hold || seat.waits,
            coaches: coached.and_then(|other| self.calls.get(&other)?.media),
        };
        let mixer = room.mixer;
        self.put(Output::Media(media::Command::Join(leg, mixer, place)));
    }

    /// Those who are connected hear a tone.
    fn beep(&mut self, conference: ConferenceSid, tone: std::sync::Arc<media::Prompt>) {
        let Some(room) = self.rooms.get(&conference).filter(|room| room.started) else { return };
        let items = vec![media::Item::prompt(0, tone)];
        self.put(Output::Media(media::Command::Announce(room.mixer, items)));
    }

    /// A participant hangs up, or is sent elsewhere.
    pub(super) fn stop_seat(&mut self, call: CallSid) {
        let Some(live) = self.calls.get(&call) else { return };
        let gone = match self.by_leg.contains_key(&live.leg) {
            true => Gone::Updated,
            false => Gone::HungUp,
        };
        self.leave(call, gone, false);
    }

    /// The time of a participant's `Dial` is over.
    pub(super) fn seat_due(&mut self, call: CallSid) {
        let now = self.now;
        let seat = self.calls.get(&call).and_then(|live| live.seat.as_ref());
        if seat.is_some_and(|seat| seat.until <= now) {
            self.leave(call, Gone::Updated, false);
        }
    }

    /// Takes a participant out; the conference may end with it.
    pub(super) fn leave(&mut self, call: CallSid, gone: Gone, kicked: bool) {
        let Some(seat) = self.unseat(call, gone) else { return };
        let conference = seat.conference;
        let empty = self.rooms.get(&conference).is_some_and(|room| room.seats.is_empty());
        let reason = match (seat.what.end_on_exit, empty, kicked) {
            (true, _, false) => Some(Ended::ModeratorLeft),
            (true, _, true) => Some(Ended::ModeratorKicked),
            (false, true, false) => Some(Ended::LastLeft),
            (false, true, true) => Some(Ended::LastKicked),
            (false, false, _) => None,
        };
        match reason {
            Some(reason) => self.end_room(conference, reason, Some(seat.participant(call))),
            None if matches!(seat.what.beep, Beep::Both | Beep::OnExit) => {
                let tone = self.tones.exit();
                self.beep(conference, tone);
            }
            None => {}
        }
        self.seat_over(call, seat.id);
    }

    /// Ends a conference: everybody leaves it.
    pub(super) fn end_room(
        &mut self,
        conference: ConferenceSid,
        reason: Ended,
        by: Option<Participant>,
    ) {
        let Some(room) = self.rooms.get(&conference) else { return };
        let seats = room.seats.clone();
        let gone = if reason == Ended::ByApi { Gone::Api } else { Gone::Moderator };
        let out = |call| self.unseat(call, gone).map(|seat| (call, seat.id));
        let out: Vec<(CallSid, Id)> = seats.into_iter().filter_map(out).collect();
        self.happened(conference, Step::Ended(reason, by));
        if let Some(room) = self.rooms.remove(&conference) {
            self.room_names.remove(&(room.account, room.name));
            self.by_mixer.remove(&room.mixer);
            self.put(Output::Media(media::Command::CloseMixer(room.mixer)));
        }
        out.into_iter().for_each(|(call, id)| self.seat_over(call, id));
    }

    /// Takes a participant's seat away, and tells of it.
    fn unseat(&mut self, call: CallSid, gone: Gone) -> Option<Box<Seat>> {
        self.end_announcement(call, Some("the participant left"));
        let live = self.calls.get_mut(&call)?;
        let seat = live.seat.take()?;
        let (leg, conference) = (live.media, seat.conference);
        let here = self.by_leg.contains_key(&live.leg);
        let status = if here { "in-progress" } else { live.record.status.name() };
        self.end_wait(call);
        if let Some(leg) = leg {
            self.put(Output::Media(media::Command::Detach(leg)));
        }
        let room = self.rooms.get_mut(&conference)?;
        room.seats.retain(|other| *other != call);
        let others = room.seats.clone();
        self.happened(conference, Step::Left(seat.participant(call), gone, status));
        // Whom nobody hears any more needs no coach.
        for other in others {
            let other_seat = self.calls.get_mut(&other).and_then(|live| live.seat.as_mut());
            let Some(coach) = other_seat.filter(|seat| seat.coaches == Some(call)) else {
                continue;
            };
            coach.coaches = None;
            let step = Step::Modified(coach.participant(other));
            self.happened(conference, step);
            self.place_seat(other);
        }
        Some(seat)
    }

    /// The `Dial` of a seat that was left is over.
    fn seat_over(&mut self, call: CallSid, id: Id) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        live.effects.remove(&(Runner::Main, id));
        let dialled = Dialled {
            status: DialStatus::Answered,
            sid: None,
            duration_s: None,
            bridged: None,
            recording: None,
            more: Vec::new(),
        };
        self.tell(call, Runner::Main, Told::Dialled(id, dialled));
        self.forget_if_over(call);
    }

    /// What a participant hears while it does not take part.
    pub(super) fn wait_of(seat: &Seat, hold: Option<&twiml::Hook>) -> Wait {
        match (seat.hold, hold) {
            (true, Some(hook)) => Wait::Hook(hook.clone()),
            (true, None) => Wait::Default,
            (false, _) => seat.what.wait.clone(),
        }
    }
}
