//! A sender behind a network that loses, delays, doubles and drifts.

use super::*;
use crate::dtmf::power;
use crate::tones;
use machine::Random;

/// A sender of a 400 Hz tone behind a network.
struct World {
    jitter: Jitter,
    random: Random,
    tone: Vec<u8>,
    /// Start of the stream.
    base: u32,
    pulls: Vec<(Frame, Pulled)>,
}

/// What the network does.
#[derive(Clone, Copy, Default)]
struct Network {
    loss_per_mille: u64,
    duplicates_per_mille: u64,
    /// Packets are late by up to so much.
    late_us: u64,
    /// The sender's clock is so much faster.
    drift_ppm: i64,
}

impl World {
    fn new(seed: u64, base: u32) -> Self {
        let mut tone = Vec::new();
        tones::mix(&[(400.0, 0.5)], 1_000, &mut tone);
        let tone = tone.iter().map(|sample| Law::Mu.encode(*sample)).collect();
        let (jitter, random) = (Jitter::new(Law::Mu), Random::from_seed(seed));
        Self { jitter, random, tone, base, pulls: Vec::new() }
    }

    /// Runs for so many frames of the receiver's clock; counts what became of the packets.
    fn run(&mut self, frames: u32, network: Network) -> Vec<Pushed> {
        let period = 20_000 * 1_000_000 / (1_000_000 + network.drift_ppm);
        let mut arrivals = Vec::new();
        let packets = (i64::from(frames) * 20_000 / period) as u32;
        for at in 0..packets {
            if self.random.chance(network.loss_per_mille) {
                continue;
            }
            let late = self.random.below(network.late_us + 1) as i64;
            let arrives = i64::from(at) * period + late;
            arrivals.push((arrives, at));
            if self.random.chance(network.duplicates_per_mille) {
                arrivals.push((arrives + 3_000, at));
            }
        }
        arrivals.sort_unstable();
        let mut arrivals = arrivals.into_iter().peekable();
        let mut pushed = Vec::new();
        for frame in 0..frames {
            let now = i64::from(frame) * 20_000 + 7_000;
            while let Some((_, at)) = arrivals.next_if(|(arrives, _)| *arrives <= now) {
                let from = (at * 160 % 8_000) as usize;
                let timestamp = self.base.wrapping_add(at * 160);
                pushed.push(self.jitter.push(timestamp, Law::Mu, &self.tone[from..from + 160]));
            }
            let mut out = [0; FRAME];
            let pulled = self.jitter.pull(&mut out);
            self.pulls.push((out, pulled));
        }
        pushed
    }

    fn count(&self, kind: Pulled) -> usize {
        self.pulls.iter().filter(|(_, pulled)| *pulled == kind).count()
    }

    /// How much of the frames after the beginning is the tone.
    fn purity(&self) -> f32 {
        let (mut pure, mut all) = (0.0, 0.0);
        for (frame, _) in &self.pulls[10..] {
            pure += power(frame, 400.0);
            let energy: f32 = frame.iter().map(|sample| f32::from(*sample).powi(2)).sum();
            all += energy * FRAME as f32 / 2.0;
        }
        pure / all
    }
}

#[test]
fn a_clean_stream_comes_out_as_it_went_in_over_the_wrap() {
    let mut world = World::new(1, u32::MAX - 16_000);
    let pushed = world.run(1_000, Network::default());
    assert!(pushed[1..].iter().all(|pushed| *pushed == Pushed::Placed));
    assert_eq!(world.count(Pulled::Concealed), 0);
    assert_eq!(world.count(Pulled::Silence) + world.count(Pulled::Audio), 1_000);
    assert!(world.count(Pulled::Silence) <= 3);
    let octets: Vec<u8> = world.pulls[3..53]
        .iter()
        .flat_map(|(frame, _)| frame.map(|sample| Law::Mu.encode(sample)))
        .collect();
    let start = (0..8_000)
        .find(|at| octets.iter().zip(world.tone.iter().cycle().skip(*at)).all(|(a, b)| a == b));
    assert!(start.is_some(), "the same octets");
}

#[test]
fn losses_from_one_to_twenty_per_cent_are_concealed() {
    for (loss, purity_min) in [(10, 0.97), (50, 0.95), (100, 0.92), (200, 0.85)] {
        let mut world = World::new(loss, 5);
        world.run(2_000, Network { loss_per_mille: loss, ..Network::default() });
        let concealed = world.count(Pulled::Concealed) as u64;
        assert!((loss..loss * 6).contains(&concealed), "{loss}: {concealed}");
        assert!(world.purity() > purity_min, "{loss}: {}", world.purity());
    }
}

#[test]
fn reordered_late_and_doubled_packets_find_their_place() {
    let mut world = World::new(7, 99);
    let network = Network { late_us: 60_000, duplicates_per_mille: 100, ..Network::default() };
    let pushed = world.run(3_000, network);
    let doubles = pushed.iter().filter(|pushed| **pushed == Pushed::Duplicate).count();
    assert!(doubles > 150, "{doubles}");
    world.pulls.drain(..500);
    let concealed = world.count(Pulled::Concealed);
    assert!(concealed < 75, "the delay has grown: {concealed}");
    assert!((160..1_000).contains(&world.jitter.depth()), "{}", world.jitter.depth());
}

#[test]
fn a_drifting_clock_is_followed() {
    for drift_ppm in [-200, 200] {
        let mut world = World::new(9, 0);
        let network = Network { drift_ppm, late_us: 5_000, ..Network::default() };
        world.run(50 * 60 * 10, network);
        assert!(world.jitter.depth() < 1_000, "{drift_ppm}: {}", world.jitter.depth());
        let made_up = world.count(Pulled::Concealed) + world.count(Pulled::Silence);
        assert!(made_up < 60, "{drift_ppm}: {made_up} of 30000 frames");
        assert!(world.purity() > 0.98, "{drift_ppm}: {}", world.purity());
    }
}

#[test]
fn silences_of_a_sender_are_silence_and_its_return_is_heard_at_once() {
    // With timestamps that go on through the silence, and with such as stand still.
    for stands in [false, true] {
        let mut world = World::new(3, 1_000);
        world.run(50, Network::default());
        world.pulls.clear();
        for _ in 0..500 {
            let mut out = [0; FRAME];
            let pulled = world.jitter.pull(&mut out);
            world.pulls.push((out, pulled));
        }
        assert!(world.count(Pulled::Concealed) <= 4);
        assert!(world.pulls[10..].iter().all(|(frame, _)| *frame == [0; FRAME]));
        world.pulls.clear();
        world.base = world.base.wrapping_add(50 * 160 + if stands { 0 } else { 500 * 160 });
        world.run(50, Network::default());
        assert!(world.count(Pulled::Audio) >= 46, "{stands}: {}", world.count(Pulled::Audio));
    }
}

#[test]
fn a_leap_of_the_timestamp_places_the_stream_anew() {
    let mut world = World::new(3, 0);
    world.run(50, Network::default());
    world.base = 0x8000_0000;
    let pushed = world.run(50, Network::default());
    assert_eq!(pushed[0], Pushed::Restarted);
    assert!(world.count(Pulled::Audio) > 90);
    let mut frame = [0; FRAME];
    for payload in [&[][..], &[0; 7], &[0; 5_000]] {
        assert_eq!(world.jitter.push(0x8000_0000, Law::Mu, payload), Pushed::Late);
    }
    world.jitter.pull(&mut frame);
}
