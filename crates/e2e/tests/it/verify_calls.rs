//! Codes by call: what the handset hears goes through the recogniser, and is the code.

use serde_json::Value;
use speech::recognition::{PocketSphinx, Settings};
use speech::{Listening, Recognizer as _};

use crate::harness::{ACCOUNT, Engine, TOKEN, Trunkline, basic, wait_for};
use crate::verify::{ask, check};

/// A line is silent below this.
const SILENT: i16 = 300;

/// Samples of a second.
const RATE: usize = 8_000;

/// Codes of ten digits: such a number stands nowhere by chance. They are the application's own,
/// as the recogniser understands some digits better than others.
const CODES: [&str; 2] = ["7429085513", "3816097425"];

/// A service that calls with a man's voice.
fn service(trunkline: &Trunkline) -> String {
    let form = [
        ("FriendlyName", "Bank"),
        ("CustomCodeEnabled", "true"),
        ("FraudGuard", "off"),
        ("TtsName", "man"),
    ];
    let (status, made) = ask(trunkline, "/verify/v2/Services", Some(&form));
    assert_eq!(status, 201, "{made}");
    format!("/verify/v2/Services/{}", made["sid"].as_str().expect("a sid"))
}

fn begin(trunkline: &Trunkline, service: &str, to: &str, (channel, code): (&str, &str)) -> Value {
    let form = [("To", to), ("Channel", channel), ("CustomCode", code)];
    let (status, begun) = ask(trunkline, &format!("{service}/Verifications"), Some(&form));
    assert_eq!(status, 201, "{begun}");
    begun
}

fn calls(trunkline: &Trunkline, phone: &str) -> Vec<Value> {
    let (_, answer) = ask(trunkline, &format!("/dev/handsets/{phone}/calls"), None);
    answer["calls"].as_array().cloned().unwrap_or_default()
}

fn act(trunkline: &Trunkline, phone: &str, form: &[(&str, &str)]) {
    let (status, answer) = ask(trunkline, &format!("/dev/handsets/{phone}/calls"), Some(form));
    assert_eq!(status, 200, "{answer}");
}

/// What a handset heard of its newest call so far.
fn heard(trunkline: &Trunkline, phone: &str) -> Vec<i16> {
    let id = calls(trunkline, phone).last().expect("a call")["id"].clone();
    let url = format!("{}/dev/handsets/{phone}/calls/{id}/audio", trunkline.address);
    let mut answer = ureq::get(&url).header("authorization", &basic(ACCOUNT, TOKEN)).call();
    let body = answer.as_mut().expect("the audio").body_mut();
    speech::read_wav(&body.read_to_vec().expect("a body")).expect("a WAV file").samples
}

/// Waits until the newest call of a handset is in a state.
fn until(trunkline: &Trunkline, phone: &str, state: &str) {
    wait_for(&format!("{phone} to be {state}"), 60, || {
        let newest = calls(trunkline, phone).pop()?;
        (newest["state"] == state).then_some(())
    });
}

/// The parts of what was heard between silences of 800 ms at least, each with a little of them.
fn parts(samples: &[i16]) -> Vec<&[i16]> {
    let (mut found, mut begin, mut quiet) = (Vec::new(), None, 0);
    for (at, frame) in samples.chunks(160).enumerate() {
        match (frame.iter().any(|sample| sample.abs() > SILENT), begin) {
            (true, None) => (begin, quiet) = (Some(at.saturating_sub(10)), 0),
            (true, Some(_)) => quiet = 0,
            (false, _) => quiet += 1,
        }
        if let Some(from) = begin
            && quiet == 40
        {
            found.push(&samples[from * 160..(at - 20) * 160]);
            begin = None;
        }
    }
    found.extend(begin.map(|from| &samples[from * 160..]));
    found
}

/// The code that is said in a part.
fn understood(part: &[i16]) -> String {
    let listening = Listening {
        language: String::new(),
        hints: vec!["your bank code is $OOV_CLASS_DIGIT_SEQUENCE".to_owned()],
        rate_hz: RATE as u32,
    };
    let engine = PocketSphinx::open(&Settings::default()).expect("the recogniser");
    let mut session = engine.start(&listening).expect("it listens");
    // A line is quiet before somebody speaks.
    session.push(&[0; RATE / 2]);
    session.push(part);
    session.push(&[0; RATE / 2]);
    session.finish().text.chars().filter(char::is_ascii_digit).collect()
}

/// Takes the call that rings, presses a key when it is asked for, and hears the call to its end.
fn take(trunkline: &Trunkline, phone: &str) -> String {
    until(trunkline, phone, "ringing");
    act(trunkline, phone, &[("action", "answer")]);
    until(trunkline, phone, "answered");
    wait_for("the request for a key", 20, || {
        let heard = heard(trunkline, phone);
        let quiet = heard.rchunks(RATE).next()?.iter().all(|sample| sample.abs() <= SILENT);
        (quiet && !parts(&heard).is_empty()).then_some(())
    });
    act(trunkline, phone, &[("action", "digits"), ("digits", "7")]);
    until(trunkline, phone, "ended");
    let heard = heard(trunkline, phone);
    let parts = parts(&heard);
    let [_, once, again] = parts[..] else {
        panic!("{} parts: a request, and the code twice", parts.len())
    };
    let codes = [once, again].map(understood);
    // Breath may pass for a digit; whoever listens twice has it.
    let whole = codes.iter().find(|code| code.len() == 10);
    whole.unwrap_or_else(|| panic!("{codes:?}")).clone()
}

