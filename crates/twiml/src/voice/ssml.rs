//! SSML inside `Say`: a small tree that a speech engine takes.

use roxmltree::Node;

use crate::voice::attributes::Attributes;
use crate::voice::reader::{Reader, text_of};

/// A piece of what is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Speech {
    /// Words.
    Text(String),
    /// A pause.
    Break {
        /// Its length by feeling; medium when nothing is said.
        strength: BreakStrength,
        /// Its length in milliseconds (0 to 10,000); goes before the strength.
        time_ms: Option<u32>,
    },
    /// Stressed, more or less.
    Emphasis(EmphasisLevel, Vec<Speech>),
    /// In another language (BCP 47).
    Lang(String, Vec<Speech>),
    /// A paragraph.
    Paragraph(Vec<Speech>),
    /// A sentence.
    Sentence(Vec<Speech>),
    /// Pronounced as given.
    Phoneme {
        /// `ipa`, `x-sampa`, or one of a vendor.
        alphabet: String,
        /// The sounds in that alphabet.
        ph: String,
        /// How it is written.
        text: String,
    },
    /// Louder, faster, higher.
    Prosody(Prosody, Vec<Speech>),
    /// A number, a date, letters: `interpret-as`, `format`, and what is written.
    SayAs(String, Option<String>, String),
    /// An abbreviation: what is said, and what is written.
    Sub(String, String),
    /// One word in a role (a part of speech).
    Word(Option<String>, Vec<Speech>),
}

/// The strength of a break.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BreakStrength {
    /// No break at all.
    None,
    /// Hardly any.
    ExtraWeak,
    /// A short one.
    Weak,
    /// As after a comma.
    #[default]
    Medium,
    /// As after a sentence.
    Strong,
    /// As after a paragraph.
    ExtraStrong,
}

/// How much something is stressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmphasisLevel {
    /// Much.
    Strong,
    /// Some.
    #[default]
    Moderate,
    /// Less than the rest.
    Reduced,
}

/// How something is said: words (`loud`, `x-slow`) or amounts (`+6dB`, `85%`), as given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prosody {
    /// The volume.
    pub volume: Option<String>,
    /// The speed.
    pub rate: Option<String>,
    /// The pitch.
    pub pitch: Option<String>,
}

const BREAKS: [(&str, BreakStrength); 6] = [
    ("none", BreakStrength::None),
    ("x-weak", BreakStrength::ExtraWeak),
    ("weak", BreakStrength::Weak),
    ("medium", BreakStrength::Medium),
    ("strong", BreakStrength::Strong),
    ("x-strong", BreakStrength::ExtraStrong),
];

const LEVELS: [(&str, EmphasisLevel); 3] = [
    ("strong", EmphasisLevel::Strong),
    ("moderate", EmphasisLevel::Moderate),
    ("reduced", EmphasisLevel::Reduced),
];

const ALPHABETS: &[&str] = &[
    "ipa",
    "x-sampa",
    "x-amazon-jyutping",
    "x-amazon-pinyin",
    "x-amazon-pron-kana",
    "x-amazon-yomigana",
];

const INTERPRETATIONS: &[&str] = &[
    "characters",
    "spell-out",
    "cardinal",
    "number",
    "ordinal",
    "digits",
    "fraction",
    "unit",
    "date",
    "time",
    "address",
    "expletive",
    "telephone",
];

const FORMATS: &[&str] = &["mdy", "dmy", "ymd", "md", "dm", "ym", "my", "d", "m", "y", "yyyymmdd"];

/// Milliseconds of a break at most, as the engines have it.
const BREAK_MAX_MS: u32 = 10_000;

/// Reads what an element says. The depth is bounded by the document's.
pub(crate) fn children(node: Node<'_, '_>, reader: &mut Reader) -> Vec<Speech> {
    let mut speech = Vec::new();
    for child in node.children() {
        if child.is_text() {
            words(child.text().unwrap_or_default(), &mut speech);
        } else if child.is_element() {
            element(child, reader, &mut speech);
        }
    }
    speech
}

/// Adds words, with single spaces between them and at their ends where there was any.
fn words(text: &str, speech: &mut Vec<Speech>) {
    if let Some(Speech::Text(before)) = speech.last_mut() {
        // Something that is no speech stood in between.
        collapse(text, before);
    } else if !text.is_empty() {
        let mut collapsed = String::with_capacity(text.len());
        collapse(text, &mut collapsed);
        speech.push(Speech::Text(collapsed));
    }
}

/// Adds text, each run of white space as one space.
fn collapse(text: &str, to: &mut String) {
    for letter in text.chars() {
        if !letter.is_whitespace() {
            to.push(letter);
        } else if !to.ends_with(' ') {
            to.push(' ');
        }
    }
}

/// Takes the space off both ends of all that is said.
pub(crate) fn trim(speech: &mut Vec<Speech>) {
    if let Some(Speech::Text(text)) = speech.first_mut() {
        *text = text.trim_start().to_owned();
    }
    if let Some(Speech::Text(text)) = speech.last_mut() {
        *text = text.trim_end().to_owned();
    }
    speech.retain(|piece| !matches!(piece, Speech::Text(text) if text.is_empty()));
}

