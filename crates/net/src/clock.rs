//! The product's clock: the system's time plus an offset that `dev` may advance. Sockets, leases
//! and HTTP time-outs stay on real time.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use base::Instant;
use tokio::sync::watch;

/// Tells the product's time, and waits for it.
pub trait Clock: Send + Sync {
    /// The product's time.
    fn now(&self) -> Instant;

    /// Waits until the product's time is `at` or later.
    fn sleep_until(&self, at: Instant) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The system's clock with an offset.
pub struct SystemClock {
    offset_us: AtomicI64,
    advanced: watch::Sender<()>,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { offset_us: AtomicI64::new(0), advanced: watch::Sender::new(()) }
    }
}

impl SystemClock {
    /// Moves the product's time forward; whoever sleeps until an instant that is past now wakes.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX / 4);
        self.offset_us.fetch_add(micros, Ordering::SeqCst);
        self.advanced.send_replace(());
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX / 4);
        Instant::from_micros(micros + self.offset_us.load(Ordering::SeqCst))
    }

    fn sleep_until(&self, at: Instant) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let mut advanced = self.advanced.subscribe();
            loop {
                advanced.mark_unchanged();
                let now = self.now();
                if now >= at {
                    return;
                }
                tokio::select! {
                    () = tokio::time::sleep(at.since(now)) => {}
                    _ = advanced.changed() => {}
                }
            }
        })
    }
}
