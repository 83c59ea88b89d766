//! SIP on real sockets: two agents that call each other.

use std::path::PathBuf;
use std::time::Duration;

use base::Secret;
use net::sip::{Listen, Setup, SipHandle};
use sip::command::{Command, Invite};
use sip::digest::Proof;
use sip::event::Event;
use sip::io::Transport;
use sip::message::{Address, Uri};
use sip::sdp::{self, Codec, Direction, Local};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

fn local() -> Local {
    Local {
        address: core::net::IpAddr::from([127, 0, 0, 1]),
        port: 40_000,
        codecs: vec![Codec::pcmu(), Codec::events(101, 8_000)],
        ptime_ms: 20,
        direction: Direction::SendRecv,
        rtcp_mux: false,
    }
}

async fn start(setup: Setup) -> (SipHandle, mpsc::UnboundedReceiver<Event>) {
    let (sender, events) = mpsc::unbounded_channel();
    let tell = Box::new(move |news: Vec<Event>| {
        // A test that is over hears nothing more.
        news.into_iter().for_each(|event| drop(sender.send(event)));
    });
    let handle = SipHandle::start(setup, [7; 32], |_| {}, tell).await.expect("sockets");
    (handle, events)
}

fn listen(transport: Transport) -> Setup {
    let listen = format!("{}:127.0.0.1:0", transport.as_str());
    Setup { listen: vec![listen.parse().expect("a place")], ..Setup::default() }
}

