//! A prompt: audio encoded once, played by any number of legs.

use std::sync::OnceLock;

use crate::g711::Law;
use crate::{FRAME, RATE};

/// Encoded audio at 8 kHz. The first law is there from the start; the other one is made when
/// it is first asked for.
#[derive(Debug)]
pub struct Prompt {
    law: Law,
    octets: Box<[u8]>,
    other: OnceLock<Box<[u8]>>,
}

impl Prompt {
    /// From samples at 8 kHz.
    pub fn from_samples(samples: &[i16]) -> Self {
        let mut octets = vec![0; samples.len()].into_boxed_slice();
        Law::Mu.encode_into(samples, &mut octets);
        Self { law: Law::Mu, octets, other: OnceLock::new() }
    }

    /// From octets that are encoded already.
    pub fn from_octets(law: Law, octets: impl Into<Box<[u8]>>) -> Self {
        Self { law, octets: octets.into(), other: OnceLock::new() }
    }

    /// The octets in a law. The first call for the second law takes about 1 ns a sample: let
    /// whoever hands out the prompt make it, not the media thread.
    pub fn octets(&self, law: Law) -> &[u8] {
        if law == self.law {
            return &self.octets;
        }
        self.other.get_or_init(|| {
            let mut octets = self.octets.clone();
            self.law.transcode(&mut octets);
            octets
        })
    }

    /// Its samples.
    pub fn samples(&self) -> Vec<i16> {
        let mut samples = vec![0; self.octets.len()];
        self.law.decode_into(&self.octets, &mut samples);
        samples
    }

    /// Its length in samples, which is also the number of its octets.
    pub fn len(&self) -> usize {
        self.octets.len()
    }

    /// Whether it has no sample.
    pub fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// Its length in milliseconds, rounded down.
    pub fn duration_ms(&self) -> u64 {
        self.octets.len() as u64 * 1_000 / u64::from(RATE)
    }

    /// Whole frames in it, a last one of less included.
    pub fn frames(&self) -> usize {
        self.octets.len().div_ceil(FRAME)
    }
}
