//! The key of an utterance's audio in a cache.

use std::fmt::Write;

use ring::digest::{Context, SHA256};

use crate::{Node, Synthesizer, Utterance};

/// A stable key: 64 hex digits of SHA-256 over the utterance and the engine's identity. The same
/// for the same utterance in every process and version, unless how utterances are written for it
/// changes; then the first octets that are hashed change too.
pub fn cache_key(utterance: &Utterance, engine: &dyn Synthesizer) -> String {
    let mut writer = Writer(Context::new(&SHA256));
    writer.text("utterance 1");
    writer.text(engine.identity());
    writer.text(&utterance.voice);
    writer.text(&utterance.language);
    writer.nodes(&utterance.nodes);
    let mut key = String::with_capacity(64);
    for octet in writer.0.finish().as_ref() {
        // Writing to a string does not fail.
        let _ = write!(key, "{octet:02x}");
    }
    key
}

/// Writes everything with its length before it, so that no two utterances look the same.
struct Writer(Context);

impl Writer {
    fn text(&mut self, text: &str) {
        self.0.update(&(text.len() as u64).to_le_bytes());
        self.0.update(text.as_bytes());
    }

    fn nodes(&mut self, nodes: &[Node]) {
        self.0.update(&(nodes.len() as u64).to_le_bytes());
        nodes.iter().for_each(|node| self.node(node));
    }

    fn node(&mut self, node: &Node) {
        match node {
            Node::Text(text) => self.tagged(b't', &[text]),
            Node::Substitute(alias) => self.tagged(b'a', &[alias]),
            Node::Break(length) => {
                self.tagged(b'b', &[]);
                self.0.update(&length.ms.to_le_bytes());
            }
            Node::Phoneme { alphabet, pronunciation, text } => {
                self.tagged(b'h', &[alphabet, pronunciation, text]);
            }
            Node::SayAs { interpret_as, format, text } => {
                self.tagged(b's', &[interpret_as, format, text]);
            }
            Node::Emphasis(level, nodes) => {
                self.tagged(b'e', &[]);
                self.0.update(&[*level as u8]);
                self.nodes(nodes);
            }
            Node::Language(language, nodes) => {
                self.tagged(b'l', &[language]);
                self.nodes(nodes);
            }
            Node::Prosody(prosody, nodes) => {
                self.tagged(b'p', &[]);
                for value in [prosody.rate, prosody.pitch, prosody.volume_db] {
                    self.0.update(&value.to_bits().to_le_bytes());
                }
                self.nodes(nodes);
            }
            Node::Paragraph(nodes) => self.within(b'g', nodes),
            Node::Sentence(nodes) => self.within(b'c', nodes),
            Node::Word(nodes) => self.within(b'w', nodes),
        }
    }

    fn tagged(&mut self, tag: u8, texts: &[&String]) {
        self.0.update(&[tag]);
        texts.iter().for_each(|text| self.text(text));
    }

    fn within(&mut self, tag: u8, nodes: &[Node]) {
        self.tagged(tag, &[]);
        self.nodes(nodes);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{Break, Emphasis, Prosody, SpeakError, Speech};

    struct Named(&'static str);

    impl Synthesizer for Named {
        fn speak(&self, _: &Utterance) -> Result<Speech, SpeakError> {
            Err(SpeakError::Empty)
        }

        fn identity(&self) -> &str {
            self.0
        }
    }

    #[test]
    fn keys_are_stable_and_differ_with_everything() {
        let text = |text: &str| Node::Text(text.to_owned());
        let of = |nodes: Vec<Node>| Utterance {
            voice: "man".to_owned(),
            language: "en".to_owned(),
            nodes,
        };
        let fast = Prosody { rate: 1.5, ..Prosody::default() };
        let utterances = [
            of(vec![text("ab")]),
            of(vec![text("a"), text("b")]),
            of(vec![Node::Substitute("ab".to_owned())]),
            of(vec![Node::Word(vec![text("ab")])]),
            of(vec![Node::Sentence(vec![text("ab")])]),
            of(vec![Node::Paragraph(vec![text("ab")])]),
            of(vec![Node::Word(vec![]), text("ab")]),
            of(vec![Node::Break(Break { ms: 1 })]),
            of(vec![Node::Break(Break { ms: 2 })]),
            of(vec![Node::Emphasis(Emphasis::Strong, vec![text("ab")])]),
            of(vec![Node::Emphasis(Emphasis::Reduced, vec![text("ab")])]),
            of(vec![Node::Language("de".to_owned(), vec![text("ab")])]),
            of(vec![Node::Prosody(fast, vec![text("ab")])]),
            of(vec![Node::Prosody(Prosody::default(), vec![text("ab")])]),
            Utterance::plain("woman", "en", "ab"),
            Utterance::plain("mane", "n", "ab"),
        ];
        let keys: BTreeSet<String> = utterances.iter().map(|u| cache_key(u, &Named("x"))).collect();
        assert_eq!(keys.len(), utterances.len());
        assert_ne!(cache_key(&utterances[0], &Named("y")), cache_key(&utterances[0], &Named("x")));
        let known = "4e1379fbea585fec0aefe23c830a99a5f7dd3088a69afcabecdc31fd24cc8843";
        assert_eq!(cache_key(&utterances[0], &Named("x")), known);
    }
}
