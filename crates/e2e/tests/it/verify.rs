//! One-time codes: official SDKs, both engines, kills, and a search for codes that were left.

use serde_json::Value;
use smpp::smsc::Config;

use crate::harness::{ACCOUNT, Engine, TOKEN, Trunkline, basic, wait_for};
use crate::smpp::Counted;

#[test]
fn codes_by_the_official_sdk_on_both_engines() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        Trunkline::start(engine).python("verify.py");
    }
}

#[test]
fn codes_by_the_sdk_for_node() {
    Trunkline::start(Engine::Sqlite).node("verify.mjs");
}

/// Asks below the program's address; the status and the JSON.
pub fn ask(trunkline: &Trunkline, path: &str, form: Option<&[(&str, &str)]>) -> (u16, Value) {
    let url = format!("{}{path}", trunkline.address);
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let key = basic(ACCOUNT, TOKEN);
    let answer = match form {
        Some(form) => {
            agent.post(&url).header("authorization", &key).send_form(form.iter().copied())
        }
        None => agent.get(&url).header("authorization", &key).call(),
    };
    let mut answer = answer.expect("an answer");
    let json = answer.body_mut().read_json().unwrap_or_default();
    (answer.status().as_u16(), json)
}

/// A service whose codes have ten digits: such a number stands nowhere by chance.
fn service(trunkline: &Trunkline) -> String {
    let form = [("FriendlyName", "Owl"), ("CodeLength", "10"), ("FraudGuard", "off")];
    let (status, made) = ask(trunkline, "/verify/v2/Services", Some(&form));
    assert_eq!(status, 201, "{made}");
    format!("/verify/v2/Services/{}", made["sid"].as_str().expect("a sid"))
}

/// Begins a verification and reads its code from what the carrier took.
fn begin(trunkline: &Trunkline, carrier: &Counted, service: &str, to: &str) -> String {
    let form = [("To", to), ("Channel", "sms")];
    let (status, begun) = ask(trunkline, &format!("{service}/Verifications"), Some(&form));
    assert_eq!(status, 201, "{begun}");
    let digits = &to[1..];
    let text = wait_for("the code", 20, || {
        carrier.taken().into_keys().find(|text| text.starts_with(digits))
    });
    let code: String = text.chars().filter(char::is_ascii_digit).collect();
    code[code.len() - 10..].to_owned()
}

/// Tries a code; the status and the JSON.
pub fn check(trunkline: &Trunkline, service: &str, to: &str, code: &str) -> (u16, Value) {
    let form = [("To", to), ("Code", code)];
    ask(trunkline, &format!("{service}/VerificationCheck"), Some(&form))
}

#[test]
fn a_code_survives_a_kill_and_is_nowhere_once_it_ended() {
    let carrier = Counted::start(Config::default());
    let url = format!("smpp://trunk:pw@127.0.0.1:{}", carrier.port);
    let settings = [
        ("TRUNKLINE_CARRIERS", url.as_str()),
        ("TRUNKLINE_LOG", "debug"),
        ("TRUNKLINE_UNCERTAIN_GRACE", "2"),
    ];
    let mut trunkline = Trunkline::start_with(Engine::Sqlite, &settings);
    let service = service(&trunkline);
    let people = ["+15558670101", "+15558670202", "+15558670303", "+15558670404"];
    let codes = people.map(|to| begin(&trunkline, &carrier, &service, to));
    trunkline.kill();
    trunkline.restart();
    let [approved, canceled, guessed, expired] = people;
    let (status, answer) = check(&trunkline, &service, approved, &codes[0]);
    assert_eq!((status, &answer["status"]), (201, &"approved".into()), "{answer}");
    let path = format!("{service}/Verifications/{canceled}");
    assert_eq!(ask(&trunkline, &path, Some(&[("Status", "canceled")])).0, 200);
    for _ in 0..5 {
        assert_eq!(check(&trunkline, &service, guessed, "0000").0, 201);
    }
    let (status, refused) = check(&trunkline, &service, guessed, &codes[2]);
    assert_eq!((status, &refused["code"]), (429, &60202.into()));
    trunkline.kill();
    // The simulated carrier brings the clock. It comes when every text is sent: the inboxes of
    // its handsets would keep the codes.
    trunkline.set("TRUNKLINE_CARRIERS", &format!("{url},sim:"));
    trunkline.restart();
    let (status, _) = ask(&trunkline, "/dev/clock/advance", Some(&[("seconds", "700")]));
    assert_eq!(status, 200);
    assert_eq!(check(&trunkline, &service, expired, &codes[3]).0, 404);
    let messages = format!("/2010-04-01/Accounts/{ACCOUNT}/Messages.json");
    wait_for("every text to be redacted", 20, || {
        let (_, list) = ask(&trunkline, &messages, None);
        let texts = list["messages"].as_array().cloned().unwrap_or_default();
        (texts.len() == 4 && texts.iter().all(|text| text["body"] == "")).then_some(())
    });
    let asked = [
        messages.as_str(),
        "/verify/v2/Attempts",
        "/trunkline/v1/Verify/Decisions",
        "/monitor/v1/Events",
        "/monitor/v1/Alerts",
    ];
    let answers: Vec<String> =
        asked.iter().map(|path| ask(&trunkline, path, None).1.to_string()).collect();
    for code in &codes {
        assert_eq!(trunkline.files_with(code), Vec::<std::path::PathBuf>::new(), "{code}");
        assert!(answers.iter().all(|answer| !answer.contains(code.as_str())), "{code}");
    }
    assert!(!trunkline.files_with("Owl").is_empty(), "the search finds what is there");
}

#[test]
fn a_kill_between_start_and_check_loses_no_code_on_postgres() {
    let carrier = Counted::start(Config::default());
    let url = format!("smpp://trunk:pw@127.0.0.1:{}", carrier.port);
    let mut trunkline = Trunkline::start_with(Engine::Postgres, &[("TRUNKLINE_CARRIERS", &url)]);
    let service = service(&trunkline);
    let code = begin(&trunkline, &carrier, &service, "+15558670505");
    assert_eq!(check(&trunkline, &service, "+15558670505", "0000").0, 201);
    trunkline.kill();
    trunkline.restart();
    let (_, answer) = check(&trunkline, &service, "+15558670505", &code);
    assert_eq!(answer["valid"], true, "{answer}");
}
