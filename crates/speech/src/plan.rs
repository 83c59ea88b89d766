//! From nodes to a row of things to do, one after the other.

use crate::say_as::{Said, say_as};
use crate::{Node, Prosody, SpeakError, Utterance, text};

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece {
    /// Say something.
    Speak(Run),
    /// Be silent for so many milliseconds.
    Silence(u32),
    /// The tone over what is not to be heard, so many milliseconds.
    Beep(u32),
}

/// Text of one language and one prosody.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) text: String,
    /// BCP 47; empty is that of the voice.
    pub(crate) language: String,
    pub(crate) prosody: Prosody,
    /// Phonemes to be spoken in place of the text where an engine can: alphabet and notation.
    pub(crate) phonemes: Option<(String, String)>,
}

/// Pauses around paragraphs and between sentences, in milliseconds.
const PARAGRAPH_MS: u32 = 600;
const SENTENCE_MS: u32 = 250;

/// What an utterance comes to. `language` is that which its voice speaks.
///
/// # Errors
/// Too much text, or nothing that can be said.
pub(crate) fn plan(utterance: &Utterance, language: &str) -> Result<Vec<Piece>, SpeakError> {
    let mut planner = Planner {
        bare: utterance.ignores_markup(),
        language: language.to_owned(),
        ..Planner::default()
    };
    planner.nodes(&utterance.nodes, 0);
    planner.flush();
    if planner.characters > Utterance::CHARACTERS_MAX {
        return Err(SpeakError::TooLong(planner.characters));
    }
    let said = planner.pieces.iter().any(|piece| match piece {
        Piece::Speak(run) => run.text.chars().any(char::is_alphanumeric),
        Piece::Beep(_) => true,
        Piece::Silence(_) => false,
    });
    if said { Ok(planner.pieces) } else { Err(SpeakError::Empty) }
}

#[derive(Default)]
struct Planner {
    pieces: Vec<Piece>,
    text: String,
    language: String,
    prosody: Prosody,
    characters: usize,
    /// Markup means nothing: only its text counts.
    bare: bool,
}

impl Planner {
    fn nodes(&mut self, nodes: &[Node], depth: usize) {
        // A document that lies deeper is not what people write; the parser refuses it before.
        if depth <= Utterance::DEPTH_MAX {
            nodes.iter().for_each(|node| self.node(node, depth + 1));
        }
    }

    fn node(&mut self, node: &Node, depth: usize) {
        match node {
            Node::Text(text) => self.say(text),
            Node::Word(nodes) => self.nodes(nodes, depth),
            Node::Substitute(alias) => self.say(alias),
            Node::Paragraph(nodes)
            | Node::Sentence(nodes)
            | Node::Emphasis(_, nodes)
            | Node::Language(_, nodes)
            | Node::Prosody(_, nodes)
                if self.bare =>
            {
                self.nodes(nodes, depth);
            }
            Node::Phoneme { text, .. } | Node::SayAs { text, .. } if self.bare => self.say(text),
            Node::Break(_) if self.bare => self.say(" "),
            Node::Break(length) => self.pause(length.ms),
            Node::Paragraph(nodes) => self.apart(PARAGRAPH_MS, nodes, depth),
            Node::Sentence(nodes) => self.apart(SENTENCE_MS, nodes, depth),
            Node::Emphasis(level, nodes) => self.with(level.prosody(), nodes, depth),
            Node::Prosody(prosody, nodes) => self.with(*prosody, nodes, depth),
            Node::Language(language, nodes) => {
                self.flush();
                let outer = std::mem::replace(&mut self.language, language.clone());
                self.nodes(nodes, depth);
                self.flush();
                self.language = outer;
            }
            Node::Phoneme { alphabet, pronunciation, text } => {
                self.flush();
                self.say(text);
                self.characters += pronunciation.chars().count();
                let phonemes = (alphabet.clone(), pronunciation.clone());
                self.run(Some(phonemes));
            }
            Node::SayAs { interpret_as, format, text } => {
                // Counted before it is written out: words are longer than digits.
                self.characters += text.chars().count();
                if self.characters > Utterance::CHARACTERS_MAX {
                    return;
                }
                match say_as(interpret_as, format, text, is_english(&self.language)) {
                    Said::Words(words) => self.text.push_str(&words),
                    Said::Beep(ms) => {
                        self.flush();
                        self.pieces.push(Piece::Beep(ms));
                    }
                }
            }
        }
    }

    fn say(&mut self, text: &str) {
        self.characters += text.chars().count();
        if self.characters <= Utterance::CHARACTERS_MAX {
            self.text.push_str(text);
        }
    }

