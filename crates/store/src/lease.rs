//! Leases: who owns what in a cluster, with an epoch that fences off an owner whose time ran out.
//!
//! Expiry is judged by the database's clock alone. An owner stops by its own monotonic clock
//! [`STOP_MARGIN`] before expiry, so that two owners never write in the same moment; should its
//! clock be wrong, the epoch in each of its writes no longer matches and the write fails.

use std::ops::RangeInclusive;
use std::time::Duration;

use base::Instant;

use crate::engine::{Dialect, Engine};
use crate::{Query, StoreError, Tx};

/// How long a lease lasts without renewal. With [`LOOK_EVERY`] it makes a dead node's leases pass
/// on within ten seconds.
pub const LEASE_TIME: Duration = Duration::from_secs(8);

/// How often others look for leases whose owner is gone.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long before expiry its owner stops using it.
pub const STOP_MARGIN: Duration = Duration::from_secs(3);

/// How often an owner renews.
pub(crate) const RENEW_EVERY: Duration = Duration::from_secs(2);

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
    take_now(tx.engine, name, owner, &(0..=i64::MAX), database_now)
}

/// The database's own clock, by which leases expire.
pub fn database_now(query: &mut impl Query) -> Result<Instant, StoreError> {
    query.engine().0.database_now()
}

const RENEW: &str = "UPDATE leases SET expires_at = ? WHERE name = ? AND owner = ? AND epoch = ?";

/// Extends a held lease; fails with [`StoreError::LeaseLost`] when the epoch moved on.
pub fn renew(tx: &mut Tx<'_>, lease: &Lease, database_now: Instant) -> Result<(), StoreError> {
    tx.arm()?;
    renew_now(tx.engine, lease, database_now)
}

/// Gives a lease back, so that another owner need not wait for its expiry.
pub fn release(tx: &mut Tx<'_>, lease: &Lease) -> Result<(), StoreError> {
    tx.arm()?;
    release_now(tx.engine, lease)
}

const RELEASE: &str = "UPDATE leases SET expires_at = 0 WHERE name = ? AND owner = ? AND epoch = ?";

/// Fails with [`StoreError::LeaseLost`] unless `lease` still has its epoch. On PostgreSQL the row
/// stays locked against a new owner until the transaction ends.
pub fn assert_held(tx: &mut Tx<'_>, lease: &Lease) -> Result<(), StoreError> {
    let connection = tx.engine();
    check(connection.0, lease).map(|_| ())
}

/// Answers the transaction's own number on PostgreSQL.
fn check(engine: &mut Engine, lease: &Lease) -> Result<Option<i64>, StoreError> {
    let sql = match engine.dialect() {
        Dialect::Sqlite => "SELECT epoch, NULL FROM leases WHERE name = ? AND owner = ?",
        Dialect::Postgres => {
            "SELECT epoch, CAST(CAST(pg_current_xact_id() AS TEXT) AS BIGINT) FROM leases \
             WHERE name = ? AND owner = ? FOR SHARE"
        }
    };
    let mut found = None;
    let key = [lease.name.as_str().into(), lease.owner.as_str().into()];
    engine.query(sql, &key, &mut |row| {
        found = Some((row.int(0)?, row.int_or_null(1)?));
        Ok(())
    })?;
    match found {
        Some((epoch, transaction)) if epoch == lease.epoch => Ok(transaction),
        _ => Err(StoreError::LeaseLost),
    }
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

/// One conditional statement, so that two nodes that start together can't both take a lease.
/// `owner` has one of the epochs `own` back before it expires.
pub(crate) fn take_now(
    engine: &mut Engine,
    name: &str,
    owner: &str,
    own: &RangeInclusive<i64>,
    now: Instant,
) -> Result<Option<Lease>, StoreError> {
    let mut epoch = None;
    engine.query(
        "INSERT INTO leases (name, owner, epoch, expires_at) VALUES (?, ?, 1, ?) \
         ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, epoch = leases.epoch + 1, \
         expires_at = excluded.expires_at \
         WHERE (leases.owner = excluded.owner AND leases.epoch BETWEEN ? AND ?) \
         OR leases.expires_at <= ? RETURNING epoch",
        &[
            name.into(),
            owner.into(),
            (now + LEASE_TIME).into(),
            (*own.start()).into(),
            (*own.end()).into(),
            now.into(),
        ],
        &mut |row| {
            epoch = Some(row.int(0)?);
            Ok(())
        },
    )?;
    Ok(epoch.map(|epoch| Lease { name: name.to_owned(), owner: owner.to_owned(), epoch }))
}

/// Renews outside of a unit.
pub(crate) fn renew_now(
    engine: &mut Engine,
    lease: &Lease,
    now: Instant,
) -> Result<(), StoreError> {
    let row = [
        (now + LEASE_TIME).into(),
        lease.name.as_str().into(),
        lease.owner.as_str().into(),
        lease.epoch.into(),
    ];
    if engine.execute(RENEW, &row)? == 1 { Ok(()) } else { Err(StoreError::LeaseLost) }
}

/// Gives back outside of a unit.
pub(crate) fn release_now(engine: &mut Engine, lease: &Lease) -> Result<(), StoreError> {
    engine.execute(
        RELEASE,
        &[lease.name.as_str().into(), lease.owner.as_str().into(), lease.epoch.into()],
    )?;
    Ok(())
}

/// The fence of a transaction; answers its own number on PostgreSQL.
pub(crate) fn fence_now(engine: &mut Engine, lease: &Lease) -> Result<Option<i64>, StoreError> {
    check(engine, lease)
}
