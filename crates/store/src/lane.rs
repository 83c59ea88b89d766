//! The writer's lease on its lane: which stream of events a node writes, and for how long.

use std::ops::RangeInclusive;
use std::time::Instant as Monotonic;

use crate::StoreError;
use crate::engine::Engine;
use crate::event::Lane;
use crate::lease::{Hold, Lease, fence_now, hold, release_now, renew_now, take_now};

/// Nodes that may write at the same time.
const LANES_MAX: u32 = 1024;

/// No epoch: they begin at 1.
const NONE: RangeInclusive<i64> = 0..=0;

/// The writer's lease on its lane.
pub(crate) struct LaneLease(Option<Shared>);

/// A lane in a database that other nodes reach too.
struct Shared {
    node: String,
    held: Option<Held>,
    /// Which epochs of the lane may be taken back under the node's own name before they expire:
    /// any after a restart, the one that was held after a lost connection, but never that of a
    /// process that took the lane under the same name since.
    own: RangeInclusive<i64>,
    transaction: Option<i64>,
}

struct Held {
    lease: Lease,
    renewed: Monotonic,
}

impl LaneLease {
    /// A lane that nobody else can reach: a SQLite file under an exclusive lock.
    pub(crate) fn exclusive() -> Self {
        Self(None)
    }

    /// Takes the node's own lane, or the first free one, waiting for none.
    pub(crate) fn take(engine: &mut Engine, node: &str) -> Result<(Lane, Self), StoreError> {
        let shared =
            Shared { node: node.to_owned(), held: None, own: 0..=i64::MAX, transaction: None };
        let mut lease = Self(Some(shared));
        let lane = lease.take_anew(engine)?;
        Ok((lane.unwrap_or(Lane(1)), lease))
    }

    /// Takes a lane when none is held; `None` when one is.
    pub(crate) fn take_anew(&mut self, engine: &mut Engine) -> Result<Option<Lane>, StoreError> {
        let Some(shared) = self.0.as_mut().filter(|shared| shared.held.is_none()) else {
            return Ok(None);
        };
        for lane in candidates(engine, &shared.node)? {
            let name = format!("lane/{lane}");
            let renewed = Monotonic::now();
            let now = engine.database_now()?;
            if let Some(lease) = take_now(engine, &name, &shared.node, &shared.own, now)? {
                shared.held = Some(Held { lease, renewed });
                return Ok(Some(Lane(lane)));
            }
        }
        Err(StoreError::Address(format!("no free lane: more than {LANES_MAX} nodes")))
    }

    /// Renews when it is time to, in a commit of its own.
    pub(crate) fn keep(&mut self, engine: &mut Engine) -> Result<(), StoreError> {
        let Some(shared) = &mut self.0 else { return Ok(()) };
        let Some(held) = &mut shared.held else { return Ok(()) };
        if hold(held.renewed.elapsed()) == Hold::Use {
            return Ok(());
        }
        let started = Monotonic::now();
        let now = engine.database_now()?;
        let outcome = renew_now(engine, &held.lease, now);
        if outcome.is_ok() {
            held.renewed = started;
        }
        shared.unless_lost(outcome)
    }

    /// The transaction that begins fails when the epoch moved on.
    pub(crate) fn fence(&mut self, engine: &mut Engine) -> Result<(), StoreError> {
        let Some(shared) = &mut self.0 else { return Ok(()) };
        let held = shared.held.as_ref().ok_or(StoreError::LeaseLost)?;
        let outcome = fence_now(engine, &held.lease);
        shared.transaction = shared.unless_lost(outcome)?;
        Ok(())
    }

    /// The number of the transaction that was fenced last.
    pub(crate) fn transaction(&self) -> Option<i64> {
        self.0.as_ref().and_then(|shared| shared.transaction)
    }

    /// Forgets the lane so that it is taken anew, under a new epoch.
    pub(crate) fn let_go(&mut self) {
        if let Some(shared) = &mut self.0
            && let Some(held) = shared.held.take()
        {
            shared.own = held.lease.epoch..=held.lease.epoch;
        }
    }

    /// Lets others have the lane at once.
    pub(crate) fn give_back(&mut self, engine: &mut Engine) -> Result<(), StoreError> {
        let held = self.0.as_mut().and_then(|shared| shared.held.take());
        held.map_or(Ok(()), |held| release_now(engine, &held.lease))
    }
}

impl Shared {
    fn unless_lost<T>(&mut self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if matches!(outcome, Err(StoreError::LeaseLost)) {
            tracing::error!(node = self.node, "another node holds this node's lane");
            self.held = None;
            self.own = NONE;
        }
        outcome
    }
}

/// Lanes worth trying: the owner's, then those that are free. A held one is not touched, as that
/// would wait for its owner's running commit.
fn candidates(engine: &mut Engine, same_owner: &str) -> Result<Vec<u32>, StoreError> {
    let now = engine.database_now()?;
    let (mut own, mut taken) = (Vec::new(), Vec::new());
    let sql = "SELECT name, owner, expires_at FROM leases WHERE name >= 'lane/' AND name < 'lane0'";
    engine.query(sql, &[], &mut |row| {
        let lane = row.text(0)?.strip_prefix("lane/").and_then(|number| number.parse().ok());
        let lane: u32 = lane.ok_or(StoreError::Corrupt("a lease on a lane"))?;
        if row.text(1)? == same_owner {
            own.push(lane);
        } else if row.instant(2)? > now {
            taken.push(lane);
        }
        Ok(())
    })?;
    own.sort_unstable();
    let free = (1..=LANES_MAX).filter(|lane| !own.contains(lane) && !taken.contains(lane));
    Ok(own.iter().copied().chain(free).collect())
}
