//! Who speaks, and for how long nobody does: energy over a floor that follows the noise.

use crate::Frame;

/// What a leg is listened to for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenConfig {
    /// `Event::Silence` comes when nobody spoke for so long; 0 for never.
    pub silence_ms: u32,
}

/// What was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Started,
    Ended { speech_ms: u32 },
    Silence { ms: u32 },
}

/// Nothing below this mean square is speech: about -50 dBm0.
const LEVEL_MIN: f32 = 70.0 * 70.0;
/// Nor anything within 8 dB of the noise.
const OVER_FLOOR: f32 = 6.3;
/// The floor is noise, never speech: it stays below -30 dBm0.
const FLOOR_MAX: f32 = 700.0 * 700.0;
/// Where it begins: about -42 dBm0; it falls at once.
const FLOOR_START: f32 = 250.0 * 250.0;
/// Frames above the level that make speech: 60 ms; and below it that end it: 300 ms.
const START: u32 = 3;
const END: u32 = 15;

/// The state of one leg's voice.
#[derive(Clone, Debug)]
pub(crate) struct Voice {
    config: ListenConfig,
    floor: f32,
    loud: u32,
    quiet: u32,
    speaking: bool,
    speech: u32,
    told: bool,
}

impl Voice {
    pub(crate) fn new(config: ListenConfig) -> Self {
        let floor = FLOOR_START;
        Self { config, floor, loud: 0, quiet: 0, speaking: false, speech: 0, told: false }
    }

    pub(crate) fn is_speaking(&self) -> bool {
        self.speaking
    }

    /// Whether the last frame was above the noise.
    pub(crate) fn is_loud(&self) -> bool {
        self.loud > 0
    }

    /// Takes a frame; `None` where there was nothing.
    pub(crate) fn frame(&mut self, samples: Option<&Frame>, mut tell: impl FnMut(Heard)) {
        let level = samples.map_or(0.0, level);
        let is_loud = level > LEVEL_MIN && level > self.floor * OVER_FLOOR;
        // Down at once, up by 1 dB in a second.
        let risen = (self.floor * 1.0046).min(FLOOR_MAX);
        self.floor = if level > 1.0 { risen.min(level) } else { risen }.max(1.0);
        if is_loud {
            self.loud += 1;
            if self.loud >= START && !self.speaking {
                self.speaking = true;
                self.speech = self.loud;
                tell(Heard::Started);
            }
            if self.speaking {
                self.quiet = 0;
                self.told = false;
            } else {
                self.quiet += 1;
            }
        } else {
            self.loud = 0;
            self.quiet += 1;
        }
        if self.speaking {
            self.speech += 1;
            if self.quiet >= END {
                self.speaking = false;
                tell(Heard::Ended { speech_ms: self.speech.saturating_sub(END) * 20 });
            }
        }
        let due = self.config.silence_ms > 0 && self.quiet * 20 >= self.config.silence_ms;
        if due && !self.told && !self.speaking {
            self.told = true;
            tell(Heard::Silence { ms: self.quiet * 20 });
        }
    }
}

/// The mean square of a frame.
fn level(samples: &Frame) -> f32 {
    let sum: i64 = samples.iter().map(|sample| i64::from(*sample) * i64::from(*sample)).sum();
    sum as f32 / samples.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FRAME;
    use machine::Random;

    fn noise(random: &mut Random, size: u64) -> Frame {
        std::array::from_fn(|_| random.below(2 * size + 1) as i16 - size as i16)
    }

    #[test]
    fn speech_begins_and_ends_over_steady_noise_and_silence_is_told_once() {
        let mut voice = Voice::new(ListenConfig { silence_ms: 1_000 });
        let mut random = Random::from_seed(1);
        let mut heard = Vec::new();
        for at in 0..300 {
            let size = if (100..150).contains(&at) { 9_000 } else { 150 };
            let frame = noise(&mut random, size);
            voice.frame(Some(&frame), |what| heard.push((at, what)));
        }
        assert_eq!(heard[0], (49, Heard::Silence { ms: 1_000 }));
        assert_eq!(heard[1], (102, Heard::Started));
        assert!(matches!(heard[2], (164, Heard::Ended { speech_ms: 980..=1_060 })), "{heard:?}");
        assert_eq!(heard[3], (199, Heard::Silence { ms: 1_000 }));
        assert_eq!(heard.len(), 4);
    }

    #[test]
    fn clicks_are_no_speech_and_a_silent_line_is_silence() {
        let mut voice = Voice::new(ListenConfig { silence_ms: 500 });
        let mut heard = Vec::new();
        for at in 0..100 {
            let frame = [20_000; FRAME];
            voice.frame((at % 10 == 0).then_some(&frame), |what| heard.push(what));
        }
        assert_eq!(heard, [Heard::Silence { ms: 500 }]);
    }
}
