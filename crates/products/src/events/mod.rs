//! Event streams: what happens on an account, posted to its sinks as CloudEvents.

pub mod api;
mod deliver;
pub mod resources;
mod rules;
mod store;
mod types;
mod worker;

pub use store::MIGRATIONS;
pub use worker::{WorkerConfig, run};
