//! The engines of this machine as one, with the choice between them.

use std::path::PathBuf;

use media::resample::resample;

use crate::espeak::Espeak;
use crate::pico::Pico;
use crate::plan::{Piece, Run, plan};
use crate::voice::{Gender, tag, wanted};
use crate::{SpeakError, Speech, Synthesizer, Utterance, flite, program};

/// Where programs are, and what comes out.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Samples a second of what is made. Telephones take 8,000.
    pub rate_hz: u32,
    /// `pico2wave`; without it those languages are spoken by `espeak-ng`.
    pub pico2wave: Option<PathBuf>,
    /// `espeak-ng`.
    pub espeak_ng: Option<PathBuf>,
}

impl Settings {
    /// What `PATH` has, at 8 kHz.
    pub fn detect() -> Self {
        Self {
            rate_hz: 8_000,
            pico2wave: program::find("pico2wave"),
            espeak_ng: program::find("espeak-ng"),
        }
    }
}

/// Speaks with what this machine has.
#[derive(Debug)]
pub struct Offline {
    rate_hz: u32,
    pico: Option<Pico>,
    espeak: Option<Espeak>,
    identity: String,
}

/// Who speaks a run.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Engine {
    Flite,
    Pico(&'static str),
    Espeak(String),
}

/// What an utterance may last, in seconds. All text that is taken lasts a few minutes; breaks and
/// slow prosody may add to it.
const SECONDS_MAX: u64 = 1_800;

impl Offline {
    /// Looks at what there is: `espeak-ng` is asked for its languages, so this blocks for a moment.
    pub fn new(settings: &Settings) -> Self {
        let pico = settings.pico2wave.as_deref().map(Pico::open);
        let espeak = settings.espeak_ng.as_deref().and_then(Espeak::open);
        let marks =
            [(flite::PRESENT, "flite"), (pico.is_some(), "pico"), (espeak.is_some(), "espeak")];
        let names = marks.iter().filter(|mark| mark.0).map(|mark| mark.1);
        let names = names.collect::<Vec<_>>().join("+");
        let rate_hz = settings.rate_hz.clamp(8_000, 48_000);
        Self { rate_hz, pico, espeak, identity: format!("offline:1:{names}:{rate_hz}") }
    }

    /// Whether an utterance of this voice and language would be spoken.
    ///
    /// # Errors
    /// A voice that nobody has, or a language that no engine here speaks.
    pub fn check(&self, voice: &str, language: &str) -> Result<(), SpeakError> {
        let wanted = wanted(voice, language)?;
        self.engine(&wanted.language, wanted.gender).map(drop)
    }

    /// The table of `voice`'s documentation.
    fn engine(&self, language: &str, gender: Gender) -> Result<Engine, SpeakError> {
        let english = language == "en" || language.starts_with("en-");
        let british = language == "en-GB" && gender == Gender::Woman && self.pico.is_some();
        if english && flite::PRESENT && !british {
            return Ok(Engine::Flite);
        }
        if let Some(name) = Pico::language(language).filter(|_| self.pico.is_some()) {
            return Ok(Engine::Pico(name));
        }
        let espeak = self.espeak.as_ref().and_then(|espeak| espeak.language(language));
        let name = espeak.ok_or_else(|| SpeakError::Language(language.to_owned()))?;
        Ok(Engine::Espeak(name.to_owned()))
    }

    fn run(&self, run: &Run, gender: Gender) -> Result<Vec<i16>, SpeakError> {
        let language =
            tag(&run.language).ok_or_else(|| SpeakError::Language(run.language.clone()))?;
        let speech = match self.engine(&language, gender)? {
            Engine::Flite => flite::speak(run, gender).unwrap_or_default(),
            Engine::Pico(name) => match &self.pico {
                Some(pico) => pico.speak(run, name, gender)?,
                None => Speech::default(),
            },
            Engine::Espeak(name) => match &self.espeak {
                Some(espeak) => espeak.speak(run, &name, gender)?,
                None => Speech::default(),
            },
        };
        let mut samples = resample(&speech.samples, speech.rate_hz, self.rate_hz);
        let gain = run.prosody.gain();
        if gain != 1.0 {
            // Casts of floats to integers saturate.
            samples.iter_mut().for_each(|sample| *sample = (f32::from(*sample) * gain) as i16);
        }
        Ok(samples)
    }

    fn count(&self, ms: u32) -> usize {
        (u64::from(ms) * u64::from(self.rate_hz) / 1_000) as usize
    }

    /// The tone over what is not to be heard: 1 kHz, at about -14 dBFS, with soft ends.
    fn beep(&self, ms: u32) -> impl Iterator<Item = i16> {
        let count = self.count(ms);
        let edge = self.count(5).max(1);
        let step = std::f32::consts::TAU * 1_000.0 / self.rate_hz as f32;
        (0..count).map(move |index| {
            let near = index.min(count - index).min(edge) as f32 / edge as f32;
            ((index as f32 * step).sin() * 6_500.0 * near) as i16
        })
    }
}

impl Synthesizer for Offline {
    fn speak(&self, utterance: &Utterance) -> Result<Speech, SpeakError> {
        let wanted = wanted(&utterance.voice, &utterance.language)?;
        let pieces = plan(utterance, &wanted.language)?;
        let mut samples = Vec::new();
        for piece in &pieces {
            match piece {
                Piece::Speak(run) => samples.extend(self.run(run, wanted.gender)?),
                Piece::Silence(ms) => samples.resize(samples.len() + self.count(*ms), 0),
                Piece::Beep(ms) => samples.extend(self.beep(*ms)),
            }
            if samples.len() as u64 > SECONDS_MAX * u64::from(self.rate_hz) {
                return Err(SpeakError::Engine("more than half an hour of speech".to_owned()));
            }
        }
        // A voice may know none of the letters: Hebrew, in English.
        if samples.is_empty() {
            return Err(SpeakError::Empty);
        }
        Ok(Speech { samples, rate_hz: self.rate_hz })
    }

    fn identity(&self) -> &str {
        &self.identity
    }
}
