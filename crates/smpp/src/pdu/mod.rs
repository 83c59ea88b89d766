//! Protocol data units of SMPP 3.4 as values (SMPP 3.4 §4). Decoding is lenient where carriers
//! are: a field that is too long, a parameter without its NUL or a truncated optional parameter
//! costs that field at most, never the receipt that it came with.

mod decode;
mod encode;
pub mod status;
pub mod tlv;

pub use decode::{DecodeError, decode};
pub use tlv::Tlv;

/// One PDU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pdu {
    /// Pairs a response with its request: 1 to 0x7FFFFFFF.
    pub sequence: u32,
    /// What a response says (`status`); 0 in requests.
    pub status: u32,
    /// The rest.
    pub body: Body,
}

/// What a bind is for (SMPP 3.4 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Receipts and texts come in.
    Receiver,
    /// Texts go out.
    Transmitter,
    /// Both.
    Transceiver,
}

impl Mode {
    /// For people and settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Receiver => "receiver",
            Self::Transmitter => "transmitter",
            Self::Transceiver => "transceiver",
        }
    }

    /// Whether texts may go out.
    pub fn transmits(self) -> bool {
        self != Self::Receiver
    }

    /// Whether receipts and texts come in.
    pub fn receives(self) -> bool {
        self != Self::Transmitter
    }
}

/// A request to bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    /// What it is for.
    pub mode: Mode,
    /// Who binds.
    pub system_id: String,
    /// The password; at most 8 octets by the standard, longer where a carrier gave one.
    pub password: String,
    /// What kind of system binds; often empty.
    pub system_type: String,
    /// 0x34 for SMPP 3.4.
    pub version: u8,
    /// Which addresses are served here.
    pub range: Address,
}

/// An address with its type of number and numbering plan (SMPP 3.4 §5.2.5, §5.2.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// Type of number: 1 international, 5 alphanumeric.
    pub ton: u8,
    /// Numbering plan: 1 for telephone numbers.
    pub npi: u8,
    /// Digits, or a name.
    pub digits: String,
}

/// The fields that `submit_sm` and `deliver_sm` share (SMPP 3.4 §4.4.1, §4.6.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShortMessage {
    /// The kind of service; empty for the default.
    pub service_type: String,
    /// Who sends.
    pub source: Address,
    /// Who receives.
    pub destination: Address,
    /// Message mode, type and features (`ESM_*`).
    pub esm_class: u8,
    /// Protocol identifier of the network.
    pub protocol_id: u8,
    /// 0 to 3.
    pub priority: u8,
    /// Not before; empty for at once.
    pub schedule: String,
    /// Not after; empty for the carrier's default.
    pub validity: String,
    /// Which receipts are wanted: 1 for the final one.
    pub registered_delivery: u8,
    /// Whether it replaces an earlier one.
    pub replace: u8,
    /// The alphabet (SMPP 3.4 §5.2.19).
    pub data_coding: u8,
    /// A message that the carrier keeps.
    pub default_id: u8,
    /// At most 254 octets.
    pub octets: Vec<u8>,
    /// Optional parameters.
    pub tlvs: Vec<Tlv>,
}

/// `esm_class`: the text begins with a user data header.
pub const ESM_UDH: u8 = 0x40;
/// `esm_class`: bits of the message's type.
pub const ESM_TYPE: u8 = 0x3c;
/// `esm_class`: a delivery receipt.
pub const ESM_RECEIPT: u8 = 0x04;
/// `esm_class`: an intermediate notification.
pub const ESM_INTERMEDIATE: u8 = 0x20;

impl ShortMessage {
    /// The text's octets: `short_message`, or the `message_payload` that stands for it.
    pub fn payload(&self) -> &[u8] {
        match tlv::find(&self.tlvs, tlv::MESSAGE_PAYLOAD) {
            Some(payload) if self.octets.is_empty() => payload,
            _ => &self.octets,
        }
    }
}

/// What a PDU asks or answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Asks for a session.
    Bind(Bind),
    /// Gives it, or not.
    BindResp {
        /// What it was asked for.
        mode: Mode,
        /// Who answers.
        system_id: String,
    },
    /// The carrier asks us to bind.
    Outbind {
        /// Who asks.
        system_id: String,
        /// Its password.
        password: String,
    },
    /// A text goes out.
    SubmitSm(Box<ShortMessage>),
    /// The carrier's id of it.
    SubmitSmResp {
        /// As the carrier writes it.
        message_id: String,
    },
    /// A receipt or a text comes in.
    DeliverSm(Box<ShortMessage>),
    /// It was taken.
    DeliverSmResp,
    /// Another form of both directions (SMPP 3.4 §4.7).
    DataSm(Box<ShortMessage>),
    /// It was taken.
    DataSmResp {
        /// As the carrier writes it.
        message_id: String,
    },
    /// Are you there?
    EnquireLink,
    /// Yes.
    EnquireLinkResp,
    /// Ends the session.
    Unbind,
    /// So be it.
    UnbindResp,
    /// The last PDU could not be read.
    GenericNack,
    /// A command that is not spoken here.
    Other {
        /// Its number.
        command: u32,
    },
}

/// The bit that tells a response from a request.
const RESPONSE: u32 = 0x8000_0000;

impl Body {
    /// The command's number (SMPP 3.4 §5.1.2.1).
    pub fn command(&self) -> u32 {
        match self {
            Self::Bind(bind) => bind_command(bind.mode),
            Self::BindResp { mode, .. } => bind_command(*mode) | RESPONSE,
            Self::Outbind { .. } => 0x0b,
            Self::SubmitSm(_) => 0x04,
            Self::SubmitSmResp { .. } => 0x04 | RESPONSE,
            Self::DeliverSm(_) => 0x05,
            Self::DeliverSmResp => 0x05 | RESPONSE,
            Self::DataSm(_) => 0x103,
            Self::DataSmResp { .. } => 0x103 | RESPONSE,
            Self::EnquireLink => 0x15,
            Self::EnquireLinkResp => 0x15 | RESPONSE,
            Self::Unbind => 0x06,
            Self::UnbindResp => 0x06 | RESPONSE,
            Self::GenericNack => RESPONSE,
            Self::Other { command } => *command,
        }
    }

    /// Whether it answers a request.
    pub fn is_response(&self) -> bool {
        self.command() & RESPONSE != 0
    }
}

fn bind_command(mode: Mode) -> u32 {
    match mode {
        Mode::Receiver => 0x01,
        Mode::Transmitter => 0x02,
        Mode::Transceiver => 0x09,
    }
}

impl Pdu {
    /// A request.
    pub fn request(sequence: u32, body: Body) -> Self {
        Self { sequence, status: status::OK, body }
    }

    /// An answer.
    pub fn response(sequence: u32, status: u32, body: Body) -> Self {
        Self { sequence, status, body }
    }

    /// Appends the PDU as octets.
    pub fn encode(&self, into: &mut Vec<u8>) {
        encode::encode(self, into);
    }
}

#[cfg(test)]
mod tests;
