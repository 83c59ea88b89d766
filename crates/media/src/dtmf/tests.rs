//! Digits as events and as tones, and what is none.

use base::Instant;
use machine::Random;

use super::*;
use crate::Frame;
use crate::rtp::Packet;

fn packet(timestamp: u32, marker: bool, payload: &[u8]) -> Packet<'_> {
    Packet { payload_type: 101, marker, sequence: 0, timestamp, ssrc: 1, payload }
}

fn feed(receiver: &mut Receiver, ms: i64, timestamp: u32, event: DigitEvent) -> Vec<Told> {
    let mut told = Vec::new();
    let payload = event.write();
    let at = Instant::from_micros(ms * 1_000);
    receiver.receive(at, &packet(timestamp, false, &payload), |what| told.push(what));
    told
}

fn event(code: u8, duration: u16, end: bool) -> DigitEvent {
    DigitEvent { code, end, volume: 10, duration }
}

#[test]
fn a_digit_of_many_packets_is_told_once() {
    let mut receiver = Receiver::default();
    assert_eq!(feed(&mut receiver, 0, 5, event(11, 160, false)), [Told::Began('#')]);
    assert_eq!(feed(&mut receiver, 20, 5, event(11, 320, false)), []);
    assert_eq!(feed(&mut receiver, 40, 5, event(11, 800, true)), [Told::Ended('#', 100)]);
    assert_eq!(feed(&mut receiver, 40, 5, event(11, 800, true)), []);
    assert_eq!(feed(&mut receiver, 40, 5, event(11, 800, true)), []);
    assert_eq!(feed(&mut receiver, 60, 5, event(11, 320, false)), [], "late");
    assert_eq!(feed(&mut receiver, 200, 1_605, event(11, 160, false)), [Told::Began('#')]);
}

#[test]
fn a_lost_beginning_or_end_still_makes_one_digit() {
    let mut receiver = Receiver::default();
    let told = feed(&mut receiver, 0, u32::MAX - 3, event(1, 480, true));
    assert_eq!(told, [Told::Began('1'), Told::Ended('1', 60)]);
    feed(&mut receiver, 200, 1_596, event(2, 160, false));
    let told = feed(&mut receiver, 400, 3_196, event(2, 160, false));
    assert_eq!(told, [Told::Ended('2', 20), Told::Began('2')], "the next digit ends it");
    let mut told = Vec::new();
    receiver.tick(Instant::from_micros(500_000), |what| told.push(what));
    assert!(told.is_empty());
    receiver.tick(Instant::from_micros(521_000), |what| told.push(what));
    assert_eq!(told, [Told::Ended('2', 20)]);
    assert_eq!(feed(&mut receiver, 530, 3_196, event(2, 320, true)), [], "an end after all");
}

#[test]
fn a_digit_longer_than_its_counter_is_one() {
    let mut receiver = Receiver::default();
    feed(&mut receiver, 0, 100, event(5, 160, false));
    feed(&mut receiver, 8_180, 100, event(5, u16::MAX, false));
    assert_eq!(feed(&mut receiver, 8_200, 100 + 65_535, event(5, 160, false)), []);
    let told = feed(&mut receiver, 8_220, 100 + 65_535, event(5, 320, true));
    assert_eq!(told, [Told::Ended('5', (65_535 + 320) / 8)]);
}

fn detect(samples: &[i16]) -> Vec<Told> {
    let mut detector = Detector::default();
    let mut told = Vec::new();
    for frame in samples.chunks_exact(FRAME_LEN) {
        let frame: &Frame = frame.try_into().expect("whole");
        detector.frame(frame, |what| told.push(what));
    }
    told
}

const FRAME_LEN: usize = crate::FRAME;

#[test]
fn each_digit_is_heard_in_the_audio_through_noise() {
    let mut random = Random::from_seed(3);
    for code in 0..16 {
        let mut samples = vec![0i16; 77];
        samples.extend(tone(code).samples());
        samples.resize(2_000, 0);
        for sample in &mut samples {
            *sample = sample.saturating_add(random.below(800) as i16 - 400);
        }
        let told = detect(&samples);
        let wanted = digit(code).expect("a digit");
        assert_eq!(told.first(), Some(&Told::Began(wanted)), "{told:?}");
        assert!(matches!(told[1..], [Told::Ended(same, 60..=120)] if same == wanted), "{told:?}");
    }
}

#[test]
fn noise_single_tones_and_sung_vowels_are_no_digits() {
    let mut random = Random::from_seed(4);
    let noise: Vec<i16> = (0..80_000).map(|_| random.below(30_000) as i16 - 15_000).collect();
    assert_eq!(detect(&noise), []);
    let mut single = Vec::new();
    tones::mix(&[(941.0, 0.5)], 2_000, &mut single);
    assert_eq!(detect(&single), []);
    for pitch in 80..320u16 {
        let harmonics: Vec<(f32, f32)> =
            (1..12).map(|n| (f32::from(pitch * n), 0.3 / f32::from(n))).collect();
        let mut vowel = Vec::new();
        tones::mix(&harmonics, 400, &mut vowel);
        assert_eq!(detect(&vowel), [], "a vowel of {pitch} Hz");
    }
}
