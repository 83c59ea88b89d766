//! Media without sound: legs and mixers that play, record and fall silent as the engine of
//! `media` does, told by events at the same moments and in the same order.

use core::net::SocketAddr;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::Instant;
use machine::Random;
use media::{Command, Event, Item, LegConfig, LegId, MixerId, Owner, RecordingId, Source};
use products::voice::engine::{Opened, Ports};

/// What is played and recorded at one place.
#[derive(Default)]
struct Deck {
    /// The first one plays, until then; `None` for ever.
    playlist: VecDeque<(u64, Option<Duration>)>,
    plays_until: Option<Instant>,
    recorders: Vec<Recorder>,
}

struct Recorder {
    id: RecordingId,
    began_at: Instant,
    max: Option<Duration>,
    chunk_at: Instant,
}

struct Leg {
    config: LegConfig,
    deck: Deck,
    heard_at: Instant,
    timed_out: bool,
    silence_at: Option<Instant>,
}

/// Names and ports of legs, shared with the engine, which opens them at once.
pub(super) struct Opener(pub Arc<Mutex<Names>>);

/// What was opened since it was asked last.
pub(super) struct Names {
    next: u64,
    random: Random,
    legs: Vec<LegId>,
    mixers: Vec<MixerId>,
}

impl Names {
    pub(super) fn new(first: u64, random: Random) -> Self {
        Self { next: first, random, legs: Vec::new(), mixers: Vec::new() }
    }
}

impl Ports for Opener {
    fn open(&mut self, _: Option<LegId>) -> Option<Opened> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.random.chance(10) {
            return None;
        }
        names.next += 1;
        let leg = LegId(names.next);
        names.legs.push(leg);
        Some(Opened { leg, port: 20_000 + 2 * (leg.0 % 10_000) as u16 })
    }

    fn open_mixer(&mut self, _: Option<LegId>) -> MixerId {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.next += 1;
        let mixer = MixerId(names.next);
        names.mixers.push(mixer);
        mixer
    }
}

/// All media of a node.
pub(super) struct Media {
    names: Arc<Mutex<Names>>,
    legs: BTreeMap<LegId, Leg>,
    mixers: BTreeMap<MixerId, Deck>,
    pub(super) events: VecDeque<(Owner, Event)>,
}

impl Media {
    pub(super) fn new(names: Arc<Mutex<Names>>) -> Self {
        Self { names, legs: BTreeMap::new(), mixers: BTreeMap::new(), events: VecDeque::new() }
    }

