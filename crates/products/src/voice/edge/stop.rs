//! The end of the program: calls end before it.

use std::time::Duration;

use ::store::StoreError;

use crate::voice::edge::Edge;

/// How long calls may take to end when the program does.
pub(super) const STOP_MAX: Duration = Duration::from_secs(3);

impl Edge {
    /// Waits until what became of the calls is on disk and their ends are told to the other side.
    pub(super) async fn finish(mut self) {
        self.drain();
        // The store takes its units in order: what was handed in before this one is on disk then.
        let written = self.shared.store.write::<_, StoreError, _>(|_| Ok(())).await;
        if let Err(error) = written {
            tracing::error!(%error, "the ends of calls are not on disk");
        }
        self.sip.stop(STOP_MAX).await;
        if let Some((_, stopped)) = self.stopping.take() {
            // Whoever asked may have lost its patience.
            let _ = stopped.send(());
        }
    }
}
