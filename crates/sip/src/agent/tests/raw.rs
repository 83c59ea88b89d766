//! Peers that are written by hand: what the RFC says of single messages.

use super::*;
use crate::config::Strangers;
use crate::message::{Message, Method, Request, read};

const PEER: &str = "198.51.100.7:5070";

fn peer() -> SocketAddr {
    PEER.parse().expect("an address")
}

/// A request as the peer writes it; `more` are further fields, each with its line end.
fn request(method: &str, branch: &str, more: &str) -> String {
    let to = uri(0, "bob");
    format!(
        "{method} {to} SIP/2.0\r\nVia: SIP/2.0/UDP {PEER};rport;branch=z9hG4bK{branch}\r\n\
         From: <sip:peer@198.51.100.7>;tag=p\r\nTo: <{to}>\r\nCall-ID: c1\r\n\
         CSeq: 1 {method}\r\nContact: <sip:peer@{PEER}>\r\n{more}Content-Length: 0\r\n\r\n"
    )
}

fn alone(adjust: impl Fn(usize, &mut Config)) -> World {
    World::adjusted(1, 1, GOOD, adjust)
}

impl World {
    /// What the agent answers to one message within a second.
    fn say(&mut self, text: &str) -> Vec<Message> {
        self.outside.clear();
        self.arrive(0, peer(), text.as_bytes());
        self.run_to(self.now + Duration::from_millis(400), &mut quiet());
        self.heard()
    }

    fn heard(&mut self) -> Vec<Message> {
        let sent = std::mem::take(&mut self.outside);
        sent.iter().map(|(_, octets)| read(octets).expect("ours is read").message).collect()
    }

    fn statuses(&mut self, text: &str) -> Vec<u16> {
        let status = |message: &Message| match message {
            Message::Response(response) => Some(response.status),
            Message::Request(_) => None,
        };
        self.say(text).iter().filter_map(status).collect()
    }
}

fn requests(messages: &[Message]) -> Vec<Request> {
    let request = |message: &Message| match message {
        Message::Request(request) => Some(request.clone()),
        Message::Response(_) => None,
    };
    messages.iter().filter_map(request).collect()
}

#[test]
fn requests_get_the_answers_of_the_rfc() {
    for (text, status) in [
        (request("OPTIONS", "1", ""), 200),
        (request("OPTIONS", "1", "Max-Forwards: 0\r\n"), 200),
        (request("INVITE", "1", "Max-Forwards: 0\r\n"), 483),
        (request("INVITE", "1", "Require: 100rel, nothingSupportsThis\r\n"), 420),
        (request("INVITE", "1", "Session-Expires: 30\r\nSupported: timer\r\n"), 422),
        (request("INVITE", "1", "Replaces: x;to-tag=a;from-tag=b\r\n"), 481),
        (request("BYE", "1", ""), 481),
        (request("CANCEL", "1", ""), 481),
        (request("MESSAGE", "1", ""), 405),
        (request("SUBSCRIBE", "1", ""), 405),
        (request("NEWMETHOD", "1", ""), 501),
        (request("REGISTER", "1", ""), 401),
        (request("OPTIONS", "1", "").replace("SIP/2.0\r\nVia", "SIP/7.0\r\nVia"), 505),
        (request("OPTIONS", "1", "").replace("CSeq: 1 OPTIONS", "CSeq: 1 INVITE"), 400),
        (request("OPTIONS", "1", "").replace("OPTIONS sip:", "OPTIONS nobody:"), 416),
        (request("BYE", "1", "").replace("To: <", "To: <sip:x@y>;tag=gone\r\nX: <"), 481),
    ] {
        let mut world = alone(|_, _| {});
        let statuses = world.statuses(&text);
        assert_eq!(statuses.last(), Some(&status), "{text}");
        let again = world.statuses(&text);
        assert_eq!(again.last(), Some(&status), "a repetition gets the same: {text}");
    }
}

#[test]
fn a_body_that_is_no_description_is_refused() {
    for (kind, body, status) in
        [("application/unknown", "hello", 415), ("application/sdp", "hello", 400)]
    {
        let fields = format!("Content-Type: {kind}\r\n");
        let text = request("INVITE", "1", &fields)
            .replace("Content-Length: 0\r\n\r\n", &format!("Content-Length: 5\r\n\r\n{body}"));
        assert_eq!(alone(|_, _| {}).statuses(&text).last(), Some(&status));
    }
}

#[test]
fn the_same_request_by_two_ways_is_merged() {
    let mut world = alone(|_, _| {});
    assert_eq!(world.statuses(&request("INVITE", "one", "")), [100]);
    assert_eq!(world.statuses(&request("INVITE", "two", "")), [482]);
    let calls = world.events.iter().filter(|(_, event)| matches!(event, Event::Incoming(_)));
    assert_eq!(calls.count(), 1);
}

