//! One caller's utterance.

use std::ffi::CString;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use media::resample::resample;

use super::ffi::Decoder;
use crate::recognition::{Hints, RecognitionError, Recognized, Session};

/// The model's rate.
const MODEL_HZ: u32 = 16_000;

/// Seconds that are heard at most; what comes later is not.
const SECONDS_MAX: usize = 120;

/// Samples that the resampler looks at on either side of a place.
const MARGIN: usize = 64;

/// The beam for mere sounds. The usual 1e-48 takes nearly twice as long and tells no better; 1e-10
/// begins to doubt what was heard well.
const SOUNDS_BEAM: f64 = 1e-15;

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
        let decoder = Decoder::open(&["-hmm", model]);
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

    /// Hears everything at once by a grammar. Nothing when nothing fits.
    fn hear(&mut self, grammar: &str, samples: &[i16]) -> Option<Heard> {
        let grammar = CString::new(grammar).ok()?;
        if !self.decoder.set_grammar(&grammar) || !self.decoder.start() {
            return None;
        }
        self.decoder.push(samples, true);
        self.decoder.finish();
        let words = self.decoder.hypothesis()?;
        let mut heard = Heard { words, score: 0.0, frames: 0, spoken: 0 };
        for segment in self.decoder.segments() {
            let frames = segment.last - segment.first + 1;
            heard.score += f64::from(segment.acoustic);
            heard.frames += frames;
            heard.spoken += if segment.word.starts_with('<') { 0 } else { frames };
        }
        Some(heard)
    }

    fn answer(&mut self) -> Option<Recognized> {
        let samples = resample(&self.samples, self.rate_hz, MODEL_HZ);
        let phrase = self.hear(&self.hints.grammar(), &samples)?;
        for (number, sound) in SOUNDS.iter().enumerate() {
            let (name, sound) = (CString::new(format!("p{number}")), CString::new(*sound));
            self.decoder.add_word(&name.ok()?, &sound.ok()?);
        }
        self.decoder.set_beam(SOUNDS_BEAM);
        let sounds = self.hear(&sounds_grammar(), &samples)?;
        let confidence = confidence(phrase.gain_over(&sounds));
        if confidence < LEAST_CONFIDENCE {
            return None;
        }
        Some(Recognized { text: self.hints.written(&phrase.words), confidence })
    }
}

/// What was heard by one grammar.
struct Heard {
    words: String,
    /// Acoustic score: the logarithm of a likelihood.
    score: f64,
    /// Frames that the score is over, and those of them that are not silence.
    frames: i32,
    spoken: i32,
}

impl Heard {
    /// How much better this explains a spoken frame. Either may have lost the thread before the
    /// end, so they are compared by frame.
    fn gain_over(&self, other: &Self) -> f32 {
        let each = |heard: &Self| heard.score / f64::from(heard.frames.max(1));
        let spoken = f64::from(self.spoken.max(1)) / f64::from(self.frames.max(1));
        ((each(self) - each(other)) / spoken) as f32
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
