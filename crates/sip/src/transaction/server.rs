//! Server transactions: INVITE by RFC 3261 §17.2.1 and RFC 6026 §7.1, others by §17.2.2.

use std::time::Duration;

use base::Instant;

use super::Timing;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No final response yet.
    Proceeding,
    /// A final response went out; of INVITE one that is no success.
    Completed,
    /// INVITE alone: that response was acknowledged.
    Confirmed,
    /// INVITE alone: a success went out; its repetitions are the user's.
    Accepted,
    Over,
}

/// One server transaction.
#[derive(Debug)]
pub struct Server {
    invite: bool,
    reliable: bool,
    timing: Timing,
    state: State,
    /// Timer G.
    repeat_at: Option<Instant>,
    interval: Duration,
    /// Timers H, I, J and L.
    over_at: Option<Instant>,
}

/// What to do with a request that came again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Send the last response again, if there is one.
    Answer,
    /// Nothing.
    Nothing,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerDue {
    /// Send the final response again.
    Repeat,
    /// The final response of an INVITE was never acknowledged.
    Unacknowledged,
    /// Forget the transaction.
    Over,
}

impl Server {
    /// A request came.
    pub fn new(invite: bool, reliable: bool, timing: Timing) -> Self {
        Self {
            invite,
            reliable,
            timing,
            state: State::Proceeding,
            repeat_at: None,
            interval: timing.t1,
            over_at: None,
        }
    }

    /// The user answers. False when it has answered finally before: nothing is to be sent.
    pub fn answered(&mut self, now: Instant, status: u16) -> bool {
        if self.state != State::Proceeding {
            return false;
        }
        if status < 200 {
            return true;
        }
        let (timing, reliable) = (self.timing, self.reliable);
        let (state, wait) = match (self.invite, status) {
            (true, 200..=299) => (State::Accepted, timing.patience()),
            (true, _) => (State::Completed, timing.patience()),
            (false, _) if reliable => (State::Completed, Duration::ZERO),
            (false, _) => (State::Completed, timing.patience()),
        };
        self.state = state;
        self.over_at = Some(now + wait);
        if state == State::Completed && self.invite && !reliable {
            self.repeat_at = Some(now + timing.t1);
        }
        true
    }

    /// The request came again.
    pub fn repeated(&self) -> Repeat {
        match self.state {
            State::Proceeding | State::Completed => Repeat::Answer,
            State::Confirmed | State::Accepted | State::Over => Repeat::Nothing,
        }
    }

    /// The ACK of a final response that is no success came.
    pub fn acknowledged(&mut self, now: Instant) {
        if self.state == State::Completed {
            self.state = State::Confirmed;
            self.repeat_at = None;
            let wait = if self.reliable { Duration::ZERO } else { self.timing.t4 };
            self.over_at = Some(now + wait);
        }
    }

    /// Whether a final response may still go out.
    pub fn is_open(&self) -> bool {
        self.state == State::Proceeding
    }

    /// Whether a success went out for an INVITE.
    pub fn is_accepted(&self) -> bool {
        self.state == State::Accepted
    }

    /// What is due at `now`, one thing at a time.
    pub fn due(&mut self, now: Instant) -> Option<ServerDue> {
        if self.over_at.is_some_and(|at| at <= now) {
            let unheard = self.invite && self.state == State::Completed;
            self.state = State::Over;
            (self.repeat_at, self.over_at) = (None, None);
            return Some(if unheard { ServerDue::Unacknowledged } else { ServerDue::Over });
        }
        let at = self.repeat_at.filter(|at| *at <= now)?;
        self.interval = (self.interval * 2).min(self.timing.t2);
        self.repeat_at = Some(at.max(now) + self.interval);
        Some(ServerDue::Repeat)
    }

    /// When something is due next.
    pub fn wake_at(&self) -> Option<Instant> {
        [self.repeat_at, self.over_at].into_iter().flatten().min()
    }
}
