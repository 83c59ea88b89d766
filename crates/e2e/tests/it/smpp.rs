//! Carriers over SMPP: servers and clients that others wrote, cuts, and kills.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use net::smpp::{SmscHandle, serve_smsc};
use smpp::smsc::{Config, Faults, Output};
use smpp::text::octets::{self, Alphabet};
use smpp::udh;

use crate::harness::{
    ACCOUNT, Engine, TOKEN, Trunkline, basic, program, python, succeed, wait_for,
};

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

#[test]
fn another_houses_carrier_takes_texts_and_brings_receipts() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let port = free_port();
        let url = format!(
            "smpp://trunk:pw%3A1@127.0.0.1:{port}?response_ids=hex&receipt_ids=dec&err=027:30007"
        );
        let trunkline = Trunkline::start_with(engine, &[("TRUNKLINE_CARRIERS", &url)]);
        trunkline.node_with("smpp.mjs", &[("SMPP_PORT", &port.to_string())]);
    }
}

#[test]
fn a_carrier_that_calls_is_bound_to() {
    let port = free_port();
    let url = format!(
        "smpp://trunk:pw%3A1@127.0.0.1?outbind=127.0.0.1:{port}&outbind_id=smsc\
         &outbind_password=right"
    );
    let trunkline = Trunkline::start_with(Engine::Sqlite, &[("TRUNKLINE_CARRIERS", &url)]);
    trunkline.node_with("outbind.mjs", &[("SMPP_PORT", &port.to_string())]);
}

#[test]
fn carriers_are_reached_over_tls() {
    let folder = std::env::temp_dir().join(format!("trunkline_tls_{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let path = |name: &str| folder.join(name).display().to_string();
    let (key, certificate) = (path("key.pem"), path("cert.pem"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    openssl.args(["-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", &key]);
    openssl.args(["-addext", "subjectAltName=DNS:localhost", "-out", &certificate]);
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    let made = openssl.stderr(Stdio::null()).status().expect("openssl starts");
    assert!(made.success(), "openssl makes a certificate");
    let port = free_port();
    let url = format!(
        "smpps://trunk:pw%3A1@localhost:{port}?response_ids=hex&receipt_ids=dec&err=027:30007\
         &ca={certificate}"
    );
    let trunkline = Trunkline::start_with(Engine::Sqlite, &[("TRUNKLINE_CARRIERS", &url)]);
    let port = port.to_string();
    let variables = [("SMPP_PORT", port.as_str()), ("SMPP_KEY", &key), ("SMPP_CERT", &certificate)];
    trunkline.node_with("smpp.mjs", &variables);
    std::fs::remove_dir_all(&folder).expect("the folder goes");
}

#[test]
fn another_houses_client_binds_to_the_test_carrier() {
    let mut command = Command::new(program());
    command.args(["smsc", "--listen", "127.0.0.1:0", "--password", "right", "--echo"]);
    let mut carrier = command.stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut lines = BufReader::new(carrier.stdout.take().expect("its output")).lines();
    let line = lines.next().expect("a line").expect("text");
    let port = line.rsplit(':').next().expect("a port").to_owned();
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    let mut peer = python("smsc.py");
    peer.env("SMPP_PORT", port);
    succeed(peer, "smsc.py");
    // It may have ended already.
    let _ = carrier.kill();
    let _ = carrier.wait();
}

/// The test carrier inside this process, counting what it takes.
pub(super) struct Counted {
    _runtime: tokio::runtime::Runtime,
    handle: SmscHandle,
    pub(super) port: u16,
    taken: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Counted {
    pub(super) fn start(config: Config) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().expect("a runtime");
        let taken: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
        let told = Arc::clone(&taken);
        let (handle, port) = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let port = listener.local_addr().expect("its address").port();
            let handle = serve_smsc(listener, config, move |output| {
                let Output::Taken { message, .. } = output else { return };
                let (part, octets) = udh::of(message);
                let header = message.payload().len() - octets.len();
                let text = octets::decode(octets, message.data_coding, Alphabet::Gsm, header);
                let part = part.map_or(0, |part| part.index);
                let to = &message.destination.digits;
                let text = format!("{to} {part} {text}");
                *told.lock().expect("the count").entry(text).or_default() += 1;
            });
            (handle, port)
        });
        Self { _runtime: runtime, handle, port, taken }
    }

    pub(super) fn taken(&self) -> BTreeMap<String, usize> {
        self.taken.lock().expect("the count").clone()
    }
}

/// Sends texts of one and of two segments from several threads; answers their SIDs.
fn send(address: &str, thread: usize, count: usize) -> Vec<String> {
    let url = format!("{address}/2010-04-01/Accounts/{ACCOUNT}/Messages.json");
    let mut accepted = Vec::new();
    for number in 0..count {
        let to = format!("+4477009{:05}", thread * 1_000 + number % 50);
        // Every segment has words of its own.
        let body = format!("{thread}-{number} ").repeat(if number % 4 == 0 { 45 } else { 1 });
        let form = [("From", "+15550001111"), ("To", to.as_str()), ("Body", body.as_str())];
        let answer =
            ureq::post(&url).header("authorization", &basic(ACCOUNT, TOKEN)).send_form(form);
        let Ok(mut answer) = answer else { break };
        let Ok(json) = answer.body_mut().read_json::<serde_json::Value>() else { break };
        accepted.push(json["sid"].as_str().expect("a sid").to_owned());
    }
    accepted
}

fn all_delivered(trunkline: &Trunkline, sids: &[String]) -> Option<()> {
    let delivered = |sid: &String| trunkline.status(sid) == "delivered";
    sids.iter().rev().all(delivered).then_some(())
}

#[test]
fn kills_with_receipts_on_their_way_lose_and_forget_nothing() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let receipt_after = Duration::from_secs(1);
        let carrier = Counted::start(Config { receipt_after, ..Config::default() });
        let url = format!("smpp://trunk:pw@127.0.0.1:{}?window=50", carrier.port);
        let settings = [("TRUNKLINE_CARRIERS", url.as_str()), ("TRUNKLINE_UNCERTAIN_GRACE", "3")];
        let mut trunkline = Trunkline::start_with(engine, &settings);
        let mut accepted = Vec::new();
        for round in 0..2 {
            let threads: Vec<_> = (0..4)
                .map(|thread| {
                    let address = trunkline.address.clone();
                    std::thread::spawn(move || send(&address, round * 4 + thread, 400))
                })
                .collect();
            let so_far = carrier.taken().len();
            wait_for("a part to be submitted", 60, || {
                (carrier.taken().len() > so_far + 200).then_some(())
            });
            trunkline.kill();
            accepted
                .extend(threads.into_iter().flat_map(|thread| thread.join().expect("a sender")));
            trunkline.restart();
        }
        wait_for("everything to be delivered", 60, || all_delivered(&trunkline, &accepted));
        let taken = carrier.taken();
        let repeated: usize = taken.values().map(|times| times - 1).sum();
        assert_eq!(repeated, 0, "receipts explain every segment that was in flight");
    }
}

