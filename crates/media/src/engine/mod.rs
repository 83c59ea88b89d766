//! The engine of one media thread: its legs and mixers, their ticks, and what goes between them.

mod command;
mod event;
mod mixer;
mod receive;
mod report;
mod tick;

use std::collections::BTreeMap;
use std::time::Duration;

use base::Instant;
use machine::Random;

pub use command::{Command, MixerId};
pub use event::{Datagram, Event, Key, MixerKey, Owner, Port, Sink};
pub use mixer::Place;

use crate::dtmf::{Detector, Receiver};
use crate::jitter::{Jitter, Pulled};
use crate::latch::Latch;
use crate::leg::{Control, Leg, LegConfig, LegId, Route};
use crate::playlist::Playlist;
use crate::quality::Reception;
use crate::sender::Sender;
use crate::{FRAME, FRAME_US};
use mixer::Mixer;

/// Ticks are spread over so many slots of a millisecond.
const SLOTS: usize = 20;
const SLOT_US: i64 = FRAME_US / SLOTS as i64;
/// A thread that was stopped for longer than this does not catch up.
const STALL_US: i64 = 100_000;
/// Octets of a datagram that we take or make.
const DATAGRAM: usize = 1_500;

/// A leg's place among the ticks.
#[derive(Clone, Copy, Debug)]
struct Seat {
    key: usize,
    /// What it hears goes on to another leg at once, so it is read twice a frame.
    passes_on: bool,
}

/// Legs, mixers and their ticks.
pub struct Engine {
    legs: Vec<Option<Box<Leg>>>,
    free: Vec<usize>,
    ids: BTreeMap<LegId, Key>,
    mixers: Vec<Option<Box<Mixer>>>,
    mixer_ids: BTreeMap<MixerId, MixerKey>,
    /// The legs of each slot.
    slots: [Vec<Seat>; SLOTS],
    turn: usize,
    turn_at: Instant,
    random: Random,
    datagram: Box<[u8; DATAGRAM]>,
}

impl Engine {
    /// An engine without legs. The randomness gives SSRCs and beginnings of sequences.
    pub fn new(random: Random) -> Self {
        Self {
            legs: Vec::new(),
            free: Vec::new(),
            ids: BTreeMap::new(),
            mixers: Vec::new(),
            mixer_ids: BTreeMap::new(),
            slots: std::array::from_fn(|_| Vec::new()),
            turn: 0,
            turn_at: Instant::default(),
            random,
            datagram: Box::new([0; DATAGRAM]),
        }
    }

    /// How many legs there are.
    pub fn legs(&self) -> usize {
        self.ids.len()
    }

    /// The key of a leg.
    pub fn key(&self, leg: LegId) -> Option<Key> {
        self.ids.get(&leg).copied()
    }

    /// Opens a leg. A name that is in use closes the leg that had it.
    pub fn open(&mut self, now: Instant, id: LegId, config: LegConfig) -> Key {
        let draw = self.random.u64();
        let first = (self.random.u64() & 0x7fff) as u16;
        let sender = Sender::new((draw >> 32) as u32, first, draw as u32);
        let first_report = Duration::from_micros(1_000_000 + self.random.below(4_000_000));
        let letters = self.random.bytes::<16>().map(|byte| b'a' + byte % 26);
        let control = Control {
            due_at: now + first_report,
            name: letters,
            from: None,
            last_report: None,
            round_trip_ms: None,
            remote_lost: 0,
            remote_jitter: 0,
        };
        self.insert(
            now,
            Box::new(Leg {
                id,
                slot: 0,
                route: Route::None,
                latch: Latch::new(config.remote, config.strict),
                sender,
                reception: Reception::default(),
                control,
                digits: Receiver::default(),
                playlist: Playlist::default(),
                jitter: None,
                detector: config.telephone_event.is_none().then(Box::<Detector>::default),
                voice: None,
                recorders: Vec::new(),
                taps: Vec::new(),
                heard_at: now,
                timed_out: false,
                loose: false,
                inbound: [0; FRAME],
                pulled: Pulled::Silence,
                payload: [0; FRAME],
                filled: false,
                config,
            }),
        )
    }

    /// Takes a leg out of its bridge or mixer and out of this engine, to be inserted in another.
    pub fn remove(&mut self, id: LegId) -> Option<Box<Leg>> {
        let key = self.key(id)?;
        self.detach(key);
        self.ids.remove(&id);
        let leg = self.legs[key.0].take()?;
        self.slots[leg.slot].retain(|seat| seat.key != key.0);
        self.free.push(key.0);
        Some(leg)
    }

    /// Takes over a leg of another engine.
    pub fn insert(&mut self, now: Instant, mut leg: Box<Leg>) -> Key {
        self.remove(leg.id);
        if self.ids.is_empty() && self.mixer_ids.is_empty() {
            self.turn_at = now;
        }
        let lightest = (0..SLOTS).min_by_key(|slot| self.slots[*slot].len()).unwrap_or_default();
        leg.slot = lightest;
        let id = leg.id;
        let at = self.free.pop().unwrap_or_else(|| {
            self.legs.push(None);
            self.legs.len() - 1
        });
        self.legs[at] = Some(leg);
        self.slots[lightest].push(Seat { key: at, passes_on: false });
        self.ids.insert(id, Key(at));
        self.refresh(Key(at));
        Key(at)
    }

