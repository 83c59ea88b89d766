//! What a leg plays: items one after the other, to the sample, until they end or are stopped.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::dtmf;
use crate::g711::Law;
use crate::prompt::Prompt;
use crate::{FRAME, RATE};

/// What an item plays.
#[derive(Clone, Debug)]
pub enum Source {
    /// A prompt from an offset, so many times over; 0 loops is for ever. The offset is for the
    /// first time only.
    Prompt {
        /// What to play.
        prompt: Arc<Prompt>,
        /// Where to begin.
        from_ms: u32,
        /// How often; 0 for ever.
        loops: u32,
    },
    /// Nothing, for so long.
    Silence {
        /// How long.
        ms: u32,
    },
    /// Digits `0-9 A-D * #`, each 100 ms with 100 ms behind it; `w` waits 0.5 s, `W` 1 s; other
    /// characters are skipped.
    Digits(Arc<str>),
}

/// One entry of a playlist; its end is told by `Event::Finished` with the same id.
#[derive(Clone, Debug)]
pub struct Item {
    /// The caller's own name for it.
    pub id: u64,
    /// What to play.
    pub source: Source,
}

impl Item {
    /// A prompt, once, from its beginning.
    pub fn prompt(id: u64, prompt: Arc<Prompt>) -> Self {
        Self { id, source: Source::Prompt { prompt, from_ms: 0, loops: 1 } }
    }

    /// A prompt over and over.
    pub fn forever(id: u64, prompt: Arc<Prompt>) -> Self {
        Self { id, source: Source::Prompt { prompt, from_ms: 0, loops: 0 } }
    }
}

/// An item that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Finished {
    pub id: u64,
    pub played_ms: u64,
    pub completed: bool,
}

/// A packet of a digit event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DigitOut {
    pub code: u8,
    /// Frame since the beginning of the digit, as the timestamp counts.
    pub frame: u16,
    /// In frames.
    pub duration: u16,
    pub end: bool,
}

/// What a frame became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    /// There is nothing to play.
    Nothing,
    /// The frame is full.
    Audio,
    /// An event goes out in place of the frame, which is silent.
    Digit(DigitOut),
}

/// The items of a leg.
#[derive(Debug, Default)]
pub(crate) struct Playlist {
    items: VecDeque<Item>,
    /// Samples of the first item that were played; of all its loops.
    played: u64,
    /// Of the prompt under way.
    at: usize,
    loops: u32,
    digit: DigitState,
}

#[derive(Debug, Default)]
struct DigitState {
    /// Octet in the text.
    at: usize,
    /// Frame of the digit or pause under way.
    frame: u16,
}

/// Items of a leg that wait at most; a stream of audio comes as many small ones.
pub(crate) const ITEMS_MAX: usize = 10_000;

impl Playlist {
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds an item; one too many is refused.
    pub(crate) fn push(&mut self, item: Item) -> Result<(), Finished> {
        if self.items.len() >= ITEMS_MAX {
            return Err(Finished { id: item.id, played_ms: 0, completed: false });
        }
        self.items.push_back(item);
        if self.items.len() == 1 {
            self.begin();
        }
        Ok(())
    }

    /// Drops all items and tells what each had played.
    pub(crate) fn stop(&mut self, mut finished: impl FnMut(Finished)) {
        let mut played_ms = self.played_ms();
        for item in self.items.drain(..) {
            finished(Finished { id: item.id, played_ms, completed: false });
            played_ms = 0;
        }
    }

    /// Fills a frame in `law`. With `events`, digits go out as events, else as tones.
    pub(crate) fn fill(
        &mut self,
        law: Law,
        events: bool,
        out: &mut [u8; FRAME],
        mut finished: impl FnMut(Finished),
    ) -> Filled {
        let mut filled = 0;
        while filled < FRAME {
            let Some(item) = self.items.front() else { break };
            let (took, ended) = match &item.source {
                Source::Prompt { prompt, loops, .. } => {
                    let octets = &prompt.octets(law)[self.at.min(prompt.len())..];
                    let took = octets.len().min(FRAME - filled);
                    out[filled..filled + took].copy_from_slice(&octets[..took]);
                    self.at += took;
                    let over = self.at >= prompt.len();
                    if over {
                        self.loops += 1;
                        self.at = 0;
                    }
                    (took, over && (prompt.is_empty() || self.loops == *loops))
                }
                Source::Silence { ms } => {
                    let whole = u64::from(*ms) * u64::from(RATE) / 1_000;
                    let took = (whole - self.played).min((FRAME - filled) as u64) as usize;
                    out[filled..filled + took].fill(law.silence());
                    (took, self.played + took as u64 >= whole)
                }
                Source::Digits(_) if filled > 0 => {
                    out[filled..].fill(law.silence());
                    return Filled::Audio;
                }
                Source::Digits(text) => match self.digit.next(text) {
                    None => (0, true),
                    Some(digit) => {
                        self.played += FRAME as u64;
                        return digit.put(law, events, out);
                    }
                },
            };
            filled += took;
            self.played += took as u64;
            if ended {
                let done = Finished { id: item.id, played_ms: self.played_ms(), completed: true };
                self.items.pop_front();
                self.begin();
                finished(done);
            }
        }
        if filled == 0 {
            return Filled::Nothing;
        }
        out[filled..].fill(law.silence());
        Filled::Audio
    }

