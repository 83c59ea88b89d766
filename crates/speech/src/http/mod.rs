//! Engines elsewhere, by HTTP: requests are made and answers read here; sending is the caller's.
//! Every request is a POST.
//!
//! | kind | request | answer |
//! |---|---|---|
//! | [`SpeechForm::Json`] | `{"text","ssml","voice","language","gender","rate_hz"}` | WAV |
//! | [`SpeechForm::Ssml`] | `application/ssml+xml` | WAV |
//! | [`SpeechForm::Text`] | `text/plain`, as Piper's server takes it | WAV |
//! | [`SpeechForm::OpenAi`] | JSON of `/v1/audio/speech`, which many servers take | WAV |
//! | [`HearingForm::Wav`] | `audio/wav`; language and hints in the query | `{"text","confidence"}` |
//! | [`HearingForm::OpenAi`] | the form of `/v1/audio/transcriptions`, as Whisper's servers take it | `{"text"}` |

mod markup;

use std::fmt;

use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::recognition::{Listening, RecognitionError, Recognized};
use crate::voice::{Gender, wanted};
use crate::{SpeakError, Speech, Utterance, read_wav, write_wav};

/// Octets of an answer at most. A caller stops reading there.
pub const ANSWER_MAX: usize = 32 << 20;

/// The confidence of an engine that tells none.
pub const UNTOLD_CONFIDENCE: f32 = 0.8;

/// A request to be posted.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Where to.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// What is posted.
    pub body: Vec<u8>,
}

/// Where an engine is, and what it must be told besides.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// The whole URL.
    pub url: String,
    /// Names and values that go with each request: `Authorization`, ….
    pub headers: Vec<(String, String)>,
}

/// Values of headers are secrets as often as not.
fn names(headers: &[(String, String)]) -> Vec<&str> {
    headers.iter().map(|header| header.0.as_str()).collect()
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Endpoint");
        shown.field("url", &self.url).field("headers", &names(&self.headers)).finish()
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Request");
        shown.field("url", &self.url).field("headers", &names(&self.headers));
        shown.field("octets", &self.body.len()).finish()
    }
}

impl Endpoint {
    fn request(&self, content_type: &str, body: Vec<u8>) -> Request {
        let mut headers = self.headers.clone();
        headers.push(("Content-Type".to_owned(), content_type.to_owned()));
        Request { url: self.url.clone(), headers, body }
    }
}

/// How an engine is told what to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpeechForm {
    /// JSON with everything that is known.
    Json,
    /// SSML.
    Ssml,
    /// Words without markup.
    Text,
    /// JSON as OpenAI's API has it.
    OpenAi {
        /// `model`.
        model: String,
        /// `voice`; the utterance's own name means nothing there.
        voice: String,
    },
}

/// An engine that speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpeechEngine {
    /// Where it is.
    pub endpoint: Endpoint,
    /// How it is told.
    pub form: SpeechForm,
    /// The rate that it is asked for, in Hz. What comes is believed, not this.
    pub rate_hz: u32,
}

impl SpeechEngine {
    /// The request for an utterance.
    ///
    /// # Errors
    /// A voice that nobody has, a tag that is no language, too much text or none.
    pub fn request_for(&self, utterance: &Utterance) -> Result<Request, SpeakError> {
        let wanted = wanted(&utterance.voice, &utterance.language)?;
        let plain = markup::plain(utterance);
        let characters = plain.chars().count();
        if characters > Utterance::CHARACTERS_MAX {
            return Err(SpeakError::TooLong(characters));
        }
        if !plain.chars().any(char::is_alphanumeric) {
            return Err(SpeakError::Empty);
        }
        let ssml = || markup::ssml(utterance, &wanted.language);
        let (content_type, body) = match &self.form {
            SpeechForm::Text => ("text/plain; charset=utf-8", plain),
            SpeechForm::Ssml => ("application/ssml+xml", ssml()),
            SpeechForm::Json => {
                let gender = if wanted.gender == Gender::Man { "man" } else { "woman" };
                let body = json!({
                    "text": plain, "ssml": ssml(), "voice": utterance.voice,
                    "language": wanted.language, "gender": gender, "rate_hz": self.rate_hz,
                });
                ("application/json", body.to_string())
            }
            SpeechForm::OpenAi { model, voice } => {
                let body = json!({
                    "model": model, "input": plain, "voice": voice, "response_format": "wav",
                });
                ("application/json", body.to_string())
            }
        };
        Ok(self.endpoint.request(content_type, body.into_bytes()))
    }

