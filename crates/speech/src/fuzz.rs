//! What a fuzzer calls: any tree is planned within bounds, any octets are WAV or refused, any
//! hints make a grammar of numbers alone.

use crate::recognition::{Dictionary, Hints};
use crate::{Break, Emphasis, Node, Prosody, Utterance, http, plan, read_wav, text, voice};

/// Nodes at most that a tree of a fuzzer has.
const NODES_MAX: usize = 400;

/// Text with marks that open and close nodes: every attribute and kind is met.
pub fn utterance(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (head, body) = text.split_once('\n').unwrap_or(("", &text));
    let (voice, language) = head.split_once('|').unwrap_or((head, ""));
    let mut fields = body.split('|');
    let mut left = NODES_MAX;
    let nodes = nodes(&mut fields, 0, &mut left);
    let utterance = Utterance { voice: voice.to_owned(), language: language.to_owned(), nodes };
    if let Ok(wanted) = voice::wanted(voice, language) {
        assert!((2..=11).contains(&wanted.language.len()), "{:?}", wanted.language);
    }
    if let Ok(pieces) = plan::plan(&utterance, "en-US") {
        for piece in pieces {
            if let plan::Piece::Speak(run) = piece {
                spoken(&run);
            }
        }
    }
    let endpoint = http::Endpoint::default();
    let engine = http::SpeechEngine { endpoint, form: http::SpeechForm::Ssml, rate_hz: 8_000 };
    if let Ok(request) = engine.request_for(&utterance) {
        let body = String::from_utf8(request.body).expect("SSML is text");
        assert!(body.ends_with("</speak>") && body.matches("<speak").count() == 1);
    }
}

/// What reaches an engine is within its bounds.
fn spoken(run: &plan::Run) {
    assert!((0.2..=2.0).contains(&run.prosody.rate) && (0.5..=2.0).contains(&run.prosody.pitch));
    assert!(!run.text.chars().any(char::is_control));
    for piece in text::pieces(&text::folded(&run.text)) {
        assert!(piece.is_ascii() && piece.len() < 400, "{} octets", piece.len());
        assert!(piece.bytes().all(|octet| (b' '..=b'~').contains(&octet)));
    }
}

/// Nodes out of fields: the first letter of each says which.
fn nodes<'a>(
    fields: &mut impl Iterator<Item = &'a str>,
    depth: usize,
    left: &mut usize,
) -> Vec<Node> {
    let mut out = Vec::new();
    while let Some(field) = fields.next() {
        let Some(rest) = left.checked_sub(1) else { return out };
        *left = rest;
        let kind = field.chars().next().unwrap_or(')');
        let value = field.strip_prefix(kind).unwrap_or_default();
        let (first, second) = value.split_once(',').unwrap_or((value, ""));
        let (first_owned, second_owned) = (first.to_owned(), second.to_owned());
        // Deeper than planning goes, but not than a stack.
        let mut inner = || {
            if depth < 2 * Utterance::DEPTH_MAX { nodes(fields, depth + 1, left) } else { vec![] }
        };
        let node = match kind {
            ')' => return out,
            'b' => Node::Break(Break::parse(first, second)),
            'e' => Node::Emphasis(Emphasis::parse(first), inner()),
            'l' => Node::Language(first_owned, inner()),
            'p' => Node::Paragraph(inner()),
            's' => Node::Sentence(inner()),
            'w' => Node::Word(inner()),
            'r' => match Prosody::parse(first, second, second) {
                Ok(prosody) => Node::Prosody(prosody, inner()),
                Err(_) => continue,
            },
            'h' => Node::Phoneme {
                alphabet: "ipa".to_owned(),
                pronunciation: first_owned,
                text: second_owned,
            },
            'a' => {
                let (text, format) = second.split_once(',').unwrap_or((second, ""));
                let (text, format) = (text.to_owned(), format.to_owned());
                Node::SayAs { interpret_as: first_owned, format, text }
            }
            'u' => Node::Substitute(first_owned),
            _ => Node::Text(value.to_owned()),
        };
        out.push(node);
    }
    out
}