    fn played_ms(&self) -> u64 {
        self.played * 1_000 / u64::from(RATE)
    }

    fn begin(&mut self) {
        self.played = 0;
        self.loops = 0;
        self.digit = DigitState::default();
        self.at = match self.items.front().map(|item| &item.source) {
            Some(Source::Prompt { prompt, from_ms, .. }) => {
                (*from_ms as usize * (RATE as usize / 1_000)).min(prompt.len())
            }
            _ => 0,
        };
    }
}

/// A frame within digits.
enum Step {
    Pause,
    Digit(u8, u16),
}

impl Step {
    fn put(self, law: Law, events: bool, out: &mut [u8; FRAME]) -> Filled {
        out.fill(law.silence());
        let Self::Digit(code, frame) = self else { return Filled::Audio };
        if events {
            // The end goes out three times (RFC 4733 §2.5.1.4).
            if frame >= dtmf::ON_FRAMES + 2 {
                return Filled::Audio;
            }
            let end = frame + 1 >= dtmf::ON_FRAMES;
            let duration = (frame + 1).min(dtmf::ON_FRAMES);
            return Filled::Digit(DigitOut { code, frame, duration, end });
        }
        if frame < dtmf::ON_FRAMES {
            let at = usize::from(frame) * FRAME;
            out.copy_from_slice(&dtmf::tone(code).octets(law)[at..at + FRAME]);
        }
        Filled::Audio
    }
}

impl DigitState {
    /// The next frame of a text of digits.
    fn next(&mut self, text: &str) -> Option<Step> {
        loop {
            let letter = char::from(*text.as_bytes().get(self.at)?);
            let frames = match letter {
                'w' => 25,
                'W' => 50,
                other if dtmf::code(other).is_some() => dtmf::ON_FRAMES + dtmf::OFF_FRAMES,
                _ => 0,
            };
            if self.frame >= frames {
                self.frame = 0;
                self.at += 1;
                continue;
            }
            let frame = self.frame;
            self.frame += 1;
            return Some(dtmf::code(letter).map_or(Step::Pause, |code| Step::Digit(code, frame)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(count: usize) -> Arc<Prompt> {
        let octets: Vec<u8> = (0..count).map(|at| (at % 251) as u8).collect();
        Arc::new(Prompt::from_octets(Law::Mu, octets))
    }

    fn run(playlist: &mut Playlist, frames: usize) -> (Vec<u8>, Vec<Finished>) {
        let (mut octets, mut ended) = (Vec::new(), Vec::new());
        for _ in 0..frames {
            let mut out = [0; FRAME];
            match playlist.fill(Law::Mu, true, &mut out, |done| ended.push(done)) {
                Filled::Nothing => break,
                _ => octets.extend(out),
            }
        }
        (octets, ended)
    }

    #[test]
    fn items_follow_each_other_to_the_sample() {
        let mut playlist = Playlist::default();
        playlist.push(Item::prompt(1, ramp(200))).expect("room");
        playlist.push(Item::prompt(2, ramp(100))).expect("room");
        let (octets, ended) = run(&mut playlist, 9);
        let wanted: Vec<u8> = (0..200).chain(0..100).map(|at| at as u8).collect();
        assert_eq!(octets[..300], wanted);
        assert!(octets.len() == 320 && octets[300..].iter().all(|octet| *octet == 0xff));
        let first = Finished { id: 1, played_ms: 25, completed: true };
        assert_eq!(ended, [first, Finished { id: 2, played_ms: 12, completed: true }]);
    }

    #[test]
    fn loops_count_and_stopping_tells_what_was_played() {
        let mut playlist = Playlist::default();
        let source = Source::Prompt { prompt: ramp(160), from_ms: 10, loops: 3 };
        playlist.push(Item { id: 1, source }).expect("room");
        playlist.push(Item::forever(2, ramp(50))).expect("room");
        playlist.push(Item::prompt(3, ramp(50))).expect("room");
        let (_, ended) = run(&mut playlist, 100);
        assert_eq!(ended, [Finished { id: 1, played_ms: 50, completed: true }]);
        let mut stopped = Vec::new();
        playlist.stop(|done| stopped.push(done));
        assert_eq!(stopped[0], Finished { id: 2, played_ms: 1_950, completed: false });
        assert_eq!(stopped[1], Finished { id: 3, played_ms: 0, completed: false });
        assert!(playlist.is_empty());
    }

    #[test]
    fn digits_are_events_of_a_hundred_milliseconds_with_three_ends() {
        let mut playlist = Playlist::default();
        playlist.push(Item { id: 1, source: Source::Digits("5w".into()) }).expect("room");
        let mut out = [0; FRAME];
        let mut events = Vec::new();
        let mut frames = 0;
        loop {
            match playlist.fill(Law::Mu, true, &mut out, |_| {}) {
                Filled::Nothing => break,
                Filled::Digit(event) => events.push((event.frame, event.duration, event.end)),
                Filled::Audio => {}
            }
            frames += 1;
        }
        assert_eq!(frames, 10 + 25);
        let ends: Vec<_> = events.iter().filter(|event| event.2).collect();
        assert_eq!(ends, [&(4, 5, true), &(5, 5, true), &(6, 5, true)]);
        assert_eq!(events[0], (0, 1, false));
    }
}
