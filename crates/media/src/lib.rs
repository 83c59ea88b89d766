//! Media without sockets: RTP and RTCP, jitter, DTMF, G.711, mixing, recording and tones.
//!
//! [`Engine`] is given time, packets and [`Command`]s, and tells its [`Sink`] which packets to
//! send and what happened ([`Event`]). All audio is mono at 8 kHz, in frames of 20 ms.

mod conceal;
pub mod decode;
pub mod dtmf;
mod engine;
pub mod fuzz;
pub mod g711;
mod jitter;
mod latch;
mod leg;
mod playlist;
mod prompt;
mod quality;
mod recording;
pub mod resample;
pub mod rtcp;
pub mod rtp;
mod sender;
mod tap;
pub mod tones;
mod voice;
pub mod wav;

pub use engine::{
    Command, Datagram, Engine, Event, Key, MixerId, MixerKey, Owner, Place, Port, Sink,
};
pub use g711::Law;
pub use jitter::{Jitter, Pulled, Pushed};
pub use latch::{Latch, Verdict};
pub use leg::{Direction, Leg, LegConfig, LegId};
pub use playlist::{Item, Source};
pub use prompt::Prompt;
pub use quality::{Statistics, mean_opinion_score};
pub use recording::{Channels, RecordConfig, RecordingId, Track, trim_silence};
pub use tap::{TapConfig, TapId};
pub use voice::ListenConfig;

/// Samples a second.
pub const RATE: u32 = 8_000;
/// Samples of a frame: 20 ms.
pub const FRAME: usize = 160;
/// Microseconds of a frame.
pub const FRAME_US: i64 = 20_000;

/// Linear audio of one tick.
pub type Frame = [i16; FRAME];
