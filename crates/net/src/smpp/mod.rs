//! Drives SMPP's machines: sockets, TLS and timers, on real time.

mod client;
mod pipe;
mod smsc;

use std::time::SystemTime;

use base::Instant;

pub use client::{Endpoint, SmppClient, Tell};
pub use smsc::{SmscHandle, serve_smsc};

/// Real time: what is simulated never reaches a socket.
fn now() -> Instant {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Instant::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX / 4))
}

/// Sleeps until the instant, or for ever.
async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep(at.since(now())).await,
        None => std::future::pending().await,
    }
}
