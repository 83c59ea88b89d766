//! What an engine is told to do. A command for a leg or mixer that is not there does nothing.

use base::Instant;

use crate::dtmf::Detector;
use crate::engine::{Engine, Event, Key, Owner, Place, Sink};
use crate::jitter::Jitter;
use crate::leg::{Leg, LegConfig, LegId, Route};
use crate::playlist::{Finished, Item};
use crate::recording::{RecordConfig, Recorder, RecordingId};
use crate::tap::{Tap, TapConfig, TapId};
use crate::voice::{ListenConfig, Voice};

/// The name of a mixer; given by whoever opens it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MixerId(pub u64);

/// What to do.
#[derive(Clone, Debug)]
pub enum Command {
    /// A new SDP: other addresses, payload types, direction.
    Update(LegId, LegConfig),
    /// Adds items to a leg's playlist. While it plays, the leg hears neither bridge nor mixer.
    Play(LegId, Vec<Item>),
    /// Ends a leg's playlist at once (barge-in); each item is told as finished.
    Stop(LegId),
    /// The leg hears itself, or no longer.
    Echo(LegId, bool),
    /// Two legs of this engine hear each other.
    Bridge {
        /// One.
        a: LegId,
        /// The other.
        b: LegId,
        /// Digits of one are heard by the other; they are told in any case.
        pass_digits: bool,
    },
    /// Ends the leg's echo, bridge or place in a mixer.
    Detach(LegId),
    /// Tells of speech and silence, or no longer. Begins anew when given again.
    Listen(LegId, Option<ListenConfig>),
    /// Begins a recording.
    Record(Owner, RecordingId, RecordConfig),
    /// Halts a recording; with `true` its time too, else it is silent.
    PauseRecording(Owner, RecordingId, bool),
    /// Goes on with it.
    ResumeRecording(Owner, RecordingId),
    /// Ends it.
    StopRecording(Owner, RecordingId),
    /// Copies a leg's audio.
    Tap(LegId, TapId, TapConfig),
    /// No longer.
    Untap(LegId, TapId),
    /// Makes a mixer.
    OpenMixer(MixerId),
    /// Ends a mixer; its participants stay open.
    CloseMixer(MixerId),
    /// A leg of this engine takes part, or changes its place.
    Join(LegId, MixerId, Place),
    /// Everybody in the mixer hears these, over what is said.
    Announce(MixerId, Vec<Item>),
    /// Ends the announcements.
    StopAnnouncing(MixerId),
    /// Tells the leg's numbers.
    Statistics(LegId),
    /// Ends the leg.
    Close(LegId),
}

impl Engine {
    /// Does what is told.
    pub fn handle(&mut self, now: Instant, command: Command, sink: &mut impl Sink) {
        match command {
            Command::Update(id, config) => self.with(id, |leg, key| update(leg, key, config, sink)),
            Command::Play(id, items) => self.with(id, |leg, _| play(leg, items, sink)),
            Command::Stop(id) => self.with(id, |leg, _| {
                leg.playlist.stop(|done| finished(Owner::Leg(id), done, sink));
            }),
            Command::Echo(id, on) => self.echo(id, on),
            Command::Bridge { a, b, pass_digits } => self.bridge(a, b, pass_digits),
            Command::Detach(id) => {
                if let Some(key) = self.key(id) {
                    self.detach(key);
                }
            }
            Command::Listen(id, config) => self.with(id, |leg, _| {
                leg.voice = config.map(|config| Box::new(Voice::new(config)));
            }),
            Command::Record(..)
            | Command::PauseRecording(..)
            | Command::ResumeRecording(..)
            | Command::StopRecording(..) => self.recording(command, sink),
            Command::Tap(id, tap, config) => {
                self.with(id, |leg, _| leg.taps.push(Tap::new(tap, config)));
            }
            Command::Untap(id, tap) => self.with(id, |leg, _| leg.taps.retain(|it| it.id != tap)),
            Command::OpenMixer(id) => self.open_mixer(now, id),
            Command::CloseMixer(id) => self.close_mixer(id, sink),
            Command::Join(id, mixer, place) => self.join(id, mixer, place),
            Command::Announce(mixer, items) => self.announce(mixer, items, sink),
            Command::StopAnnouncing(mixer) => self.stop_announcing(mixer, sink),
            Command::Statistics(id) => self.with(id, |leg, _| {
                sink.event(Owner::Leg(id), Event::Statistics(Box::new(leg.statistics())));
            }),
            Command::Close(id) => self.close(now, id, sink),
        }
    }