#[test]
fn a_peer_of_rfc_2543_without_branch_and_tag_is_served() {
    let mut world = alone(|_, _| {});
    let old = request("INVITE", "", "").replace(";rport;branch=z9hG4bK", "").replace(";tag=p", "");
    assert_eq!(world.statuses(&old), [100]);
    assert_eq!(world.statuses(&old), [100], "a repetition finds its transaction");
    let leg = world.find(|_, event| match event {
        Event::Incoming(call) => Some(call.leg),
        _ => None,
    });
    world.command(0, Command::Answer { leg, sdp: offer(0), headers: Fields::new() });
    world.run_to(world.now + Duration::from_millis(10), &mut quiet());
    let heard = world.heard();
    let Some(Message::Response(success)) = heard.last() else { panic!("{heard:?}") };
    let to = success.headers.get("To").expect("a To").to_owned();
    let ack = old
        .replace("INVITE", "ACK")
        .replace(&format!("To: <{}>", uri(0, "bob")), &format!("To: {to}"));
    assert!(world.say(&ack).is_empty());
    assert!(world.events.iter().any(|(_, event)| matches!(event, Event::Confirmed { .. })));
}

#[test]
fn responses_go_back_by_rport_or_by_via() {
    let other: SocketAddr = "198.51.100.99:7777".parse().expect("an address");
    for (text, port) in [
        (request("OPTIONS", "1", ""), 7_777),
        (request("OPTIONS", "1", "").replace(";rport", ""), 5_070),
    ] {
        let mut world = alone(|_, _| {});
        world.arrive(0, other, text.as_bytes());
        world.run_s(1, &mut quiet());
        let (to, octets) = &world.outside[0];
        assert_eq!(*to, SocketAddr::new(other.ip(), port));
        let via = read(octets).expect("read").message.headers().get("Via").map(str::to_owned);
        assert!(via.expect("a Via").contains("received=198.51.100.99"));
    }
}

#[test]
fn a_caller_behind_nat_is_called_back_where_it_came_from() {
    let mut world = alone(|_, _| {});
    let natted = request("INVITE", "1", "")
        .replace(&format!("UDP {PEER}"), "UDP 10.0.0.5:5060")
        .replace(&format!("<sip:peer@{PEER}>"), "<sip:peer@10.0.0.5:5060>");
    world.say(&natted);
    let leg = world.find(|_, event| match event {
        Event::Incoming(call) => Some(call.leg),
        _ => None,
    });
    world.command(0, Command::Answer { leg, sdp: offer(0), headers: Fields::new() });
    world.run_to(world.now + Duration::from_millis(10), &mut quiet());
    let success = world.heard();
    let to = success[0].headers().get("To").expect("a To").to_owned();
    let ack = natted
        .replace("INVITE", "ACK")
        .replace("z9hG4bK1", "z9hG4bK2")
        .replace(&format!("To: <{}>", uri(0, "bob")), &format!("To: {to}"));
    world.say(&ack);
    world.command(0, hangup(leg));
    world.run_to(world.now + Duration::from_millis(10), &mut quiet());
    let (to, octets) = world.outside.last().expect("a BYE");
    assert_eq!(*to, peer());
    assert!(octets.starts_with(b"BYE sip:peer@10.0.0.5:5060 SIP/2.0"));
}

/// Responses of two forks to the agent's INVITE.
fn fork(invite: &Request, tag: &str, status: u16, more: &str) -> String {
    let field = |name| invite.headers.get(name).expect("a field").to_owned();
    format!(
        "SIP/2.0 {status} X\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag={tag}\r\nCall-ID: {}\r\n\
         CSeq: {}\r\nContact: <sip:{tag}@{PEER}>\r\n{more}Content-Length: 0\r\n\r\n",
        field("Via"),
        field("From"),
        field("To"),
        field("Call-ID"),
        field("CSeq"),
    )
}

fn call_peer(world: &mut World) -> Request {
    let mut draft = invite(0, 7, 0);
    draft.target = Uri::sip(Some("peer"), "198.51.100.7", Some(5070));
    world.command(0, Command::Invite(draft));
    world.run_to(world.now + Duration::from_millis(10), &mut quiet());
    requests(&world.heard()).pop().expect("an INVITE")
}

#[test]
fn the_first_fork_that_answers_wins_and_others_are_ended() {
    let mut world = alone(|_, _| {});
    let invite = call_peer(&mut world);
    for tag in ["one", "two", "three"] {
        assert!(world.say(&fork(&invite, tag, 180, "")).is_empty());
    }
    let acks = requests(&world.say(&fork(&invite, "two", 200, "")));
    assert_eq!(acks.len(), 1);
    assert_eq!((&acks[0].method, acks[0].uri.user().as_deref()), (&Method::Ack, Some("two")));
    let ended = requests(&world.say(&fork(&invite, "one", 200, "")));
    let methods: Vec<&Method> = ended.iter().map(|request| &request.method).collect();
    assert_eq!(methods, [&Method::Ack, &Method::Bye]);
    let again = requests(&world.say(&fork(&invite, "two", 200, "")));
    assert!(again.iter().any(|request| request.method == Method::Ack), "acknowledged again");
    let answers = world.events.iter().filter(|(_, event)| matches!(event, Event::Answered { .. }));
    assert_eq!(answers.count(), 1);
}

