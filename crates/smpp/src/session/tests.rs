//! A session alone, told what the other end says.

use super::*;
use crate::pdu::decode;

fn at(secs: i64) -> Instant {
    Instant::from_secs(secs)
}

fn session() -> Session {
    Session::new(Timing::default(), at(0))
}

fn written(session: &mut Session) -> Vec<Pdu> {
    let mut framer = Framer::default();
    framer.push(&session.take_output());
    let mut pdus = Vec::new();
    while let Some(octets) = framer.next_pdu().expect("our own stream") {
        pdus.push(decode(octets).expect("our own PDU"));
    }
    pdus
}

fn hear(session: &mut Session, now: Instant, pdus: &[Pdu]) -> Vec<Heard> {
    let (mut octets, mut heard) = (Vec::new(), Vec::new());
    pdus.iter().for_each(|pdu| pdu.encode(&mut octets));
    session.receive(now, &octets, &mut heard);
    heard
}

fn taken(sequence: u32) -> Pdu {
    Pdu::response(sequence, 0, Body::SubmitSmResp { message_id: sequence.to_string() })
}

#[test]
fn responses_find_their_requests_in_any_order_and_once() {
    let mut session = session();
    for token in 0..3 {
        session.request(at(0), token, Body::SubmitSm(Box::default()));
    }
    let sent: Vec<u32> = written(&mut session).iter().map(|pdu| pdu.sequence).collect();
    assert_eq!(sent, [1, 2, 3]);
    let heard = hear(&mut session, at(1), &[taken(3), taken(1), taken(3), taken(99)]);
    let tokens: Vec<_> = heard
        .iter()
        .map(|heard| match heard {
            Heard::Response { token, .. } => *token,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(tokens, [2, 0], "twice and unknown count for nothing");
    let nack = Pdu::response(2, status::BAD_LENGTH, Body::GenericNack);
    let heard = hear(&mut session, at(1), &[nack]);
    assert!(matches!(heard[..], [Heard::Response { token: 1, status: status::BAD_LENGTH, .. }]));
}

#[test]
fn sequence_numbers_begin_again_and_skip_what_is_open() {
    let mut session = session();
    session.request(at(0), 0, Body::EnquireLink);
    session.next_sequence = 0x7fff_ffff;
    session.request(at(0), 1, Body::EnquireLink);
    session.request(at(0), 2, Body::EnquireLink);
    let sent: Vec<u32> = written(&mut session).iter().map(|pdu| pdu.sequence).collect();
    assert_eq!(sent, [1, 0x7fff_ffff, 2]);
}

#[test]
fn silence_is_asked_about_and_then_ends_the_session() {
    let mut session = session();
    let mut heard = Vec::new();
    assert_eq!(session.wake_at(), Some(at(30)));
    session.tick(at(29), &mut heard);
    assert!(written(&mut session).is_empty());
    session.tick(at(30), &mut heard);
    session.tick(at(31), &mut heard);
    assert_eq!(written(&mut session).len(), 1, "asked once");
    assert_eq!(session.wake_at(), Some(at(90)));
    session.tick(at(90), &mut heard);
    assert_eq!(heard, [Heard::Ended(Ending::Silent)]);
}

#[test]
fn what_the_other_end_asks_is_answered() {
    let mut session = session();
    let unknown = Pdu::request(8, Body::Other { command: 0x0112 });
    let heard = hear(&mut session, at(1), &[Pdu::request(7, Body::EnquireLink), unknown]);
    assert!(heard.is_empty());
    let cut = [0, 0, 0, 17, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 9, 0];
    let mut heard = Vec::new();
    session.receive(at(1), &cut, &mut heard);
    let answers = written(&mut session);
    let expected = [
        Pdu::response(7, 0, Body::EnquireLinkResp),
        Pdu::response(8, status::BAD_COMMAND, Body::GenericNack),
        Pdu::response(9, status::BAD_LENGTH, Body::GenericNack),
    ];
    assert_eq!(answers, expected);
    let heard = self::hear(&mut session, at(1), &[Pdu::request(10, Body::Unbind)]);
    assert_eq!(heard, [Heard::Ended(Ending::Unbound)]);
    assert_eq!(written(&mut session), [Pdu::response(10, 0, Body::UnbindResp)]);
}

#[test]
fn a_stream_that_makes_no_sense_is_given_up() {
    let mut session = session();
    let mut heard = Vec::new();
    session.receive(at(0), b"GET / HTTP/1.1\r\n\r\n", &mut heard);
    assert!(matches!(heard[..], [Heard::Ended(Ending::Garbled(_))]), "{heard:?}");
}
