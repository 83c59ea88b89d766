//! Digits: as events in RTP (RFC 4733), and as pairs of tones in the audio (ITU-T Q.23, Q.24).

mod detect;
mod events;

use std::sync::{Arc, OnceLock};

pub use detect::Detector;
#[cfg(test)]
pub(crate) use detect::power;
pub use events::{DigitEvent, Receiver, Told};

use crate::prompt::Prompt;
use crate::tones;

/// The digits in the order of their event codes (RFC 4733 §3.2).
pub const DIGITS: &[u8; 16] = b"0123456789*#ABCD";

/// Frames of a digit that we send: 100 ms.
pub(crate) const ON_FRAMES: u16 = 5;
/// Frames between two digits: 100 ms.
pub(crate) const OFF_FRAMES: u16 = 5;

/// The event code of a digit, lower case included.
pub fn code(digit: char) -> Option<u8> {
    let digit = u8::try_from(digit).ok()?.to_ascii_uppercase();
    DIGITS.iter().position(|known| *known == digit).map(|code| code as u8)
}

/// The digit of an event code.
pub fn digit(code: u8) -> Option<char> {
    DIGITS.get(usize::from(code)).map(|digit| char::from(*digit))
}

/// Low frequencies of the rows and high ones of the columns, in hertz.
pub(crate) const ROWS: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
pub(crate) const COLUMNS: [f32; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];

/// Codes by row and column.
const KEYS: [[u8; 4]; 4] = [[1, 2, 3, 12], [4, 5, 6, 13], [7, 8, 9, 14], [10, 0, 11, 15]];

/// The code at a row and column.
fn key(row: usize, column: usize) -> u8 {
    KEYS[row][column]
}

/// The two frequencies of a code.
fn frequencies(code: u8) -> (f32, f32) {
    let at = KEYS.iter().flatten().position(|key| *key == code).unwrap_or_default();
    (ROWS[at / 4], COLUMNS[at % 4])
}

/// 100 ms of a digit's tones, at -7 dBm0 and -9 dBm0.
pub fn tone(code: u8) -> Arc<Prompt> {
    static TONES: [OnceLock<Arc<Prompt>>; 16] = [const { OnceLock::new() }; 16];
    let tone = TONES[usize::from(code) % 16].get_or_init(|| {
        let (low, high) = frequencies(code % 16);
        let mut samples = Vec::new();
        tones::mix(&[(low, 0.32), (high, 0.40)], 100, &mut samples);
        Arc::new(Prompt::from_samples(&samples))
    });
    tone.clone()
}

#[cfg(test)]
mod tests;
