//! Files of all kinds, good ones and broken ones.

use super::*;
use crate::dtmf::power;
use crate::recording::Channels;
use crate::{fuzz, tones, wav};

/// A WAV file of any kind: format code, channels, rate, bits, and its data.
fn file(format: u16, channels: u16, rate: u32, bits: u16, data: &[u8]) -> Vec<u8> {
    let width = channels * bits / 8;
    let mut out = b"RIFF".to_vec();
    out.extend((36 + data.len() as u32).to_le_bytes());
    out.extend(b"WAVEfmt ");
    out.extend(16u32.to_le_bytes());
    out.extend(format.to_le_bytes());
    out.extend(channels.to_le_bytes());
    out.extend(rate.to_le_bytes());
    out.extend((rate * u32::from(width)).to_le_bytes());
    out.extend(width.to_le_bytes());
    out.extend(bits.to_le_bytes());
    out.extend(b"data");
    out.extend((data.len() as u32).to_le_bytes());
    out.extend(data);
    out
}

fn sine(rate: u32) -> Vec<f32> {
    let turn = std::f64::consts::TAU * 440.0 / f64::from(rate);
    (0..rate).map(|at| ((turn * f64::from(at)).sin() * 0.5) as f32).collect()
}

fn check(name: &str, file: &[u8]) {
    let prompt = decode(file, None, Limits::default()).expect(name);
    assert!((990..=1_010).contains(&prompt.duration_ms()), "{name}: {}", prompt.duration_ms());
    let samples = &prompt.samples()[800..4_000];
    let wanted = (3_200.0f32 * 16_384.0 / 2.0).powi(2);
    let found = power(samples, 440.0);
    assert!((0.8..1.2).contains(&(found / wanted)), "{name}: {}", found / wanted);
}

#[test]
fn wav_files_of_all_widths_laws_and_rates_sound_the_same() {
    for rate in [8_000u32, 16_000, 44_100, 48_000] {
        let sine = sine(rate);
        let scaled = |by: f32| sine.iter().map(move |s| (s * by) as i32).collect::<Vec<i32>>();
        let eight: Vec<u8> = scaled(127.0).iter().map(|s| (s + 128) as u8).collect();
        check("8 bits", &file(1, 1, rate, 8, &eight));
        let sixteen: Vec<u8> =
            scaled(32_767.0).iter().flat_map(|s| (*s as i16).to_le_bytes()).collect();
        check("16 bits", &file(1, 1, rate, 16, &sixteen));
        let twenty_four: Vec<u8> =
            scaled(8_388_607.0).iter().flat_map(|s| s.to_le_bytes()[..3].to_vec()).collect();
        check("24 bits", &file(1, 1, rate, 24, &twenty_four));
        let thirty_two: Vec<u8> =
            scaled(2_147_483_000.0).iter().flat_map(|s| s.to_le_bytes()).collect();
        check("32 bits", &file(1, 1, rate, 32, &thirty_two));
        let stereo: Vec<u8> = sixteen.chunks(2).flat_map(|s| [s[0], s[1], s[0], s[1]]).collect();
        check("stereo", &file(1, 2, rate, 16, &stereo));
        for (format, law) in [(7, Law::Mu), (6, Law::A)] {
            let octets: Vec<u8> = scaled(32_767.0).iter().map(|s| law.encode(*s as i16)).collect();
            check("law", &file(format, 1, rate, 8, &octets));
        }
    }
}

#[test]
fn our_own_recordings_can_be_played() {
    let mut samples = Vec::new();
    tones::mix(&[(440.0, 0.512)], 1_000, &mut samples);
    check("own", &wav::file(Channels::Mono, &samples));
    let mut growing = wav::header(Channels::Mono, None).to_vec();
    growing.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    check("own, growing", &growing);
}

#[test]
fn limits_hold_and_strange_files_are_refused() {
    let long = file(1, 1, 8_000, 8, &vec![128; 8_000 * 11]);
    let limits = Limits { octets_max: 1 << 20, seconds_max: 10 };
    assert_eq!(decode(&long, None, limits).unwrap_err(), DecodeError::TooLong(10));
    let large = decode(&long, None, Limits { octets_max: 100, ..limits });
    assert_eq!(large.unwrap_err(), DecodeError::TooLarge(100));
    let html = decode(b"<html>not found</html>", None, limits);
    assert!(matches!(html, Err(DecodeError::Unknown(_))));
    assert!(matches!(decode(b"", None, limits), Err(DecodeError::Unknown(_))));
    let raw = decode(&[0xff; 80], Some("audio/basic"), limits).expect("raw");
    assert_eq!(raw.len(), 80);
}

#[test]
fn mutated_files_are_decoded_or_refused() {
    let seeds = [
        file(1, 1, 8_000, 16, &[7; 800]),
        file(7, 2, 44_100, 8, &[7; 800]),
        b"OggS\0\x02\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x01\x1e\x01vorbis".to_vec(),
        [0xff, 0xfb, 0x90, 0x44].repeat(200),
        b"FORM\0\0\0\x40AIFFCOMM\0\0\0\x12\0\x01\0\0\0\x08\0\x10\x40\x0b\xfa\0\0\0\0\0\0\0SSND"
            .to_vec(),
    ];
    let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
    machine::fuzz::mutations(&seeds, 2_000, fuzz::audio);
}