#[test]
fn reliable_provisional_responses_are_acknowledged_in_order() {
    let mut world = alone(|_, _| {});
    let invite = call_peer(&mut world);
    let reliable =
        |rseq: u32| fork(&invite, "a", 183, &format!("Require: 100rel\r\nRSeq: {rseq}\r\n"));
    let pracks = requests(&world.say(&reliable(5)));
    assert_eq!(pracks[0].headers.get("RAck"), Some("5 1 INVITE"));
    let told = |world: &World| {
        world.events.iter().filter(|(_, event)| matches!(event, Event::Progress { .. })).count()
    };
    world.outside.clear();
    let is_new = |messages: &[Message], rseq: &str| {
        let rack = format!("{rseq} 1 INVITE");
        requests(messages).iter().any(|p| p.headers.get("RAck") == Some(rack.as_str()))
    };
    let out_of_order = world.say(&reliable(9));
    assert!(!is_new(&out_of_order, "9"), "one is missing before it");
    let next = world.say(&reliable(6));
    assert!(is_new(&next, "6"));
    assert_eq!(told(&world), 2);
}

#[test]
fn a_record_route_is_followed_and_strict_routers_too() {
    for (route, uri, routes) in [
        (
            "<sip:198.51.100.8:5060;lr>",
            "sip:a@198.51.100.7:5070",
            vec!["<sip:198.51.100.8:5060;lr>"],
        ),
        ("<sip:198.51.100.8:5060>", "sip:198.51.100.8:5060", vec!["<sip:a@198.51.100.7:5070>"]),
    ] {
        let mut world = alone(|_, _| {});
        let invite = call_peer(&mut world);
        world.say(&fork(&invite, "a", 200, &format!("Record-Route: {route}\r\n")));
        world.command(0, hangup(LegId(7)));
        world.run_to(world.now + Duration::from_millis(10), &mut quiet());
        let (to, octets) = world.outside.last().expect("a BYE").clone();
        assert_eq!(to.to_string(), "198.51.100.8:5060");
        let Message::Request(bye) = read(&octets).expect("read").message else { panic!() };
        assert_eq!((bye.uri.to_string().as_str(), bye.headers.all("Route")), (uri, routes));
    }
}

#[test]
fn strangers_get_what_is_configured() {
    let statuses = |strangers, text: &str| {
        let mut world = alone(move |_, config| config.strangers = strangers);
        world.statuses(text)
    };
    for method in ["INVITE", "OPTIONS", "REGISTER"] {
        let text = request(method, "1", "");
        assert_eq!(statuses(Strangers::Ignore, &text), [0_u16; 0]);
        assert_eq!(statuses(Strangers::Refuse, &text), [403]);
        assert_eq!(statuses(Strangers::Challenge, &text), [401]);
        let scanner = request(method, "1", "User-Agent: friendly-scanner\r\n");
        assert_eq!(statuses(Strangers::Admit, &scanner), [0_u16; 0]);
    }
}

#[test]
fn a_flood_is_not_answered_and_keeps_nothing() {
    let mut world = alone(|_, config| {
        config.limits.per_second = 10;
        config.limits.burst = 20;
        config.strangers = Strangers::Challenge;
    });
    for call in 0..2_000 {
        let text = request("INVITE", &call.to_string(), "");
        world.arrive(0, peer(), text.as_bytes());
    }
    world.run_s(1, &mut quiet());
    assert!(world.outside.len() <= 30, "{}", world.outside.len());
    assert_eq!(world.agents[0].transactions(), 0);
}

#[test]
fn beyond_the_limit_of_transactions_requests_are_refused() {
    let mut world = alone(|_, config| config.transactions_max = 1);
    let busy = request("INVITE", "1", "");
    assert_eq!(world.statuses(&busy), [100]);
    assert_eq!(world.statuses(&request("OPTIONS", "2", "").replace("c1", "c2")), [503]);
}

#[test]
fn stray_messages_change_nothing() {
    let mut world = alone(|_, _| {});
    let invite = call_peer(&mut world);
    let stray = fork(&invite, "a", 200, "").replace("z9hG4bK", "z9hG4bKx");
    assert!(world.say(&stray).iter().all(|message| matches!(message, Message::Request(_))));
    let before = world.events.len();
    for text in [request("ACK", "1", ""), "\r\n\r\n".to_owned(), "garbage".to_owned()] {
        let heard = world.say(&text);
        let answered = heard.iter().any(|message| matches!(message, Message::Response(_)));
        assert!(!answered, "{text}");
    }
    assert_eq!(world.events.len(), before);
}
