//! From one sampling rate to another: a windowed sinc, computed for each output sample. It is for
//! prompts and recognition, off the media threads.

use std::f64::consts::PI;

/// Zero crossings on either side.
const CROSSINGS: f64 = 16.0;
/// Points of the table for each input sample.
const FINE: f64 = 256.0;
/// Input samples that are dropped together once they are behind.
const BEHIND: usize = 8_192;

/// Mono samples at another rate in Hz. A rate of zero gives nothing.
pub fn resample(samples: &[i16], from_hz: u32, to_hz: u32) -> Vec<i16> {
    if from_hz == to_hz {
        return samples.to_vec();
    }
    if from_hz == 0 || to_hz == 0 {
        return Vec::new();
    }
    let mut resampler = Resampler::new(from_hz, to_hz);
    let input: Vec<f32> = samples.iter().map(|sample| f32::from(*sample)).collect();
    let mut made = Vec::with_capacity(samples.len() * to_hz as usize / from_hz as usize + 1);
    // Casts of floats to integers saturate.
    resampler.push(&input, |sample| made.push(sample.round() as i16));
    resampler.finish(|sample| made.push(sample.round() as i16));
    made
}

/// Changes the rate of a stream. Frequencies above half of the lower rate are taken away.
pub struct Resampler {
    /// The filter, sampled finely; values between are interpolated.
    table: Vec<f32>,
    reach: f64,
    from: u32,
    to: u32,
    input: Vec<f32>,
    /// Input samples that were dropped, and all so far.
    dropped: u64,
    whole: u64,
    made: u64,
}

impl Resampler {
    /// From and to rates in hertz, neither of them 0.
    pub fn new(from: u32, to: u32) -> Self {
        let (from, to) = (from.max(1), to.max(1));
        // A little below half of the rate, so that the filter's slope ends there.
        let cutoff = 0.94 * (f64::from(to) / f64::from(from)).min(1.0);
        let reach = CROSSINGS / cutoff;
        let points = (reach * FINE).ceil() as usize + 2;
        let value = |at: usize| {
            let x = at as f64 / FINE;
            let sinc = if x == 0.0 { 1.0 } else { (PI * cutoff * x).sin() / (PI * cutoff * x) };
            let turn = (x / reach).min(1.0);
            let window = 0.42 + 0.5 * (PI * turn).cos() + 0.08 * (2.0 * PI * turn).cos();
            (cutoff * sinc * window) as f32
        };
        let table = (0..points).map(value).collect();
        Self { table, reach, from, to, input: Vec::new(), dropped: 0, whole: 0, made: 0 }
    }

    /// Takes samples, and gives those that can be made of what is there.
    pub fn push(&mut self, samples: &[f32], mut give: impl FnMut(f32)) {
        self.whole += samples.len() as u64;
        if self.from == self.to {
            self.made += samples.len() as u64;
            samples.iter().for_each(|sample| give(*sample));
            return;
        }
        self.input.extend_from_slice(samples);
        while self.place() + self.reach < self.whole as f64 {
            give(self.next());
        }
        let behind = (self.place() - self.reach).max(0.0) as u64;
        let behind = (behind.saturating_sub(self.dropped) as usize).min(self.input.len());
        if behind > BEHIND {
            self.input.drain(..behind);
            self.dropped += behind as u64;
        }
    }

    /// Gives what is left.
    pub fn finish(mut self, mut give: impl FnMut(f32)) {
        let count = (self.whole * u64::from(self.to)).div_ceil(u64::from(self.from));
        while self.made < count {
            give(self.next());
        }
    }

    /// Where the next output sample lies among the input.
    fn place(&self) -> f64 {
        self.made as f64 * f64::from(self.from) / f64::from(self.to)
    }

    fn next(&mut self) -> f32 {
        let place = self.place() - self.dropped as f64;
        self.made += 1;
        let first = (place - self.reach).ceil().max(0.0) as usize;
        let last = ((place + self.reach).max(0.0) as usize + 1).min(self.input.len());
        let mut sum = 0.0;
        for (at, sample) in self.input[first.min(last)..last].iter().enumerate() {
            let point = ((first + at) as f64 - place).abs() * FINE;
            let (low, part) = (point as usize, point.fract() as f32);
            let two = self.table.get(low..low + 2).unwrap_or(&[0.0, 0.0]);
            sum += sample * (two[0] + (two[1] - two[0]) * part);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hertz: f32, rate: u32, count: usize) -> Vec<f32> {
        let turn = std::f64::consts::TAU * f64::from(hertz) / f64::from(rate);
        (0..count).map(|at| (turn * at as f64).sin() as f32).collect()
    }

    fn loudness(samples: &[f32]) -> f32 {
        (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32).sqrt()
    }

    fn in_parts(samples: &[f32], from: u32) -> Vec<f32> {
        let mut resampler = Resampler::new(from, 8_000);
        let mut made = Vec::new();
        samples.chunks(977).for_each(|some| resampler.push(some, |sample| made.push(sample)));
        resampler.finish(|sample| made.push(sample));
        made
    }

    #[test]
    fn tones_keep_their_pitch_and_loudness_and_what_does_not_fit_goes() {
        for rate in [6_000, 8_000, 11_025, 16_000, 22_050, 44_100, 48_000] {
            let low = in_parts(&sine(1_000.0, rate, rate as usize), rate);
            assert_eq!(low.len(), 8_000);
            let wanted = sine(1_000.0, 8_000, 8_000);
            let error: Vec<f32> = low.iter().zip(&wanted).map(|(a, b)| a - b).collect();
            assert!(loudness(&error[200..7_800]) < 0.01, "{rate}");
        }
        let high = in_parts(&sine(6_000.0, 48_000, 48_000), 48_000);
        assert!(loudness(&high[200..7_800]) < 0.01);
    }
    #[test]
    fn whole_recordings_keep_their_tones_at_any_rate() {
        let whole = |hertz, rate: u32| -> Vec<i16> {
            let samples = sine(hertz, rate, rate as usize);
            samples.iter().map(|sample| (sample * 10_000.0) as i16).collect()
        };
        for (from, to) in [(16_000, 8_000), (22_050, 8_000), (8_000, 16_000), (24_000, 8_000)] {
            let kept = resample(&whole(1_000.0, from), from, to);
            assert_eq!(kept.len(), to as usize);
            let differs = |(one, other): (&i16, &i16)| f32::from(one - other);
            let wanted = whole(1_000.0, to);
            let error: Vec<f32> = kept.iter().zip(&wanted).map(differs).collect();
            assert!(loudness(&error[200..error.len() - 200]) < 100.0, "{from} to {to}");
        }
        assert!(resample(&[], 16_000, 8_000).is_empty() && resample(&[1], 0, 8_000).is_empty());
        assert_eq!(resample(&[1, 2], 8_000, 8_000), [1, 2]);
    }
}
