//! Text to speech and speech recognition, each behind a small trait, with engines that work
//! offline.
//!
//! An [`Utterance`] (a voice as Twilio writes it, a language, text with SSML) becomes samples by a
//! [`Synthesizer`]; both calls block and belong on a thread of their own. [`Offline`] is the one
//! that needs nothing but this machine: flite in the binary for English, `pico2wave` and
//! `espeak-ng` where they are installed for what else people speak. [`http`] makes the requests and
//! reads the answers of engines elsewhere, [`socket`] does it for those that hear while somebody
//! speaks; sending is the caller's.
//!
//! A [`Recognizer`] hears 8 kHz audio as it comes; [`recognition::PocketSphinx`] knows the phrases
//! that it is given as hints, and nothing else.
//!
//! [`mp3`] makes MP3 of what was recorded, by a program.

mod cache;
mod espeak;
mod flite;
pub mod fuzz;
pub mod http;
pub mod mp3;
mod offline;
#[cfg(any(test, flite))]
mod phonemes;
mod pico;
mod plan;
mod program;
mod prosody;
pub mod recognition;
mod say_as;
pub mod socket;
mod ssml;
mod text;
pub mod voice;
mod wav;

use thiserror::Error;

pub use cache::cache_key;
pub use offline::{Offline, Settings};
pub use prosody::{Break, Emphasis, Prosody};
pub use recognition::{Listening, Recognized, Recognizer};
pub use ssml::{Node, Utterance};
pub use wav::{WavError, read_wav, write_wav};

/// Mono audio.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Speech {
    /// Linear samples of 16 bits.
    pub samples: Vec<i16>,
    /// Samples a second.
    pub rate_hz: u32,
}

impl Speech {
    /// How long it is, in milliseconds.
    pub fn duration_ms(&self) -> u64 {
        self.samples.len() as u64 * 1_000 / u64::from(self.rate_hz.max(1))
    }
}

/// Speaks. The call blocks while it works: give it a thread.
pub trait Synthesizer: Send + Sync {
    /// The utterance as audio.
    ///
    /// # Errors
    /// What can't be spoken here, with Twilio's code where there is one.
    fn speak(&self, utterance: &Utterance) -> Result<Speech, SpeakError>;

    /// What tells this engine and its settings from others in a [`cache_key`].
    fn identity(&self) -> &str;
}

/// Why an utterance is not spoken.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SpeakError {
    /// Nobody here is called so.
    #[error("there is no voice {0:?}")]
    Voice(String),
    /// Not a language, or none that an engine here speaks.
    #[error("no engine here speaks {0:?}")]
    Language(String),
    /// Not a rate of SSML's `prosody`.
    #[error("{0:?} is not a rate of prosody")]
    Rate(String),
    /// Nothing that can be said.
    #[error("the text holds nothing that can be spoken")]
    Empty,
    /// More than [`Utterance::CHARACTERS_MAX`].
    #[error("the text has {0} characters, more than are spoken")]
    TooLong(usize),
    /// An engine failed; what it said.
    #[error("the engine failed: {0}")]
    Engine(String),
}

impl SpeakError {
    /// Twilio's code: 13511 voice, 13512 language, 13513 rate, 13520 empty, 13521 too long.
    pub fn code(&self) -> Option<u32> {
        match self {
            Self::Voice(_) => Some(13511),
            Self::Language(_) => Some(13512),
            Self::Rate(_) => Some(13513),
            Self::Empty => Some(13520),
            Self::TooLong(_) => Some(13521),
            Self::Engine(_) => None,
        }
    }
}
