//! The text of short messages: alphabets (3GPP TS 23.038) and segments (3GPP TS 23.040 §9.2.3.24).

pub mod gsm7;
pub mod octets;
mod smart;

use std::borrow::Cow;

/// How a text is put into octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// The GSM 7-bit default alphabet with its extension table (TS 23.038 §6.2.1).
    Gsm7,
    /// UTF-16, big endian, surrogate pairs included, as handsets take it for UCS-2.
    Ucs2,
}

impl Encoding {
    /// As people name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gsm7 => "GSM-7",
            Self::Ucs2 => "UCS-2",
        }
    }

    /// Units (septets or UTF-16 units) in a message of one part.
    const fn single(self) -> usize {
        match self {
            Self::Gsm7 => 160,
            Self::Ucs2 => 70,
        }
    }

    /// Units in each part of several: six octets go to the concatenation header.
    const fn part(self) -> usize {
        match self {
            Self::Gsm7 => 153,
            Self::Ucs2 => 67,
        }
    }
}

/// How a text is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segments {
    /// The alphabet.
    pub encoding: Encoding,
    /// Septets or UTF-16 units.
    pub units: usize,
    /// Parts; at least one.
    pub count: u32,
}

/// Counts the segments of a text without allocating (unless it is smart-encoded and changes).
pub fn segments(body: &str, smart_encoded: bool) -> Segments {
    let body = if smart_encoded { smart::encode(body) } else { Cow::Borrowed(body) };
    let encoding = choose(&body);
    let mut counter = Counter::new(encoding);
    body.chars().for_each(|character| counter.take(character));
    counter.finish()
}

/// Splits a text into its parts, each as text. No character is split over two parts.
pub fn split(body: &str, smart_encoded: bool) -> Vec<String> {
    let body = if smart_encoded { smart::encode(body) } else { Cow::Borrowed(body) };
    let encoding = choose(&body);
    split_by(&body, |character| width(encoding, character), encoding.single(), encoding.part())
}

/// Splits by the units that each character takes, the units of a text of one part, and those of
/// each of several parts.
fn split_by(body: &str, width: impl Fn(char) -> usize, single: usize, part: usize) -> Vec<String> {
    if body.chars().map(&width).sum::<usize>() <= single {
        return vec![body.to_owned()];
    }
    let mut parts = vec![String::new()];
    let mut used = 0;
    for character in body.chars() {
        let width = width(character);
        if used + width > part {
            parts.push(String::new());
            used = 0;
        }
        used += width;
        if let Some(part) = parts.last_mut() {
            part.push(character);
        }
    }
    parts
}

fn choose(body: &str) -> Encoding {
    let fits = body.chars().all(|character| gsm7::septets(character).is_some());
    if fits { Encoding::Gsm7 } else { Encoding::Ucs2 }
}

fn width(encoding: Encoding, character: char) -> usize {
    match encoding {
        Encoding::Gsm7 => gsm7::septets(character).unwrap_or(1),
        Encoding::Ucs2 => character.len_utf16(),
    }
}

/// Counts units and parts in one pass.
struct Counter {
    encoding: Encoding,
    units: usize,
    parts: u32,
    used: usize,
}

impl Counter {
    fn new(encoding: Encoding) -> Self {
        Self { encoding, units: 0, parts: 1, used: 0 }
    }

    fn take(&mut self, character: char) {
        let width = width(self.encoding, character);
        self.units += width;
        if self.used + width > self.encoding.part() {
            self.parts += 1;
            self.used = 0;
        }
        self.used += width;
    }

    fn finish(&self) -> Segments {
        let single = self.units <= self.encoding.single();
        let count = if single { 1 } else { self.parts };
        Segments { encoding: self.encoding, units: self.units, count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(body: &str) -> (Encoding, usize, u32) {
        let segments = segments(body, false);
        (segments.encoding, segments.units, segments.count)
    }

    #[test]
    fn segments_are_counted_exactly() {
        use Encoding::{Gsm7, Ucs2};
        let cases = [
            (String::new(), (Gsm7, 0, 1)),
            ("a".repeat(160), (Gsm7, 160, 1)),
            ("a".repeat(161), (Gsm7, 161, 2)),
            ("a".repeat(306), (Gsm7, 306, 2)),
            ("a".repeat(307), (Gsm7, 307, 3)),
            ("€".repeat(80), (Gsm7, 160, 1)),
            // 76 pairs fill 152 of 153 septets: the 77th must not be torn.
            ("€".repeat(81), (Gsm7, 162, 2)),
            ("€".repeat(153), (Gsm7, 306, 3)),
            ("ж".repeat(70), (Ucs2, 70, 1)),
            ("ж".repeat(71), (Ucs2, 71, 2)),
            ("ж".repeat(134), (Ucs2, 134, 2)),
            ("ж".repeat(135), (Ucs2, 135, 3)),
            ("😀".repeat(35), (Ucs2, 70, 1)),
            // 33 pairs fill 66 of 67 units.
            ("😀".repeat(67), (Ucs2, 134, 3)),
        ];
        for (body, expected) in cases {
            assert_eq!(
                counted(&body),
                expected,
                "{} characters of {body:.4}",
                body.chars().count()
            );
        }
    }

    #[test]
    fn parts_rejoin_to_the_text_and_agree_with_the_count() {
        let alphabet: Vec<char> = "aZ9 €[ñж😀—".chars().collect();
        let mut state = 7_u64;
        for length in 0..700 {
            let body: String = (0..length)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let plain = length % 3 == 0;
                    alphabet[(state >> 33) as usize % if plain { 7 } else { alphabet.len() }]
                })
                .collect();
            let parts = split(&body, false);
            assert_eq!(parts.concat(), body);
            assert_eq!(parts.len() as u32, segments(&body, false).count);
        }
    }

    #[test]
    fn smart_encoding_turns_lookalikes_into_gsm() {
        let body = "“It’s fine” – really…";
        assert_eq!(segments(body, false).encoding, Encoding::Ucs2);
        assert_eq!(segments(body, true).encoding, Encoding::Gsm7);
        assert_eq!(split(body, true).concat(), "\"It's fine\" - really...");
        assert_eq!(split("ж…", true).concat(), "ж…", "what stays Unicode anyway is left as it is");
    }
}
