//! One binary, a module for each family of scenarios.

mod calls;
mod console;
mod crash;
mod domains;
mod examples;
mod factors;
mod harness;
mod lookup;
mod sdk;
mod signature;
mod smpp;
mod unchanged;
mod verify;
mod verify_calls;
