//! Speech and audio for calls: made or fetched once, and kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::CallSid;
use http::{Method, header};
use media::{Prompt, decode};
use net::{Address, Limits, Outbound};
use speech::{Node, Offline, Synthesizer, Utterance};
use twiml::voice::{Say, Speech};
use url::Url;

use crate::voice::edge::engines::{Elsewhere, Engines};
use crate::voice::edge::recordings::at_address;
use crate::voice::edge::{Edge, Shared};
use crate::voice::engine::{Input, Ticket};
use crate::voice::model::CallKey;

/// Octets of prompts that are kept.
const KEPT_MAX: usize = 64 << 20;

/// The document's audio is not what it was said to be.
const BAD_AUDIO: u32 = 13420;

const LIMITS: Limits = Limits {
    connect: Duration::from_secs(5),
    read: Duration::from_secs(10),
    total: Duration::from_secs(30),
    body_max: 20 << 20,
    redirects_max: 10,
};

/// Speaks, and remembers what it said.
pub struct Voices {
    engine: Arc<Offline>,
    pub(super) elsewhere: Arc<Elsewhere>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    octets: usize,
    prompts: VecDeque<(String, Arc<Prompt>)>,
}

impl Kept {
    fn get(&self, key: &str) -> Option<Arc<Prompt>> {
        self.prompts.iter().find(|(known, _)| known == key).map(|(_, prompt)| Arc::clone(prompt))
    }

    /// Keeps a prompt, in place of one that was made at the same time.
    fn put(&mut self, key: String, prompt: &Arc<Prompt>) {
        if let Some(at) = self.prompts.iter().position(|(known, _)| *known == key)
            && let Some((_, before)) = self.prompts.remove(at)
        {
            self.octets -= before.len();
        }
        self.octets += prompt.len();
        self.prompts.push_front((key, Arc::clone(prompt)));
        while self.octets > KEPT_MAX {
            let Some((_, oldest)) = self.prompts.pop_back() else { return };
            self.octets -= oldest.len();
        }
    }
}

