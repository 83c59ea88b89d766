//! The GSM 7-bit default alphabet and its extension table (3GPP TS 23.038 §6.2.1).

/// The default alphabet, by septet. `\u{1b}` is the escape to the extension table.
const DEFAULT: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', 'Δ', '_',
    'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', '\u{1b}', 'Æ', 'æ', 'ß', 'É', ' ', '!', '"', '#',
    '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/', '0', '1', '2', '3', '4', '5', '6',
    '7', '8', '9', ':', ';', '<', '=', '>', '?', '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I',
    'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö',
    'Ñ', 'Ü', '§', '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o',
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
];

/// The extension table: the septet after the escape.
const EXTENSION: [(u8, char); 10] = [
    (0x0a, '\u{0c}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2f, '\\'),
    (0x3c, '['),
    (0x3d, '~'),
    (0x3e, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

const ESCAPE: u8 = 0x1b;

/// How many septets a character takes: one, two with an escape, or none when it is not in the
/// alphabet.
pub fn septets(character: char) -> Option<usize> {
    match character {
        // Most texts are made of these; the rest is looked up.
        'a'..='z' | 'A'..='Z' | '0'..='9' | ' '..='#' | '%'..='?' | '\n' | '\r' => Some(1),
        '\u{1b}' => None,
        _ if DEFAULT.contains(&character) => Some(1),
        _ if EXTENSION.iter().any(|(_, known)| *known == character) => Some(2),
        _ => None,
    }
}

/// A text as unpacked septets, one an octet; `None` when a character is not in the alphabet.
pub fn encode(text: &str) -> Option<Vec<u8>> {
    let mut septets = Vec::with_capacity(text.len());
    for character in text.chars() {
        let found = DEFAULT.iter().position(|known| *known == character && *known != '\u{1b}');
        if let Some(index) = found {
            septets.push(u8::try_from(index).ok()?);
            continue;
        }
        let (septet, _) = EXTENSION.iter().find(|(_, known)| *known == character)?;
        septets.extend([ESCAPE, *septet]);
    }
    Some(septets)
}

/// Unpacked septets as text. An escape before an unknown septet is a space, as the standard asks.
pub fn decode(septets: &[u8]) -> String {
    let mut text = String::with_capacity(septets.len());
    let mut escaped = false;
    for septet in septets {
        let septet = septet & 0x7f;
        if escaped {
            escaped = false;
            let found = EXTENSION.iter().find(|(known, _)| *known == septet);
            text.push(found.map_or(' ', |(_, character)| *character));
        } else if septet == ESCAPE {
            escaped = true;
        } else {
            text.push(DEFAULT[usize::from(septet)]);
        }
    }
    text
}

/// Packs septets into octets (TS 23.038 §6.1.2.1.1).
pub fn pack(septets: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(septets.len() * 7 / 8 + 1);
    let (mut held, mut bits) = (0_u16, 0);
    for septet in septets {
        held |= u16::from(septet & 0x7f) << bits;
        bits += 7;
        if bits >= 8 {
            octets.push(held.to_le_bytes()[0]);
            held >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 {
        octets.push(held.to_le_bytes()[0]);
    }
    octets
}

/// Unpacks `count` septets.
pub fn unpack(octets: &[u8], count: usize) -> Vec<u8> {
    let bit = |index: usize| octets.get(index / 8).map_or(0, |octet| octet >> (index % 8) & 1);
    let count = count.min(octets.len() * 8 / 7);
    (0..count).map(|s| (0..7).fold(0, |septet, b| septet | bit(s * 7 + b) << b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_survives_the_round_trip() {
        let extension = EXTENSION.iter().map(|(_, character)| *character);
        let all: String =
            DEFAULT.iter().copied().filter(|c| *c != '\u{1b}').chain(extension).collect();
        let septets = encode(&all).expect("all are in the alphabet");
        assert_eq!(septets.len(), 127 + 20);
        assert_eq!(decode(&septets), all);
        assert_eq!(unpack(&pack(&septets), septets.len()), septets);
        for character in all.chars() {
            let width = encode(&character.to_string()).map(|septets| septets.len());
            assert_eq!(self::septets(character), width, "{character:?}");
        }
    }

    #[test]
    fn what_is_not_in_the_alphabet_is_not_encoded() {
        for text in ["ж", "😀", "`", "\u{1b}", "ç"] {
            assert_eq!(encode(text), None, "{text:?}");
        }
        assert_eq!(decode(&[0x1b, 0x00, 0xff]), " à");
    }

    #[test]
    fn the_standards_example_packs() {
        assert_eq!(
            pack(&encode("hellohello").expect("GSM")),
            [0xe8, 0x32, 0x9b, 0xfd, 0x46, 0x97, 0xd9, 0xec, 0x37]
        );
    }
}
