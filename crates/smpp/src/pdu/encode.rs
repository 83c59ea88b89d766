//! Values into octets.

use super::{Address, Body, Pdu, ShortMessage};

pub(super) fn encode(pdu: &Pdu, into: &mut Vec<u8>) {
    let start = into.len();
    into.extend([0; 4]);
    into.extend(pdu.body.command().to_be_bytes());
    into.extend(pdu.status.to_be_bytes());
    into.extend(pdu.sequence.to_be_bytes());
    body(&pdu.body, pdu.status, into);
    let length = u32::try_from(into.len() - start).unwrap_or(u32::MAX);
    into[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

fn body(body: &Body, status: u32, into: &mut Vec<u8>) {
    match body {
        Body::Bind(bind) => {
            text(&bind.system_id, into);
            text(&bind.password, into);
            text(&bind.system_type, into);
            into.push(bind.version);
            address(&bind.range, into);
        }
        Body::BindResp { system_id, .. } => text(system_id, into),
        Body::Outbind { system_id, password } => {
            text(system_id, into);
            text(password, into);
        }
        Body::SubmitSm(message) | Body::DeliverSm(message) => short_message(message, into),
        // A response that refuses has no body (SMPP 3.4 §4.4.2).
        Body::SubmitSmResp { message_id } | Body::DataSmResp { message_id } if status == 0 => {
            text(message_id, into);
        }
        Body::DeliverSmResp => into.push(0),
        Body::DataSm(message) => data_sm(message, into),
        Body::SubmitSmResp { .. }
        | Body::DataSmResp { .. }
        | Body::EnquireLink
        | Body::EnquireLinkResp
        | Body::Unbind
        | Body::UnbindResp
        | Body::GenericNack
        | Body::Other { .. } => {}
    }
}

fn short_message(message: &ShortMessage, into: &mut Vec<u8>) {
    text(&message.service_type, into);
    address(&message.source, into);
    address(&message.destination, into);
    into.extend([message.esm_class, message.protocol_id, message.priority]);
    text(&message.schedule, into);
    text(&message.validity, into);
    into.extend([message.registered_delivery, message.replace]);
    into.extend([message.data_coding, message.default_id]);
    let octets = &message.octets[..message.octets.len().min(255)];
    into.push(u8::try_from(octets.len()).unwrap_or(u8::MAX));
    into.extend(octets);
    message.tlvs.iter().for_each(|tlv| tlv.encode(into));
}

fn data_sm(message: &ShortMessage, into: &mut Vec<u8>) {
    text(&message.service_type, into);
    address(&message.source, into);
    address(&message.destination, into);
    into.extend([message.esm_class, message.registered_delivery, message.data_coding]);
    message.tlvs.iter().for_each(|tlv| tlv.encode(into));
}

fn address(address: &Address, into: &mut Vec<u8>) {
    into.extend([address.ton, address.npi]);
    text(&address.digits, into);
}

/// A C-string of Latin-1; what Latin-1 has not is a question mark, a NUL ends it early.
fn text(text: &str, into: &mut Vec<u8>) {
    let octets = text.chars().take_while(|character| *character != '\0');
    into.extend(octets.map(|character| u8::try_from(u32::from(character)).unwrap_or(b'?')));
    into.push(0);
}