impl Voices {
    /// With what this machine has, and engines elsewhere. Blocks for a moment.
    pub fn new(engines: Engines) -> Self {
        let engine = Arc::new(Offline::new(&speech::Settings::detect()));
        let elsewhere = Arc::new(Elsewhere::new(engines));
        Self { engine, elsewhere, kept: Mutex::default() }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The language that a voice speaks when it is asked for `language`; none when nothing here
    /// speaks it, or nobody has the voice.
    pub fn language(&self, voice: &str, language: &str) -> Option<String> {
        self.engine.check(voice, language).ok()?;
        speech::voice::wanted(voice, language).ok().map(|wanted| wanted.language)
    }

    /// An utterance as a prompt. What is spelled out is a code or a number of somebody's, and
    /// hardly said twice: it is not kept.
    pub async fn speak(&self, utterance: Utterance) -> Result<Arc<Prompt>, (u32, String)> {
        let spelled = utterance.nodes.iter().any(is_spelled);
        let here = speech::cache_key(&utterance, &*self.engine);
        // What another engine says is another prompt.
        let there = self.elsewhere.identity().map(|identity| format!("{identity} {here}"));
        let known = there.as_ref().unwrap_or(&here);
        if let Some(prompt) = self.kept().get(known) {
            return Ok(prompt);
        }
        let (spoken, key) = match (self.elsewhere.speak(&utterance).await, there) {
            (Some(spoken), Some(there)) => (spoken, there),
            _ => {
                if let Some(prompt) = self.kept().get(&here) {
                    return Ok(prompt);
                }
                let engine = Arc::clone(&self.engine);
                let spoken = tokio::task::spawn_blocking(move || engine.speak(&utterance)).await;
                (spoken.map_err(|error| (base::code::INTERNAL, error.to_string()))?, here)
            }
        };
        let spoken = spoken
            .map_err(|error| (error.code().unwrap_or(base::code::INTERNAL), error.to_string()))?;
        let samples = media::resample::resample(&spoken.samples, spoken.rate_hz, media::RATE);
        let prompt = Arc::new(Prompt::from_samples(&samples));
        if !spelled {
            self.kept().put(key, &prompt);
        }
        Ok(prompt)
    }
}

/// Whether something in it is said digit by digit or letter by letter.
fn is_spelled(node: &Node) -> bool {
    match node {
        Node::SayAs { interpret_as, .. } => {
            matches!(&**interpret_as, "digits" | "characters" | "spell-out" | "verbatim")
        }
        Node::Prosody(_, nodes)
        | Node::Emphasis(_, nodes)
        | Node::Language(_, nodes)
        | Node::Sentence(nodes)
        | Node::Paragraph(nodes)
        | Node::Word(nodes) => nodes.iter().any(is_spelled),
        _ => false,
    }
}

/// What a document says, as speech takes it.
pub(super) fn utterance(say: &Say) -> Utterance {
    Utterance {
        voice: say.voice.clone().unwrap_or_default(),
        language: say.language.clone().unwrap_or_default(),
        nodes: say.speech.iter().map(node).collect(),
    }
}

fn nodes(speech: &[Speech]) -> Vec<Node> {
    speech.iter().map(node).collect()
}

fn node(speech: &Speech) -> Node {
    use speech::{Break, Emphasis, Prosody};
    use twiml::voice::{BreakStrength, EmphasisLevel};
    match speech {
        Speech::Text(text) => Node::Text(text.clone()),
        Speech::Break { strength, time_ms } => {
            let strength = match strength {
                BreakStrength::None => "none",
                BreakStrength::ExtraWeak => "x-weak",
                BreakStrength::Weak => "weak",
                BreakStrength::Medium => "medium",
                BreakStrength::Strong => "strong",
                BreakStrength::ExtraStrong => "x-strong",
            };
            let time = time_ms.map(|ms| format!("{ms}ms")).unwrap_or_default();
            Node::Break(Break::parse(strength, &time))
        }
        Speech::Emphasis(level, inner) => {
            let level = match level {
                EmphasisLevel::Strong => "strong",
                EmphasisLevel::Moderate => "moderate",
                EmphasisLevel::Reduced => "reduced",
            };
            Node::Emphasis(Emphasis::parse(level), nodes(inner))
        }
        Speech::Lang(language, inner) => Node::Language(language.clone(), nodes(inner)),
        Speech::Paragraph(inner) => Node::Paragraph(nodes(inner)),
        Speech::Sentence(inner) => Node::Sentence(nodes(inner)),
        Speech::Phoneme { alphabet, ph, text } => Node::Phoneme {
            alphabet: alphabet.clone(),
            pronunciation: ph.clone(),
            text: text.clone(),
        },
        Speech::Prosody(prosody, inner) => {
            let part = |text: &Option<String>| text.clone().unwrap_or_default();
            let (rate, pitch) = (part(&prosody.rate), part(&prosody.pitch));
            match Prosody::parse(&rate, &pitch, &part(&prosody.volume)) {
                Ok(prosody) => Node::Prosody(prosody, nodes(inner)),
                // The document was told so already; the words are said all the same.
                Err(_) => Node::Sentence(nodes(inner)),
            }
        }
        Speech::SayAs(interpret_as, format, text) => Node::SayAs {
            interpret_as: interpret_as.clone(),
            format: format.clone().unwrap_or_default(),
            text: text.clone(),
        },
        Speech::Sub(alias, _) => Node::Substitute(alias.clone()),
        Speech::Word(_, inner) => Node::Word(nodes(inner)),
    }
}

/// Audio of an address, decoded and kept for a while by what its server says of it.
pub(in crate::voice) async fn fetched(
    shared: &Shared,
    url: &str,
) -> Result<Arc<Prompt>, (u32, String)> {
    if let Some(prompt) = shared.voices.kept().get(url) {
        return Ok(prompt);
    }
    let failed = |error: net::SendError| (error.code(), error.to_string());
    let parsed = Url::parse(url).map_err(|_| (11100, format!("'{url}' is no address")))?;
    let request = Outbound {
        method: Method::GET,
        to: Arc::new(Address::of(parsed).map_err(failed)?),
        headers: Vec::new(),
        body: bytes::Bytes::new(),
        limits: LIMITS,
    };
    let answer = shared.client.send(request).await.map_err(failed)?;
    if !answer.status.is_success() {
        return Err((11200, format!("{url} answered {}", answer.status.as_u16())));
    }
    let text = |name: header::HeaderName| {
        answer.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let (content_type, control) = (text(header::CONTENT_TYPE), text(header::CACHE_CONTROL));
    let prompt = decoded(shared, answer.body.to_vec(), content_type).await?;
    if control.is_some_and(|control| control.contains("max-age") && !control.contains("no-")) {
        shared.voices.kept().put(url.to_owned(), &prompt);
    }
    Ok(prompt)
}

/// A file as a prompt. The same octets are the same prompt, for however many calls and times they
/// come: ten seconds are 80 kB, and decoding takes longer than fetching.
async fn decoded(
    shared: &Shared,
    body: Vec<u8>,
    content_type: Option<String>,
) -> Result<Arc<Prompt>, (u32, String)> {
    let key = content_key(&body, content_type.as_deref());
    if let Some(prompt) = shared.voices.kept().get(&key) {
        return Ok(prompt);
    }
    let decoded = tokio::task::spawn_blocking(move || {
        decode::decode(&body, content_type.as_deref(), decode::Limits::default())
    });
    let decoded = decoded.await.map_err(|error| (base::code::INTERNAL, error.to_string()))?;
    let prompt = Arc::new(decoded.map_err(|error| (BAD_AUDIO, error.to_string()))?);
    shared.voices.kept().put(key, &prompt);
    Ok(prompt)
}

/// What a prompt of these octets is kept under.
fn content_key(body: &[u8], content_type: Option<&str>) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, body);
    let hash = base64::Engine::encode(&base64::prelude::BASE64_STANDARD_NO_PAD, hash);
    format!("{} {hash}", content_type.unwrap_or_default())
}

