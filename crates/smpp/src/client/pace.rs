//! How fast a bind may submit: a configured rate, and what a carrier that throttles is found to
//! take. It slows to just below what was taken in the last second and probes up again, so that
//! it neither stops nor hammers.

use std::time::Duration;

use base::Instant;

const SLICE: Duration = Duration::from_millis(100);
/// The running slice, nine whole ones, and the one of which a part is within the last second.
const SLICES: usize = 11;

/// The share of what was taken that is tried after a refusal.
const BELOW: f64 = 0.98;
/// The growth in each slice without a refusal.
const PROBE: f64 = 1.01;

/// The pace of one bind.
#[derive(Debug)]
pub struct Pace {
    /// Submissions a second by configuration; infinite for no limit.
    ceiling: f64,
    rate: f64,
    tokens: f64,
    filled_at: Instant,
    /// Taken in each of the last slices, the running one first.
    taken: [u32; SLICES],
    slice_at: Instant,
    throttled_in_slice: bool,
    probing: bool,
}

impl Pace {
    /// A pace of `per_second` at most; 0 means no limit.
    pub fn new(per_second: u32, now: Instant) -> Self {
        let ceiling = if per_second == 0 { f64::INFINITY } else { f64::from(per_second) };
        Self {
            ceiling,
            rate: ceiling,
            tokens: 1.0,
            filled_at: now,
            taken: [0; SLICES],
            slice_at: now,
            throttled_in_slice: false,
            probing: false,
        }
    }

    /// Whether one more may be submitted now; it is counted if so.
    pub fn take(&mut self, now: Instant) -> bool {
        self.pass(now);
        if self.rate.is_infinite() {
            return true;
        }
        let passed = now.since(self.filled_at).as_secs_f64();
        // A tenth of a second may be caught up on, so that coarse timers cost nothing.
        self.tokens = (self.tokens + passed * self.rate).min((self.rate / 10.0).max(1.0));
        self.filled_at = now;
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }

    /// When `take` may succeed again.
    pub fn next_at(&self, now: Instant) -> Instant {
        if self.rate.is_infinite() || self.tokens >= 1.0 {
            return now;
        }
        self.filled_at + Duration::from_secs_f64(((1.0 - self.tokens) / self.rate).min(60.0))
    }

    /// The carrier took one.
    pub fn taken(&mut self, now: Instant) {
        self.pass(now);
        self.taken[0] += 1;
    }

    /// The carrier refused one for its rate. Refusals of what was on its way when the first came
    /// say nothing new.
    pub fn throttled(&mut self, now: Instant) {
        self.pass(now);
        if self.throttled_in_slice {
            return;
        }
        self.throttled_in_slice = true;
        let taken = self.taken_in_a_second(now);
        let lower = if self.probing && self.rate.is_finite() {
            (taken * BELOW).max(self.rate * 0.5)
        } else {
            taken * BELOW
        };
        self.rate = lower.max(1.0).min(self.ceiling).min(self.rate);
        self.probing = true;
        self.tokens = self.tokens.min(1.0);
        self.filled_at = now;
    }

    /// What was taken within exactly the last second.
    fn taken_in_a_second(&self, now: Instant) -> f64 {
        let [whole @ .., oldest] = &self.taken;
        let into = now.since(self.slice_at).as_secs_f64() / SLICE.as_secs_f64();
        f64::from(whole.iter().sum::<u32>()) + f64::from(*oldest) * (1.0 - into).clamp(0.0, 1.0)
    }

    fn pass(&mut self, now: Instant) {
        while self.slice_at + SLICE <= now {
            if self.probing && !self.throttled_in_slice {
                self.rate = (self.rate * PROBE + 0.1).min(self.ceiling);
            }
            self.taken.rotate_right(1);
            self.taken[0] = 0;
            self.throttled_in_slice = false;
            self.slice_at = self.slice_at + SLICE;
            if self.slice_at + SLICE * 100 < now {
                // After a long rest nothing of the past counts.
                (self.slice_at, self.taken) = (now, [0; SLICES]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten seconds with a carrier that takes so many in each second of its own clock, from a
    /// sender that has always more and hears of a refusal a millisecond later. Answers what it
    /// took in each second, and what it refused altogether.
    fn run(mut pace: Pace, carrier: u32) -> (Vec<u32>, u32) {
        let (mut took, mut refused) = (vec![0; 10], 0);
        for millis in 0..10_000_i64 {
            let now = Instant::from_micros(millis * 1_000);
            let second = usize::try_from(millis / 1_000).expect("small");
            for _ in 0..100 {
                if !pace.take(now) {
                    break;
                }
                if took[second] < carrier {
                    took[second] += 1;
                    pace.taken(now);
                } else {
                    refused += 1;
                    pace.throttled(now);
                }
            }
        }
        (took, refused)
    }

    #[test]
    fn a_configured_rate_is_kept() {
        let (took, _) = run(Pace::new(50, Instant::from_micros(0)), u32::MAX);
        assert!(took.iter().all(|took| (49..=55).contains(took)), "{took:?}");
    }

    #[test]
    fn a_throttling_carrier_is_kept_busy() {
        for carrier in [20, 200, 2_000] {
            let (took, refused) = run(Pace::new(0, Instant::from_micros(0)), carrier);
            let least = carrier * 94 / 100;
            assert!(took.iter().skip(1).all(|took| *took >= least), "{carrier}: {took:?}");
            let sent: u32 = took.iter().sum::<u32>() + refused;
            assert!(refused * 4 < sent, "{carrier}: {refused} of {sent} refused");
        }
    }

    #[test]
    fn a_carrier_that_takes_nothing_is_still_asked() {
        let (took, refused) = run(Pace::new(0, Instant::from_micros(0)), 0);
        assert_eq!(took.iter().sum::<u32>(), 0);
        assert!((10..2_000).contains(&refused), "{refused}");
    }
}