    /// When the next tick is due; `None` without legs.
    pub fn wake_at(&self) -> Option<Instant> {
        let busy = |slot: usize| {
            let mixes = self.mixers.iter().flatten().any(|mixer| mixer.slot == slot);
            let passes_on = |seat: &Seat| seat.passes_on;
            mixes
                || !self.slots[slot].is_empty()
                || self.slots[opposite(slot)].iter().any(passes_on)
        };
        let next = (0..SLOTS).find(|ahead| busy((self.turn + ahead) % SLOTS))?;
        Some(self.turn_at + Duration::from_micros(next as u64 * SLOT_US as u64))
    }

    /// Which legs are to be read now, before the ticks that are due at `now`: each leg when its
    /// tick is due, and between its ticks too when what it hears goes on to another leg.
    pub fn reads(&self, now: Instant, mut read: impl FnMut(Key)) {
        let late = now.micros() - self.turn_at.micros();
        // One turn has all of them.
        let due = (late.div_euclid(SLOT_US) + 1).clamp(0, SLOTS as i64) as usize;
        for slot in (0..due).map(|ahead| (self.turn + ahead) % SLOTS) {
            self.slots[slot].iter().for_each(|seat| read(Key(seat.key)));
            let between = self.slots[opposite(slot)].iter().filter(|seat| seat.passes_on);
            between.for_each(|seat| read(Key(seat.key)));
        }
    }

    /// Runs the ticks that are due at `now`.
    pub fn tick(&mut self, now: Instant, sink: &mut impl Sink) {
        let late = now.micros() - self.turn_at.micros();
        if late > STALL_US {
            // Whole turns are left out, so that each leg keeps its place.
            let turns = (late - STALL_US) / FRAME_US + 1;
            self.turn_at = Instant::from_micros(self.turn_at.micros() + turns * FRAME_US);
        }
        while self.turn_at <= now {
            self.run_slot(self.turn, self.turn_at, sink);
            self.turn = (self.turn + 1) % SLOTS;
            self.turn_at = self.turn_at + Duration::from_micros(SLOT_US as u64);
        }
    }

    fn leg(&mut self, key: Key) -> Option<&mut Leg> {
        self.legs.get_mut(key.0)?.as_deref_mut()
    }

    fn two(&mut self, a: Key, b: Key) -> Option<(&mut Leg, &mut Leg)> {
        let [a, b] = self.legs.get_disjoint_mut([a.0, b.0]).ok()?;
        Some((a.as_deref_mut()?, b.as_deref_mut()?))
    }

    /// Puts a leg to another slot, where its partner is.
    fn seat(&mut self, key: Key, slot: usize) {
        let Some(leg) = self.legs.get_mut(key.0).and_then(Option::as_deref_mut) else { return };
        let before = std::mem::replace(&mut leg.slot, slot);
        let passes_on = leg.passes_on();
        self.slots[before].retain(|seat| seat.key != key.0);
        self.slots[slot].push(Seat { key: key.0, passes_on });
    }

    /// Ends a bridge or a place in a mixer.
    fn detach(&mut self, key: Key) {
        let Some(leg) = self.leg(key) else { return };
        let route = std::mem::replace(&mut leg.route, Route::None);
        match route {
            Route::Bridge { peer, .. } => {
                if let Some(peer) = self.leg(peer) {
                    peer.route = Route::None;
                }
                self.refresh(peer);
            }
            Route::Mixer(mixer) => self.unmix(mixer, key),
            Route::None | Route::Echo => {}
        }
        self.refresh(key);
    }

    /// Makes or drops the jitter buffer as it is needed.
    fn refresh(&mut self, key: Key) {
        let Some(leg) = self.legs.get(key.0).and_then(Option::as_deref) else { return };
        let recorded = match leg.route {
            Route::Bridge { peer, .. } => {
                let peer = self.legs.get(peer.0).and_then(Option::as_deref);
                peer.is_some_and(Leg::is_recorded)
            }
            _ => false,
        };
        let Some(leg) = self.leg(key) else { return };
        let wanted = recorded || leg.wants_frames();
        if wanted && leg.jitter.is_none() {
            leg.jitter = Some(Box::new(Jitter::new(leg.config.law)));
        } else if !wanted {
            leg.jitter = None;
        }
        leg.pulled = Pulled::Silence;
        leg.inbound = [0; FRAME];
        let (slot, passes_on) = (leg.slot, leg.passes_on());
        if let Some(seat) = self.slots[slot].iter_mut().find(|seat| seat.key == key.0) {
            seat.passes_on = passes_on;
        }
    }

    /// Refreshes a leg and the one that it is bridged with.
    fn refresh_both(&mut self, key: Key) {
        self.refresh(key);
        if let Some(Route::Bridge { peer, .. }) = self.leg(key).map(|leg| leg.route) {
            self.refresh(peer);
        }
    }
}

/// The slot that is half a frame away.
const fn opposite(slot: usize) -> usize {
    (slot + SLOTS / 2) % SLOTS
}

#[cfg(test)]
mod tests;