    fn pause(&mut self, ms: u32) {
        self.flush();
        if ms > 0 {
            self.pieces.push(Piece::Silence(ms));
        }
    }

    /// Pauses before and after meet: the longer one counts.
    fn apart(&mut self, ms: u32, nodes: &[Node], depth: usize) {
        self.separate(ms);
        self.nodes(nodes, depth);
        self.flush();
        self.separate(ms);
    }

    fn separate(&mut self, ms: u32) {
        self.flush();
        match self.pieces.last_mut() {
            Some(Piece::Silence(last)) => *last = ms.max(*last),
            Some(_) => self.pieces.push(Piece::Silence(ms)),
            None => {}
        }
    }

    fn with(&mut self, prosody: Prosody, nodes: &[Node], depth: usize) {
        self.flush();
        let outer = self.prosody;
        self.prosody = prosody.within(outer);
        self.nodes(nodes, depth);
        self.flush();
        self.prosody = outer;
    }

    fn flush(&mut self) {
        self.run(None);
    }

    fn run(&mut self, phonemes: Option<(String, String)>) {
        let text = text::cleaned(&std::mem::take(&mut self.text));
        if !text.is_empty() || phonemes.is_some() {
            let (language, prosody) = (self.language.clone(), self.prosody);
            self.pieces.push(Piece::Speak(Run { text, language, prosody, phonemes }));
        }
    }
}

/// Whether a tag of BCP 47 means English.
pub(crate) fn is_english(language: &str) -> bool {
    let first = language.split(['-', '_']).next().unwrap_or_default();
    first.is_empty() || first.eq_ignore_ascii_case("en")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Break, Emphasis};

    fn text(text: &str) -> Node {
        Node::Text(text.to_owned())
    }

    fn spoken(nodes: Vec<Node>, voice: &str) -> Vec<String> {
        let utterance = Utterance { voice: voice.to_owned(), language: String::new(), nodes };
        let pieces = plan(&utterance, "en-US").expect("something to say");
        let show = |piece: &Piece| match piece {
            Piece::Speak(run) => format!("{}:{}", run.language, run.text),
            Piece::Silence(ms) => format!("silence {ms}"),
            Piece::Beep(ms) => format!("beep {ms}"),
        };
        pieces.iter().map(show).collect()
    }

    fn markup() -> Vec<Node> {
        let digits = Node::SayAs {
            interpret_as: "digits".to_owned(),
            format: String::new(),
            text: "12".to_owned(),
        };
        vec![
            text("Code "),
            digits,
            Node::Break(Break { ms: 300 }),
            Node::Sentence(vec![text("Now")]),
            Node::Paragraph(vec![text("then")]),
            Node::Language("de-DE".to_owned(), vec![text("Öl")]),
        ]
    }

    #[test]
    fn markup_becomes_runs_and_pauses() {
        assert_eq!(
            spoken(markup(), "Polly.Joanna"),
            [
                "en-US:Code one two",
                "silence 300",
                "en-US:Now",
                "silence 600",
                "en-US:then",
                "silence 600",
                "de-DE:Öl",
            ]
        );
    }

    #[test]
    fn the_first_three_voices_ignore_markup() {
        assert_eq!(spoken(markup(), "alice"), ["en-US:Code 12 NowthenÖl"]);
    }

    #[test]
    fn prosody_lies_in_prosody() {
        let slow = Prosody::parse("50%", "", "-6dB").expect("a rate");
        let inner = Node::Emphasis(Emphasis::Strong, vec![text("that")]);
        let nodes = vec![Node::Prosody(slow, vec![text("this"), inner]), text("here")];
        let utterance = Utterance { voice: "Polly.Amy".to_owned(), language: String::new(), nodes };
        let pieces = plan(&utterance, "en-GB").expect("something to say");
        let rates: Vec<f32> = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Speak(run) => run.prosody.rate,
                _ => 0.0,
            })
            .collect();
        assert_eq!(rates, [0.5, 0.425, 1.0]);
    }

    #[test]
    fn too_much_and_nothing_are_refused() {
        let plan = |text: &str| plan(&Utterance::plain("man", "", text), "en-US");
        assert_eq!(plan(&"a".repeat(5_001)), Err(SpeakError::TooLong(5_001)));
        assert_eq!(plan("\u{202e}\0 😀!"), Err(SpeakError::Empty));
    }

    #[test]
    fn depth_has_an_end() {
        let mut node = text("deep");
        for _ in 0..1_000 {
            node = Node::Word(vec![node]);
        }
        let utterance = Utterance {
            voice: "Polly.Amy".to_owned(),
            language: String::new(),
            nodes: vec![node, text("here")],
        };
        assert_eq!(plan(&utterance, "en-US").expect("the rest").len(), 1);
    }
}
