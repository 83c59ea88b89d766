//! Tones that calls hear, made once.

use std::collections::BTreeMap;
use std::sync::Arc;

use media::{Prompt, tones};

/// Made when they are first asked for.
#[derive(Default)]
pub(super) struct Tones {
    ringing: BTreeMap<String, Arc<Prompt>>,
    beep: Option<Arc<Prompt>>,
    hold: Option<Arc<Prompt>>,
    enter: Option<Arc<Prompt>>,
    exit: Option<Arc<Prompt>>,
}

impl Tones {
    /// The ringing of a country; that of the United States where it is not known.
    pub(super) fn ringback(&mut self, country: &str) -> Arc<Prompt> {
        let make = || {
            let tone = tones::ringback(country).or_else(|| tones::ringback("us"));
            Arc::new(tone.unwrap_or_else(tones::beep))
        };
        Arc::clone(self.ringing.entry(country.to_owned()).or_insert_with(make))
    }

    /// What goes before a recording.
    pub(super) fn beep(&mut self) -> Arc<Prompt> {
        Arc::clone(self.beep.get_or_insert_with(|| Arc::new(tones::beep())))
    }

    /// What those hear who wait and were given nothing else.
    pub(super) fn hold(&mut self) -> Arc<Prompt> {
        Arc::clone(self.hold.get_or_insert_with(|| Arc::new(hold())))
    }

    /// Somebody comes into a conference.
    pub(super) fn enter(&mut self) -> Arc<Prompt> {
        Arc::clone(self.enter.get_or_insert_with(|| Arc::new(tones::enter())))
    }

    /// Somebody leaves a conference.
    pub(super) fn exit(&mut self) -> Arc<Prompt> {
        Arc::clone(self.exit.get_or_insert_with(|| Arc::new(tones::exit())))
    }
}

/// Loudness of a note of the hold music: quiet, for it is heard for long.
const SOFT: f32 = 0.12;

/// Samples over which a note comes and goes: 60 ms.
const FADE: usize = 480;

/// Slow broken chords that end where they begin, and a rest: 9 s, to be looped.
fn hold() -> Prompt {
    const CHORDS: [[f32; 3]; 3] =
        [[261.63, 329.63, 392.0], [220.0, 261.63, 329.63], [196.0, 246.94, 392.0]];
    let mut samples = Vec::new();
    for chord in CHORDS {
        for note in [chord[0], chord[1], chord[2], chord[1]] {
            let mut sound = Vec::new();
            tones::mix(&[(note, SOFT), (note * 2.0, SOFT / 4.0)], 600, &mut sound);
            fade(&mut sound);
            samples.append(&mut sound);
        }
    }
    tones::mix(&[], 1_800, &mut samples);
    Prompt::from_samples(&samples)
}

fn fade(sound: &mut [i16]) {
    let last = sound.len().saturating_sub(1);
    for (at, sample) in sound.iter_mut().enumerate() {
        let part = at.min(last - at).min(FADE) as f32 / FADE as f32;
        *sample = (f32::from(*sample) * part) as i16;
    }
}