impl Edge {
    /// Makes speech.
    pub(super) fn speak(&self, call: CallSid, ticket: Ticket, say: Say) {
        let (shared, desk) = (Arc::clone(&self.shared), self.desk.clone());
        tokio::spawn(async move {
            let result = shared.voices.speak(utterance(&say)).await;
            desk.input(Input::Prompt { call, ticket, result });
        });
    }

    /// Gets audio.
    pub(super) fn load(&self, call: CallKey, ticket: Ticket, url: String) {
        let (shared, desk) = (Arc::clone(&self.shared), self.desk.clone());
        tokio::spawn(async move {
            let result = match at_address(&shared, call.account, &url).await {
                Ok(Some(file)) => decoded(&shared, file.to_vec(), None).await,
                Ok(None) => fetched(&shared, &url).await,
                Err(error) => Err((base::code::INTERNAL, error.to_string())),
            };
            desk.input(Input::Prompt { call: call.sid, ticket, result });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_twice_is_kept_once_and_the_oldest_goes() {
        let prompt = |octets: usize| Arc::new(Prompt::from_samples(&vec![0; octets]));
        let mut kept = Kept::default();
        kept.put("a".to_owned(), &prompt(100));
        kept.put("a".to_owned(), &prompt(300));
        assert_eq!((kept.octets, kept.prompts.len()), (300, 1));
        kept.put("b".to_owned(), &prompt(KEPT_MAX));
        assert!(kept.get("a").is_none() && kept.get("b").is_some());
        assert_eq!(kept.octets, KEPT_MAX);
    }

    #[test]
    fn the_same_octets_of_the_same_kind_have_one_key() {
        let key = |body: &[u8], kind| content_key(body, kind);
        assert_eq!(key(b"x", Some("audio/wav")), key(b"x", Some("audio/wav")));
        assert_ne!(key(b"x", Some("audio/wav")), key(b"x", None));
        assert_ne!(key(b"x", None), key(b"y", None));
    }
}
