//! What a fuzzer calls: any octets are read as messages, descriptions, challenges and streams, or
//! refused; an agent survives all of them.

use core::net::SocketAddr;

use base::Instant;
use machine::Machine;

use crate::config::Config;
use crate::digest::{Authorization, Challenge};
use crate::frame::Framer;
use crate::io::{FlowId, Input, Listener, Output, Transport};
use crate::message::{self, Address, Uri, Via};
use crate::sdp::{self, Codec, Direction, Local};
use crate::{Agent, frame};

/// What is read without a fault, written and read again is the same.
pub fn message(data: &[u8]) {
    let Ok(read) = message::read(data) else { return };
    if read.fault.is_some() {
        return;
    }
    let again = message::read(&read.message.to_octets()).expect("what we write can be read");
    assert_eq!(again.fault, None);
    match (&read.message, &again.message) {
        (message::Message::Request(a), message::Message::Request(b)) => {
            assert_eq!((&a.method, &a.uri, &a.body), (&b.method, &b.uri, &b.body));
        }
        (message::Message::Response(a), message::Message::Response(b)) => {
            assert_eq!((a.status, &a.body), (b.status, &b.body));
        }
        (a, b) => panic!("{a:?} became {b:?}"),
    }
}

/// Addresses, URIs, Via and the fields of digest.
pub fn values(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(uri) = Uri::parse(&text) {
        let again = Uri::parse(&uri.to_string());
        assert_eq!(again.as_ref(), Ok(&uri), "{text:?}");
        uri.header_fields();
    }
    if let Some(address) = Address::parse(&text) {
        assert!(Address::parse(&address.to_string()).is_some(), "{text:?}: {address}");
    }
    if let Some(via) = Via::parse(&text) {
        assert!(Via::parse(&via.to_string()).is_some(), "{text:?}: {via}");
    }
    Challenge::parse(&text);
    Authorization::parse(&text);
}

/// A description is read, and answered or refused; an answer keeps the lines of its offer.
pub fn description(data: &[u8]) {
    let Ok(offer) = sdp::read(data) else { return };
    let local = Local {
        address: core::net::IpAddr::from([192, 0, 2, 1]),
        port: 4_000,
        codecs: vec![Codec::pcmu(), Codec::pcma(), Codec::events(101, 8_000)],
        ptime_ms: 20,
        direction: Direction::SendRecv,
        rtcp_mux: true,
    };
    if let Ok((answer, agreed)) = sdp::answer(&offer, &local) {
        assert_eq!(answer.medias.len(), offer.medias.len());
        assert!(agreed.line < answer.medias.len());
        let read = sdp::read(&sdp::write(&answer)).expect("what we write can be read");
        assert_eq!(read.medias.len(), answer.medias.len());
    }
    let ours = sdp::offer(&local, Some(&offer));
    assert!(ours.medias.len() >= offer.medias.len());
    // Whatever comes as an answer is agreed on, or not.
    let _ = sdp::agree(&ours, &offer, &local);
}

/// A stream is cut, or is out of step; no piece is lost or comes twice.
pub fn stream(data: &[u8]) {
    let pieces = |chunk: usize| {
        let (mut framer, mut found) = (Framer::default(), Vec::new());
        for octets in data.chunks(chunk) {
            framer.push(octets);
            loop {
                match framer.next_piece() {
                    Ok(Some(frame::Piece::Message(octets))) => found.push(octets),
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => return found,
                }
            }
        }
        found
    };
    assert_eq!(pieces(7), pieces(data.len().max(1)));
}

/// An agent takes any datagram, and what it sends can be read.
pub fn agent(data: &[u8]) {
    let now = Instant::from_secs(1_700_000_000);
    let bound = SocketAddr::from(([192, 0, 2, 1], 5060));
    let listener = Listener { transport: Transport::Udp, bound, advertised: None };
    let mut agent = Agent::new(Config::new(vec![listener], [1; 32]), now);
    let remote = SocketAddr::from(([192, 0, 2, 9], 5060));
    for _ in 0..2 {
        let (flow, transport, octets) = (FlowId(1), Transport::Udp, data.to_vec());
        agent.handle(now, Input::Received { flow, transport, remote, octets });
    }
    while let Some(output) = agent.poll() {
        if let Output::Send(_, octets) = output {
            message::read(&octets).expect("our own message is read");
        }
    }
}

#[cfg(test)]
mod tests {
    use machine::fuzz::mutations;

    const INVITE: &[u8] = b"INVITE sip:bob@192.0.2.1;transport=udp SIP/2.0\r\n\
        v: SIP/2.0/UDP 192.0.2.9:5060;rport\r\n ;branch=z9hG4bKa\r\n\
        Record-Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>\r\n\
        f: \"A \\\"B\\\"\" <sip:a%40b@192.0.2.9>;tag=1\r\nt: <sip:bob@192.0.2.1>\r\ni: c\r\n\
        CSeq: 1 INVITE\r\nm: <sip:a@[2001:db8::1]:5062;ob>;q=0.5\r\nk: 100rel, timer\r\n\
        x: 1800;refresher=uac\r\nMax-Forwards: 70\r\nc: application/sdp\r\nl: 3\r\n\r\nv=0";
    const RESPONSE: &[u8] = b"SIP/2.0 401 Unauthorized\r\n\
        Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa;received=1.2.3.4, SIP/2.0/TCP [::1]\r\n\
        From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: c\r\nCSeq: 9 REGISTER\r\n\
        WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth,auth-int\"\r\n\r\n";
    const REFER: &[u8] = b"REFER sip:b@h SIP/2.0\r\nVia: SIP/2.0/TCP h:5060;branch=z9hG4bKb\r\n\
        From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: c\r\nCSeq: 2 REFER\r\n\
        Refer-To: <sip:x@y?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>\r\nContent-Length: 0\r\n\r\n";

    #[test]
    fn mutated_messages_are_read_or_refused() {
        let seeds = [INVITE, RESPONSE, REFER];
        mutations(&seeds, 60_000, super::message);
        mutations(&seeds, 10_000, super::agent);
        let whole = seeds.concat();
        mutations(&[&whole, INVITE], 20_000, super::stream);
    }

    #[test]
    fn mutated_values_are_read_or_refused() {
        let seeds: [&[u8]; 7] = [
            b"sip:a%40b:p@[2001:db8::1]:5060;lr;transport=tcp?X-A=b%20c&d=e",
            b"tel:+15550001111;phone-context=x",
            b"\"A \\\" B\" <sip:a@b>;tag=1;expires=\"3,4\"",
            b"SIP / 2.0 / UDP host:5060 ;branch=z9hG4bK1;rport",
            b"Digest realm=\"a, b\", nonce=\"x\", algorithm=SHA-256, qop=\"auth\", stale=true",
            b"Digest username=\"u\", realm=\"r\", nonce=\"1-2-3\", uri=\"sip:x\", response=\"00\", \
              qop=auth, nc=00000001, cnonce=\"c\"",
            b"<sip:a@b>",
        ];
        mutations(&seeds, 100_000, super::values);
    }

    #[test]
    fn mutated_descriptions_are_read_or_refused() {
        let seed: &[u8] = b"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9/127\r\n\
            t=0 0\r\nm=video 0 RTP/AVP 31\r\nm=audio 4000/2 RTP/AVP 0 8 96 101\r\n\
            a=rtpmap:96 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n\
            a=ptime:20\r\na=rtcp:4001 IN IP4 192.0.2.8\r\na=rtcp-mux\r\na=sendonly\r\n";
        mutations(&[seed], 60_000, super::description);
    }
}
