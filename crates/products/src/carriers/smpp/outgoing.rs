//! A submission as PDUs.

use std::time::Duration;

use ::smpp::pdu::{Address, ESM_UDH, ShortMessage, Tlv, tlv};
use ::smpp::text::octets;
use ::smpp::udh::{self, Part};
use base::Instant;

use super::Settings;
use super::settings::{Long, Plan, Validity};
use crate::carriers::Submission;

/// The texts of the segments of a submission.
pub(super) fn split(settings: &Settings, submission: &Submission) -> Vec<String> {
    parts(settings, &with_links(submission))
}

fn parts(settings: &Settings, text: &str) -> Vec<String> {
    match settings.long {
        Long::Payload => vec![text.to_owned()],
        Long::Udh | Long::Sar => octets::split(text, settings.alphabet),
    }
}

/// The segments of a submission that the carrier has not yet, and how many there are altogether.
pub(super) fn segments(
    settings: &Settings,
    submission: &Submission,
    now: Instant,
) -> (u8, Vec<(u8, ShortMessage)>) {
    let text = with_links(submission);
    let fits = octets::fits(&text, settings.alphabet);
    let texts = parts(settings, &text);
    let total = u8::try_from(texts.len()).unwrap_or(u8::MAX);
    // Of the message's own name, so that it is the same when segments are submitted again.
    let reference = u16::from_be_bytes([submission.key[30], submission.key[31]]);
    let template = template(settings, submission, now);
    let open = (0..total).zip(&texts).filter(|(index, _)| !submission.done.contains(index));
    let segments = open.map(|(index, text)| {
        let part = (total > 1).then_some(Part { reference, total, index: index + 1 });
        (index, segment(settings, &template, text, fits, part))
    });
    (total, segments.collect())
}

/// SMPP carries no media: it travels as links behind the text.
fn with_links(submission: &Submission) -> String {
    let mut text = submission.body.clone();
    for link in &submission.media {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(link);
    }
    text
}

fn template(settings: &Settings, submission: &Submission, now: Instant) -> ShortMessage {
    let tlvs = settings.tlvs.iter().map(|(tag, value)| Tlv::new(*tag, value.clone()));
    ShortMessage {
        service_type: settings.service_type.clone(),
        source: address(settings, &submission.from, settings.source),
        destination: address(settings, &submission.to, settings.destination),
        validity: validity(settings.validity, submission.expires_at, now),
        registered_delivery: 1,
        tlvs: tlvs.collect(),
        ..ShortMessage::default()
    }
}

fn segment(
    settings: &Settings,
    template: &ShortMessage,
    text: &str,
    fits: bool,
    part: Option<Part>,
) -> ShortMessage {
    let mut message = template.clone();
    let header = match (settings.long, part) {
        (Long::Udh, Some(part)) => udh::header(part).to_vec(),
        _ => Vec::new(),
    };
    let (octets, data_coding) = octets::encode_as(text, settings.alphabet, fits, header.len());
    message.data_coding = data_coding;
    if let (Long::Sar, Some(part)) = (settings.long, part) {
        message.tlvs.push(Tlv::new(tlv::SAR_REFERENCE, part.reference.to_be_bytes()));
        message.tlvs.push(Tlv::new(tlv::SAR_TOTAL, [part.total]));
        message.tlvs.push(Tlv::new(tlv::SAR_PART, [part.index]));
    }
    if !header.is_empty() {
        message.esm_class |= ESM_UDH;
    }
    message.octets = [header, octets].concat();
    if message.octets.len() > 254 {
        let octets = std::mem::take(&mut message.octets);
        message.tlvs.push(Tlv::new(tlv::MESSAGE_PAYLOAD, octets));
    }
    message
}

/// Type and plan by the address's form: international, a short code, or a name.
fn address(settings: &Settings, text: &str, plan: Plan) -> Address {
    let digits = text.strip_prefix('+');
    let (ton, npi) = match digits {
        Some(_) => (1, 1),
        None if text.bytes().all(|byte| byte.is_ascii_digit()) => (3, 0),
        None => (5, 0),
    };
    let written = if settings.plus { text } else { digits.unwrap_or(text) };
    Address {
        ton: plan.ton.unwrap_or(ton),
        npi: plan.npi.unwrap_or(npi),
        digits: written.to_owned(),
    }
}