    fn with(&mut self, id: LegId, change: impl FnOnce(&mut Leg, Key)) {
        let Some(key) = self.key(id) else { return };
        if let Some(leg) = self.leg(key) {
            change(leg, key);
            self.refresh_both(key);
        }
    }

    fn echo(&mut self, id: LegId, on: bool) {
        let Some(key) = self.key(id) else { return };
        self.detach(key);
        if let Some(leg) = self.leg(key).filter(|_| on) {
            leg.route = Route::Echo;
        }
        self.refresh(key);
    }

    fn bridge(&mut self, a: LegId, b: LegId, pass_digits: bool) {
        let (Some(a), Some(b)) = (self.key(a), self.key(b)) else { return };
        if a == b {
            return;
        }
        self.detach(a);
        self.detach(b);
        let Some((one, other)) = self.two(a, b) else { return };
        one.route = Route::Bridge { peer: b, pass_digits };
        other.route = Route::Bridge { peer: a, pass_digits };
        let slot = one.slot;
        self.seat(b, slot);
        self.refresh_both(a);
    }

    fn recorders(&mut self, owner: Owner) -> Option<&mut Vec<Recorder>> {
        match owner {
            Owner::Leg(id) => {
                let key = self.key(id)?;
                self.leg(key).map(|leg| &mut leg.recorders)
            }
            Owner::Mixer(id) => self.mixer(id).map(|mixer| &mut mixer.recorders),
        }
    }

    fn recording(&mut self, command: Command, sink: &mut impl Sink) {
        let (owner, id) = match command {
            Command::Record(owner, id, config) => {
                if let Some(recorders) = self.recorders(owner) {
                    recorders.push(Recorder::new(id, config));
                }
                (owner, id)
            }
            Command::PauseRecording(owner, id, _)
            | Command::ResumeRecording(owner, id)
            | Command::StopRecording(owner, id) => (owner, id),
            _ => return,
        };
        let Some(recorders) = self.recorders(owner) else { return };
        let Some(at) = recorders.iter().position(|recorder| recorder.id == id) else { return };
        match command {
            Command::PauseRecording(_, _, skip) => recorders[at].pause(skip),
            Command::ResumeRecording(..) => recorders[at].resume(),
            Command::StopRecording(..) => ended(owner, recorders.remove(at), sink),
            _ => {}
        }
        if let Owner::Leg(id) = owner
            && let Some(key) = self.key(id)
        {
            self.refresh_both(key);
        }
    }

    fn close(&mut self, now: Instant, id: LegId, sink: &mut impl Sink) {
        if let Some(key) = self.key(id) {
            self.say_goodbye(now, key, sink);
        }
        let Some(mut leg) = self.remove(id) else { return };
        leg.playlist.stop(|done| finished(Owner::Leg(id), done, sink));
        leg.recorders.drain(..).for_each(|recorder| ended(Owner::Leg(id), recorder, sink));
        sink.event(Owner::Leg(id), Event::Closed(Box::new(leg.statistics())));
    }
}

fn update(leg: &mut Leg, key: Key, config: LegConfig, sink: &mut impl Sink) {
    leg.latch.renew(config.remote);
    leg.loose = true;
    sink.peer(key, None);
    if config.law != leg.config.law {
        leg.jitter = leg.jitter.take().map(|_| Box::new(Jitter::new(config.law)));
    }
    leg.detector = match (config.telephone_event, leg.detector.take()) {
        (Some(_), _) => None,
        (None, before) => before.or_else(|| Some(Box::<Detector>::default())),
    };
    leg.config = config;
}

fn play(leg: &mut Leg, items: Vec<Item>, sink: &mut impl Sink) {
    for item in items {
        if let Err(refused) = leg.playlist.push(item) {
            finished(Owner::Leg(leg.id), refused, sink);
        }
    }
}

/// Tells that an item ended; those that we put in ourselves have no name.
pub(super) fn finished(owner: Owner, done: Finished, sink: &mut impl Sink) {
    let Finished { id: item, played_ms, completed } = done;
    if item != 0 {
        sink.event(owner, Event::Finished { item, played_ms, completed });
    }
}

/// Hands out the rest of a recording.
pub(super) fn ended(owner: Owner, mut recorder: Recorder, sink: &mut impl Sink) {
    let (recording, duration_ms) = (recorder.id, recorder.duration_ms());
    let octets = recorder.rest();
    if !octets.is_empty() {
        sink.event(owner, Event::Recorded { recording, octets });
    }
    sink.event(owner, Event::RecordingEnded { recording, duration_ms });
}
