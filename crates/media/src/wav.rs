//! The header of a WAV file of 16-bit samples at 8 kHz: written first with no known length, and
//! once more when the length is known.

use crate::RATE;
use crate::recording::Channels;

/// Octets of the header.
pub const HEADER: usize = 44;

/// The header in front of `octets` of samples. Of a file that is still growing give `None`: its
/// length reads as the largest possible, which players take as "until the end".
pub fn header(channels: Channels, octets: Option<u64>) -> [u8; HEADER] {
    let count = channels.count();
    let whole = octets.and_then(|octets| u32::try_from(octets).ok());
    let octets = whole.unwrap_or(u32::MAX - HEADER as u32).min(u32::MAX - HEADER as u32);
    let mut out = [0; HEADER];
    let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"RIFF");
    put(4, &(octets + 36).to_le_bytes());
    put(8, b"WAVEfmt ");
    put(16, &16u32.to_le_bytes());
    put(20, &1u16.to_le_bytes());
    put(22, &count.to_le_bytes());
    put(24, &RATE.to_le_bytes());
    put(28, &(RATE * 2 * u32::from(count)).to_le_bytes());
    put(32, &(2 * count).to_le_bytes());
    put(34, &16u16.to_le_bytes());
    put(36, b"data");
    put(40, &octets.to_le_bytes());
    out
}

/// A whole file of interleaved samples.
pub fn file(channels: Channels, samples: &[i16]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER + samples.len() * 2);
    out.extend(header(channels, Some(samples.len() as u64 * 2)));
    out.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    out
}
