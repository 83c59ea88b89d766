//! What a carrier delivers: receipts, texts, parts of texts.

use ::smpp::pdu::{Address, ShortMessage};
use ::smpp::text::octets;
use ::smpp::{receipt, udh};
use base::Instant;

use super::settings::IdBase;
use super::{Settings, codes};
use crate::carriers::{Inbound, Receipt};

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    Receipt(Receipt),
    Text(Inbound),
    /// Nothing to be done: more will follow.
    Progress,
}

pub(super) fn read(settings: &Settings, message: &ShortMessage, now: Instant) -> Incoming {
    let (part, octets) = udh::of(message);
    let header = message.payload().len() - octets.len();
    let text = octets::decode(octets, message.data_coding, settings.alphabet, header);
    if let Some(receipt) = receipt::read(message, &text) {
        let Some(status) = codes::word(settings, &receipt) else { return Incoming::Progress };
        return Incoming::Receipt(Receipt {
            reference: reference(&receipt.id, settings.receipt_ids),
            key: None,
            // A receipt comes from the recipient to the sender.
            sender: number(&message.destination),
            recipient: number(&message.source),
            excerpt: receipt.excerpt,
            status,
            done_at: now,
        });
    }
    Incoming::Text(Inbound {
        from: number(&message.source),
        to: number(&message.destination),
        body: text,
        media: Vec::new(),
        id: String::new(),
        part,
    })
}

/// An id in the form that responses and receipts have in common.
pub(super) fn reference(id: &str, base: IdBase) -> String {
    let radix = match base {
        IdBase::Text => return id.to_owned(),
        IdBase::Decimal => 10,
        IdBase::Hex => 16,
    };
    // Longer ones than numbers go: as they are, without the zeros in front.
    u128::from_str_radix(id.trim(), radix)
        .map_or_else(|_| id.trim_start_matches('0').to_ascii_lowercase(), |id| id.to_string())
}

/// Carriers leave the `+` out, and often the type as well.
fn number(address: &Address) -> String {
    let digits = address.digits.trim_start_matches("00");
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // Short codes have 3 to 6 digits, international numbers 7 to 15.
    if all_digits && (address.ton == 1 || digits.len() > 6) {
        format!("+{digits}")
    } else {
        address.digits.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::parse;
    use super::*;
    use ::smpp::pdu::{ESM_RECEIPT, ESM_UDH};

    fn message(text: &[u8], esm_class: u8) -> ShortMessage {
        let address = |ton, digits: &str| Address { ton, npi: 1, digits: digits.to_owned() };
        ShortMessage {
            source: address(1, "447700900123"),
            destination: address(0, "15550001111"),
            esm_class,
            octets: text.to_vec(),
            ..ShortMessage::default()
        }
    }

    #[test]
    fn receipts_name_the_message_as_its_response_did() {
        let settings = parse("smpp://a:b@h?response_ids=hex&receipt_ids=dec&err=027:30007");
        let settings = settings.expect("a good URL");
        assert_eq!(reference("00000a1F", settings.response_ids), "2591");
        let text = b"id:0000002591 stat:UNDELIV err:027 text:Hello";
        let Incoming::Receipt(receipt) =
            read(&settings, &message(text, ESM_RECEIPT), Instant::default())
        else {
            panic!("a receipt")
        };
        assert_eq!(receipt.reference, "2591");
        assert_eq!(receipt.status, crate::carriers::ReceiptStatus::Undelivered(30007));
        assert_eq!((&*receipt.sender, &*receipt.recipient), ("+15550001111", "+447700900123"));
        assert_eq!(receipt.excerpt, "Hello");
        let enroute = message(b"id:1 stat:ENROUTE", ESM_RECEIPT);
        assert_eq!(read(&settings, &enroute, Instant::default()), Incoming::Progress);
    }

    #[test]
    fn texts_and_parts_come_in() {
        let settings = parse("smpp://a:b@h").expect("a good URL");
        let read = |message: &ShortMessage| match read(&settings, message, Instant::default()) {
            Incoming::Text(text) => (text.body, text.part.map(|part| (part.index, part.total))),
            other => panic!("{other:?}"),
        };
        assert_eq!(read(&message(b"hi \x00", 0)), ("hi @".to_owned(), None));
        let part = message(b"\x05\x00\x03\x09\x02\x01hi", ESM_UDH);
        assert_eq!(read(&part), ("hi".to_owned(), Some((1, 2))));
        let short = Address { ton: 0, npi: 0, digits: "72345".to_owned() };
        assert_eq!(number(&short), "72345");
    }
}
