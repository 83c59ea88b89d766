//! Codes: made, sealed, checked. A code stands nowhere in the clear but in the text that carries
//! it, and that text is redacted.

use std::sync::Arc;

use base::{MasterKey, ObjectKey, Pepper};
use machine::Random;

use crate::verify::model::{Kept, Verification};

/// What digests are for.
const PURPOSE: &str = "verify.code";

/// Keeps codes and checks them.
pub struct Codes {
    master: Arc<MasterKey>,
    pepper: Pepper,
}

impl Codes {
    /// Under keys derived of the master key.
    pub fn new(master: &Arc<MasterKey>) -> Self {
        Self { master: Arc::clone(master), pepper: master.pepper(PURPOSE) }
    }

    /// A code as it is stored with the verification `sid`.
    pub fn keep(&self, random: &mut Random, sid: [u8; 16], code: &str) -> Kept {
        let (salt, nonce) = (random.salt(), random.nonce());
        let sealed = ObjectKey::derive(&self.master, &salt).seal(nonce, code.as_bytes());
        let digest = self.pepper.digest(&context(sid, &salt), code.as_bytes()).to_vec();
        Kept { salt, sealed, digest }
    }

    /// The code, to send it again.
    pub fn open(&self, kept: &Kept) -> Option<String> {
        let plain = ObjectKey::derive(&self.master, &kept.salt).open(&kept.sealed).ok()?;
        String::from_utf8(plain).ok()
    }

    /// Whether `given` is a verification's code; constant time in what is given.
    pub fn fits(&self, verification: &Verification, given: &str) -> bool {
        let Some(kept) = &verification.kept else { return false };
        self.pepper.fits(&context(verification.sid, &kept.salt), given.as_bytes(), &kept.digest)
    }

    /// A key that counters are kept by in place of what it was made of.
    pub fn blind(&self, context: &[u8], text: &str) -> [u8; 16] {
        let mut key = [0; 16];
        key.copy_from_slice(&self.pepper.digest(context, text.as_bytes())[..16]);
        key
    }
}

fn context(sid: [u8; 16], salt: &[u8; 16]) -> Vec<u8> {
    [sid, *salt].concat()
}

/// Digits of a seed of the operating system's randomness, each as likely as any other.
pub fn digits(seed: [u8; 32], length: usize) -> String {
    // 250 is a multiple of ten: what is above it would make small digits likelier.
    let mut random = Random::from_seed_bytes(seed);
    let bytes = std::iter::repeat_with(|| random.bytes::<32>()).flatten();
    bytes.filter(|byte| *byte < 250).take(length).map(|byte| char::from(b'0' + byte % 10)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_as_many_as_asked_and_equally_likely() {
        let mut counts = [0_u32; 10];
        for seed in 0..2_000_u16 {
            let mut bytes = [0; 32];
            bytes[..2].copy_from_slice(&seed.to_le_bytes());
            let code = digits(bytes, 10);
            assert_eq!(code.len(), 10);
            for digit in code.bytes() {
                counts[usize::from(digit - b'0')] += 1;
            }
        }
        // 20,000 draws: 2,000 of each, with a standard deviation of 42.
        assert!(counts.iter().all(|count| (1_780..2_220).contains(count)), "{counts:?}");
        assert_eq!(digits([1; 32], 4).len(), 4);
    }

    #[test]
    fn a_code_opens_under_its_salt_and_fits_nothing_else() {
        let codes = Codes::new(&Arc::new(MasterKey::new([5; 32])));
        let kept = codes.keep(&mut Random::from_seed(1), [1; 16], "123456");
        assert_eq!(codes.open(&kept).as_deref(), Some("123456"));
        let plain = b"123456".as_slice();
        assert!(kept.sealed.windows(6).all(|part| part != plain));
        assert_ne!(kept.digest, codes.keep(&mut Random::from_seed(2), [1; 16], "123456").digest);
    }
}
