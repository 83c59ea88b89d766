//! A recogniser elsewhere that hears while somebody speaks: what is said to it over a WebSocket,
//! and what it answers, as Vosk's server has it. Sending is the caller's.
//!
//! | to it | from it |
//! |---|---|
//! | `{"config":{"sample_rate","language","phrase_list"}}` | |
//! | octets: 16-bit samples, little endian | `{"partial"}`: so far; `{"text","result":[{"conf"}]}`: a part that is sure |
//! | `{"eof":1}` | the last `{"text"}` |

use serde_json::{Value, json};

use crate::recognition::{Listening, Recognized};

/// What ends the audio.
pub const END: &str = "{\"eof\":1}";

/// Octets of what is believed to be said, at most.
const TEXT_MAX: usize = 16 << 10;

/// What is said before any audio.
pub fn begin(listening: &Listening) -> String {
    let mut config = json!({ "sample_rate": listening.rate_hz, "language": listening.language });
    if !listening.hints.is_empty() {
        config["phrase_list"] = listening.hints.clone().into();
    }
    json!({ "config": config }).to_string()
}

/// Samples as they are sent.
pub fn audio(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// What a recogniser has said of one utterance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dictation {
    sure: Vec<String>,
    partial: String,
    confidences: Vec<f32>,
}

impl Dictation {
    /// Takes an answer; whether it was one that says what is sure.
    pub fn take(&mut self, answer: &str) -> bool {
        let Ok(answer) = serde_json::from_str::<Value>(answer) else { return false };
        if let Some(partial) = answer.get("partial").and_then(Value::as_str) {
            self.partial = partial.trim().chars().take(TEXT_MAX).collect();
        }
        let Some(text) = answer.get("text").and_then(Value::as_str) else { return false };
        self.partial.clear();
        let words = answer.get("result").and_then(Value::as_array).into_iter().flatten();
        let known: usize = self.sure.iter().map(String::len).sum();
        if !text.trim().is_empty() && known + text.len() <= TEXT_MAX {
            let confidences = words.filter_map(|word| word.get("conf")?.as_f64());
            self.confidences.extend(confidences.map(|it| it.clamp(0.0, 1.0) as f32));
            self.sure.push(text.trim().to_owned());
        }
        true
    }

    /// What it seems to be so far.
    pub fn partial(&self) -> Option<String> {
        let parts = self.sure.iter().chain(Some(&self.partial)).filter(|part| !part.is_empty());
        let text = parts.cloned().collect::<Vec<_>>().join(" ");
        (!text.is_empty()).then_some(text)
    }

    /// What it was.
    pub fn finish(mut self) -> Recognized {
        self.partial.clear();
        let Some(text) = self.partial() else { return Recognized::default() };
        let confidence = match self.confidences.len() {
            0 => crate::http::UNTOLD_CONFIDENCE,
            count => self.confidences.iter().sum::<f32>() / count as f32,
        };
        Recognized { text, confidence }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sure_stays_and_what_is_not_is_replaced() {
        let mut heard = Dictation::default();
        assert!(!heard.take("{\"partial\":\"one\"}"));
        assert!(!heard.take("{\"partial\":\"one two\"}"));
        assert_eq!(heard.partial().as_deref(), Some("one two"));
        assert!(heard.take("{\"text\":\"one to\",\"result\":[{\"conf\":0.5},{\"conf\":1.0}]}"));
        heard.take("{\"partial\":\"three\"}");
        assert_eq!(heard.partial().as_deref(), Some("one to three"));
        assert!(heard.take("{\"text\":\"three\",\"result\":[{\"conf\":0.9}]}"));
        let whole = heard.finish();
        assert_eq!(whole.text, "one to three");
        assert!((whole.confidence - 0.8).abs() < 1e-6);
        assert_eq!(Dictation::default().finish(), Recognized::default());
        let mut odd = Dictation::default();
        assert!(!odd.take("nonsense") && !odd.take("[1]") && odd.partial().is_none());
    }

    #[test]
    fn it_is_told_the_rate_and_the_hints() {
        let listening = Listening {
            language: "de-DE".to_owned(),
            hints: vec!["ja".to_owned()],
            rate_hz: 8_000,
        };
        let said: Value = serde_json::from_str(&begin(&listening)).expect("JSON");
        let config = json!({ "sample_rate": 8000, "language": "de-DE", "phrase_list": ["ja"] });
        assert_eq!(said, json!({ "config": config }));
        assert_eq!(audio(&[1, -1]), [1, 0, 255, 255]);
    }
}
