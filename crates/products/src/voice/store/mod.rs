//! The SQL of calls and recordings.

mod calls;
pub mod recordings;

pub use calls::{Change, Filter, change, delete, find, insert, list, live_on, seen};

use ::store::Migration;

/// The tables of this product.
pub const MIGRATIONS: &[Migration] = &[
    Migration { name: "voice/1", sql: calls::TABLES },
    Migration { name: "voice/2", sql: recordings::TABLES },
    Migration { name: "voice/3", sql: recordings::CONFERENCES },
];
