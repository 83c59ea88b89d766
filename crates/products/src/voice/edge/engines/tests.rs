//! Engines elsewhere against small servers on loopback.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use speech::{Node, write_wav};

use super::*;

fn said(pairs: &[(&'static str, String)]) -> Values {
    Values(pairs.iter().map(|(key, value)| (*key, vec![value.clone()])).collect::<BTreeMap<_, _>>())
}

fn elsewhere(pairs: &[(&'static str, String)]) -> Arc<Elsewhere> {
    Arc::new(Elsewhere::new(Engines::of(&said(pairs)).expect("good settings")))
}

/// Reads one request whole: its head, and its body by its length.
fn request(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let (mut got, mut buffer) = (Vec::new(), [0; 4_096]);
    loop {
        let count = stream.read(&mut buffer).expect("a request");
        assert!(count > 0, "it was cut off");
        got.extend_from_slice(&buffer[..count]);
        let Some(end) = got.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&got[..end]).into_owned();
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())
        });
        let length = length.flatten().unwrap_or_default();
        if got.len() >= end + 4 + length {
            return (head, got[end + 4..].to_vec());
        }
    }
}

/// What a server was asked, each a head and a body.
type Asked = std::thread::JoinHandle<Vec<(String, Vec<u8>)>>;

/// A server that answers one request after the other, each on a connection of its own.
fn server(answers: Vec<(u16, Vec<u8>)>) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let serving = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().expect("a connection");
            asked.push(request(&mut stream));
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).expect("it reads");
            stream.write_all(&body).expect("it reads");
        }
        asked
    });
    (url, serving)
}

fn hello() -> Utterance {
    let nodes = vec![Node::Text("Hello".to_owned())];
    Utterance { voice: String::new(), language: "en-US".to_owned(), nodes }
}

fn listening() -> Listening {
    Listening {
        language: "en-US".to_owned(),
        hints: vec!["sales".to_owned()],
        rate_hz: media::RATE,
    }
}

#[test]
fn settings_say_who_is_asked_and_how() {
    let https = |path: &str| format!("https://engine.example{path}");
    let engines = Engines::of(&said(&[("tts_url", https("/v1/audio/speech"))])).expect("good");
    assert!(matches!(engines.speech.map(|it| it.form), Some(SpeechForm::OpenAi { .. })));
    let engines = Engines::of(&said(&[("tts_url", https("/say"))])).expect("good");
    assert!(matches!(engines.speech.map(|it| it.form), Some(SpeechForm::Json)));
    let engines = Engines::of(&said(&[("asr_url", "wss://engine.example".to_owned())]));
    assert!(matches!(engines.expect("good").hearing, Some(Hearing::Streaming(_))));
    for (key, url) in
        [("tts_url", "wss://x.example"), ("asr_url", "nowhere"), ("asr_url", "ftp://x")]
    {
        assert!(Engines::of(&said(&[(key, url.to_owned())])).is_err(), "{key} {url}");
    }
    let odd = [("tts_url", https("/")), ("tts_form", "smoke".to_owned())];
    assert!(Engines::of(&said(&odd)).is_err());
}

#[tokio::test]
async fn one_that_fails_is_left_alone_after_three_times() {
    let speech = Speech { samples: vec![7; 80], rate_hz: 8_000 };
    let bad = (500, Vec::new());
    let answers = vec![(200, write_wav(&speech)), bad.clone(), bad.clone(), bad];
    let (url, serving) = server(answers);
    let settings = [("tts_url", format!("{url}/v1/audio/speech")), ("tts_key", "k".to_owned())];
    let elsewhere = elsewhere(&settings);
    assert_eq!(elsewhere.speak(&hello()).await, Some(Ok(speech)));
    for _ in 0..3 {
        assert_eq!(elsewhere.speak(&hello()).await, None);
    }
    // Nobody would answer this one.
    assert_eq!(elsewhere.speak(&hello()).await, None);
    let asked = serving.join().expect("the server");
    assert_eq!(asked.len(), 4);
    assert!(asked[0].0.to_ascii_lowercase().contains("authorization: bearer k"), "{}", asked[0].0);
    assert!(!elsewhere.speaks.may_ask(Monotonic::now()));
    assert!(elsewhere.speaks.may_ask(Monotonic::now() + PAUSE + PAUSE));
}

#[tokio::test]
async fn a_whole_utterance_is_heard_by_http() {
    let answer = b"{\"text\":\"hello there\",\"confidence\":0.9}".to_vec();
    let (url, serving) = server(vec![(200, answer)]);
    let (elsewhere, handle) = (elsewhere(&[("asr_url", url)]), Handle::current());
    let heard = std::thread::spawn(move || {
        let mut session = elsewhere.listen(&listening(), &handle).expect("it listens");
        session.push(&[1; 160]);
        session.push(&[2; 160]);
        assert_eq!(session.partial(), None);
        session.finish()
    });
    let heard = tokio::task::spawn_blocking(move || heard.join().expect("the listener")).await;
    assert_eq!(heard.expect("joined").text, "hello there");
    let asked = serving.join().expect("the server");
    assert!(asked[0].0.contains("language=en-US&hint=sales"), "{}", asked[0].0);
    assert_eq!(speech::read_wav(&asked[0].1).expect("WAV").samples.len(), 320);
}

/// A server of Vosk's protocol: it says how many samples it has heard.
async fn vosk(listener: tokio::net::TcpListener) {
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio_tungstenite::tungstenite::Message;
    let (stream, _) = listener.accept().await.expect("a connection");
    let mut socket = tokio_tungstenite::accept_async(stream).await.expect("a WebSocket");
    let mut samples = 0;
    while let Some(Ok(message)) = socket.next().await {
        let answer = match message {
            Message::Binary(octets) => {
                samples += octets.len() / 2;
                format!("{{\"partial\":\"heard {samples}\"}}")
            }
            Message::Text(text) if text.contains("eof") => {
                format!("{{\"text\":\"heard {samples} in all\"}}")
            }
            _ => continue,
        };
        socket.send(Message::text(answer)).await.expect("it reads");
    }
}

#[tokio::test]
async fn partial_results_come_while_somebody_speaks() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}", listener.local_addr().expect("bound"));
    tokio::spawn(vosk(listener));
    let (elsewhere, handle) = (elsewhere(&[("asr_url", url)]), Handle::current());
    let heard = tokio::task::spawn_blocking(move || {
        let mut session = elsewhere.listen(&listening(), &handle).expect("it listens");
        session.push(&[1; 160]);
        let deadline = Monotonic::now() + Duration::from_secs(10);
        while session.partial().as_deref() != Some("heard 160") {
            assert!(Monotonic::now() < deadline, "{:?}", session.partial());
            std::thread::yield_now();
        }
        session.push(&[2; 160]);
        session.finish()
    });
    let heard = heard.await.expect("joined");
    assert_eq!(heard.text, "heard 320 in all");
}

#[tokio::test]
async fn nobody_there_is_heard_on_this_machine() {
    // A port that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port");
    for scheme in ["ws", "http"] {
        let elsewhere = elsewhere(&[("asr_url", format!("{scheme}://{free}"))]);
        let handle = Handle::current();
        let heard = tokio::task::spawn_blocking(move || {
            let mut session = elsewhere.listen(&listening(), &handle).expect("it listens");
            session.push(&[0; 8_000]);
            (session.finish(), elsewhere.hears.lock().0)
        });
        let (heard, failures) = heard.await.expect("joined");
        assert_eq!((heard.text.as_str(), failures), ("", 1), "{scheme}: silence is nothing");
    }
}
