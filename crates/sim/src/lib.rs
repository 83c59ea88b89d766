//! The deterministic world: the real rules, ledger, dispatcher and delivery queue, in virtual
//! time, among carriers and webhook endpoints that fail, and kills at any commit. One seed gives
//! one run; a seed that fails is the bug report.

pub mod calls;
mod carrier;
mod check;
mod endpoints;
mod line;
mod node;
mod world;

pub use world::{Outcome, Way, run};
