//! Descriptions, offers and answers.

use super::*;

fn local() -> Local {
    Local {
        address: "192.0.2.9".parse().expect("an address"),
        port: 20_000,
        codecs: vec![Codec::pcmu(), Codec::pcma(), Codec::events(101, 8_000)],
        ptime_ms: 20,
        direction: Direction::SendRecv,
        rtcp_mux: true,
    }
}

const OFFER: &str = "v=0\r\no=bob 2890844730 2890844730 IN IP4 host.example.com\r\ns=\r\n\
    c=IN IP4 198.51.100.1\r\nt=0 0\r\nm=video 5000 RTP/AVP 31\r\n\
    m=audio 49170 RTP/AVP 96 8 0 97\r\na=rtpmap:96 opus/48000/2\r\n\
    a=rtpmap:97 telephone-event/8000\r\n\
    a=fmtp:97 0-16\r\na=ptime:30\r\na=sendonly\r\nm=audio 49180 RTP/AVP 0\r\n";

#[test]
fn an_answer_keeps_lines_order_and_numbers() {
    let offer = read(OFFER.as_bytes()).expect("read");
    let (answer, agreed) = answer(&offer, &local()).expect("common");
    let text = String::from_utf8(write(&answer)).expect("text");
    assert_eq!(answer.medias.len(), 3, "{text}");
    let ports: Vec<u16> = answer.medias.iter().map(|media| media.port).collect();
    assert_eq!(ports, [0, 20_000, 0]);
    assert_eq!(answer.medias[1].fmt, "8 0 97");
    assert_eq!((agreed.line, agreed.codec.name.as_str(), agreed.ptime_ms), (1, "PCMA", 30));
    assert_eq!(agreed.events.as_ref().map(|events| events.payload_type), Some(97));
    assert_eq!(agreed.direction, Direction::RecvOnly);
    assert_eq!(agreed.remote, Some("198.51.100.1:49170".parse().expect("an address")));
    assert_eq!(agreed.remote_rtcp, Some("198.51.100.1:49171".parse().expect("an address")));
    assert!(!agreed.rtcp_mux && !text.contains("rtcp-mux"), "not offered, so not answered");
}

#[test]
fn an_offer_and_its_answer_agree_on_both_sides() {
    let (ours, theirs) = (local(), Local { port: 30_000, ..local() });
    let offered = offer(&ours, None);
    let (answered, there) = answer(&offered, &theirs).expect("common");
    let here = agree(&offered, &answered, &ours).expect("common");
    assert_eq!(
        (here.remote.map(|at| at.port()), there.remote.map(|at| at.port())),
        (Some(30_000), Some(20_000))
    );
    assert!(here.rtcp_mux && there.rtcp_mux);
    assert_eq!((here.codec, here.receives), (there.codec, there.receives));
}

#[test]
fn directions_follow_the_table_of_rfc_3264() {
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
    for (offered, wanted, answered) in [
        (SendRecv, SendRecv, SendRecv),
        (SendOnly, SendRecv, RecvOnly),
        (RecvOnly, SendRecv, SendOnly),
        (Inactive, SendRecv, Inactive),
        (SendOnly, SendOnly, Inactive),
        (SendRecv, RecvOnly, RecvOnly),
    ] {
        assert_eq!(offered.answered(wanted), answered, "{offered:?} {wanted:?}");
    }
}

#[test]
fn an_address_of_zeros_is_a_hold() {
    let held = OFFER.replace("198.51.100.1", "0.0.0.0").replace("a=sendonly\r\n", "");
    let (_, agreed) = answer(&read(held.as_bytes()).expect("read"), &local()).expect("common");
    assert_eq!(agreed.direction, Direction::RecvOnly);
}

#[test]
fn a_reoffer_keeps_the_places_of_lines() {
    let before = read(OFFER.as_bytes()).expect("read");
    let again = offer(&local(), Some(&before));
    let ports: Vec<u16> = again.medias.iter().map(|media| media.port).collect();
    assert_eq!(ports, [0, 20_000, 0]);
    assert_eq!(offer(&local(), None).medias.len(), 1);
}

#[test]
fn no_codec_in_common_is_said() {
    for bad in ["m=audio 4000 RTP/AVP 18", "m=audio 4000 RTP/SAVP 0", "m=audio 0 RTP/AVP 0"] {
        let text = format!("v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nc=IN IP4 1.2.3.4\r\n{bad}\r\n");
        let offer = read(text.as_bytes()).expect("read");
        assert_eq!(answer(&offer, &local()).map(|_| ()), Err(NoCommon), "{bad}");
    }
    // DTMF alone is no call.
    let text = OFFER.replace("96 8 0 97", "97").replace("49180", "0");
    let offer = read(text.as_bytes()).expect("read");
    assert_eq!(answer(&offer, &local()).map(|_| ()), Err(NoCommon));
}

#[test]
fn half_broken_descriptions_are_read() {
    for (good, broken) in [
        ("o=bob 2890844730", "o=my phone 2890844730"),
        ("s=\r\n", ""),
        ("t=0 0\r\n", ""),
        ("bob", "b\u{fffd}b"),
        ("2890844730 2890844730", "99999999999999999999999 99999999999999999999999"),
        ("\r\n", "\n"),
    ] {
        let read = read(OFFER.replace(good, broken).as_bytes()).expect(broken);
        assert!(answer(&read, &local()).is_ok(), "{broken}");
    }
    assert!(read(b"").is_err() && read(&vec![b'a'; SDP_MAX + 1]).is_err());
}

#[test]
fn unknown_codecs_are_kept() {
    let offer = read(OFFER.as_bytes()).expect("read");
    let opus = &codecs(&offer.medias[1])[0];
    assert_eq!((opus.name.as_str(), opus.clock_rate, opus.channels), ("opus", 48_000, 2));
}
