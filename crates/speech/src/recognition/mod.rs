//! Speech to text. What is heard comes in pieces; a hypothesis is there at any time, the answer at
//! the end.
//!
//! The engine in the binary, [`PocketSphinx`], hears English phrases out of a list (the hints of
//! `<Gather>`). Open dictation it refuses: it would guess, and nearly always wrong. Dictation, and
//! other languages, take an engine elsewhere ([`crate::http`]).

mod dictionary;
mod hints;
mod letters;
mod pocketsphinx;

use thiserror::Error;

pub use pocketsphinx::{PocketSphinx, Settings};

pub(crate) use dictionary::Dictionary;
pub(crate) use hints::Hints;

/// What is listened for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listening {
    /// BCP 47; empty is American English.
    pub language: String,
    /// Phrases, which may hold Google's classes: `$OOV_CLASS_DIGIT_SEQUENCE`, `$MONTH`, ….
    pub hints: Vec<String>,
    /// Samples a second.
    pub rate_hz: u32,
}

/// What was heard.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recognized {
    /// The words as the hints write them; empty when nothing was understood.
    pub text: String,
    /// 0 (a guess) to 1 (sure).
    pub confidence: f32,
}

/// Makes sessions.
pub trait Recognizer: Send + Sync {
    /// Begins to listen. May block for some ten milliseconds.
    ///
    /// # Errors
    /// What this engine can't hear, or can't hear now.
    fn start(&self, listening: &Listening) -> Result<Box<dyn Session>, RecognitionError>;
}

/// One utterance of one caller. All calls may block; give them a thread.
pub trait Session: Send {
    /// Hears more: mono, at the rate of [`Listening`].
    fn push(&mut self, samples: &[i16]);

    /// What it seems to be so far.
    fn partial(&mut self) -> Option<String>;

    /// Hints that can't be heard, as they were given: too many, too long, or of an unknown class.
    fn ignored(&self) -> &[String];

    /// What it was.
    fn finish(self: Box<Self>) -> Recognized;
}

/// Why nobody listens.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RecognitionError {
    /// The engine is not in this binary, or its model is not on this machine; where it was sought.
    #[error("speech recognition is not here: {0}")]
    Absent(String),
    /// Not a language that the engine hears.
    #[error("no recogniser here hears {0:?}")]
    Language(String),
    /// Open dictation, or hints of which none can be heard.
    #[error("this recogniser hears phrases that it is given as hints, and there are none")]
    NoHints,
    /// A rate that the engine does not take.
    #[error("this recogniser takes 8,000 or 16,000 samples a second, not {0}")]
    Rate(u32),
    /// As many sessions as are allowed.
    #[error("too many callers are listened to at once")]
    Busy,
    /// The engine failed; what it said.
    #[error("the recogniser failed: {0}")]
    Engine(String),
}

impl RecognitionError {
    /// Twilio's code: 13331 language, 13330 hints, 13340 for what is not the document's fault.
    pub fn code(&self) -> u32 {
        match self {
            Self::Language(_) => 13331,
            Self::NoHints => 13330,
            Self::Absent(_) | Self::Rate(_) | Self::Busy | Self::Engine(_) => 13340,
        }
    }
}