/// Octets that claim to be WAV.
pub fn wav(data: &[u8]) {
    if let Ok(speech) = read_wav(data) {
        assert!(speech.rate_hz >= 4_000 && speech.samples.len() <= data.len());
    }
}

/// Hints, a line each.
pub fn hints(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let phrases: Vec<String> = text.lines().map(str::to_owned).collect();
    let dictionary = Dictionary::new("one W AH N\ntwo T UW".to_owned()).expect("a small one");
    let hints = Hints::new(&phrases, &dictionary);
    let grammar = hints.grammar();
    let known = |c: char| c.is_ascii_alphanumeric() || " .;=|<>/_#\n".contains(c);
    assert!(grammar.chars().all(known), "{grammar}");
    for (name, phones) in hints.entries() {
        let plain = phones.bytes().all(|octet| octet == b' ' || octet.is_ascii_uppercase());
        assert!(plain && !phones.is_empty() && name.starts_with('w'), "{name} {phones:?}");
    }
    hints.written(&text);
}

/// Answers of a recogniser over a WebSocket, a line each.
pub fn dictation(data: &[u8]) {
    let mut heard = crate::socket::Dictation::default();
    for answer in String::from_utf8_lossy(data).lines() {
        heard.take(answer);
    }
    let partial = heard.partial();
    let whole = heard.finish();
    assert!((0.0..=1.0).contains(&whole.confidence));
    assert!(whole.text.is_empty() || partial.is_some_and(|it| it.starts_with(&whole.text)));
}

#[cfg(test)]
mod tests {
    use machine::fuzz::mutations;

    #[test]
    fn mutated_utterances_are_planned_or_refused() {
        let seeds: [&[u8]; 4] = [
            "Polly.Joanna|en-US\ntHello |b,2s|esstrong|twe|)|rslow,+2st|t10 €|)".as_bytes(),
            b"Google.de-DE-Standard-A\nadate,9/21/2024,mdy|atime,1'21\"|afraction,2+1/2|aunit,10kg",
            "man\nhp\u{26a}k\u{251}n,pecan|atelephone,+1 (555) 0 x9|aordinal,22nd|acardinal,-1,3"
                .as_bytes(),
            b"\np|s|w|lde-DE|tx|)|)|)|)|aexpletive,darn|ualias|r900%,+900Hz|t<speak>&",
        ];
        mutations(&seeds, 20_000, super::utterance);
    }

    #[test]
    fn mutated_wav_is_read_or_refused() {
        let speech = crate::Speech { samples: vec![1; 40], rate_hz: 8_000 };
        let whole = crate::write_wav(&speech);
        let mut law = whole.clone();
        (law[20], law[34]) = (7, 8);
        mutations(&[&whole, &law, b"RIFF\0\0\0\0WAVE"], 100_000, super::wav);
    }

    #[test]
    fn mutated_hints_make_harmless_grammars() {
        let seeds: [&[u8]; 3] = [
            b"sales\nopening hours\n24/7 help",
            b"code $OOV_CLASS_DIGIT_SEQUENCE\n$MONTH $DAY\nA1 FAQ",
            "</phrase> | <NULL>;\nna\u{ef}ve\nO'Brien's".as_bytes(),
        ];
        mutations(&seeds, 10_000, super::hints);
    }

    #[test]
    fn mutated_answers_are_heard_or_passed_over() {
        let seeds: [&[u8]; 2] = [
            b"{\"partial\":\"one\"}\n{\"text\":\"one two\",\"result\":[{\"conf\":0.5}]}",
            b"{\"text\":\"a\"}\n{\"partial\":\"b\"}\n{\"text\":\"\"}",
        ];
        mutations(&seeds, 20_000, super::dictation);
    }
}
