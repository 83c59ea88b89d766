//! Advancing the clock: from due time to due time, so that what depends on an earlier thing finds
//! it done.

use std::collections::BTreeSet;
use std::time::{Duration, Instant as Monotonic};

use ::store::{StoreError, job};
use base::Instant;
use net::Clock;

use crate::dev::Dev;
use crate::{carriers, messaging, webhooks};

/// The caller is answered after so long, whatever still runs.
const PATIENCE: Duration = Duration::from_secs(30);

/// On the way, something that does not move for so long (a webhook that hangs) is left running.
const STUCK: Duration = Duration::from_secs(2);

/// The pause between looks at the tables.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Advances the product's clock by `by`. Answers how many things that fell due still run.
pub(super) async fn advance(dev: &Dev, by: Duration) -> Result<usize, StoreError> {
    let started = Monotonic::now();
    let target = dev.clock.now() + by;
    loop {
        let now = dev.clock.now();
        let next = due(dev, target).await?.into_iter().map(|(_, _, at)| at).find(|at| *at > now);
        let Some(next) = next else { break };
        dev.clock.advance(next.since(now));
        settle(dev, STUCK.min(PATIENCE.saturating_sub(started.elapsed()))).await?;
    }
    dev.clock.advance(target.since(dev.clock.now()));
    settle(dev, PATIENCE.saturating_sub(started.elapsed())).await
}

/// Waits until everything that is due was tried, or nothing has moved for `patience`.
async fn settle(dev: &Dev, patience: Duration) -> Result<usize, StoreError> {
    let mut moved = Monotonic::now();
    let mut before = BTreeSet::new();
    loop {
        let now = dev.clock.now();
        let waiting: BTreeSet<job::Due> = due(dev, now).await?.into_iter().collect();
        if waiting.is_empty() || moved.elapsed() >= patience {
            return Ok(waiting.len());
        }
        if waiting != before {
            (before, moved) = (waiting, Monotonic::now());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What is due at `until` or before, in every table, the earliest first.
async fn due(dev: &Dev, until: Instant) -> Result<Vec<job::Due>, StoreError> {
    let read = dev.store.read(move |reader| {
        let mut found = job::due_until(reader, until)?;
        found.extend(webhooks::store::due_until(reader, until)?);
        found.extend(messaging::store::due_until(reader, until)?);
        found.extend(carriers::sim::store::due_until(reader, until)?);
        Ok::<_, StoreError>(found)
    });
    let mut found = read.await?;
    found.sort_by_key(|(_, _, at)| *at);
    Ok(found)
}
