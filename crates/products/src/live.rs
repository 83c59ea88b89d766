//! What happens, told to the pages that are open now. Truth is in the ledger; this is news of it
//! and of what has no event of its own. Nobody listening costs nothing.

use std::sync::Arc;

use base::{AccountSid, Instant};
use tokio::sync::{broadcast, watch};

/// News that may wait for a listener; one that is slower hears that it missed something.
const WAITING_MAX: usize = 1_024;

/// A piece of news that is not an event of the ledger.
#[derive(Clone, Debug)]
pub struct Told {
    /// Whose it is; `None` for what everybody may see (the handsets of `dev`).
    pub account: Option<AccountSid>,
    /// `product.object.happened`.
    pub kind: &'static str,
    /// What it is about.
    pub object: String,
    /// When.
    pub at: Instant,
    /// A JSON object.
    pub facts: String,
}

/// A handle that tells, and that listeners subscribe to.
#[derive(Clone)]
pub struct Live {
    told: broadcast::Sender<Arc<Told>>,
    stopped: watch::Receiver<bool>,
}

impl Live {
    /// News that ends when `stopped` becomes true.
    pub fn new(stopped: watch::Receiver<bool>) -> Self {
        Self { told: broadcast::channel(WAITING_MAX).0, stopped }
    }

    /// Whether anybody listens.
    pub fn heard(&self) -> bool {
        self.told.receiver_count() > 0
    }

    /// Tells those who listen.
    pub fn tell(&self, news: impl FnOnce() -> Told) {
        if self.heard() {
            // The last listener may have left in this moment.
            let _ = self.told.send(Arc::new(news()));
        }
    }

    /// News from now on, and the mark of the end.
    pub fn listen(&self) -> (broadcast::Receiver<Arc<Told>>, watch::Receiver<bool>) {
        (self.told.subscribe(), self.stopped.clone())
    }
}

impl Default for Live {
    /// News that nobody will ever listen to the end of: for tests and simulations.
    fn default() -> Self {
        Self::new(watch::channel(false).1)
    }
}
