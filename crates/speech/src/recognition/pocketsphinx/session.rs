//! One caller's utterance.

use std::ffi::CString;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::ffi::Decoder;
use crate::recognition::{Hints, RecognitionError, Recognized, Session};
use crate::resample;

/// The model's rate.
const MODEL_HZ: u32 = 16_000;

/// Seconds that are heard at most; what comes later is not.
const SECONDS_MAX: usize = 120;

/// Samples that the resampler looks at on either side of a place.
const MARGIN: usize = 64;

/// The model's sounds, without silence.
const SOUNDS: [&str; 39] = [
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH",
    "IH", "IY", "JH", "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH",
    "UW", "V", "W", "Y", "Z", "ZH",
];

/// A place among the sessions, free again when it is dropped.
pub(super) struct Place(Arc<AtomicUsize>);

impl Place {
    pub(super) fn take(
        sessions: &Arc<AtomicUsize>,
        sessions_max: usize,
    ) -> Result<Self, RecognitionError> {
        let more = |count| (count < sessions_max).then_some(count + 1);
        let taken = sessions.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.map(|_| Self(Arc::clone(sessions))).map_err(|_| RecognitionError::Busy)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A session.
pub(super) struct Listener {
    decoder: Decoder,
    hints: Hints,
    rate_hz: u32,
    samples: Vec<i16>,
    /// Samples that the decoder has followed.
    followed: usize,
    _place: Place,
}

impl Listener {
    pub(super) fn open(
        model: &Path,
        hints: Hints,
        rate_hz: u32,
        place: Place,
    ) -> Result<Self, RecognitionError> {
        let failed = |what: &str| RecognitionError::Engine(what.to_owned());
        let model = model.to_str().ok_or_else(|| failed("the model's path is not text"))?;
        // A lower chance for each word keeps rows of digits from growing.
        let decoder = Decoder::open(&["-hmm", model, "-wip", "0.01"]);
        let mut decoder = decoder.ok_or_else(|| failed("the model can't be opened"))?;
        for (name, phones) in hints.entries() {
            let (Ok(name), Ok(phones)) = (CString::new(name), CString::new(phones)) else {
                return Err(failed("a word with NUL"));
            };
            if !decoder.add_word(&name, &phones) {
                return Err(failed("a word can't be added: does the dictionary fit the model?"));
            }
        }
        let grammar = CString::new(hints.grammar()).map_err(|_| failed("a grammar with NUL"))?;
        if !decoder.set_grammar(&grammar) || !decoder.start() {
            return Err(failed("the grammar can't be followed"));
        }
        let samples = Vec::with_capacity(rate_hz as usize * 5);
        Ok(Self { decoder, hints, rate_hz, samples, followed: 0, _place: place })
    }

    /// Lets the decoder follow what has come, but for the margin that the resampler needs.
    fn follow(&mut self) {
        let end = self.samples.len().saturating_sub(MARGIN);
        if end <= self.followed {
            return;
        }
        let begin = self.followed.saturating_sub(MARGIN);
        let window = resample(&self.samples[begin..], self.rate_hz, MODEL_HZ);
        let factor = (MODEL_HZ / self.rate_hz) as usize;
        let fresh = (self.followed - begin) * factor..(end - begin) * factor;
        self.decoder.push(&window[fresh], false);
        self.followed = end;
    }

    /// Hears everything at once by a grammar. The words, their acoustic score, and the frames that
    /// are not silence.
    fn hear(&mut self, grammar: &str, samples: &[i16]) -> Option<(String, i64, i64)> {
        let grammar = CString::new(grammar).ok()?;
        if !self.decoder.set_grammar(&grammar) || !self.decoder.start() {
            return None;
        }
        self.decoder.push(samples, true);
        self.decoder.finish();
        let words = self.decoder.hypothesis()?;
        let segments = self.decoder.segments();
        let score = segments.iter().map(|segment| i64::from(segment.acoustic)).sum();
        let spoken = segments.iter().filter(|segment| !segment.word.starts_with('<'));
        let frames = spoken.map(|segment| i64::from(segment.last - segment.first + 1)).sum();
        Some((words, score, frames))
    }

    fn answer(&mut self) -> Option<Recognized> {
        let samples = resample(&self.samples, self.rate_hz, MODEL_HZ);
        let (words, score, frames) = self.hear(&self.hints.grammar(), &samples)?;
        for (number, sound) in SOUNDS.iter().enumerate() {
            let (name, sound) = (CString::new(format!("p{number}")), CString::new(*sound));
            self.decoder.add_word(&name.ok()?, &sound.ok()?);
        }
        let (_, sounds_score, _) = self.hear(&sounds_grammar(), &samples)?;
        let gain = (score - sounds_score) as f32 / frames.max(1) as f32;
        let confidence = confidence(gain);
        if confidence < LEAST_CONFIDENCE {
            return None;
        }
        Some(Recognized { text: self.hints.written(&words), confidence })
    }
}

/// Less than this is no understanding.
const LEAST_CONFIDENCE: f32 = 0.1;

/// From the gain a frame of a phrase over mere sounds. Measured at 8 kHz over µ-law: phrases that
/// were in the list gain 0 to 28 and mostly above 10, what was not in it -35 to -4.
fn confidence(gain: f32) -> f32 {
    1.0 / (1.0 + (-(gain + 2.0) / 6.0).exp())
}

/// Any row of sounds.
fn sounds_grammar() -> String {
    let names: Vec<String> = (0..SOUNDS.len()).map(|number| format!("p{number}")).collect();
    let names = names.join(" | ");
    format!("#JSGF V1.0;\ngrammar sounds;\npublic <row> = <sound>+;\n<sound> = {names};\n")
}

impl Session for Listener {
    fn push(&mut self, samples: &[i16]) {
        let room = (SECONDS_MAX * self.rate_hz as usize).saturating_sub(self.samples.len());
        self.samples.extend_from_slice(&samples[..samples.len().min(room)]);
        self.follow();
    }

    fn partial(&mut self) -> Option<String> {
        let words = self.decoder.hypothesis()?;
        Some(self.hints.written(&words)).filter(|text| !text.is_empty())
    }

    fn ignored(&self) -> &[String] {
        &self.hints.ignored
    }

    fn finish(mut self: Box<Self>) -> Recognized {
        self.decoder.finish();
        self.answer().unwrap_or_default()
    }
}
