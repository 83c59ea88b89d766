//! Tones: what a caller hears while it rings, is engaged or can't be had, by country (ITU-T
//! E.180 supplement 2, with E.182 for what they mean), the beep and the signal before a
//! recorded announcement.

mod countries;

use std::f32::consts::TAU;

use crate::RATE;
use crate::prompt::Prompt;

pub use countries::COUNTRIES;

/// A part of a cadence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Part {
    /// Frequencies in hertz that sound together; none for silence.
    pub hertz: &'static [f32],
    /// How long.
    pub ms: u32,
}

/// Loudness of call progress tones: each about -13 dBm0 together.
const LEVEL: f32 = 0.3;

/// One cycle of a country's ringback, to be looped; `None` for a country that is not in
/// [`COUNTRIES`].
pub fn ringback(country: &str) -> Option<Prompt> {
    countries::of(country).map(|country| render(country.ringback))
}

/// One cycle of a country's busy tone, to be looped.
pub fn busy(country: &str) -> Option<Prompt> {
    countries::of(country).map(|country| render(country.busy))
}

/// The beep before a recording: 1 kHz for 400 ms.
pub fn beep() -> Prompt {
    render(&[Part { hertz: &[1_000.0], ms: 400 }])
}

/// Somebody entered a conference: rising.
pub fn enter() -> Prompt {
    render(&[Part { hertz: &[620.0], ms: 120 }, Part { hertz: &[880.0], ms: 160 }])
}

/// Somebody left a conference: falling.
pub fn exit() -> Prompt {
    render(&[Part { hertz: &[880.0], ms: 120 }, Part { hertz: &[620.0], ms: 160 }])
}

/// The special information tone: three rising notes (ITU-T E.180 §5).
pub fn special_information() -> Prompt {
    let note = |hertz| Part { hertz, ms: 330 };
    let pause = Part { hertz: &[], ms: 1_000 };
    render(&[note(&[950.0]), note(&[1_400.0]), note(&[1_800.0]), pause])
}

fn render(parts: &[Part]) -> Prompt {
    let mut samples = Vec::new();
    for part in parts {
        let level = LEVEL / (part.hertz.len().max(1) as f32).sqrt();
        let voices: Vec<(f32, f32)> = part.hertz.iter().map(|hertz| (*hertz, level)).collect();
        mix(&voices, part.ms, &mut samples);
    }
    Prompt::from_samples(&samples)
}

/// Adds `ms` of sines (hertz, part of full scale) to the end of `samples`.
pub fn mix(voices: &[(f32, f32)], ms: u32, samples: &mut Vec<i16>) {
    let count = ms * RATE / 1_000;
    samples.extend((0..count).map(|at| {
        let sum: f32 = voices
            .iter()
            .map(|(hertz, level)| level * (TAU * (hertz * at as f32 / RATE as f32).fract()).sin())
            .sum();
        (sum.clamp(-1.0, 1.0) * 32_000.0) as i16
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::g711::Law;

    #[test]
    fn every_country_of_the_list_rings_and_is_busy() {
        for country in COUNTRIES {
            let ringback = ringback(country).expect("known");
            let busy = busy(country).expect("known");
            assert!((1_000..=7_000).contains(&ringback.duration_ms()), "{country}");
            assert!((300..=3_000).contains(&busy.duration_ms()), "{country}");
        }
        assert!(ringback("xx").is_none());
    }

    #[test]
    fn america_rings_two_seconds_of_six_at_440_and_480_hertz() {
        let prompt = ringback("us").expect("known");
        assert_eq!(prompt.duration_ms(), 6_000);
        let samples = prompt.samples();
        let power = |hertz| crate::dtmf::power(&samples[..8_000], hertz);
        assert!(power(440.0) > 100.0 * power(425.0) && power(480.0) > 100.0 * power(500.0));
        assert!(prompt.octets(Law::Mu)[16_000..].iter().all(|octet| *octet == 0xff));
    }
}