fn validity(form: Validity, expires_at: Option<Instant>, now: Instant) -> String {
    let Some(at) = expires_at else { return String::new() };
    match form {
        Validity::Omitted => String::new(),
        Validity::Relative => {
            let left = at.since(now).max(Duration::from_secs(1)).as_secs();
            let (days, hours, minutes) = (left / 86_400, left / 3_600 % 24, left / 60 % 60);
            format!("0000{days:02}{hours:02}{minutes:02}{:02}000R", left % 60)
        }
        Validity::Absolute => {
            let iso = at.to_iso8601();
            let digits: String =
                iso.chars().filter(char::is_ascii_digit).skip(2).take(12).collect();
            format!("{digits}000+")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::parse;
    use super::*;

    fn submission(body: &str) -> Submission {
        Submission {
            key: [7; 32],
            from: "+15550001111".to_owned(),
            to: "+447700900123".to_owned(),
            body: body.to_owned(),
            media: Vec::new(),
            expires_at: Some(Instant::from_secs(1_000 + 93_784)),
            done: Vec::new(),
        }
    }

    fn made(query: &str, submission: &Submission) -> Vec<ShortMessage> {
        let settings = parse(&format!("smpp://a:b@h?{query}")).expect("a good URL");
        let (_, segments) = segments(&settings, submission, Instant::from_secs(1_000));
        segments.into_iter().map(|(_, message)| message).collect()
    }

    #[test]
    fn a_short_text_is_one_pdu() {
        let [message] = &made("", &submission("Hello €"))[..] else { panic!("one") };
        assert_eq!((message.source.ton, message.source.npi), (1, 1));
        assert_eq!(message.source.digits, "15550001111");
        assert_eq!(message.octets, b"Hello \x1b\x65");
        assert_eq!((message.data_coding, message.esm_class), (0, 0));
        assert_eq!(message.validity, "000001020304000R");
        let [message] = &made("validity=absolute&plus=true", &submission("ж"))[..] else {
            panic!("one")
        };
        assert_eq!(message.validity, "700102021944000+");
        assert_eq!((message.data_coding, &message.octets[..]), (8, &[0x04, 0x36][..]));
        assert_eq!(message.destination.digits, "+447700900123");
    }

    #[test]
    fn names_and_short_codes_have_their_own_types() {
        let name = Submission { from: "ACME".to_owned(), ..submission("x") };
        assert_eq!(
            made("", &name)[0].source,
            Address { ton: 5, npi: 0, digits: "ACME".to_owned() }
        );
        let code = Submission { from: "72345".to_owned(), ..submission("x") };
        assert_eq!(
            (made("", &code)[0].source.ton, made("source_ton=6", &code)[0].source.ton),
            (3, 6)
        );
    }

    #[test]
    fn long_texts_travel_as_the_carrier_wants() {
        let text = "a".repeat(400);
        let parts = made("", &submission(&text));
        assert_eq!(parts.len(), 3);
        for (index, message) in (1..).zip(&parts) {
            let (part, _) = udh::of(message);
            assert_eq!(part, Some(Part { reference: 7, total: 3, index }));
            assert!(message.octets.len() <= 159);
        }
        let parts = made("long=sar", &submission(&text));
        let part = Part { reference: 0x0707, total: 3, index: 2 };
        assert_eq!((udh::of(&parts[1]).0, parts[1].esm_class), (Some(part), 0));
        let [whole] = &made("long=payload", &submission(&text))[..] else { panic!("one") };
        assert_eq!((whole.payload().len(), whole.octets.len()), (400, 0));
        let again = Submission { done: vec![0, 2], ..submission(&text) };
        let [open] = &made("", &again)[..] else { panic!("one is open") };
        assert_eq!(udh::of(open).0.map(|part| part.index), Some(2));
    }

    #[test]
    fn one_foreign_letter_makes_every_part_utf16() {
        let parts = made("", &submission(&format!("{}ж", "a".repeat(100))));
        assert!(parts.len() == 2 && parts.iter().all(|message| message.data_coding == 8));
        let latin = made("alphabet=latin1", &submission(&"é".repeat(141)));
        assert!(latin.len() == 2 && latin.iter().all(|message| message.data_coding == 0));
    }
}
