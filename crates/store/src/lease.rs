//! Leases: who owns what in a cluster, with an epoch that fences off an owner whose time ran out.
//!
//! Expiry is judged by the database's clock alone. An owner stops by its own monotonic clock
//! [`STOP_MARGIN`] before expiry, so that two owners never write in the same moment; should its
//! clock be wrong, the epoch in each of its writes no longer matches and the write fails.

use std::time::{Duration, Instant as Monotonic};

use base::Instant;

use crate::engine::{Dialect, Engine};
use crate::event::Lane;
use crate::{StoreError, Tx};

/// How long a lease lasts without renewal.
pub const LEASE_TIME: Duration = Duration::from_secs(10);

/// How long before expiry its owner stops using it.
pub const STOP_MARGIN: Duration = Duration::from_secs(3);

/// How often an owner renews.
const RENEW_EVERY: Duration = Duration::from_secs(2);

/// A lease that is held: every write under it names the epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What is leased: `lane/1`, `queue/3/17`.
    pub name: String,
    /// Who holds it.
    pub owner: String,
    /// Grows with each change of owner.
    pub epoch: i64,
}

/// Takes the lease `name` for `owner` if it is free, expired at `database_now`, or already its
/// own. `None` when another holds it. A new owner gets a new epoch.
pub fn acquire(
    tx: &mut Tx<'_>,
    name: &str,
    owner: &str,
    database_now: Instant,
) -> Result<Option<Lease>, StoreError> {
    tx.arm()?;
    take_now(tx.engine, name, owner, database_now)
}

const RENEW: &str = "UPDATE leases SET expires_at = ? WHERE name = ? AND owner = ? AND epoch = ?";

/// Extends a held lease; fails with [`StoreError::LeaseLost`] when the epoch moved on.
pub fn renew(tx: &mut Tx<'_>, lease: &Lease, database_now: Instant) -> Result<(), StoreError> {
    let expires_at = database_now + LEASE_TIME;
    let row = [
        expires_at.into(),
        lease.name.as_str().into(),
        lease.owner.as_str().into(),
        lease.epoch.into(),
    ];
    if tx.execute(RENEW, &row)? == 1 { Ok(()) } else { Err(StoreError::LeaseLost) }
}

/// Gives a lease back, so that another owner need not wait for its expiry.
pub fn release(tx: &mut Tx<'_>, lease: &Lease) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE leases SET expires_at = 0 WHERE name = ? AND epoch = ?",
        &[lease.name.as_str().into(), lease.epoch.into()],
    )?;
    Ok(())
}

/// Fails with [`StoreError::LeaseLost`] unless `lease` still has its epoch. On PostgreSQL the row
/// stays locked against a new owner until the transaction ends.
pub fn assert_held(tx: &mut Tx<'_>, lease: &Lease) -> Result<(), StoreError> {
    check(tx.engine, lease)
}

fn check(engine: &mut Engine, lease: &Lease) -> Result<(), StoreError> {
    let sql = match engine.dialect() {
        Dialect::Sqlite => "SELECT epoch FROM leases WHERE name = ? AND owner = ?",
        Dialect::Postgres => "SELECT epoch FROM leases WHERE name = ? AND owner = ? FOR SHARE",
    };
    let mut epoch = None;
    let key = [lease.name.as_str().into(), lease.owner.as_str().into()];
    engine.query(sql, &key, &mut |row| {
        epoch = Some(row.int(0)?);
        Ok(())
    })?;
    if epoch == Some(lease.epoch) { Ok(()) } else { Err(StoreError::LeaseLost) }
}

/// What an owner should do with its lease now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Use it.
    Use,
    /// Renew it, then use it.
    Renew,
    /// Its time may be over: renew it first, and don't write unless that succeeds.
    Stop,
}

/// Decides by the time since the last renewal (its beginning, so that a slow answer counts).
pub fn hold(since_renewal: Duration) -> Hold {
    match since_renewal {
        age if age < RENEW_EVERY => Hold::Use,
        age if age < LEASE_TIME - STOP_MARGIN => Hold::Renew,
        _ => Hold::Stop,
    }
}

/// The writer's lease on its lane.
pub(crate) struct LaneLease(Option<Held>);

struct Held {
    lease: Lease,
    renewed: Monotonic,
}

impl LaneLease {
    /// A lane that nobody else can reach: a SQLite file under an exclusive lock.
    pub(crate) fn exclusive() -> Self {
        Self(None)
    }

    /// Takes the first free lane for `owner`, waiting for none.
    pub(crate) fn take(engine: &mut Engine, owner: &str) -> Result<(Lane, Self), StoreError> {
        for number in 1..=1024 {
            let name = format!("lane/{number}");
            let renewed = Monotonic::now();
            let now = engine.database_now()?;
            if let Some(lease) = take_now(engine, &name, owner, now)? {
                return Ok((Lane(number), Self(Some(Held { lease, renewed }))));
            }
        }
        Err(StoreError::Address("no free lane: more than 1024 nodes".into()))
    }

    /// Renews when it is time to, in a commit of its own.
    pub(crate) fn keep(&mut self, engine: &mut Engine) -> Result<(), StoreError> {
        let Some(held) = &mut self.0 else { return Ok(()) };
        if hold(held.renewed.elapsed()) == Hold::Use {
            return Ok(());
        }
        let started = Monotonic::now();
        let expires_at = engine.database_now()? + LEASE_TIME;
        let row = [
            expires_at.into(),
            held.lease.name.as_str().into(),
            held.lease.owner.as_str().into(),
            held.lease.epoch.into(),
        ];
        if engine.execute(RENEW, &row)? != 1 {
            return Err(StoreError::LeaseLost);
        }
        held.renewed = started;
        Ok(())
    }

    /// The fence: the transaction that begins fails when the epoch moved on.
    pub(crate) fn assert_held(&self, engine: &mut Engine) -> Result<(), StoreError> {
        self.0.as_ref().map_or(Ok(()), |held| check(engine, &held.lease))
    }
}

/// One conditional statement, so that two nodes that start together can't both take a lane.
fn take_now(
    engine: &mut Engine,
    name: &str,
    owner: &str,
    now: Instant,
) -> Result<Option<Lease>, StoreError> {
    let mut epoch = None;
    engine.query(
        "INSERT INTO leases (name, owner, epoch, expires_at) VALUES (?, ?, 1, ?) \
         ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, epoch = leases.epoch + 1, \
         expires_at = excluded.expires_at \
         WHERE leases.owner = excluded.owner OR leases.expires_at <= ? RETURNING epoch",
        &[name.into(), owner.into(), (now + LEASE_TIME).into(), now.into()],
        &mut |row| {
            epoch = Some(row.int(0)?);
            Ok(())
        },
    )?;
    Ok(epoch.map(|epoch| Lease { name: name.to_owned(), owner: owner.to_owned(), epoch }))
}
