//! Calls between the product, the official SDK and the handsets, whose SIP and RTP are real.

use std::net::{TcpListener, UdpSocket};

use speech::recognition::{PocketSphinx, Settings};
use speech::{Listening, Recognizer as _};

use crate::harness::{ACCOUNT, Engine, TOKEN, Trunkline, python, succeed, wait_for};

#[test]
fn calls_out_are_heard_and_told_of() {
    let trunkline = Trunkline::start(Engine::Sqlite);
    trunkline.python("calls_out.py");
    let file = std::fs::read(trunkline.folder().join("heard.wav")).expect("what was heard");
    let heard = speech::read_wav(&file).expect("a WAV file");
    let hints = ["please enter your pin code", "please hold the line", "thank you", "goodbye"];
    let listening = Listening {
        language: String::new(),
        hints: hints.map(str::to_owned).to_vec(),
        rate_hz: heard.rate_hz,
    };
    let engine = PocketSphinx::open(&Settings::default()).expect("the recogniser");
    let mut session = engine.start(&listening).expect("it listens");
    session.push(&heard.samples);
    assert_eq!(session.finish().text, hints[0]);
}

#[test]
fn calls_in_run_documents_are_recorded_and_connected() {
    Trunkline::start(Engine::Sqlite).python("calls_in.py");
}

#[test]
fn calls_that_never_leave_run_both_ends() {
    Trunkline::start(Engine::Sqlite).python("calls_inside.py");
}

#[test]
fn numbers_are_proved_and_calls_keep_to_the_rules() {
    Trunkline::start(Engine::Sqlite).python("calls_rules.py");
}

#[test]
fn numbers_are_proved_and_calls_keep_to_the_rules_on_postgres() {
    Trunkline::start(Engine::Postgres).python("calls_rules.py");
}

#[test]
fn calls_that_never_leave_on_postgres() {
    Trunkline::start(Engine::Postgres).python("calls_inside.py");
}

#[test]
fn calls_in_on_postgres() {
    Trunkline::start(Engine::Postgres).python("calls_in.py");
}

#[test]
fn a_kill_amid_a_call_ends_it_and_keeps_what_was_said() {
    let mut trunkline = Trunkline::start(Engine::Sqlite);
    let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let port = free.expect("a free port").port().to_string();
    trunkline.python_with("calls_kill.py", &[("SINK_PORT", &port)]);
    trunkline.kill();
    let folder = trunkline.folder().to_owned();
    let mut second = python("calls_kill.py");
    second.env("BASE_URL", &trunkline.address).env("DATA", &folder);
    second.env("ACCOUNT_SID", ACCOUNT).env("AUTH_TOKEN", TOKEN);
    let running = std::thread::spawn(move || succeed(second, "calls_kill.py"));
    wait_for("its sink", 20, || folder.join("sink.ready").exists().then_some(()));
    trunkline.restart();
    let (fresh, address) = (folder.join("address.new"), folder.join("address"));
    std::fs::write(&fresh, &trunkline.address).expect("a file");
    std::fs::rename(fresh, address).expect("a file in one piece");
    running.join().expect("what it found");
}

/// UDP ports that nobody has, no two the same.
fn free_ports<const COUNT: usize>() -> [String; COUNT] {
    let sockets = [(); COUNT].map(|()| UdpSocket::bind("127.0.0.1:0").expect("a free port"));
    sockets.map(|socket| socket.local_addr().expect("bound").port().to_string())
}

#[test]
fn a_carrier_of_calls_is_sipp() {
    let [sip, carrier, rtp] = free_ports();
    let listen = format!("udp:127.0.0.1:{sip}");
    let url = format!("sip:127.0.0.1:{carrier}?ping=0&source=127.0.0.1");
    let settings = [("TRUNKLINE_SIP_LISTEN", &*listen), ("TRUNKLINE_CARRIERS", &*url)];
    let variables = [("SIP_PORT", &*sip), ("CARRIER_PORT", &*carrier), ("RTP_PORT", &*rtp)];
    Trunkline::start_with(Engine::Sqlite, &settings).python_with("calls_sipp.py", &variables);
}

#[test]
fn a_call_gets_its_bye_when_the_program_ends() {
    let [sip, carrier] = free_ports();
    let listen = format!("udp:127.0.0.1:{sip}");
    let settings = [("TRUNKLINE_SIP_LISTEN", &*listen)];
    let mut trunkline = Trunkline::start_with(Engine::Sqlite, &settings);
    let folder = trunkline.folder().to_owned();
    let mut script = python("calls_stop.py");
    script.env("BASE_URL", &trunkline.address).env("DATA", &folder);
    script.env("ACCOUNT_SID", ACCOUNT).env("AUTH_TOKEN", TOKEN);
    script.env("SIP_PORT", &sip).env("CARRIER_PORT", &carrier);
    let running = std::thread::spawn(move || succeed(script, "calls_stop.py"));
    wait_for("the call", 60, || folder.join("live").exists().then_some(()));
    trunkline.terminate();
    trunkline.restart();
    running.join().expect("what it found");
}

#[test]
fn engines_elsewhere_speak_and_hear() {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let port = free.expect("a free port").port().to_string();
    let (say, hear) =
        (format!("http://127.0.0.1:{port}/say"), format!("http://127.0.0.1:{port}/hear"));
    let settings = [
        ("TRUNKLINE_TTS_URL", &*say),
        ("TRUNKLINE_TTS_KEY", "secret"),
        ("TRUNKLINE_ASR_URL", &*hear),
    ];
    let trunkline = Trunkline::start_with(Engine::Sqlite, &settings);
    trunkline.python_with("calls_engines.py", &[("ENGINE_PORT", &port)]);
}

#[test]
fn conferences_are_heard_and_told_of() {
    Trunkline::start(Engine::Sqlite).python("conferences.py");
}

#[test]
fn queues_connect_who_waits() {
    Trunkline::start(Engine::Sqlite).python("queues.py");
}

#[test]
fn numbers_of_packets_wrap_and_sources_change() {
    let [sip] = free_ports();
    let listen = format!("udp:127.0.0.1:{sip}");
    let trunkline = Trunkline::start_with(Engine::Sqlite, &[("TRUNKLINE_SIP_LISTEN", &listen)]);
    trunkline.python_with("calls_rtp.py", &[("SIP_PORT", &sip)]);
}

#[test]
fn calls_by_the_sdk_for_node() {
    Trunkline::start(Engine::Sqlite).node("calls.mjs");
}

#[test]
fn a_softphone_is_called_and_calls() {
    let [sip, phone] = free_ports();
    let listen = format!("udp:127.0.0.1:{sip}");
    let trunkline = Trunkline::start_with(Engine::Sqlite, &[("TRUNKLINE_SIP_LISTEN", &listen)]);
    let variables = [("SIP_PORT", &*sip), ("PHONE_PORT", &*phone)];
    trunkline.python_with("calls_baresip.py", &variables);
}