#[test]
fn a_code_is_heard_from_the_call_and_is_nowhere_else() {
    let trunkline = Trunkline::start_with(Engine::Sqlite, &[("TRUNKLINE_LOG", "debug")]);
    let service = service(&trunkline);
    let phone = "+15558675710";
    let begun = begin(&trunkline, &service, phone, ("call", CODES[0]));
    assert_eq!(begun["channel"], "call");
    assert_eq!(begun["send_code_attempts"][0]["channel"], "call", "{begun}");
    let code = take(&trunkline, phone);
    assert_eq!(code, CODES[0]);
    let (status, answer) = check(&trunkline, &service, phone, &code);
    assert_eq!((status, &answer["status"]), (201, &"approved".into()), "{answer}");
    let attempt = wait_for("the attempt to know of the end", 20, || {
        let (_, list) = ask(&trunkline, "/verify/v2/Attempts", None);
        let attempt = list["attempts"][0].clone();
        (attempt["channel_data"]["message_status"] == "completed").then_some(attempt)
    });
    assert_eq!(attempt["conversion_status"], "converted", "{attempt}");
    assert_eq!(attempt["price"]["value"], "0.01400", "{attempt}");
    // Resent by a call, it is the code of the text.
    let other = "+15558675711";
    begin(&trunkline, &service, other, ("sms", CODES[1]));
    let text = wait_for("the text", 20, || trunkline.handset(other).pop());
    // Nothing given is the code that there is.
    begin(&trunkline, &service, other, ("call", ""));
    let again = take(&trunkline, other);
    assert!(text["body"].as_str().is_some_and(|text| text.contains(&again)), "{text} {again}");
    assert_eq!(check(&trunkline, &service, other, &again).1["valid"], true);
    let (_, list) = ask(&trunkline, &format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json"), None);
    let first = list["calls"].as_array().and_then(|calls| calls.last()).expect("the call");
    let sid = first["sid"].as_str().expect("a sid");
    let asked = [
        format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json"),
        format!("/trunkline/v1/Calls/{sid}/Timeline"),
        format!("/2010-04-01/Accounts/{ACCOUNT}/Calls/{sid}/Events.json"),
        "/verify/v2/Attempts".to_owned(),
        "/trunkline/v1/Verify/Decisions".to_owned(),
        "/monitor/v1/Events".to_owned(),
        "/monitor/v1/Alerts".to_owned(),
    ];
    for path in asked {
        let answer = ask(&trunkline, &path, None).1.to_string();
        assert!(!answer.contains(&code), "{path}: {answer}");
    }
    assert_eq!(trunkline.files_with(&code), Vec::<std::path::PathBuf>::new());
    assert!(!trunkline.files_with("Bank").is_empty(), "the search finds what is there");
}

#[test]
fn a_kill_before_the_answer_loses_no_code_and_calls_once() {
    let settings = [("TRUNKLINE_CALL_LIMIT", "1")];
    let mut trunkline = Trunkline::start_with(Engine::Sqlite, &settings);
    let service = service(&trunkline);
    let [rings, waits] = ["+15558675720", "+15558675721"];
    begin(&trunkline, &service, rings, ("call", CODES[0]));
    until(&trunkline, rings, "ringing");
    // This one waits for its turn: one call at a time.
    begin(&trunkline, &service, waits, ("call", CODES[1]));
    assert_eq!(calls(&trunkline, waits).len(), 0);
    trunkline.kill();
    trunkline.restart();
    // The one whose ringing was cut off rings again; the one that waited rings for the first time.
    for phone in [waits, rings] {
        let code = take(&trunkline, phone);
        let (_, answer) = check(&trunkline, &service, phone, &code);
        assert_eq!(answer["valid"], true, "{phone}: {answer}");
        assert_eq!(calls(&trunkline, phone).len(), 1, "{phone}");
    }
    let (_, list) = ask(&trunkline, "/verify/v2/Attempts", None);
    let of = |phone: &str| {
        let attempts = list["attempts"].as_array().expect("attempts").iter();
        attempts.filter(|it| it["channel_data"]["to"] == phone).count()
    };
    assert_eq!((of(rings), of(waits)), (2, 1), "{list}");
}

#[test]
fn codes_by_call_by_the_official_sdk() {
    Trunkline::start(Engine::Sqlite).python("verify_calls.py");
}

#[test]
fn codes_by_call_on_postgres() {
    Trunkline::start(Engine::Postgres).python("verify_calls.py");
}
