//! ITU-T G.711: 16-bit samples to octets and back, in both laws, and from one law to the other.

/// The two companding laws.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Law {
    /// µ-law, payload type 0 (PCMU).
    #[default]
    Mu,
    /// A-law, payload type 8 (PCMA).
    A,
}

impl Law {
    /// The static payload type (RFC 3551 §6).
    pub const fn payload_type(self) -> u8 {
        match self {
            Self::Mu => 0,
            Self::A => 8,
        }
    }

    /// The law of a static payload type.
    pub const fn of_payload_type(payload_type: u8) -> Option<Self> {
        match payload_type {
            0 => Some(Self::Mu),
            8 => Some(Self::A),
            _ => None,
        }
    }

    /// The octet of silence.
    pub const fn silence(self) -> u8 {
        match self {
            Self::Mu => 0xff,
            Self::A => 0xd5,
        }
    }

    /// One sample to one octet.
    #[inline]
    pub const fn encode(self, sample: i16) -> u8 {
        match self {
            Self::Mu => encode_mu(sample),
            Self::A => encode_a(sample),
        }
    }

    /// One octet to one sample.
    #[inline]
    pub fn decode(self, octet: u8) -> i16 {
        self.table()[octet as usize]
    }

    /// Octets to samples, as far as both reach.
    pub fn decode_into(self, octets: &[u8], samples: &mut [i16]) {
        let table = self.table();
        for (sample, octet) in samples.iter_mut().zip(octets) {
            *sample = table[*octet as usize];
        }
    }

    /// Samples to octets, as far as both reach.
    pub fn encode_into(self, samples: &[i16], octets: &mut [u8]) {
        match self {
            Self::Mu => octets.iter_mut().zip(samples).for_each(|(o, s)| *o = encode_mu(*s)),
            Self::A => octets.iter_mut().zip(samples).for_each(|(o, s)| *o = encode_a(*s)),
        }
    }

    /// Octets of this law to the other one, in place.
    pub fn transcode(self, octets: &mut [u8]) {
        let table = match self {
            Self::Mu => &MU_TO_A,
            Self::A => &A_TO_MU,
        };
        octets.iter_mut().for_each(|octet| *octet = table[*octet as usize]);
    }

    fn table(self) -> &'static [i16; 256] {
        match self {
            Self::Mu => &MU,
            Self::A => &A,
        }
    }
}

const BIAS: i32 = 132;
const CLIP: i32 = 32_635;

const fn encode_mu(sample: i16) -> u8 {
    let sample = sample as i32;
    let sign = if sample < 0 { 0x80 } else { 0 };
    let size = if sample < 0 { -sample } else { sample };
    let size = if size > CLIP { CLIP } else { size } + BIAS;
    let exponent = 24 - (size as u32).leading_zeros() as i32;
    let mantissa = (size >> (exponent + 3)) & 0x0f;
    !(sign | (exponent << 4) | mantissa) as u8
}

const fn decode_mu(octet: u8) -> i16 {
    let value = !octet;
    let exponent = (value >> 4) & 7;
    let size = ((((value & 0x0f) as i32) << 3) + BIAS) << exponent;
    let size = size - BIAS;
    (if value & 0x80 == 0 { size } else { -size }) as i16
}

const fn encode_a(sample: i16) -> u8 {
    let sample = (sample >> 3) as i32;
    let (mask, size) = if sample >= 0 { (0xd5, sample) } else { (0x55, -sample - 1) };
    let value = if size < 32 {
        size >> 1
    } else {
        let exponent = 27 - (size as u32).leading_zeros() as i32;
        (exponent << 4) | ((size >> exponent) & 0x0f)
    };
    (value ^ mask) as u8
}

const fn decode_a(octet: u8) -> i16 {
    let value = octet ^ 0x55;
    let exponent = (value & 0x70) >> 4;
    let mantissa = ((value & 0x0f) as i32) << 4;
    let size = match exponent {
        0 => mantissa + 8,
        1 => mantissa + 0x108,
        _ => (mantissa + 0x108) << (exponent - 1),
    };
    (if value & 0x80 == 0 { -size } else { size }) as i16
}

const fn decoded(a: bool) -> [i16; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = if a { decode_a(octet as u8) } else { decode_mu(octet as u8) };
        octet += 1;
    }
    table
}

const fn transcoded(from_a: bool) -> [u8; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = if from_a { encode_mu(A[octet]) } else { encode_a(MU[octet]) };
        octet += 1;
    }
    table
}

const MU: [i16; 256] = decoded(false);
const A: [i16; 256] = decoded(true);
static MU_TO_A: [u8; 256] = transcoded(false);
static A_TO_MU: [u8; 256] = transcoded(true);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_survive_decoding_and_encoding() {
        for law in [Law::Mu, Law::A] {
            for octet in 0..=255u8 {
                let again = law.encode(law.decode(octet));
                // µ-law has two zeros.
                let same = again == octet || (law == Law::Mu && octet == 0x7f && again == 0xff);
                assert!(same, "{law:?} {octet:#x} became {again:#x}");
            }
        }
    }

    #[test]
    fn values_are_the_recommendation_s() {
        assert_eq!((Law::Mu.decode(0x00), Law::Mu.decode(0x80)), (-32_124, 32_124));
        assert_eq!((Law::Mu.decode(0xff), Law::Mu.encode(0)), (0, 0xff));
        assert_eq!((Law::A.decode(0x2a), Law::A.decode(0xaa)), (-32_256, 32_256));
        assert_eq!((Law::A.decode(0xd5), Law::A.encode(0)), (8, 0xd5));
    }

    #[test]
    fn the_error_stays_within_half_a_step() {
        for law in [Law::Mu, Law::A] {
            for sample in (-32_000..32_000i32).step_by(7) {
                let back = i32::from(law.decode(law.encode(sample as i16)));
                assert!((back - sample).abs() <= 16 + sample.abs() / 30, "{law:?} {sample} {back}");
            }
        }
    }

    #[test]
    fn transcoding_goes_by_the_nearest_value() {
        let mut octets: Vec<u8> = (0..=255).collect();
        Law::Mu.transcode(&mut octets);
        for (mu, a) in (0..=255u8).zip(octets) {
            let (from, to) = (i32::from(Law::Mu.decode(mu)), i32::from(Law::A.decode(a)));
            assert!((from - to).abs() <= 16 + from.abs() / 30);
        }
    }
}
