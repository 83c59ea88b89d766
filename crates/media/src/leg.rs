//! One leg: its stream in, its stream out, and what is made of either.

use core::net::SocketAddr;

use base::Instant;

use crate::dtmf::{Detector, Receiver};
use crate::engine::{Event, Key, MixerKey};
use crate::g711::Law;
use crate::jitter::{Jitter, Pulled};
use crate::latch::Latch;
use crate::playlist::Playlist;
use crate::quality::{Reception, Statistics};
use crate::recording::Recorder;
use crate::sender::Sender;
use crate::tap::Tap;
use crate::voice::Voice;
use crate::{FRAME, Frame};

/// The name of a leg; given by whoever opens it, unique within the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegId(pub u64);

/// What the SDP agreed on, from our side (RFC 3264 §5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendReceive,
    /// We only send.
    SendOnly,
    /// We only receive.
    ReceiveOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// Whether we send.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendReceive | Self::SendOnly)
    }

    /// Whether we receive.
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendReceive | Self::ReceiveOnly)
    }
}

/// How a leg speaks with its peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegConfig {
    /// What we send. Both laws are received.
    pub law: Law,
    /// The negotiated payload type of telephone events; without one, digits are found in and put
    /// into the audio.
    pub telephone_event: Option<u8>,
    /// The address of the peer's SDP.
    pub remote: Option<SocketAddr>,
    /// Where RTCP goes when it is neither the RTP port (`rtcp_mux`) nor the next one.
    pub remote_rtcp: Option<SocketAddr>,
    /// RTP and RTCP share a port (RFC 5761).
    pub rtcp_mux: bool,
    /// Take media from the SDP's address only, not from where it comes first.
    pub strict: bool,
    /// Who sends.
    pub direction: Direction,
    /// `Event::TimedOut` comes when nothing was received for so long; 0 for never. Not while the
    /// direction forbids the peer to send.
    pub timeout_ms: u32,
    /// Silence is sent while there is nothing else to send, so that bindings stay open.
    pub send_silence: bool,
}

impl Default for LegConfig {
    fn default() -> Self {
        Self {
            law: Law::Mu,
            telephone_event: Some(101),
            remote: None,
            remote_rtcp: None,
            rtcp_mux: false,
            strict: false,
            direction: Direction::SendReceive,
            timeout_ms: 0,
            send_silence: true,
        }
    }
}

/// Where a leg's audio goes to and comes from, besides its playlist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    None,
    Echo,
    Bridge { peer: Key, pass_digits: bool },
    Mixer(MixerKey),
}

/// What a packet of the peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Audio(Law),
    Digit,
    Noise,
}

/// A leg; opaque outside the engine, and moved as a whole between engines.
#[derive(Debug)]
pub struct Leg {
    pub(crate) id: LegId,
    pub(crate) config: LegConfig,
    pub(crate) slot: usize,
    pub(crate) route: Route,
    pub(crate) latch: Latch,
    pub(crate) sender: Sender,
    pub(crate) reception: Reception,
    pub(crate) control: Control,
    pub(crate) digits: Receiver,
    pub(crate) playlist: Playlist,
    pub(crate) jitter: Option<Box<Jitter>>,
    pub(crate) detector: Option<Box<Detector>>,
    pub(crate) voice: Option<Box<Voice>>,
    pub(crate) recorders: Vec<Recorder>,
    pub(crate) taps: Vec<Tap>,
    pub(crate) heard_at: Instant,
    pub(crate) timed_out: bool,
    pub(crate) loose: bool,
    /// This tick's audio of the peer.
    pub(crate) inbound: Frame,
    pub(crate) pulled: Pulled,
    /// This tick's audio for the peer.
    pub(crate) payload: [u8; FRAME],
    pub(crate) filled: bool,
}

/// What RTCP knows.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    pub due_at: Instant,
    pub name: [u8; 16],
    /// Where the peer's reports come from.
    pub from: Option<SocketAddr>,
    /// Middle of the NTP time of the peer's last report, and when it came.
    pub last_report: Option<(u32, Instant)>,
    pub round_trip_ms: Option<f32>,
    pub remote_lost: i32,
    pub remote_jitter: u32,
}

impl Leg {
    /// The leg's name.
    pub fn id(&self) -> LegId {
        self.id
    }

    /// The latched peer, to whom a socket may be connected.
    pub fn peer(&self) -> Option<SocketAddr> {
        if self.loose { None } else { self.latch.peer() }
    }

    pub(crate) fn kind_of(&self, payload_type: u8) -> Option<Kind> {
        if self.config.telephone_event == Some(payload_type) {
            return Some(Kind::Digit);
        }
        match payload_type {
            13 => Some(Kind::Noise),
            other => Law::of_payload_type(other).map(Kind::Audio),
        }
    }

    /// Whether the tick must have the peer's audio.
    pub(crate) fn wants_frames(&self) -> bool {
        let listens = self.detector.is_some() || self.voice.is_some();
        listens || self.is_recorded() || matches!(self.route, Route::Mixer(_))
    }

    /// Whether what comes is sent on as it comes, and not by a tick.
    pub(crate) fn passes_on(&self) -> bool {
        matches!(self.route, Route::Echo | Route::Bridge { .. })
    }

    pub(crate) fn is_recorded(&self) -> bool {
        !self.recorders.is_empty() || !self.taps.is_empty()
    }

    pub(crate) fn statistics(&self) -> Statistics {
        let depth = self.jitter.as_ref().map_or(0, |jitter| jitter.depth());
        let known = self.reception.statistics(depth as f32 / 8.0, self.control.round_trip_ms);
        Statistics {
            sent: u64::from(self.sender.sent().0),
            remote_lost: self.control.remote_lost.max(0) as u64,
            remote_jitter_ms: self.control.remote_jitter as f32 / 8.0,
            ..known
        }
    }

    /// What a digit of the peer is told as.
    pub(crate) fn told(told: crate::dtmf::Told) -> Event {
        match told {
            crate::dtmf::Told::Began(digit) => Event::Digit { digit },
            crate::dtmf::Told::Ended(digit, duration_ms) => {
                Event::DigitEnded { digit, duration_ms }
            }
        }
    }
}
