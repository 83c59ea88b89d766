//! Tests that read the registry: what holds for every resource and every route.

mod facts;
mod house;
mod operations;
mod sessions;
mod sip;
mod strangers;
