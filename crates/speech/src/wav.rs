//! RIFF WAVE: what engines give and take. PCM of 8 and 16 bits, A-law and µ-law; the first channel
//! of several counts.

use media::Law;
use thiserror::Error;

use crate::Speech;

/// Why octets are not a WAV file that is understood.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum WavError {
    /// No RIFF WAVE header, no format or no data.
    #[error("not a WAV file")]
    NotWav,
    /// A coding, width or rate that is not understood.
    #[error("a WAV file of a format that is not understood")]
    Format,
}

/// Rates that are believed, in Hz.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=192_000;

/// The format chunk.
#[derive(Clone, Copy)]
struct Format {
    coding: u16,
    channels: u16,
    rate_hz: u32,
    bits: u16,
}

/// Reads a WAV file. A data chunk may claim more than there is, as it does when it was written to a
/// pipe.
///
/// # Errors
/// What is not WAV, or of a format that is not understood.
pub fn read_wav(octets: &[u8]) -> Result<Speech, WavError> {
    if octets.get(..4) != Some(b"RIFF") || octets.get(8..12) != Some(b"WAVE") {
        return Err(WavError::NotWav);
    }
    let mut rest = &octets[12..];
    let mut format = None;
    while let Some((header, body)) = rest.split_at_checked(8) {
        let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
        let chunk = &body[..length.min(body.len())];
        match &header[..4] {
            b"fmt " => format = Some(read_format(chunk)?),
            b"data" => return decode(format.ok_or(WavError::NotWav)?, chunk),
            _ => {}
        }
        // Chunks begin at even places.
        rest = body.get(length.saturating_add(length & 1)..).unwrap_or_default();
    }
    Err(WavError::NotWav)
}

fn read_format(chunk: &[u8]) -> Result<Format, WavError> {
    let short = |at: usize| Some(u16::from_le_bytes([*chunk.get(at)?, *chunk.get(at + 1)?]));
    let fields = || {
        let rate_hz = u32::from(short(4)?) | u32::from(short(6)?) << 16;
        let mut coding = short(0)?;
        // WAVE_FORMAT_EXTENSIBLE: the coding is the first field of its sub-format.
        if coding == 0xFFFE {
            coding = short(24)?;
        }
        Some(Format { coding, channels: short(2)?, rate_hz, bits: short(14)? })
    };
    let format = fields().ok_or(WavError::NotWav)?;
    let known = matches!((format.coding, format.bits), (1, 8 | 16) | (6 | 7, 8));
    if known && (1..=8).contains(&format.channels) && RATES.contains(&format.rate_hz) {
        Ok(format)
    } else {
        Err(WavError::Format)
    }
}

fn decode(format: Format, data: &[u8]) -> Result<Speech, WavError> {
    let width = usize::from(format.bits / 8);
    let frames = data.chunks_exact(width * usize::from(format.channels));
    let sample = |frame: &[u8]| match (format.coding, width) {
        (1, 2) => i16::from_le_bytes([frame[0], frame[1]]),
        (1, _) => (i16::from(frame[0]) - 128) << 8,
        (6, _) => Law::A.decode(frame[0]),
        _ => Law::Mu.decode(frame[0]),
    };
    Ok(Speech { samples: frames.map(sample).collect(), rate_hz: format.rate_hz })
}

/// A WAV file of PCM, mono, 16 bits.
pub fn write_wav(speech: &Speech) -> Vec<u8> {
    let size = u32::try_from(speech.samples.len() * 2).unwrap_or(u32::MAX - 36);
    let mut out = Vec::with_capacity(44 + speech.samples.len() * 2);
    out.extend_from_slice(b"RIFF");
    out.extend_from_slice(&(36 + size).to_le_bytes());
    out.extend_from_slice(b"WAVEfmt ");
    out.extend_from_slice(&16_u32.to_le_bytes());
    out.extend_from_slice(&1_u16.to_le_bytes());
    out.extend_from_slice(&1_u16.to_le_bytes());
    out.extend_from_slice(&speech.rate_hz.to_le_bytes());
    out.extend_from_slice(&speech.rate_hz.saturating_mul(2).to_le_bytes());
    out.extend_from_slice(&2_u16.to_le_bytes());
    out.extend_from_slice(&16_u16.to_le_bytes());
    out.extend_from_slice(b"data");
    out.extend_from_slice(&size.to_le_bytes());
    out.extend(speech.samples.iter().flat_map(|sample| sample.to_le_bytes()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let speech = Speech { samples: vec![0, 1, -1, i16::MAX, i16::MIN], rate_hz: 8_000 };
        let octets = write_wav(&speech);
        assert_eq!(read_wav(&octets), Ok(speech.clone()));
        let mut piped = octets.clone();
        piped[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(read_wav(&piped), Ok(speech), "a length nobody knew");
        assert_eq!(read_wav(&octets[..40]), Err(WavError::NotWav));
        let mut float = octets;
        float[20] = 3;
        assert_eq!(read_wav(&float), Err(WavError::Format));
    }

    #[test]
    fn companded_samples_are_read() {
        // Ends and middle of ITU-T G.711's tables.
        for (coding, octets, samples) in [
            (7, [0x00, 0x80, 0xFF], [-32_124, 32_124, 0]),
            (6, [0x2A, 0xAA, 0xD5], [-32_256, 32_256, 8]),
        ] {
            let mut file = write_wav(&Speech { samples: vec![0, 0], rate_hz: 8_000 });
            (file[20], file[34]) = (coding, 8);
            file.truncate(44);
            file.extend(octets);
            file[40] = 3;
            assert_eq!(read_wav(&file).map(|speech| speech.samples), Ok(samples.to_vec()));
        }
    }
}
