//! Recordings: both directions of a leg, or the mix of a conference, on one line of time. They
//! grow by chunks of a second, so that a crash loses no more than the last one.

use crate::{FRAME, Frame, RATE};

/// The caller's own name for a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordingId(pub u64);

/// How directions become channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Channels {
    /// One channel, the sum of what is recorded.
    #[default]
    Mono,
    /// What comes in on the left (first) channel, what goes out on the right one.
    Dual,
}

impl Channels {
    /// 1 or 2.
    pub const fn count(self) -> u16 {
        match self {
            Self::Mono => 1,
            Self::Dual => 2,
        }
    }
}

/// Which direction is heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Track {
    /// Both.
    #[default]
    Both,
    /// What the leg's peer says.
    Inbound,
    /// What the leg's peer hears.
    Outbound,
}

impl Track {
    fn has(self, other: Self) -> bool {
        self == Self::Both || self == other
    }
}

/// What a recording is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordConfig {
    /// One channel or two.
    pub channels: Channels,
    /// The directions in it.
    pub track: Track,
    /// It ends by itself after so long; 0 for never.
    pub max_ms: u64,
}

/// What stands in for sound while a recording is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Paused {
    No,
    Skip,
    Silence,
}

/// Frames of a chunk: one second.
const CHUNK: usize = 50;

/// One recording under way.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub id: RecordingId,
    config: RecordConfig,
    paused: Paused,
    chunk: Vec<u8>,
    frames: u64,
}

impl Recorder {
    pub(crate) fn new(id: RecordingId, config: RecordConfig) -> Self {
        Self { id, config, paused: Paused::No, chunk: Vec::new(), frames: 0 }
    }

    /// Stops the sound; `skip` stops the time of the recording too.
    pub(crate) fn pause(&mut self, skip: bool) {
        self.paused = if skip { Paused::Skip } else { Paused::Silence };
    }

    pub(crate) fn resume(&mut self) {
        self.paused = Paused::No;
    }

    /// Takes both directions of a tick; a full chunk is handed out. Samples are 16 bits, little
    /// endian, interleaved.
    pub(crate) fn frame(&mut self, inbound: &Frame, outbound: &Frame) -> Option<Vec<u8>> {
        if self.paused == Paused::Skip || self.is_over() {
            return None;
        }
        if self.chunk.capacity() == 0 {
            self.chunk.reserve_exact(CHUNK * FRAME * 2 * usize::from(self.config.channels.count()));
        }
        let sounds = self.paused == Paused::No;
        let left = sounds && self.config.track.has(Track::Inbound);
        let right = sounds && self.config.track.has(Track::Outbound);
        let silence = [0; FRAME];
        let inbound = if left { inbound } else { &silence };
        let outbound = if right { outbound } else { &silence };
        let both = inbound.iter().zip(outbound);
        let at = self.chunk.len();
        match self.config.channels {
            Channels::Mono => {
                self.chunk.resize(at + 2 * FRAME, 0);
                for (two, (a, b)) in self.chunk[at..].chunks_exact_mut(2).zip(both) {
                    two.copy_from_slice(&a.saturating_add(*b).to_le_bytes());
                }
            }
            Channels::Dual => {
                self.chunk.resize(at + 4 * FRAME, 0);
                for (four, (a, b)) in self.chunk[at..].chunks_exact_mut(4).zip(both) {
                    four[..2].copy_from_slice(&a.to_le_bytes());
                    four[2..].copy_from_slice(&b.to_le_bytes());
                }
            }
        }
        self.frames += 1;
        (self.frames.is_multiple_of(CHUNK as u64)).then(|| std::mem::take(&mut self.chunk))
    }

    /// Whether its longest time is reached.
    pub(crate) fn is_over(&self) -> bool {
        self.config.max_ms > 0 && self.duration_ms() >= self.config.max_ms
    }

    pub(crate) fn duration_ms(&self) -> u64 {
        self.frames * 20
    }

    /// What is left at the end.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.chunk)
    }
}

/// A window that is louder than this mean square is no silence: about -45 dBm0.
const LOUD: i64 = 130 * 130;
/// Silence that stays at either end: 100 ms.
const MARGIN: usize = RATE as usize / 10;

/// The part of interleaved samples between the silences at both ends, in whole samples of all
/// channels, with 100 ms left on either side. Empty when nothing is loud.
pub fn trim_silence(samples: &[i16], channels: Channels) -> std::ops::Range<usize> {
    let width = usize::from(channels.count());
    let window = FRAME * width;
    let is_loud = |window: &[i16]| {
        let sum: i64 = window.iter().map(|sample| i64::from(*sample) * i64::from(*sample)).sum();
        sum > LOUD * window.len() as i64
    };
    let mut loud = samples.chunks(window).enumerate().filter(|(_, part)| is_loud(part));
    let Some((first, _)) = loud.next() else { return 0..0 };
    let last = loud.next_back().map_or(first, |(last, _)| last);
    let start = (first * window).saturating_sub(MARGIN * width);
    let end = ((last + 1) * window + MARGIN * width).min(samples.len() / width * width);
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_interleaved_and_chunks_are_seconds() {
        let config = RecordConfig { channels: Channels::Dual, ..RecordConfig::default() };
        let mut recorder = Recorder::new(RecordingId(1), config);
        let chunks: Vec<_> =
            (0..60).filter_map(|_| recorder.frame(&[1; FRAME], &[-2; FRAME])).collect();
        assert_eq!((chunks.len(), chunks[0].len()), (1, 32_000));
        assert_eq!(chunks[0][..4], [1, 0, 0xfe, 0xff]);
        assert_eq!((recorder.rest().len(), recorder.duration_ms()), (6_400, 1_200));
    }

    #[test]
    fn a_pause_is_skipped_or_silent_and_the_longest_time_holds() {
        let config = RecordConfig { max_ms: 100, ..RecordConfig::default() };
        let mut recorder = Recorder::new(RecordingId(1), config);
        recorder.frame(&[i16::MAX; FRAME], &[5; FRAME]);
        recorder.pause(true);
        recorder.frame(&[9; FRAME], &[9; FRAME]);
        assert_eq!(recorder.duration_ms(), 20);
        recorder.pause(false);
        recorder.frame(&[9; FRAME], &[9; FRAME]);
        recorder.resume();
        for _ in 0..20 {
            recorder.frame(&[1; FRAME], &[1; FRAME]);
        }
        assert!(recorder.is_over());
        let octets = recorder.rest();
        let samples: Vec<i16> =
            octets.chunks(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect();
        assert_eq!(samples.len(), 800);
        assert_eq!((samples[0], samples[160], samples[320]), (i16::MAX, 0, 2));
    }

    #[test]
    fn silence_at_the_ends_is_trimmed() {
        let mut samples = vec![0i16; 16_000];
        samples[8_000..8_160].fill(5_000);
        let range = trim_silence(&samples, Channels::Mono);
        assert_eq!(range, 7_200..8_960);
        assert_eq!(trim_silence(&samples[..4_000], Channels::Mono), 0..0);
        assert_eq!(trim_silence(&samples, Channels::Dual), 6_400..9_920);
    }
}
