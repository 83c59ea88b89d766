//! Randomness that is handed in: seeded by the operating system in the product, by the seed of
//! the run in the simulation.

use base::{Instant, Sid};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A stream of random draws (ChaCha, 12 rounds).
#[derive(Clone, Debug)]
pub struct Random(ChaCha12Rng);

impl Random {
    /// The same seed gives the same draws.
    pub fn from_seed(seed: u64) -> Self {
        Self(ChaCha12Rng::seed_from_u64(seed))
    }

    /// From 32 bytes of the operating system's own randomness.
    pub fn from_seed_bytes(seed: [u8; 32]) -> Self {
        Self(ChaCha12Rng::from_seed(seed))
    }

    /// A uniform draw of 64 bits.
    pub fn u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A draw from `0..bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The bias of the remainder is far below what any use here could notice.
        if bound == 0 { 0 } else { self.u64() % bound }
    }

    /// True `per_mille` times of a thousand.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }

    /// Fills an array.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// A SID of the instant `at`.
    pub fn sid<T: Sid>(&mut self, at: Instant) -> T {
        T::new(at, self.bytes())
    }

    /// A salt of an object's key.
    pub fn salt(&mut self) -> [u8; 16] {
        self.bytes()
    }

    /// A nonce of a sealed value.
    pub fn nonce(&mut self) -> [u8; 12] {
        self.bytes()
    }

    /// 32 lower-case hex digits: an Auth Token.
    pub fn token(&mut self) -> String {
        self.bytes::<16>().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
