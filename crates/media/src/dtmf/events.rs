//! Telephone events in RTP (RFC 4733 §2.5): one digit comes in many packets of one timestamp.

use base::Instant;

use crate::rtp::Packet;

/// The payload of a telephone event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigitEvent {
    /// 0 to 15 for digits; others are flashes, tones of modems and the like.
    pub code: u8,
    /// The digit has ended.
    pub end: bool,
    /// Power below 0 dBm0, in dB, 0 to 63.
    pub volume: u8,
    /// Samples since its beginning (8 kHz).
    pub duration: u16,
}

impl DigitEvent {
    /// Reads the first event of a payload.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let [code, flags, high, low] = *payload.first_chunk()?;
        let duration = u16::from_be_bytes([high, low]);
        Some(Self { code, end: flags & 0x80 != 0, volume: flags & 0x3f, duration })
    }

    /// The four octets.
    pub fn write(&self) -> [u8; 4] {
        let [high, low] = self.duration.to_be_bytes();
        [self.code, u8::from(self.end) << 7 | self.volume & 0x3f, high, low]
    }
}

/// What a digit does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It was pressed.
    Began(char),
    /// It was let go, after so long.
    Ended(char, u32),
}

/// A digit that began and was not yet seen to end.
#[derive(Clone, Copy, Debug)]
struct Open {
    timestamp: u32,
    digit: char,
    /// Samples of this segment, and of those before it.
    duration: u32,
    before: u32,
    heard_at: Instant,
}

/// Makes each digit once out of its packets.
#[derive(Clone, Debug, Default)]
pub struct Receiver {
    open: Option<Open>,
    /// The timestamp of the digit that ended last: repeated ends are none of a new one.
    ended: Option<(u32, u32)>,
}

/// A digit whose packets stop without an end has ended after so long: 120 ms.
const LOST_US: i64 = 120_000;

impl Receiver {
    /// Takes a packet of the negotiated payload type.
    pub fn receive(&mut self, now: Instant, packet: &Packet<'_>, mut tell: impl FnMut(Told)) {
        let Some(event) = DigitEvent::parse(packet.payload) else { return };
        let Some(digit) = super::digit(event.code) else { return };
        let duration = u32::from(event.duration);
        if let Some(open) = self.open.as_mut() {
            let newer = packet.timestamp.wrapping_sub(open.timestamp) as i32;
            if newer < 0 {
                return;
            }
            // A long digit goes on under a new timestamp where its duration would overflow
            // (§2.5.1.3): the segments touch, and no marker tells of a new digit.
            let touches = newer > 0 && newer as u32 == u32::from(u16::MAX) && !packet.marker;
            if newer == 0 || touches && digit == open.digit {
                if touches {
                    open.before += newer as u32;
                    open.duration = 0;
                }
                open.timestamp = packet.timestamp;
                open.duration = open.duration.max(duration);
                open.heard_at = now;
                if event.end {
                    self.end(&mut tell);
                }
                return;
            }
            self.end(&mut tell);
        }
        let repeated = self.ended.is_some_and(|(timestamp, ssrc)| {
            ssrc == packet.ssrc
                && packet.timestamp.wrapping_sub(timestamp) as i32 <= 0
                && timestamp.wrapping_sub(packet.timestamp) < 80_000
        });
        if repeated {
            return;
        }
        self.open =
            Some(Open { timestamp: packet.timestamp, digit, duration, before: 0, heard_at: now });
        self.ended = Some((packet.timestamp, packet.ssrc));
        tell(Told::Began(digit));
        if event.end {
            self.end(&mut tell);
        }
    }

    /// Ends a digit whose end was lost.
    pub fn tick(&mut self, now: Instant, mut tell: impl FnMut(Told)) {
        let lost = |open: &Open| now.since(open.heard_at).as_micros() as i64 > LOST_US;
        if self.open.as_ref().is_some_and(lost) {
            self.end(&mut tell);
        }
    }

    /// Whether a digit is down.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    fn end(&mut self, tell: &mut impl FnMut(Told)) {
        if let Some(open) = self.open.take() {
            if let Some((timestamp, _)) = self.ended.as_mut() {
                *timestamp = open.timestamp;
            }
            tell(Told::Ended(open.digit, (open.before + open.duration) / 8));
        }
    }
}
