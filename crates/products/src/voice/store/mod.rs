//! The SQL of calls, recordings, queues and conferences.

mod calls;
pub mod conferences;
pub mod queues;
pub mod recordings;

pub use calls::{
    Change, Filter, Left, change, delete, find, insert, list, live_on, quality, seen, set_quality,
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
];

#[cfg(test)]
mod tests;
