//! One bind: its connection's state, window and pace.

use std::time::Duration;

use base::Instant;

use crate::client::Pace;
use crate::client::outbind::CALLED_MAX;
use crate::pdu::{Bind, Body, Mode};
use crate::session::{Session, Timing};

/// The first pause before a reconnect.
const RETRY_MIN: Duration = Duration::from_millis(200);
/// The longest.
const RETRY_MAX: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) enum State {
    Down {
        retry_at: Instant,
    },
    Connecting,
    /// The carrier called, and has not said who it is.
    Called {
        since: Instant,
    },
    Binding,
    Bound,
}

#[derive(Debug)]
pub(super) struct Link {
    pub(super) mode: Mode,
    pub(super) connection: u32,
    pub(super) state: State,
    pub(super) session: Option<Session>,
    pub(super) pace: Pace,
    pub(super) in_flight: usize,
    pub(super) failures: u32,
    throughput: u32,
}

impl Link {
    pub(super) fn new(mode: Mode, throughput: u32, now: Instant) -> Self {
        Self {
            mode,
            connection: 0,
            state: State::Down { retry_at: now },
            session: None,
            pace: Pace::new(throughput, now),
            in_flight: 0,
            failures: 0,
            throughput,
        }
    }

    pub(super) fn is_bound(&self) -> bool {
        matches!(self.state, State::Bound)
    }

    pub(super) fn has_room(&self, window: usize) -> bool {
        self.is_bound() && self.mode.transmits() && self.in_flight < window
    }

    pub(super) fn connect(&mut self) -> u32 {
        self.connection += 1;
        self.state = State::Connecting;
        self.connection
    }

    /// The carrier connected.
    pub(super) fn called(&mut self, now: Instant, timing: Timing) -> u32 {
        self.connection += 1;
        self.session = Some(Session::new(timing, now));
        self.state = State::Called { since: now };
        self.connection
    }

    pub(super) fn bind(&mut self, now: Instant, timing: Timing, bind: Bind) {
        self.session = Some(Session::new(timing, now));
        self.bind_here(now, bind);
    }

    /// Binds over the connection that stands.
    pub(super) fn bind_here(&mut self, now: Instant, bind: Bind) {
        if let Some(session) = self.session.as_mut() {
            session.request(now, 0, Body::Bind(bind));
        }
        self.pace = Pace::new(self.throughput, now);
        self.state = State::Binding;
    }

    /// The connection is gone; the next attempt comes later, and later still while none succeeds.
    pub(super) fn down(&mut self, now: Instant, jitter_per_mille: u64) {
        let pause = RETRY_MIN.saturating_mul(1 << self.failures.min(10)).min(RETRY_MAX);
        // Between a half and the whole of it, so that many clients don't return at once.
        let spread = pause.mul_f64((500.0 + jitter_per_mille as f64) / 1_000.0);
        self.failures += 1;
        self.session = None;
        self.in_flight = 0;
        self.state = State::Down { retry_at: now + spread };
    }

    /// When it has something to do; one that rests does not connect by itself.
    pub(super) fn wake_at(&self, resting: bool) -> Option<Instant> {
        match &self.state {
            State::Down { retry_at } => (!resting).then_some(*retry_at),
            State::Called { since } => Some(*since + CALLED_MAX),
            State::Connecting | State::Binding | State::Bound => {
                self.session.as_ref().and_then(Session::wake_at)
            }
        }
    }
}
