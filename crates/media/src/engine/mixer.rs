//! Conferences: each participant hears all others. Who is silent hears the common mix, which is
//! encoded once for each law.

use base::Instant;

use crate::FRAME;
use crate::engine::command::{ended, finished};
use crate::engine::{Engine, Event, Key, MixerId, MixerKey, Owner, SLOTS, Sink};
use crate::g711::Law;
use crate::jitter::Pulled;
use crate::leg::{LegId, Route};
use crate::playlist::{Filled, Item, Playlist};
use crate::recording::Recorder;
use crate::voice::{Heard, ListenConfig, Voice};

/// A participant's place in a conference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Is not heard.
    pub muted: bool,
    /// Neither hears nor is heard; hears its own playlist.
    pub on_hold: bool,
    /// Is heard by this leg alone, and hears everybody.
    pub coaches: Option<LegId>,
}

/// One in a mixer.
pub(super) struct Participant {
    key: Key,
    id: LegId,
    place: Place,
    voice: Voice,
    /// Frames for which it is still heard after it fell silent.
    lingers: u32,
    /// Its frame of this tick goes into the mix.
    sounds: bool,
}

/// A conference.
pub(super) struct Mixer {
    id: MixerId,
    pub slot: usize,
    participants: Vec<Participant>,
    announcements: Playlist,
    pub recorders: Vec<Recorder>,
    sum: [i32; FRAME],
}

/// Up to so many participants are mixed whether they speak or not.
const FEW: usize = 3;
/// A voice lingers for 400 ms.
const LINGER: u32 = 20;

impl Engine {
    pub(super) fn mixer(&mut self, id: MixerId) -> Option<&mut Mixer> {
        let key = *self.mixer_ids.get(&id)?;
        self.mixers.get_mut(key.0)?.as_deref_mut()
    }

    pub(super) fn open_mixer(&mut self, now: Instant, id: MixerId) {
        if self.mixer_ids.contains_key(&id) {
            return;
        }
        if self.ids.is_empty() && self.mixer_ids.is_empty() {
            self.turn_at = now;
        }
        let slot = (0..SLOTS).min_by_key(|slot| self.slots[*slot].len()).unwrap_or_default();
        let at = self.mixers.iter().position(Option::is_none).unwrap_or_else(|| {
            self.mixers.push(None);
            self.mixers.len() - 1
        });
        self.mixers[at] = Some(Box::new(Mixer {
            id,
            slot,
            participants: Vec::new(),
            announcements: Playlist::default(),
            recorders: Vec::new(),
            sum: [0; FRAME],
        }));
        self.mixer_ids.insert(id, MixerKey(at));
    }

    pub(super) fn close_mixer(&mut self, id: MixerId, sink: &mut impl Sink) {
        let Some(key) = self.mixer_ids.remove(&id) else { return };
        let Some(mut mixer) = self.mixers[key.0].take() else { return };
        let owner = Owner::Mixer(id);
        mixer.announcements.stop(|done| finished(owner, done, sink));
        mixer.recorders.drain(..).for_each(|recorder| ended(owner, recorder, sink));
        for participant in mixer.participants {
            if let Some(leg) = self.leg(participant.key) {
                leg.route = Route::None;
            }
            self.refresh(participant.key);
        }
    }

    pub(super) fn join(&mut self, id: LegId, mixer: MixerId, place: Place) {
        let Some(key) = self.key(id) else { return };
        let Some(mixer_key) = self.mixer_ids.get(&mixer).copied() else { return };
        let Some(found) = self.mixer(mixer) else { return };
        if let Some(known) = found.participants.iter_mut().find(|known| known.key == key) {
            known.place = place;
            return;
        }
        let slot = found.slot;
        self.detach(key);
        self.seat(key, slot);
        if let Some(leg) = self.leg(key) {
            leg.route = Route::Mixer(mixer_key);
        }
        let voice = Voice::new(ListenConfig { silence_ms: 0 });
        let participant = Participant { key, id, place, voice, lingers: 0, sounds: false };
        if let Some(mixer) = self.mixer(mixer) {
            mixer.participants.push(participant);
        }
        self.refresh(key);
    }

    pub(super) fn unmix(&mut self, mixer: MixerKey, leg: Key) {
        if let Some(mixer) = self.mixers.get_mut(mixer.0).and_then(Option::as_deref_mut) {
            mixer.participants.retain(|participant| participant.key != leg);
        }
    }

    pub(super) fn announce(&mut self, id: MixerId, items: Vec<Item>, sink: &mut impl Sink) {
        let Some(mixer) = self.mixer(id) else { return };
        for item in items {
            if let Err(refused) = mixer.announcements.push(item) {
                finished(Owner::Mixer(id), refused, sink);
            }
        }
    }

