//! WAV files of µ-law and A-law, read here because many have a shorter format chunk than the
//! standard wants.

use super::{DecodeError, Limits, Sound};
use crate::g711::Law;

/// The sound of a file.
pub(super) struct Companded<'a> {
    law: Law,
    channels: usize,
    rate: u32,
    octets: &'a [u8],
}

/// Samples that are decoded together.
const PART: usize = 8_192;

/// Reads a file of either law; `None` for all others.
pub(super) fn companded(data: &[u8]) -> Option<Companded<'_>> {
    if data.get(..4)? != b"RIFF" || data.get(8..12)? != b"WAVE" {
        return None;
    }
    let mut rest = &data[12..];
    let mut format = None;
    loop {
        let (head, body) = rest.split_first_chunk::<8>()?;
        let len = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        match &head[..4] {
            b"fmt " => format = Some(self::format(body.get(..len)?)?),
            b"data" => {
                let (law, channels, rate) = format?;
                let octets = &body[..len.min(body.len())];
                return Some(Companded { law, channels, rate, octets });
            }
            _ => {}
        }
        rest = body.get(len.checked_add(len % 2)?..)?;
    }
}

fn format(chunk: &[u8]) -> Option<(Law, usize, u32)> {
    let short = |at: usize| chunk.get(at..at + 2).map(|two| u16::from_le_bytes([two[0], two[1]]));
    // The extensible form has the code in front of its long name.
    let code = match short(0)? {
        0xfffe => short(24)?,
        code => code,
    };
    let law = match code {
        6 => Law::A,
        7 => Law::Mu,
        _ => return None,
    };
    let rate = chunk.get(4..8)?.first_chunk().map(|four| u32::from_le_bytes(*four))?;
    let channels = usize::from(short(2)?);
    (short(14)? == 8 && channels > 0).then_some((law, channels, rate))
}

impl Companded<'_> {
    pub(super) fn samples(&self, limits: Limits) -> Result<Vec<i16>, DecodeError> {
        let mut sound = Sound::new(limits.seconds_max);
        for part in self.octets.chunks(PART / self.channels.min(PART) * self.channels) {
            let samples = part.iter().map(|octet| f32::from(self.law.decode(*octet)) / 32_768.0);
            sound.interleaved.clear();
            sound.interleaved.extend(samples);
            sound.take(self.rate, self.channels)?;
        }
        Ok(sound.finish())
    }
}
