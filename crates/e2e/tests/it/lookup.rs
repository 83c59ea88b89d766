//! Look-ups by the official SDKs, with a data source beside the program.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::harness::{ACCOUNT, Engine, TOKEN, Trunkline, basic};

/// A data source on a free port of loopback. Its carriers carry numbers, so that an answer that
/// was kept is told from a fresh one. Numbers that end with 404 are unknown to it, those with 503
/// bring it down, and those with 999 get no answer.
fn source() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    let served = Arc::new(AtomicU32::new(0));
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let served = Arc::clone(&served);
            std::thread::spawn(move || answer(stream, &served));
        }
    });
    port
}

fn answer(mut stream: TcpStream, served: &AtomicU32) {
    let mut lines = BufReader::new(stream.try_clone().expect("a second handle")).lines();
    let first = lines.next().and_then(Result::ok).unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    // All of it: what is left unread would reset the connection, and the answer with it.
    let headers = lines.map_while(Result::ok).take_while(|line| !line.is_empty());
    let known = headers.filter(|line| line.eq_ignore_ascii_case("x-key: secret")).count() == 1;
    let digits = path.split(['?', '/']).nth(2).unwrap_or_default();
    if digits.ends_with("999") {
        // Held until the other side gives up.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
        return;
    }
    let status = match digits {
        _ if !known => "401 Unauthorized",
        _ if digits.ends_with("404") => "404 Not Found",
        _ if digits.ends_with("503") => "503 Service Unavailable",
        _ => "200 OK",
    };
    let number = served.fetch_add(1, Ordering::SeqCst);
    let body = format!(
        "{{\"kind\":\"MOBILE\",\"network\":{{\"name\":\"Carrier {number}\",\"mcc\":234,\
         \"mnc\":\"15\"}},\"state\":\"ON\",\"swap\":{{\"at\":\"2020-04-27T10:18:50Z\"}},\
         \"owner\":{{\"first\":\"John\",\"last\":\"Doe\",\"zip\":\"10021\"}},\"diverts\":\"yes\"}}"
    );
    // Whoever asked may have gone.
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
}

/// The files that the settings name: a source for British numbers, and ranges.
fn files(port: u16) -> (PathBuf, PathBuf) {
    let folder = std::env::temp_dir();
    let name =
        |kind: &str| folder.join(format!("trunkline_e2e_{}_{port}.{kind}", std::process::id()));
    let (sources, ranges) = (name("json"), name("csv"));
    let text = format!(
        "{{\"sources\":[{{\"name\":\"hlr\",\"url\":\"http://127.0.0.1:{port}/hlr/{{digits}}\",\
         \"headers\":{{\"x-key\":\"secret\"}},\"countries\":[\"GB\"],\"timeout_ms\":400,\
         \"packages\":{{\
         \"line_type_intelligence\":{{\"type\":\"/kind\",\"carrier_name\":\"/network/name\",\
         \"mobile_country_code\":\"/network/mcc\",\"mobile_network_code\":\"/network/mnc\"}},\
         \"line_status\":{{\"status\":{{\"at\":\"/state\",\"words\":{{\"ON\":\"reachable\"}}}}}},\
         \"sim_swap\":{{\"last_sim_swap_date\":\"/swap/at\",\"carrier_name\":\"/network/name\"}},\
         \"call_forwarding\":{{\"call_forwarding_enabled\":\"/diverts\"}}}}}},\
         {{\"name\":\"people\",\"url\":\"http://127.0.0.1:{port}/people/{{digits}}?n={{last_name}}\",\
         \"headers\":{{\"x-key\":\"secret\"}},\"packages\":{{\
         \"identity_match\":{{\"first_name\":\"/owner/first\",\"last_name\":\"/owner/last\",\
         \"postal_code\":\"/owner/zip\"}},\
         \"pre_fill\":{{\"first_name\":\"/owner/first\",\"last_name\":\"/owner/last\"}}}}}}]}}"
    );
    std::fs::write(&sources, text).expect("a file of sources");
    let text = "prefix,type,carrier,mcc,mnc\n1628555,nonFixedVoip,Range Telecom,310,999\n";
    std::fs::write(&ranges, text).expect("a file of ranges");
    (sources, ranges)
}

fn with_sources(engine: Engine) -> Trunkline {
    let (sources, ranges) = files(source());
    let settings = [
        ("TRUNKLINE_LOOKUP_SOURCES", sources.to_str().expect("a plain path")),
        ("TRUNKLINE_LOOKUP_RANGES", ranges.to_str().expect("a plain path")),
        ("TRUNKLINE_LOOKUP_LIMITS", "pre_fill=1/3600"),
    ];
    Trunkline::start_with(engine, &settings)
}

#[test]
fn python_looks_numbers_up_on_both_engines() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        with_sources(engine).python("lookup.py");
    }
}

#[test]
fn node_looks_numbers_up() {
    with_sources(Engine::Sqlite).node("lookup.mjs");
}

#[test]
fn a_source_in_a_private_range_is_not_asked_unless_it_is_allowed() {
    let (sources, _) = files(source());
    let settings = [("TRUNKLINE_LOOKUP_SOURCES", sources.to_str().expect("a plain path"))];
    let server = Trunkline::serve(Engine::Sqlite, &settings);
    let url = "/lookups/v2/PhoneNumbers/+447772000001?Fields=line_status,line_type_intelligence";
    let mut answer = ureq::get(format!("{}{url}", server.address))
        .header("authorization", &basic(ACCOUNT, TOKEN))
        .call()
        .expect("an answer");
    let json: serde_json::Value = answer.body_mut().read_json().expect("JSON");
    assert_eq!(json["line_status"]["error_code"], 60613, "{json}");
    assert_eq!(json["line_type_intelligence"]["type"], "mobile", "the plans know: {json}");
}