#[test]
fn cuts_lose_and_repeat_nothing() {
    let receipt_after = Duration::from_millis(300);
    let carrier = Counted::start(Config { receipt_after, ..Config::default() });
    let url = format!("smpp://trunk:pw@127.0.0.1:{}?window=50&sessions=2", carrier.port);
    let settings = [("TRUNKLINE_CARRIERS", url.as_str()), ("TRUNKLINE_UNCERTAIN_GRACE", "3")];
    let trunkline = Trunkline::start_with(Engine::Sqlite, &settings);
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let address = trunkline.address.clone();
            std::thread::spawn(move || send(&address, thread, 400))
        })
        .collect();
    for cut in 1..=6 {
        wait_for("more to be submitted", 60, || (carrier.taken().len() > cut * 200).then_some(()));
        carrier.handle.cut();
    }
    let accepted: Vec<String> =
        threads.into_iter().flat_map(|thread| thread.join().expect("a sender")).collect();
    assert_eq!(accepted.len(), 1_600);
    wait_for("everything to be delivered", 60, || all_delivered(&trunkline, &accepted));
    let taken = carrier.taken();
    assert_eq!((taken.len(), taken.values().sum::<usize>()), (2_000, 2_000));
}

#[test]
fn a_messages_story_has_its_pdus() {
    let carrier = Counted::start(Config::default());
    let url = format!("smpp://trunk:pw@127.0.0.1:{}?throughput=500", carrier.port);
    let settings = [("TRUNKLINE_CARRIERS", url.as_str())];
    Trunkline::start_with(Engine::Sqlite, &settings).python("pdus.py");
}

/// Sends one text; answers its SID.
fn send_one(trunkline: &Trunkline, to: &str) -> String {
    let url = format!("{}/2010-04-01/Accounts/{ACCOUNT}/Messages.json", trunkline.address);
    let form = [("From", "+15550001111"), ("To", to), ("Body", "by which way?")];
    let answer = ureq::post(&url).header("authorization", &basic(ACCOUNT, TOKEN)).send_form(form);
    let json: serde_json::Value =
        answer.expect("it is accepted").body_mut().read_json().expect("JSON");
    json["sid"].as_str().expect("a sid").to_owned()
}

fn becomes(trunkline: &Trunkline, sid: &str, status: &str) {
    wait_for(&format!("{sid} to be {status}"), 30, || {
        (trunkline.status(sid) == status).then_some(())
    });
}

