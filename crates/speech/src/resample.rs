//! Samples at another rate: a windowed sinc for each sample, low-passed below both rates' halves.

/// Zero crossings of the filter on either side.
const WIDTH: f64 = 16.0;

/// Mono samples at another rate in Hz. A rate of zero gives nothing.
pub fn resample(samples: &[i16], from_hz: u32, to_hz: u32) -> Vec<i16> {
    if from_hz == to_hz {
        return samples.to_vec();
    }
    if from_hz == 0 || to_hz == 0 {
        return Vec::new();
    }
    let divisor = gcd(from_hz, to_hz);
    let (up, down) = ((to_hz / divisor) as usize, (from_hz / divisor) as usize);
    let phases = phases(up, down);
    let half = phases[0].len() / 2;
    let count = (samples.len() * up).div_ceil(down);
    let mut out = Vec::with_capacity(count);
    for index in 0..count {
        let at = index * down;
        let (centre, phase) = (at / up, &phases[at % up]);
        let first = (centre + 1).checked_sub(half);
        // Before the beginning and after the end is silence.
        let skipped = if first.is_none() { half - centre - 1 } else { 0 };
        let window = samples.get(first.unwrap_or(0)..).unwrap_or_default();
        let sum: f32 =
            phase[skipped..].iter().zip(window).map(|(tap, s)| tap * f32::from(*s)).sum();
        // Casts of floats to integers saturate.
        out.push(sum.round() as i16);
    }
    out
}

/// The filter's taps for each of the places that an output sample may have between two of the
/// input.
fn phases(up: usize, down: usize) -> Vec<Vec<f32>> {
    let cutoff = 0.95 * (up as f64 / down as f64).min(1.0);
    let half = (WIDTH / cutoff).ceil() as usize;
    let tap = |distance: f64| {
        let x = distance * cutoff;
        let sinc = if x == 0.0 {
            1.0
        } else {
            (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x)
        };
        let turn = std::f64::consts::PI * distance / half as f64;
        let window = if distance.abs() >= half as f64 {
            0.0
        } else {
            0.42 + 0.5 * turn.cos() + 0.08 * (2.0 * turn).cos()
        };
        cutoff * sinc * window
    };
    let phase = |number: usize| {
        let fraction = number as f64 / up as f64;
        // The tap at `half - 1` meets the sample at or before the place.
        let taps = (0..2 * half).map(|i| tap(i as f64 - (half as f64 - 1.0) - fraction));
        let taps: Vec<f64> = taps.collect();
        let sum: f64 = taps.iter().sum();
        taps.into_iter().map(|tap| (tap / sum) as f32).collect()
    };
    (0..up).map(phase).collect()
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f64, rate: u32, count: usize) -> Vec<i16> {
        let step = std::f64::consts::TAU * hz / f64::from(rate);
        (0..count).map(|i| ((i as f64 * step).sin() * 10_000.0) as i16).collect()
    }

    fn power(samples: &[i16]) -> f64 {
        samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64
    }

    #[test]
    fn a_tone_stays_and_what_is_too_high_goes() {
        for (from, to) in [(16_000, 8_000), (22_050, 8_000), (8_000, 16_000), (24_000, 8_000)] {
            let kept = resample(&sine(1_000.0, from, from as usize), from, to);
            assert_eq!(kept.len(), to as usize);
            let wanted = sine(1_000.0, to, to as usize);
            let difference: Vec<i16> = kept.iter().zip(&wanted).map(|(a, b)| a - b).collect();
            let inner = &difference[200..difference.len() - 200];
            assert!(power(inner) < power(&wanted) / 10_000.0, "{from} to {to}");
        }
        let gone = resample(&sine(6_000.0, 16_000, 16_000), 16_000, 8_000);
        assert!(power(&gone[200..7_800]) < 50_000_000.0 / 10_000.0);
    }

    #[test]
    fn nothing_stays_nothing() {
        assert!(resample(&[], 16_000, 8_000).is_empty());
        assert!(resample(&[1, 2], 0, 8_000).is_empty());
        assert_eq!(resample(&[1, 2], 8_000, 8_000), [1, 2]);
    }
}
