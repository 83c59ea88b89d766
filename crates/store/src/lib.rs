//! The ledger: every change of state, the events that it causes and the work that must follow are
//! one transaction, on SQLite or PostgreSQL.
//!
//! - [`Store`] is the product's handle: units of work go to one writer thread, many to a commit.
//! - [`Ledger`] is the same without threads; the simulation drives it.
//! - [`Tx`] is what a unit may do; [`Query`] is what it shares with readers.
//! - [`Batch`] gathers small requests of one kind into one unit.
//! - Tables of the ledger itself: events ([`events_after`], [`events_of`]), [`job`]s, [`lease`]s.

mod batch;
mod blobs;
mod engine;
mod error;
mod event;
pub mod job;
mod lane;
pub mod lease;
mod ledger;
mod migrate;
mod queue;
mod store;
mod threads;
mod tx;
mod value;

pub use batch::Batch;
pub use blobs::{BlobKey, Blobs, InvalidBlobKey};
pub use error::StoreError;
pub use event::{Event, Lane, NewEvent, ends, events_after, events_of, lanes};
pub use ledger::{Counters, Ledger};
pub use migrate::Migration;
pub use store::{Listener, Location, Options, Store};
pub use tx::{Query, Reader, Tx};
pub use value::{Row, Value};

/// An engine lent to [`Query`]'s provided methods.
#[doc(hidden)]
pub struct Connection<'a>(pub(crate) &'a mut engine::Engine);

impl Ledger {
    /// A ledger on an in-memory database, for simulations and tests of rules: no threads, no
    /// disk, every draw from `seed`.
    pub fn in_memory(seed: u64, migrations: &[Migration]) -> Result<Self, StoreError> {
        let mut engine = engine::Engine::sqlite(engine::Sqlite::memory()?);
        migrate::run(&mut engine, migrations)?;
        let random = machine::Random::from_seed(seed);
        Self::new(engine, Lane(1), lane::LaneLease::exclusive(), random)
    }
}
