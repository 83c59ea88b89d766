//! `<Say>`: text to speech.

use roxmltree::Node;

use crate::voice::LOOPS_MAX;
use crate::voice::attributes::Attributes;
use crate::voice::reader::Reader;
use crate::voice::ssml::{self, Speech, plain};

/// Characters of a text at most.
const TEXT_MAX: usize = 4_096;

/// The same, for the voices of Amazon Polly.
const POLLY_TEXT_MAX: usize = 3_000;

/// Something to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Say {
    /// What.
    pub speech: Vec<Speech>,
    /// `man`, `woman`, `alice`, `Polly.…`, `Google.…`; by default the account's.
    pub voice: Option<String>,
    /// BCP 47; by default the voice's own.
    pub language: Option<String>,
    /// How often: 1 to 1,000.
    pub loops: u32,
}

/// Reads the verb; `None` when there is nothing that can be said.
pub(crate) fn parse(node: Node<'_, '_>, reader: &mut Reader) -> Option<Say> {
    let mut attributes = Attributes::of(node, reader);
    let voice = voice(&mut attributes);
    let language = attributes.language("language", 13512);
    let loops = loops(&mut attributes, 13510);
    drop(attributes);
    let mut speech = ssml::children(node, reader);
    ssml::trim(&mut speech);
    checked(Say { speech, voice, language, loops }, reader)
}

/// Plain text that is said once.
pub(crate) fn of_text(text: &str, reader: &mut Reader) -> Option<Say> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let speech = vec![Speech::Text(words.join(" "))];
    checked(Say { speech, voice: None, language: None, loops: 1 }, reader)
}

fn checked(say: Say, reader: &mut Reader) -> Option<Say> {
    let length = plain(&say.speech).chars().count();
    let is_polly = say.voice.as_deref().is_some_and(|voice| voice.starts_with("Polly."));
    let max = if is_polly { POLLY_TEXT_MAX } else { TEXT_MAX };
    if length > max {
        let text = format!("<Say> has {length} characters, more than {max}; it is passed over");
        reader.warn(13521, text);
        return None;
    }
    let silent = |piece: &Speech| !matches!(piece, Speech::Break { .. });
    if length == 0 && say.speech.iter().all(silent) {
        reader.warn(13520, "<Say> has no text; it is passed over");
        return None;
    }
    Some(say)
}

/// `loop`: 0 is as often as may be.
pub(crate) fn loops(attributes: &mut Attributes<'_, '_>, code: u32) -> u32 {
    match attributes.number("loop", 0..=u32::MAX, code) {
        Some(0) => LOOPS_MAX,
        Some(loops) => loops.min(LOOPS_MAX),
        None => 1,
    }
}

fn voice(attributes: &mut Attributes<'_, '_>) -> Option<String> {
    let voice = attributes.text("voice")?;
    let known = ["man", "woman", "alice"].contains(&voice.as_str())
        || ["Polly.", "Google.", "ElevenLabs."]
            .iter()
            .any(|maker| voice.strip_prefix(maker).is_some_and(|name| !name.is_empty()));
    if !known {
        attributes.bad("voice", &voice, 13511, "man, woman, alice, Polly.… or Google.…");
        return None;
    }
    Some(voice)
}
