//! Optional parameters (SMPP 3.4 §5.3).

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tlv {
    /// Which.
    pub tag: u16,
    /// Its octets.
    pub value: Vec<u8>,
}

/// The carrier's id of the message that a receipt is about.
pub const RECEIPTED_MESSAGE_ID: u16 = 0x001e;
/// The reference that joins parts.
pub const SAR_REFERENCE: u16 = 0x020c;
/// How many parts there are.
pub const SAR_TOTAL: u16 = 0x020e;
/// Which part this is, from 1.
pub const SAR_PART: u16 = 0x020f;
/// Why the network failed: a type and two octets.
pub const NETWORK_ERROR_CODE: u16 = 0x0423;
/// The text, where it is too long for `short_message`.
pub const MESSAGE_PAYLOAD: u16 = 0x0424;
/// What became of a message.
pub const MESSAGE_STATE: u16 = 0x0427;

impl Tlv {
    /// A parameter.
    pub fn new(tag: u16, value: impl Into<Vec<u8>>) -> Self {
        Self { tag, value: value.into() }
    }

    pub(super) fn encode(&self, into: &mut Vec<u8>) {
        let value = &self.value[..self.value.len().min(usize::from(u16::MAX))];
        into.extend(self.tag.to_be_bytes());
        into.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        into.extend(value);
    }
}

/// The value of the first parameter of this kind.
pub fn find(tlvs: &[Tlv], tag: u16) -> Option<&[u8]> {
    tlvs.iter().find(|tlv| tlv.tag == tag).map(|tlv| tlv.value.as_slice())
}

/// A number of one to four octets.
pub fn number(tlvs: &[Tlv], tag: u16) -> Option<u32> {
    let value = find(tlvs, tag).filter(|value| (1..=4).contains(&value.len()))?;
    Some(value.iter().fold(0, |number, octet| number << 8 | u32::from(*octet)))
}

/// A C-string, with or without its NUL.
pub fn text(tlvs: &[Tlv], tag: u16) -> Option<String> {
    let value = find(tlvs, tag)?;
    let octets = value.iter().take_while(|octet| **octet != 0);
    Some(octets.copied().map(char::from).collect())
}
