//! Taps: copies of a leg's audio in batches, for recognition of speech and for streams.

use crate::recording::Track;
use crate::{FRAME, Frame};

/// The caller's own name for a tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TapId(pub u64);

/// What a tap copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TapConfig {
    /// One direction, or the sum of both.
    pub track: Track,
    /// Length of a batch; whole frames, 20 to 1000.
    pub batch_ms: u32,
}

/// One tap. Its audio has no gaps: where nothing came, it is silent.
#[derive(Debug)]
pub(crate) struct Tap {
    pub id: TapId,
    track: Track,
    samples: usize,
    batch: Vec<i16>,
}

impl Tap {
    pub(crate) fn new(id: TapId, config: TapConfig) -> Self {
        let frames = (config.batch_ms / 20).clamp(1, 50) as usize;
        Self { id, track: config.track, samples: frames * FRAME, batch: Vec::new() }
    }

    /// Takes a tick; a full batch is handed out.
    pub(crate) fn frame(&mut self, inbound: &Frame, outbound: &Frame) -> Option<Vec<i16>> {
        if self.batch.capacity() == 0 {
            self.batch.reserve_exact(self.samples);
        }
        match self.track {
            Track::Inbound => self.batch.extend_from_slice(inbound),
            Track::Outbound => self.batch.extend_from_slice(outbound),
            Track::Both => {
                let sums = inbound.iter().zip(outbound).map(|(a, b)| a.saturating_add(*b));
                self.batch.extend(sums);
            }
        }
        (self.batch.len() >= self.samples).then(|| std::mem::take(&mut self.batch))
    }
}
