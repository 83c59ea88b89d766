//! The jitter buffer: packets go to their place on a line of time, frames are taken from it by
//! the clock. It grows when packets come late, shrinks when they keep coming early, and so
//! follows the drift of the sender's clock as well.

use crate::conceal::Conceal;
use crate::g711::Law;
use crate::{FRAME, Frame};

/// Samples on the line: one second.
const LINE: usize = 8_192;
/// Samples that are known to be there, or not, together: 1 ms.
const UNIT: usize = 8;
const WORDS: usize = LINE / UNIT / 64;
/// Delay of a new stream: 40 ms.
const TARGET_START: i32 = 320;
const TARGET_MIN: i32 = 160;
/// Late packets stretch the delay up to 400 ms.
const TARGET_MAX: i32 = 3_200;
/// Frames over which the spare delay is measured: 2 s.
const WINDOW: u32 = 100;
/// Spare delay of more than this is cut by [`CUT`] a window: 30 ms, 10 ms.
const SPARE_MAX: i32 = 240;
const CUT: i32 = 80;
/// More than this is cut at once down to the target: 200 ms.
const SPARE_FAR: i32 = 1_600;
/// Frames without audio after which the stream is placed anew.
const STARVED: u32 = 3;

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It lies in its place.
    Placed,
    /// It was there already.
    Duplicate,
    /// Its time was past.
    Late,
    /// The stream was placed anew.
    Restarted,
}

/// What a frame is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulled {
    /// All of it arrived.
    Audio,
    /// A part of it at least is made up.
    Concealed,
    /// There is nothing: the sender is silent, or has not begun.
    Silence,
}

/// The buffer of one leg, for octets of one law. It allocates when it is made only.
#[derive(Clone, Debug)]
pub struct Jitter {
    line: Box<[u8; LINE]>,
    here: [u64; WORDS],
    law: Law,
    /// The timestamp at place 0.
    base: u32,
    /// The next sample to be played.
    play: u32,
    /// One past the newest sample.
    newest: u32,
    started: bool,
    target: i32,
    starved: u32,
    late: u32,
    stretch: bool,
    frames: u32,
    spare: i32,
    conceal: Conceal,
    /// What was cut out, to be faded over into what follows.
    cut: Option<[i16; CUT as usize]>,
}

impl Jitter {
    /// For audio that comes in `law`.
    pub fn new(law: Law) -> Self {
        Self {
            line: Box::new([0; LINE]),
            here: [0; WORDS],
            law,
            base: 0,
            play: 0,
            newest: 0,
            started: false,
            target: TARGET_START,
            starved: 0,
            late: 0,
            stretch: false,
            frames: 0,
            spare: i32::MAX,
            conceal: Conceal::default(),
            cut: None,
        }
    }

    /// A new stream begins (another SSRC): what is there is dropped.
    pub fn reset(&mut self) {
        self.here = [0; WORDS];
        self.started = false;
        self.stretch = false;
        self.late = 0;
        self.cut = None;
        self.conceal.forget();
    }

    /// The delay that the buffer holds now, in samples.
    pub fn depth(&self) -> i32 {
        if self.started { (self.newest.wrapping_sub(self.play) as i32).max(0) } else { 0 }
    }

    /// Puts a payload, encoded in `law`, to its place.
    pub fn push(&mut self, timestamp: u32, law: Law, payload: &[u8]) -> Pushed {
        let len = payload.len() / UNIT * UNIT;
        if len == 0 || len > LINE / 2 {
            return Pushed::Late;
        }
        if !self.started {
            self.place(timestamp);
            self.put(timestamp, law, &payload[..len]);
            return Pushed::Restarted;
        }
        // Whole units only: what is off by a part of a millisecond is moved.
        let offset = timestamp.wrapping_sub(self.base) % UNIT as u32;
        let timestamp = timestamp.wrapping_sub(offset);
        let ahead = timestamp.wrapping_sub(self.play) as i32;
        let fits = ahead + (len as i32) < LINE as i32 && ahead > -(LINE as i32);
        if !fits || ahead < 0 && self.starved >= STARVED {
            self.place(timestamp);
            self.put(timestamp, law, &payload[..len]);
            return Pushed::Restarted;
        }
        if ahead < 0 {
            return self.too_late(timestamp, law, &payload[..len], -ahead);
        }
        if self.is_here(timestamp, UNIT) {
            return Pushed::Duplicate;
        }
        self.put(timestamp, law, &payload[..len]);
        Pushed::Placed
    }

    /// Takes the next 20 ms.
    pub fn pull(&mut self, out: &mut Frame) -> Pulled {
        if !self.started {
            out.fill(0);
            return Pulled::Silence;
        }
        if self.stretch {
            // One frame more of delay: the line stands still while a frame is made up.
            self.stretch = false;
            self.conceal.lost(out);
            return Pulled::Concealed;
        }
        let pulled = self.take(out);
        if let Some(cut) = self.cut.take() {
            fade(&cut, out);
        }
        self.play = self.play.wrapping_add(FRAME as u32);
        self.starved = if pulled == Pulled::Audio { 0 } else { self.starved.saturating_add(1) };
        self.measure();
        pulled
    }