/// The next event that a test looks for; others are passed over.
async fn next<T>(
    events: &mut mpsc::UnboundedReceiver<Event>,
    pick: impl Fn(&Event) -> Option<T>,
) -> T {
    let found = async {
        loop {
            let event = events.recv().await.expect("an agent that runs");
            if let Some(found) = pick(&event) {
                return found;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), found).await.expect("in time")
}

fn draft(from: &SipHandle, target: Uri) -> Box<Invite> {
    let caller = Address::new(Uri::sip(Some("alice"), "127.0.0.1", None));
    let offer = sdp::offer(&local(), None);
    Box::new(Invite::new(from.next_leg(), target, caller, Some(offer)))
}

fn target(of: &SipHandle, host: &str) -> Uri {
    let listener = &of.listeners()[0];
    let mut uri = Uri::sip(Some("bob"), host, Some(listener.bound.port()));
    let transport = listener.transport.as_str().to_ascii_lowercase();
    uri.params.set("transport", &transport);
    uri
}

async fn call(setup: impl Fn() -> Setup) {
    let (alice, mut alices) = start(setup()).await;
    let (bob, mut bobs) = start(setup()).await;
    let draft = draft(&alice, target(&bob, "127.0.0.1"));
    let leg = draft.leg;
    alice.send(Command::Invite(draft));
    let (theirs, offer) = next(&mut bobs, |event| match event {
        Event::Incoming(call) => Some((call.leg, call.offer.clone().expect("an offer"))),
        _ => None,
    })
    .await;
    let (answer, _) = sdp::answer(&offer, &local()).expect("common");
    bob.send(Command::Answer { leg: theirs, sdp: answer, headers: Vec::new() });
    next(&mut alices, |event| matches!(event, Event::Answered { .. }).then_some(())).await;
    next(&mut bobs, |event| matches!(event, Event::Confirmed { .. }).then_some(())).await;
    let (content_type, body) = ("application/dtmf-relay".to_owned(), sip::dtmf_relay('7', 100));
    alice.send(Command::Info { leg, content_type, body });
    let digit = next(&mut bobs, |event| match event {
        Event::Dtmf { digit, .. } => Some(*digit),
        _ => None,
    });
    assert_eq!(digit.await, '7');
    // The callee ends the call: over a stream by the same connection.
    bob.send(Command::Hangup { leg: theirs, headers: Vec::new() });
    next(&mut alices, |event| matches!(event, Event::Ended { .. }).then_some(())).await;
    bob.stop(Duration::from_secs(20)).await;
    next(&mut bobs, |event| matches!(event, Event::Stopped).then_some(())).await;
    drop(alice);
    next(&mut alices, |event| matches!(event, Event::Stopped).then_some(())).await;
}

#[tokio::test]
async fn a_call_over_datagrams() {
    call(|| listen(Transport::Udp)).await;
}

#[tokio::test]
async fn a_call_over_a_stream() {
    call(|| listen(Transport::Tcp)).await;
}

#[tokio::test]
async fn a_call_over_tls() {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a key");
    let folder = std::env::temp_dir().join(format!("sip-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let (chain, key): (PathBuf, PathBuf) = (folder.join("c.pem"), folder.join("k.pem"));
    std::fs::write(&chain, made.cert.pem()).expect("written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    call(|| Setup {
        acceptor: Some(net::acceptor(&chain, &key).expect("a certificate")),
        authorities: Some(chain.clone()),
        ..listen(Transport::Tls)
    })
    .await;
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[tokio::test]
async fn names_are_resolved_and_what_is_not_there_is_told() {
    let (alice, mut alices) = start(listen(Transport::Tcp)).await;
    let (bob, mut bobs) = start(listen(Transport::Tcp)).await;
    alice.send(Command::Invite(draft(&alice, target(&bob, "localhost"))));
    next(&mut bobs, |event| matches!(event, Event::Incoming(_)).then_some(())).await;
    let refused = |event: &Event| match event {
        Event::Refused { status, .. } => Some(*status),
        _ => None,
    };
    let gone = target(&bob, "127.0.0.1");
    bob.stop(Duration::from_secs(20)).await;
    assert_eq!(next(&mut alices, refused).await, 503);
    for missing in [gone, target(&alice, "nowhere.invalid")] {
        alice.send(Command::Invite(draft(&alice, missing)));
        assert_eq!(next(&mut alices, refused).await, 503);
    }
}

#[tokio::test]
async fn a_registration_binds_its_connection() {
    let (carrier, mut carriers) = start(listen(Transport::Tcp)).await;
    let (phone, mut phones) = start(listen(Transport::Tcp)).await;
    let password = Secret::new("open sesame");
    phone.send(Command::Register(Box::new(sip::registration::Registration {
        id: sip::event::RegistrationId(1),
        aor: Address::new(Uri::sip(Some("alice"), "example.com", None)),
        servers: vec![target(&carrier, "127.0.0.1")],
        credentials: Some(sip::digest::Credentials {
            username: "alice".to_owned(),
            password: password.clone(),
        }),
        expires: Duration::from_secs(120),
        contact_user: "alice".to_owned(),
        headers: Vec::new(),
    })));
    let question = next(&mut carriers, |event| match event {
        Event::ProofWanted { question, username, .. } if username == "alice" => Some(*question),
        _ => None,
    })
    .await;
    carrier.send(Command::Prove { question, proof: Some(Proof::Password(password)) });
    let binding = next(&mut carriers, |event| match event {
        Event::Bound(binding) => Some(binding.clone()),
        _ => None,
    })
    .await;
    let question = next(&mut carriers, |event| match event {
        Event::KeepWanted { question } => Some(*question),
        _ => None,
    })
    .await;
    carrier.send(Command::Kept { question, kept: true });
    next(&mut phones, |event| matches!(event, Event::Registered { .. }).then_some(())).await;
    let mut back = draft(&carrier, binding.contact);
    back.hop = Some(binding.hop);
    carrier.send(Command::Invite(back));
    next(&mut phones, |event| matches!(event, Event::Incoming(_)).then_some(())).await;
}

#[tokio::test]
async fn a_ping_gets_a_pong_and_nonsense_ends_the_connection() {
    let (agent, _events) = start(listen(Transport::Tcp)).await;
    let mut stream = TcpStream::connect(agent.listeners()[0].bound).await.expect("connected");
    stream.write_all(b"\r\n\r\n").await.expect("written");
    let mut pong = [0; 2];
    stream.read_exact(&mut pong).await.expect("a pong");
    assert_eq!(&pong, b"\r\n");
    stream.write_all(b"INVITE x SIP/2.0\r\nContent-Length: many\r\n\r\n").await.expect("written");
    let ended = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut pong)).await;
    assert_eq!(ended.expect("in time").unwrap_or(0), 0);
}

#[test]
fn places_to_listen_are_read() {
    let listen: Listen = "udp:0.0.0.0:5060".parse().expect("a place");
    assert_eq!((listen.transport, listen.address.port()), (Transport::Udp, 5060));
    assert!("tls:[::1]:0".parse::<Listen>().is_ok());
    for bad in ["", "udp", "udp:host:5060", "sctp:0.0.0.0:1", "tcp:0.0.0.0"] {
        assert!(bad.parse::<Listen>().is_err(), "{bad}");
    }
}
