//! PDUs there and back, and what carriers really send.

use super::*;

fn sample() -> ShortMessage {
    ShortMessage {
        service_type: "CMT".to_owned(),
        source: Address { ton: 5, npi: 0, digits: "Café".to_owned() },
        destination: Address { ton: 1, npi: 1, digits: "447700900123".to_owned() },
        esm_class: ESM_UDH,
        priority: 1,
        validity: "000000010000000R".to_owned(),
        registered_delivery: 1,
        data_coding: 8,
        octets: b"\x05\0\x03\x01\x02\x01hi".to_vec(),
        tlvs: vec![Tlv::new(0x1401, b"vendor".to_vec())],
        ..ShortMessage::default()
    }
}

fn round_trip(pdu: &Pdu) -> Pdu {
    let mut octets = Vec::new();
    pdu.encode(&mut octets);
    assert_eq!(octets[..4], u32::try_from(octets.len()).expect("small").to_be_bytes());
    decode(&octets).expect("our own PDU is read")
}

#[test]
fn every_pdu_survives_the_round_trip() {
    let bind = |mode| {
        Body::Bind(Bind {
            mode,
            system_id: "trunk".to_owned(),
            password: "secret".to_owned(),
            system_type: "VMS".to_owned(),
            version: 0x34,
            range: Address { ton: 1, npi: 1, digits: "^44".to_owned() },
        })
    };
    let data = ShortMessage {
        octets: Vec::new(),
        priority: 0,
        validity: String::new(),
        tlvs: vec![Tlv::new(tlv::MESSAGE_PAYLOAD, b"hi".to_vec())],
        ..sample()
    };
    assert_eq!(data.payload(), b"hi");
    let id = || "7f".to_owned();
    let bodies = [
        bind(Mode::Receiver),
        bind(Mode::Transmitter),
        bind(Mode::Transceiver),
        Body::BindResp { mode: Mode::Transceiver, system_id: id() },
        Body::Outbind { system_id: id(), password: id() },
        Body::SubmitSm(Box::new(sample())),
        Body::SubmitSmResp { message_id: id() },
        Body::DeliverSm(Box::new(sample())),
        Body::DeliverSmResp,
        Body::DataSm(Box::new(data)),
        Body::DataSmResp { message_id: id() },
        Body::EnquireLink,
        Body::EnquireLinkResp,
        Body::Unbind,
        Body::UnbindResp,
        Body::GenericNack,
        Body::Other { command: 0x0112 },
    ];
    for (sequence, body) in (1..).zip(bodies) {
        let pdu = Pdu::request(sequence, body);
        assert_eq!(round_trip(&pdu), pdu);
    }
}

#[test]
fn a_refusing_response_has_no_body() {
    let refused = Body::SubmitSmResp { message_id: String::new() };
    let pdu = Pdu::response(9, status::THROTTLED, refused);
    let mut octets = Vec::new();
    pdu.encode(&mut octets);
    assert_eq!(octets.len(), 16);
    assert_eq!(decode(&octets), Ok(pdu));
}

/// What carriers send and the standard does not allow: the receipt in it still counts.
#[test]
fn carriers_are_read_leniently() {
    let mut long = sample();
    long.source.digits = "4".repeat(40);
    let mut octets = Vec::new();
    Pdu::request(1, Body::DeliverSm(Box::new(long.clone()))).encode(&mut octets);
    octets.extend(b"\x00\x1e\x00\x03abc\x04\x27\x00\x09\x02");
    let read = decode(&octets).expect("a long sender and a cut-off parameter are no reason");
    let Body::DeliverSm(message) = read.body else { panic!("{read:?}") };
    assert_eq!(message.source, long.source);
    let id = tlv::text(&message.tlvs, tlv::RECEIPTED_MESSAGE_ID);
    assert_eq!(id.as_deref(), Some("abc"), "without its NUL");
    assert_eq!(tlv::number(&message.tlvs, tlv::MESSAGE_STATE), None);

    let without_nul = [&[0, 0, 0, 19, 0x80, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 7][..], b"a1f"].concat();
    let read = decode(&without_nul).expect("an id may end with the PDU");
    assert_eq!(read.body, Body::SubmitSmResp { message_id: "a1f".to_owned() });
}

#[test]
fn what_ends_early_is_answered_by_its_own_sequence() {
    let mut octets = Vec::new();
    Pdu::request(77, Body::SubmitSm(Box::new(sample()))).encode(&mut octets);
    let error = decode(&octets[..40]).expect_err("cut in the middle of the text's fields");
    assert_eq!(error, DecodeError { command: 4, sequence: 77, status: status::BAD_LENGTH });
    assert_eq!(decode(&octets[..10]).expect_err("cut in the header").sequence, 0);
}