fn element(node: Node<'_, '_>, reader: &mut Reader, speech: &mut Vec<Speech>) {
    let name = node.tag_name().name();
    let mut attributes = Attributes::of(node, reader);
    let piece = match name {
        "break" => {
            let strength = attributes.choice("strength", &BREAKS, BreakStrength::Medium, 12200);
            Speech::Break { strength, time_ms: time(&mut attributes) }
        }
        "emphasis" => {
            let level = attributes.choice("level", &LEVELS, EmphasisLevel::Moderate, 12200);
            drop(attributes);
            Speech::Emphasis(level, children(node, reader))
        }
        "lang" => match attributes.language("lang", 12200) {
            Some(language) => {
                drop(attributes);
                Speech::Lang(language, children(node, reader))
            }
            None => {
                attributes.bad("lang", "", 12200, "a language such as fr-FR");
                drop(attributes);
                return speech.extend(children(node, reader));
            }
        },
        "p" => {
            drop(attributes);
            Speech::Paragraph(children(node, reader))
        }
        "s" => {
            drop(attributes);
            Speech::Sentence(children(node, reader))
        }
        "w" => {
            let role = attributes.text("role");
            drop(attributes);
            Speech::Word(role, children(node, reader))
        }
        "prosody" => {
            let prosody = prosody(&mut attributes);
            drop(attributes);
            Speech::Prosody(prosody, children(node, reader))
        }
        "phoneme" | "say-as" | "sub" => replaced(node, name, &mut attributes),
        _ => {
            attributes
                .reader
                .warn(12200, format!("<{name}> has no place in <Say>; its words are said"));
            drop(attributes);
            return speech.extend(children(node, reader));
        }
    };
    speech.push(piece);
}

/// Elements that tell how their text is to be read.
fn replaced(node: Node<'_, '_>, name: &str, attributes: &mut Attributes<'_, '_>) -> Speech {
    attributes.reader.only(node, &[]);
    let mut text = String::new();
    collapse(&text_of(node), &mut text);
    match name {
        "phoneme" => {
            let alphabet = one_of(attributes, "alphabet", ALPHABETS);
            let ph = attributes.text("ph").unwrap_or_default();
            if ph.is_empty() {
                attributes.bad("ph", "", 12200, "sounds");
                return Speech::Text(text);
            }
            Speech::Phoneme { alphabet: alphabet.unwrap_or_else(|| "ipa".to_owned()), ph, text }
        }
        "say-as" => {
            let kind = one_of(attributes, "interpret-as", INTERPRETATIONS);
            let format = one_of(attributes, "format", FORMATS);
            match kind {
                Some(kind) => Speech::SayAs(kind, format, text),
                None => Speech::Text(text),
            }
        }
        _ => match attributes.text("alias") {
            Some(alias) => Speech::Sub(alias, text),
            None => Speech::Text(text),
        },
    }
}

fn one_of(
    attributes: &mut Attributes<'_, '_>,
    name: &'static str,
    values: &[&str],
) -> Option<String> {
    let value = attributes.text(name)?;
    if !values.contains(&value.as_str()) {
        attributes.bad(name, &value, 12200, &format!("one of: {}", values.join(", ")));
        return None;
    }
    Some(value)
}

/// `500ms`, `1.5s`.
fn time(attributes: &mut Attributes<'_, '_>) -> Option<u32> {
    let value = attributes.text("time")?;
    let (number, factor) = match value.strip_suffix("ms") {
        Some(number) => (number, 1.0),
        None => (value.strip_suffix('s').unwrap_or("?"), 1_000.0),
    };
    let plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let milliseconds = number.parse::<f64>().ok().filter(|_| plain).map(|number| number * factor);
    match milliseconds {
        Some(milliseconds) if milliseconds <= f64::from(BREAK_MAX_MS) => Some(milliseconds as u32),
        _ => {
            attributes.bad("time", &value, 12200, "a time up to 10s, such as 500ms");
            None
        }
    }
}

fn prosody(attributes: &mut Attributes<'_, '_>) -> Prosody {
    let rates = ["x-slow", "slow", "medium", "fast", "x-fast"];
    let volumes = ["default", "silent", "x-soft", "soft", "medium", "loud", "x-loud"];
    let pitches = ["default", "x-low", "low", "medium", "high", "x-high"];
    Prosody {
        volume: amount(attributes, "volume", &volumes, &["dB", "%"], 12200),
        rate: amount(attributes, "rate", &rates, &["%"], 13513),
        pitch: amount(attributes, "pitch", &pitches, &["%", "Hz", "st"], 12200),
    }
}

/// A word, or a signed number with a unit.
fn amount(
    attributes: &mut Attributes<'_, '_>,
    name: &'static str,
    words: &[&str],
    units: &[&str],
    code: u32,
) -> Option<String> {
    let value = attributes.text(name)?;
    let number = units.iter().find_map(|unit| value.strip_suffix(unit));
    let number = number.map(|number| number.trim_start_matches(['+', '-']));
    let fine = number.is_some_and(|number| {
        number.parse::<f64>().is_ok()
            && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    });
    if !fine && !words.contains(&value.as_str()) {
        attributes.bad(name, &value, code, &format!("one of: {}, or an amount", words.join(", ")));
        return None;
    }
    Some(value)
}

/// The words alone, as they are said: for engines without SSML, and to measure.
pub fn plain(speech: &[Speech]) -> String {
    let mut text = String::new();
    gather(speech, &mut text);
    text.trim().to_owned()
}

fn gather(speech: &[Speech], text: &mut String) {
    for piece in speech {
        match piece {
            Speech::Text(words) => collapse(words, text),
            Speech::SayAs(_, _, words)
            | Speech::Sub(words, _)
            | Speech::Phoneme { text: words, .. } => text.push_str(words),
            Speech::Break { .. } => collapse(" ", text),
            Speech::Paragraph(inner) | Speech::Sentence(inner) => {
                collapse(" ", text);
                gather(inner, text);
                collapse(" ", text);
            }
            Speech::Emphasis(_, inner)
            | Speech::Lang(_, inner)
            | Speech::Prosody(_, inner)
            | Speech::Word(_, inner) => gather(inner, text),
        }
    }
}
