//! Delivery receipts: what a carrier says about the fate of a message, in the text of appendix B
//! of SMPP 3.4 or in optional parameters (§5.3.2.26, §5.3.2.35), whichever it sends.

use crate::pdu::{ESM_INTERMEDIATE, ESM_RECEIPT, ESM_TYPE, ShortMessage, tlv};

/// What became of a message (SMPP 3.4 §5.2.28).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// On its way: not the last word.
    Enroute,
    /// On the handset.
    Delivered,
    /// Its validity ended.
    Expired,
    /// Somebody removed it.
    Deleted,
    /// It can't be delivered.
    Undeliverable,
    /// Taken by somebody on the recipient's behalf.
    Accepted,
    /// The carrier doesn't know.
    Unknown,
    /// Refused by the network.
    Rejected,
}

impl State {
    const ALL: [(u32, &'static str, Self); 8] = [
        (1, "ENROUTE", Self::Enroute),
        (2, "DELIVRD", Self::Delivered),
        (3, "EXPIRED", Self::Expired),
        (4, "DELETED", Self::Deleted),
        (5, "UNDELIV", Self::Undeliverable),
        (6, "ACCEPTD", Self::Accepted),
        (7, "UNKNOWN", Self::Unknown),
        (8, "REJECTD", Self::Rejected),
    ];

    /// From `message_state`.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.iter().find(|(known, ..)| *known == number).map(|(.., state)| *state)
    }

    /// From `stat:`; carriers differ in case and length, the first five letters decide.
    pub fn from_text(text: &str) -> Option<Self> {
        let same = |known: &str| {
            let length = known.len().min(5);
            text.len() >= length
                && text.as_bytes()[..length].eq_ignore_ascii_case(&known.as_bytes()[..length])
        };
        Self::ALL.iter().find(|(_, known, _)| same(known)).map(|(.., state)| *state)
    }

    /// As `message_state`.
    pub fn number(self) -> u8 {
        self as u8 + 1
    }

    /// As `stat:`.
    pub fn text(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// Whether nothing else will follow.
    pub fn is_final(self) -> bool {
        self != Self::Enroute
    }
}

/// A receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The carrier's id of the message, as it was written.
    pub id: String,
    /// What became of it.
    pub state: State,
    /// The carrier's own reason, as it was written; empty when there is none.
    pub error: String,
    /// How the text began; empty when the carrier leaves it out.
    pub excerpt: String,
}

/// Reads a receipt. `text` is the message's text; `None` when it is none.
pub fn read(message: &ShortMessage, text: &str) -> Option<Receipt> {
    let kind = message.esm_class & ESM_TYPE;
    if kind & (ESM_RECEIPT | ESM_INTERMEDIATE) == 0 {
        // Some carriers leave the class at 0 and send the parameters alone.
        tlv::find(&message.tlvs, tlv::RECEIPTED_MESSAGE_ID)?;
        tlv::find(&message.tlvs, tlv::MESSAGE_STATE)?;
    }
    let field = |name| field(text, name);
    let id = tlv::text(&message.tlvs, tlv::RECEIPTED_MESSAGE_ID).filter(|id| !id.is_empty());
    let id = id.or_else(|| field("id:").map(str::to_owned))?;
    let state = tlv::number(&message.tlvs, tlv::MESSAGE_STATE).and_then(State::from_number);
    let state = state.or_else(|| field("stat:").and_then(State::from_text));
    let network = tlv::find(&message.tlvs, tlv::NETWORK_ERROR_CODE).and_then(|value| {
        let [_, high, low] = value else { return None };
        Some(u16::from_be_bytes([*high, *low]).to_string())
    });
    let error = field("err:").map(str::to_owned).or(network).unwrap_or_default();
    let excerpt = find(text, "text:").map_or("", |at| text[at..].trim_end());
    let state = state.unwrap_or(State::Unknown);
    Some(Receipt { id, state, error, excerpt: excerpt.to_owned() })
}

