//! Client transactions: INVITE by RFC 3261 §17.1.1 and RFC 6026 §7.2, others by §17.1.2.

use std::time::Duration;

use base::Instant;

use super::Timing;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Sent, nothing heard (Calling, Trying).
    Trying,
    /// A provisional response was heard.
    Proceeding,
    /// A final one was; of INVITE one that is no success.
    Completed,
    /// INVITE alone: a success was heard, more may come of forks.
    Accepted,
    Over,
}

/// One client transaction.
#[derive(Debug)]
pub struct Client {
    invite: bool,
    reliable: bool,
    timing: Timing,
    state: State,
    /// Timers A and E.
    repeat_at: Option<Instant>,
    interval: Duration,
    /// Timers B, F, D, K and M.
    over_at: Option<Instant>,
}

/// What to do with a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It is news to the user.
    News,
    /// The final response of an INVITE that is no success: news, and to be acknowledged.
    NewsToAck,
    /// A repetition of that: to be acknowledged again.
    AckAgain,
    /// A repetition; nothing.
    Nothing,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientDue {
    /// Send the request again.
    Repeat,
    /// No answer came in time.
    TimedOut,
    /// Forget the transaction.
    Over,
}

impl Client {
    /// The request is sent at `now`.
    pub fn new(invite: bool, reliable: bool, timing: Timing, now: Instant) -> Self {
        Self {
            invite,
            reliable,
            timing,
            state: State::Trying,
            repeat_at: (!reliable).then(|| now + timing.t1),
            interval: timing.t1,
            over_at: Some(now + timing.patience()),
        }
    }

    /// A response came.
    pub fn heard(&mut self, now: Instant, status: u16) -> Heard {
        match (self.state, status) {
            (State::Trying | State::Proceeding, 100..=199) => {
                self.provisional(now);
                Heard::News
            }
            (State::Trying | State::Proceeding, 200..=299) if self.invite => {
                self.end(State::Accepted, now + self.timing.patience());
                Heard::News
            }
            (State::Accepted, 200..=299) => Heard::News,
            (State::Trying | State::Proceeding, _) => {
                let wait = match (self.reliable, self.invite) {
                    (true, _) => Duration::ZERO,
                    (false, true) => self.timing.wait_d(),
                    (false, false) => self.timing.t4,
                };
                self.end(State::Completed, now + wait);
                if self.invite { Heard::NewsToAck } else { Heard::News }
            }
            (State::Completed, 300..) if self.invite => Heard::AckAgain,
            _ => Heard::Nothing,
        }
    }

    fn provisional(&mut self, now: Instant) {
        let first = self.state == State::Trying;
        self.state = State::Proceeding;
        if self.invite {
            // §17.1.1.2: repetitions end; how long it rings is the user's business. One that comes
            // behind a CANCEL does not make it wait any longer than §9.1 says.
            if first {
                (self.repeat_at, self.over_at) = (None, None);
            }
        } else if self.repeat_at.is_some() {
            // §17.1.2.2: from now on every T2.
            self.interval = self.timing.t2;
            self.repeat_at = Some(now + self.interval);
        }
    }

    fn end(&mut self, state: State, over_at: Instant) {
        self.state = state;
        self.repeat_at = None;
        self.over_at = Some(over_at);
    }

    /// A cancelled INVITE waits this long for its final response (§9.1).
    pub fn cancelled(&mut self, now: Instant) {
        if self.state == State::Proceeding && self.over_at.is_none() {
            self.over_at = Some(now + self.timing.patience());
        }
    }

    /// Whether a provisional response came, and no final one.
    pub fn is_proceeding(&self) -> bool {
        self.state == State::Proceeding
    }

    /// Whether no final response came yet.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Trying | State::Proceeding)
    }

    /// What is due at `now`, one thing at a time.
    pub fn due(&mut self, now: Instant) -> Option<ClientDue> {
        if self.over_at.is_some_and(|at| at <= now) {
            let open = self.is_open();
            self.state = State::Over;
            (self.repeat_at, self.over_at) = (None, None);
            return Some(if open { ClientDue::TimedOut } else { ClientDue::Over });
        }
        let at = self.repeat_at.filter(|at| *at <= now)?;
        if self.state == State::Trying {
            self.interval *= 2;
            if !self.invite {
                self.interval = self.interval.min(self.timing.t2);
            }
        }
        self.repeat_at = Some(at.max(now) + self.interval);
        Some(ClientDue::Repeat)
    }

    /// When something is due next.
    pub fn wake_at(&self) -> Option<Instant> {
        [self.repeat_at, self.over_at].into_iter().flatten().min()
    }
}
