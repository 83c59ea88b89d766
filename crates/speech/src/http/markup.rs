//! An utterance written out: as SSML, and as words alone.

use std::fmt::Write;

use crate::{Emphasis, Node, Prosody, Utterance};

/// The text without markup.
pub(super) fn plain(utterance: &Utterance) -> String {
    let mut out = String::new();
    words(&utterance.nodes, &mut out, 0);
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn words(nodes: &[Node], out: &mut String, depth: usize) {
    if depth > Utterance::DEPTH_MAX {
        return;
    }
    for node in nodes {
        match node {
            Node::Text(text) | Node::Substitute(text) => out.push_str(text),
            Node::Phoneme { text, .. } => out.push_str(text),
            // What is not to be heard is not told to an engine that only reads.
            Node::SayAs { interpret_as, .. } if interpret_as == "expletive" => out.push(' '),
            Node::SayAs { text, .. } => out.push_str(text),
            Node::Break(_) => out.push(' '),
            Node::Emphasis(_, nodes)
            | Node::Language(_, nodes)
            | Node::Prosody(_, nodes)
            | Node::Word(nodes) => words(nodes, out, depth + 1),
            Node::Paragraph(nodes) | Node::Sentence(nodes) => {
                out.push(' ');
                words(nodes, out, depth + 1);
                out.push(' ');
            }
        }
    }
}

/// A document of SSML 1.1.
pub(super) fn ssml(utterance: &Utterance, language: &str) -> String {
    let mut out = format!(
        "<speak version=\"1.1\" xmlns=\"http://www.w3.org/2001/10/synthesis\" xml:lang=\"{}\">",
        escaped(language)
    );
    if utterance.ignores_markup() {
        out.push_str(&escaped(&plain(utterance)));
    } else {
        elements(&utterance.nodes, &mut out, 0);
    }
    out.push_str("</speak>");
    out
}

fn elements(nodes: &[Node], out: &mut String, depth: usize) {
    if depth <= Utterance::DEPTH_MAX {
        nodes.iter().for_each(|node| element(node, out, depth + 1));
    }
}

fn element(node: &Node, out: &mut String, depth: usize) {
    match node {
        Node::Text(text) | Node::Substitute(text) => out.push_str(&escaped(text)),
        Node::Word(nodes) => elements(nodes, out, depth),
        Node::Paragraph(nodes) => within("p", &[], nodes, out, depth),
        Node::Sentence(nodes) => within("s", &[], nodes, out, depth),
        Node::Break(length) => {
            within("break", &[("time", format!("{}ms", length.ms))], &[], out, depth);
        }
        Node::Language(language, nodes) => {
            within("lang", &[("xml:lang", language.clone())], nodes, out, depth);
        }
        Node::Emphasis(level, nodes) => {
            let level = match level {
                Emphasis::Strong => "strong",
                Emphasis::Moderate => "moderate",
                Emphasis::Reduced => "reduced",
            };
            within("emphasis", &[("level", level.to_owned())], nodes, out, depth);
        }
        Node::Prosody(Prosody { rate, pitch, volume_db }, nodes) => {
            let attributes = [
                ("rate", format!("{:.0}%", rate * 100.0)),
                ("pitch", format!("{:+.0}%", pitch * 100.0 - 100.0)),
                ("volume", format!("{volume_db:+.1}dB")),
            ];
            within("prosody", &attributes, nodes, out, depth);
        }
        Node::Phoneme { alphabet, pronunciation, text } => {
            let attributes = [("alphabet", alphabet.clone()), ("ph", pronunciation.clone())];
            within("phoneme", &attributes, &[Node::Text(text.clone())], out, depth);
        }
        Node::SayAs { interpret_as, format, text } => {
            let attributes = [("interpret-as", interpret_as.clone()), ("format", format.clone())];
            within("say-as", &attributes, &[Node::Text(text.clone())], out, depth);
        }
    }
}

/// An element; attributes without a value are left out.
fn within(
    name: &str,
    attributes: &[(&str, String)],
    nodes: &[Node],
    out: &mut String,
    depth: usize,
) {
    // Writing to a string does not fail.
    let _ = write!(out, "<{name}");
    for (attribute, value) in attributes.iter().filter(|attribute| !attribute.1.is_empty()) {
        let _ = write!(out, " {attribute}=\"{}\"", escaped(value));
    }
    out.push('>');
    elements(nodes, out, depth);
    let _ = write!(out, "</{name}>");
}

/// XML 1.0 §2.2, §2.4: markup by its names, and nothing that XML can't hold.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            '\u{FFFE}' | '\u{FFFF}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}
