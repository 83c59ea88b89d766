//! Programs that know nothing of Trunkline, run as they are: their calls to Twilio land here, and
//! those to everybody else go where they always went.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use crate::harness::{ACCOUNT, Engine, TOKEN, Trunkline, root, wait_for};

const PHONE: &str = "+15558675310";

fn arrived(trunkline: &Trunkline, text: &str) {
    wait_for(text, 20, || {
        let inbox = trunkline.handset(PHONE);
        inbox.iter().any(|message| message["body"] == text).then_some(())
    });
}

fn peer(path: &str) -> String {
    root().join("crates/e2e/peers").join(path).display().to_string()
}

#[test]
fn programs_run_as_they_are() {
    let trunkline = Trunkline::start(Engine::Sqlite);
    let python = root().join(".tools/venv/bin/python").display().to_string();
    let programs = [
        ("python, unchanged", [python.as_str(), &peer("python/unchanged.py")]),
        ("node, unchanged", ["node", &peer("node/unchanged.mjs")]),
        ("java, unchanged", ["java", &peer("java/Unchanged.java")]),
    ];
    for (text, [program, script]) in programs {
        trunkline.command(&["run", "--", program, script]);
        arrived(&trunkline, text);
    }
    let url = format!("https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages.json");
    let curl = format!(
        "curl -sS --fail -u $TWILIO_ACCOUNT_SID:$TWILIO_AUTH_TOKEN {url} \
         -d From=+15550001111 --data-urlencode To={PHONE} -d 'Body=curl, unchanged' && \
         curl -sS --fail -u {ACCOUNT}:{TOKEN} https://monitor.twilio.com/v1/Alerts"
    );
    let told = trunkline.command(&["run", "--", "sh", "-c", &curl]);
    // Links lead where the program called.
    assert!(told.contains("https://monitor.twilio.com/v1/Alerts?"), "{told}");
    arrived(&trunkline, "curl, unchanged");
}

/// What a shell would have of `trunkline env`.
fn variable(trunkline: &Trunkline, name: &str) -> String {
    let printed = trunkline.command(&["env"]);
    let prefix = format!("export {name}='");
    let line = printed.lines().find_map(|line| line.strip_prefix(&prefix));
    line.expect(name).trim_end_matches('\'').to_owned()
}

#[test]
fn other_hosts_are_reached_as_if_there_were_no_proxy() {
    let trunkline = Trunkline::start(Engine::Sqlite);
    let proxy = variable(&trunkline, "HTTPS_PROXY").replace("http://", "");
    // Another house: it says back what it hears, whatever that is.
    let house = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = house.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for mut stream in house.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut heard = [0; 4_096];
                while let Ok(count @ 1..) = stream.read(&mut heard) {
                    if heard.starts_with(b"GET ") {
                        let text = String::from_utf8_lossy(&heard[..count]).into_owned();
                        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {count}\r\n\r\n");
                        // The program may have gone.
                        let _ = stream.write_all(format!("{head}{text}").as_bytes());
                    } else {
                        let _ = stream.write_all(&heard[..count]);
                    }
                }
            });
        }
    });
    let mut tunnel = TcpStream::connect(&proxy).expect("the proxy");
    write!(tunnel, "CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n")
        .expect("it hears");
    let mut answer = [0; 1_024];
    let count = tunnel.read(&mut answer).expect("it answers");
    assert!(answer[..count].starts_with(b"HTTP/1.1 200"), "a tunnel");
    tunnel.write_all(b"\x16\x03\x01 not to be opened").expect("it carries");
    let count = tunnel.read(&mut answer).expect("and back");
    assert_eq!(&answer[..count], b"\x16\x03\x01 not to be opened");
    let mut clear = TcpStream::connect(&proxy).expect("the proxy");
    write!(
        clear,
        "GET http://127.0.0.1:{port}/there?x=1 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\
         Proxy-Connection: close\r\nConnection: close\r\n\r\n"
    )
    .expect("it hears");
    let mut heard = String::new();
    clear.read_to_string(&mut heard).expect("it answers");
    assert!(heard.contains("GET /there?x=1 HTTP/1.1"), "{heard}");
    assert!(!heard.to_lowercase().contains("proxy-connection"), "{heard}");
    // A host that can't be reached, and what is no request of a proxy.
    for (request, status) in [
        ("CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n", "HTTP/1.1 502"),
        ("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 400"),
        ("nonsense\r\n\r\n", "HTTP/1.1 400"),
    ] {
        let mut stream = TcpStream::connect(&proxy).expect("the proxy");
        stream.write_all(request.as_bytes()).expect("it hears");
        let count = stream.read(&mut answer).expect("it answers");
        let answer = String::from_utf8_lossy(&answer[..count]);
        assert!(answer.starts_with(status), "{request:?}: {answer}");
    }
}

#[test]
fn https_is_there_beside_http_and_its_authority_is_bounded() {
    let trunkline =
        Trunkline::start_with(Engine::Sqlite, &[("TRUNKLINE_HTTPS_LISTEN", "127.0.0.1:0")]);
    let bundle = variable(&trunkline, "CURL_CA_BUNDLE");
    let https = trunkline.printed("HTTPS on ");
    let curl = |bundle: &str, url: &str| {
        let mut curl = std::process::Command::new("curl");
        let output = curl.args(["-sS", "--fail", "--cacert", bundle, url]).output();
        output.expect("curl starts")
    };
    let answer = curl(&bundle, &format!("{https}/healthz"));
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    // It vouches for this machine and for Twilio's names, not for others.
    let folder = Path::new(&bundle).parent().expect("a folder").to_path_buf();
    let authority = std::fs::read_to_string(folder.join("ca.pem")).expect("a certificate");
    assert!(authority.starts_with("-----BEGIN CERTIFICATE-----"));
    let mut openssl = std::process::Command::new("openssl");
    openssl.args(["x509", "-noout", "-text", "-in"]).arg(folder.join("ca.pem"));
    let text = openssl.output().expect("openssl starts").stdout;
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(text.contains("Name Constraints: critical"), "{text}");
    for name in ["DNS:twilio.com", "DNS:sendgrid.com", "DNS:localhost"] {
        assert!(text.contains(name), "{name}: {text}");
    }
}
