//! Loss concealment in the spirit of G.711 Appendix I: the last pitch period is repeated and
//! fades to nothing within 60 ms, and what comes back is faded in over it.

use crate::FRAME;

/// Samples kept: three of the longest periods.
const HISTORY: usize = 360;
/// Pitch periods from 5 to 15 ms.
const LAG_MIN: usize = 40;
const LAG_MAX: usize = 120;
/// Samples over which a return is faded in: 4 ms.
const FADE: usize = 32;
/// The first 10 ms are as loud as before; then a fifth less every 10 ms.
const LOUD: usize = 80;
const GONE: usize = LOUD + 5 * 80;

/// What was heard last, and what is repeated of it.
#[derive(Clone, Debug)]
pub(crate) struct Conceal {
    history: [i16; HISTORY],
    /// Samples of the loss so far; 0 while there is none, and at least [`GONE`] before anything
    /// was heard.
    lost: usize,
    lag: usize,
}

impl Default for Conceal {
    fn default() -> Self {
        Self { history: [0; HISTORY], lost: GONE, lag: LAG_MIN }
    }
}

impl Conceal {
    /// Samples that arrived; the first after a loss are faded in.
    pub(crate) fn good(&mut self, samples: &mut [i16]) {
        if self.lost > 0 && self.lost < GONE {
            let fade = FADE.min(samples.len());
            for (at, sample) in samples[..fade].iter_mut().enumerate() {
                let old = f32::from(self.next());
                let part = (at + 1) as f32 / (fade + 1) as f32;
                *sample = (f32::from(*sample) * part + old * (1.0 - part)) as i16;
            }
        }
        self.lost = 0;
        self.remember(samples);
    }

    /// Makes up samples that did not arrive.
    pub(crate) fn lost(&mut self, samples: &mut [i16]) {
        if self.lost == 0 {
            self.lag = self.pitch();
        }
        for sample in samples {
            *sample = self.next();
        }
    }

    /// Whether the concealment has faded to silence.
    pub(crate) fn is_gone(&self) -> bool {
        self.lost >= GONE
    }

    /// After a gap that is no loss, nothing is repeated.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    fn next(&mut self) -> i16 {
        let at = self.lost;
        self.lost += 1;
        if at >= GONE {
            return 0;
        }
        let gain = 1.0 - at.saturating_sub(LOUD) as f32 / (GONE - LOUD) as f32;
        let sample = self.history[HISTORY - self.lag + at % self.lag];
        (f32::from(sample) * gain) as i16
    }

    /// The lag at which the last 10 ms resemble what was before them most.
    fn pitch(&self) -> usize {
        let recent = &self.history[HISTORY - 80..];
        let score = |lag: &usize| {
            let before = &self.history[HISTORY - 80 - lag..HISTORY - lag];
            let (mut product, mut energy) = (0.0f32, 1.0f32);
            for (a, b) in recent.iter().zip(before) {
                product += f32::from(*a) * f32::from(*b);
                energy += f32::from(*b) * f32::from(*b);
            }
            product / energy.sqrt()
        };
        let best = (LAG_MIN..=LAG_MAX).map(|lag| (lag, score(&lag)));
        best.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(LAG_MIN, |(lag, _)| lag)
    }

    fn remember(&mut self, samples: &[i16]) {
        let new = &samples[samples.len().saturating_sub(HISTORY)..];
        self.history.copy_within(new.len().., 0);
        self.history[HISTORY - new.len()..].copy_from_slice(new);
    }
}

const _: () = assert!(HISTORY >= 80 + LAG_MAX && HISTORY > FRAME);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtmf::power;
    use crate::tones;

    #[test]
    fn a_tone_goes_on_over_a_lost_frame_and_fades_over_many() {
        let mut tone = Vec::new();
        tones::mix(&[(200.0, 0.5)], 200, &mut tone);
        let mut conceal = Conceal::default();
        conceal.good(&mut tone[..800]);
        let mut filled = [0; FRAME];
        conceal.lost(&mut filled);
        let (made, real) = (power(&filled, 200.0), power(&tone[800..960], 200.0));
        assert!(made > real * 0.6, "{made} of {real}");
        let steps = filled.windows(2).map(|pair| (i32::from(pair[0]) - i32::from(pair[1])).abs());
        assert!(steps.max().unwrap_or_default() < 4_000, "no click");
        let mut back = [16_000i16; FRAME];
        conceal.clone().good(&mut back);
        let step = i32::from(back[0]) - i32::from(filled[FRAME - 1]);
        assert!(step.abs() < 3_000 && back[31] > 14_000 && back[40] == 16_000, "faded in");
        for _ in 0..3 {
            conceal.lost(&mut filled);
        }
        assert!(conceal.is_gone() && filled[FRAME - 1] == 0);
    }
}
