//! What a fuzzer calls: any text is counted and split, and nothing of it is lost.

use crate::text::{Encoding, segments, split};

/// Counting and splitting agree, and the parts make the whole.
pub fn text(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for smart in [false, true] {
        let counted = segments(&text, smart);
        let parts = split(&text, smart);
        assert_eq!(parts.len(), counted.count as usize, "{text:?}");
        if !smart {
            assert_eq!(parts.concat(), text, "nothing is lost");
        }
        let bound = match (counted.encoding, parts.len()) {
            (Encoding::Gsm7, 1) => 160,
            (Encoding::Gsm7, _) => 153,
            (Encoding::Ucs2, 1) => 70,
            (Encoding::Ucs2, _) => 67,
        };
        for part in &parts {
            let units = match counted.encoding {
                Encoding::Gsm7 => part.chars().count(),
                Encoding::Ucs2 => part.encode_utf16().count(),
            };
            assert!(units <= bound, "{units} units in a part of {bound}");
        }
    }
}

#[cfg(test)]
mod tests {
    use machine::fuzz::mutations;

    #[test]
    fn mutated_texts_are_counted_and_split() {
        let long = "[]{}€ The quick brown fox — “jumps” over the lazy dog. ".repeat(6);
        let emoji = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} é ".repeat(20);
        let plain = "a".repeat(161);
        let seeds: [&[u8]; 4] = [long.as_bytes(), emoji.as_bytes(), plain.as_bytes(), b""];
        mutations(&seeds, 60_000, super::text);
    }
}