/// The word behind `name`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let rest = text[find(text, name)?..].trim_start();
    let word = rest.split([' ', '\0', '\r', '\n']).next().unwrap_or_default();
    // `err:text:` without a value would otherwise be read as one.
    Some(word).filter(|word| !word.is_empty() && !word.contains(':'))
}

/// Where the value of a field begins: behind its name, which begins the text or follows a space.
fn find(text: &str, name: &str) -> Option<usize> {
    let (octets, name) = (text.as_bytes(), name.as_bytes());
    let begins = |at: usize| at == 0 || octets[at - 1] == b' ';
    let here = |at: &usize| begins(*at) && octets[*at..*at + name.len()].eq_ignore_ascii_case(name);
    (0..=octets.len().checked_sub(name.len())?).find(here).map(|at| at + name.len())
}

/// Writes a receipt's text as appendix B has it. The dates are `YYMMDDhhmm`.
pub fn write(receipt: &Receipt, submitted: &str, done: &str) -> String {
    let delivered = u8::from(receipt.state == State::Delivered);
    let error = if receipt.error.is_empty() { "000" } else { &receipt.error };
    let excerpt: String = receipt.excerpt.chars().take(20).collect();
    format!(
        "id:{} sub:001 dlvrd:00{delivered} submit date:{submitted} done date:{done} stat:{} \
         err:{error} text:{excerpt}",
        receipt.id,
        receipt.state.text(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pdu::Tlv;

    fn message(esm_class: u8, tlvs: Vec<Tlv>) -> ShortMessage {
        ShortMessage { esm_class, tlvs, ..ShortMessage::default() }
    }

    fn told(id: &str, state: State, error: &str, excerpt: &str) -> Option<Receipt> {
        let (id, error, excerpt) = (id.to_owned(), error.to_owned(), excerpt.to_owned());
        Some(Receipt { id, state, error, excerpt })
    }

    #[test]
    fn texts_of_many_carriers_are_read() {
        let cases = [
            (
                "id:0123456789 sub:001 dlvrd:001 submit date:0610190851 done date:0610190951 \
                 stat:DELIVRD err:000 text:Lorem ipsum dolor si",
                told("0123456789", State::Delivered, "000", "Lorem ipsum dolor si"),
            ),
            (
                "ID:a1-b2 SUB:001 DLVRD:000 SUBMIT DATE:061019085130 DONE DATE:061019095130 \
                 STAT:UNDELIVERED ERR:1B Text:",
                told("a1-b2", State::Undeliverable, "1B", ""),
            ),
            ("id: 77 stat: EXPIRED err:text:hi", told("77", State::Expired, "", "")),
            (
                "id:5 stat:gone text:stat:DELIVRD id:6",
                told("5", State::Unknown, "", "stat:DELIVRD id:6"),
            ),
            ("stat:DELIVRD", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(read(&message(ESM_RECEIPT, vec![]), text), expected, "{text}");
        }
    }

    #[test]
    fn parameters_count_more_than_the_text() {
        let tlvs = vec![
            Tlv::new(tlv::RECEIPTED_MESSAGE_ID, b"7f\0".to_vec()),
            Tlv::new(tlv::MESSAGE_STATE, [8]),
            Tlv::new(tlv::NETWORK_ERROR_CODE, [3, 0, 27]),
        ];
        let expected = told("7f", State::Rejected, "27", "");
        assert_eq!(read(&message(0, tlvs.clone()), ""), expected, "without the class");
        let text = "id:127 stat:DELIVRD";
        assert_eq!(read(&message(ESM_RECEIPT, tlvs), text), expected);
    }

    #[test]
    fn a_text_that_looks_like_a_receipt_is_a_text() {
        let text = "id:1 sub:001 dlvrd:001 stat:DELIVRD err:000 text:spoofed";
        assert_eq!(read(&message(0, vec![]), text), None);
    }

    #[test]
    fn what_is_written_is_read() {
        let receipt = told("9c", State::Undeliverable, "042", "Hello").expect("some");
        let text = write(&receipt, "2611240930", "2611240931");
        assert_eq!(read(&message(ESM_RECEIPT, vec![]), &text), Some(receipt));
    }
}