    /// Reads the answer.
    ///
    /// # Errors
    /// [`SpeakError::Engine`] for another status than 200, or what is not WAV.
    pub fn parse_answer(&self, status: u16, body: &[u8]) -> Result<Speech, SpeakError> {
        if status != 200 {
            return Err(SpeakError::Engine(format!("it answered {status}")));
        }
        read_wav(body).map_err(|error| SpeakError::Engine(error.to_string()))
    }

    /// What tells this engine from others in a [`crate::cache_key`]. Headers, which hold keys, are
    /// no part of it.
    pub fn identity(&self) -> String {
        format!("http:1:{}:{:?}:{}", self.endpoint.url, self.form, self.rate_hz)
    }
}

/// How an engine is told what to hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HearingForm {
    /// The audio alone; what else is known in the URL.
    Wav,
    /// A form as OpenAI's API has it.
    OpenAi {
        /// `model`.
        model: String,
    },
}

/// An engine that hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HearingEngine {
    /// Where it is.
    pub endpoint: Endpoint,
    /// How it is told.
    pub form: HearingForm,
}

impl HearingEngine {
    /// The request for what somebody said.
    pub fn request_for(&self, listening: &Listening, samples: &[i16]) -> Request {
        let speech = Speech { samples: samples.to_vec(), rate_hz: listening.rate_hz };
        let wav = write_wav(&speech);
        match &self.form {
            HearingForm::Wav => {
                let mut request = self.endpoint.request("audio/wav", wav);
                request.url.push(if request.url.contains('?') { '&' } else { '?' });
                request.url.push_str(&query(listening));
                request
            }
            HearingForm::OpenAi { model } => {
                let (content_type, body) = form(model, listening, &wav);
                self.endpoint.request(&content_type, body)
            }
        }
    }

    /// Reads the answer.
    ///
    /// # Errors
    /// [`RecognitionError::Engine`] for another status than 200, or what is not such JSON.
    pub fn parse_answer(&self, status: u16, body: &[u8]) -> Result<Recognized, RecognitionError> {
        let failed = |why: String| RecognitionError::Engine(why);
        if status != 200 {
            return Err(failed(format!("it answered {status}")));
        }
        let answer: Value =
            serde_json::from_slice(body).map_err(|error| failed(error.to_string()))?;
        let text = answer.get("text").and_then(Value::as_str);
        let text = text.ok_or_else(|| failed("it gave no text".to_owned()))?.trim().to_owned();
        let confidence = match answer.get("confidence").and_then(Value::as_f64) {
            _ if text.is_empty() => 0.0,
            Some(confidence) => confidence.clamp(0.0, 1.0) as f32,
            None => UNTOLD_CONFIDENCE,
        };
        Ok(Recognized { text, confidence })
    }
}

/// `language=en-US&hint=sales&hint=…`.
fn query(listening: &Listening) -> String {
    let mut query = format!("language={}", escaped(&listening.language));
    for hint in &listening.hints {
        query.push_str("&hint=");
        query.push_str(&escaped(hint));
    }
    query
}

/// RFC 3986 §2.1: everything but unreserved characters.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for octet in text.bytes() {
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(octet));
            }
            _ => out.push_str(&format!("%{octet:02X}")),
        }
    }
    out
}

/// RFC 7578. The boundary is a digest of the audio, which the audio can't hold.
fn form(model: &str, listening: &Listening, wav: &[u8]) -> (String, Vec<u8>) {
    let digest = digest(&SHA256, wav);
    let boundary: String =
        digest.as_ref()[..16].iter().map(|octet| format!("{octet:02x}")).collect();
    let mut body = Vec::with_capacity(wav.len() + 1_024);
    let language = listening.language.split('-').next().unwrap_or_default();
    let hints = listening.hints.join(", ");
    let fields =
        [("model", model), ("language", language), ("prompt", &hints), ("response_format", "json")];
    for (name, value) in fields.iter().filter(|field| !field.1.is_empty()) {
        let head =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(value.as_bytes());
        body.extend_from_slice(b"\r\n");
    }
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"speech.wav\"\r\n\
         Content-Type: audio/wav\r\n\r\n"
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(wav);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}

#[cfg(test)]
mod tests;
