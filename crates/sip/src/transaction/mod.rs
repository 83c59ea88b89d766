//! Transactions (RFC 3261 §17, RFC 6026): when to repeat, what to pass on, when it is over. Each
//! is a small machine that knows neither messages nor sockets.

mod client;
mod server;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use client::{Client, ClientDue, Heard};
pub use server::{Repeat, Server, ServerDue};

/// The times from which all timers are made (RFC 3261 §17.1.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// An estimate of the round trip.
    pub t1: Duration,
    /// The longest pause between repetitions.
    pub t2: Duration,
    /// How long a message stays in the network.
    pub t4: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

impl Timing {
    /// 64·T1: how long a transaction tries (timers B, F, H, J, L, M).
    pub fn patience(self) -> Duration {
        self.t1 * 64
    }

    /// How long the final response of a failed INVITE is waited for again (timer D).
    fn wait_d(self) -> Duration {
        self.patience().max(Duration::from_secs(32))
    }
}
