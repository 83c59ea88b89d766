//! Texts as the octets of a PDU and back, by `data_coding` (SMPP 3.4 §5.2.19).

use crate::text::gsm7;

/// What a carrier takes `data_coding` 0 for: its default alphabet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Alphabet {
    /// The GSM alphabet, a septet in an octet: what most carriers mean.
    #[default]
    Gsm,
    /// The GSM alphabet, packed.
    GsmPacked,
    /// Latin-1 (ISO 8859-1).
    Latin1,
    /// UTF-16, big endian.
    Ucs2,
}

/// `data_coding` of UTF-16.
pub const UCS2: u8 = 0x08;
/// `data_coding` of Latin-1.
pub const LATIN1: u8 = 0x03;

/// Whether the carrier's default alphabet can say a text; otherwise it goes as UTF-16.
pub fn fits(text: &str, alphabet: Alphabet) -> bool {
    match alphabet {
        Alphabet::Gsm | Alphabet::GsmPacked => text.chars().all(|c| gsm7::septets(c).is_some()),
        Alphabet::Latin1 => text.chars().all(|c| u32::from(c) < 256),
        Alphabet::Ucs2 => false,
    }
}

/// A text in the carrier's default alphabet, or in UTF-16 where that can't say it: the octets and
/// their `data_coding`.
pub fn encode(text: &str, alphabet: Alphabet, header: usize) -> (Vec<u8>, u8) {
    encode_as(text, alphabet, fits(text, alphabet), header)
}

/// The same for a part of a text, of which it was decided as a whole whether it `fits` the default
/// alphabet. `header` octets stand in front of packed septets.
pub fn encode_as(text: &str, alphabet: Alphabet, fits: bool, header: usize) -> (Vec<u8>, u8) {
    let default = match alphabet {
        _ if !fits => None,
        Alphabet::Gsm => gsm7::encode(text),
        // Septets begin at a septet's border behind the header (TS 23.040 §9.2.3.24).
        Alphabet::GsmPacked => gsm7::encode(text).map(|septets| {
            let fill = (header * 8).div_ceil(7);
            let shifted = [vec![0; fill], septets].concat();
            gsm7::pack(&shifted)[header..].to_vec()
        }),
        Alphabet::Latin1 => text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect(),
        Alphabet::Ucs2 => None,
    };
    match default {
        Some(octets) => (octets, 0),
        None => (text.encode_utf16().flat_map(u16::to_be_bytes).collect(), UCS2),
    }
}

/// The parts of a text in the carrier's default alphabet, or in UTF-16 where that can't say it.
pub fn split(text: &str, alphabet: Alphabet) -> Vec<String> {
    match alphabet {
        Alphabet::Gsm | Alphabet::GsmPacked => super::split(text, false),
        Alphabet::Latin1 if fits(text, alphabet) => super::split_by(text, |_| 1, 140, 134),
        Alphabet::Latin1 | Alphabet::Ucs2 => super::split_by(text, char::len_utf16, 70, 67),
    }
}

/// Octets as a text. Unknown codings (8-bit data) are read as Latin-1. `header` octets stood in
/// front when the septets were packed.
pub fn decode(octets: &[u8], data_coding: u8, alphabet: Alphabet, header: usize) -> String {
    match (class(data_coding), alphabet) {
        (Class::Ucs2, _) | (Class::Default, Alphabet::Ucs2) => {
            let units = octets.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        (Class::Default, Alphabet::Gsm) => gsm7::decode(octets),
        (Class::Default, Alphabet::GsmPacked) => {
            let fill = (header * 8).div_ceil(7);
            let shifted = [vec![0; header], octets.to_vec()].concat();
            let septets = gsm7::unpack(&shifted, shifted.len() * 8 / 7);
            let septets = septets.get(fill..).unwrap_or_default();
            // Seven spare bits at the end look like '@'.
            let spare = (octets.len() + header).is_multiple_of(7) && septets.last() == Some(&0);
            gsm7::decode(&septets[..septets.len() - usize::from(spare)])
        }
        (Class::Latin1, _) | (Class::Default, Alphabet::Latin1) => {
            octets.iter().copied().map(char::from).collect()
        }
    }
}

enum Class {
    Default,
    Latin1,
    Ucs2,
}

fn class(data_coding: u8) -> Class {
    match data_coding {
        0x00 => Class::Default,
        UCS2 | 0x18..=0x1b => Class::Ucs2,
        // A message class with the default alphabet (TS 23.038 §4).
        0xf0..=0xf3 | 0x10..=0x13 => Class::Default,
        _ => Class::Latin1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_survive_in_every_alphabet() {
        let alphabets = [Alphabet::Gsm, Alphabet::GsmPacked, Alphabet::Latin1, Alphabet::Ucs2];
        for alphabet in alphabets {
            for text in ["Hello [€] @", "ж😀", "é", "", "1234567", "12345678"] {
                for header in [0, 6] {
                    let (octets, coding) = encode(text, alphabet, header);
                    let read = decode(&octets, coding, alphabet, header);
                    assert_eq!(read, text, "{alphabet:?} behind {header}");
                }
            }
        }
    }

    #[test]
    fn each_alphabet_has_its_octets() {
        assert_eq!(encode("@a", Alphabet::Gsm, 0), (vec![0, b'a'], 0));
        assert_eq!(encode("@a", Alphabet::Latin1, 0), (b"@a".to_vec(), 0));
        assert_eq!(encode("€", Alphabet::Latin1, 0), (vec![0x20, 0xac], UCS2));
        assert_eq!(encode("hellohello", Alphabet::GsmPacked, 0).0.len(), 9);
        assert_eq!(decode(&[0xe9], LATIN1, Alphabet::Gsm, 0), "é");
        assert_eq!(decode(&[0, b'a', 9], UCS2, Alphabet::Gsm, 0), "a", "an odd octet is dropped");
    }
}
