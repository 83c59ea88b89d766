//! Handsets without sockets: what they answer, keep and forget.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use base::Instant;
use sip::message::{Method, Request};
use sip::sdp::{self, Codec, Direction, Local};

use crate::voice::engine::{Opened, Ports};
use crate::voice::phones::book::{Act, Book, Output};
use crate::voice::phones::call::{Behaviour, PhoneCall, State, surplus};

const PHONE: &str = "+15558675310";
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

struct Free(u64);

impl Ports for Free {
    fn open(&mut self, _: Option<media::LegId>) -> Option<Opened> {
        self.0 += 1;
        Some(Opened { leg: media::LegId(self.0), port: 20_000 + 2 * self.0 as u16 })
    }

    fn open_mixer(&mut self, _: Option<media::LegId>) -> media::MixerId {
        media::MixerId(0)
    }
}

fn incoming(leg: u64) -> sip::Event {
    let uri = sip::Uri::sip(Some(PHONE), "127.0.0.1", Some(5_070));
    let mut request = Request::new(Method::Invite, uri);
    request.headers.push("From", "<sip:+15550001111@127.0.0.1>;tag=1");
    request.headers.push("X-Twilio-CallSid", "CA00000000000000000000000000000001");
    let local = Local {
        address: LOOPBACK,
        port: 30_000,
        codecs: vec![Codec::pcmu(), Codec::events(101, 8_000)],
        ptime_ms: 20,
        direction: Direction::SendRecv,
        rtcp_mux: false,
    };
    sip::Event::Incoming(Box::new(sip::Incoming {
        leg: sip::LegId(leg),
        request,
        source: (LOOPBACK, 5_060).into(),
        transport: sip::io::Transport::Udp,
        offer: Some(sdp::offer(&local, None)),
        authenticated: None,
        gateway: None,
        replaces: None,
    }))
}

fn book() -> Book {
    Book::new(LOOPBACK, Box::new(Free(0)))
}

fn outputs(book: &mut Book) -> Vec<String> {
    let name = |output: Output| match output {
        Output::Sip(command) => {
            format!("{command:?}").split([' ', '(']).next().unwrap_or("").to_owned()
        }
        Output::Media(command) => format!("{command:?}").split('(').next().unwrap_or("").to_owned(),
        Output::News(..) => "News".to_owned(),
        Output::Wake(_, ms) => format!("Wake {ms}"),
    };
    std::iter::from_fn(|| book.poll()).map(name).collect()
}

#[test]
fn a_handset_rings_is_answered_hears_digits_and_ends() {
    let (mut book, now) = (book(), Instant::from_secs(1));
    book.sip(incoming(1 << 63), now);
    assert_eq!(outputs(&mut book), ["Progress", "News"]);
    let call = book.find(PHONE, None).expect("a live call");
    let sid = "CA00000000000000000000000000000001";
    assert_eq!((call.state, call.sid.as_deref()), (State::Ringing, Some(sid)));
    assert_eq!(call.peer, "+15550001111");
    let id = call.id;
    let too_early = book.act(id, Act::Digits("1".to_owned()), now);
    assert_eq!(too_early.map_err(|error| error.code), Err(21220));
    book.act(id, Act::Answer, now).expect("it rings");
    assert_eq!(outputs(&mut book), ["Update", "Answer", "Tap", "News"]);
    book.media(media::LegId(1), media::Event::Digit { digit: '7' });
    let samples = vec![5; 800];
    book.media(media::LegId(1), media::Event::Tapped { tap: media::TapId(id), samples });
    let prompt = Arc::new(media::Prompt::from_samples(&[1; 160]));
    book.act(id, Act::Play(prompt), now).expect("it is answered");
    assert_eq!(outputs(&mut book), ["News", "Play"]);
    let (leg, by, reason) = (sip::LegId(1 << 63), sip::By::Them, None);
    let headers = sip::message::Headers::default();
    book.sip(sip::Event::Ended { leg, by, status: 200, reason, headers }, now);
    assert_eq!(outputs(&mut book), ["Close", "News"]);
    let call = book.find(PHONE, Some(id)).expect("it is remembered");
    assert_eq!((call.state, call.ended_by, call.status), (State::Ended, Some("them"), 200));
    assert_eq!((call.digits.as_str(), call.heard.len()), ("7", 800));
    assert_eq!(book.act(id, Act::HangUp, now).map_err(|error| error.code), Err(21220));
}

#[test]
fn a_handset_does_by_itself_what_it_was_told() {
    let (mut book, now) = (book(), Instant::from_secs(1));
    for (leg, behaviour, status) in
        [(1, Behaviour::Busy, 486), (2, Behaviour::Decline, 603), (3, Behaviour::Unreachable, 404)]
    {
        book.behave(PHONE, behaviour, 0);
        book.sip(incoming(leg | 1 << 63), now);
        assert_eq!(outputs(&mut book), ["Reject", "News"]);
        let last = book.of(PHONE).last().expect("a call");
        assert_eq!((last.state, last.status), (State::Ended, status));
    }
    book.behave(PHONE, Behaviour::Answer, 250);
    book.sip(incoming(4 | 1 << 63), now);
    assert_eq!(outputs(&mut book), ["Progress", "News", "Wake 250"]);
    let id = book.find(PHONE, None).expect("it rings").id;
    book.woken(id, now);
    assert_eq!(book.find(PHONE, None).map(|call| call.state), Some(State::Answered));
    book.behave(PHONE, Behaviour::Ignore, 0);
    assert_eq!(book.behaviour(PHONE), (Behaviour::Ignore, 0));
}

#[test]
fn the_oldest_calls_that_are_over_are_forgotten() {
    let now = Instant::from_secs(1);
    let call = |id: u64, over: bool, heard: usize| {
        let mut call = PhoneCall::new(id, sip::LegId(id), PHONE, "+1", now);
        call.state = if over { State::Ended } else { State::Answered };
        call.hear(&vec![0; heard]);
        call
    };
    let calls = [call(1, false, 10), call(2, true, 10), call(3, true, 10), call(4, true, 10)];
    assert!(surplus(calls.iter(), 4, 40).is_empty());
    assert_eq!(surplus(calls.iter(), 3, 40), [2]);
    assert_eq!(surplus(calls.iter(), 4, 20), [2, 3]);
    assert_eq!(surplus(calls.iter(), 0, 0), [2, 3, 4], "what is live stays");
}
