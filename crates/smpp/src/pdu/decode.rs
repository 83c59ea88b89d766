//! Octets into values.

use super::{Address, Bind, Body, Mode, Pdu, RESPONSE, ShortMessage, Tlv, status};

/// Why a PDU could not be read. What is known of its header is told, so that it can be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a PDU of command {command:#010x} ends early")]
pub struct DecodeError {
    /// The command; 0 when even that is missing.
    pub command: u32,
    /// The sequence number; 0 when even that is missing.
    pub sequence: u32,
    /// What to answer.
    pub status: u32,
}

/// Reads one whole PDU, its length field included.
pub fn decode(octets: &[u8]) -> Result<Pdu, DecodeError> {
    let mut reader = Reader(octets);
    let header = (reader.u32(), reader.u32(), reader.u32(), reader.u32());
    let (Some(_), Some(command), Some(pdu_status), Some(sequence)) = header else {
        return Err(DecodeError { command: 0, sequence: 0, status: status::BAD_LENGTH });
    };
    let body = body(command, pdu_status, &mut reader);
    let body = body.ok_or(DecodeError { command, sequence, status: status::BAD_LENGTH })?;
    Ok(Pdu { sequence, status: pdu_status, body })
}

fn body(command: u32, pdu_status: u32, reader: &mut Reader<'_>) -> Option<Body> {
    let mode = match command & !RESPONSE {
        0x01 => Some(Mode::Receiver),
        0x02 => Some(Mode::Transmitter),
        0x09 => Some(Mode::Transceiver),
        _ => None,
    };
    if let Some(mode) = mode {
        return Some(if command & RESPONSE == 0 {
            Body::Bind(bind(mode, reader)?)
        } else {
            Body::BindResp { mode, system_id: reader.text() }
        });
    }
    Some(match command {
        0x0b => Body::Outbind { system_id: reader.text(), password: reader.text() },
        0x04 => Body::SubmitSm(Box::new(short_message(reader)?)),
        0x05 => Body::DeliverSm(Box::new(short_message(reader)?)),
        0x103 => Body::DataSm(Box::new(data_sm(reader)?)),
        0x15 => Body::EnquireLink,
        0x06 => Body::Unbind,
        0x8000_0004 => Body::SubmitSmResp { message_id: message_id(pdu_status, reader) },
        0x8000_0103 => Body::DataSmResp { message_id: message_id(pdu_status, reader) },
        0x8000_0005 => Body::DeliverSmResp,
        0x8000_0015 => Body::EnquireLinkResp,
        0x8000_0006 => Body::UnbindResp,
        RESPONSE => Body::GenericNack,
        command => Body::Other { command },
    })
}

fn message_id(pdu_status: u32, reader: &mut Reader<'_>) -> String {
    if pdu_status == status::OK { reader.text() } else { String::new() }
}

fn bind(mode: Mode, reader: &mut Reader<'_>) -> Option<Bind> {
    Some(Bind {
        mode,
        system_id: reader.text(),
        password: reader.text(),
        system_type: reader.text(),
        version: reader.u8()?,
        range: address(reader)?,
    })
}

fn short_message(reader: &mut Reader<'_>) -> Option<ShortMessage> {
    let mut message = ShortMessage {
        service_type: reader.text(),
        source: address(reader)?,
        destination: address(reader)?,
        esm_class: reader.u8()?,
        protocol_id: reader.u8()?,
        priority: reader.u8()?,
        schedule: reader.text(),
        validity: reader.text(),
        registered_delivery: reader.u8()?,
        replace: reader.u8()?,
        data_coding: reader.u8()?,
        default_id: reader.u8()?,
        ..ShortMessage::default()
    };
    let length = usize::from(reader.u8()?);
    message.octets = reader.take(length)?.to_vec();
    message.tlvs = tlvs(reader);
    Some(message)
}

fn data_sm(reader: &mut Reader<'_>) -> Option<ShortMessage> {
    let mut message = ShortMessage {
        service_type: reader.text(),
        source: address(reader)?,
        destination: address(reader)?,
        esm_class: reader.u8()?,
        registered_delivery: reader.u8()?,
        data_coding: reader.u8()?,
        ..ShortMessage::default()
    };
    message.tlvs = tlvs(reader);
    Some(message)
}

fn address(reader: &mut Reader<'_>) -> Option<Address> {
    Some(Address { ton: reader.u8()?, npi: reader.u8()?, digits: reader.text() })
}

/// Optional parameters up to the first that is cut off.
fn tlvs(reader: &mut Reader<'_>) -> Vec<Tlv> {
    let mut tlvs = Vec::new();
    while let Some(tag) = reader.u16() {
        let Some(length) = reader.u16() else { break };
        let Some(value) = reader.take(usize::from(length)) else { break };
        tlvs.push(Tlv { tag, value: value.to_vec() });
    }
    tlvs
}

/// Reads from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|octets| octets[0])
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|octets| u16::from_be_bytes([octets[0], octets[1]]))
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4).map(|o| u32::from_be_bytes([o[0], o[1], o[2], o[3]]))
    }

    /// A C-string, read as Latin-1; without a NUL it ends with the PDU.
    fn text(&mut self) -> String {
        let end = self.0.iter().position(|octet| *octet == 0);
        let (text, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest.get(1..).unwrap_or_default();
        text.iter().copied().map(char::from).collect()
    }
}