    fn take(&mut self, out: &mut Frame) -> Pulled {
        let at = self.place_of(self.play);
        if self.is_here(self.play, FRAME) && at + FRAME <= LINE {
            self.law.decode_into(&self.line[at..at + FRAME], out);
            self.clear(self.play, FRAME);
            self.conceal.good(out);
            return Pulled::Audio;
        }
        let mut missing = 0;
        for (index, samples) in out.chunks_exact_mut(UNIT).enumerate() {
            let timestamp = self.play.wrapping_add((index * UNIT) as u32);
            if self.is_here(timestamp, UNIT) {
                let at = self.place_of(timestamp);
                self.law.decode_into(&self.line[at..at + UNIT], samples);
                self.clear(timestamp, UNIT);
                self.conceal.good(samples);
            } else {
                missing += 1;
                self.conceal.lost(samples);
            }
        }
        match missing {
            0 => Pulled::Audio,
            _ if missing == FRAME / UNIT && self.conceal.is_gone() => Pulled::Silence,
            _ => Pulled::Concealed,
        }
    }

    /// A packet whose beginning was played already.
    fn too_late(&mut self, timestamp: u32, law: Law, payload: &[u8], late: i32) -> Pushed {
        self.late += 1;
        if self.starved > 0 && self.depth() == 0 && late <= TARGET_MAX {
            // Nothing newer is there: the line goes back, and the delay grows by what it lacked.
            self.play = timestamp;
            self.target = (self.target + late).min(TARGET_MAX);
            self.starved = 0;
            self.put(timestamp, law, payload);
            return Pushed::Placed;
        }
        if self.late >= 2 && self.target < TARGET_MAX {
            self.late = 0;
            self.target += FRAME as i32;
            self.stretch = true;
        }
        Pushed::Late
    }

    /// Cuts the delay when the buffer was never near empty for a while.
    fn measure(&mut self) {
        if self.starved > 0 {
            return;
        }
        self.spare = self.spare.min(self.depth());
        self.frames += 1;
        let far = self.spare > self.target + SPARE_FAR;
        if self.frames < WINDOW && !(far && self.frames >= 10) {
            return;
        }
        if far {
            self.skip(self.spare - self.target);
        } else if self.spare > SPARE_MAX {
            self.skip(CUT);
            self.target = (self.target - CUT).max(TARGET_MIN);
        }
        self.frames = 0;
        self.late = 0;
        self.spare = i32::MAX;
    }

    fn skip(&mut self, samples: i32) {
        let samples = samples.max(0) as usize / UNIT * UNIT;
        let at = self.place_of(self.play);
        if samples >= CUT as usize
            && self.is_here(self.play, CUT as usize)
            && at + CUT as usize <= LINE
        {
            let mut cut = [0; CUT as usize];
            self.law.decode_into(&self.line[at..], &mut cut);
            self.cut = Some(cut);
        }
        self.clear(self.play, samples.min(LINE));
        self.play = self.play.wrapping_add(samples as u32);
    }

    fn place(&mut self, timestamp: u32) {
        self.here = [0; WORDS];
        self.base = timestamp;
        self.newest = timestamp;
        self.play = timestamp.wrapping_sub(self.target as u32 / UNIT as u32 * UNIT as u32);
        self.started = true;
        self.starved = 0;
        self.frames = 0;
        self.spare = i32::MAX;
        self.conceal.forget();
    }

    fn put(&mut self, timestamp: u32, law: Law, payload: &[u8]) {
        let at = self.place_of(timestamp);
        let first = payload.len().min(LINE - at);
        self.line[at..at + first].copy_from_slice(&payload[..first]);
        self.line[..payload.len() - first].copy_from_slice(&payload[first..]);
        if law != self.law {
            law.transcode(&mut self.line[at..at + first]);
            law.transcode(&mut self.line[..payload.len() - first]);
        }
        for (word, mask) in self.spans(timestamp, payload.len()) {
            self.here[word] |= mask;
        }
        let end = timestamp.wrapping_add(payload.len() as u32);
        if end.wrapping_sub(self.newest) as i32 > 0 {
            self.newest = end;
        }
    }

    fn is_here(&self, timestamp: u32, len: usize) -> bool {
        self.spans(timestamp, len).all(|(word, mask)| self.here[word] & mask == mask)
    }

    fn clear(&mut self, timestamp: u32, len: usize) {
        for (word, mask) in self.spans(timestamp, len) {
            self.here[word] &= !mask;
        }
    }

    fn place_of(&self, timestamp: u32) -> usize {
        timestamp.wrapping_sub(self.base) as usize % LINE
    }

    /// The words and bits that stand for a stretch of the line.
    fn spans(&self, timestamp: u32, len: usize) -> impl Iterator<Item = (usize, u64)> + use<> {
        let mut unit = self.place_of(timestamp) / UNIT;
        let mut left = len.min(LINE) / UNIT;
        std::iter::from_fn(move || {
            let (word, bit) = (unit / 64 % WORDS, unit % 64);
            let count = left.min(64 - bit);
            if count == 0 {
                return None;
            }
            unit += count;
            left -= count;
            Some((word, (u64::MAX >> (64 - count)) << bit))
        })
    }
}

/// Fades what was cut out over into what follows it.
fn fade(cut: &[i16; CUT as usize], out: &mut Frame) {
    for (at, (new, old)) in out.iter_mut().zip(cut).enumerate() {
        let (part, whole) = (at as i32 + 1, CUT + 1);
        *new = ((i32::from(*new) * part + i32::from(*old) * (whole - part)) / whole) as i16;
    }
}

#[cfg(test)]
mod tests;