#[test]
fn what_a_carrier_refuses_without_a_reason_takes_the_next_route_once() {
    let faults = Faults { refused: 1_000, ..Faults::default() };
    let first = Counted::start(Config { faults, ..Config::default() });
    let second = Counted::start(Config::default());
    let urls = format!(
        "smpp://t:p@127.0.0.1:{},smpp://t:p@127.0.0.1:{}?priority=5&prefix=%2B44",
        first.port, second.port
    );
    let trunkline = Trunkline::start_with(Engine::Sqlite, &[("TRUNKLINE_CARRIERS", &urls)]);
    becomes(&trunkline, &send_one(&trunkline, "+447700900001"), "delivered");
    assert_eq!(second.taken().len(), 1);
    // There is no other route to America.
    becomes(&trunkline, &send_one(&trunkline, "+15558675310"), "failed");
}

#[test]
fn routes_choose_a_carrier_and_the_next_one_when_it_fails() {
    let (britain, world) = (Counted::start(Config::default()), Counted::start(Config::default()));
    let urls = format!(
        "smpp://t:p@127.0.0.1:{}?name=britain&country=GB,smpp://t:p@127.0.0.1:{}?name=world\
         &priority=5&prefix=%2B44&prefix=%2B1",
        britain.port, world.port
    );
    let mut trunkline = Trunkline::start_with(Engine::Sqlite, &[("TRUNKLINE_CARRIERS", &urls)]);
    becomes(&trunkline, &send_one(&trunkline, "+447700900001"), "delivered");
    becomes(&trunkline, &send_one(&trunkline, "+15558675310"), "delivered");
    assert_eq!((britain.taken().len(), world.taken().len()), (1, 1));
    // Nobody goes to France.
    becomes(&trunkline, &send_one(&trunkline, "+33612345678"), "failed");
    let explain = ["route", "explain", "--from", "x", "--to", "+447700900001", "--carriers", &urls];
    let explained = trunkline.command(&explain);
    assert_eq!(explained, "0 britain: takes it\n1 world: another one is tried first\n");
    // What is on its way to a carrier that has gone takes the next route.
    drop(britain);
    becomes(&trunkline, &send_one(&trunkline, "+447700900002"), "delivered");
    assert_eq!(world.taken().len(), 2);
    // So does what waited for a carrier that is configured no more.
    drop(world);
    let waiting = send_one(&trunkline, "+447700900003");
    trunkline.kill();
    let rest = Counted::start(Config::default());
    trunkline.set("TRUNKLINE_CARRIERS", &format!("smpp://t:p@127.0.0.1:{}", rest.port));
    trunkline.restart();
    becomes(&trunkline, &waiting, "delivered");
}

/// What a carrier gone mad (or somebody in between) may send.
fn hostile() -> Vec<Vec<u8>> {
    let pdu = |length: u32, command: u32, body: &[u8]| {
        let head = [length, command, 0, 1].map(u32::to_be_bytes).concat();
        [head, body.to_vec()].concat()
    };
    let bind_taken = pdu(20, 0x8000_0009, b"abc\0");
    vec![
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        pdu(0xffff_ffff, 0x8000_0009, b""),
        pdu(3, 0x8000_0009, b""),
        vec![0; 100_000],
        [bind_taken.clone(), pdu(30, 5, &[0xff; 14]).repeat(40)].concat(),
        [bind_taken.clone(), pdu(16, 0x8000_0004, b"").repeat(1_000)].concat(),
        [bind_taken.clone(), pdu(16, 0x0000_0777, b"").repeat(1_000)].concat(),
        [bind_taken, pdu(16, 6, b"")].concat(),
    ]
}

/// Answers the first connections with nonsense, and passes the others on to a real carrier.
fn mad_for_a_while(carrier: u16) -> u16 {
    use std::io::Write as _;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        let mut nonsense = hostile().into_iter();
        for stream in listener.incoming().map_while(Result::ok) {
            if let Some(octets) = nonsense.next() {
                let mut stream = stream;
                // The program may have closed it by now.
                let _ = stream.write_all(&octets);
                continue;
            }
            let real = std::net::TcpStream::connect(("127.0.0.1", carrier)).expect("the carrier");
            for (from, to) in [(&stream, &real), (&real, &stream)] {
                let copies = (from.try_clone(), to.try_clone());
                let (Ok(mut from), Ok(mut to)) = copies else { return };
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            }
        }
    });
    port
}

#[test]
fn nonsense_ends_a_connection_and_nothing_else() {
    let carrier = Counted::start(Config::default());
    // Several binds, so that the pauses between so many failures stay short.
    let port = mad_for_a_while(carrier.port);
    let url = format!("smpp://t:p@127.0.0.1:{port}?sessions=4");
    let trunkline = Trunkline::start_with(Engine::Sqlite, &[("TRUNKLINE_CARRIERS", &url)]);
    becomes(&trunkline, &send_one(&trunkline, "+447700900001"), "delivered");
    // The test carrier takes as much.
    for octets in hostile() {
        use std::io::Write as _;
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", carrier.port)).expect("a port");
        // It may have been closed by now.
        let _ = stream.write_all(&octets);
    }
    becomes(&trunkline, &send_one(&trunkline, "+447700900002"), "delivered");
}
