//! What an engine tells, and to whom it hands its packets.

use core::net::SocketAddr;

use base::Instant;

use crate::engine::MixerId;
use crate::leg::LegId;
use crate::quality::Statistics;
use crate::recording::RecordingId;
use crate::tap::TapId;

/// A leg's place in its engine: it changes when the leg moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub usize);

/// A mixer's place in its engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MixerKey(pub usize);

/// Which of a leg's two ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// Media, and reports too where they share the port.
    Rtp,
    /// Reports.
    Rtcp,
}

/// What came to a port.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Where it came from.
    pub from: SocketAddr,
    /// When it arrived, which may be a frame before it is read. Jitter is measured by it.
    pub arrived_at: Instant,
    /// The octets.
    pub data: &'a [u8],
}

/// Whose event it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// A leg's.
    Leg(LegId),
    /// A mixer's.
    Mixer(MixerId),
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Media comes from here now.
    Latched {
        /// The peer.
        from: SocketAddr,
    },
    /// Nothing came for the configured time. Told once.
    TimedOut {
        /// How long.
        silent_ms: u32,
    },
    /// Something came after a time-out.
    Resumed,
    /// The peer ended its stream (RTCP BYE).
    Goodbye,
    /// An item of the playlist ended. Told for each item, in order.
    Finished {
        /// The item.
        item: u64,
        /// How much of it was played, loops included.
        played_ms: u64,
        /// Played to its end; else stopped, or refused as one too many.
        completed: bool,
    },
    /// A digit was pressed.
    Digit {
        /// `0-9 A-D * #`.
        digit: char,
    },
    /// A digit was let go.
    DigitEnded {
        /// The digit.
        digit: char,
        /// How long it was down.
        duration_ms: u32,
    },
    /// Speech began.
    SpeechStarted,
    /// Speech ended 300 ms ago.
    SpeechEnded {
        /// How long it lasted.
        speech_ms: u32,
    },
    /// Nobody spoke for the configured time. Told once for each silence.
    Silence {
        /// How long.
        ms: u32,
    },
    /// A participant of a mixer began or ceased to speak.
    Speaking {
        /// Began.
        speaking: bool,
    },
    /// A part of a recording: 16-bit samples, little endian, interleaved, 8 kHz.
    Recorded {
        /// The recording.
        recording: RecordingId,
        /// About a second of it.
        octets: Vec<u8>,
    },
    /// A recording is complete: stopped, at its longest time, or its leg closed.
    RecordingEnded {
        /// The recording.
        recording: RecordingId,
        /// Its length.
        duration_ms: u64,
    },
    /// A batch of a tap: samples at 8 kHz.
    Tapped {
        /// The tap.
        tap: TapId,
        /// The batch.
        samples: Vec<i16>,
    },
    /// The numbers that were asked for.
    Statistics(Box<Statistics>),
    /// The leg is closed: its last event, with its numbers.
    Closed(Box<Statistics>),
}

/// Takes what an engine puts out, at once and without waiting.
pub trait Sink {
    /// A packet to send.
    fn send(&mut self, leg: Key, port: Port, to: SocketAddr, packet: &[u8]);

    /// The leg's media comes from this peer alone now, so that its socket may be connected; or,
    /// with `None`, from anywhere.
    fn peer(&mut self, leg: Key, peer: Option<SocketAddr>);

    /// Something happened.
    fn event(&mut self, owner: Owner, event: Event);
}
