//! User data headers: how parts of a long text say that they belong together
//! (3GPP TS 23.040 §9.2.3.24).

use crate::pdu::{ESM_UDH, ShortMessage, tlv};

/// Which part of which whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Joins parts of the same sender and recipient.
    pub reference: u16,
    /// How many there are: 2 to 255.
    pub total: u8,
    /// Which this is, from 1.
    pub index: u8,
}

/// Information element: concatenation with an 8-bit reference.
const CONCATENATED_8: u8 = 0x00;
/// Information element: concatenation with a 16-bit reference.
const CONCATENATED_16: u8 = 0x08;

/// The six octets in front of a part; the reference's lower half is used.
pub fn header(part: Part) -> [u8; 6] {
    let [_, reference] = part.reference.to_be_bytes();
    [5, CONCATENATED_8, 3, reference, part.total, part.index]
}

/// Splits a header from the text; both empty or whole when there is no header that makes sense.
pub fn split(octets: &[u8]) -> (&[u8], &[u8]) {
    let Some((length, rest)) = octets.split_first() else { return (&[], octets) };
    rest.split_at_checked(usize::from(*length)).unwrap_or((&[], octets))
}

/// Which part a header says that this is.
pub fn part(header: &[u8]) -> Option<Part> {
    let mut rest = header;
    while let [kind, length, tail @ ..] = rest {
        let (value, next) = tail.split_at_checked(usize::from(*length))?;
        let found = match (*kind, value) {
            (CONCATENATED_8, [reference, total, index]) => {
                Some(Part { reference: u16::from(*reference), total: *total, index: *index })
            }
            (CONCATENATED_16, [high, low, total, index]) => {
                let reference = u16::from_be_bytes([*high, *low]);
                Some(Part { reference, total: *total, index: *index })
            }
            _ => None,
        };
        if found.is_some() {
            return found.filter(makes_sense);
        }
        rest = next;
    }
    None
}

/// Which part a message is, by its header or its SAR parameters, and its text's octets.
pub fn of(message: &ShortMessage) -> (Option<Part>, &[u8]) {
    let payload = message.payload();
    if message.esm_class & ESM_UDH != 0 {
        let (header, text) = split(payload);
        return (part(header), text);
    }
    let number = |tag| tlv::number(&message.tlvs, tag);
    let sar = || {
        Some(Part {
            reference: u16::try_from(number(tlv::SAR_REFERENCE)?).ok()?,
            total: u8::try_from(number(tlv::SAR_TOTAL)?).ok()?,
            index: u8::try_from(number(tlv::SAR_PART)?).ok()?,
        })
    };
    (sar().filter(makes_sense), payload)
}

fn makes_sense(part: &Part) -> bool {
    part.total > 1 && (1..=part.total).contains(&part.index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pdu::Tlv;

    const PART: Part = Part { reference: 0x1f2, total: 3, index: 2 };

    #[test]
    fn parts_are_recognised_in_each_of_their_forms() {
        let eight = Part { reference: 0xf2, ..PART };
        assert_eq!(part(&header(PART)[1..]), Some(eight));
        assert_eq!(part(&[0x08, 4, 0x01, 0xf2, 3, 2]), Some(PART));
        // Behind a port address (TS 23.040 §9.2.3.24.4).
        assert_eq!(part(&[0x05, 4, 0, 1, 0, 2, 0x00, 3, 0xf2, 3, 2]), Some(eight));
        let mut message = ShortMessage { octets: b"text".to_vec(), ..ShortMessage::default() };
        assert_eq!(of(&message), (None, &b"text"[..]));
        message.tlvs = vec![
            Tlv::new(tlv::SAR_REFERENCE, 0x1f2_u16.to_be_bytes()),
            Tlv::new(tlv::SAR_TOTAL, [3]),
            Tlv::new(tlv::SAR_PART, [2]),
        ];
        assert_eq!(of(&message), (Some(PART), &b"text"[..]));
        message.octets = [&header(PART)[..], b"text"].concat();
        message.esm_class = ESM_UDH;
        assert_eq!(of(&message), (Some(eight), &b"text"[..]));
    }

    #[test]
    fn headers_that_make_no_sense_are_no_parts() {
        for header in [&[0, 3, 1, 2, 3][..], &[0, 3, 1, 0, 0], &[0, 3, 1, 1, 1], &[0, 9, 1], &[]] {
            assert_eq!(part(header), None, "{header:?}");
        }
        assert_eq!(split(&[200, 1, 2]), (&[][..], &[200, 1, 2][..]), "longer than the text");
    }
}
