//! Requests as the engines' own documents show them, and answers of all sorts.

use super::*;
use crate::{Break, Node, Prosody};

fn engine(form: SpeechForm) -> SpeechEngine {
    let headers = vec![("Authorization".to_owned(), "Bearer hush".to_owned())];
    let endpoint = Endpoint { url: "http://tts.example/speak".to_owned(), headers };
    SpeechEngine { endpoint, form, rate_hz: 8_000 }
}

fn utterance() -> Utterance {
    let slow = Prosody::parse("80%", "+5%", "-6dB").expect("known words");
    let nodes = vec![
        Node::Text("Tom & Jerry ".to_owned()),
        Node::Break(Break { ms: 300 }),
        Node::Prosody(slow, vec![Node::Text("\"here\"\u{1}".to_owned())]),
        Node::SayAs {
            interpret_as: "digits".to_owned(),
            format: String::new(),
            text: "12".to_owned(),
        },
    ];
    Utterance { voice: "Polly.Joanna".to_owned(), language: String::new(), nodes }
}

const SSML: &str = "<speak version=\"1.1\" xmlns=\"http://www.w3.org/2001/10/synthesis\" \
    xml:lang=\"en-US\">Tom &amp; Jerry <break time=\"300ms\"></break>\
    <prosody rate=\"80%\" pitch=\"+5%\" volume=\"-6.0dB\">&quot;here&quot;</prosody>\
    <say-as interpret-as=\"digits\">12</say-as></speak>";

#[test]
fn utterances_become_requests() {
    let body = |form, utterance: &Utterance| {
        let request = engine(form).request_for(utterance).expect("something to say");
        assert_eq!(request.url, "http://tts.example/speak");
        assert_eq!(request.headers[0].1, "Bearer hush");
        String::from_utf8(request.body).expect("text")
    };
    assert_eq!(body(SpeechForm::Ssml, &utterance()), SSML);
    assert_eq!(body(SpeechForm::Text, &utterance()), "Tom & Jerry \"here\"\u{1}12");
    let json: Value = serde_json::from_str(&body(SpeechForm::Json, &utterance())).expect("JSON");
    assert_eq!((&json["gender"], &json["language"]), (&json!("woman"), &json!("en-US")));
    assert_eq!(json["ssml"], SSML);
    let form = SpeechForm::OpenAi { model: "tts-1".to_owned(), voice: "nova".to_owned() };
    let json: Value = serde_json::from_str(&body(form, &utterance())).expect("JSON");
    assert_eq!((&json["voice"], &json["response_format"]), (&json!("nova"), &json!("wav")));
    let man = Utterance { voice: "man".to_owned(), ..utterance() };
    assert!(!body(SpeechForm::Ssml, &man).contains("break"), "markup means nothing to it");
}

#[test]
fn what_cannot_be_said_makes_no_request() {
    let code = |utterance: &Utterance| {
        engine(SpeechForm::Text).request_for(utterance).map_err(|error| error.code())
    };
    assert_eq!(code(&Utterance::plain("man", "", " !")), Err(Some(13520)));
    assert_eq!(code(&Utterance::plain("man", "", &"a".repeat(5_001))), Err(Some(13521)));
    assert_eq!(code(&Utterance::plain("nobody", "", "a")), Err(Some(13511)));
}

#[test]
fn secrets_are_not_shown() {
    let engine = engine(SpeechForm::Text);
    let request = engine.request_for(&utterance()).expect("something to say");
    let shown = format!("{engine:?} {request:?} {}", engine.identity());
    assert!(shown.contains("Authorization") && !shown.contains("hush"), "{shown}");
}

#[test]
fn speech_is_read_from_answers() {
    let engine = engine(SpeechForm::Text);
    let speech = Speech { samples: vec![1, 2, 3], rate_hz: 22_050 };
    assert_eq!(engine.parse_answer(200, &write_wav(&speech)), Ok(speech.clone()));
    for (status, body) in [(500, write_wav(&speech)), (200, b"<html>".to_vec()), (200, vec![])] {
        assert!(matches!(engine.parse_answer(status, &body), Err(SpeakError::Engine(_))));
    }
}

#[test]
fn recordings_become_requests() {
    let endpoint = Endpoint { url: "http://stt.example/?k=1".to_owned(), headers: vec![] };
    let listening = Listening {
        language: "en-GB".to_owned(),
        hints: vec!["opening hours".to_owned(), "a&b".to_owned()],
        rate_hz: 8_000,
    };
    let engine = HearingEngine { endpoint: endpoint.clone(), form: HearingForm::Wav };
    let request = engine.request_for(&listening, &[1, 2]);
    let url = "http://stt.example/?k=1&language=en-GB&hint=opening%20hours&hint=a%26b";
    assert_eq!(request.url, url);
    assert_eq!(read_wav(&request.body).expect("WAV").samples, [1, 2]);
    let form = HearingForm::OpenAi { model: "whisper-1".to_owned() };
    let request = HearingEngine { endpoint, form }.request_for(&listening, &[1, 2]);
    let content_type = &request.headers[0].1;
    let boundary = content_type.split("boundary=").nth(1).expect("a boundary");
    let body = String::from_utf8_lossy(&request.body);
    let parts: Vec<&str> = body.split(&format!("--{boundary}")).collect();
    assert_eq!(parts.len(), 7, "before, five fields, after");
    assert!(parts[2].ends_with("name=\"language\"\r\n\r\nen\r\n"));
    assert!(parts[5].contains("RIFF") && parts[6] == "--\r\n");
}

#[test]
fn words_are_read_from_answers() {
    let endpoint = Endpoint::default();
    let engine = HearingEngine { endpoint, form: HearingForm::Wav };
    let read = |body: &str| engine.parse_answer(200, body.as_bytes());
    let heard = |text: &str, confidence| Recognized { text: text.to_owned(), confidence };
    assert_eq!(read(r#"{"text":" sales ","confidence":0.5}"#), Ok(heard("sales", 0.5)));
    assert_eq!(read(r#"{"text":"sales"}"#), Ok(heard("sales", UNTOLD_CONFIDENCE)));
    assert_eq!(read(r#"{"text":"sales","confidence":7}"#), Ok(heard("sales", 1.0)));
    assert_eq!(read(r#"{"text":""}"#), Ok(heard("", 0.0)));
    for body in ["", "[]", r#"{"text":7}"#, r#"{"confidence":1}"#] {
        assert!(matches!(read(body), Err(RecognitionError::Engine(_))), "{body}");
    }
    assert!(engine.parse_answer(429, b"{}").is_err());
}
