//! Calls: the real SIP agent, voice engine, pace, interpreter and ledger in virtual time, among far
//! ends that are agents of their own, a network that loses, repeats and reorders, applications
//! that fail, and kills between any two steps.

mod check;
mod documents;
mod far;
mod media;
mod node;
mod watch;
mod world;

pub use world::{Outcome, run};
