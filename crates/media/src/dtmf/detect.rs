//! Digits in the audio, by Goertzel's filter over frames of 20 ms. A digit is one when two frames
//! in a row hold its pair and hardly anything else, so that speech is none.

use crate::dtmf::{COLUMNS, ROWS, Told, digit, key};
use crate::{FRAME, Frame, RATE};

/// Mean square of the weakest digit: about -36 dBm0.
const ENERGY_MIN: f32 = 60.0 * 60.0;
/// How much of a frame's energy the pair holds.
const SHARE_MIN: f32 = 0.65;
/// The strongest of a group over the others: 6 dB.
const PEAK_MIN: f32 = 4.0;
/// Columns over rows, and rows over columns: 6 and 10 dB (Q.24 leaves 4 and 8).
const TWIST_MAX: f32 = 4.0;
const TWIST_REVERSE_MAX: f32 = 10.0;

/// Finds digits in a leg's audio.
#[derive(Clone, Debug, Default)]
pub struct Detector {
    /// The code of the last frame, and how many frames in a row had it.
    run: Option<(u8, u32)>,
    down: Option<(u8, u32)>,
    gap: u32,
}

impl Detector {
    /// Takes a frame.
    pub fn frame(&mut self, samples: &Frame, mut tell: impl FnMut(Told)) {
        let found = pair(samples);
        self.run = match (found, self.run) {
            (Some(code), Some((before, frames))) if code == before => Some((code, frames + 1)),
            (Some(code), _) => Some((code, 1)),
            (None, _) => None,
        };
        if let Some((code, frames)) = self.down.as_mut() {
            *frames += 1;
            self.gap = if found == Some(*code) { 0 } else { self.gap + 1 };
            if self.gap >= 2 {
                let (code, frames) = (*code, *frames - self.gap);
                self.down = None;
                digit(code).into_iter().for_each(|digit| tell(Told::Ended(digit, frames * 20)));
            }
        }
        if let (None, Some((code, 2))) = (self.down, self.run) {
            self.down = Some((code, 2));
            self.gap = 0;
            digit(code).into_iter().for_each(|digit| tell(Told::Began(digit)));
        }
    }
}

/// The pair that a frame holds.
fn pair(samples: &Frame) -> Option<u8> {
    let energy: f32 = samples.iter().map(|sample| f32::from(*sample).powi(2)).sum();
    if energy < ENERGY_MIN * FRAME as f32 {
        return None;
    }
    let rows = ROWS.map(|hertz| power(samples, hertz));
    let columns = COLUMNS.map(|hertz| power(samples, hertz));
    let (row, low) = strongest(&rows)?;
    let (column, high) = strongest(&columns)?;
    let whole = energy * FRAME as f32 / 2.0;
    let pure = low + high >= SHARE_MIN * whole;
    let twisted = high > low * TWIST_MAX || low > high * TWIST_REVERSE_MAX;
    (pure && !twisted).then(|| key(row, column))
}

fn strongest(powers: &[f32; 4]) -> Option<(usize, f32)> {
    let (at, best) = powers.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let others = powers.iter().enumerate().filter(|(other, _)| *other != at);
    others.into_iter().all(|(_, power)| best >= power * PEAK_MIN).then_some((at, best))
}

/// Goertzel's filter: the squared magnitude at one frequency.
pub(crate) fn power(samples: &[i16], hertz: f32) -> f32 {
    let turn = 2.0 * (std::f32::consts::TAU * hertz / RATE as f32).cos();
    let (mut one, mut two) = (0.0f32, 0.0f32);
    for sample in samples {
        let zero = f32::from(*sample) + turn * one - two;
        two = one;
        one = zero;
    }
    one * one + two * two - turn * one * two
}
