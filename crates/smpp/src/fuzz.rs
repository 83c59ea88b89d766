//! What a fuzzer calls: any text is counted and split, and nothing of it is lost; any octets are
//! read as PDUs, receipts, headers and streams, or refused.

use base::Instant;

use crate::pdu::{self, Body, ESM_RECEIPT, ShortMessage};
use crate::session::{Session, Timing};
use crate::text::octets::{self, Alphabet};
use crate::text::{Encoding, segments, split};
use crate::{receipt, udh};

/// What is read as a PDU, written again and read again is the same.
pub fn pdu(data: &[u8]) {
    let Ok(read) = pdu::decode(data) else { return };
    let mut written = Vec::new();
    read.encode(&mut written);
    let again = pdu::decode(&written).expect("what we write can be read");
    assert_eq!((again.sequence, again.body.command()), (read.sequence, read.body.command()));
    if let Body::SubmitSm(message) | Body::DeliverSm(message) = &read.body {
        self::message(message);
    }
}

fn message(message: &ShortMessage) {
    let (part, text) = udh::of(message);
    assert!(part.is_none_or(|part| part.index >= 1 && part.index <= part.total));
    let header = message.payload().len() - text.len();
    for alphabet in [Alphabet::Gsm, Alphabet::GsmPacked, Alphabet::Latin1, Alphabet::Ucs2] {
        let text = octets::decode(text, message.data_coding, alphabet, header);
        receipt::read(message, &text);
    }
}

/// Any text may claim to be a receipt.
pub fn receipt(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let message = ShortMessage { esm_class: ESM_RECEIPT, ..ShortMessage::default() };
    if let Some(receipt) = receipt::read(&message, &text) {
        assert!(!receipt.id.is_empty() && !receipt.id.contains(' '));
    }
}

/// A stream ends a session or leaves it alive, and its answers make sense.
pub fn stream(data: &[u8]) {
    let now = Instant::default();
    let mut session = Session::new(Timing::default(), now);
    let mut heard = Vec::new();
    session.request(now, 1, Body::EnquireLink);
    let half = data.len() / 2;
    session.receive(now, &data[..half], &mut heard);
    session.receive(now, &data[half..], &mut heard);
    let mut framer = crate::frame::Framer::default();
    framer.push(&session.take_output());
    while let Some(octets) = framer.next_pdu().expect("our own stream is whole") {
        pdu::decode(octets).expect("our own PDU is read");
    }
}

/// Counting and splitting agree, and the parts make the whole.
pub fn text(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for smart in [false, true] {
        let counted = segments(&text, smart);
        let parts = split(&text, smart);
        assert_eq!(parts.len(), counted.count as usize, "{text:?}");
        if !smart {
            assert_eq!(parts.concat(), text, "nothing is lost");
        }
        let bound = match (counted.encoding, parts.len()) {
            (Encoding::Gsm7, 1) => 160,
            (Encoding::Gsm7, _) => 153,
            (Encoding::Ucs2, 1) => 70,
            (Encoding::Ucs2, _) => 67,
        };
        for part in &parts {
            let units = match counted.encoding {
                Encoding::Gsm7 => part.chars().count(),
                Encoding::Ucs2 => part.encode_utf16().count(),
            };
            assert!(units <= bound, "{units} units in a part of {bound}");
        }
    }
}

#[cfg(test)]
mod tests {
    use machine::fuzz::mutations;

    /// PDUs of each kind, as octets.
    fn pdus() -> Vec<Vec<u8>> {
        use crate::pdu::{Address, Bind, ESM_RECEIPT, ESM_UDH, Mode, Pdu, Tlv, tlv};
        let address = |digits: &str| Address { ton: 1, npi: 1, digits: digits.to_owned() };
        let text = |esm_class, octets: &[u8]| super::ShortMessage {
            source: address("447700900123"),
            destination: address("15550001111"),
            esm_class,
            octets: octets.to_vec(),
            tlvs: vec![
                Tlv::new(tlv::RECEIPTED_MESSAGE_ID, b"a1f\0".to_vec()),
                Tlv::new(tlv::MESSAGE_STATE, [2]),
            ],
            ..super::ShortMessage::default()
        };
        let receipt = b"id:a1f sub:001 dlvrd:001 stat:DELIVRD err:000 text:Hello";
        let bind = Bind {
            mode: Mode::Transceiver,
            system_id: "trunk".to_owned(),
            password: "secret".to_owned(),
            system_type: String::new(),
            version: 0x34,
            range: Address::default(),
        };
        let bodies = [
            super::Body::Bind(bind),
            super::Body::SubmitSm(Box::new(text(ESM_UDH, b"\x05\0\x03\x09\x02\x01hi"))),
            super::Body::DeliverSm(Box::new(text(ESM_RECEIPT, receipt))),
            super::Body::DataSm(Box::new(text(0, b""))),
            super::Body::SubmitSmResp { message_id: "a1f".to_owned() },
            super::Body::Unbind,
        ];
        let encode = |body| {
            let mut octets = Vec::new();
            Pdu::request(7, body).encode(&mut octets);
            octets
        };
        bodies.into_iter().map(encode).collect()
    }

    #[test]
    fn mutated_pdus_and_streams_are_read_or_refused() {
        let pdus = pdus();
        let seeds: Vec<&[u8]> = pdus.iter().map(Vec::as_slice).collect();
        mutations(&seeds, 200_000, super::pdu);
        let whole = pdus.concat();
        mutations(&[&seeds[..], &[whole.as_slice()]].concat(), 100_000, super::stream);
    }

    #[test]
    fn mutated_receipts_are_read_or_refused() {
        let seeds: [&[u8]; 3] = [
            b"id:0123456789 sub:001 dlvrd:001 submit date:0610190851 done date:0610190951 stat:DELIVRD err:000 text:Hello",
            b"ID: 7f Stat:UNDELIVERABLE ERR:text:",
            b"id:\xf0\x9f\x98\x80 stat:",
        ];
        mutations(&seeds, 200_000, super::receipt);
    }

    #[test]
    fn mutated_texts_are_counted_and_split() {
        let long = "[]{}€ The quick brown fox — “jumps” over the lazy dog. ".repeat(6);
        let emoji = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} é ".repeat(20);
        let plain = "a".repeat(161);
        let seeds: [&[u8]; 4] = [long.as_bytes(), emoji.as_bytes(), plain.as_bytes(), b""];
        mutations(&seeds, 60_000, super::text);
    }
}
