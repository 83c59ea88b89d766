//! Audio files become prompts: WAV, AIFF, MP3, Ogg Vorbis, and raw µ-law or A-law, at any rate,
//! mono or stereo, within limits of size and length. For threads that may take their time.

mod riff;

use std::io::Cursor;

use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

use crate::RATE;
use crate::g711::Law;
use crate::prompt::Prompt;
use crate::resample::Resampler;

/// What a file may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of the file.
    pub octets_max: usize,
    /// Seconds of sound.
    pub seconds_max: u32,
}

impl Default for Limits {
    /// 40 minutes, the longest that is safe to play, and 100 MiB.
    fn default() -> Self {
        Self { octets_max: 100 << 20, seconds_max: 40 * 60 }
    }
}

/// Why a file is no prompt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// More octets than allowed.
    #[error("the file has more than {0} octets")]
    TooLarge(usize),
    /// It plays longer than allowed.
    #[error("the file plays for more than {0} seconds")]
    TooLong(u32),
    /// No format that we know.
    #[error("unknown audio format: {0}")]
    Unknown(String),
    /// The format is known, and broken.
    #[error("broken audio file: {0}")]
    Broken(String),
}

/// Lowest and highest sampling rates that are taken.
const RATES: std::ops::RangeInclusive<u32> = 1_000..=768_000;
/// Broken packets in a row after which a file is given up.
const BROKEN_MAX: u32 = 100;

/// Decodes a file; `content_type` is needed for raw µ-law and A-law alone (`audio/basic`,
/// `audio/ulaw`, `audio/pcma` and the like), the others are known by what is in them.
pub fn decode(
    data: &[u8],
    content_type: Option<&str>,
    limits: Limits,
) -> Result<Prompt, DecodeError> {
    if data.len() > limits.octets_max {
        return Err(DecodeError::TooLarge(limits.octets_max));
    }
    if let Some(law) = content_type.and_then(raw) {
        if data.len() > limits.seconds_max as usize * RATE as usize {
            return Err(DecodeError::TooLong(limits.seconds_max));
        }
        return Ok(Prompt::from_octets(law, data));
    }
    let samples = match riff::companded(data) {
        Some(found) => found.samples(limits),
        None => coded(data, limits),
    };
    samples.map(|samples| Prompt::from_samples(&samples))
}

fn raw(content_type: &str) -> Option<Law> {
    let name = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match name.as_str() {
        "audio/basic" | "audio/ulaw" | "audio/x-ulaw" | "audio/mulaw" | "audio/x-mulaw"
        | "audio/pcmu" => Some(Law::Mu),
        "audio/alaw" | "audio/x-alaw" | "audio/pcma" => Some(Law::A),
        _ => None,
    }
}

fn coded(data: &[u8], limits: Limits) -> Result<Vec<i16>, DecodeError> {
    let stream = MediaSourceStream::new(
        Box::new(Cursor::new(data.to_vec())),
        MediaSourceStreamOptions::default(),
    );
    let mut format = symphonia::default::get_probe()
        .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
        .map_err(|error| DecodeError::Unknown(error.to_string()))?;
    let track = format
        .default_track(TrackType::Audio)
        .ok_or_else(|| DecodeError::Unknown("no audio in it".to_owned()))?;
    let id = track.id;
    let codec = track.codec_params.as_ref().and_then(|codec| codec.audio());
    let codec = codec.ok_or_else(|| DecodeError::Unknown("no codec in it".to_owned()))?;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(codec, &AudioDecoderOptions::default())
        .map_err(|error| DecodeError::Unknown(error.to_string()))?;
    let mut sound = Sound::new(limits.seconds_max);
    let mut broken = 0;
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            // A file that is cut in the middle is played as far as it goes.
            Ok(None) | Err(Error::IoError(_) | Error::ResetRequired) => break,
            Err(error) => return Err(DecodeError::Broken(error.to_string())),
        };
        if packet.track_id != id {
            continue;
        }
        match decoder.decode(&packet) {
            Ok(decoded) => {
                broken = 0;
                let (rate, planes) = (decoded.spec().rate(), decoded.num_planes());
                decoded.copy_to_vec_interleaved(&mut sound.interleaved);
                sound.take(rate, planes)?;
            }
            Err(Error::DecodeError(_) | Error::IoError(_)) if broken < BROKEN_MAX => broken += 1,
            Err(error) => return Err(DecodeError::Broken(error.to_string())),
        }
    }
    Ok(sound.finish())
}

/// What was decoded so far.
struct Sound {
    interleaved: Vec<f32>,
    mono: Vec<f32>,
    resampler: Option<(u32, Resampler)>,
    samples: Vec<i16>,
    seconds_max: u32,
}

impl Sound {
    fn new(seconds_max: u32) -> Self {
        let (interleaved, mono, samples) = (Vec::new(), Vec::new(), Vec::new());
        Self { interleaved, mono, resampler: None, samples, seconds_max }
    }

    fn take(&mut self, rate: u32, planes: usize) -> Result<(), DecodeError> {
        if !RATES.contains(&rate) || planes == 0 {
            return Err(DecodeError::Broken(format!("{rate} samples a second")));
        }
        self.mono.clear();
        let frames = self.interleaved.chunks_exact(planes);
        self.mono.extend(frames.map(|frame| frame.iter().sum::<f32>() / planes as f32));
        if self.resampler.as_ref().is_none_or(|(known, _)| *known != rate) {
            self.end();
            self.resampler = Some((rate, Resampler::new(rate, RATE)));
        }
        if let Some((_, resampler)) = self.resampler.as_mut() {
            let samples = &mut self.samples;
            resampler.push(&self.mono, |sample| samples.push(whole(sample)));
        }
        if self.samples.len() as u64 > u64::from(self.seconds_max) * u64::from(RATE) {
            return Err(DecodeError::TooLong(self.seconds_max));
        }
        Ok(())
    }

    fn end(&mut self) {
        if let Some((_, resampler)) = self.resampler.take() {
            resampler.finish(|sample| self.samples.push(whole(sample)));
        }
    }

    fn finish(mut self) -> Vec<i16> {
        self.end();
        self.samples.truncate(self.seconds_max as usize * RATE as usize);
        self.samples
    }
}

fn whole(sample: f32) -> i16 {
    (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}

#[cfg(test)]
mod tests;
