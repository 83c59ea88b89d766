//! The stream that the far end sees: one SSRC, one run of sequence numbers and timestamps,
//! whatever it is fed from (RFC 3550 §5.1; as a mixer or translator does, §7).

use base::Instant;

use crate::rtp::{Head, Packet};
use crate::{FRAME, FRAME_US};

/// Where the last packet came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Nothing,
    Tick,
    Relay,
}

/// How another leg's stream is laid into ours.
#[derive(Clone, Copy, Debug)]
struct Relay {
    ssrc: u32,
    sequence_offset: u16,
    timestamp_offset: u32,
    /// Highest of the incoming sequence numbers.
    highest: u16,
}

/// Sequence, timestamps and counts of what we send.
#[derive(Debug)]
pub(crate) struct Sender {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    at: Instant,
    from: From,
    relay: Option<Relay>,
    packets: u32,
    octets: u32,
}

/// Incoming jumps beyond this are a new stream (RFC 3550 A.1, MAX_DROPOUT).
const JUMP_MAX: i16 = 3_000;
/// And timestamps that leap by more than this: ten seconds.
const LEAP_MAX: i32 = 80_000;

impl Sender {
    pub(crate) fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        let at = Instant::default();
        let from = From::Nothing;
        Self { ssrc, sequence, timestamp, at, from, relay: None, packets: 0, octets: 0 }
    }

    pub(crate) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Packets and octets of payload so far.
    pub(crate) fn sent(&self) -> (u32, u32) {
        (self.packets, self.octets)
    }

    /// The timestamp that `now` has in our stream.
    pub(crate) fn timestamp_at(&self, now: Instant) -> u32 {
        let micros = i64::try_from(now.since(self.at).as_micros()).unwrap_or(0);
        self.timestamp.wrapping_add((micros * 8 / 1_000) as u32)
    }

    /// A frame of a tick. Ticks come at their nominal times, so neighbours are a frame apart.
    pub(crate) fn tick(&mut self, now: Instant, payload_type: u8) -> Head {
        let frames = self.frames_since(now);
        let marker = self.from == From::Nothing || frames > 1;
        if self.from != From::Nothing {
            self.timestamp = self.timestamp.wrapping_add(frames * FRAME as u32);
        }
        self.at = now;
        self.from = From::Tick;
        self.relay = None;
        self.head(payload_type, marker, self.timestamp)
    }

    /// A packet of a digit that began `frame` frames before this tick: its timestamp is the
    /// beginning's (RFC 4733 §2.5.1.2).
    pub(crate) fn digit(
        &mut self,
        now: Instant,
        payload_type: u8,
        frame: u16,
        marker: bool,
    ) -> Head {
        let head = self.tick(now, payload_type);
        let began = head.timestamp.wrapping_sub(u32::from(frame) * FRAME as u32);
        Head { marker, timestamp: began, ..head }
    }

    /// Another leg's packet, laid into our stream.
    pub(crate) fn relay(&mut self, now: Instant, packet: &Packet<'_>, payload_type: u8) -> Head {
        let known = self.relay.filter(|relay| self.from == From::Relay && relay.fits(packet, self));
        let fresh = known.is_none();
        let mut relay = known.unwrap_or_else(|| self.lay(now, packet));
        let step = packet.sequence.wrapping_sub(relay.highest) as i16;
        let sequence = packet.sequence.wrapping_add(relay.sequence_offset);
        let timestamp = packet.timestamp.wrapping_add(relay.timestamp_offset);
        if step > 0 || fresh {
            relay.highest = packet.sequence;
            self.sequence = sequence.wrapping_add(1);
            self.timestamp = timestamp;
            self.at = now;
        }
        self.relay = Some(relay);
        self.from = From::Relay;
        let marker = packet.marker || fresh;
        Head { payload_type, marker, sequence, timestamp, ssrc: self.ssrc }
    }

    /// A packet of the other leg that the far end must not miss: the numbers close up.
    pub(crate) fn swallow(&mut self, packet: &Packet<'_>) {
        let Some(relay) = self.relay.as_mut() else { return };
        if relay.ssrc == packet.ssrc && packet.sequence.wrapping_sub(relay.highest) as i16 > 0 {
            let skipped = packet.sequence.wrapping_sub(relay.highest);
            relay.highest = packet.sequence;
            relay.sequence_offset = relay.sequence_offset.wrapping_sub(1);
            self.sequence = self.sequence.wrapping_add(skipped - 1);
        }
    }

    /// Counts what was sent.
    #[inline]
    pub(crate) fn count(&mut self, octets: usize) {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(octets as u32);
    }

    fn lay(&self, now: Instant, packet: &Packet<'_>) -> Relay {
        let frames = self.frames_since(now);
        let timestamp = match self.from {
            From::Nothing => self.timestamp,
            _ => self.timestamp.wrapping_add(frames * FRAME as u32),
        };
        Relay {
            ssrc: packet.ssrc,
            sequence_offset: self.sequence.wrapping_sub(packet.sequence),
            timestamp_offset: timestamp.wrapping_sub(packet.timestamp),
            highest: packet.sequence,
        }
    }

    /// Whole frames since the last packet, one at least.
    fn frames_since(&self, now: Instant) -> u32 {
        let micros = i64::try_from(now.since(self.at).as_micros()).unwrap_or(0);
        u32::try_from((micros + FRAME_US / 2) / FRAME_US).unwrap_or(1).max(1)
    }

    fn head(&mut self, payload_type: u8, marker: bool, timestamp: u32) -> Head {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        Head { payload_type, marker, sequence, timestamp, ssrc: self.ssrc }
    }
}

impl Relay {
    fn fits(&self, packet: &Packet<'_>, sender: &Sender) -> bool {
        let jump = packet.sequence.wrapping_sub(self.highest) as i16;
        let timestamp = packet.timestamp.wrapping_add(self.timestamp_offset);
        let leap = timestamp.wrapping_sub(sender.timestamp) as i32;
        self.ssrc == packet.ssrc && jump.abs() < JUMP_MAX && leap.abs() < LEAP_MAX
    }
}