    /// Legs that are open.
    pub(super) fn legs(&self) -> impl Iterator<Item = LegId> + '_ {
        self.legs.keys().copied()
    }

    /// Whether nothing is open.
    pub(super) fn is_empty(&self) -> bool {
        self.legs.is_empty() && self.mixers.is_empty()
    }

    fn take_opened(&mut self, now: Instant) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        for leg in names.legs.drain(..) {
            let fresh = Leg {
                config: LegConfig::default(),
                deck: Deck::default(),
                heard_at: now,
                timed_out: false,
                silence_at: None,
            };
            self.legs.insert(leg, fresh);
        }
        for mixer in names.mixers.drain(..) {
            self.mixers.insert(mixer, Deck::default());
        }
    }

    fn deck(&mut self, owner: Owner) -> Option<&mut Deck> {
        match owner {
            Owner::Leg(leg) => self.legs.get_mut(&leg).map(|leg| &mut leg.deck),
            Owner::Mixer(mixer) => self.mixers.get_mut(&mixer),
        }
    }

    /// Does what is told.
    pub(super) fn command(&mut self, now: Instant, command: Command, random: &mut Random) {
        self.take_opened(now);
        match command {
            Command::Update(leg, config) => {
                if let Some(leg) = self.legs.get_mut(&leg) {
                    (leg.config, leg.timed_out, leg.heard_at) = (config, false, now);
                }
            }
            Command::Play(leg, items) => self.play(now, Owner::Leg(leg), items),
            Command::Announce(mixer, items) => self.play(now, Owner::Mixer(mixer), items),
            Command::Stop(leg) => self.stop(Owner::Leg(leg)),
            Command::StopAnnouncing(mixer) => self.stop(Owner::Mixer(mixer)),
            Command::Listen(leg, config) => {
                let wait =
                    config.map(|config| u64::from(config.silence_ms) * (1 + random.below(3)));
                if let Some(leg) = self.legs.get_mut(&leg) {
                    leg.silence_at = wait.map(|ms| now + Duration::from_millis(ms));
                }
            }
            Command::Record(owner, id, config) => {
                let max = (config.max_ms > 0).then(|| Duration::from_millis(config.max_ms));
                let chunk_at = now + Duration::from_secs(1);
                if let Some(deck) = self.deck(owner) {
                    deck.recorders.push(Recorder { id, began_at: now, max, chunk_at });
                }
            }
            Command::StopRecording(owner, id) => {
                let Some(deck) = self.deck(owner) else { return };
                let at = deck.recorders.iter().position(|recorder| recorder.id == id);
                if let Some(recorder) = at.map(|at| deck.recorders.remove(at)) {
                    self.ended(now, owner, &recorder);
                }
            }
            Command::OpenMixer(mixer) => {
                self.mixers.insert(mixer, Deck::default());
            }
            Command::CloseMixer(mixer) => {
                self.close_deck(now, Owner::Mixer(mixer));
                self.mixers.remove(&mixer);
            }
            Command::Close(leg) => {
                if !self.legs.contains_key(&leg) {
                    return;
                }
                self.close_deck(now, Owner::Leg(leg));
                self.legs.remove(&leg);
                self.events.push_back((Owner::Leg(leg), Event::Closed(Box::default())));
            }
            _ => {}
        }
    }

    fn play(&mut self, now: Instant, owner: Owner, items: Vec<Item>) {
        let Some(deck) = self.deck(owner) else { return };
        for item in items {
            deck.playlist.push_back((item.id, length(&item.source)));
        }
        deck.begin(now);
    }

    fn stop(&mut self, owner: Owner) {
        let Some(deck) = self.deck(owner) else { return };
        deck.plays_until = None;
        let items: Vec<u64> = deck.playlist.drain(..).map(|(item, _)| item).collect();
        for item in items.into_iter().filter(|item| *item != 0) {
            let finished = Event::Finished { item, played_ms: 0, completed: false };
            self.events.push_back((owner, finished));
        }
    }

    fn close_deck(&mut self, now: Instant, owner: Owner) {
        self.stop(owner);
        let Some(deck) = self.deck(owner) else { return };
        for recorder in std::mem::take(&mut deck.recorders) {
            self.ended(now, owner, &recorder);
        }
    }

    fn ended(&mut self, now: Instant, owner: Owner, recorder: &Recorder) {
        let (recording, duration) = (recorder.id, now.since(recorder.began_at));
        if duration >= Duration::from_millis(20) {
            let octets = vec![0; 320];
            self.events.push_back((owner, Event::Recorded { recording, octets }));
        }
        let duration_ms = duration.as_millis() as u64;
        self.events.push_back((owner, Event::RecordingEnded { recording, duration_ms }));
    }

    /// Lets time pass. `talks` says whether something comes from an address.
    pub(super) fn tick(&mut self, now: Instant, talks: impl Fn(SocketAddr) -> bool) {
        self.take_opened(now);
        let legs: Vec<LegId> = self.legs.keys().copied().collect();
        for id in legs {
            self.tick_deck(now, Owner::Leg(id));
            let Some(leg) = self.legs.get_mut(&id) else { continue };
            if leg.silence_at.take_if(|at| *at <= now).is_some() {
                self.events.push_back((Owner::Leg(id), Event::Silence { ms: 1_000 }));
            }
            if leg.silent_at().is_some_and(|at| at <= now) {
                if leg.config.remote.is_some_and(&talks) {
                    leg.heard_at = now;
                } else {
                    leg.timed_out = true;
                    let silent_ms = leg.config.timeout_ms;
                    self.events.push_back((Owner::Leg(id), Event::TimedOut { silent_ms }));
                }
            }
        }
        let mixers: Vec<MixerId> = self.mixers.keys().copied().collect();
        mixers.into_iter().for_each(|mixer| self.tick_deck(now, Owner::Mixer(mixer)));
    }

    fn tick_deck(&mut self, now: Instant, owner: Owner) {
        let mut events = Vec::new();
        let Some(deck) = self.deck(owner) else { return };
        while deck.plays_until.is_some_and(|at| at <= now) {
            if let Some((item, _)) = deck.playlist.pop_front().filter(|(item, _)| *item != 0) {
                events.push(Event::Finished { item, played_ms: 1, completed: true });
            }
            deck.plays_until = None;
            deck.begin(now);
        }
        for recorder in &mut deck.recorders {
            if recorder.chunk_at <= now {
                recorder.chunk_at = now + Duration::from_secs(20);
                let (recording, octets) = (recorder.id, vec![0; 320]);
                events.push(Event::Recorded { recording, octets });
            }
        }
        let over =
            |recorder: &Recorder| recorder.max.is_some_and(|max| recorder.began_at + max <= now);
        let mut ended = Vec::new();
        while let Some(at) = deck.recorders.iter().position(over) {
            ended.push(deck.recorders.remove(at));
        }
        self.events.extend(events.into_iter().map(|event| (owner, event)));
        ended.iter().for_each(|recorder| self.ended(now, owner, recorder));
    }

    /// When something is due.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let legs = self.legs.values().flat_map(|leg| [leg.silence_at, leg.silent_at()]);
        let decks = self.legs.values().map(|leg| &leg.deck).chain(self.mixers.values());
        legs.flatten().chain(decks.filter_map(Deck::wake_at)).min()
    }
}

impl Deck {
    fn begin(&mut self, now: Instant) {
        if let (None, Some((_, length))) = (self.plays_until, self.playlist.front()) {
            self.plays_until = length.map(|length| now + length);
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        let recorders = self.recorders.iter().flat_map(|recorder| {
            [Some(recorder.chunk_at), recorder.max.map(|max| recorder.began_at + max)]
        });
        recorders.flatten().chain(self.plays_until).min()
    }
}

impl Leg {
    /// When it has heard nothing for too long.
    fn silent_at(&self) -> Option<Instant> {
        let waits = self.config.timeout_ms > 0 && self.config.direction.receives();
        let wait = Duration::from_millis(u64::from(self.config.timeout_ms));
        (waits && !self.timed_out).then(|| self.heard_at + wait)
    }
}

fn length(source: &Source) -> Option<Duration> {
    let ms = match source {
        Source::Prompt { loops: 0, .. } => return None,
        Source::Prompt { prompt, loops, .. } => prompt.duration_ms() * u64::from(*loops),
        Source::Silence { ms } => u64::from(*ms),
        Source::Digits(digits) => 200 * digits.len() as u64,
    };
    Some(Duration::from_millis(ms.max(20)))
}
