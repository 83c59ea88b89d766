//! What is to be said: a voice, a language, and text with the markup of `<Say>`.

use crate::{Break, Emphasis, Prosody};

/// What is to be said.
#[derive(Clone, Debug, PartialEq)]
pub struct Utterance {
    /// The voice as Twilio writes it: `man`, `Polly.Joanna`, `Google.de-DE-Standard-A`; empty is
    /// `man`.
    pub voice: String,
    /// BCP 47; empty is the voice's own, or American English.
    pub language: String,
    /// The text.
    pub nodes: Vec<Node>,
}

/// A part of the text: Twilio's SSML elements, in `<Say>` without `<speak>` around them.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Words.
    Text(String),
    /// Silence.
    Break(Break),
    /// More or less weight.
    Emphasis(Emphasis, Vec<Node>),
    /// Another language (BCP 47).
    Language(String, Vec<Node>),
    /// A paragraph: silence around it.
    Paragraph(Vec<Node>),
    /// A sentence: a little silence around it.
    Sentence(Vec<Node>),
    /// A pronunciation: `alphabet` and `ph` as they are written, and the text that they stand for,
    /// which is spoken where an engine can't follow them.
    Phoneme {
        /// `ipa` or `x-sampa`.
        alphabet: String,
        /// The phonemes.
        pronunciation: String,
        /// The text.
        text: String,
    },
    /// Rate, pitch and volume.
    Prosody(Prosody, Vec<Node>),
    /// Text of a kind.
    SayAs {
        /// `interpret-as`: `digits`, `date`, …
        interpret_as: String,
        /// `format`: `mdy`, …; empty without one.
        format: String,
        /// The text.
        text: String,
    },
    /// `sub`: what is said in place of the text.
    Substitute(String),
    /// `w`: a word with a role, which no engine here makes use of.
    Word(Vec<Node>),
}

impl Utterance {
    /// Characters in all text of an utterance at most. Twilio's own limits (4,096 and 3,000) are
    /// the caller's to keep.
    pub const CHARACTERS_MAX: usize = 5_000;

    /// How deep nodes may lie in each other.
    pub const DEPTH_MAX: usize = 32;

    /// Text without markup.
    pub fn plain(voice: &str, language: &str, text: &str) -> Self {
        let nodes = vec![Node::Text(text.to_owned())];
        Self { voice: voice.to_owned(), language: language.to_owned(), nodes }
    }

    /// Whether the voice is one of the first three, for which markup means nothing.
    pub fn ignores_markup(&self) -> bool {
        matches!(self.voice.as_str(), "" | "man" | "woman" | "alice")
    }
}
