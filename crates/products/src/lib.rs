//! The products, a folder each, and what they share: the gateway and the registry.
//!
//! Calls go left, news goes right as events: `accounts` ← `webhooks`, `numbers`, `carriers` ←
//! `usage` ← `messaging` ← `lookup` ← `verify` ← `events`. `dev` stands beside them and is mounted
//! by the development mode alone.

pub mod accounts;
pub mod carriers;
pub mod console;
pub mod dev;
pub mod events;
pub mod fuzz;
pub mod gateway;
pub mod jobs;
pub mod live;
pub mod lookup;
pub mod messaging;
pub mod numbers;
pub mod openapi;
pub mod registry;
pub mod resource;
pub mod usage;
pub mod verify;
pub mod voice;
pub mod webhooks;

#[cfg(test)]
mod tests;

pub use registry::{PRODUCTS, closing, declared, migrations};