    pub(super) fn stop_announcing(&mut self, id: MixerId, sink: &mut impl Sink) {
        let Some(mixer) = self.mixer(id) else { return };
        mixer.announcements.stop(|done| finished(Owner::Mixer(id), done, sink));
    }

    /// Mixes one tick of a mixer, and leaves each participant's payload with its leg.
    pub(super) fn mix(&mut self, at: usize, sink: &mut impl Sink) {
        let Some(mut mixer) = self.mixers[at].take() else { return };
        self.gather(&mut mixer, sink);
        let mut common: [Option<[u8; FRAME]>; 2] = [None, None];
        for at in 0..mixer.participants.len() {
            let participant = &mixer.participants[at];
            if participant.place.on_hold {
                continue;
            }
            let coached = mixer
                .participants
                .iter()
                .find(|other| other.sounds && other.place.coaches == Some(participant.id));
            let coach = coached.map(|coach| coach.key);
            let own = participant.sounds && participant.place.coaches.is_none();
            let key = participant.key;
            if own || coach.is_some() {
                self.mix_for(&mixer, key, own, coach);
                continue;
            }
            let Some(leg) = self.leg(key) else { continue };
            let law = leg.config.law;
            let slot = &mut common[usize::from(law == Law::A)];
            leg.payload = *slot.get_or_insert_with(|| encoded(law, &mixer.sum));
            leg.filled = true;
        }
        self.mixers[at] = Some(mixer);
    }

    /// Sums up who is heard, announcements included.
    fn gather(&mut self, mixer: &mut Mixer, sink: &mut impl Sink) {
        let owner = Owner::Mixer(mixer.id);
        mixer.sum = [0; FRAME];
        let few = mixer.participants.len() <= FEW;
        for participant in &mut mixer.participants {
            let Some(leg) = self.legs[participant.key.0].as_deref() else { continue };
            let here = leg.pulled != Pulled::Silence;
            let silent = participant.place.muted || participant.place.on_hold;
            let heard = (here && !silent).then_some(&leg.inbound);
            participant.voice.frame(heard, |heard| {
                let speaking = heard == Heard::Started;
                sink.event(Owner::Leg(leg.id), Event::Speaking { speaking });
            });
            let loud = participant.voice.is_loud() || participant.voice.is_speaking();
            participant.lingers = if loud { LINGER } else { participant.lingers.saturating_sub(1) };
            participant.sounds = heard.is_some() && (few || participant.lingers > 0);
            if participant.sounds && participant.place.coaches.is_none() {
                add(&mut mixer.sum, &leg.inbound);
            }
        }
        let mut announced = [0; FRAME];
        let filled = mixer.announcements.fill(Law::Mu, false, &mut announced, |done| {
            finished(owner, done, sink);
        });
        if filled != Filled::Nothing {
            let mut samples = [0; FRAME];
            Law::Mu.decode_into(&announced, &mut samples);
            add(&mut mixer.sum, &samples);
        }
        if !mixer.recorders.is_empty() {
            record(mixer, sink);
        }
    }

    /// The mix of one who is heard in it, or who is coached.
    fn mix_for(&mut self, mixer: &Mixer, key: Key, own: bool, coach: Option<Key>) {
        let mut sum = mixer.sum;
        if let Some(coach) = coach.and_then(|coach| self.leg(coach)) {
            add(&mut sum, &coach.inbound);
        }
        let Some(leg) = self.leg(key) else { return };
        if own {
            sum.iter_mut().zip(&leg.inbound).for_each(|(sum, own)| *sum -= i32::from(*own));
        }
        leg.payload = encoded(leg.config.law, &sum);
        leg.filled = true;
    }
}

fn record(mixer: &mut Mixer, sink: &mut impl Sink) {
    let owner = Owner::Mixer(mixer.id);
    let mixed = clipped(&mixer.sum);
    for recorder in &mut mixer.recorders {
        if let Some(octets) = recorder.frame(&mixed, &[0; FRAME]) {
            sink.event(owner, Event::Recorded { recording: recorder.id, octets });
        }
    }
    while let Some(at) = mixer.recorders.iter().position(Recorder::is_over) {
        ended(owner, mixer.recorders.remove(at), sink);
    }
}

fn add(sum: &mut [i32; FRAME], samples: &[i16; FRAME]) {
    sum.iter_mut().zip(samples).for_each(|(sum, sample)| *sum += i32::from(*sample));
}

fn clipped(sum: &[i32; FRAME]) -> [i16; FRAME] {
    sum.map(|sum| sum.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16)
}

fn encoded(law: Law, sum: &[i32; FRAME]) -> [u8; FRAME] {
    let mut octets = [0; FRAME];
    law.encode_into(&clipped(sum), &mut octets);
    octets
}
