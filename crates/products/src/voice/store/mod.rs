//! The SQL of calls, recordings, queues, conferences and where calls may go.

mod calls;
pub mod conferences;
pub mod dialing;
pub mod domains;
pub mod queues;
pub mod recordings;

pub use calls::{
    Change, Filter, Left, change, delete, find, insert, list, live_on, quality, seen, set_callback,
    set_quality,
};

use ::store::Migration;

/// The tables of this product.
pub const MIGRATIONS: &[Migration] = &[
    Migration { name: "voice/1", sql: calls::TABLES },
    Migration { name: "voice/2", sql: recordings::TABLES },
    Migration { name: "voice/3", sql: recordings::CONFERENCES },
    Migration { name: "voice/4", sql: conferences::TABLES },
    Migration { name: "voice/5", sql: queues::TABLES },
    Migration { name: "voice/6", sql: recordings::CALLBACKS },
    Migration { name: "voice/7", sql: calls::QUALITY },
    Migration { name: "voice.domains/1", sql: domains::TABLES },
    Migration { name: "voice.dialing/1", sql: dialing::TABLES },
];

#[cfg(test)]
mod tests;
